"""Which device to train on, and whether it really computes."""

from __future__ import annotations

import os
import platform

import torch

from .events import Events
from .failures import Failure
from .no_compiler import without_compiler
from .protocol import Code, Event

_BFLOAT16_CAPABILITY = (8, 0)  # Ampere: older cards imitate it, slowly


def prepare(device: str, *, exact: bool) -> str:
    """Before PyTorch looks for cards: number them as the driver does; let it see only the one asked for by its UUID.

    `exact`: have sums done in the same order each time, which costs a card some of its speed.

    Returns the device to ask `choose_device` for.
    """
    os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    if exact:
        os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # read when its library is loaded
    without_compiler()
    # The same as `use_deterministic_algorithms`, which would load the compiler.
    torch.set_deterministic_debug_mode("error" if exact else "default")
    name = device.removeprefix("cuda:")
    if device.startswith("cuda:") and not name.isdecimal():
        os.environ["CUDA_VISIBLE_DEVICES"] = name
        return "cuda:0"
    return device


def choose_device(wanted: str, events: Events) -> torch.device:
    """The device for "auto", "cpu", "cuda", "cuda:1" or "mps" (Apple's). "auto" falls back to the processor, warning.

    Raises `Failure` (no_device) where one asked for by name does not compute.
    """
    name = {"auto": _present(), "cuda": "cuda:0"}.get(wanted, wanted)
    if name == "cpu":
        return torch.device("cpu")
    try:
        device = torch.device(name)
        # A card that is too old or too new for this PyTorch is "available" and fails at its first kernel.
        (torch.ones(8, 8, device=device) @ torch.ones(8, 8, device=device)).sum().item()
    except (RuntimeError, AssertionError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        if wanted != "auto":
            raise Failure(Code.NO_DEVICE, device=wanted, reason=reason) from error
        events.emit(Event.WARNING, code=Code.GPU_UNUSABLE, values={"device": name, "reason": reason})
        return torch.device("cpu")
    return device


def own_device(wanted: str, rank: int) -> torch.device:
    """The device of a process of a team: a card of its own where there are so many, else what the leader has."""
    name = {"auto": _present(), "cuda": "cuda:0"}.get(wanted, wanted)
    if name == "cuda:0" and torch.cuda.device_count() > rank:
        name = f"cuda:{rank}"
    return torch.device(name)


def computes_bfloat16(device: torch.device, events: Events | None) -> bool:
    """Whether the device computes with short numbers by itself; warns where it does not."""
    if device.type == "cuda":
        able = bool(torch.cuda.get_device_capability(device) >= _BFLOAT16_CAPABILITY)
    else:
        able = _multiplies_bfloat16(device)
    if not able and events is not None:
        events.emit(Event.WARNING, code=Code.NO_BFLOAT16, values={"device": device_name(device)})
    return able


def _multiplies_bfloat16(device: torch.device) -> bool:
    few = torch.ones(8, 8, device=device)
    try:
        with torch.autocast(device.type, torch.bfloat16):
            return bool((few @ few).dtype == torch.bfloat16)
    except RuntimeError:
        return False


def _present() -> str:
    """The first graphics unit that PyTorch says is there, computing or not."""
    if torch.cuda.is_available():
        return "cuda:0"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return str(torch.cuda.get_device_name(device))
    if device.type == "mps":
        return "Apple GPU"
    return platform.processor() or platform.machine()
