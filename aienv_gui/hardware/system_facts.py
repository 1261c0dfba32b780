"""What the system says of itself, as far as it decides whether an NVIDIA card can work: small files, no commands."""

from __future__ import annotations

import os
import re
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aienv_gui.hardware.cards.bus import bus_is_told, cards_on_bus
from aienv_gui.hardware.cards.sysfs import text
from aienv_gui.hardware.host.container import container_kind
from aienv_gui.hardware.readings import Maker

# Debian calls it nvidia-current.ko; nvidia-wmi-ec-backlight.ko is the kernel's own and no driver for calculating.
_MODULE: Final = re.compile(r"(?:^|/)nvidia(?:-(?:current|open|tesla|legacy)[^/:]*)?\.ko", re.MULTILINE)
_SECURE_BOOT: Final = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
_KEYS: Final = ("var/lib/shim-signed/mok/MOK.der", "var/lib/dkms/mok.pub", "etc/pki/akmods/certs/public_key.der")
_BLOCKS_NOUVEAU: Final = re.compile(
    r"^\s*(?:blacklist\s+nouveau|install\s+nouveau\s+/bin/(?:true|false))", re.MULTILINE
)
_BLOCKED_AT_START: Final = re.compile(r"blacklist=\S*\bnouveau\b|nouveau\.modeset=0")


@dataclass(frozen=True, slots=True)
class DeviceFile:
    """The file by which programs reach a card."""

    usable: bool  # by this user
    group: str  # whose members may use it; "" where there is none but root


@dataclass(frozen=True, slots=True)
class SystemFacts:
    """Everything is a plain observation; what it means is for `readiness`."""

    system: str  # linux, win32, darwin
    distributions: tuple[str, ...] = ()  # its own name and those it is like: ("linuxmint", "ubuntu", "debian")
    kernel: str = ""
    card_on_bus: bool | None = None  # an NVIDIA one; None: the system does not tell
    loaded: frozenset[str] = frozenset()  # of nvidia and nouveau: the kernel's modules that run
    installed: bool = False  # NVIDIA's module, for the kernel that runs
    installed_for: tuple[str, ...] = ()  # other kernels that have it
    loaded_version: str = ""  # of NVIDIA's module
    secure_boot: bool | None = None  # None: no such thing here
    key: str = ""  # the file with the key by which the module was signed, where there is one
    nouveau_blocked: bool = False  # at the next start
    device: DeviceFile | None = None
    container: str = ""  # docker, podman, kubernetes...
    wsl: bool = False
    wsl_device: bool = False  # Windows passes its card on
    wsl_library: bool = False  # and its driver
    virtual: str = ""  # what the virtual machine calls itself; "" for a real one


def look(root: Path = Path("/")) -> SystemFacts:
    """Read all of it: some milliseconds, for a job. `root` is the system's, or a test's."""
    if not sys.platform.startswith("linux"):
        return SystemFacts("darwin" if sys.platform == "darwin" else "win32")
    kernel = text(root / "proc/sys/kernel/osrelease")
    kernels = [folder.name for folder in sorted((root / "lib/modules").glob("*")) if _has_module(folder)]
    wsl = "microsoft" in text(root / "proc/version").lower()
    return SystemFacts(
        system="linux",
        distributions=_distributions(root),
        kernel=kernel,
        card_on_bus=bool(cards_on_bus(root, Maker.NVIDIA)) if bus_is_told(root) else None,
        loaded=_loaded(root),
        installed=kernel in kernels,
        installed_for=tuple(name for name in kernels if name != kernel),
        loaded_version=_loaded_version(root),
        secure_boot=_secure_boot(root),
        key=next((f"/{key}" for key in _KEYS if (root / key).exists()), ""),
        nouveau_blocked=_nouveau_blocked(root),
        device=_device(root / "dev/nvidia0"),
        container=container_kind(root),
        wsl=wsl,
        wsl_device=(root / "dev/dxg").exists(),
        wsl_library=any((root / "usr/lib/wsl/lib").glob("libcuda.so*")),
        virtual="" if wsl else _virtual(root),
    )


def _distributions(root: Path) -> tuple[str, ...]:
    entries = dict(
        line.split("=", 1) for line in text(root / "etc/os-release").splitlines() if "=" in line and line[0] != "#"
    )
    names = (entries.get("ID", ""), *entries.get("ID_LIKE", "").strip("\"'").split())
    return tuple(name.strip("\"'").lower() for name in names if name)


def _has_module(kernel: Path) -> bool:
    """Whether NVIDIA's module is among a kernel's, in the list that the system keeps of them."""
    try:
        return _MODULE.search((kernel / "modules.dep").read_text(encoding="utf-8", errors="replace")) is not None
    except OSError:
        return False


def _loaded(root: Path) -> frozenset[str]:
    try:
        lines = (root / "proc/modules").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return frozenset()
    return frozenset(line.split(" ", 1)[0] for line in lines) & {"nvidia", "nouveau"}


def _loaded_version(root: Path) -> str:
    # NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.183.01  Sun May 12 19:39:15 UTC 2024
    found = re.search(r"Module(?: for \S+)?\s+(\d+(?:\.\d+)+)", text(root / "proc/driver/nvidia/version"))
    return found.group(1) if found else ""


def _secure_boot(root: Path) -> bool | None:
    try:
        return (root / _SECURE_BOOT).read_bytes()[-1:] == b"\x01"  # four bytes of attributes come first
    except OSError:
        return None


def _nouveau_blocked(root: Path) -> bool:
    files = (file for folder in ("etc", "usr/lib", "run") for file in (root / folder / "modprobe.d").glob("*.conf"))
    return _BLOCKED_AT_START.search(text(root / "proc/cmdline")) is not None or any(
        _BLOCKS_NOUVEAU.search(text(file)) for file in files
    )


def _device(file: Path) -> DeviceFile | None:
    try:
        status = file.stat()
    except OSError:
        return None
    group = ""
    if status.st_gid and status.st_mode & stat.S_IWGRP:
        import grp  # not on Windows

        try:
            group = grp.getgrgid(status.st_gid).gr_name
        except KeyError:  # a group of another system, as in a container
            group = str(status.st_gid)
    return DeviceFile(os.access(file, os.R_OK | os.W_OK), group)


def _virtual(root: Path) -> str:
    try:
        processor = (root / "proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
    if re.search(r"^flags\s*:.*\bhypervisor\b", processor, re.MULTILINE) is None:
        return ""
    return text(root / "sys/class/dmi/id/product_name") or text(root / "sys/class/dmi/id/sys_vendor") or "VM"
