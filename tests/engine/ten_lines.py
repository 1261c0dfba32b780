"""A finished model without AIEnv: `ten_lines.py <model folder>`; ten lines of code, as the README shows."""

import json
import runpy
import sys

import torch
from safetensors.torch import load_file

folder = sys.argv[1]
card = json.load(open(f"{folder}/card.json", encoding="utf-8"))  # noqa: SIM115
network = runpy.run_path(f"{folder}/network.py")["of_card"](card)
network.load_state_dict(load_file(f"{folder}/model.safetensors"))
print(card["classes"], network(torch.zeros(1, *card["input"]["shape"])).softmax(1).tolist())
