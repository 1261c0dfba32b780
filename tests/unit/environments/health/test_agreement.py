"""What conda's packages need, as folders of others tell it: nothing in there is trusted to be what it should."""

from __future__ import annotations

import json
import os
from pathlib import Path

from aienv_gui.environments.health import conda_integrity
from aienv_gui.environments.health.agreement import DisagreementKind, disagreements
from aienv_gui.environments.health.integrity import FaultKind
from aienv_gui.environments.health.runtimes import runtimes

MARKERS = {"python_full_version": "3.11.7"}


def test_odd_records_of_conda_end_no_check(tmp_path: Path) -> None:
    records = {
        "colours-3.1-0": {"name": "colours", "depends": ["", "   ", 7, "paint >=2", "python", "__glibc >=2.17"]},
        "python-3.11.7-0": {"name": "python", "depends": "everything", "files": "lib"},
        "list-1-0": [1],
        "nameless-1-0": {"depends": ["a"], "files": ["b"]},
        "none-1-0": {"name": "none", "depends": None, "files": [None, {"a": 1}]},
    }
    folder = tmp_path / "conda-meta"
    folder.mkdir()
    for name, record in records.items():
        (folder / f"{name}.json").write_text(json.dumps(record), encoding="utf-8")
    os.mkfifo(folder / "pipe-1-0.json")  # whoever opens it for reading waits for ever
    found = disagreements(tmp_path, [], MARKERS)
    assert ("colours", "paint >=2") in {(one.package, one.needed) for one in found}
    assert {one.kind for one in found} == {DisagreementKind.MISSING}
    assert runtimes(tmp_path) == ()


def test_what_is_no_file_is_a_fault_and_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "conda-meta").mkdir()
    info = tmp_path / "lib" / "python3.11" / "site-packages" / "paint-2.4.dist-info"
    info.mkdir(parents=True)
    os.mkfifo(tmp_path / "conda-meta" / "pipe-1-0.json")
    os.mkfifo(info / "RECORD")
    faults = conda_integrity.verify(tmp_path)
    assert {(fault.package, fault.kind) for fault in faults} == {
        ("pipe", FaultKind.NO_RECORD),
        ("paint", FaultKind.NO_RECORD),
    }
