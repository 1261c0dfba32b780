"""What is in the folder of a model that others have trained: the engine's ``inspect`` errand as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Reporter
from aienv_gui.core.wording import Text, size, tr
from aienv_gui.training import supervisor


@dataclass(frozen=True, slots=True)
class Pretrained:
    """A folder that a training can begin with; `layers` and `width` where it tells them."""

    folder: Path
    kind: str
    bytes: int
    layers: int | None = None
    width: int | None = None

    @property
    def words(self) -> Text:
        if self.layers is None or self.width is None:
            return tr("A network of the kind {kind}, {size}", kind=self.kind, size=size(self.bytes))
        return tr(
            "A network of the kind {kind}: {layers} layers of {width} values, {size}",
            kind=self.kind,
            layers=self.layers,
            width=self.width,
            size=size(self.bytes),
        )


def inspect(folder: Path, python: Path, folders: Folders, reporter: Reporter) -> Pretrained:
    """Look at such a folder. Blocks; raises `Problem` where something is missing."""
    reporter.status(tr("Looking at the model"))
    answer = supervisor.errand(python, "inspect", {"task": "pretrained", "folder": str(folder)}, folders, reporter)
    return Pretrained(folder, str(answer["kind"]), int(answer["bytes"]), answer["layers"], answer["width"])
