"""The probe as it runs: started by path in isolated mode, in old interpreters too, telling where it died."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROBE = Path(__file__).parents[2] / "aienv_gui" / "engine" / "probe.py"


def probed(*steps: str, python: str | Path = sys.executable, prelude: str = "") -> tuple[list[dict[str, Any]], int]:
    """Run the probe; with `prelude`, source that runs first in the same interpreter."""
    command: list[str | Path] = [python, "-I", PROBE, json.dumps({"steps": steps})]
    if prelude:
        source = f"{prelude}\nimport runpy\nrunpy.run_path({str(PROBE)!r}, run_name='__main__')"
        command = [python, "-I", "-c", source, json.dumps({"steps": steps})]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return [json.loads(line) for line in done.stdout.splitlines()], done.returncode


def test_each_step_is_told_before_and_after() -> None:
    lines, code = probed("interpreter", "import:json")
    assert code == 0
    assert [(line["step"], line["event"]) for line in lines] == [
        ("interpreter", "begin"),
        ("interpreter", "end"),
        ("import:json", "begin"),
        ("import:json", "end"),
    ]
    assert all(line["ok"] and line["seconds"] >= 0 for line in lines if line["event"] == "end")


def test_interpreter_tells_its_markers_and_search_path() -> None:
    from packaging.markers import default_environment

    (_, answer), _ = probed("interpreter")
    assert answer["prefix"] == sys.prefix
    assert answer["markers"] == {key: value for key, value in default_environment().items() if key != "extra"}
    assert any(Path(entry).name == "site-packages" for entry in answer["path"])
    assert str(PROBE.parent) not in answer["path"]


def test_import_that_fails_says_what_is_missing_and_what_needs_it_is_skipped() -> None:
    lines, code = probed("import:numpy", "computation:numpy", prelude="import sys; sys.modules['numpy'] = None")
    imported, computed = (line for line in lines if line["event"] == "end")
    assert code == 0
    assert imported["ok"] is False
    assert imported["error"] == "ModuleNotFoundError"
    assert imported["missing"] == "numpy"
    assert "Traceback" in imported["traceback"]
    assert computed["skipped"] is True


def test_probe_ends_with_who_asked_while_a_step_stands_still(tmp_path: Path) -> None:
    (tmp_path / "reads_and_stands.py").write_text("import sys, time\nassert sys.stdin.read() == ''\ntime.sleep(100)\n")
    source = f"import runpy, sys; sys.path.insert(0, {str(tmp_path)!r})\n"
    source += f"runpy.run_path({str(PROBE)!r}, run_name='__main__')"
    task = json.dumps({"steps": ["import:json", "import:reads_and_stands"], "lifeline": True})
    with subprocess.Popen(
        [sys.executable, "-I", "-c", source, task], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as probe:
        assert probe.stdin is not None
        assert probe.stdout is not None
        steps = [json.loads(probe.stdout.readline()) for _ in range(3)]
        assert (steps[-1]["step"], steps[-1]["event"]) == ("import:reads_and_stands", "begin")
        assert probe.poll() is None
        probe.stdin.close()
        assert probe.wait(20) == 3


def test_module_that_exits_or_prints_does_not_stop_the_probe() -> None:
    hook = "import sys; sys.path.insert(0, {folder!r})"
    folder = Path(__file__).parent / "probe_modules"
    lines, code = probed("import:exits", "import:prints", prelude=hook.format(folder=str(folder)))
    assert code == 0
    exits, prints = (line for line in lines if line["event"] == "end")
    assert exits["error"] == "SystemExit"
    assert prints["ok"] is True


def test_crash_leaves_the_step_it_happened_in() -> None:
    lines, code = probed("import:json", "import:dies", prelude=_DIES)
    assert code < 0
    assert lines[-1] == {"step": "import:dies", "event": "begin"}
    assert lines[-2]["ok"] is True


_DIES = """
import importlib.abc, importlib.machinery, os, signal, sys
class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == "dies":
            os.kill(os.getpid(), signal.SIGBUS)
sys.meta_path.insert(0, Finder())
"""


@pytest.mark.slow
def test_right_computations_pass() -> None:
    steps = ("import:numpy", "import:torch", "computation:numpy", "computation:torch", "agree:numpy-torch")
    lines, code = probed(*steps, "accelerator:torch")
    assert code == 0
    ends = {line["step"]: line for line in lines if line["event"] == "end"}
    assert all(ends[step]["ok"] for step in steps)
    assert isinstance(ends["accelerator:torch"]["available"], bool)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("step", "sabotage"),
    [
        (
            "computation:numpy",
            "import numpy; s = numpy.linalg.solve; numpy.linalg.solve = lambda a, b: s(a, b) * 1.001",
        ),
        (
            "computation:torch",
            "from torch.nn import functional as f; c = f.conv2d; f.conv2d = lambda a, b: c(a, b) + 0.01",
        ),
        (
            "computation:torch",
            "from torch.nn import functional as f; m = f.mse_loss; f.mse_loss = lambda a, b: m(a, b) * 1.01",
        ),
        ("agree:numpy-torch", "import torch; e = torch.exp; torch.exp = lambda a: e(a) * 1.001"),
    ],
    ids=["numpy_solve", "torch_convolution", "torch_gradient", "libraries_differ"],
)
def test_wrong_computations_are_found(step: str, sabotage: str) -> None:
    lines, _ = probed(step, prelude=sabotage)
    assert lines[-1]["ok"] is False


def test_old_interpreters_can_run_it() -> None:
    """The oldest Python found here; where there is only this one, at least its grammar is that of 3.7."""
    import ast

    ast.parse(PROBE.read_text(encoding="utf-8"), feature_version=(3, 7))
    for name in ("python3.7", "python3.8", "python3.9", "python3.10", "python3.12", "python3.13", "python3.14"):
        other = shutil.which(name)
        if other is not None and subprocess.run([other, "--version"], capture_output=True, check=False).returncode == 0:
            lines, code = probed("interpreter", "import:json", python=other)
            assert code == 0
            assert lines[1]["markers"]["python_version"] == name.removeprefix("python")


def with_modules(*names: str, **variables: str) -> str:
    """Source that imports modules of this folder's `probe_modules` first, with these environment variables."""
    folder = str(Path(__file__).parent / "probe_modules")
    return f"import os, sys; os.environ.update({variables!r}); sys.path.insert(0, {folder!r})\n" + "".join(
        f"import {name}\n" for name in names
    )


def cards_of(answer: dict[str, Any]) -> list[tuple[str, str]]:
    return [(card["name"], card["state"]) for card in answer["devices"]]


@pytest.mark.slow
def test_each_card_is_held_against_the_processor_and_one_without_code_is_not_tried() -> None:
    """On the card of capability 6.1 a kernel would fail: it is told from the build's list of architectures."""
    prelude = with_modules("pretended_cards", CARDS="8.9:right,6.1:fails,9.0:wrong,12.0:fails")
    lines, code = probed("import:torch", "accelerator:torch", "computation:torch", prelude=prelude)
    assert code == 0
    answer = next(line for line in lines if line["step"] == "accelerator:torch" and line["event"] == "end")
    assert (answer["kind"], answer["built_for"], answer["available"]) == ("cuda", "13.0", True)
    expected = [("Card 0", "right"), ("Card 1", "no_code"), ("Card 2", "wrong"), ("Card 3", "failed")]
    assert cards_of(answer) == expected
    assert answer["devices"][1]["capability"] == [6, 1]
    assert "sm_75" in answer["devices"][1]["built"]
    assert "no kernel image" in answer["devices"][3]["message"]
    assert all(card["seconds"] >= 0 for card in answer["devices"])
    assert lines[-1]["ok"] is True  # the processor calculates rightly all the same


@pytest.mark.parametrize(
    ("built", "capability", "runs"),
    [
        (["sm_75", "sm_80"], (7, 5), True),
        (["sm_75", "sm_80"], (8, 9), True),
        (["sm_75", "sm_80"], (6, 1), False),
        (["sm_75", "sm_80"], (9, 0), False),
        (["sm_75", "compute_80"], (12, 0), True),
        (["sm_75", "compute_90"], (8, 6), False),
        (["sm_86"], (8, 0), False),
        (["sm_90a"], (9, 0), True),
        (["sm_100a"], (10, 3), False),
        (["sm_50", "sm_60", "sm_70"], (6, 1), True),
        ([], (9, 0), True),
        (["gfx90a"], (9, 0), True),
    ],
)
def test_code_for_a_card(built: list[str], capability: tuple[int, int], runs: bool) -> None:
    import runpy

    assert runpy.run_path(str(PROBE))["_has_code"](built, capability) is runs


def test_a_model_is_written_that_is_read_by_the_rules_of_the_format() -> None:
    lines, _ = probed(
        "import:onnxruntime", "computation:onnxruntime", "accelerator:onnxruntime", prelude=with_modules()
    )
    ends = {line["step"]: line for line in lines if line["event"] == "end"}
    assert ends["computation:onnxruntime"]["ok"] is True
    assert (ends["accelerator:onnxruntime"]["built_for"], ends["accelerator:onnxruntime"]["devices"]) == ("", [])


_DRIVER = """
import ctypes
class Driver:
    def cuInit(self, flags): return 0
    def cuDeviceGetCount(self, to): to._obj.value = 2; return 0
    def cuDeviceGet(self, to, index): to._obj.value = index; return 0
    def cuDeviceGetName(self, to, size, device): to.value = b"Card %d" % device.value; return 0
ctypes.CDLL = lambda name: Driver()
"""


def test_a_runtime_that_goes_on_with_the_processor_in_silence_is_found_out() -> None:
    prelude = with_modules(ONNX_PROVIDERS="CUDAExecutionProvider CPUExecutionProvider", ONNX_CARDS="1") + _DRIVER
    lines, _ = probed("accelerator:onnxruntime", prelude=prelude)
    assert cards_of(lines[-1]) == [("Card 0", "right"), ("Card 1", "failed")]
    assert "CUDAExecutionProvider could not be used" in lines[-1]["devices"][1]["message"]


def test_keras_is_let_run_on_what_is_installed(tmp_path: Path) -> None:
    for module in ("keras", "torch"):
        (tmp_path / f"{module}.py").write_text("import os\n__version__ = os.environ.get('KERAS_BACKEND', '')\n")
    home = f"import os, sys; os.environ['HOME'] = {str(tmp_path)!r}; sys.path.insert(0, {str(tmp_path)!r})\n"
    home += "os.environ.pop('KERAS_BACKEND', None); sys.modules['jax'] = None\n"
    hidden = "import importlib.util as u; f = u.find_spec; u.find_spec = lambda n: None if n in {0!r} else f(n)\n"
    lines, _ = probed("import:keras", prelude=home + hidden.format(["tensorflow", "jax"]))
    assert (lines[-1]["instead"], lines[-1]["version"]) == ("torch", "torch")
    (tmp_path / ".keras").mkdir()
    (tmp_path / ".keras/keras.json").write_text('{"backend": "torch"}')
    lines, _ = probed("import:keras", prelude=home + hidden.format(["tensorflow", "jax"]))
    assert (lines[-1]["instead"], lines[-1]["version"]) == ("", "")
