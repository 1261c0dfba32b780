"""Makes conda packages (``.conda``) and indexes them: what a channel's maintainers do, with what tests need only."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from conda_package_streaming.create import conda_builder
from rattler import Subdir

THIS_SUBDIR = str(Subdir.current())


@dataclass(slots=True)
class Member:
    """A file of a package: its content, or where it links to; `placeholder` is the prefix written in it."""

    content: bytes = b""
    link: str = ""
    executable: bool = False
    placeholder: str = ""
    binary: bool = False


@dataclass(slots=True)
class CondaPackage:
    """What goes into one package; `files` by their path in the environment."""

    name: str
    version: str
    files: dict[str, Member] = field(default_factory=dict)
    depends: Sequence[str] = ()
    constrains: Sequence[str] = ()
    noarch_python: bool = False
    entry_points: Sequence[str] = ()
    build: str = "0"
    extra: Mapping[str, object] = field(default_factory=dict)

    @property
    def filename(self) -> str:
        return f"{self.name}-{self.version}-{self.build}.conda"

    def write(self, channel: Path) -> Path:
        """Write the package into its folder of a channel; index the channel afterwards."""
        subdir = "noarch" if self.noarch_python else THIS_SUBDIR
        folder = channel / subdir
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / self.filename
        target.unlink(missing_ok=True)
        index: dict[str, object] = {
            "name": self.name,
            "version": self.version,
            "build": self.build,
            "build_number": 0,
            "depends": list(self.depends),
            "constrains": list(self.constrains),
            "subdir": subdir,
            "license": "Apache-2.0",
            "timestamp": 1_700_000_000_000,
            **self.extra,
        }
        metadata: dict[str, object] = {
            "info/about.json": {},
            "info/paths.json": {
                "paths_version": 1,
                "paths": [_path_entry(p, m) for p, m in sorted(self.files.items())],
            },
        }
        if self.noarch_python:
            index["noarch"] = "python"
            metadata["info/link.json"] = {
                "noarch": {"type": "python", "entry_points": list(self.entry_points)},
                "package_metadata_version": 1,
            }
        metadata["info/index.json"] = index
        with conda_builder(target.stem, folder, compression_level=1) as archive:
            _add(archive, "info/files", Member("\n".join(sorted(self.files)).encode() + b"\n"))
            for name, data in metadata.items():
                _add(archive, name, Member(json.dumps(data).encode()))
            for name, member in sorted(self.files.items()):
                _add(archive, name, member)
        return target


def _path_entry(path: str, member: Member) -> dict[str, object]:
    if member.link:
        return {"_path": path, "path_type": "softlink", "sha256": hashlib.sha256(b"").hexdigest(), "size_in_bytes": 0}
    entry: dict[str, object] = {
        "_path": path,
        "path_type": "hardlink",
        "sha256": hashlib.sha256(member.content).hexdigest(),
        "size_in_bytes": len(member.content),
    }
    if member.placeholder:
        entry["prefix_placeholder"] = member.placeholder
        entry["file_mode"] = "binary" if member.binary else "text"
    return entry


def _add(archive: tarfile.TarFile, name: str, member: Member) -> None:
    info = tarfile.TarInfo(name)
    if member.link:
        info.type, info.linkname = tarfile.SYMTYPE, member.link
        archive.addfile(info)
        return
    info.size = len(member.content)
    info.mode = 0o755 if member.executable else 0o644
    archive.addfile(info, io.BytesIO(member.content))


_INDEX = """
import asyncio, os, pathlib, sys
from rattler.index.index import index_fs
asyncio.run(index_fs(pathlib.Path(sys.argv[1]), write_zst=True, write_shards=False, force=True))
os._exit(0)  # py-rattler's threads may crash an ordinary exit
"""


def index_channel(channel: Path) -> None:
    """Write the channel's repodata from the packages that lie in it."""
    (channel / "noarch").mkdir(parents=True, exist_ok=True)
    subprocess.run([sys.executable, "-c", _INDEX, channel], check=True, timeout=60)


def python_package(name: str, version: str, modules: Mapping[str, str], **more: object) -> CondaPackage:
    """A noarch Python package with its metadata, as conda-forge makes them. `requires` are its Requires-Dist."""
    requires = more.pop("requires", ())
    assert isinstance(requires, Sequence)
    info = f"site-packages/{name.replace('-', '_')}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    files = {f"site-packages/{path}": Member(source.encode()) for path, source in modules.items()}
    files[f"{info}/METADATA"] = Member(metadata.encode())
    files[f"{info}/INSTALLER"] = Member(b"conda\n")
    # Real ones list files as the build machine had them, also the ones conda makes anew: sizes that are not true here.
    rows = [f"{path},sha256=AAAA,999999" for path in modules] + ["../../../bin/tool,sha256=AAAA,12"]
    files[f"{info}/RECORD"] = Member("\n".join(rows).encode())
    package = CondaPackage(name, version, files, noarch_python=True, depends=["python"])
    for key, value in more.items():
        setattr(package, key, value)
    return package
