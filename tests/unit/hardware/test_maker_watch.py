"""The watch over a monitor, on a clock of the test's: a process that is stuck in the driver cannot be had otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from aienv_gui.hardware import maker_watch
from aienv_gui.hardware.maker_watch import MakerWatch, Patience
from aienv_gui.hardware.readings import Driver, DriverState, Maker

DAY_S = 86_400
READY = Driver(DriverState.READY, driver_version="6.12", maker=Maker.AMD)


class Machine:
    """Keeps the clock and the monitors that were started on it."""

    def __init__(self) -> None:
        self.now = 0.0
        self.monitors: list[Monitor] = []

    def start(
        self, maker: Maker, interval_s: float, environment: Mapping[str, str], clock: Callable[[], float]
    ) -> Monitor:
        self.monitors.append(Monitor(self))
        return self.monitors[-1]


class Monitor:
    """In the place of a process: answers, falls silent and dies when the test says so, not when it is killed."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.latest: Driver | None = None
        self.started = self.heard_at = machine.now
        self.pid = len(machine.monitors) + 1
        self.killed = self.dead = False

    def answer(self) -> None:
        self.latest, self.heard_at = READY, self._machine.now

    def silent_s(self) -> float:
        return self._machine.now - self.heard_at

    def ended(self) -> bool:
        return self.dead

    def last_words(self) -> str:
        return "SIGSEGV"

    def kill(self) -> None:
        self.killed = True

    def join(self, timeout_s: float) -> None:
        """A dead one has nothing to wait for."""


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    monkeypatch.setattr(maker_watch, "MonitorProcess", machine.start)
    return machine


def watch(machine: Machine, **patience: float) -> MakerWatch:
    begun = MakerWatch(
        Maker.AMD,
        interval_s=1.0,
        environment={},
        patience=Patience(**patience),
        clock=lambda: machine.now,
        wall=lambda: 1_800_000_000.0 + machine.now,
    )
    begun.start()
    return begun


def test_a_quiet_day_has_one_process(machine: Machine) -> None:
    watching = watch(machine)
    (monitor,) = machine.monitors
    for machine.now in range(0, DAY_S, 5):
        monitor.answer()
        assert watching.look() == READY
    assert len(machine.monitors) == 1
    assert watching.pids == (1,)


def test_stuck_in_the_driver_for_a_day_no_second_one_is_started(machine: Machine) -> None:
    watching = watch(machine)
    (monitor,) = machine.monitors
    monitor.answer()
    watching.look()
    for machine.now in range(1, DAY_S, 10):
        driver = watching.look()
    assert len(machine.monitors) == 1
    assert monitor.killed
    assert (driver.state, driver.silent_since) == (DriverState.UNRESPONSIVE, 1_800_000_000.0)
    assert driver.driver_version == "6.12"
    assert watching.pids == (1,)  # it still takes what it takes
    monitor.dead = True
    for machine.now in range(DAY_S, DAY_S + 10):
        watching.look()
    assert len(machine.monitors) == 2
    machine.monitors[-1].answer()
    assert watching.look() == READY
    assert watching.look().silent_since is None


def test_since_when_it_is_silent_stays_through_restarts_that_do_not_answer(machine: Machine) -> None:
    watching = watch(machine, first_s=5.0, later_s=5.0, backoff_s=1.0)
    machine.monitors[0].answer()
    for machine.now in range(1, 300):
        driver = watching.look()
        for monitor in machine.monitors:
            monitor.dead = monitor.killed
    assert len(machine.monitors) > 3
    assert driver.silent_since == 1_800_000_000.0


def test_a_day_of_crashes_is_a_start_a_minute_at_most(machine: Machine) -> None:
    watching = watch(machine)
    for machine.now in range(DAY_S):
        for monitor in machine.monitors:
            monitor.dead = True
        driver = watching.look()
    assert (driver.state, driver.detail) == (DriverState.CRASHED, "SIGSEGV")
    assert 1000 < len(machine.monitors) <= DAY_S / 60 + 10


def test_after_a_good_while_a_failure_is_mended_at_once_again(machine: Machine) -> None:
    watching = watch(machine)
    for machine.now in range(60):
        machine.monitors[-1].dead = True
        watching.look()
    for machine.now in range(60, 400):
        machine.monitors[-1].dead = False
        machine.monitors[-1].answer()
        watching.look()
    before = len(machine.monitors)
    machine.monitors[-1].dead = True
    for machine.now in range(400, 403):
        watching.look()
    assert len(machine.monitors) == before + 1
