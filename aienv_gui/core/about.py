"""Who we are: the version, installed or in a checkout."""

from __future__ import annotations

import importlib.metadata
import tomllib
from functools import cache
from pathlib import Path


@cache
def version() -> str:
    """The version of AIEnv."""
    try:
        return importlib.metadata.version("aienv")
    except importlib.metadata.PackageNotFoundError:  # run from a checkout that is not installed
        project = Path(__file__).resolve().parents[2] / "pyproject.toml"
        return str(tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"])
