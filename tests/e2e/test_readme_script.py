"""The script that the README shows loads a model and names a picture's class."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from aienv_gui.engine.models import convolutional

_ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.parametrize("channels", [1, 3])
def test_the_script_of_the_readme_uses_a_model(tmp_path: Path, channels: int) -> None:
    script = re.search(r"```python\n(.*?)```", (_ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert script
    (tmp_path / "use.py").write_text(script[1], encoding="utf-8")
    model = tmp_path / "model"
    model.mkdir()
    card = {
        "architecture": "compact_convnet",
        "options": {"channels": channels, "size": 16, "widths": [4]},
        "classes": ["猫", "dog", "bird"],
        "input": {"shape": [channels, 16, 16]},
    }
    network = convolutional.of_card(card)
    torch.nn.init.zeros_(network.layers[-1].weight)
    network.layers[-1].bias.data = torch.tensor([0.0, 2.0, 1.0])
    save_file(network.state_dict(), model / "model.safetensors")
    (model / "card.json").write_text(json.dumps(card), encoding="utf-8")
    shutil.copy(Path(convolutional.__file__), model / "network.py")
    Image.new("RGB", (40, 30), "red").save(tmp_path / "picture.png")
    done = subprocess.run(
        [sys.executable, "-I", tmp_path / "use.py", model, tmp_path / "picture.png"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "dog\n", done.stderr
