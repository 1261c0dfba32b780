"""What libraries print while the probe runs belongs to the step in which they print it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from aienv_gui.core.processes import Outcome
from aienv_gui.core.tasks import Silent
from aienv_gui.environments.health import probe_run
from aienv_gui.environments.health.probe_run import Fate, probe


def test_words_are_of_their_step(monkeypatch: pytest.MonkeyPatch) -> None:
    def line(event: str, step: str, **answer: Any) -> str:
        return json.dumps({"step": step, "event": event, **answer})

    printed = [
        line("begin", "import:a"),
        "a has something to say",
        line("end", "import:a", ok=True, seconds=0.1),
        "and came late",  # through the other stream
        line("begin", "import:b"),
        '["no", "answer"]',
        line("end", "import:b", ok=True, seconds=0.1),
        line("begin", "import:c"),
        "c ends the process",
    ]

    def run(_command: object, *, on_line: Callable[[str], None], **_options: Any) -> Outcome:
        for text in printed:
            on_line(text)
        return Outcome(1, "", "\n".join(printed))

    monkeypatch.setattr(probe_run, "run", run)
    steps = probe(Path("python"), Path("prefix"), ["import:a", "import:b", "import:c"], Silent())
    assert steps["import:a"].words == "a has something to say\nand came late"
    assert steps["import:b"].words == '["no", "answer"]'
    assert steps["import:c"].fate is Fate.ENDED
    assert steps["import:c"].words == "c ends the process"
