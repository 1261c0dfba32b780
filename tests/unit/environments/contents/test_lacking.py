"""Whether an environment has what something needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from aienv_gui.environments.contents.lacking import lacking
from aienv_gui.environments.records import Environment, Maker, Package


@pytest.mark.parametrize(
    ("needs", "missing"),
    [
        ((), ()),
        (("torch", "Et_XMLfile"), ()),
        (("openpyxl", "torch", "openpyxl"), ("openpyxl",)),
        (("transformers>=4.50",), ()),
        (("transformers>=5",), ("transformers>=5",)),
        (("torch>=2.13",), ()),
    ],
)
def test_names_and_versions_are_compared(needs: tuple[str, ...], missing: tuple[str, ...]) -> None:
    found = {"torch": "2.13.0+cpu", "et-xmlfile": "2.0", "transformers": "4.57.0.dev0"}
    packages = tuple(Package(name, version) for name, version in found.items())
    environment = Environment(Path("/e"), Path("/e/python"), "e", Maker.VENV, "3.12", packages)
    assert lacking(environment, needs) == missing
