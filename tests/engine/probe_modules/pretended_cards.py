"""Lets the real PyTorch say that it has CUDA cards; what is put on one is calculated on the processor.

``CARDS`` in the environment: capability and conduct of each, as in ``8.9:right,12.0:wrong,7.5:fails``. A card that
calculates wrongly gives every number a hundredth more than it should; one that fails does so at its first kernel.
"""

from __future__ import annotations

import os
from typing import Any

import torch

_CARDS = [card.split(":") for card in os.environ["CARDS"].split(",")]
_tensor = torch.tensor


def _on_card(values: Any, *, device: Any = "cpu", **options: Any) -> Any:
    name = str(device)
    if not name.startswith("cuda"):
        return _tensor(values, device=device, **options)
    conduct = _CARDS[int(name.partition(":")[2])][1]
    if conduct == "fails":
        raise RuntimeError("CUDA error: no kernel image is available for execution on the device")
    made = _tensor(values, **options)
    return made * 1.01 if conduct == "wrong" else made


torch.tensor = _on_card
torch.version.cuda = "13.0"
torch.cuda.is_available = lambda: True
torch.cuda.device_count = lambda: len(_CARDS)
torch.cuda.get_device_name = lambda index: f"Card {index}"
torch.cuda.get_device_capability = lambda index: tuple(int(part) for part in _CARDS[index][0].split("."))
torch.cuda.get_arch_list = lambda: os.environ.get("BUILT_FOR", "sm_75 sm_80 sm_86 sm_90 sm_100 sm_120").split()
