"""What data and models need of an environment: told before a run, in step with what the engine imports."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.requirements import Requirement

from aienv_gui.engine.protocol import Code, read_json
from aienv_gui.engine.tasks import table_files
from aienv_gui.training import problems
from aienv_gui.training.presets import needs_of_file, presets
from aienv_gui.training.run_store import engine_folder


def test_every_file_that_needs_a_package_is_told_of() -> None:
    endings = read_json(engine_folder() / "presets.json")["endings"]
    assert set(endings) == table_files._EXCEL | table_files._PARQUET
    assert needs_of_file(Path("a b/Measured.XLSX")) == ("openpyxl",)
    assert needs_of_file(Path("x.parquet")) == ("pyarrow",)
    assert needs_of_file(Path("x.csv")) == needs_of_file(Path("folder")) == ()


def test_what_is_needed_can_be_asked_for_as_it_stands() -> None:
    endings = read_json(engine_folder() / "presets.json")["endings"]
    for need in (*(n for preset in presets() for n in preset.needs), *(n for needs in endings.values() for n in needs)):
        assert problems._PACKAGES[Requirement(need).name] == Requirement(need).name


@pytest.mark.parametrize(
    ("module", "package"), [("openpyxl", "openpyxl"), ("pyarrow.parquet", "pyarrow"), ("PIL", "pillow"), ("odd", None)]
)
def test_a_missing_package_can_be_added_with_a_button(module: str, package: str | None) -> None:
    problem = problems.problem_of(Code.MISSING_PACKAGE, {"name": module})
    assert [a.argument for a in problem.actions if a.name == "add_packages"] == ([package] if package else [])
    assert problem.actions[-1].name == "open_page"
