"""Alarms over simulated hours: told once, no trembling at a limit, told again after recovery; no readings, no words."""

from __future__ import annotations

import gc
import itertools
import math
import tracemalloc
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aienv_gui.core.settings import SETTINGS, SettingsStore
from aienv_gui.core.storage import Folders
from aienv_gui.core.wording import tr
from aienv_gui.hardware.alarm_rules import AlarmKind, Rule, rules_from
from aienv_gui.hardware.alarms import REPEAT_S, Alarm, Alarms, RunEnd, alarm_of_run
from aienv_gui.hardware.limits import Work
from aienv_gui.hardware.readings import Disk, DriverState, GpuProcess, Snapshot, Thresholds, Throttle, Value
from tests.fakes.snapshots import ABSENT, GIB, gpu, snapshot

RULES = rules_from(lambda name: SETTINGS[name].default)
HOUR = 3600
MINUTE = 60
LONG = 20 * MINUTE  # more than the time after which an alarm may be told again
TRAINING = Work("digits", "cuda:0", phase="training", pid=4711)


def simulate(
    at: Callable[[int], Snapshot],
    seconds: int,
    *,
    work: tuple[Work, ...] = (),
    rules: Mapping[AlarmKind, Rule] = RULES,
    alarms: Alarms | None = None,
    start: int = 0,
    step: int = 1,
) -> list[tuple[int, Alarm]]:
    """When which alarm was told; `at` gives the snapshot of a second."""
    alarms = alarms or Alarms()
    told = []
    for second in range(start, seconds, step):
        look = replace(at(second), monotonic=float(second), time=1_800_000_000.0 + second)
        told += [(second, alarm) for alarm in alarms.look(look, work, rules)]
    return told


def hot(degrees: float) -> Snapshot:
    return snapshot(gpu(temperature_celsius=Value(degrees)))


def kinds(told: list[tuple[int, Alarm]]) -> list[AlarmKind]:
    return [alarm.kind for _, alarm in told]


def without(kind: AlarmKind) -> Mapping[AlarmKind, Rule]:
    return {**RULES, kind: replace(RULES[kind], on=False)}


def test_every_kind_has_a_setting_with_a_default_that_is_allowed() -> None:
    for kind in AlarmKind:
        setting = SETTINGS[f"alarm_{kind}"]
        assert setting.check(setting.default) is None
        assert RULES[kind].on


@pytest.mark.parametrize(
    "value", [{"on": True, "limit": 20}, {"on": True, "limit": 200}, {"on": True}, {"limit": 80}, 80]
)
def test_a_limit_that_cannot_be_meant_is_refused(folders: Folders, value: Any) -> None:
    store = SettingsStore(folders)
    with pytest.raises(Exception, match=r"limit must be a whole number from 50 to 110|one of the values offered"):
        store.set("alarm_gpu_temperature", value)
    assert store.get("alarm_gpu_temperature") == {"on": True, "limit": 87}


def test_a_limit_is_kept(folders: Folders) -> None:
    SettingsStore(folders).set("alarm_disk", {"on": False, "limit": 50})
    assert rules_from(SettingsStore(folders).get)[AlarmKind.DISK] == Rule(False, 50)


def test_heat_is_told_once_and_only_when_it_lasts() -> None:
    told = simulate(lambda _: hot(91), 2 * HOUR)
    assert [(second, alarm.kind) for second, alarm in told] == [(10, AlarmKind.GPU_TEMPERATURE)]
    alarm = told[0][1]
    assert str(alarm.what) == "NVIDIA GeForce RTX 4070 is at 91 °C; the limit is 87 °C."
    assert alarm.time == 1_800_000_010.0
    assert simulate(lambda second: hot(91 if second % 10 < 9 else 80), LONG) == []


def test_a_reading_that_trembles_at_the_limit_is_told_once() -> None:
    told = simulate(lambda second: hot(88 if second < 20 or second % 7 < 3 else 85), 4 * HOUR)
    assert [second for second, _ in told] == [10]


def test_an_alarm_is_told_again_after_it_was_over_but_not_too_often() -> None:
    def at(second: int) -> Snapshot:
        return hot(90 if second % (5 * MINUTE) < 2 * MINUTE else 60)

    seconds = [second for second, _ in simulate(at, 2 * HOUR)]
    assert seconds[0] == 10
    assert len(seconds) == 8
    assert all(later - earlier >= REPEAT_S for earlier, later in itertools.pairwise(seconds))


def test_what_came_back_too_soon_is_told_when_the_time_has_come() -> None:
    told = simulate(lambda second: hot(60 if 100 < second < 200 else 90), LONG)
    assert [second for second, _ in told] == [10, 10 + int(REPEAT_S)]


def test_what_lasts_is_known_with_its_present_number_until_it_is_over() -> None:
    alarms = Alarms()
    simulate(lambda second: hot(90 if second < 30 else 95), 60, alarms=alarms)
    assert [str(alarm.what) for alarm in alarms.active] == ["NVIDIA GeForce RTX 4070 is at 95 °C; the limit is 87 °C."]
    alarms.look(replace(hot(85), monotonic=61.0), (), RULES)
    assert len(alarms.active) == 1  # within the margin: not over
    alarms.look(replace(hot(82), monotonic=62.0), (), RULES)
    assert not alarms.active


def test_a_card_that_slows_down_earlier_is_told_of_earlier() -> None:
    card = gpu(temperature_celsius=Value(84.0), thresholds=Thresholds(slowdown=Value(83.0)))
    assert kinds(simulate(lambda _: snapshot(card), MINUTE)) == [AlarmKind.GPU_TEMPERATURE]


def test_the_limit_of_the_user_counts() -> None:
    rules = {**RULES, AlarmKind.GPU_TEMPERATURE: Rule(True, 70)}
    assert simulate(lambda _: hot(75), MINUTE) == []
    assert kinds(simulate(lambda _: hot(75), MINUTE, rules=rules)) == [AlarmKind.GPU_TEMPERATURE]


def test_off_means_off_also_for_what_lasts() -> None:
    rules = without(AlarmKind.GPU_TEMPERATURE)
    assert simulate(lambda _: hot(99), LONG, rules=rules) == []
    alarms = Alarms()
    simulate(lambda _: hot(99), MINUTE, alarms=alarms)
    assert alarms.active
    alarms.look(replace(hot(99), monotonic=61.0), (), rules)
    assert not alarms.active


def test_cards_are_told_apart_and_named() -> None:
    warm, cool = gpu(0, temperature_celsius=Value(92.0)), gpu(1)
    told = simulate(
        lambda second: snapshot(warm, cool if second < HOUR else replace(warm, uuid="GPU-1", index=1)), 2 * HOUR
    )
    assert [(second, alarm.subject) for second, alarm in told] == [(10, "GPU-0"), (HOUR + 10, "GPU-1")]
    assert str(told[1][1].what).startswith("GPU 1 (NVIDIA GeForce RTX 4070) is at 92 °C")


def test_throttling_says_why_and_the_power_cap_is_none() -> None:
    def card(*reasons: Throttle) -> Snapshot:
        return snapshot(gpu(throttle=frozenset(reasons)))

    assert simulate(lambda _: card(Throttle.POWER_CAP, Throttle.IDLE), LONG) == []
    idle = gpu(throttle=frozenset({Throttle.HARDWARE}), utilisation_percent=Value(3.0))
    assert simulate(lambda _: snapshot(idle), LONG) == []  # slow for no one
    for reasons, words in (
        ((Throttle.HEAT, Throttle.POWER_CAP), "because of its heat (60 °C)"),
        ((Throttle.HARDWARE, Throttle.HARDWARE_HEAT), "because of its heat"),
        ((Throttle.HARDWARE, Throttle.POWER_BRAKE), "power supply asks"),
        ((Throttle.HARDWARE,), "protects itself"),
    ):
        told = simulate(lambda _, reasons=reasons: card(*reasons), MINUTE)  # type: ignore[misc]
        assert kinds(told) == [AlarmKind.THROTTLING]
        assert words in str(told[0][1].what)


def test_full_memories_and_disks_are_told_in_numbers() -> None:
    card = gpu(memory_used_bytes=Value(11.8 * GIB))
    told = simulate(lambda _: snapshot(card, memory_used_bytes=31 * GIB), LONG)
    assert [str(alarm.what) for _, alarm in told] == [
        "31/32 GB of the computer's memory are in use (97 %).",
        "NVIDIA GeForce RTX 4070: 11.8/12 GB are in use (98 %).",
    ]
    disks = (Disk("/", 196 * 10**9, 4 * 10**9, 200 * 10**9), Disk("/boot", 10**8, 4 * 10**8, 5 * 10**8))
    told = simulate(lambda _: snapshot(gpu(), disks=disks), LONG)
    assert [str(alarm.what) for _, alarm in told] == ["4.0 GB are free on /."]
    hanging = (replace(disks[0], answers=False),)
    assert simulate(lambda _: snapshot(gpu(), disks=hanging), LONG) == []


def test_a_disk_is_over_only_when_clearly_freer() -> None:
    def at(second: int) -> Snapshot:
        free = 4.9e9 if second < 100 or second % 50 < 25 else 5.5e9
        return snapshot(gpu(), disks=(Disk("/", 0, int(free), 200 * 10**9),))

    assert [second for second, _ in simulate(at, 3 * HOUR)] == [10]


def test_missing_readings_are_silent() -> None:
    card = gpu(
        temperature_celsius=ABSENT, memory_used_bytes=ABSENT, memory_total_bytes=ABSENT, utilisation_percent=ABSENT
    )
    assert simulate(lambda _: snapshot(card, disks=(), memory_total_bytes=0), LONG, work=(TRAINING,)) == []
    asleep = gpu(asleep=True, temperature_celsius=Value(99.0))
    assert simulate(lambda _: snapshot(asleep), LONG) == []


def test_readings_that_stop_coming_end_the_alarm_without_a_word() -> None:
    alarms = Alarms()
    told = simulate(
        lambda second: hot(95) if second < 100 else snapshot(gpu(temperature_celsius=ABSENT)), 200, alarms=alarms
    )
    assert len(told) == 1
    assert not alarms.active


def test_a_sleeping_computer_does_not_count_as_time_that_lasted() -> None:
    alarms = Alarms()
    alarms.look(replace(hot(95), monotonic=0.0), (), RULES)
    assert alarms.look(replace(hot(95), monotonic=8.0 * HOUR), (), RULES) == ()
    assert kinds([(0, a) for a in alarms.look(replace(hot(95), monotonic=8.0 * HOUR + 10), (), RULES)]) == [
        AlarmKind.GPU_TEMPERATURE
    ]


def test_a_lost_card_is_told_and_so_is_a_driver_that_hangs() -> None:
    told = simulate(lambda second: snapshot(gpu(0, lost=second > 60), gpu(1)), LONG)
    assert kinds(told) == [AlarmKind.GPU_LOST]
    assert str(told[0][1].what) == "GPU 0 (NVIDIA GeForce RTX 4070) no longer answers."
    told = simulate(lambda second: hot(60) if second < 60 else snapshot(state=DriverState.UNRESPONSIVE), LONG)
    assert [(second, str(alarm.what)) for second, alarm in told] == [(65, "The NVIDIA driver does not answer.")]
    assert simulate(lambda _: snapshot(state=DriverState.NO_DRIVER), LONG) == []


def busy(percent: float, *, pid: int | None = None, index: int = 0) -> Any:
    processes = () if pid is None else (GpuProcess(pid, "python", "ada", ABSENT, "compute"),)
    return gpu(index, utilisation_percent=Value(percent), processes=processes)


def test_an_idle_card_during_a_training_is_told_after_its_minutes() -> None:
    told = simulate(lambda _: snapshot(busy(1)), LONG, work=(TRAINING,))
    assert [(second, alarm.kind) for second, alarm in told] == [(5 * MINUTE, AlarmKind.GPU_IDLE)]
    assert str(told[0][1].what) == "digits runs, and its card has had next to nothing to do for 5 minutes."
    bursts = simulate(lambda second: snapshot(busy(60 if second % 5 == 0 else 0)), LONG, work=(TRAINING,))
    assert bursts == []  # 12 % on average: slow, but not idle


@pytest.mark.parametrize(
    "work",
    [
        replace(TRAINING, device="cpu"),
        replace(TRAINING, paused=True),
        replace(TRAINING, phase="loading"),
    ],
)
def test_a_training_that_asks_nothing_of_the_card_is_no_reason(work: Work) -> None:
    assert simulate(lambda _: snapshot(busy(0)), LONG, work=(work,)) == []
    assert simulate(lambda _: snapshot(busy(0)), LONG) == []


def test_of_several_cards_the_one_that_holds_the_process_counts() -> None:
    def at(load_of_ours: float, load_of_other: float, *, told: bool) -> list[AlarmKind]:
        pid = TRAINING.pid if told else None
        cards = busy(load_of_other), busy(load_of_ours, pid=pid, index=1)
        return kinds(simulate(lambda _: snapshot(*cards), 10 * MINUTE, work=(TRAINING,)))

    assert at(0, 90, told=True) == [AlarmKind.GPU_IDLE]
    assert at(90, 0, told=True) == []
    assert at(0, 90, told=False) == []  # which one is not known, and one of them works
    assert at(0, 0, told=False) == [AlarmKind.GPU_IDLE]


def test_the_end_of_a_training_is_told_in_words() -> None:
    finished = RunEnd("/runs/1", "digits", 200.0)
    failed = RunEnd("/runs/1", "digits", 200.0, tr("The disk is full."))
    told = alarm_of_run(finished, RULES, 5.0)
    assert told is not None
    assert (str(told.title), str(told.what)) == ("Training finished", "digits was trained in about 3 minutes.")
    assert (told.level, told.subject, told.time) == ("good", "/runs/1", 5.0)
    told = alarm_of_run(failed, RULES, 5.0)
    assert told is not None
    assert (told.level, str(told.what)) == ("bad", "digits: The disk is full.")
    assert alarm_of_run(finished, without(AlarmKind.TRAINING_FINISHED), 5.0) is None
    assert alarm_of_run(failed, without(AlarmKind.TRAINING_FAILED), 5.0) is None


def test_nothing_grows_in_a_day(tmp_path: Path) -> None:
    """Cards that come and go under new names, heat that comes and goes, trainings one after the other."""
    alarms = Alarms()

    def at(second: int) -> Snapshot:
        card = gpu(temperature_celsius=Value(75 + 20 * math.sin(second / 900)), uuid=f"GPU-{second // 1000}")
        return snapshot(card, disks=(Disk(f"/media/{second // 700}", 0, 10**9, 10**11),))

    def part(first: int, last: int) -> int:
        return len(simulate(at, last, alarms=alarms, start=first, step=20))

    told = part(0, 2 * HOUR)
    tracemalloc.start()
    try:
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        told += part(2 * HOUR, 24 * HOUR)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert told > 20
    assert grown < 50_000, f"{grown} bytes in 22 hours"
