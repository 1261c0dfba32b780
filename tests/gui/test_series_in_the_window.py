"""Time series in the real window with the real engine: looked at, trained, and what comes next tried."""

from __future__ import annotations

import math
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from aienv_gui.__main__ import Session
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.core.wording import tr
from aienv_gui.gui.pages.train_parts.new_training import NewTraining
from aienv_gui.gui.plots.series_plot import Band, Line, SeriesPlot, Stretch
from aienv_gui.gui.theme import Theme
from aienv_gui.gui.words import Language
from aienv_gui.training import model_store
from aienv_gui.training.records import SERIES, Recipe
from tests.fakes.series import tides
from tests.fakes.tables import write_table
from tests.gui.training_pages import PATIENCE_MS, new_training, open_training_session, the_model, trained


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rows = tides(200)
    for row in rows[60:62]:
        row["level"] = ""
    return write_table(tmp_path / "my tides.csv", rows)


@pytest.fixture
def session(qtbot: QtBot, folders: Folders) -> Iterator[Session]:
    yield from open_training_session(qtbot, folders)


def looked_at(qtbot: QtBot, new: NewTraining) -> None:
    qtbot.waitUntil(lambda: new.series.found is not None and new.missing() is None, timeout=PATIENCE_MS)


@pytest.mark.slow
def test_the_sample_and_what_can_be_chosen(qtbot: QtBot, session: Session, table: Path) -> None:
    _, new = new_training(session)
    new.kinds[SERIES].click()
    looked_at(qtbot, new)
    recipe = new.recipe()
    assert (recipe.task, recipe.sample, recipe.target, recipe.time) == (SERIES, "co2", "co2", "date")
    assert (recipe.horizon, recipe.window) == (52, 104)
    assert new.place.name.text() == "Carbon dioxide, Self-attention"
    assert new.series.plot.isVisible()
    assert not new.series.columns.isVisible()

    new.series.choose_folder(table)
    looked_at(qtbot, new)
    assert [new.series.target.itemText(row) for row in range(new.series.target.count())] == ["wind", "level"]
    assert new.series.target.currentText() == "level"
    assert "2 values are missing" in new.series._warnings.text()
    new.series.columns.item(0).setCheckState(Qt.CheckState.Unchecked)
    new.series.horizon.setValue(5)
    looked_at(qtbot, new)
    recipe = new.recipe()
    assert (recipe.leave_out, recipe.horizon, recipe.window) == (("wind",), 5, 24)
    assert Recipe.from_json({**recipe.to_json(), "version": 1}) == recipe

    new.series.window_length.setValue(300)
    qtbot.waitUntil(new.series.problem.isVisible, timeout=PATIENCE_MS)
    assert "too few rows" in str(new.series.problem.problem)
    assert not new.start_button.isEnabled()
    new.series.window_length.setValue(7)
    looked_at(qtbot, new)
    assert not new.series.problem.isVisible()
    assert (new.recipe().window, new.recipe().horizon) == (7, 5)

    new.show_recipe(replace(recipe, time=""))
    looked_at(qtbot, new)
    assert (new.recipe().time, new.recipe().horizon, new.recipe().leave_out) == ("", 5, ("wind",))


@pytest.mark.slow
def test_from_a_series_to_what_comes_next(
    qtbot: QtBot, session: Session, table: Path, tmp_path: Path, folders: Folders
) -> None:
    page, new = new_training(session)
    new.choose_task(SERIES)
    new.series.choose_folder(table)
    looked_at(qtbot, new)
    new.model.advanced.epochs.setValue(2)
    view = trained(qtbot, page, new)
    assert "explained" in view.result.accuracy.text()
    assert "up to 12 rows ahead" in view.result.meaning.text()
    assert "the same as one season ago" in view.result.compared.text()
    assert view.result.course.isVisible()
    assert not view.result.truth.isVisible()
    assert [len(line.values) for line in view.result.course.lines] == [24, 24]
    assert "of the values lay within the range around their forecasts, which is made for 80 %" in (
        view.result.meaning.text()
    )

    details = the_model(qtbot, session, view).details
    trying = details.try_forecast
    assert trying.isVisible()
    assert not trying.plot.isVisible()
    assert trying.table == table  # that of the training, until another is chosen
    later = write_table(tmp_path / "later.csv", tides(30, first=200))
    trying.try_table(str(later))
    qtbot.waitUntil(trying.plot.isVisible, timeout=PATIENCE_MS)
    assert trying.file.text() == later.name
    assert trying.numbers.toPlainText().startswith("2024-08-18\t")
    assert len(trying.numbers.toPlainText().splitlines()) == 12
    assert "12 rows ahead" in trying.answer.text()
    assert "8 of 10 such forecasts were off by no more than" in trying.answer.text()
    band = trying.plot.band
    assert band is not None
    assert band.places == [*range(29, 42)]  # from the last known value on
    assert band.low[0] == band.high[0] == trying.plot.lines[0].values[-1]
    for line, low, high in zip(trying.numbers.toPlainText().splitlines(), band.low[1:], band.high[1:], strict=True):
        _, value, least, most = line.split("\t")
        assert float(least) == pytest.approx(low, rel=1e-4)
        assert float(most) == pytest.approx(high, rel=1e-4)
        assert low < float(value) < high

    (model,) = model_store.models(folders, Silent())
    program = tmp_path / "use.py"
    program.write_text(model_store.sample_call(model), encoding="utf-8")
    command = [sys.executable, "-I", str(program), str(later)]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=90)
    assert len([float(line) for line in said.stdout.split()]) == 12


def test_a_plot_reads_its_values_and_draws_gaps(qtbot: QtBot) -> None:
    plot = SeriesPlot(Theme(), Language(), tr("The series"))
    qtbot.addWidget(plot)
    assert plot.reading_at(5) == ""
    was = Line(tr("so far"), "series_train", range(4), [1.0, 2.0, math.nan, 4.0])
    comes = Line(tr("forecast"), "series_validation", range(3, 6), [4.0, 5.0, 7.5])
    labels = [(place, f"day {place}") for place in range(6)]
    plot.show_lines((was, comes), tr("The series"), ("day 0", "day 5"), labels=labels)
    plot.resize(420, 190)
    plot.grab()
    assert plot.reading_at(10_000) == "day 5: forecast 7.5"
    assert plot.reading_at(-10_000) == "day 0: so far 1"
    assert plot.accessibleDescription() == "The series"
    plain = plot.grab().toImage()
    band = Band(tr("range"), "series_validation", range(3, 6), [4.0, 3.0, 3.5], [4.0, 7.0, 11.5])
    plot.show_lines((was, comes), tr("The series"), ("day 0", "day 5"), band=band, labels=labels)
    tinted = plot.grab().toImage()
    assert plot.reading_at(10_000) == "day 5: forecast 7.5, range 3.5 – 11.5"
    assert plot.reading_at(-10_000) == "day 0: so far 1"
    assert plot._limits() == (1.0, 11.5)
    # Between its top and its foot there is a colour that was at most in the soft edges of lines before.
    before, after = (
        Counter(image.pixel(x, y) for x in range(image.width()) for y in range(image.height()))
        for image in (plain, tinted)
    )
    assert max((after - before).values()) > 2000
    plot.show_lines((was, comes), tr("The series"), ("day 0", "day 5"))
    assert plot.band is None
    flat = Line(tr("so far"), "series_train", [0], [3.0])
    plot.show_lines((flat,), tr("The series"), ("a", "a"), stretches=(Stretch(0, 0, tr("to test with"), tinted=True),))
    plot.grab()
