"""Environments that hold (a stand-in for) JupyterLab, or a kernel only, without any download."""

from __future__ import annotations

import venv
from pathlib import Path

from aienv_gui.core.storage import Folders
from aienv_gui.environments.discovery.look import read_environment
from aienv_gui.environments.records import Environment, Maker


def make_environment(folders: Folders, name: str, *packages: str, maker: Maker = Maker.AIENV) -> Environment:
    """A real virtual environment in the folder of ours; ``jupyterlab`` among the packages is `jupyterlab_server`."""
    prefix = folders.environments / name
    venv.EnvBuilder(with_pip=False, symlinks=True).create(prefix)
    (site,) = prefix.glob("lib/python3.*/site-packages")
    for package in packages:
        info = site / f"{package}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "RECORD").write_text("")
        if package == "jupyterlab":
            module = site / "jupyterlab"
            module.mkdir()
            code = Path(__file__).with_name("jupyterlab_server.py").read_text(encoding="utf-8")
            (module / "__main__.py").write_text(code, encoding="utf-8")
            (module / "__init__.py").touch()
    return read_environment(prefix, maker, folders)


def make_program(place: Path, *, code: int = 0) -> Path:
    """A program that writes its arguments, its folder and its variables into files beside itself, and ends."""
    place.parent.mkdir(parents=True, exist_ok=True)
    record = place.with_name(f"{place.name}.record")
    place.write_text(
        "#!/bin/sh\n"
        f"mkdir -p '{record}'\n"
        f"env > '{record}/env'; pwd > '{record}/folder'\n"
        f"printf '%s\\n' \"$@\" > '{record}/arguments.part'; mv '{record}/arguments.part' '{record}/arguments'\n"
        f"exit {code}\n"
    )
    place.chmod(0o755)
    return record


def recorded(record: Path) -> list[str]:
    """The arguments a program of `make_program` was given."""
    return (record / "arguments").read_text(encoding="utf-8").splitlines()
