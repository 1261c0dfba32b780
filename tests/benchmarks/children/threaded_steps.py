"""One measurement, in a process of its own: steps of a small dense network on two threads. Prints a JSON object."""

from __future__ import annotations

import argparse
import json
import statistics
import time

import torch
from torch import nn

_WARM = 3  # steps before it is measured


def measure(seconds: float) -> float:
    """Milliseconds that a step takes, the median over so many seconds."""
    torch.set_num_threads(2)
    network = nn.Sequential(nn.Linear(256, 512), nn.GELU(), nn.Linear(512, 512), nn.GELU(), nn.Linear(512, 64))
    optimiser = torch.optim.AdamW(network.parameters())
    inputs = torch.randn(512, 256)
    took: list[float] = []
    ends = time.monotonic() + seconds
    while time.monotonic() < ends or len(took) <= _WARM:
        began = time.monotonic()
        optimiser.zero_grad()
        network(inputs).square().mean().backward()
        optimiser.step()
        took.append(time.monotonic() - began)
    return statistics.median(took[_WARM:]) * 1000


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=4.0)
    print(json.dumps({"step_ms": measure(parser.parse_args().seconds)}))
