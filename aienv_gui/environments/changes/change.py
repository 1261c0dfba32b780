"""Plans a change to an environment, a repair, and a copy: what the whole new environment will be. Changes nothing.

A change is never made in place: the new environment is made whole beside the old one (`transaction`). So its plan is
that of any environment, with two additions: what is installed keeps its version wherever it can (`Former`), and what
was installed by other programs is taken along.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from aienv_gui.core.errors import Action, Problem
from aienv_gui.core.explain import UNREACHABLE
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import Text, tr
from aienv_gui.environments.changes.change_request import (
    changed_request,
    copied_request,
    name_of,
    of_accelerator,
    unlocked_request,
)
from aienv_gui.environments.changes.ownership import check_ours, manifest_of
from aienv_gui.environments.conda.backend import archive_stem
from aienv_gui.environments.contents.packages import PackageFacts, package_facts
from aienv_gui.environments.discovery.installed import Installed, conda_records, installed_packages
from aienv_gui.environments.health.damage import damaged_packages
from aienv_gui.environments.manifest import Manifest
from aienv_gui.environments.planning import recipes
from aienv_gui.environments.planning.plan import make_plan, plan_of_lock
from aienv_gui.environments.records import (
    Change,
    ChangePlan,
    Difference,
    Engine,
    Environment,
    Former,
    Package,
    Plan,
    PlannedFile,
    Request,
    Sources,
)

_EVERYONES: Final = frozenset({"pip", "setuptools", "wheel"})  # comes with a Python, nobody asked for it

# What conda-meta says beyond what a channel says of a package; thousands of lines each.
_OF_THE_PREFIX: Final = frozenset(
    {"files", "paths_data", "link", "extracted_package_dir", "package_tarball_full_path"}
    | {"requested_spec", "requested_specs"}
)


def plan_change(
    environment: Environment, change: Change, sources: Sources, folders: Folders, reporter: Reporter
) -> ChangePlan:
    """What a change would do. Resolves anew, so seconds; nothing is changed.

    Raises `Problem`: ``not_ours``, ``needed`` for the removal of what others need, ``nothing_to_change``, and what
    `make_plan` raises; and `Cancelled`.
    """
    manifest = manifest_of(environment, folders)
    installed = installed_packages(environment, reporter, sizes=False)
    by_hand = _by_hand(manifest, installed)
    if change.repair:
        plan = _plan_repair(environment, manifest, by_hand, sources, folders, reporter)
    else:
        recipes.check_extra(change.add, manifest.request.engine)
        request = manifest.request
        if request.lock:  # exact files cannot be changed; what they were chosen for can
            request = unlocked_request(request, environment, _nobody_needs(environment, installed, reporter))
        request = changed_request(_with(request, by_hand), change, environment.prefix)
        plan = make_plan(request, sources, folders, reporter, _former(environment, installed, change))
        _check_removed(environment, change, plan, reporter)
    differences = _differences(installed, plan, manifest.files)
    if not differences and not change.repair:
        raise _nothing(change)
    plan = replace(plan, notes=(*plan.notes, *_left_behind(by_hand)))
    return ChangePlan(environment, change, plan, differences)


def plan_copy(environment: Environment, name: str, sources: Sources, folders: Folders, reporter: Reporter) -> Plan:
    """What an environment of this name with the same packages would be, whoever made the one that is copied.

    Of one that AIEnv made the very same files; of another's the same versions where the package sources have them.
    Raises `Problem` and `Cancelled`, as `make_plan`.
    """
    recipes.check_name(name, folders)
    installed = installed_packages(environment, reporter, sizes=False)
    try:
        check_ours(environment, folders)
        manifest = manifest_of(environment, folders)
    except Problem as problem:
        if problem.code not in ("not_ours", "no_manifest"):
            raise
        asked = _nobody_needs(environment, installed, reporter)
        request = copied_request(environment, name.strip(), asked, tuple(conda_records(environment.prefix)))
        plan = make_plan(request, sources, folders, reporter, _former(environment, installed, Change()))
        notes = (*_left_behind(installed), *_other_versions(_differences(installed, plan)))
        return replace(plan, notes=(*plan.notes, *notes))
    manifest = replace(manifest, request=replace(manifest.request, name=name.strip()))
    by_hand = _by_hand(manifest, installed)
    plan = _plan_again(environment, manifest, by_hand, sources, folders, reporter)
    return replace(plan, notes=(*plan.notes, *_left_behind(by_hand)))


def _nobody_needs(
    environment: Environment, installed: Iterable[Installed], reporter: Reporter
) -> tuple[Installed, ...]:
    """The packages that no other one needs: what the environment is for, as far as that can be told."""
    needed = {fact.name for fact in package_facts(environment, reporter) if fact.required_by}
    return tuple(one for one in installed if one.name not in needed | _EVERYONES)


def _by_hand(manifest: Manifest, installed: Iterable[Installed]) -> tuple[Installed, ...]:
    """What is there and not in the lock: other programs installed it since."""
    ours = {canonicalize_name(file.package) for file in manifest.files}
    return tuple(one for one in installed if canonicalize_name(one.name) not in ours | _EVERYONES)


def _with(request: Request, by_hand: Sequence[Installed]) -> Request:
    """The request, asking also for what was installed by hand; in which version is for `Former` to say."""
    named = [one.name for one in by_hand if not one.local and not one.conda]
    if request.engine is Engine.UV:
        return replace(request, requirements=(*request.requirements, *named))
    by_conda = [one.name for one in by_hand if one.conda]
    return replace(
        request,
        requirements=(*request.requirements, *by_conda),
        pip_requirements=(*request.pip_requirements, *named),
    )


def _former(environment: Environment, installed: Sequence[Installed], change: Change) -> Former:
    """What is to keep its version: everything but what the change is about."""
    if change.update_all:
        return Former()
    free = {name_of(text) for text in (*change.add, *change.update, *change.remove)}

    def stays(name: str, build: str = "") -> bool:
        return canonicalize_name(name) not in free and not (change.accelerator and of_accelerator(name, build))

    return Former(
        packages=tuple(
            Package(one.name, one.version) for one in installed if not one.conda and not one.local and stays(one.name)
        ),
        records=tuple(
            {key: value for key, value in record.items() if key not in _OF_THE_PREFIX}
            for record in conda_records(environment.prefix)
            if stays(str(record["name"]), str(record.get("build"))) and record.get("url")
        ),
    )


def _plan_repair(
    environment: Environment,
    manifest: Manifest,
    by_hand: Sequence[Installed],
    sources: Sources,
    folders: Folders,
    reporter: Reporter,
) -> Plan:
    """The same files again; what is damaged here may be so in the caches it was linked from."""
    reporter.status(tr("Checking every file"))
    damaged = damaged_packages(environment.prefix, hashes=True, checkpoint=reporter.checkpoint)
    plan = _plan_again(environment, manifest, by_hand, sources, folders, reporter)
    return replace(plan, distrusted=damaged)


def _plan_again(
    environment: Environment,
    manifest: Manifest,
    by_hand: Sequence[Installed],
    sources: Sources,
    folders: Folders,
    reporter: Reporter,
) -> Plan:
    """The files of the lock, and what was installed by hand since, in the versions that are there."""
    if not any(not one.local for one in by_hand):
        return plan_of_lock(manifest, sources, folders, reporter)
    try:
        installed = installed_packages(environment, reporter, sizes=False)
        former = _former(environment, installed, Change())
        return make_plan(_with(manifest.request, by_hand), sources, folders, reporter, former)
    except Problem as problem:
        if problem.code not in UNREACHABLE:
            raise
        plan = plan_of_lock(manifest, sources, folders, reporter)
        names = ", ".join(one.name for one in by_hand)
        note = tr("Not taken along, because no package server can be reached: {packages}.", packages=names)
        return replace(plan, notes=(*plan.notes, note))


def _check_removed(environment: Environment, change: Change, plan: Plan, reporter: Reporter) -> None:
    planned = {canonicalize_name(file.package) for file in plan.files}
    kept = {name_of(name) for name in change.remove} & planned
    if not kept:
        return
    facts: dict[str, PackageFacts] = {
        canonicalize_name(fact.name): fact for fact in package_facts(environment, reporter)
    }
    going = {name_of(name) for name in change.remove}
    first = min(kept & facts.keys(), default=None)
    if first is None:
        return
    needing = {canonicalize_name(name) for name in facts[first].required_by} - going
    everything, waiting = set(going), list(going)
    while waiting:  # and what needs what needs it
        fact = facts.get(waiting.pop())
        more = {canonicalize_name(name) for name in fact.required_by} - everything if fact is not None else set()
        everything |= more
        waiting += more
    raise Problem(
        tr("{package} cannot be removed.", package=facts[first].name),
        cause=tr("It is needed by {packages}.", packages=", ".join(sorted(needing)) or first),
        cure=tr("Remove these too, or leave it where it is."),
        actions=(Action("remove_packages", tr("Remove these too"), ",".join(sorted(everything))),) if needing else (),
        code="needed",
    )


def _differences(
    installed: Iterable[Installed], plan: Plan, built: Sequence[PlannedFile] = ()
) -> tuple[Difference, ...]:
    """What becomes other, by name; the packages that every Python brings along count only where a plan names them.

    `built` are the files that the environment was made from: another build of the same version is a difference too.
    """
    before = {canonicalize_name(one.name): one.version for one in installed}
    after = {canonicalize_name(file.package): file.version for file in plan.files}
    builds = {canonicalize_name(file.package): _build(file) for file in built}
    for file in plan.files:
        name = canonicalize_name(file.package)
        if before.get(name) == file.version and builds.get(name, "") != _build(file) and name in builds:
            before[name] += f" ({builds[name]})"
            after[name] += f" ({_build(file)})"
    return tuple(
        Difference(name, before.get(name, ""), after.get(name, ""))
        for name in sorted(before.keys() | after.keys())
        if not _same(before.get(name, ""), after.get(name, "")) and (name in after or name not in _EVERYONES)
    )


def _build(file: PlannedFile) -> str:
    """The build in the name of a conda archive; a wheel's version tells its own."""
    if file.filename.endswith(".whl"):
        return ""
    return archive_stem(file.filename).removeprefix(f"{file.package}-{file.version}").removeprefix("-")


def _same(one: str, other: str) -> bool:
    if one == other:
        return True
    try:
        return Version(one) == Version(other)
    except InvalidVersion:
        return False


def _left_behind(packages: Iterable[Installed]) -> tuple[Text, ...]:
    local = ", ".join(sorted(one.name for one in packages if one.local))
    if not local:
        return ()
    return (
        tr(
            "Not taken along, because it was installed from a folder or an address: {packages}. It stays in the former "
            "environment.",
            packages=local,
        ),
    )


def _other_versions(differences: Iterable[Difference]) -> tuple[Text, ...]:
    others = [f"{one.package} {one.after} ({one.before})" for one in differences if one.before and one.after]
    if not others:
        return ()
    return (tr("Not to be had in the same version, so another is taken: {packages}.", packages=", ".join(others[:20])),)


def _nothing(change: Change) -> Problem:
    names: Mapping[str, None] = dict.fromkeys((*change.add, *change.update, *change.remove))
    return Problem(
        tr("There is nothing to change."),
        cause=tr("{packages}: this is how it is already.", packages=", ".join(names))
        if names
        else tr("Every package has the newest version that suits the others."),
        cure=tr("To get a certain version, add the package with it, as in numpy==2.1."),
        code="nothing_to_change",
    )
