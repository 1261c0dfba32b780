"""The running interpreter as an archive of python-build-standalone's form, with a mirror and a list that name it."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import sys
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from aienv_gui.environments.records import Sources
from tests.fakes.channel.running_python import VERSION, running_python
from tests.fakes.web import Reply

_OFFICIAL = "https://github.com/astral-sh/python-build-standalone/releases/download"
_RELEASE = "20991231"
_SYSTEMS = {"linux": "linux", "darwin": "macos", "win32": "windows"}


@dataclass(frozen=True, slots=True)
class PythonArchive:
    """`catalogue` is the list of Pythons (JSON), `file` the archive; `path` where a mirror has it."""

    catalogue: Path
    file: Path

    @property
    def path(self) -> str:
        return f"/{_RELEASE}/{quote(self.file.name)}"

    def sources(self, mirror: str) -> Sources:
        return Sources(python_mirror=mirror, python_catalogue=self.catalogue.as_uri())

    def serve(self, otherwise: Callable[[str], Reply] = lambda _: Reply(404)) -> Callable[[str], Reply]:
        """What a mirror answers; `otherwise` to what else it is asked."""
        content = self.file.read_bytes()
        return lambda path: Reply(body=content, kind="application/gzip") if path == self.path else otherwise(path)


def pack(folder: Path, *, sha256: str = "") -> PythonArchive:
    """Pack the running Python; takes a second or two. `sha256`: what the list says in place of the truth."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"cpython-{VERSION}+{_RELEASE}-tests-install_only_stripped.tar.gz"
    with tarfile.open(file, "w:gz", compresslevel=1) as archive:
        for inside, member in running_python().files.items():
            entry = tarfile.TarInfo(f"python/{inside}")
            if member.link:
                entry.type, entry.linkname = tarfile.SYMTYPE, member.link
                archive.addfile(entry)
            else:
                entry.size, entry.mode = len(member.content), 0o755 if member.executable else 0o644
                archive.addfile(entry, io.BytesIO(member.content))
    major, minor, patch = (int(number) for number in VERSION.split("."))
    system, machine = _SYSTEMS[sys.platform], platform.machine().lower().replace("amd64", "x86_64")
    libc = "gnu" if system == "linux" else "none"
    entry_data = {
        "name": "cpython",
        "arch": {"family": machine, "variant": None},
        "os": system,
        "libc": libc,
        "major": major,
        "minor": minor,
        "patch": patch,
        "prerelease": "",
        "url": f"{_OFFICIAL}/{_RELEASE}/{quote(file.name)}",
        "sha256": sha256 or hashlib.sha256(file.read_bytes()).hexdigest(),
        "variant": None,
        "build": _RELEASE,
    }
    catalogue = folder / "pythons.json"
    catalogue.write_text(json.dumps({f"cpython-{VERSION}-{system}-{machine}-{libc}": entry_data}), encoding="utf-8")
    return PythonArchive(catalogue, file)
