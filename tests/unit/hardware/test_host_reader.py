"""The machine without its cards: real readings where they can be checked, made-up counters for the rates."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import namedtuple
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from aienv_gui.hardware.host.own_cost import OwnCostReader
from aienv_gui.hardware.host.reader import HostReader
from aienv_gui.hardware.readings import Absence, Network, Value

_Io = namedtuple("_Io", "read_bytes write_bytes busy_time")
_Swap = namedtuple("_Swap", "used total sin sout")
_Up = namedtuple("_Up", "isup speed")
_Net = namedtuple("_Net", "bytes_recv bytes_sent")


def test_real_machine(tmp_path: Path) -> None:
    reader = HostReader(tmp_path)
    look = reader.read()
    assert look.cpu_name
    assert len(look.core_percents) == psutil.cpu_count()
    assert all(0 <= percent <= 100 for percent in look.core_percents)
    assert min(look.core_percents) <= look.cpu_percent <= max(look.core_percents)
    assert 0 < look.memory_used_bytes < look.memory_total_bytes == psutil.virtual_memory().total
    assert look.disks[0].total_bytes >= look.disks[0].free_bytes > 0
    assert look.frequency_mhz is None or look.frequency_mhz > 100
    assert (look.load_average is None) == (sys.platform == "win32")
    assert {one.name for one in look.networks} <= set(psutil.net_if_stats())


def test_busy_processor_is_seen_at_the_first_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a first interval psutil answers 0.0, which is no reading."""
    asked: list[float | None] = []

    def percents(interval: float | None = None, percpu: bool = False) -> list[float]:
        asked.append(interval)
        return [40.0, 60.0]

    monkeypatch.setattr(psutil, "cpu_percent", percents)
    reader = HostReader(tmp_path)
    assert reader.read().cpu_percent == 50.0
    reader.read()
    assert asked == [0.1, None]


def test_rates_are_per_second_and_never_negative(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    disk: list[dict[str, Any]] = [{"sda": _Io(0, 0, 0), "sda1": _Io(0, 0, 0), "dm-0": _Io(0, 0, 0)}]
    net = [{"lo": _Net(0, 0), "eth0": _Net(0, 0), "docker0": _Net(0, 0)}]
    swap = [_Swap(0, 0, 0, 0)]
    up = _Up(True, 1000)
    monkeypatch.setattr(psutil, "cpu_percent", lambda **_: [0.0])
    monkeypatch.setattr(psutil, "disk_io_counters", lambda **_: disk[0])
    monkeypatch.setattr(psutil, "net_io_counters", lambda **_: net[0])
    monkeypatch.setattr(psutil, "net_if_stats", lambda: {"lo": up, "eth0": up, "docker0": up, "eth1": _Up(False, 0)})
    monkeypatch.setattr(psutil, "swap_memory", lambda: swap[0])
    monkeypatch.setattr(sys, "platform", "linux")
    reader = HostReader(tmp_path, clock=lambda: now[0])
    reader.read()
    now[0], swap[0] = 102.0, _Swap(0, 0, 3000, 1000)
    disk[0] = {"sda": _Io(4000, 2000, 500), "sda1": _Io(4000, 2000, 500), "dm-0": _Io(4000, 2000, 500)}
    net[0] = {"lo": _Net(10**9, 10**9), "eth0": _Net(600, 200), "docker0": _Net(10**9, 10**9)}
    look = reader.read()
    assert (look.disk_read_bytes_s, look.disk_written_bytes_s) == (2000.0, 1000.0)  # its part and its layer are in it
    assert (look.network_received_bytes_s, look.network_sent_bytes_s) == (300.0, 100.0)
    assert look.networks == (Network("eth0", 300.0, 100.0, 125_000_000.0),)
    assert look.swapped_bytes_s == 2000.0
    now[0], disk[0], net[0], swap[0] = 103.0, {"sda": _Io(0, 0, 0)}, {}, _Swap(0, 0, 0, 0)  # all began anew
    look = reader.read()
    assert (look.disk_read_bytes_s, look.network_received_bytes_s, look.swapped_bytes_s) == (0.0, 0.0, 0.0)


def test_machine_without_disk_counters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "disk_io_counters", lambda **_: None)
    look = HostReader(tmp_path).read()
    assert look.disk_read_bytes_s == 0.0
    assert look.disks[0].busy_percent == Value(absence=Absence.NOT_SUPPORTED)


def test_processor_that_does_not_tell_its_frequency(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise NotImplementedError

    monkeypatch.setattr(psutil, "cpu_freq", refuse)
    assert HostReader(tmp_path).read().frequency_mhz is None


def test_own_cost_is_of_this_process_and_the_children_named(tmp_path: Path) -> None:
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        reader = HostReader(tmp_path)
        assert reader.read([busy.pid]).own is None  # a share is a difference of two moments
        deadline = time.monotonic() + 60
        own = None
        while (own is None or own.cpu_percent < 5) and time.monotonic() < deadline:
            time.sleep(0.05)
            own = reader.read([busy.pid]).own
    finally:
        busy.kill()
        busy.wait()
    assert own is not None
    assert own.cpu_percent >= 5
    assert own.memory_bytes > psutil.Process().memory_info().rss / 2


def test_a_child_that_has_ended_is_left_out() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    reader = OwnCostReader()
    reader.read([ended.pid], 1.0)
    assert reader.read([ended.pid], 2.0) is not None


def test_not_all_slow_questions_are_asked_in_one_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def noted(name: str, real: Callable[[], Any]) -> Any:
        asked.append(name)
        return real()

    for name in ("net_if_stats", "cpu_freq", "sensors_battery"):
        monkeypatch.setattr(psutil, name, partial(noted, name, getattr(psutil, name)))
    reader = HostReader(tmp_path)
    reader.read()
    asked.clear()
    for _ in range(10):
        before = len(asked)
        reader.read()
        assert len(asked) - before <= 1
    assert sorted(asked) == ["cpu_freq", "cpu_freq", "net_if_stats", "sensors_battery"]
