"""Makes small wheels and source archives that real tools accept."""

from __future__ import annotations

import base64
import hashlib
import io
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path


def metadata(name: str, version: str, requires: Sequence[str], python: str = "") -> str:
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {requirement}" for requirement in requires]
    lines += [f"Requires-Python: {python}"] if python else []
    return "\n".join(lines) + "\n"


def make_wheel(
    folder: Path,
    name: str,
    version: str = "1.0",
    *,
    requires: Sequence[str] = (),
    files: Mapping[str, str | bytes] | None = None,
    tag: str = "py3-none-any",
    scripts: Mapping[str, str] | None = None,
    python: str = "",
) -> Path:
    """A wheel with one module (``x = version``) unless `files` say otherwise; `scripts` are console entry points."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    content: dict[str, str | bytes] = dict(files) if files is not None else {f"{module}.py": f"x = {version!r}\n"}
    content[f"{info}/METADATA"] = metadata(name, version, requires, python)
    content[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: {tag}\n"
    if scripts:
        lines = "\n".join(f"{script} = {target}" for script, target in scripts.items())
        content[f"{info}/entry_points.txt"] = f"[console_scripts]\n{lines}\n"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{module}-{version}-{tag}.whl"
    record = []
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as wheel:
        for inside, text in content.items():
            data = text.encode() if isinstance(text, str) else text
            wheel.writestr(zipfile.ZipInfo(inside, (2026, 1, 1, 0, 0, 0)), data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record.append(f"{inside},sha256={digest},{len(data)}")
        wheel.writestr(f"{info}/RECORD", "\n".join([*record, f"{info}/RECORD,,"]) + "\n")
    return path


_BUILD = """\
import base64, hashlib, pathlib, zipfile
NAME, VERSION, METADATA = {name!r}, {version!r}, {metadata!r}
INFO = f"{{NAME}}-{{VERSION}}.dist-info"
WHEEL = "Wheel-Version: 1.0\\nGenerator: tests\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"

def get_requires_for_build_wheel(config_settings=None):
    return []

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    {first}
    file = f"{{NAME}}-{{VERSION}}-py3-none-any.whl"
    with zipfile.ZipFile(pathlib.Path(wheel_directory) / file, "w") as wheel:
        rows = []
        files = {{f"{{NAME}}.py": "x = 'built'\\n", INFO + "/METADATA": METADATA, INFO + "/WHEEL": WHEEL}}
        for inside, text in files.items():
            data = text.encode()
            wheel.writestr(inside, data)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            rows.append(f"{{inside}},sha256={{digest}},{{len(data)}}")
        wheel.writestr(INFO + "/RECORD", "\\n".join([*rows, INFO + "/RECORD,,"]) + "\\n")
    return file
"""


def make_source(
    folder: Path, name: str, version: str = "1.0", *, requires: Sequence[str] = (), build: str = ""
) -> Path:
    """A source archive whose build needs nothing but itself, and does `build` (Python) first."""
    text = metadata(name, version, requires)
    files = {
        "PKG-INFO": text.replace("Metadata-Version: 2.1", "Metadata-Version: 2.2"),
        "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "own_build"\nbackend-path = ["."]\n'
        f'[project]\nname = "{name}"\nversion = "{version}"\n',
        "own_build.py": _BUILD.format(name=name, version=version, metadata=text, first=build or "pass"),
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}-{version}.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for inside, content in files.items():
            data = content.encode()
            member = tarfile.TarInfo(f"{name}-{version}/{inside}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def sample_packages(folder: Path) -> list[Path]:
    """A little world of packages: ``colours`` needs ``paint>=2``, ``paint`` 1 and 2, ``oldpaint`` needs ``paint<2``."""
    return [
        make_wheel(
            folder, "colours", "3.1", requires=["paint>=2"], scripts={"colours": "colours:main"}, files=_COLOURS
        ),
        make_wheel(folder, "paint", "1.5"),
        make_wheel(folder, "paint", "2.4"),
        make_wheel(folder, "oldpaint", "0.9", requires=["paint<2"]),
        make_wheel(folder, "brush", "7.0", files={"brush.py": "x = 7\n", "brush_data.bin": bytes(range(256)) * 4000}),
    ]


_COLOURS = {"colours.py": "import paint\n\n\ndef main():\n    print('colours with paint', paint.x)\n"}
