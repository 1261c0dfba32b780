"""What a training begins with: nothing, one of the user's own models, or weights from elsewhere."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QVBoxLayout, QWidget

from aienv_gui.core.wording import Text, percent, tr, tr_count
from aienv_gui.gui.jobs import Job
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.file_dialog import ask_for_file
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.widgets.number import NumberField
from aienv_gui.gui.words import say
from aienv_gui.training import beginnings, model_store
from aienv_gui.training.beginnings import Beginning
from aienv_gui.training.model_store import Model

_MOST_FREEZE = 1000


class BeginningRow(QWidget):
    changed = Signal()

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._services = services
        self._job: Job | None = None
        self._models: tuple[Model, ...] = ()
        self._wanted: Path | None = None  # of a recipe, until the models are known
        self.file: Path | None = None  # of the weights from elsewhere
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        row = QHBoxLayout()
        row.setSpacing(8)
        self.source = self._box(tr("Start from"))
        self.source.setMaximumWidth(420)
        self.source.activated.connect(self._on_source)
        self.freeze = NumberField(self)
        self.freeze.setRange(0, _MOST_FREEZE)
        say(self.freeze, "setSpecialValueText", tr("off"))  # stands for 0
        say(self.freeze, "setAccessibleName", tr("Epochs in which only the last layer learns"))
        self.freeze.valueChanged.connect(self.changed)
        self._freeze_label = Label(tr("Only the last layer learns, for so many epochs:"), parent=self)
        self._freeze_label.setWordWrap(False)
        self._freeze_label.setBuddy(self.freeze)
        row.addWidget(self._named(tr("Start from"), self.source))
        row.addWidget(self.source)
        row.addSpacing(16)
        row.addWidget(self._freeze_label)
        row.addWidget(self.freeze)
        row.addStretch(1)
        column.addLayout(row)
        self._elsewhere = QWidget(self)
        elsewhere = QHBoxLayout(self._elsewhere)
        elsewhere.setContentsMargins(0, 0, 0, 0)
        elsewhere.setSpacing(8)
        self.network = self._box(tr("Their network"))
        self.network.setEditable(True)
        self.network.setMinimumWidth(260)
        self.network.addItems(list(beginnings.NETWORKS))
        self.network.currentTextChanged.connect(self._on_changed)
        self._path = Label(role="mono", parent=self._elsewhere)
        self._choose = Button(tr("Choose file..."), icon="file", parent=self._elsewhere)
        self._choose.clicked.connect(self._on_choose)
        elsewhere.addWidget(self._named(tr("Their network"), self.network))
        elsewhere.addWidget(self.network)
        elsewhere.addWidget(self._path, 1)
        elsewhere.addWidget(self._choose)
        column.addWidget(self._elsewhere)
        self._hint = Label(role="caption", parent=self)
        column.addWidget(self._hint)
        services.language.changed.connect(self._fill)
        self._fill()

    def _box(self, words: Text) -> QComboBox:
        box = QComboBox(self)
        box.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        say(box, "setAccessibleName", words)
        return box

    def _named(self, words: Text, widget: QWidget) -> Label:
        label = Label(words, role="strong", parent=self)
        label.setWordWrap(False)
        label.setBuddy(widget)
        return label

    # What the page asks.

    def refresh(self) -> None:
        """Look for the user's models, in the background."""
        if self._job is None:
            self._job = self._services.jobs.start(
                tr("Look for models"), model_store.models, self._services.folders, quiet=True
            )
            self._job.succeeded.connect(self._on_models)
            self._job.finished.connect(self._on_finished)

    @property
    def elsewhere(self) -> bool:
        """Whether weights from elsewhere are chosen."""
        return self.source.currentIndex() == len(self._models) + 1

    @property
    def model(self) -> Model | None:
        """The own model that is chosen."""
        index = self.source.currentIndex() - 1
        return self._models[index] if 0 <= index < len(self._models) else None

    @property
    def chosen(self) -> Beginning | None:
        """What it begins with; None for nothing. Only where `missing` is None."""
        if self.model is not None:
            return beginnings.of_model(self.model)
        if self.elsewhere and self.file is not None:
            return Beginning(self.file, self.network.currentText().strip())
        return None

    @property
    def epochs_at_rest(self) -> int:
        return self.freeze.value() if self.chosen is not None else 0

    def show_beginning(self, beginning: Beginning | None, freeze: int) -> None:
        """Show what a recipe asked for; an own model as soon as it is known."""
        self.freeze.setValue(freeze)
        self._wanted = None
        if beginning is None:
            self.source.setCurrentIndex(0)
        elif beginning.elsewhere:
            self.file = beginning.path
            self.network.setCurrentText(beginning.architecture)
            self.source.setCurrentIndex(len(self._models) + 1)
        else:
            self._wanted = beginning.path
            self._take_wanted()
        self._show()

    def missing(self) -> Text | None:
        """Why it cannot begin so yet; None when it can."""
        if self._wanted is not None and self._job is not None:
            return tr("The models are being looked for.")
        if self.elsewhere and self.file is None:
            return tr("Choose the file of the weights to start from.")
        chosen = self.chosen
        if chosen is None:
            return None
        if self.elsewhere and not chosen.library:
            return tr("Name their network as torchvision:NAME or timm:NAME, such as torchvision:resnet18.")
        return None

    # Events.

    @Slot(object)
    def _on_models(self, models: tuple[Model, ...]) -> None:
        self._models_changed(beginnings.usable(models))

    def _models_changed(self, models: tuple[Model, ...]) -> None:
        before = self.model
        at_end = self.elsewhere
        self._models = models
        self._fill()
        places = [model.folder for model in models]
        if at_end:
            self.source.setCurrentIndex(len(models) + 1)
        elif before is not None and before.folder in places:
            self.source.setCurrentIndex(places.index(before.folder) + 1)
        self._take_wanted()
        self._show()

    def _take_wanted(self) -> None:
        places = [model.folder for model in self._models]
        if self._wanted in places:
            self.source.setCurrentIndex(places.index(self._wanted) + 1)
            self._wanted = None

    @Slot()
    def _on_finished(self) -> None:
        self._job = None
        self._wanted = None  # it is not there any more
        self.changed.emit()

    @Slot()
    def _fill(self) -> None:
        """The choices of now, in the language of now; the same one stays chosen."""
        index = max(0, self.source.currentIndex())
        self.source.clear()
        self.source.addItem(str(tr("nothing: everything is learnt anew")))
        for model in self._models:
            self.source.addItem(str(_words(model)))
        self.source.addItem(str(tr("other weights...")))
        self.source.setCurrentIndex(index)
        self._show()

    @Slot(int)
    def _on_source(self, _index: int) -> None:
        self._wanted = None
        if self.elsewhere and self.file is None:
            self._on_choose()
        self._show()

    @Slot()
    def _on_choose(self) -> None:
        title, kind = tr("Choose the file with the weights"), tr("Weights")
        ask_for_file(self, title, self._on_file, kind=kind, patterns=beginnings.PATTERNS)

    @Slot(str)
    def _on_file(self, path: str) -> None:
        if path:
            self.file = Path(path)
            self._show()

    @Slot()
    def _on_changed(self) -> None:
        self.changed.emit()

    def _show(self) -> None:
        begins = self.model is not None or self.elsewhere
        self._freeze_label.setVisible(begins)
        self.freeze.setVisible(begins)
        self._elsewhere.setVisible(self.elsewhere)
        self._path.say(str(self.file) if self.file else tr("No file chosen"))
        self._hint.setVisible(begins)
        if self.model is not None:
            self._hint.say(tr("The network is that of this model; the choice above decides how it learns."))
        elif self.elsewhere:
            self._hint.say(
                tr(
                    "The package that makes their network has to be in the environment; nothing is downloaded. The "
                    "choice above decides how it learns."
                )
            )
        self.changed.emit()


def _words(model: Model) -> Text:
    classes = tr_count("one class", "{count} classes", len(model.classes))
    if model.accuracy is None:
        return tr("{name} ({classes})", name=model.name, classes=classes)
    share = percent(model.accuracy, digits=1)
    return tr("{name} ({classes}, {share} right)", name=model.name, classes=classes, share=share)
