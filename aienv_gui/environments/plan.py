"""What a build would do, before anything is changed; and where packages come from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Reporter
from aienv_gui.environments import room, synced_folders
from aienv_gui.environments.backend import Backend
from aienv_gui.environments.download import local_path
from aienv_gui.environments.pip_configuration import read_pip_configuration
from aienv_gui.environments.records import Engine, Plan, Request, Sources


def backend_of(engine: Engine) -> Backend:
    """The engine's implementation, imported when it is asked for: each costs 100 ms and most sessions need one."""
    if engine is Engine.CONDA:
        from aienv_gui.environments.conda.backend import CondaBackend

        return CondaBackend()
    from aienv_gui.environments.uv.backend import UvBackend

    return UvBackend()


def make_plan(request: Request, sources: Sources, folders: Folders, reporter: Reporter) -> Plan:
    """Resolve a request to exact files with sizes and hashes. Changes nothing but caches; takes seconds.

    Raises `Problem`: ``conflict``, ``no_such_package``, ``no_network``, ``no_python``... and `Cancelled`.
    """
    reporter.checkpoint()
    plan = backend_of(request.engine).plan(request, sources, folders, reporter)
    notes = [*plan.notes, *room.remarks(plan, folders)]
    synced = synced_folders.warning(folders.environments)
    if synced is not None:
        notes.insert(0, synced)
    return replace(plan, disks=room.disk_needs(plan, folders), notes=tuple(notes))


def sources_of_user(
    *,
    index_url: str = "",
    extra_index_urls: tuple[str, ...] = (),
    find_links: tuple[str, ...] = (),
    certificate: str = "",
    channels: tuple[str, ...] = (),
) -> Sources:
    """Where this user's packages come from: the application's settings, and where these are empty pip's configuration.

    Reads a few small files. Folders that are not there are left out: uv would refuse to work because of them.
    """
    pip = read_pip_configuration()
    return Sources(
        index_url=index_url or pip.get("index-url", ""),
        extra_index_urls=_there(extra_index_urls or tuple(pip.get("extra-index-url", "").split())),
        find_links=_there(find_links or tuple(pip.get("find-links", "").split())),
        certificate=certificate or pip.get("cert", ""),
        channels=channels or ("conda-forge",),
        no_index=pip.get("no-index", "").lower() in ("1", "true", "yes", "on"),
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
