"""The environments as last seen, kept in the cache: the list is there at once, and what is unchanged is not read again.

`Seen` holds an environment with the dates of what was read for it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders, write_atomic
from aienv_gui.core.wording import Text
from aienv_gui.environments.discovery.foreign_files import read_bytes
from aienv_gui.environments.discovery.prefix_reading import with_health
from aienv_gui.environments.records import Environment, Maker, Package

_VERSION: Final = 1
_LIMIT: Final = 1 << 26

Dates = Mapping[str, int | None]  # path -> when it was changed, in nanoseconds; None: not there


@dataclass(frozen=True, slots=True)
class Seen:
    """An environment and the dates of the files it was read from."""

    environment: Environment
    dates: Dates

    @property
    def unchanged(self) -> bool:
        """Whether none of the files was changed since; some calls of the system."""
        return bool(self.dates) and all(_date(path) == date for path, date in self.dates.items())


def dates_of(paths: Iterable[Path]) -> Dates:
    """The dates of files and folders as they are now."""
    return {str(path): _date(str(path)) for path in paths}


def _date(path: str) -> int | None:
    try:
        return os.stat(path).st_mtime_ns  # noqa: PTH116 - hundreds of them
    except (OSError, ValueError):
        return None


def read(folders: Folders) -> tuple[Seen, ...]:
    """The environments as last seen, in the order of the list; none where nothing is kept or the file is damaged.

    Their health is that of now: it stands in files of its own. Ten to fifty milliseconds for a hundred.
    """
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        data = json.loads(read_bytes(_file(folders), _LIMIT))
        if data["version"] == _VERSION:
            seen = tuple(_from_json(entry) for entry in data["environments"])
            # Another installation of the program has another environment of its own.
            return tuple(
                Seen(with_health(each.environment, folders), each.dates)
                for each in seen
                if each.environment.maker is not Maker.BUILT_IN or each.environment.prefix == Path(sys.prefix)
            )
    return ()


def write(seen: Sequence[Seen], folders: Folders) -> None:
    """Keep them for the next start. What cannot be kept is looked up again then."""
    data = {"version": _VERSION, "environments": [_to_json(each) for each in seen]}
    with suppress(Problem):  # paths may hold what is no text: only escaped they fit into a file
        write_atomic(_file(folders), json.dumps(data, separators=(",", ":")))


def _file(folders: Folders) -> Path:
    return folders.cache / "environments.json"


def _to_json(seen: Seen) -> dict[str, Any]:
    environment = seen.environment
    return {
        "prefix": str(environment.prefix),
        "python": str(environment.python),
        "name": environment.name,
        "maker": environment.maker.value,
        "python_version": environment.python_version,
        "packages": [text for package in environment.packages for text in (package.name, package.version)],
        "broken": environment.broken.to_json() if environment.broken else None,
        "project": str(environment.project) if environment.project else None,
        "dates": dict(seen.dates),
    }


def _from_json(data: Mapping[str, Any]) -> Seen:
    texts = data["packages"]
    environment = Environment(
        prefix=Path(data["prefix"]),
        python=Path(data["python"]),
        name=str(data["name"]),
        maker=Maker(data["maker"]),
        python_version=str(data["python_version"]),
        packages=tuple(Package(str(name), str(version)) for name, version in zip(texts[::2], texts[1::2], strict=True)),
        broken=Text.from_json(data["broken"]) if data["broken"] else None,
        project=Path(data["project"]) if data["project"] else None,
    )
    return Seen(environment, {str(path): date for path, date in data["dates"].items()})
