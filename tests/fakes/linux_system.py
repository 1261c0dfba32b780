"""The files by which a made-up Linux tells of itself: distribution, kernel modules, Secure Boot, containers, WSL."""

from __future__ import annotations

from pathlib import Path

from tests.fakes.pci_bus import plug_in

KERNEL = "6.12.9-amd64"
_SECURE_BOOT = "sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
_VERSION = "Linux version {kernel} (build@host) (gcc 14.2.0) #1 SMP"
_LOADED = "NVRM version: NVIDIA UNIX x86_64 Kernel Module  {version}  Sun May 12 19:39:15 UTC 2024"


class LinuxSystem:
    """Below `root`; on a real computer with an empty bus until something is added."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write("proc/sys/kernel/osrelease", KERNEL)
        self.write("proc/version", _VERSION.format(kernel=KERNEL))
        self.write("proc/modules", "ext4 1000000 1 - Live 0x0000000000000000")
        self.write("proc/cpuinfo", "processor : 0\nflags : fpu vme sse2 avx2")
        self.write("etc/os-release", 'NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian\n')
        self.kernel(KERNEL)
        (root / "sys/bus/pci/devices").mkdir(parents=True)

    def write(self, name: str, content: str) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(f"{content}\n", encoding="utf-8")

    def nvidia_card(self, driver: str = "") -> None:
        plug_in(self.root, "0000:01:00.0", vendor="0x10de", model="0x2786", driver=driver)

    def kernel(self, release: str, *modules: str) -> None:
        """A kernel with its own modules and these, as the system lists them."""
        own = ("kernel/fs/ext4/ext4.ko.xz", "kernel/drivers/platform/x86/nvidia-wmi-ec-backlight.ko.xz")
        self.write(f"lib/modules/{release}/modules.dep", "\n".join(f"{name}:" for name in (*own, *modules)))

    def load(self, *modules: str) -> None:
        self.write("proc/modules", "\n".join(f"{name} 1000 0 - Live 0x0" for name in ("ext4", *modules)))

    def driver_runs(self, version: str) -> None:
        self.write("proc/driver/nvidia/version", _LOADED.format(version=version))

    def secure_boot(self, *, on: bool) -> None:
        path = self.root / _SECURE_BOOT
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\x06\x00\x00\x00" + (b"\x01" if on else b"\x00"))

    def wsl(self) -> None:
        self.write("proc/version", "Linux version 5.15.167.4-microsoft-standard-WSL2 (root@build) #1 SMP")

    def virtual(self, name: str) -> None:
        self.write("proc/cpuinfo", "processor : 0\nflags : fpu vme sse2 hypervisor avx2")
        self.write("sys/class/dmi/id/product_name", name)
