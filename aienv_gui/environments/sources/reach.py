"""What a test of the package sources speaks of: sources, the steps to them, what was found. Frozen data and names."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from aienv_gui.core.wording import Text, tr, verbatim

PYPI: Final = "https://pypi.org/simple"
PYTORCH: Final = "https://download.pytorch.org/whl"
CONDA: Final = "https://conda.anaconda.org"
PYTHON: Final = "https://github.com/astral-sh/python-build-standalone/releases/download"


class Source(StrEnum):
    """The four places that packages come from."""

    INDEX = "index"
    TORCH = "torch"
    CONDA = "conda"
    PYTHON = "python"


@dataclass(frozen=True, slots=True)
class Reach:
    """How one source was found. `bytes_s` is None where too little was sent to tell."""

    source: Source
    address: str  # what was asked for, without a password
    steps: tuple[StepTime, ...] = ()
    bytes_s: float | None = None
    cause: Text | None = None  # why it cannot be used; None where it can
    cure: Text | None = None
    code: str = ""

    @property
    def usable(self) -> bool:
        return self.cause is None

    @property
    def failed_step(self) -> Step | None:
        return next((taken.step for taken in self.steps if taken.failed), None)


class Step(StrEnum):
    """The steps of a request, in their order. Of a proxy, the first two lead to it and not to the server."""

    DNS = "dns"
    TCP = "tcp"
    PROXY = "proxy"
    TLS = "tls"
    GET = "get"


@dataclass(frozen=True, slots=True)
class StepTime:
    """A step that was taken, and how it ended."""

    step: Step
    seconds: float
    failed: bool = False


def step_words(step: Step) -> Text:
    """A step's name."""
    return {
        Step.DNS: tr("Name (DNS)"),
        Step.TCP: tr("Connection (TCP)"),
        Step.PROXY: tr("Proxy"),
        Step.TLS: tr("Encryption (TLS)"),
        Step.GET: tr("Answer (GET)"),
    }[step]


def source_words(source: Source) -> Text:
    """A source's name."""
    return {
        Source.INDEX: tr("Python packages"),
        Source.TORCH: tr("PyTorch's builds"),
        Source.CONDA: tr("conda channels"),
        Source.PYTHON: tr("Python itself"),
    }[source]


def seconds_words(seconds: float) -> Text:
    """A step's time."""
    return verbatim(f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s")
