"""What changes between two states of an environment, in rows and in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Final

from packaging.version import InvalidVersion, Version
from PySide6.QtWidgets import QWidget

from aienv_gui.core.wording import Text, tr, tr_count
from aienv_gui.environments.records import Difference, Package
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.rows_table import Column, RowsTable

_DASH: Final = "–"


class Kind(StrEnum):
    ADDED = "added"
    UPDATED = "updated"
    OLDER = "older"
    OTHER = "other"  # another build of the same version, or versions that cannot be compared
    REMOVED = "removed"
    SAME = "same"  # installed again


KIND_WORDS: Final[dict[Kind, Text]] = {
    Kind.ADDED: tr("Added"),
    Kind.UPDATED: tr("Updated"),
    Kind.OLDER: tr("Older version"),
    Kind.OTHER: tr("Other build"),
    Kind.REMOVED: tr("Removed"),
    Kind.SAME: tr("Installed again"),
}


def kind_of(difference: Difference) -> Kind:
    """What happens to the package."""
    if difference.before == difference.after:
        return Kind.SAME
    if not difference.before:
        return Kind.ADDED
    if not difference.after:
        return Kind.REMOVED
    try:
        before, after = Version(difference.before), Version(difference.after)
    except InvalidVersion:
        return Kind.OTHER
    if before.public == after.public:
        return Kind.OTHER
    return Kind.UPDATED if before < after else Kind.OLDER


def between(before: Iterable[Package], after: Iterable[Package]) -> tuple[Difference, ...]:
    """What leads from one list of packages to another, by name."""
    old = {package.name: package.version for package in before}
    new = {package.name: package.version for package in after}
    return tuple(
        Difference(name, old.get(name, ""), new.get(name, ""))
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    )


def sentence(differences: Sequence[Difference]) -> Text:
    """How many packages are added, updated, removed... as one sentence."""
    kinds = [kind_of(difference) for difference in differences]
    parts = [_part(kind, kinds.count(kind)) for kind in Kind if kind in kinds]
    if not parts:
        return tr("No package changes.")
    if len(parts) == 1:
        return tr("{packages}.", packages=parts[0])
    *first, last = parts
    joined = first[0]
    for part in first[1:]:
        joined = tr("{packages}, {others}", packages=joined, others=part)
    return tr("{packages} and {others}.", packages=joined, others=last)


def _part(kind: Kind, count: int) -> Text:
    if kind is Kind.ADDED:
        return tr_count("{count} package is added", "{count} packages are added", count=count)
    if kind is Kind.UPDATED:
        return tr_count("{count} package is updated", "{count} packages are updated", count=count)
    if kind is Kind.OLDER:
        return tr_count("{count} package gets an older version", "{count} packages get an older version", count=count)
    if kind is Kind.OTHER:
        return tr_count("{count} package gets another build", "{count} packages get another build", count=count)
    if kind is Kind.REMOVED:
        return tr_count("{count} package is removed", "{count} packages are removed", count=count)
    return tr_count("{count} package is installed again", "{count} packages are installed again", count=count)


class DifferenceTable(RowsTable):
    """A row for each package that changes: from which version to which."""

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        columns = (
            Column(tr("Package"), lambda one: one.package, share=1),
            Column(tr("Before"), lambda one: one.before or _DASH),
            Column(tr("After"), lambda one: one.after or _DASH),
            Column(
                tr("Change"), lambda one: str(KIND_WORDS[kind_of(one)]), key=lambda one: list(Kind).index(kind_of(one))
            ),
        )
        super().__init__(services, columns, tr("What changes"), parent)
