"""The packages that the tests' conda channel holds."""

from __future__ import annotations

from pathlib import Path

from tests.fakes.channel.packing import CondaPackage, Member, index_channel, python_package
from tests.fakes.channel.running_python import running_python

PLACEHOLDER = "/opt/build_machine" + "_placeholder" * 18
_COLOURS = """
import sys
import paint

def main():
    print("colours with paint", paint.x, "in", sys.prefix)
"""


def sample_channel(folder: Path) -> Path:
    """Write and index a channel: a Python that runs, packages for it, and some that exclude each other."""
    packages = [
        running_python(),
        python_package(
            "colours",
            "3.1",
            {"colours.py": _COLOURS},
            requires=["paint>=2"],
            depends=["python", "paint >=2"],
            entry_points=["colours = colours:main"],
        ),
        python_package("paint", "1.9", {"paint.py": "x = '1.9'\n"}),
        python_package("paint", "2.4", {"paint.py": "x = '2.4'\n"}),
        python_package("brush", "7.0", {"brush.py": ""}, depends=["python", "paint <2"]),
        python_package("easel", "1.0", {"easel.py": ""}, depends=["python", "paint >=2"]),
        python_package("antique", "0.1", {"antique.py": ""}, depends=["python <3.8"]),
        python_package("orphan", "1.0", {"orphan.py": ""}, depends=["python", "frame >=1"]),
        CondaPackage("glow", "1.0", {"share/glow.txt": Member(b"cpu")}, build="cpu_0"),
        CondaPackage("glow", "1.0", {"share/glow.txt": Member(b"cuda")}, build="cuda_0", depends=["__cuda >=12"]),
        CondaPackage("many", "1.0", {f"share/many/{n}.txt": Member(b"x" * n) for n in range(600)}),
        CondaPackage("big", "1.0", {"share/big.bin": Member(_noise(3_000_000))}),
        CondaPackage(
            "patched",
            "1.0",
            {
                "bin/patched": Member(
                    f"#!{PLACEHOLDER}/bin/python\nimport sys; print(sys.prefix)\n".encode(),
                    executable=True,
                    placeholder=PLACEHOLDER,
                ),
                "lib/patched.bin": Member(
                    b"\x7fhead\0" + PLACEHOLDER.encode() + b"/share\0tail", placeholder=PLACEHOLDER, binary=True
                ),
            },
        ),
    ]
    for package in packages:
        package.write(folder)
    index_channel(folder)
    return folder


def _noise(length: int) -> bytes:
    """Bytes that do not compress, the same every time."""
    state, out = 1, bytearray()
    while len(out) < length:
        state = (state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        out += state.to_bytes(8, "little")[3:]
    return bytes(out[:length])
