"""The sampler and its small process: hangs, crashes, ends; and the line between the two."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from aienv_gui.core.processes import clean_environment
from aienv_gui.hardware.cards.wire import from_line, to_line
from aienv_gui.hardware.maker_watch import MakerWatch, Patience
from aienv_gui.hardware.readings import Driver, DriverState, Maker, Snapshot
from aienv_gui.hardware.sampler import Sampler
from tests.fakes import amdsmi, nvml
from tests.fakes.nvml import monitors
from tests.fakes.pci_bus import plug_in
from tests.fakes.snapshots import gpu, snapshot

ROOT = Path(__file__).parents[3]
PATIENCE_S = 30.0


@contextmanager
def running(
    folder: Path, environment: dict[str, str], patience: Patience | None = None, **more: Any
) -> Iterator[Sampler]:
    sampler = Sampler(folder, interval_s=0.05, environment=clean_environment(environment), patience=patience, **more)
    sampler.start()
    try:
        yield sampler
    finally:
        sampler.stop()


def sample_until(sampler: Sampler, condition: Callable[[Snapshot], bool]) -> Snapshot:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        look = sampler.sample()
        if condition(look):
            return look
        time.sleep(0.02)
    raise AssertionError(f"the snapshot did not come; the last state was {look.nvidia.state}: {look.nvidia.detail}")


def both(driver: Path, amd_library: Path, **settings: object) -> dict[str, str]:
    """The variables for the fakes of both makers; the settings' names begin with `nvml_` or `amdsmi_`."""
    own = {
        fake: {name.removeprefix(f"{fake}_"): value for name, value in settings.items() if name.startswith(fake)}
        for fake in ("nvml", "amdsmi")
    }
    nvidia = nvml.environment(driver, **own["nvml"])  # type: ignore[arg-type]
    amd = amdsmi.environment(amd_library, **own["amdsmi"])  # type: ignore[arg-type]
    return {**nvidia, **amd, "LD_LIBRARY_PATH": f"{driver}:{amd['LD_LIBRARY_PATH']}"}


def with_amd(root: Path) -> Path:
    """A system with a card of AMD on its bus."""
    plug_in(root, "0000:03:00.0")
    return root


def amd_of(look: Snapshot) -> Driver:
    (driver,) = look.others
    assert driver.maker is Maker.AMD
    return driver


def in_state(state: DriverState) -> Callable[[Snapshot], bool]:
    return lambda look: look.nvidia.state is state


@pytest.mark.parametrize("cards", [1, 8])
def test_snapshot_of_host_and_cards(driver: Path, tmp_path: Path, cards: int) -> None:
    with running(tmp_path, nvml.environment(driver, cards=cards)) as sampler:
        look = sample_until(sampler, in_state(DriverState.READY))
    assert len(look.nvidia.gpus) == cards
    assert look.host.memory_total_bytes > 0
    assert abs(look.time - time.time()) < 60


def test_stop_ends_the_process(driver: Path, tmp_path: Path) -> None:
    with running(tmp_path, nvml.environment(driver)) as sampler:
        sample_until(sampler, in_state(DriverState.READY))
        (monitor,) = monitors()
    assert not monitor.is_running()


def test_driver_that_hangs_is_said_and_tried_again(driver: Path, tmp_path: Path) -> None:
    once = tmp_path / "hung"
    environment = nvml.environment(driver, hang=3, once=once)
    with running(tmp_path, environment, Patience(first_s=20, later_s=1.0, backoff_s=0.1)) as sampler:
        sample_until(sampler, in_state(DriverState.READY))
        hung = sample_until(sampler, in_state(DriverState.UNRESPONSIVE))
        assert once.exists()
        assert hung.nvidia.gpus == ()
        assert hung.nvidia.driver_version == "580.65.06"
        sample_until(sampler, in_state(DriverState.READY))
        assert len(monitors()) == 1


def test_driver_that_hangs_at_once(driver: Path, tmp_path: Path) -> None:
    with running(tmp_path, nvml.environment(driver, hang=1), Patience(first_s=1.0, later_s=0.3)) as sampler:
        sample_until(sampler, in_state(DriverState.UNRESPONSIVE))


def test_sampling_never_waits_for_a_driver_that_hangs(driver: Path, tmp_path: Path) -> None:
    with running(tmp_path, nvml.environment(driver, hang=1), Patience(first_s=0.5, later_s=0.3)) as sampler:
        sampler.sample()
        longest = 0.0
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            before = time.monotonic()
            look = sampler.sample()
            longest = max(longest, time.monotonic() - before)
            if look.nvidia.state is DriverState.UNRESPONSIVE:
                break
        assert longest < 2.0


def test_driver_that_crashes_is_said_and_tried_again(driver: Path, tmp_path: Path) -> None:
    once = tmp_path / "crashed"
    with running(tmp_path, nvml.environment(driver, crash=3, once=once), Patience(backoff_s=0.1)) as sampler:
        crashed = sample_until(sampler, in_state(DriverState.CRASHED))
        assert "SIGSEGV" in crashed.nvidia.detail
        assert crashed.host.memory_total_bytes > 0
        sample_until(sampler, in_state(DriverState.READY))


def test_each_restart_waits_longer(driver: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    starts: list[float] = []
    start = MakerWatch.start

    def start_and_note(self: MakerWatch) -> None:
        starts.append(time.monotonic())
        start(self)

    monkeypatch.setattr(MakerWatch, "start", start_and_note)
    with running(tmp_path, nvml.environment(driver, crash=1), Patience(backoff_s=0.4)) as sampler:
        sample_until(sampler, lambda _: len(starts) == 3)
    assert starts[1] - starts[0] >= 0.4
    assert starts[2] - starts[1] >= 0.8


def test_monitor_ends_with_its_application(driver: Path, tmp_path: Path) -> None:
    code = f"""
import time
from pathlib import Path
from aienv_gui.hardware.sampler import Sampler
sampler = Sampler(Path({str(tmp_path)!r}), interval_s=0.05)
sampler.start()
while not sampler.sample().nvidia.gpus:
    time.sleep(0.02)
print(sampler._nvidia.pids[0], flush=True)
time.sleep(60)
"""
    environment = clean_environment({**nvml.environment(driver), "PYTHONPATH": str(ROOT)})
    application = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment, text=True)
    assert application.stdout is not None
    with application.stdout:
        monitor = psutil.Process(int(application.stdout.readline()))
        application.kill()
        application.wait()
    psutil.wait_procs([monitor], timeout=PATIENCE_S)
    assert not monitor.is_running() or monitor.status() == psutil.STATUS_ZOMBIE


def test_python_of_the_user_does_not_leak_into_the_monitor(
    driver: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "psutil.py").write_text("raise SystemExit('the wrong psutil')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name, value in nvml.environment(driver).items():
        monkeypatch.setenv(name, value)
    sampler = Sampler(tmp_path, interval_s=0.05)
    sampler.start()
    try:
        sample_until(sampler, in_state(DriverState.READY))
    finally:
        sampler.stop()


def test_interpreter_that_cannot_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aienv_gui.hardware.monitor_process.own_python", lambda: tmp_path / "missing")
    with running(tmp_path, {}) as sampler:
        look = sampler.sample()
    assert look.nvidia.state is DriverState.FAILED
    assert "missing" in look.nvidia.detail


# Several makers at once


def test_machine_without_other_cards_has_one_monitor(driver: Path, tmp_path: Path) -> None:
    with running(tmp_path, nvml.environment(driver), root=tmp_path) as sampler:
        look = sample_until(sampler, in_state(DriverState.READY))
        assert len(monitors()) == 1
    assert look.others == ()


def test_cards_of_two_makers_in_one_look(driver: Path, amd_library: Path, tmp_path: Path) -> None:
    environment = both(driver, amd_library, nvml_cards=2, amdsmi_cards=3, amdsmi_noise=1)
    with running(tmp_path, environment, root=with_amd(tmp_path)) as sampler:
        look = sample_until(sampler, lambda look: len(look.gpus) == 5)
        assert len(monitors()) == 2
    assert [gpu.maker for gpu in look.gpus] == [Maker.NVIDIA] * 2 + [Maker.AMD] * 3
    assert amd_of(look).state is DriverState.READY
    assert amd_of(look).detail == ""  # the noise of its library is not taken for its answer
    assert monitors() == []


def test_amds_library_crashes_while_nvidia_goes_on(driver: Path, amd_library: Path, tmp_path: Path) -> None:
    once = tmp_path / "crashed"
    environment = both(driver, amd_library, amdsmi_crash=3, amdsmi_once=once)
    with running(tmp_path, environment, Patience(backoff_s=0.1), root=with_amd(tmp_path)) as sampler:
        sample_until(sampler, in_state(DriverState.READY))
        crashed = sample_until(sampler, lambda look: amd_of(look).state is DriverState.CRASHED)
        assert "SIGSEGV" in amd_of(crashed).detail
        assert amd_of(crashed).gpus == ()
        assert crashed.nvidia.state is DriverState.READY
        assert crashed.nvidia.gpus
        sample_until(sampler, lambda look: amd_of(look).state is DriverState.READY)


def test_nvidias_driver_hangs_while_amd_and_the_host_go_on(driver: Path, amd_library: Path, tmp_path: Path) -> None:
    environment = both(driver, amd_library, nvml_hang=3)
    patience = Patience(first_s=20, later_s=1.0, backoff_s=60)
    begun = time.time()
    with running(tmp_path, environment, patience, root=with_amd(tmp_path)) as sampler:
        sample_until(sampler, in_state(DriverState.READY))
        hung = sample_until(sampler, in_state(DriverState.UNRESPONSIVE))
        assert hung.nvidia.silent_since is not None
        assert begun <= hung.nvidia.silent_since <= hung.time
        later = sample_until(sampler, lambda look: amd_of(look).state is DriverState.READY)
        assert later.nvidia.state is DriverState.UNRESPONSIVE
        assert amd_of(later).silent_since is None
        assert later.monotonic >= hung.monotonic


def test_card_of_amd_that_comes_later(driver: Path, amd_library: Path, tmp_path: Path) -> None:
    ahead = 0.0
    with running(tmp_path, both(driver, amd_library), root=tmp_path, clock=lambda: time.monotonic() + ahead) as sampler:
        assert sample_until(sampler, in_state(DriverState.READY)).others == ()
        with_amd(tmp_path)
        assert sampler.sample().others == ()  # the bus is looked at once a minute
        ahead += 61.0
        look = sample_until(sampler, lambda look: bool(look.others) and amd_of(look).state is DriverState.READY)
    assert amd_of(look).gpus[0].bus == "0000:03:00.0"


def test_what_the_monitors_take_counts_as_ours(driver: Path, amd_library: Path, tmp_path: Path) -> None:
    with running(tmp_path, both(driver, amd_library), root=with_amd(tmp_path)) as sampler:
        sample_until(sampler, lambda look: len(look.gpus) == 2)
        own = sample_until(sampler, lambda look: look.host.own is not None).host.own
        with_monitors = sum(monitor.memory_info().rss for monitor in monitors())
    assert own is not None
    assert own.memory_bytes > with_monitors / 2 > 0


def test_readings_cross_the_line_unchanged() -> None:
    nvidia = snapshot(gpu(0, compute_capability=(8, 9)), gpu(1, lost=True)).nvidia
    assert from_line(to_line(nvidia)) == nvidia
    assert b"\n" not in to_line(nvidia)


@pytest.mark.parametrize("line", [b"", b"{}", b"[1]", b'{"state": "no_such_state"}', b'{"state": "ready"'])
def test_broken_line_is_refused(line: bytes) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        from_line(line)
