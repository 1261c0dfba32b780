"""The training work that pages start as jobs: `training` functions in the shape that `Jobs.start` wants."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import tr
from aienv_gui.environments.records import Environment
from aienv_gui.training import (
    inspection,
    pretrained_inspection,
    run_store,
    samples,
    series_inspection,
    supervisor,
    table_inspection,
    text_inspection,
)
from aienv_gui.training.inspection import AskedPictures, Inspection
from aienv_gui.training.pretrained_inspection import Pretrained
from aienv_gui.training.records import Load, Recipe, Run, RunSummary
from aienv_gui.training.series_inspection import AskedSeries, SeriesInspection
from aienv_gui.training.table_inspection import Asked, TableInspection
from aienv_gui.training.text_inspection import AskedTexts, TextInspection, WritingInspection


class LatestLoad:
    """Where the window puts how busy the machine is, for followers in their threads to take."""

    def __init__(self) -> None:
        self.value: Load | None = None

    def __call__(self) -> Load | None:
        return self.value


def begin(recipe: Recipe, folders: Folders, reporter: Reporter) -> Path:
    """Make a run and start its engine; returns the run's folder. Raises `Problem`; then there is no run."""
    reporter.status(tr("Starting"))
    if recipe.sample:
        samples.unpack(recipe.sample, folders, reporter)
    folder = run_store.create(recipe, folders)
    try:
        supervisor.start(folder, recipe.environment_python)
    except BaseException:
        run_store.delete(folder, folders, reporter)
        raise
    return folder


def carry_on(
    folder: Path, environment: Environment | None, data: Path | None, folders: Folders, reporter: Reporter
) -> Path:
    """Continue a run, in another environment or with its data elsewhere where these are given; returns its folder."""
    reporter.status(tr("Starting"))
    recipe = run_store.read_recipe(folder)
    if data is None and recipe.sample and not recipe.folder.exists():  # the run came from another home
        data = samples.unpack(recipe.sample, folders, reporter)
    if environment is None:
        supervisor.continue_run(folder, data=data)
    else:
        supervisor.continue_run(folder, environment.python, environment.prefix, environment.name, data=data)
    return folder


def pause(folder: Path, _reporter: Reporter) -> str:
    return supervisor.pause(folder)


def resume(folder: Path, _reporter: Reporter) -> str:
    return supervisor.resume(folder)


def save(folder: Path, _reporter: Reporter) -> str:
    return supervisor.save(folder)


def stop(folder: Path, _reporter: Reporter) -> str:
    return supervisor.stop(folder)


def stop_now(folder: Path, _reporter: Reporter) -> str:
    supervisor.kill(folder)
    return ""


def read(folder: Path, _reporter: Reporter) -> Run:
    return run_store.read(folder)


def look(folders: Folders, followed: Mapping[Path, Run], reporter: Reporter) -> tuple[RunSummary, ...]:
    return run_store.summaries(folders, reporter, followed)


def inspect(
    path: Path, sample: str, asked: AskedPictures, python: Path, seed: int, folders: Folders, reporter: Reporter
) -> Inspection:
    """Look at pictures, or at a sample, which is unpacked first where `sample` names one."""
    if sample:
        path = samples.unpack(sample, folders, reporter)
    return inspection.inspect(path, asked, python, seed, folders, reporter)


def inspect_table(
    path: Path, sample: str, asked: Asked, python: Path, seed: int, folders: Folders, reporter: Reporter
) -> TableInspection:
    """Look at a table, or at a sample, which is unpacked first where `sample` names one."""
    if sample:
        path = samples.unpack(sample, folders, reporter)
    return table_inspection.inspect(path, asked, python, seed, folders, reporter)


def inspect_texts(
    path: Path, sample: str, asked: AskedTexts, python: Path, seed: int, folders: Folders, reporter: Reporter
) -> TextInspection:
    """Look at texts, or at a sample, which is unpacked first where `sample` names one."""
    if sample:
        path = samples.unpack(sample, folders, reporter)
    return text_inspection.inspect(path, asked, python, seed, folders, reporter)


def inspect_writing(
    path: Path, sample: str, python: Path, seed: int, folders: Folders, reporter: Reporter
) -> WritingInspection:
    """Look at a text to go on writing, or at a sample, which is unpacked first where `sample` names one."""
    if sample:
        path = samples.unpack(sample, folders, reporter)
    return text_inspection.inspect_writing(path, python, seed, folders, reporter)


def inspect_series(
    path: Path, sample: str, asked: AskedSeries, python: Path, seed: int, folders: Folders, reporter: Reporter
) -> SeriesInspection:
    """Look at a series, or at a sample, which is unpacked first where `sample` names one."""
    if sample:
        path = samples.unpack(sample, folders, reporter)
    return series_inspection.inspect(path, asked, python, seed, folders, reporter)


def inspect_pretrained(folder: Path, python: Path, folders: Folders, reporter: Reporter) -> Pretrained:
    """Look at the folder of a model that others have trained."""
    return pretrained_inspection.inspect(folder, python, folders, reporter)
