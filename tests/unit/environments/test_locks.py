"""Locks: held by another, free again, and disks that know none."""

from __future__ import annotations

import errno
import fcntl
from collections.abc import Callable
from pathlib import Path

import pytest

from aienv_gui.core.errors import Cancelled, Problem
from aienv_gui.core.storage import Folders, reason
from aienv_gui.environments.changes import transaction
from aienv_gui.environments.locks import acquire, release, waited_for
from aienv_gui.environments.planning.recipes import default_python
from aienv_gui.environments.records import Engine, Plan, Request, Sources
from tests.fakes.reporters import Keeping


def refuse(number: int) -> Callable[[int, int], None]:
    def flock(_handle: int, _operation: int) -> None:
        raise OSError(number, "as the system says it")

    return flock


def never() -> None:
    raise AssertionError("it is not waited for")


def test_a_lock_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    first = acquire(tmp_path / "below" / "a.lock")
    assert first is not None
    assert acquire(tmp_path / "below" / "a.lock") is None

    def gives_up() -> None:
        raise Cancelled

    with pytest.raises(Cancelled), waited_for(tmp_path / "below" / "a.lock", gives_up):
        pass
    release(first)
    with waited_for(tmp_path / "below" / "a.lock", never):
        pass


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.EIO])
def test_a_disk_without_locks_is_not_taken_for_one_that_another_holds(
    tmp_path: Path, folders: Folders, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """It was waited for without end."""
    monkeypatch.setattr(fcntl, "flock", refuse(number))
    with pytest.raises(OSError, match="as the system says it"):
        acquire(tmp_path / "a.lock")
    with pytest.raises(Problem) as raised, waited_for(tmp_path / "a.lock", never):
        pass
    assert str(reason(OSError(number, "as the system says it"))) in str(raised.value)
    plan = Plan(Request("e", Engine.UV, default_python(), ("paint",)), (), None, 0, 0, 10**12)
    with pytest.raises(Problem) as built:
        transaction.build(plan, Sources(), folders, Keeping())
    assert built.value.code == raised.value.code
    assert built.value.code == ("no_locks" if number != errno.EIO else "write_failed")
