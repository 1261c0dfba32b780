"""Where things are in a checkout."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent.parent
PYPROJECT: Final = ROOT / "pyproject.toml"
VENV: Final = ROOT / ".venv"
LOCKS: Final = {
    "run": ROOT / "packaging" / "requirements.lock",
    "test": ROOT / "packaging" / "requirements-dev.lock",
}
