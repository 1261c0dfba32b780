"""What a finished model says about pictures; they are prepared exactly as those it was trained on."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from . import protocol
from .failures import Failure
from .models.convolutional import of_card
from .protocol import Code
from .tasks import pictures
from .tasks.image_classification import pixels


def load_model(folder: Path) -> tuple[nn.Module, dict[str, Any]]:
    """The network and card of a model folder. Runs no code of that folder. Raises `Failure` (bad_model)."""
    try:
        card = protocol.read_json(folder / protocol.CARD)
        network = of_card(card)
        network.load_state_dict(load_file(folder / protocol.WEIGHTS))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError, SafetensorError) as error:
        raise Failure(Code.BAD_MODEL, path=str(folder), reason=f"{type(error).__name__}: {error}") from error
    return network, card


def predict(request: dict[str, Any], progress: Callable[[int, int], None]) -> dict[str, Any]:
    """The answer to a ``predict`` errand."""
    network, card = load_model(Path(request["model"]))
    began = time.monotonic()
    wanted = card["input"]
    results: list[dict[str, Any]] = []
    paths = [str(path) for path in request["pictures"]]
    for number, path in enumerate(paths):
        progress(number, len(paths))
        try:
            _, image = pictures.read_picture(Path(path))
            values = pictures.array(image, wanted["channels"], wanted["height"], wanted["width"])
        except pictures.Broken as error:
            broken = {"path": path, "reason": error.reason, "detail": error.detail}
            results.append({"path": path, "code": Code.BROKEN_PICTURE, "values": broken})
            continue
        batch = torch.from_numpy(values.copy())[None]
        if request.get("invert"):
            batch = 255 - batch
        with torch.no_grad():
            chances = network(pixels(batch)).softmax(dim=1)[0]
        best = chances.topk(min(int(request.get("top", 5)), len(card["classes"])))
        results.append(
            {
                "path": path,
                "top": [
                    {"class": card["classes"][place], "probability": chance}
                    for chance, place in zip(best.values.tolist(), best.indices.tolist(), strict=True)
                ],
                "warnings": _warnings(float(batch.double().mean()) / 255, wanted),
            }
        )
    progress(len(paths), len(paths))
    return {"ok": True, "results": results, "seconds": time.monotonic() - began}


def _warnings(brightness: float, wanted: dict[str, Any]) -> list[dict[str, Any]]:
    """Whether the picture is far brighter or darker than those of the training, as ink on paper is to chalk."""
    usual, spread = wanted.get("brightness"), wanted.get("brightness_spread")
    if usual is None or spread is None:
        return []
    far = abs(brightness - usual) > max(4 * spread, 0.25)
    swapped_is_nearer = abs(1 - brightness - usual) < abs(brightness - usual)
    if not (far and swapped_is_nearer):
        return []
    values = {"brightness": round(brightness, 3), "training_brightness": round(usual, 3)}
    return [{"code": Code.UNLIKE_TRAINING, "values": values}]
