"""Step 1: what the environment is for, a template or a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QMimeData, Slot
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QAbstractButton, QButtonGroup, QGridLayout, QWidget

from aienv_gui.core.errors import Problem
from aienv_gui.core.wording import Text, tr, tr_count
from aienv_gui.environments.planning.wizard import Wizard
from aienv_gui.environments.records import Lock
from aienv_gui.gui import environment_work
from aienv_gui.gui.pages.new_environment.step import Scroller, StepView
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.choice_card import ChoiceCard
from aienv_gui.gui.widgets.file_dialog import ask_for_file
from aienv_gui.gui.widgets.problem_view import ProblemView
from aienv_gui.gui.widgets.remarks_view import RemarksView

if TYPE_CHECKING:
    from aienv_gui.environments.planning.file_reading import FileReading

_COLUMNS: Final = 2
_FILE: Final = "file"
_PATTERNS: Final = "*.txt *.in *.yml *.yaml *.toml *.lock kit.json"


class PurposeStep(StepView):
    """Template cards, and one card for a file, which is read at once: what is wrong with it is said here."""

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(
            services,
            tr("What is it for?"),
            tr("A template brings what this kind of work needs. You can add more in the next step."),
            parent,
        )
        self._problem = ProblemView(services, self)
        self._problem.action.connect(self._choose_file)
        self.column.addWidget(self._problem)
        self.remarks = RemarksView(services, self)
        self.column.addWidget(self.remarks)
        self._scroller = scroller = Scroller(self)
        self._grid = QGridLayout()
        self._grid.setSpacing(8)
        for number in range(_COLUMNS):
            self._grid.setColumnStretch(number, 1)
        scroller.column.addLayout(self._grid)
        scroller.column.addStretch(1)
        self.column.addWidget(scroller, 1)
        self._group = QButtonGroup(self)
        self._group.buttonClicked.connect(self._on_clicked)
        self._cards: dict[str, ChoiceCard] = {}
        self._path: Path | None = None
        self.setAcceptDrops(True)

    @property
    def problem(self) -> Problem | None:
        """What is wrong with the file that was chosen."""
        return self._problem.problem

    def card(self, template: str) -> ChoiceCard:
        """The card of a template, or of the file with ``file``."""
        return self._cards[template]

    def enter(self, wizard: Wizard) -> None:
        super().enter(wizard)
        if not self._cards:
            for template in wizard.offer.templates:
                self._add_card(template.id, template.title, template.description)
            self._add_card(_FILE, tr("From a file"), self._file_words())
        self._problem.clear()
        self._show_choice()

    def first_field(self) -> QWidget | None:
        return self._group.checkedButton() or next(iter(self._cards.values()), None)

    def use_file(self, path: Path) -> None:
        """Read a file in the background and take it; where it is no good, say so and keep the former choice."""
        self.drop_job()
        self._path = path
        self._problem.clear()
        self.remarks.fold.setChecked(False)  # they are the former file's, and there may be a problem to show
        self._job = self.services.jobs.start(
            tr("Read {file}", file=path.name), environment_work.read_file, path, quiet=True
        )
        self._job.succeeded.connect(self._on_read)
        self._job.failed.connect(self._on_refused)

    def _add_card(self, identity: str, title: Text, description: Text) -> None:
        icon = "file" if identity == _FILE else f"template_{identity}"
        card = ChoiceCard(title, description, icon, self)
        card.setObjectName(identity)
        number = len(self._cards)
        self._grid.addWidget(card, number // _COLUMNS, number % _COLUMNS)
        self._group.addButton(card)
        self._cards[identity] = card

    def _file_words(self) -> Text:
        assert self.wizard is not None
        asked, file = self.wizard.draft.asked, self.wizard.draft.file
        if asked is None or file is None:
            return tr(
                "A requirements.txt, environment.yml, pyproject.toml, a lock (pylock.toml, conda-lock.yml, pixi.lock) "
                "or an offline kit. Choose it, or drop it here."
            )
        count = len(asked.requirements) + len(asked.pip_requirements)
        if asked.lock == Lock.KIT:
            return tr_count(
                "The kit {name} holds {count} package.",
                "The kit {name} holds {count} packages.",
                count=count,
                name=asked.name,
            )
        return tr_count("{file} names {count} package.", "{file} names {count} packages.", count=count, file=file.name)

    def _show_choice(self) -> None:
        assert self.wizard is not None
        draft = self.wizard.draft
        chosen = _FILE if draft.asked is not None else draft.template
        self._group.setExclusive(False)
        for identity, card in self._cards.items():
            card.setChecked(identity == chosen)
        self._group.setExclusive(True)
        self._cards[_FILE].describe(self._file_words())
        self.remarks.show_remarks(draft.remarks)

    @Slot(QAbstractButton)
    def _on_clicked(self, card: QAbstractButton) -> None:
        assert self.wizard is not None
        if card.objectName() == _FILE:
            self._show_choice()  # nothing is chosen before the file is read
            self._choose_file()
            return
        self.drop_job()
        self._problem.clear()
        self.wizard.use_template(card.objectName())
        self._show_choice()
        self.changed.emit()

    @Slot()
    def _choose_file(self) -> None:
        title, kind = tr("Choose a file that lists packages"), tr("Lists of packages")
        ask_for_file(self, title, self._on_file, kind=kind, patterns=_PATTERNS)

    @Slot(str)
    def _on_file(self, file: str) -> None:
        self.use_file(Path(file))

    @Slot(object)
    def _on_read(self, reading: FileReading) -> None:
        if not self.is_current() or self.wizard is None or self._path is None:
            return
        self._job = None
        self.wizard.use_file(self._path, reading.request, reading.remarks)
        self._show_choice()
        self._scroller.ensureWidgetVisible(self._cards[_FILE])
        self.changed.emit()

    @Slot(object)
    def _on_refused(self, problem: Problem) -> None:
        if not self.is_current():
            return
        self._job = None
        self._problem.show_problem(problem)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if _dropped(event.mimeData()) is not None:
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        path = _dropped(event.mimeData())
        if path is not None:
            event.acceptProposedAction()
            self.use_file(path)


def _dropped(data: QMimeData) -> Path | None:
    """The file that is dropped, whatever it is: what is no list of packages is told as such when it is read."""
    urls = data.urls()
    return Path(urls[0].toLocalFile()) if len(urls) == 1 and urls[0].isLocalFile() else None
