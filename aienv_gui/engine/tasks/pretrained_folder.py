"""The folder of a model that others have trained: what must lie in it, and what it tells. Standard library only."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..failures import Failure
from ..protocol import Code
from .task import Progress

_CONFIG = "config.json"
_WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin")
_TOKENIZERS = ("tokenizer.json", "vocab.txt")  # the latter of old ones
_VOCABULARY = ("vocab.json", "merges.txt", "special_tokens_map.json", "added_tokens.json", "tokenizer_config.json")
_CHUNK = 1 << 22
_LARGEST = 50_000_000  # bytes of a file beside the weights


@dataclass(frozen=True)
class Pretrained:
    """A folder that has what is needed; whether its parts are whole is seen when they are loaded."""

    folder: Path
    kind: str  # bert, roberta ...
    weights: tuple[Path, ...]
    config: dict[str, Any]

    @property
    def fingerprint(self) -> str:
        """Tells whether it is the same."""
        whole = hashlib.sha256()
        for file in (self.folder / _CONFIG, *self.tokenizer, *self.weights):
            whole.update(f"{file.name}\n".encode())
            with open(file, "rb") as content:
                while chunk := content.read(_CHUNK):
                    whole.update(chunk)
        return whole.hexdigest()

    @property
    def tokenizer(self) -> tuple[Path, ...]:
        """The files of what cuts texts into pieces."""
        files = (self.folder / name for name in (*_TOKENIZERS, *_VOCABULARY))
        return tuple(file for file in files if file.is_file() and file.stat().st_size < _LARGEST)


def look(folder: Path) -> Pretrained:
    """Raises `Failure` (bad_pretrained) that names what is missing."""
    try:
        if not folder.is_dir():
            raise _bad(folder, "no_folder")
        if not (folder / _CONFIG).is_file():
            raise _bad(folder, "no_config", name=_CONFIG)
        config = _config(folder)
        weights = _weights(folder)
        found = Pretrained(folder, str(config["model_type"]), weights, config)
        if not any(file.name in _TOKENIZERS for file in found.tokenizer):
            raise _bad(folder, "no_tokenizer", name=_TOKENIZERS[0])
    except OSError as error:
        raise _bad(folder, "unreadable", detail=error.strerror or str(error)) from error
    return found


def inspect(request: dict[str, Any], _options: dict[str, Any], _progress: Progress) -> dict[str, Any]:
    """The answer to an ``inspect`` errand."""
    found = look(Path(request["folder"]))
    sizes = {name: found.config.get(name) for name in ("num_hidden_layers", "hidden_size", "n_layers", "dim")}
    return {
        "ok": True,
        "kind": found.kind,
        "layers": sizes["num_hidden_layers"] or sizes["n_layers"],  # the latter as DistilBERT has it
        "width": sizes["hidden_size"] or sizes["dim"],
        "bytes": sum(file.stat().st_size for file in found.weights),
    }


def _config(folder: Path) -> dict[str, Any]:
    try:
        config = json.loads((folder / _CONFIG).read_text(encoding="utf-8"))
    except ValueError as error:
        raise _bad(folder, "bad_config", name=_CONFIG) from error
    if not isinstance(config, dict) or not config.get("model_type"):
        raise _bad(folder, "bad_config", name=_CONFIG)
    return config


def _weights(folder: Path) -> tuple[Path, ...]:
    """The files of the weights; a large model's lie in several, listed in an index."""
    file = next((folder / name for name in _WEIGHTS if (folder / name).is_file()), None)
    if file is None:
        raise _bad(folder, "no_weights", name=_WEIGHTS[0])
    if file.suffix != ".json":
        return (file,)
    try:
        names = sorted(set(json.loads(file.read_text(encoding="utf-8"))["weight_map"].values()))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _bad(folder, "bad_config", name=file.name) from error
    for name in names:
        if not (folder / str(name)).is_file() or Path(str(name)).name != name:
            raise _bad(folder, "no_weights", name=str(name))
    return tuple(folder / str(name) for name in names)


def _bad(folder: Path, reason: str, *, name: str = "", detail: str = "") -> Failure:
    return Failure(Code.BAD_PRETRAINED, path=str(folder), reason=reason, name=name, detail=detail)


def unusable(folder: Path, error: Exception) -> Failure:
    """What it means that a folder with everything in it could not be loaded."""
    # Its library asks for a PyTorch where there is one: for a newer one, that is.
    reason = "libraries" if isinstance(error, ImportError) and "PyTorch" in str(error) else "unusable"
    return _bad(folder, reason, detail=f"{type(error).__name__}: {' '.join(str(error).split())}")


def foreign(folder: Path, kind: str) -> Failure:
    """What it means that its weights are hardly those of the network that its configuration names."""
    return _bad(folder, "other_weights", name=kind)


def changed(folder: Path) -> Failure:
    """The folder is not what the run was begun with."""
    return _bad(folder, "changed")
