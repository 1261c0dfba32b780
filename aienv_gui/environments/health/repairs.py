"""What the application can do about a failed check: the buttons beside a verdict, or words where it can do nothing.

The actions' names are known to the window: ``repair`` (install everything again from the lock), ``use_build`` (an
accelerator's id), ``add_packages`` and ``remove_packages`` (names, separated by commas), ``duplicate`` (a copy made by
AIEnv, which it can then repair). Each is a change that can be undone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from aienv_gui.core.errors import Action
from aienv_gui.core.wording import Text, shortened, tr, tr_count
from aienv_gui.environments.accelerators import CPU, Choice
from aienv_gui.environments.records import Environment, Maker, VerdictState

_SHOWN: Final = 3  # findings that are told in full
_NOT_COPIED: Final = (Maker.AIENV, Maker.BUILT_IN, Maker.SYSTEM)


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a check found, and what can be done about it."""

    state: VerdictState
    detail: Text | None = None
    cure: Text | None = None
    actions: tuple[Action, ...] = ()


@dataclass(frozen=True, slots=True)
class Repairs:
    """What can be done about an environment.

    `accelerator` is the build it was made with; empty where its description is not there, and so its lock is not
    either. `advised` is the build that suits this computer's cards, where they are known.
    """

    environment: Environment
    accelerator: str = ""
    advised: Choice | None = None

    @property
    def possible(self) -> bool:
        """Whether the application can change it: it made it and has its lock."""
        return self.environment.maker is Maker.AIENV and bool(self.accelerator)

    @property
    def again_words(self) -> Text:
        """The cure for an environment that is not whole."""
        if self.possible:
            return tr("Install everything again as it was. What was downloaded is kept.")
        if self.environment.maker is Maker.AIENV:
            return tr("Delete the environment and make it again; its downloads are kept.")
        if self.environment.maker is Maker.BUILT_IN:
            return tr("Install AIEnv again.")
        if self._may_be_copied:
            return tr("Repair it with the program that made it, or make a copy with AIEnv and repair that.")
        return tr("Repair it with the program that made it, or make a new environment here.")

    @property
    def again(self) -> tuple[Action, ...]:
        """Install everything again from the lock."""
        return self._ours(Action("repair", tr("Repair")))

    @property
    def build_words(self) -> Text:
        """The cure for a build that does not suit the cards."""
        return (
            tr("Change to the build for this card.")
            if self._other_build
            else tr("Make a new environment with the build for this card.")
        )

    @property
    def build(self) -> tuple[Action, ...]:
        """Change to the build that suits the cards, where that is another one."""
        if self._other_build and self.advised is not None:
            return (Action("use_build", tr("Use {build}", build=self.advised.title), self.advised.id),)
        return ()

    @property
    def same_build(self) -> tuple[Action, ...]:
        """Take all parts of the framework from the build that was chosen."""
        return (Action("use_build", tr("Install matching builds"), self.accelerator),) if self.possible else ()

    def add(self, packages: Sequence[str]) -> tuple[Action, ...]:
        """Install packages, named as in ``numpy<2``."""
        name = shortened(packages[0])
        if len(packages) == 1:
            label = tr("Install {package}", package=name)
        else:  # a button as wide as all the names would widen the page
            more = len(packages) - 1
            label = tr_count(
                "Install {package} and {count} more", "Install {package} and {count} more", more, package=name
            )
        return self._ours(Action("add_packages", label, ",".join(packages)))

    def remove(self, package: str) -> tuple[Action, ...]:
        """Remove a package."""
        return self._ours(Action("remove_packages", tr("Remove {package}", package=shortened(package)), package))

    @property
    def _other_build(self) -> bool:
        """Whether another build than its own can be taken."""
        known = self.possible and self.advised is not None
        return known and self.advised is not None and self.advised.id not in (CPU, self.accelerator)

    @property
    def _may_be_copied(self) -> bool:
        return self.environment.maker not in _NOT_COPIED and self.environment.broken is None

    def _ours(self, action: Action) -> tuple[Action, ...]:
        if self.possible:
            return (action,)
        return (Action("duplicate", tr("Make a copy with AIEnv")),) if self._may_be_copied else ()


def and_more(words: Sequence[Text]) -> Text:
    """The first of several findings, a line each, and how many more there are."""
    shown = {f"line{number}": line for number, line in enumerate(words[:_SHOWN])}
    first = Text("\n".join(f"{{{name}}}" for name in shown), shown) if len(shown) > 1 else words[0]
    more = len(words) - len(shown)
    return tr_count("{first} (and {count} more)", "{first} (and {count} more)", more, first=first) if more else first


def joined(words: Sequence[Text]) -> Text:
    """Several sentences after each other."""
    parts = {f"part{number}": text for number, text in enumerate(words)}
    return Text(" ".join(f"{{{name}}}" for name in parts), parts)
