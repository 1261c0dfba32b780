"""Which modules of an environment are worth an import to see whether it works."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from aienv_gui.environments.discovery.foreign_files import read_bytes
from aienv_gui.environments.health.integrity import RECORD_LIMIT, site_packages
from aienv_gui.environments.records import Engine, Environment, Request

_KNOWN: Final = {  # package -> module; what people make environments for
    "numpy": "numpy",
    "torch": "torch",
    "pytorch": "torch",
    "torchvision": "torchvision",
    "torchaudio": "torchaudio",
    "tensorflow": "tensorflow",
    "tensorflow-cpu": "tensorflow",
    "keras": "keras",
    "jax": "jax",
    "pillow": "PIL",
    "safetensors": "safetensors",
    "scipy": "scipy",
    "pandas": "pandas",
    "scikit-learn": "sklearn",
    "matplotlib": "matplotlib",
    "transformers": "transformers",
    "opencv-python": "cv2",
    "opencv-python-headless": "cv2",
    "onnxruntime": "onnxruntime",
    "onnxruntime-gpu": "onnxruntime",
    "jupyterlab": "jupyterlab",
}
_MODULES_A_PACKAGE: Final = 2
_AT_MOST: Final = 40


def modules_to_import(environment: Environment, request: Request | None) -> tuple[str, ...]:
    """The modules to import, light ones first: of known packages and of what was asked for. Reads small files."""
    modules: dict[str, None] = {}
    installed = {package.name for package in environment.packages}
    for package, module in _KNOWN.items():
        if package in installed:
            modules[module] = None
    if request is not None:
        for module in request.imports:
            modules[module] = None
        if not request.imports:
            for package in _asked(request):
                if package not in _KNOWN:
                    modules.update(dict.fromkeys(modules_of(environment.prefix, package)))
    return tuple(modules)[:_AT_MOST]


def _asked(request: Request) -> Iterator[str]:
    """The normalised names of the packages asked for."""
    for text in request.requirements if request.engine is Engine.UV else request.pip_requirements:
        with suppress(InvalidRequirement):
            yield canonicalize_name(Requirement(text).name)
    if request.engine is Engine.CONDA:
        for text in request.requirements:
            yield canonicalize_name(re.split(r"[\s=<>!~\[]", text.rpartition("::")[2].strip(), maxsplit=1)[0])


def modules_of(prefix: Path, package: str) -> list[str]:
    """The importable modules at the top of a package, from the list of its files."""
    for site in site_packages(prefix):
        for info in site.glob("*.dist-info"):
            if canonicalize_name(info.name.split("-")[0]) == package:
                return _tops(info)[:_MODULES_A_PACKAGE]
    return []


def _tops(info: Path) -> list[str]:
    found: set[str] = set()
    with suppress(OSError, UnicodeDecodeError, csv.Error):
        for row in csv.reader(read_bytes(info / "RECORD", RECORD_LIMIT).decode("utf-8").splitlines()):
            module = (
                re.match(r"([A-Za-z]\w*)(?:/__init__\.py|\.py|\.[\w-]+\.so|\.[\w-]+\.pyd)$", row[0]) if row else None
            )
            if module is not None and (info.parent / row[0]).is_file():
                found.add(module[1])
    return sorted(found)
