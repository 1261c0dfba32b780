"""Weights that a training begins with, learnt before: of a model that AIEnv made, or a file of a library's network.

All layers that fit are taken, the last one only where the classes are the same. Nothing is downloaded, and no code of a
file is run: pickled weights are read by PyTorch's restricted reader only.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from . import protocol
from .failures import Failure
from .protocol import Code

_WRAPPED = ("state_dict", "model_state_dict", "model", "state_dict_ema", "net", "network")  # where files hold them
_PREFIXES = ("module.", "_orig_mod.")  # of networks trained on several cards, or compiled
_COUNTER = "num_batches_tracked"  # files of before 2018 do without
_NAMED = 5  # layers named where they do not fit


@dataclass(frozen=True)
class Start:
    """What there is to begin with. `card`: of a model that AIEnv made."""

    path: Path
    weights: dict[str, Tensor]
    card: dict[str, Any] | None


@dataclass(frozen=True)
class Fit:
    """Which of a network's weights were taken, and which are fresh, by their names."""

    taken: tuple[str, ...]
    fresh: tuple[str, ...]


def read(path: Path) -> Start:
    """Read a model's folder or a file of weights. Raises `Failure` (bad_start) that says what is wrong with it."""
    if not path.exists():
        raise Failure(Code.BAD_START, path=str(path), reason="missing")
    card: dict[str, Any] | None = None
    try:
        if path.is_dir():
            card = protocol.read_json(path / protocol.CARD)
            weights = load_file(path / protocol.WEIGHTS)
        elif path.suffix.lower() == ".safetensors":
            weights = load_file(path)
        else:
            weights = _unwrapped(torch.load(path, map_location="cpu", weights_only=True))
    except OSError as error:
        raise Failure(Code.BAD_START, path=str(path), reason="unreadable", detail=str(error)) from error
    except (ValueError, KeyError, TypeError, RuntimeError, EOFError, SafetensorError, pickle.UnpicklingError) as error:
        detail = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        raise Failure(Code.BAD_START, path=str(path), reason="no_weights", detail=detail[:300]) from error
    if not weights:
        raise Failure(Code.BAD_START, path=str(path), reason="no_weights", detail="")
    if not all(bool(value.isfinite().all()) for value in weights.values() if value.is_floating_point()):
        raise Failure(Code.BAD_START, path=str(path), reason="not_finite")
    return Start(path, weights, card)


def _unwrapped(content: Any) -> dict[str, Tensor]:
    """The weights in what a file holds: alone, or beside other things."""
    if not isinstance(content, dict):
        raise TypeError(f"{type(content).__name__} instead of named weights")
    for key in _WRAPPED:
        if isinstance(content.get(key), dict):
            return _unwrapped(content[key])
    weights = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
    for prefix in _PREFIXES:
        if weights and all(name.startswith(prefix) for name in weights):
            weights = {name.removeprefix(prefix): value for name, value in weights.items()}
    return weights


def last_layer(network: nn.Module) -> str:
    """The name of the layer that gives the scores: the last one with a matrix of weights."""
    names = [name for name, module in network.named_modules() if _is_layer(module)]
    return names[-1] if names else ""


def _is_layer(module: nn.Module) -> bool:
    return isinstance(getattr(module, "weight", None), Tensor) and module.weight.dim() > 1


def give(network: nn.Module, start: Start, classes: tuple[str, ...], *, inside: str = "") -> Fit:
    """Put the weights of `start` into `network` wherever their names and shapes fit.

    `inside`: the part of the network that a file is for; then all of it but its last layer must fit. Raises `Failure`.
    """
    if start.card is not None:
        inside = ""  # such a model is the whole network
    same = start.card is not None and tuple(map(str, start.card.get("classes", ()))) == classes
    own = network.state_dict()
    last = last_layer(network) + "."
    offered = {f"{inside}{name}": value for name, value in start.weights.items()}
    taken: list[str] = []
    fresh: list[str] = []
    for name, value in own.items():
        fits = name in offered and offered[name].shape == value.shape and (same or not name.startswith(last))
        (taken if fits else fresh).append(name)
    layers = {name for name, _ in network.named_parameters()}
    needed = [name for name in fresh if name.startswith(inside) and not name.startswith(last)]
    wanting = [name for name in needed if not name.endswith(_COUNTER)]
    if not layers.intersection(taken) or (inside and wanting):
        names = [name.removeprefix(inside) for name in wanting[:_NAMED]]
        raise Failure(Code.BAD_START, path=str(start.path), reason="does_not_fit", names=names, count=len(wanting))
    with torch.no_grad():
        for name in taken:
            own[name].copy_(offered[name])
    return Fit(tuple(taken), tuple(fresh))


def only_fresh(network: nn.Module, fit: Fit, *, alone: bool) -> None:
    """Let the weights that are new to the network, and its last layer, learn `alone`; or all of them.

    The layers that rest keep the mean and spread that their normalisation has learnt, too.
    """
    last = last_layer(network) + "."
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(not alone or name in fit.fresh or name.startswith(last))
        if not parameter.requires_grad:
            parameter.grad = None  # of a step before; optimisers move whatever has one
    if alone:
        for name, module in network.named_modules():
            held = [
                f"{name}.{own}"
                for own, _ in (*module.named_parameters(recurse=False), *module.named_buffers(recurse=False))
            ]
            if held and not any(own in fit.fresh or own.startswith(last) for own in held):
                module.training = False
