"""Finds the Python environments of this machine, whoever made them, by reading folder names and small text files.

A hundred packages take under a millisecond, and what did not change since the last look is not read again. A disk that
does not answer costs a few seconds and is told.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import tr
from aienv_gui.environments.discovery import found_before
from aienv_gui.environments.discovery.found_before import Seen, dates_of
from aienv_gui.environments.discovery.interpreters import BaseInterpreter, base_interpreters
from aienv_gui.environments.discovery.patience import NoAnswer, Patience, gathered
from aienv_gui.environments.discovery.places import Place, Places
from aienv_gui.environments.discovery.prefix_reading import IN_PROJECT, read_environment, watched
from aienv_gui.environments.records import Environment, Maker

__all__ = ["BaseInterpreter", "base_interpreters", "discover", "discover_kept", "read_environment"]

_GROUP_LIMIT_S: Final = 6.0  # for the places of one kind; the search at home ends by itself after three
_READ_LIMIT_S: Final = 8.0  # for one environment; an interpreter that is asked for its version has five


def discover(folders: Folders, reporter: Reporter) -> tuple[Environment, ...]:
    """Every environment found on this machine: the application's own first, then ours, then by name.

    What is found is kept for the next start and the next look (`found_before`). Takes 20 to 500 ms, at most some
    seconds where disks are slow. Raises `Cancelled`.
    """
    return discover_kept(found_before.read(folders), folders, reporter)


def discover_kept(known: Iterable[Seen], folders: Folders, reporter: Reporter) -> tuple[Environment, ...]:
    """`discover`, with what was kept at the last look already read."""
    reporter.status(tr("Looking for environments"))
    before = tuple(known)
    seen = _Look(folders, reporter, {each.environment.prefix: each for each in before}).everything()
    if seen != before:
        found_before.write(seen, folders)
    return tuple(each.environment for each in seen)


@dataclass(slots=True)
class _Look:
    folders: Folders
    reporter: Reporter
    known: Mapping[Path, Seen]
    patience: Patience[tuple[str, Seen]] = field(default_factory=lambda: Patience(_READ_LIMIT_S))
    found: dict[str, Seen] = field(default_factory=dict)  # by the folder it really is: it may have several names

    def everything(self) -> tuple[Seen, ...]:
        places = Places(self.folders, tuple(self.known))
        tried: set[Path] = set()
        for group in places.groups():
            for place in gathered(group, _GROUP_LIMIT_S, self.reporter):
                if place.prefix not in tried:
                    tried.add(place.prefix)
                    self._look_at(place)
        order = {Maker.BUILT_IN: 0, Maker.AIENV: 1}
        seen = [self._with_project(each, places.projects) for each in self.found.values()]
        return tuple(sorted(seen, key=lambda each: _key(each.environment, order)))

    def _look_at(self, place: Place) -> None:
        self.reporter.checkpoint()
        try:
            identity, seen = self.patience.ask(place.prefix, _question(place, self.known, self.folders), self.reporter)
        except NoAnswer:
            identity, seen = str(place.prefix), self._silent(place)
        self.found.setdefault(identity, seen)

    def _silent(self, place: Place) -> Seen:
        """An environment on a disk that does not answer, as last seen where it was seen."""
        broken = tr("Its disk does not answer. Check the connection to it.")
        known = self.known.get(place.prefix)
        if known is not None:
            return Seen(replace(known.environment, broken=broken), {})
        prefix = place.prefix
        name = prefix.parent.name if prefix.name in IN_PROJECT else prefix.name
        python = prefix / ("python.exe" if sys.platform == "win32" else "bin/python")
        return Seen(Environment(prefix, python, name, place.maker or Maker.VENV, "", broken=broken), {})

    @staticmethod
    def _with_project(seen: Seen, projects: Mapping[str, Path]) -> Seen:
        environment = seen.environment
        if environment.maker is not Maker.POETRY or environment.project is not None:
            return seen
        mark = environment.prefix.name.rpartition("-py")[0][-8:]
        if mark not in projects:
            return seen
        return Seen(replace(environment, project=projects[mark]), seen.dates)


def _question(place: Place, known: Mapping[Path, Seen], folders: Folders) -> Callable[[], tuple[str, Seen]]:
    """What is asked of one place: which folder it really is, and what is in it."""

    def ask() -> tuple[str, Seen]:
        # The interpreter is never resolved: in a venv it is a link.
        identity = os.path.realpath(place.prefix)
        maker = Maker.BUILT_IN if identity == os.path.realpath(sys.prefix) else place.maker
        before = known.get(place.prefix)
        if before is not None and before.unchanged and maker in (None, before.environment.maker):
            return identity, before
        dates = dates_of(watched(place.prefix))  # first: what changes meanwhile is read again next time
        return identity, Seen(read_environment(place.prefix, maker, folders), dates)

    return ask


def _key(environment: Environment, order: Mapping[Maker, int]) -> tuple[int, str, str]:
    rank = order.get(environment.maker, 3 if environment.maker.is_python else 2)
    return rank, environment.name.casefold(), str(environment.prefix)
