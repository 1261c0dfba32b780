"""Registers environments as kernels in the user's Jupyter folder: every Jupyter of this computer offers them."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Final

from aienv_gui.core.storage import write_atomic
from aienv_gui.environments.discovery.kernels import jupyter_folder
from aienv_gui.environments.launchers import activation
from aienv_gui.environments.records import Environment, Maker

_PREFIX: Final = "aienv-"


def kernel_name(environment: Environment) -> str:
    """The kernel's name: ``aienv-<folder>``, with a hash where we did not choose the folder's name."""
    plain = re.sub(r"[^a-z0-9._-]+", "-", environment.prefix.name.casefold()).strip("-.") or "environment"
    if environment.maker is Maker.AIENV:
        return f"{_PREFIX}{plain}"
    digest = hashlib.sha256(str(environment.prefix).encode("utf-8", "surrogateescape")).hexdigest()[:6]
    return f"{_PREFIX}{plain}-{digest}"


def register(environment: Environment) -> Path:
    """Write the environment's kernel and return its file. Takes those away whose environments are gone.

    Raises `Problem` where the folder cannot be written.
    """
    folder = jupyter_folder() / "kernels"
    _sweep(folder)
    path = folder / kernel_name(environment) / "kernel.json"
    content = {
        "argv": [str(environment.python), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": f"{environment.name} (Python {environment.python_version})",
        "language": "python",
        "env": _variables(environment),
        "metadata": {"debugger": True, "aienv": {"prefix": str(environment.prefix)}},
    }
    write_atomic(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return path


def unregister(environment: Environment) -> None:
    """Take the environment's kernel away; one that is not there is fine."""
    shutil.rmtree(jupyter_folder() / "kernels" / kernel_name(environment), ignore_errors=True)


def _variables(environment: Environment) -> dict[str, str]:
    """The environment's variables for its kernel. Jupyter replaces ``${PATH}`` in them, so a ``$`` stands doubled."""
    folders = [str(folder).replace("$", "$$") for folder in activation.search_path(environment)]
    found = {name: value.replace("$", "$$") for name, value in activation.settings(environment).items()}
    return {**found, "PATH": os.pathsep.join([*folders, "${PATH}"])}


def _sweep(folder: Path) -> None:
    """Delete kernels of ours whose interpreter is gone; everything else is somebody else's."""
    with suppress(OSError):
        for place in folder.glob(f"{_PREFIX}*"):
            with suppress(OSError, ValueError, KeyError, TypeError, IndexError):
                content = json.loads((place / "kernel.json").read_text(encoding="utf-8"))
                if content["metadata"]["aienv"] and not Path(content["argv"][0]).exists():
                    shutil.rmtree(place, ignore_errors=True)
