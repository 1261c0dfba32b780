"""What a build would do, before anything is changed; and where packages come from."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Final

from aienv_gui.core.errors import Action, Problem
from aienv_gui.core.settings import look_at_certificates
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import tr
from aienv_gui.environments.manifest import Manifest
from aienv_gui.environments.planning import room, synced_folders
from aienv_gui.environments.planning.backend import Backend
from aienv_gui.environments.records import Engine, Former, Plan, Request, Sources
from aienv_gui.environments.sources.download import local_path
from aienv_gui.environments.sources.pip_configuration import read_pip_configuration

_NOT_FOUND: Final = {"no_such_package", "no_such_version", "nothing_offered"}
_OFFLINE: Final = re.compile(
    "network was disabled|[Nn]etwork connectivity is disabled|not found in the cache|no usable repodata cache"
)


def backend_of(engine: Engine) -> Backend:
    """The engine's implementation, imported when it is asked for: each costs 100 ms and most sessions need one."""
    if engine is Engine.CONDA:
        from aienv_gui.environments.conda.backend import CondaBackend

        return CondaBackend()
    from aienv_gui.environments.uv.backend import UvBackend

    return UvBackend()


def make_plan(
    request: Request, sources: Sources, folders: Folders, reporter: Reporter, former: Former | None = None
) -> Plan:
    """Resolve a request to exact files with sizes and hashes. Changes nothing but caches; takes seconds.

    What `former` names keeps its version where the request lets it.

    Raises `Problem`: ``conflict``, ``no_such_package``, ``no_network``, ``no_python``... and `Cancelled`.
    """
    reporter.checkpoint()
    try:
        plan = backend_of(request.engine).plan(request, sources, folders, reporter, former)
    except Problem as problem:
        raise _looked_into(problem, request, sources, reporter) from problem
    plan = _with_room(plan, folders)
    if sources.offline:
        return replace(plan, notes=(tr("Made offline: only from what is on this computer."), *plan.notes))
    return plan


def plan_of_lock(manifest: Manifest, sources: Sources, folders: Folders, reporter: Reporter) -> Plan:
    """What it takes to build the very same files again. Asks the network for sizes at most.

    Raises `Problem` where the Python it is made from is gone, and `Cancelled`.
    """
    reporter.checkpoint()
    return _with_room(backend_of(manifest.request.engine).plan_of_lock(manifest, sources, folders, reporter), folders)


def _with_room(plan: Plan, folders: Folders) -> Plan:
    """The plan with what it takes on each disk, and what is to be known of these."""
    notes = [*plan.notes, *room.remarks(plan, folders)]
    synced = synced_folders.warning(folders.environments)
    if synced is not None:
        notes.insert(0, synced)
    return replace(plan, disks=room.disk_needs(plan, folders), notes=tuple(notes))


def _looked_into(problem: Problem, request: Request, sources: Sources, reporter: Reporter) -> Problem:
    """The reason below a refusal: a missing package may be one that was not asked for, or an index that is none."""
    if sources.offline and _OFFLINE.search(problem.details):
        return Problem(
            problem.title,
            cause=tr("AIEnv is set to work offline, and not all of the packages are on this computer."),
            cure=tr("Switch off working offline in the settings, or name a folder there that holds the packages."),
            actions=(Action("open_settings", tr("Open settings")),),
            details=problem.details,
            code="offline",
        )
    if request.engine is Engine.UV and problem.code in _NOT_FOUND:
        from aienv_gui.environments.sources.reachability import index_problem
        from aienv_gui.environments.uv.command import joined

        return index_problem(joined(sources, request), reporter) or problem
    return problem


def sources_of_user(asked: Sources | None = None) -> Sources:
    """Where this user's packages come from: what is `asked`, and where that says nothing pip's configuration.

    Reads a few small files. Folders that are not there are left out: uv would refuse to work because of them.
    """
    asked = asked or Sources()
    pip = read_pip_configuration()
    _check_certificate(asked.certificate or pip.get("cert", ""))
    return replace(
        asked,
        index_url=asked.index_url or pip.get("index-url", ""),
        extra_index_urls=_there(asked.extra_index_urls or tuple(pip.get("extra-index-url", "").split())),
        find_links=_there(asked.find_links or tuple(pip.get("find-links", "").split())),
        certificate=asked.certificate or pip.get("cert", ""),
        proxy=asked.proxy or pip.get("proxy", ""),
        python_mirror=asked.python_mirror or pip.get("python-mirror", ""),
        python_catalogue=asked.python_catalogue or pip.get("python-catalogue", ""),
        no_index=asked.no_index or pip.get("no-index", "").lower() in ("1", "true", "yes", "on"),
    )


def _check_certificate(path: str) -> None:
    """Raise `Problem` where the file of certificates cannot be read: each tool would say so in words of its own."""
    wrong = look_at_certificates(path)
    if wrong is not None:
        raise Problem(
            tr("The file with the certificates of your organisation cannot be read."),
            cause=wrong,
            cure=tr("Choose it again in the settings, or leave it out there and in pip's configuration."),
            actions=(Action("open_settings", tr("Open settings")),),
            code="no_certificate",
        )


def _there(places: tuple[str, ...]) -> tuple[str, ...]:
    result = []
    for place in places:
        local = local_path(place) if "://" in place else Path(place).expanduser()
        if "://" in place and local is None:
            result.append(place)
        elif local is not None and local.exists():
            result.append(place if "://" in place else str(local))
    return tuple(result)
