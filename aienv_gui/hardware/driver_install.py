"""The commands that install or mend NVIDIA's driver, by distribution. They are shown to be copied, never run by us."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

# Keyed by the names in /etc/os-release; of a distribution's own name and those it is like, the first that is here.
_INSTALL: Final = {
    "ubuntu": "sudo ubuntu-drivers install",
    "pop": "sudo apt install system76-driver-nvidia",
    "debian": "sudo apt install linux-headers-amd64 nvidia-driver firmware-misc-nonfree",
    "fedora": "sudo dnf install akmod-nvidia xorg-x11-drv-nvidia-cuda",
    "arch": "sudo pacman -S nvidia-open nvidia-utils",
}
_REBUILD: Final = {
    "ubuntu": "sudo dkms autoinstall",
    "debian": "sudo dkms autoinstall",
    "fedora": "sudo akmods --force",
    "arch": "sudo dkms autoinstall",
    "suse": "sudo dkms autoinstall",
}
_REFRESH_START: Final = {
    "ubuntu": "sudo update-initramfs -u",
    "debian": "sudo update-initramfs -u",
    "fedora": "sudo dracut --force",
    "suse": "sudo dracut --force",
    "arch": "sudo mkinitcpio -P",
}


def install_command(distributions: Sequence[str]) -> str:
    """Installs the driver from the distribution's own packages; "" where we know of none."""
    return _first(_INSTALL, distributions)


def rebuild_command(distributions: Sequence[str]) -> str:
    """Builds the driver for the kernel that runs."""
    return _first(_REBUILD, distributions)


def refresh_start_command(distributions: Sequence[str]) -> str:
    """Makes what is loaded at the start of the system anew."""
    return _first(_REFRESH_START, distributions)


def _first(commands: dict[str, str], distributions: Sequence[str]) -> str:
    return next((commands[name] for name in distributions if name in commands), "")
