"""Optimisers without PyTorch's compiler: nothing is compiled here, and to load it takes as long as all of PyTorch.

They load it at their first call, only to tell it to keep out of them. What they compute is the same without. Where a
PyTorch is made otherwise nothing is changed, and it loads what it wants.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.optim import SGD, Adam, AdamW, Optimizer


def without_compiler() -> None:
    """Before the first optimiser is made."""
    for method in vars(Optimizer).values():
        # Each remembers its method as the compiler is to take it, and looks there before it asks the compiler.
        if (inner := _inner(method, "_compile.py", "inner")) is not None:
            setattr(inner, "__dynamo_disable", inner)
    for kind in (SGD, Adam, AdamW):
        if (inner := _inner(vars(kind).get("step"), "optimizer.py", "_use_grad")) is not None:
            kind.step = _step(inner)


def _inner(method: Any, file: str, name: str) -> Any:
    """What a function of PyTorch by that name, in that file, is wrapped around; None where it is another."""
    code = getattr(method, "__code__", None)
    known = code is not None and code.co_name == name and code.co_filename.endswith(file)
    return getattr(method, "__wrapped__", None) if known else None


def _step(inner: Callable[..., Any]) -> Callable[..., Any]:
    def step(self: Optimizer, closure: Callable[[], float] | None = None) -> Any:
        with torch.set_grad_enabled(bool(self.defaults.get("differentiable", False))):
            return inner(self, closure)

    return step
