"""The probe's process and the application that started it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil

_ASKS = """
import sys
from pathlib import Path
from aienv_gui.core.tasks import Silent
from aienv_gui.environments.health.probe_run import probe

def tell(step):
    print(step.name, flush=True)

probe(Path(sys.argv[1]), Path(sys.argv[1]).parent.parent, ["interpreter", "import:stands_still"], Silent(), tell)
"""


def test_a_killed_application_leaves_no_probe_behind(tmp_path: Path) -> None:
    """Nobody was left to end a step that stands still."""
    site = tmp_path / "e" / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    site.mkdir(parents=True)
    (tmp_path / "e" / "pyvenv.cfg").write_text(f"home = {Path(sys.executable).resolve().parent}\n")
    (tmp_path / "e" / "bin").mkdir()
    python = tmp_path / "e" / "bin" / "python"
    python.symlink_to(sys.executable)
    began = tmp_path / "began"
    os.mkfifo(began)  # reading it waits for the one who writes
    source = f"import os, time\nwith open({str(began)!r}, 'w') as file:\n    file.write(str(os.getpid()))\n"
    (site / "stands_still.py").write_text(source + "time.sleep(100)\n")
    with subprocess.Popen([sys.executable, "-c", _ASKS, python], stdout=subprocess.PIPE, text=True) as application:
        probe = psutil.Process(int(began.read_text()))
        application.kill()
        application.wait()
        probe.wait(30)  # the step would have lasted much longer
