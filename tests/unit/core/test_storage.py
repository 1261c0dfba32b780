"""Failed writes in words."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from aienv_gui.core.storage import writing_failed


def failed(code: int) -> OSError:
    return OSError(code, os.strerror(code))


def test_a_folder_that_lies_on_another_disk_is_not_told_as_a_disk_that_is_gone() -> None:
    problem = writing_failed(failed(errno.EXDEV), Path("/data/environments/x"))
    assert problem.code == "other_disk"
    assert "/data/environments/x" in str(problem.cause)
    assert "link" in str(problem.cure)
    assert "connected" not in str(problem.cure)
