"""Is the machine ready? Every situation on a system made of files, each with words and a cure of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aienv_gui.hardware.readiness import Readiness, judge
from aienv_gui.hardware.readings import Absence, Driver, DriverState, Gpu, Maker, Snapshot, Value, Xid
from aienv_gui.hardware.system_facts import DeviceFile, SystemFacts, look
from tests.fakes.linux_system import KERNEL, LinuxSystem
from tests.fakes.nvidia_looks import looks
from tests.fakes.snapshots import gpu, snapshot

_OLDEST = "525.60.13"
_DKMS = "updates/dkms/nvidia.ko.zst"


@pytest.fixture(autouse=True)
def _no_container(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("KUBERNETES_SERVICE_HOST", "container"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def system(tmp_path: Path) -> LinuxSystem:
    return LinuxSystem(tmp_path)


def _without(state: DriverState = DriverState.NO_DRIVER) -> Snapshot:
    return snapshot(state=state)


def _answer(system: LinuxSystem, seen: Snapshot | None = None) -> Readiness:
    return judge(_without() if seen is None else seen, look(system.root), _OLDEST)


# A real computer with an NVIDIA card, whose driver does not run.


def _card(system: LinuxSystem) -> None:
    system.nvidia_card()


def _nouveau(system: LinuxSystem) -> None:
    system.nvidia_card(driver="nouveau")
    system.load("nouveau")


def _nouveau_first(system: LinuxSystem) -> None:
    _nouveau(system)
    system.kernel(KERNEL, _DKMS)


def _nouveau_blocked(system: LinuxSystem) -> None:
    _nouveau_first(system)
    system.write("etc/modprobe.d/nvidia.conf", "# by the installer\nblacklist nouveau")


def _secure_boot(system: LinuxSystem) -> None:
    system.nvidia_card()
    system.kernel(KERNEL, _DKMS)
    system.secure_boot(on=True)


def _secure_boot_with_key(system: LinuxSystem) -> None:
    _secure_boot(system)
    system.write("var/lib/shim-signed/mok/MOK.der", "key")


def _not_loaded(system: LinuxSystem) -> None:
    system.nvidia_card()
    system.kernel(KERNEL, "updates/dkms/nvidia-current.ko")
    system.secure_boot(on=False)


def _other_kernel(system: LinuxSystem) -> None:
    system.nvidia_card()
    system.kernel("6.12.1-amd64", _DKMS)


def _library_missing(system: LinuxSystem) -> None:
    system.nvidia_card(driver="nvidia")
    system.kernel(KERNEL, _DKMS)
    system.load("nvidia", "nvidia_uvm")
    system.driver_runs("580.65.06")


# What it runs in.


def _container(system: LinuxSystem) -> None:
    system.nvidia_card(driver="nvidia")
    system.load("nvidia")
    system.write(".dockerenv", "")


def _container_alone(system: LinuxSystem) -> None:
    system.write(".dockerenv", "")


def _wsl_without_card(system: LinuxSystem) -> None:
    system.wsl()


def _wsl_driver(system: LinuxSystem) -> None:
    system.wsl()
    system.write("dev/dxg", "")


def _wsl_silent(system: LinuxSystem) -> None:
    _wsl_driver(system)
    system.write("usr/lib/wsl/lib/libcuda.so.1", "")


def _virtual(system: LinuxSystem) -> None:
    system.virtual("KVM")


_SITUATIONS: list[tuple[Callable[[LinuxSystem], None], str, str]] = [
    (_card, "not_installed", "sudo ubuntu-drivers install"),
    (_nouveau, "nouveau", "sudo ubuntu-drivers install"),
    (_nouveau_first, "nouveau_first", "modprobe.d/blacklist-nouveau.conf && sudo update-initramfs -u"),
    (_nouveau_blocked, "nouveau_first", "sudo update-initramfs -u"),
    (_secure_boot, "secure_boot", ""),
    (_secure_boot_with_key, "secure_boot", "sudo mokutil --import /var/lib/shim-signed/mok/MOK.der"),
    (_not_loaded, "not_loaded", "sudo modprobe nvidia"),
    (_other_kernel, "other_kernel", "sudo dkms autoinstall"),
    (_library_missing, "library_missing", "sudo ubuntu-drivers install"),
    (_container, "container", "docker run --gpus all IMAGE"),
    (_container_alone, "container_alone", "docker run --gpus all IMAGE"),
    (_wsl_without_card, "wsl_without_card", "wsl --update"),
    (_wsl_driver, "wsl_driver", "wsl --shutdown"),
    (_wsl_silent, "wsl_silent", "wsl --shutdown"),
    (_virtual, "virtual", ""),
]


@pytest.mark.parametrize(("make", "key", "command"), _SITUATIONS, ids=[make.__name__[1:] for make, _, _ in _SITUATIONS])
def test_each_situation_without_a_card(
    system: LinuxSystem, make: Callable[[LinuxSystem], None], key: str, command: str
) -> None:
    make(system)
    state = DriverState.NO_DRIVER if look(system.root).card_on_bus else DriverState.NO_GPU  # as the reader says it
    answer = _answer(system, _without(state))
    assert answer.key == key
    assert answer.command.endswith(command)
    assert bool(answer.command) == bool(command)
    assert answer.level == ("neutral" if key in ("virtual", "container_alone") else "warn")
    assert answer.cause is not None
    assert answer.cure is not None


def test_no_two_situations_have_the_same_words(tmp_path: Path) -> None:
    told: dict[str, tuple[str, str]] = {}
    for number, (make, key, _) in enumerate(_SITUATIONS):
        system = LinuxSystem(tmp_path / str(number))
        make(system)
        answer = _answer(system)
        told[key] = (str(answer.title), str(answer.cause))
    for state in set(DriverState) - {DriverState.READY, DriverState.NO_DRIVER, DriverState.NO_LIBRARY}:
        told[str(state)] = (str(judge(_without(state), None).title), str(judge(_without(state), None).cause))
    assert len(set(told.values())) == len(told)


@pytest.mark.parametrize(
    ("release", "command"),
    [
        ('ID=linuxmint\nID_LIKE="ubuntu debian"', "sudo ubuntu-drivers install"),
        ("ID=debian", "sudo apt install linux-headers-amd64 nvidia-driver firmware-misc-nonfree"),
        ("ID=fedora", "sudo dnf install akmod-nvidia xorg-x11-drv-nvidia-cuda"),
        ("ID=manjaro\nID_LIKE=arch", "sudo pacman -S nvidia-open nvidia-utils"),
        ("ID=nobody-knows-it", ""),
        ("not a line of that kind", ""),
    ],
)
def test_the_command_is_that_of_the_distribution(system: LinuxSystem, release: str, command: str) -> None:
    system.nvidia_card()
    system.write("etc/os-release", release)
    assert _answer(system).command == command


def test_a_computer_without_a_card_is_fine(system: LinuxSystem) -> None:
    answer = _answer(system, _without(DriverState.NO_GPU))
    assert answer.level == "neutral"
    assert "training will run on the CPU" in str(answer.title)


def test_a_driver_that_waits_for_a_card_is_no_trouble(system: LinuxSystem) -> None:
    """Some systems bring it along, card or not."""
    system.kernel(KERNEL, _DKMS)
    system.secure_boot(on=True)
    assert _answer(system, _without(DriverState.NO_GPU)).key == "no_gpu"


def test_a_system_that_tells_nothing_is_not_guessed_about(tmp_path: Path) -> None:
    facts = look(tmp_path)
    assert facts == SystemFacts("linux")
    assert judge(_without(), facts).key == "no_driver"
    assert judge(_without(), None).key == "no_driver"


def test_files_with_garbage_are_no_facts(system: LinuxSystem) -> None:
    for name in ("etc/os-release", "proc/modules", "proc/cpuinfo", "proc/driver/nvidia/version"):
        (system.root / name).parent.mkdir(parents=True, exist_ok=True)
        (system.root / name).write_bytes(b"\xff\x00=\n=\n\xfe" * 50)
    facts = look(system.root)
    assert facts.loaded == frozenset()
    assert facts.loaded_version == ""


# Cards that are seen.


def _ready(*gpus: Gpu, version: str = "580.65.06", state: DriverState = DriverState.READY) -> Snapshot:
    seen = snapshot(*gpus, state=state)
    return replace(seen, nvidia=replace(seen.nvidia, driver_version=version))


def test_ready(system: LinuxSystem) -> None:
    answer = _answer(system, _ready(gpu()))
    assert (answer.key, answer.level, answer.cure) == ("ready", "good", None)
    assert "Ready to train on NVIDIA GeForce RTX 4070" in str(answer.title)


@pytest.mark.parametrize(
    ("version", "old"), [("525.60.13", False), ("525.60.11", True), ("470.256.02", True), ("", False)]
)
def test_a_driver_too_old_for_todays_builds(system: LinuxSystem, version: str, old: bool) -> None:
    answer = _answer(system, _ready(gpu(), version=version))
    assert (answer.key == "too_old") is old
    if old:
        assert version in str(answer.cause)
        assert "525.60.13" in str(answer.cause)
        assert answer.command == "sudo ubuntu-drivers install"


def test_an_old_driver_in_wsl_is_renewed_in_windows(system: LinuxSystem) -> None:
    system.wsl()
    answer = _answer(system, _ready(gpu(), version="470.1"))
    assert "Windows" in str(answer.cure)
    assert answer.command == ""


def test_an_old_driver_of_a_container_is_renewed_around_it(system: LinuxSystem) -> None:
    system.write(".dockerenv", "")
    answer = _answer(system, _ready(gpu(), version="470.1"))
    assert "around the container" in str(answer.cure)
    assert answer.command == ""


def test_a_card_that_sleeps_is_ready(system: LinuxSystem) -> None:
    answer = _answer(system, _ready(gpu(asleep=True), version=""))
    assert (answer.key, answer.level) == ("asleep", "good")


@pytest.mark.parametrize("code", [13, 48, 62, 74, 79, 119, 999])
def test_a_lost_card_with_the_drivers_reason(system: LinuxSystem, code: int) -> None:
    lost = gpu(lost=True, xid=Xid(code, 0.0))
    answer = _answer(system, _ready(lost, state=DriverState.LOST))
    assert answer.key == "lost"
    assert str(code) in str(answer.cause)
    beside = _answer(system, _ready(gpu(0), replace(lost, index=1)))
    assert beside.key == "lost"
    assert "Ready to train on" in str(beside.title)


def test_a_driver_that_was_updated(system: LinuxSystem) -> None:
    system.driver_runs("570.1.2")
    answer = _answer(system, _ready(state=DriverState.MISMATCH))
    assert answer.command == ""  # how to restart is known to everyone
    assert "570.1.2" in str(answer.evidence)
    system.write("run/.containerenv", "")
    assert "container" in str(_answer(system, _ready(state=DriverState.MISMATCH)).title)


def test_no_permission_by_the_group_of_the_cards_file(system: LinuxSystem) -> None:
    facts = replace(look(system.root), device=DeviceFile(usable=False, group="video"))
    refused = Value(absence=Absence.NO_PERMISSION)
    closed = gpu(utilisation_percent=refused, memory_total_bytes=refused)
    for seen in (_ready(state=DriverState.NO_PERMISSION), _ready(closed)):
        answer = judge(seen, facts)
        assert answer.key == "permission_group"
        assert answer.command == 'sudo usermod -aG video "$USER"'
    open_to_us = replace(facts, device=DeviceFile(usable=True, group="video"))
    assert judge(_ready(state=DriverState.NO_PERMISSION), open_to_us).key == "no_permission"  # not for this reason
    inside = judge(_ready(state=DriverState.NO_PERMISSION), replace(facts, container="podman"))
    assert inside.command.startswith("podman run")


def test_the_file_of_the_card_is_looked_at(system: LinuxSystem) -> None:
    system.write("dev/nvidia0", "")
    device = look(system.root).device
    assert device is not None
    assert device.usable


@pytest.mark.parametrize("maker", [Maker.AMD, Maker.INTEL, Maker.APPLE])
def test_other_makers_cards(system: LinuxSystem, maker: Maker) -> None:
    card = gpu(name="Radeon RX 7900 XTX", maker=maker)
    seen = replace(_without(DriverState.NO_GPU), others=(Driver(DriverState.READY, (card,), maker=maker),))
    answer = _answer(system, seen)
    assert answer.key == f"other_{maker}"
    assert "Radeon RX 7900 XTX" in str(answer.title)
    system.nvidia_card()  # whose missing driver is more important
    assert (
        _answer(system, replace(seen, nvidia=replace(seen.nvidia, state=DriverState.NO_DRIVER))).key == "not_installed"
    )


# As the real bindings tell it, on the fake driver.


def test_through_the_real_interface(system: LinuxSystem, driver: Path) -> None:
    def answer(**settings: Any) -> Readiness:
        seen = looks(driver, root=system.root, **settings)[-1]
        return judge(replace(snapshot(), nvidia=seen), look(system.root), _OLDEST)

    assert answer(cards=1).key == "ready"
    assert answer(init=18).key == "mismatch"
    assert answer(init=4).key == "no_permission"
    assert answer(init=9).key == "no_driver"
    system.nvidia_card()
    assert answer(init=9).key == "not_installed"
    assert answer(faults="0:lost").key == "lost"
