"""Pictures that are too many for memory: kept on the disk while it trains, and learnt from as ever."""

from __future__ import annotations

import errno
import os
import resource
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from aienv_gui.engine import memory
from aienv_gui.engine.protocol import Event
from aienv_gui.engine.recipe import read_recipe
from aienv_gui.engine.tasks import pictures as picture_reading
from aienv_gui.engine.tasks.image_classification import load
from aienv_gui.engine.tasks.picture_sets import quiet
from aienv_gui.engine.tasks.room import room
from tests.engine.engine_runs import PATIENCE, curve, end, events, kept_by_pytorch, kill_at, make_run, start, train
from tests.fakes.pictures import write_pictures

_MB = 1_000_000
# PyTorch itself keeps some 200 MB; 240 pictures of 3 x 640 x 640 are 295.
_ROOM = 530 * _MB  # beside what its own PyTorch keeps
_LARGE = {"architecture": "compact_convnet", "options": {"channels": 3, "size": 640, "widths": [1]}}


def test_what_is_free_is_told_in_bytes() -> None:
    everything = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert 100 * _MB < memory.available() < everything


def test_what_is_too_much_lies_in_a_file_that_nobody_meets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not isinstance(room((10, 3, 4, 4), tmp_path), np.memmap)
    monkeypatch.setattr(memory, "available", partial(int, 900))
    assert not isinstance(room((9, 1, 5, 10), tmp_path), np.memmap)  # 450 bytes: a half
    assert isinstance(room((9, 1, 5, 10), tmp_path, processes=2), np.memmap)
    large = room((10, 3, 4, 4), tmp_path)
    assert isinstance(large, np.memmap)
    large[:] = 7
    assert int(large.sum()) == 7 * 480
    assert not list(tmp_path.iterdir())


def test_a_full_disk_is_told_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r".") as caught:
        room((2**20, 2**20, 2**5), tmp_path)
    assert caught.value.errno in (errno.ENOSPC, errno.EFBIG)
    assert not list(tmp_path.iterdir())


def test_the_pictures_are_the_same(tmp_path: Path, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = read_recipe(make_run(tmp_path / "run", pictures))
    usual, _ = load(recipe, lambda done, total: None)
    monkeypatch.setattr(memory, "available", partial(int, 0))
    other, _ = load(recipe, lambda done, total: None)
    assert [remark["code"] for remark in other.remarks] == ["on_disk", *(remark["code"] for remark in usual.remarks)]
    assert torch.equal(usual.images, other.images)
    assert usual.fingerprint == other.fingerprint


def test_pictures_that_nobody_takes_yet_are_not_read_ahead_without_end(tmp_path: Path) -> None:
    found = picture_reading.find(write_pictures(tmp_path / "many", each=60), {})
    assert [path for path, _ in picture_reading.read_all(found, Path.stat, quiet)] == list(found.paths)
    read: list[str] = []
    coming = picture_reading.read_all(found, lambda path: read.append(path.name), quiet)
    assert next(coming) == (found.paths[0], None)
    time.sleep(0.3)  # enough to read all of them
    assert len(read) < len(found.paths) / 2
    coming.close()
    assert len(read) < len(found.paths) / 2


@pytest.mark.slow
def test_from_the_disk_is_learnt_what_is_learnt_from_memory(tmp_path: Path, pictures: Path) -> None:
    usual = make_run(tmp_path / "usual", pictures)
    assert train(usual) == 0
    run = make_run(tmp_path / "run", pictures, checkpoint_seconds=0.02)
    module = run / "engine" / "tasks" / "room.py"
    source = module.read_text(encoding="utf-8")
    assert "_SHARE = 0.5" in source
    module.write_text(source.replace("_SHARE = 0.5", "_SHARE = 0.0"), encoding="utf-8")
    kill_at(run, 11)
    assert not [path.name for path in run.iterdir() if "examples" in path.name]  # nothing is left of a killed one
    assert train(run) == 0
    assert len([event for event in events(run, Event.WARNING) if event["code"] == "on_disk"]) == 2
    assert curve(run) == curve(usual)


@pytest.mark.slow
def test_a_process_with_little_memory_trains_to_its_end(tmp_path: Path) -> None:
    settings = {"epochs": 1, "batch_size": 2}
    many = write_pictures(tmp_path / "many", each=60)
    run = make_run(tmp_path / "run", many, model=_LARGE, settings=settings)
    limited = partial(resource.setrlimit, resource.RLIMIT_DATA, (kept_by_pytorch() + _ROOM, resource.RLIM_INFINITY))
    process = start(run, preexec_fn=limited)
    try:
        assert process.wait(2 * PATIENCE) == 0, events(run)[-1]
    finally:
        end(process)
    assert [event["values"]["bytes"] for event in events(run, Event.WARNING) if event["code"] == "on_disk"]
    assert not [path.name for path in run.iterdir() if "examples" in path.name]
