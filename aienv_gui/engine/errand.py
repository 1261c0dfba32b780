"""Small jobs beside training: a folder with ``request.json`` gets ``progress.jsonl`` and ``answer.json``."""

from __future__ import annotations

import json
import time
import traceback
from pathlib import Path
from typing import Any

from . import protocol
from .failures import Failure
from .protocol import Code
from .recipe import options_of, preset_of
from .tasks.task import DEFAULT, LOOK_AT_PRETRAINED, Progress, reader

REQUEST = "request.json"
ANSWER = "answer.json"
PROGRESS = "progress.jsonl"
_EVERY = 0.1  # seconds between lines of progress


def run(verb: str, folder: Path) -> int:
    """Do the errand in `folder`; returns the process's exit code (0 whenever there is an answer that says ok)."""
    try:
        request = protocol.read_json(folder / REQUEST)
        with open(folder / PROGRESS, "w", encoding="ascii") as file:
            answer = _inspect(request, _writer(file)) if verb == "inspect" else _predict(request, _writer(file))
    except Failure as failure:
        answer = {"ok": False, "code": failure.code, "values": failure.values, "traceback": ""}
    except ModuleNotFoundError as error:
        values = {"name": error.name or str(error)}
        answer = {"ok": False, "code": Code.MISSING_PACKAGE, "values": values, "traceback": traceback.format_exc()}
    except MemoryError:
        values = {"device": "cpu"}
        answer = {"ok": False, "code": Code.OUT_OF_MEMORY, "values": values, "traceback": traceback.format_exc()}
    except Exception as error:  # the last place where anything can still be told
        values = {"reason": f"{type(error).__name__}: {error}"}
        answer = {"ok": False, "code": Code.UNEXPECTED, "values": values, "traceback": traceback.format_exc()}
    protocol.write_json(folder / ANSWER, answer)
    return 0 if answer["ok"] else 1


def _writer(file: Any) -> Progress:
    written = 0.0

    def progress(done: int, total: int) -> None:
        nonlocal written
        now = time.monotonic()
        if now - written >= _EVERY or done == total:
            written = now
            file.write(json.dumps({"done": done, "total": total, "time": time.time()}) + "\n")
            file.flush()

    return progress


def _inspect(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    task = str(request.get("task") or DEFAULT)
    try:
        looking = reader(task)
        if task == LOOK_AT_PRETRAINED:
            return looking.inspect(request, {}, progress)
        options = options_of(preset_of(task, request.get("preset")), request.get("model") or {})
    except ValueError as error:
        raise Failure(Code.BAD_RECIPE, reason=str(error)) from error
    return looking.inspect(request, options, progress)


def _predict(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    from .model_folder import load_model

    network, card, learner = load_model(Path(request["model"]))
    began = time.monotonic()
    results = learner.predict(network, card, request, progress)
    return {"ok": True, "results": results, "seconds": time.monotonic() - began}
