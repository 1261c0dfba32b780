"""Several processes that train one network: the engine leads, its followers compute their share of each batch.

The leader is the engine as always, with data, commands and checkpoints; a follower only does steps, each when it is
told to, from the state that it was handed. What all find is summed up by gloo, over the loopback interface and a file.
PyTorch's own launcher is not used: its rendezvous listens to every computer around, and it starts all processes anew
where one is lost. Here that one is replaced and the step done again: no weight changes before all have done theirs.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import distributed

from .checkpoint import pack, unpack
from .events import Events
from .failures import Failure
from .protocol import Code, Event

_FOLDER = "team"
_STEP, _STATE = range(2)
_TRIES = 3  # times that followers are replaced in one attempt
_PATIENCE = 30.0  # seconds that one may take longer for its share of a batch, or a tenfold of the leader's time
_HUNG = timedelta(minutes=10)  # where not even its end is noticed
_SOON = 1.0  # seconds that a stop waits for the others' shares
_FOREVER = timedelta(days=3650)  # for the next order: the training may be paused
_LOOK = 0.05  # seconds
_FIELDS = 6  # of an order


class TeamBroken(Exception):
    """A follower is gone, or does not answer."""


@dataclass(frozen=True)
class Order:
    """What followers are told to do: a step, or to take a state of so many bytes."""

    kind: int
    step: int = 0
    epoch: int = 0
    parts: int = 1
    rescues: int = 0
    size: int = 0


class Member:
    """A process of a team of `size`."""

    def __init__(self, rank: int, size: int) -> None:
        self.rank = rank
        self.size = size

    def share(self, examples: int) -> slice:
        """Which of so many examples of a batch are this member's."""
        each = -(-examples // self.size)
        return slice(self.rank * each, (self.rank + 1) * each)

    def sum(self, values: torch.Tensor) -> torch.Tensor:
        """The sum of what all members have. Raises `TeamBroken`."""
        total = values.cpu()
        with _told():
            distributed.all_reduce(total)
        return total.to(values.device)

    def _join(self, store: Path, patience: timedelta) -> None:
        os.environ["GLOO_SOCKET_IFNAME"] = "lo0" if sys.platform == "darwin" else "lo"
        with _told():
            distributed.init_process_group(
                "gloo", init_method=f"file://{store}", rank=self.rank, world_size=self.size, timeout=patience
            )


@contextlib.contextmanager
def _told() -> Any:
    try:
        yield
    except RuntimeError as error:  # that is all that gloo says of a lost peer
        raise TeamBroken from error


class Leader(Member):
    """Starts the followers, and replaces them."""

    def __init__(self, run: Path, size: int, events: Events, stop_is_asked: Callable[[], bool]) -> None:
        """Raises `Failure` where what they tell each other could be heard by other computers."""
        if sys.platform == "win32":  # where gloo listens under the computer's name
            raise Failure(Code.BAD_RECIPE, reason="several processes share the work on Linux and macOS only")
        super().__init__(0, size)
        self._run, self._folder = run, run / _FOLDER
        self._events = events
        self._followers: list[subprocess.Popen[bytes]] = []
        self._tries = 0
        self._round = 0
        self._stop_is_asked = stop_is_asked
        self._led = 0.0  # when they were told what they do now
        self._waits: tuple[float, float] | None = None  # for the others: since when, and how long it may
        self._dismissed = threading.Event()
        threading.Thread(target=self._watch, name="followers", daemon=True).start()

    def gather(self, state: dict[str, Any], between: Callable[[], None]) -> None:
        """Have followers that are in `state`; `between` is called while they start. Raises `Failure`."""
        while True:
            try:
                if not self._followers:
                    self._start(between)
                self._hand_over(state)
                return
            except TeamBroken:
                self.dismiss()

    def lead(self, step: int, epoch: int, parts: int, rescues: int) -> None:
        """Tell all to do this step, too. Raises `TeamBroken`."""
        self._tell(Order(_STEP, step, epoch, parts, rescues))
        self._led = time.monotonic()

    def sum(self, values: torch.Tensor) -> torch.Tensor:
        with self._waiting(max(_PATIENCE, 10 * (time.monotonic() - self._led))):
            return super().sum(values)

    @contextlib.contextmanager
    def _waiting(self, patience: float) -> Iterator[None]:
        """Have the followers watched, who are waited for."""
        self._waits = time.monotonic(), patience
        try:
            yield
        finally:
            self._waits = None

    def _watch(self) -> None:
        """End followers that hang, or that a stop would have to wait for: who waits for their share hears of it."""
        while not self._dismissed.wait(0.25):
            if (waits := self._waits) is None:
                continue
            waited = time.monotonic() - waits[0]
            if waited > waits[1] or (waited > _SOON and self._stop_is_asked()):
                for follower in self._followers:
                    follower.kill()

    def close(self) -> None:
        """The team's work is done."""
        self._dismissed.set()
        self.dismiss()

    def dismiss(self) -> None:
        """End the followers, who are lost or not needed any more."""
        for follower in self._followers:  # who have nothing that could be lost
            follower.kill()
            follower.wait()
        if distributed.is_initialized():
            distributed.destroy_process_group()
        self._followers = []
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self, between: Callable[[], None]) -> None:
        if self._round:
            self._tries += 1
            if self._tries > _TRIES:
                raise Failure(Code.TEAM_LOST, processes=self.size, tries=_TRIES)
            self._events.emit(Event.WARNING, code=Code.FOLLOWER_LOST, values={"tries": self._tries, "most": _TRIES})
        self._round += 1
        shutil.rmtree(self._folder, ignore_errors=True)  # what a kill has left
        self._folder.mkdir(exist_ok=True)
        store = self._folder / f"store-{os.getpid()}-{self._round}"
        main = Path(__file__).with_name("__main__.py")
        self._followers = [
            subprocess.Popen(
                [sys.executable, "-I", str(main), "follow", str(self._run)],
                stdin=subprocess.DEVNULL,
                env={**os.environ, "AIENV_TEAM": f"{rank} {self.size} {store}"},
            )
            for rank in range(1, self.size)
        ]
        while len(list(self._folder.glob(f"{store.name}.*"))) < self.size - 1:
            between()
            if any(follower.poll() is not None for follower in self._followers):
                raise TeamBroken
            time.sleep(_LOOK)
        self._join(store, _HUNG)

    def _hand_over(self, state: dict[str, Any]) -> None:
        data = torch.frombuffer(bytearray(pack(state, manual=False)), dtype=torch.uint8)
        self._tell(Order(_STATE, size=len(data)))
        with self._waiting(_PATIENCE), _told():
            distributed.broadcast(data, 0)

    def _tell(self, order: Order) -> None:
        words = [order.kind, order.step, order.epoch, order.parts, order.rescues, order.size]
        with self._waiting(_PATIENCE), _told():
            distributed.broadcast(torch.tensor(words), 0)


class Follower(Member):
    """Hears what the leader tells. Its process ends with the leader's."""

    @classmethod
    def of_environment(cls) -> Follower:
        rank, size, store = os.environ["AIENV_TEAM"].split(" ", 2)
        follower = cls(int(rank), int(size))
        follower._store = Path(store)
        return follower

    def __init__(self, rank: int, size: int) -> None:
        super().__init__(rank, size)
        self._store = Path()
        self._parent = os.getppid()
        threading.Thread(target=self._watch, name="leader", daemon=True).start()

    def _watch(self) -> None:
        while os.getppid() == self._parent:
            time.sleep(0.5)
        os._exit(0)

    def join(self) -> None:
        """Say that it is ready, and wait for all others."""
        self._store.with_name(f"{self._store.name}.{self.rank}").touch()
        self._join(self._store, _FOREVER)

    def heard(self) -> Order | dict[str, Any]:
        """The next step, or state, to take. Raises `TeamBroken`."""
        words = torch.zeros(_FIELDS, dtype=torch.int64)
        with _told():
            distributed.broadcast(words, 0)
        order = Order(*words.tolist())
        if order.kind == _STEP:
            return order
        data = torch.empty(order.size, dtype=torch.uint8)
        with _told():
            distributed.broadcast(data, 0)
        return unpack(data.numpy().tobytes())
