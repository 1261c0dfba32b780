"""Where to train: in which environment, on which device; and what the training is called."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QLineEdit, QWidget

from aienv_gui.core.wording import Text, tr, verbatim
from aienv_gui.environments.records import Environment, Maker
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.card import Card
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.words import say

AUTOMATIC = "auto"


class PlaceSection(Card):
    changed = Signal()

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(tr("Where"), parent)
        self._services = services
        self._environments: tuple[Environment, ...] = ()
        self._devices: tuple[str, ...] = ()
        self._wanted: Path | None = None
        grid = QGridLayout()
        grid.setHorizontalSpacing(16)
        grid.setVerticalSpacing(4)
        self.environment = QComboBox(self)
        self.device = QComboBox(self)
        self.name = QLineEdit(self)
        self.name.setMaxLength(80)
        columns: tuple[tuple[Text, QWidget], ...] = (
            (tr("Environment"), self.environment),
            (tr("Device"), self.device),
            (tr("Name of this training"), self.name),
        )
        for column, (name, widget) in enumerate(columns):
            label = Label(name, role="strong", parent=self)
            label.setBuddy(widget)
            say(widget, "setAccessibleName", name)
            grid.addWidget(label, 0, column)
            grid.addWidget(widget, 1, column)
            grid.setColumnStretch(column, 1)
        self.body.addLayout(grid)
        self._hint = Label(role="caption", parent=self)
        self.body.addWidget(self._hint)
        self._none = QWidget(self)
        row = QHBoxLayout(self._none)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(
            Label(
                tr("No environment on this computer can train yet: it needs PyTorch, NumPy, Pillow and safetensors."),
                role="warn",
                parent=self._none,
            ),
            1,
        )
        new = Button(tr("New environment"), icon="plus", parent=self._none)
        new.clicked.connect(self._on_new)
        row.addWidget(new)
        self.body.addWidget(self._none)
        self.environment.activated.connect(self._on_chosen)
        self.device.activated.connect(self._on_chosen)
        self.name.textChanged.connect(self._on_chosen)
        services.environments.changed.connect(self.refresh)
        services.language.changed.connect(self.refresh)
        self.refresh()

    @property
    def chosen(self) -> Environment | None:
        index = self.environment.currentIndex()
        return self._environments[index] if 0 <= index < len(self._environments) else None

    @property
    def chosen_device(self) -> str:
        index = self.device.currentIndex()
        return self._devices[index] if 0 <= index < len(self._devices) else AUTOMATIC

    def choose(self, prefix: Path) -> None:
        """Choose an environment by its folder, now or when the list knows it."""
        self._wanted = prefix
        self.refresh()

    def missing(self) -> Text | None:
        if self.chosen is None:
            if not self._services.environments.loaded:
                return tr("The environments are being looked for.")
            return tr("Make an environment to train in first.")
        if not self.name.text().strip():
            return tr("Give this training a name.")
        return None

    @Slot()
    def refresh(self) -> None:
        """Show the environments and devices of now; what was chosen stays chosen where it is still there."""
        before = self._wanted or (self.chosen.prefix if self.chosen else None)
        device = self.chosen_device
        able = [item for item in self._services.environments.items if item.can_train]
        self._environments = tuple(sorted(able, key=_rank))
        self.environment.clear()
        for item in self._environments:
            self.environment.addItem(str(_name(item)))
        places = [item.prefix for item in self._environments]
        if before in places:
            self.environment.setCurrentIndex(places.index(before))
            self._wanted = None
        self._fill_devices(device)
        found = bool(self._environments)
        self._none.setVisible(not found and self._services.environments.loaded)
        self.environment.setEnabled(found)
        self.changed.emit()

    def _fill_devices(self, chosen: str) -> None:
        snapshot = self._services.hardware.latest
        gpus = [gpu for gpu in snapshot.nvidia.gpus if not gpu.lost] if snapshot else []
        options: list[tuple[str, Text]] = [(AUTOMATIC, tr("Automatic")), ("cpu", tr("CPU"))]
        options += [(f"cuda:{gpu.uuid}", verbatim(gpu.name)) for gpu in gpus]
        self._devices = tuple(key for key, _ in options)
        self.device.clear()
        for _, text in options:
            self.device.addItem(str(text))
        self.device.setCurrentIndex(self._devices.index(chosen) if chosen in self._devices else 0)
        self._hint.say(
            tr("Automatic takes the first NVIDIA GPU that the environment can use, otherwise the CPU.")
            if gpus
            else tr("No NVIDIA GPU was found: the training runs on the CPU.")
        )

    @Slot()
    def _on_chosen(self) -> None:
        self.changed.emit()

    @Slot()
    def _on_new(self) -> None:
        self._services.navigator.open("environments", "new")


def _rank(item: Environment) -> tuple[int, str]:
    """Our own first, then the built-in one, then what others made."""
    order = {Maker.AIENV: 0, Maker.BUILT_IN: 1}
    return order.get(item.maker, 2), item.name


def _name(item: Environment) -> Text:
    torch = item.version_of("torch") or "?"
    if item.maker is Maker.BUILT_IN:
        return tr("Built in (AIEnv's own), PyTorch {version}", version=torch)
    return tr("{name}, PyTorch {version}", name=item.name, version=torch)
