"""The tour: the real program takes its whole way by itself, where no package index can be reached."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

_ROOT = Path(__file__).resolve().parents[2]
_STEPS = ["hardware", "plan", "build", "validate", "train", "checkpoint", "stop", "resume", "evaluate", "predict"]
_NOWHERE = "http://127.0.0.1:9/simple"  # the discard port: nobody listens


def tour(folder: Path, **environment: str) -> tuple[int, dict[str, Any]]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "AIENV_"))}
    done = subprocess.run(
        [sys.executable, "-m", "aienv_gui", "--tour", folder],
        cwd=_ROOT,
        env={**inherited, "QT_QPA_PLATFORM": "offscreen", **environment},
        stdin=subprocess.DEVNULL,
        timeout=1100,
        check=False,
    )
    return done.returncode, json.loads((folder / "report.json").read_text(encoding="utf-8"))


if sys.platform != "win32":

    def test_a_tour_that_is_ended_from_outside_has_not_succeeded(tmp_path: Path) -> None:
        report = tmp_path / "report.json"
        report.write_text('{"ok": true}', encoding="utf-8")  # of a former tour
        with subprocess.Popen(
            [sys.executable, "-m", "aienv_gui", "--tour", tmp_path],
            cwd=_ROOT,
            env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
            stdin=subprocess.DEVNULL,
        ) as child:
            deadline = time.monotonic() + 60
            while not list(tmp_path.glob("*.png")):
                assert time.monotonic() < deadline
                time.sleep(0.05)
            child.terminate()
        assert child.returncode == 1
        assert not report.exists() or json.loads(report.read_text(encoding="utf-8"))["ok"] is False


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_whole_way_without_network_ends_well_and_is_reported(tmp_path: Path) -> None:
    folder = tmp_path / "tour 导览"
    code, report = tour(folder, PIP_CONFIG_FILE=os.devnull, PIP_INDEX_URL=_NOWHERE)
    assert [(step["name"], step["ok"], step["detail"]) for step in report["steps"] if not step["ok"]] == []
    assert [step["name"] for step in report["steps"]] == _STEPS
    assert report["ok"] is True
    assert code == 0
    assert "from the packages of AIEnv itself" in report["steps"][1]["detail"]
    pictures = {path.name for path in folder.glob("*.png")}
    assert pictures == set(report["pictures"])
    pages = {name.rsplit("-", 2)[0] for name in pictures}
    looks = [f"{theme}-{language}" for theme in ("light", "dark") for language in ("en", "zh_CN")]
    assert pictures == {f"{page}-{look}.png" for page in pages for look in looks}
    assert len(pages) >= 18
