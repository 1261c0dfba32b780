"""Whatever is written down or sent to a worker comes back whole: every field, also one that is added later."""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.wording import Text
from aienv_gui.environments import manifest, worker
from aienv_gui.environments.discovery import found_before
from aienv_gui.environments.discovery.found_before import Seen
from aienv_gui.environments.manifest import HealthCard, Manifest
from aienv_gui.environments.records import (
    Environment,
    Former,
    Machine,
    Maker,
    Plan,
    PlannedFile,
    Request,
    Sources,
    Verdict,
)


def filled(kind: Any, name: str = "value") -> Any:
    """A value of a type, none of whose fields has its default."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if dataclasses.is_dataclass(kind) and kind is not Text:
        hints, make = typing.get_type_hints(kind), typing.cast("Any", kind)
        made = make(**{field.name: filled(hints[field.name], field.name) for field in dataclasses.fields(kind)})
        for field in dataclasses.fields(kind):
            assert getattr(made, field.name) != field.default, f"{kind.__name__}.{field.name} has its default"
        return made
    if origin in (typing.Union, types.UnionType):
        return filled(next(one for one in arguments if one is not types.NoneType), name)
    if origin is tuple:
        each = arguments[:1] * 2 if arguments[-1] is ... else arguments
        return tuple(filled(one, f"{name}{number}") for number, one in enumerate(each))
    if origin is not None:  # a mapping, opaque to all but one
        return {name: [name]}
    if isinstance(kind, type) and issubclass(kind, Enum):
        return list(kind)[-1]
    simple = {
        str: name,
        int: 7,
        float: 2.5,
        bool: True,
        Path: Path("/") / name,
        Text: Text("About {name}", {"name": name}),
    }
    return simple[kind]


def through_json(data: Any) -> Any:
    return json.loads(json.dumps(data))


@pytest.mark.parametrize(
    ("kind", "write", "read"),
    [
        (Request, manifest.request_to_json, manifest.request_from_json),
        (Plan, manifest.plan_to_json, manifest.plan_from_json),
        (Sources, manifest.sources_to_json, manifest.sources_from_json),
        (Folders, manifest.folders_to_json, manifest.folders_from_json),
        (Verdict, manifest.verdict_to_json, manifest.verdict_from_json),
        (Text, Text.to_json, Text.from_json),
        (Former, dataclasses.asdict, worker._former),
    ],
)
def test_no_field_is_lost(kind: Any, write: Any, read: Any) -> None:
    there = filled(kind)
    assert read(through_json(write(there))) == there


def test_no_field_of_a_problem_is_lost() -> None:
    of = filled(Verdict)
    there = Problem(of.title, cause=of.detail, cure=of.cure, actions=of.actions, details="details", code="code")
    assert vars(Problem.from_json(through_json(there.to_json()))) == vars(there)


def test_no_field_of_a_manifest_is_lost(tmp_path: Path) -> None:
    there = filled(Manifest)
    manifest.write_manifest(tmp_path, there)
    assert manifest.read_manifest(tmp_path) == there


def test_no_field_of_a_health_card_is_lost(folders: Folders, tmp_path: Path) -> None:
    there = filled(HealthCard)
    packages = filled(Environment).packages
    manifest.write_health(tmp_path, there.verdicts, folders, packages, there.machine)
    back = manifest.read_health(tmp_path, folders, packages)
    assert isinstance(back.machine, Machine)
    assert dataclasses.replace(back, validated=there.validated) == there


def test_no_field_of_an_environment_seen_is_lost(folders: Folders) -> None:
    """But its health, which stands in a file of its own, and its size, which is known after a scan only."""
    full = dataclasses.replace(filled(Environment), maker=Maker.CONDA)
    there = Seen(dataclasses.replace(full, health=(), validated=None, machine=None, size_bytes=None), {"/a": 1})
    found_before.write([there], folders)
    assert found_before.read(folders) == (there,)


def test_older_data_without_the_newer_fields_is_read() -> None:
    request = manifest.request_from_json({"name": "a", "engine": "uv", "python": "3.11", "requirements": ["b"]})
    assert request.requirements == ("b",)
    file = dataclasses.asdict(filled(PlannedFile))
    plan = {"request": manifest.request_to_json(request), "files": [file], "interpreter": None, "notes": [], "lock": {}}
    read = manifest.plan_from_json({**plan, "download_bytes": 1, "installed_bytes": 2, "free_bytes": 3})
    assert read.files == (filled(PlannedFile),)
    assert read.disks == ()
