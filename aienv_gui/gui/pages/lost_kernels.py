"""Jupyter kernels that point nowhere: where each lies, why it cannot start, and the way to remove it."""

from __future__ import annotations

from PySide6.QtCore import Slot
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from aienv_gui.core.errors import Problem
from aienv_gui.core.wording import tr, verbatim
from aienv_gui.environments.discovery.kernels import Kernel, RemovedKernel
from aienv_gui.gui import environment_work
from aienv_gui.gui.pages.new_environment.step import Scroller
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.card import Card
from aienv_gui.gui.widgets.confirm import confirm
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.widgets.problem_view import ProblemView
from aienv_gui.gui.words import say


class KernelCard(Card):
    """One kernel, with the button that removes it where it is the user's own."""

    def __init__(self, kernel: Kernel, parent: QWidget | None = None) -> None:
        super().__init__(verbatim(kernel.title), parent)
        self.kernel = kernel
        if kernel.fault is not None:
            self.body.addWidget(Label(kernel.fault, parent=self))
        self.body.addWidget(Label(tr("It lies in {folder}.", folder=str(kernel.folder)), role="muted", parent=self))
        row = QHBoxLayout()
        self.remove = Button(tr("Remove this kernel"), icon="trash", parent=self)
        say(self.remove, "setAccessibleName", tr("Remove the kernel {name}", name=kernel.title))
        self.remove.setVisible(kernel.removable)
        row.addWidget(self.remove)
        row.addStretch(1)
        self.body.addLayout(row)
        if not kernel.removable:
            note = tr("It is not in your own folder, so AIEnv leaves it alone. Its owner can delete the folder.")
            self.body.addWidget(Label(note, parent=self))


class RemovedCard(Card):
    """A kernel that was just removed, with the button that brings it back."""

    def __init__(self, removed: RemovedKernel, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self.removed = removed
        row = QHBoxLayout()
        row.addWidget(Label(tr("“{name}” was removed.", name=removed.kernel.title), parent=self), 1)
        self.undo = Button(tr("Put it back"), parent=self)
        say(self.undo, "setAccessibleName", tr("Put the kernel {name} back", name=removed.kernel.title))
        row.addWidget(self.undo)
        self.body.addLayout(row)


class LostKernels(Card):
    """The kernels that point nowhere, and those that were removed since the window was opened."""

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(tr("Jupyter kernels that point nowhere"), parent)
        self.services = services
        self.kernels: tuple[Kernel, ...] = ()
        self._removed: list[RemovedKernel] = []
        self.cards: list[KernelCard] = []
        self.removed_cards: list[RemovedCard] = []
        self._words = Label(parent=self)
        self.body.addWidget(self._words)
        self._problem = ProblemView(services, self)
        self.body.addWidget(self._problem)
        scroller = Scroller(self)
        self._column = QVBoxLayout()
        self._column.setSpacing(8)
        scroller.column.addLayout(self._column)
        scroller.column.addStretch(1)
        self.body.addWidget(scroller, 1)

    def show_kernels(self, kernels: tuple[Kernel, ...]) -> None:
        """Show these; nothing is rebuilt where they are the same."""
        if kernels == self.kernels and self._shown_removed == self._removed:
            return
        self.kernels = kernels
        self._rebuild()

    @property
    def _shown_removed(self) -> list[RemovedKernel]:
        return [card.removed for card in self.removed_cards]

    def _rebuild(self) -> None:
        for old in (*self.cards, *self.removed_cards):
            self._column.removeWidget(old)
            old.hide()
            old.deleteLater()
        self.cards = [KernelCard(kernel, self) for kernel in self.kernels]
        self.removed_cards = [RemovedCard(removed, self) for removed in self._removed]
        for gone in self.removed_cards:
            gone.undo.clicked.connect(self._on_undo)
            self._column.addWidget(gone)
        for card in self.cards:
            card.remove.clicked.connect(self._on_remove)
            self._column.addWidget(card)
        if self.kernels:
            self._words.say(
                tr("Jupyter offers these, but they cannot start: what they were made for was deleted or moved.")
            )
        else:
            self._words.say(tr("Every Jupyter kernel on this computer can start."))

    # Removing and putting back

    @Slot()
    def _on_remove(self) -> None:
        button = self.sender()
        kernel = next(card.kernel for card in self.cards if card.remove is button)

        def remove() -> None:
            self._remove(kernel)

        confirm(
            self,
            tr("Remove the kernel “{name}”?", name=kernel.title),
            tr("Jupyter will no longer offer it. Its folder is kept, so you can put it back."),
            tr("Remove"),
            on_yes=remove,
        )

    def _remove(self, kernel: Kernel) -> None:
        self._problem.clear()
        job = self.services.jobs.start(
            tr("Remove the kernel {name}", name=kernel.title), environment_work.remove_kernel, kernel, quiet=True
        )
        job.succeeded.connect(self._on_removed)
        job.failed.connect(self._on_failed)

    @Slot(object)
    def _on_removed(self, removed: RemovedKernel) -> None:
        self._removed.insert(0, removed)
        self.kernels = tuple(kernel for kernel in self.kernels if kernel.folder != removed.kernel.folder)
        self._rebuild()
        self.removed_cards[0].undo.setFocus()
        self.services.environments.refresh()

    @Slot()
    def _on_undo(self) -> None:
        button = self.sender()
        removed = next(card.removed for card in self.removed_cards if card.undo is button)
        self._problem.clear()
        job = self.services.jobs.start(
            tr("Put the kernel {name} back", name=removed.kernel.title),
            environment_work.put_kernel_back,
            removed,
            quiet=True,
        )
        job.succeeded.connect(self._on_put_back)
        job.failed.connect(self._on_failed)

    @Slot(object)
    def _on_put_back(self, kernel: Kernel) -> None:
        self._removed = [removed for removed in self._removed if removed.kernel.folder != kernel.folder]
        self.kernels = (*self.kernels, kernel)
        self._rebuild()
        self.services.environments.refresh()

    @Slot(object)
    def _on_failed(self, problem: Problem) -> None:
        self._problem.show_problem(problem)
        self.services.environments.refresh()
