"""The engine's optimisers do not load PyTorch's compiler, and compute the same."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.engine.engine_runs import PYTHON

ROOT = Path(__file__).parents[2]
LEARN = """
import io, json, sys
sys.path.insert(0, sys.argv[1])
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from aienv_gui.engine import devices

exact = sys.argv[3] == "exact"
if sys.argv[2] == "ours":
    devices.prepare("cpu", exact=exact)
else:
    torch.use_deterministic_algorithms(exact)
weights = []
kinds = [
    (torch.optim.SGD, {"momentum": 0.9, "fused": True}),
    (torch.optim.Adam, {"fused": True}),
    (torch.optim.AdamW, {"fused": True, "weight_decay": 0.1}),
    (torch.optim.AdamW, {}),
]
for kind, settings in kinds:
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(5, 4), torch.nn.Tanh(), torch.nn.Linear(4, 3))
    average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True)
    optimiser = kind(network.parameters(), 0.1, **settings)
    for _ in range(5):
        optimiser.zero_grad(set_to_none=True)
        network(torch.ones(2, 5)).square().sum().backward()
        optimiser.step()
        average.update_parameters(network)
        optimiser.load_state_dict(optimiser.state_dict())
    torch.save(optimiser.state_dict(), io.BytesIO())
    weights += [value.flatten().tolist() for value in average.state_dict().values()]
told = {"compiler": "torch._dynamo" in sys.modules or "torch._inductor" in sys.modules}
print(json.dumps({**told, "exact": torch.are_deterministic_algorithms_enabled(), "weights": weights}))
"""


@pytest.mark.slow
@pytest.mark.parametrize("exact", ["exact", "close"])
def test_the_optimisers_compute_the_same_without_the_compiler(exact: str) -> None:
    found = {}
    for whose in ("ours", "theirs"):
        command = [PYTHON, "-c", LEARN, str(ROOT), whose, exact]
        found[whose] = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=120).stdout)
    assert found["ours"]["weights"] == found["theirs"]["weights"]
    assert len(found["ours"]["weights"]) == 4 * 5
    assert found["ours"]["exact"] == found["theirs"]["exact"] == (exact == "exact")
    assert found["theirs"]["compiler"]  # else the engine need not mind it
    assert not found["ours"]["compiler"]
