"""Where to train: in which environment, on which device; and what the training is called."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QStandardItemModel
from PySide6.QtWidgets import QComboBox, QGridLayout, QHBoxLayout, QLineEdit, QWidget

from aienv_gui.core.wording import Text, tr, verbatim
from aienv_gui.environments.health.frameworks import lacks_cuda
from aienv_gui.environments.records import Environment, Maker
from aienv_gui.gui.services import Services
from aienv_gui.gui.widgets.buttons import Button
from aienv_gui.gui.widgets.card import Card
from aienv_gui.gui.widgets.labels import Label
from aienv_gui.gui.words import say
from aienv_gui.hardware.readings import DriverState, Gpu, Snapshot

AUTOMATIC = "auto"
_APPLE = sys.platform == "darwin" and platform.machine() == "arm64"


class PlaceSection(Card):
    changed = Signal()

    def __init__(self, services: Services, parent: QWidget | None = None) -> None:
        super().__init__(tr("Where"), parent)
        self._services = services
        self._environments: tuple[Environment, ...] = ()
        self._devices: tuple[str, ...] = ()
        self._gpus: tuple[Gpu, ...] = ()  # those that are offered, as they were then
        self._wanted: Path | None = None
        self._wanted_device = AUTOMATIC  # by the user, offered now or not
        self._looked = False  # the driver has answered
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
        below = QHBoxLayout()
        self._hint = Label(role="caption", parent=self)
        self.other = Button(tr("New environment"), icon="plus", parent=self)
        self.other.clicked.connect(self._on_new)
        below.addWidget(self._hint, 1)
        below.addWidget(self.other)
        self.body.addLayout(below)
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
        self.environment.activated.connect(self._on_environment)
        self.device.activated.connect(self._on_device)
        self.name.textChanged.connect(self._on_chosen)
        services.environments.changed.connect(self.refresh)
        services.language.changed.connect(self.refresh)
        services.hardware.sampled.connect(self._on_sampled)
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

    def choose_device(self, device: str) -> None:
        """Choose a device by its name in a recipe, now or when it is there."""
        self._wanted_device = device
        self._fill_devices()

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
        able = [item for item in self._services.environments.items if item.can_train]
        self._environments = tuple(sorted(able, key=_rank))
        self.environment.clear()
        for item in self._environments:
            self.environment.addItem(str(_name(item)))
        places = [item.prefix for item in self._environments]
        if before in places:
            self.environment.setCurrentIndex(places.index(before))
            self._wanted = None
        self._fill_devices()
        found = bool(self._environments)
        self._none.setVisible(not found and self._services.environments.loaded)
        self.environment.setEnabled(found)
        self.changed.emit()

    def _fill_devices(self) -> None:
        snapshot = self._services.hardware.latest
        self._gpus = _ready(snapshot) if snapshot is not None else ()
        unusable = self.chosen is not None and lacks_cuda(self.chosen)
        options: list[tuple[str, Text]] = [(AUTOMATIC, tr("Automatic")), ("cpu", tr("CPU"))]
        if _APPLE:
            options.append(("mps", tr("Apple GPU")))
        options += [(f"cuda:{gpu.uuid}", verbatim(gpu.name)) for gpu in self._gpus]
        self._devices = tuple(key for key, _ in options)
        self.device.clear()
        for _, text in options:
            self.device.addItem(str(text))
        model = self.device.model()
        assert isinstance(model, QStandardItemModel)
        for index, key in enumerate(self._devices):
            model.item(index).setEnabled(not (unusable and key.startswith("cuda:")))
        known = self._devices.index(self._wanted_device) if self._wanted_device in self._devices else 0
        self.device.setCurrentIndex(known if model.item(known).isEnabled() else 0)
        blocked = bool(self._gpus) and unusable
        self._hint.set_role("warn" if blocked else "caption")
        self._hint.say(self._about_devices(snapshot))
        self.other.setVisible(blocked)

    def _about_devices(self, snapshot: Snapshot | None) -> Text:
        if self._gpus and self.chosen is not None and lacks_cuda(self.chosen):
            return tr(
                "The PyTorch of this environment is built for the CPU only: it cannot use {gpu}. Training on the card "
                "needs an environment with a build for NVIDIA.",
                gpu=self._gpus[0].name,
            )
        if self._gpus:
            return tr("Automatic takes the first NVIDIA GPU that the environment can use, otherwise the CPU.")
        if _APPLE:
            return tr("Automatic takes the Apple GPU where the environment can use it, otherwise the CPU.")
        if snapshot is None or snapshot.nvidia.state is DriverState.STARTING:
            return tr("NVIDIA GPUs are being looked for.")
        return tr("No NVIDIA GPU was found: the training runs on the CPU.")

    @Slot(object)
    def _on_sampled(self, snapshot: Snapshot) -> None:
        """The driver takes a moment to name its cards, and a card may get lost: offer what is there now."""
        if [gpu.uuid for gpu in _ready(snapshot)] != [gpu.uuid for gpu in self._gpus] or not self._looked:
            self._looked = snapshot.nvidia.state is not DriverState.STARTING
            self._fill_devices()

    @Slot()
    def _on_environment(self) -> None:
        self._fill_devices()
        self.changed.emit()

    @Slot()
    def _on_device(self) -> None:
        self._wanted_device = self.chosen_device
        self.changed.emit()

    @Slot()
    def _on_chosen(self) -> None:
        self.changed.emit()

    @Slot()
    def _on_new(self) -> None:
        self._services.navigator.open("environments", "new")


def _ready(snapshot: Snapshot) -> tuple[Gpu, ...]:
    return tuple(gpu for gpu in snapshot.nvidia.gpus if gpu.usable)


def _rank(item: Environment) -> tuple[int, str]:
    """Our own first, then the built-in one, then what others made."""
    order = {Maker.AIENV: 0, Maker.BUILT_IN: 1}
    return order.get(item.maker, 2), item.name


def _name(item: Environment) -> Text:
    torch = item.version_of("torch") or "?"
    if item.maker is Maker.BUILT_IN:
        return tr("Built in (AIEnv's own), PyTorch {version}", version=torch)
    return tr("{name}, PyTorch {version}", name=item.name, version=torch)
