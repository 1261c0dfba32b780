"""The engine's parts by themselves: seeds, schedules, shifts, events, pace, retention, recipes."""

from __future__ import annotations

import errno
import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from aienv_gui.engine import attempt, protocol
from aienv_gui.engine.checkpoint import Store, copied, pack
from aienv_gui.engine.commands import AlreadyRunningError, Desk, Lock
from aienv_gui.engine.events import Events, Metrics
from aienv_gui.engine.failures import Failure
from aienv_gui.engine.model_folder import Model, save_model
from aienv_gui.engine.models import causal, dense, series, text
from aienv_gui.engine.models.convolutional import build
from aienv_gui.engine.protocol import Event
from aienv_gui.engine.recipe import options_of, preset_of, read_recipe
from aienv_gui.engine.seeds import derive
from aienv_gui.engine.steps import learning_rate
from aienv_gui.engine.tasks.image_classification import Data, mean_and_std, shifted


def recipe_with(folder: Path, **changes: Any) -> Path:
    data = {
        "version": protocol.VERSION,
        "task": "image_classification",
        "data": {"folder": "/pictures"},
        **changes,
    }
    protocol.write_json(folder / protocol.RECIPE, data)
    return folder


def test_seeds_differ_by_purpose_and_fit_a_generator() -> None:
    seeds = {derive(1, "order", epoch) for epoch in range(100)} | {derive(1, "step", 0, 7), derive(2, "order", 0)}
    assert len(seeds) == 102
    assert derive(1, "order", 3) == derive(1, "order", 3)
    torch.Generator().manual_seed(max(seeds))


def test_every_preset_is_a_whole_recipe(tmp_path: Path) -> None:
    data = protocol.read_json(Path(protocol.__file__).with_name("presets.json"))
    defaults = {preset["task"]: preset["id"] for preset in reversed(data["presets"])}
    assert defaults == {
        "image_classification": "residual",
        "tabular": "table_balanced",
        "text_classification": "text_balanced",
        "language_model": "gpt_small",
        "forecasting": "forecast_attention",
    }
    assert {task: preset_of(task, None)["id"] for task in defaults} == defaults
    for preset in data["presets"]:
        recipe = read_recipe(recipe_with(tmp_path, task=preset["task"], preset=preset["id"]))
        assert recipe.architecture == preset["model"]["architecture"]
        assert recipe.settings.as_dict() == {
            "shift": 0,
            "hide": 0.0,
            **preset["settings"],
            "patience": 0,
            "minutes": 0.0,
            "precision": "float32",
            "average": 0,
            "find_rate": False,
            "find_batch": False,
            "exact": False,
            "processes": 1,
            "parts": 1,
            "freeze": 0,
        }
        assert 0 < preset["measured"]["test_accuracy"] <= 1
        sizes = {name: value for name, value in recipe.options.items() if value != "auto"}
        if preset["task"] == "tabular":
            dense.build(recipe.architecture, sizes, 5, 10)
        elif recipe.architecture == "hugging_face":
            assert recipe.options["folder"] == ""  # the user's; what is built from one is tested elsewhere
        elif preset["task"] == "text_classification":
            text.build(recipe.architecture, sizes, 50, 20, 10)
        elif preset["task"] == "language_model":
            causal.build(recipe.architecture, sizes, 50, 20)
        elif preset["task"] == "forecasting":
            column = {"name": "x", "mean": 0.0, "std": 1.0, "least": -1.0, "most": 1.0, "swing": 1.0}
            series.build(recipe.architecture, sizes, [column], 50, 20)
        else:
            build(recipe.architecture, {"channels": 1, "size": 28, **sizes}, 10)


def test_the_books_network_is_that_of_the_book() -> None:
    options = preset_of("image_classification", "book")["model"]["options"]
    network = build("book_convnet", options, 10)
    shapes = [tuple(value.shape) for name, value in network.named_parameters() if name.endswith("weight")]
    assert shapes == [(32, 1, 3, 3), (64, 32, 3, 3), (128, 64, 3, 3), (1000, 128 * 8 * 8), (10, 1000)]
    assert network(torch.zeros(2, 1, 64, 64)).shape == (2, 10)


RESIDUAL = {"widths": [4, 8, 8], "depth": 2, "dropout": 0.1}


@pytest.mark.parametrize(("channels", "size"), [(1, 9), (3, 15), (1, 28), (3, 33), (3, 64)])
def test_a_residual_network_learns_from_a_single_picture(channels: int, size: int) -> None:
    network = build("residual_net", {"channels": channels, "size": size, **RESIDUAL}, 3)
    scores = network(torch.rand(1, channels, size, size))
    assert scores.shape == (1, 3)
    scores.sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    assert network.eval()(torch.rand(5, channels, size, size)).shape == (5, 3)


@pytest.mark.parametrize("size", [1, 7, 8])
def test_pictures_too_small_for_a_residual_network_are_said(size: int) -> None:
    with pytest.raises(ValueError, match=f"{size} x {size} are too small to be halved 3 times"):
        build("residual_net", {"channels": 1, "size": size, **RESIDUAL}, 3)
    assert build("residual_net", {"channels": 1, "size": size + 2, "widths": [4]}, 3)


@pytest.mark.parametrize("options", [{"widths": []}, {"depth": 0}])
def test_a_residual_network_needs_blocks(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        build("residual_net", {"channels": 1, "size": 28, **RESIDUAL, **options}, 3)


def test_a_fresh_residual_network_adds_nothing_in_its_branches() -> None:
    network = build("residual_net", {"channels": 1, "size": 12, "widths": [4], "depth": 3}, 2).train()
    maps = torch.rand(2, 4, 6, 6)
    assert torch.equal(network.get_submodule("blocks")(maps), maps)


def test_settings_of_the_recipe_replace_those_of_the_preset(tmp_path: Path) -> None:
    recipe = read_recipe(recipe_with(tmp_path, preset="book", settings={"epochs": 3, "later": 1}, threads=2))
    assert (recipe.settings.epochs, recipe.settings.learning_rate, recipe.threads) == (3, 0.001, 2)
    assert options_of(
        preset_of("image_classification", "book"), {"architecture": "compact_convnet", "options": {"size": 28}}
    ) == {"size": 28}
    assert options_of(preset_of("image_classification", "book"), {"options": {"hidden": 10}})["widths"] == [32, 64, 128]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"version": 99}, "version"),
        ({"task": "singing"}, "singing"),
        ({"data": {}}, "folder"),
        ({"preset": "unheard"}, "unheard"),
        ({"settings": {"epochs": 0}}, "epochs"),
        ({"settings": {"batch_size": "many"}}, "batch_size"),
        ({"settings": {"learning_rate": float("nan")}}, "learning_rate"),
        ({"settings": {"optimiser": "magic"}}, "optimiser"),
        ({"settings": {"schedule": "sometimes"}}, "schedule"),
        ({"settings": {"precision": "int4"}}, "precision"),
        ({"settings": {"average": -1}}, "average"),
        ({"settings": {"parts": 0}}, "parts"),
        ({"settings": {"exact": 1}}, "exact"),
        ({"settings": {"processes": 0}}, "processes"),
        ({"threads": 0}, "threads"),
    ],
)
def test_a_bad_recipe_is_named(tmp_path: Path, changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(Failure) as caught:
        read_recipe(recipe_with(tmp_path, **changes))
    assert caught.value.code == "bad_recipe"
    assert reason in caught.value.values["reason"]


def test_one_cycle_rises_and_falls(tmp_path: Path) -> None:
    settings = read_recipe(recipe_with(tmp_path)).settings
    rates = [learning_rate(settings, step, 100) for step in range(100)]
    assert rates[0] == pytest.approx(settings.learning_rate / 25)
    assert max(rates) == pytest.approx(settings.learning_rate, rel=1e-3)
    assert rates.index(max(rates)) == 30
    assert rates[-1] < settings.learning_rate / 100
    constant = read_recipe(recipe_with(tmp_path, preset="book")).settings
    assert {learning_rate(constant, step, 100) for step in range(100)} == {0.001}


def test_shifts_move_by_at_most_so_many_points_and_repeat_the_edge() -> None:
    picture = torch.zeros(1, 1, 9, 9, dtype=torch.uint8)
    picture[0, 0, 4, 4] = 255
    moved = shifted(picture.repeat(200, 1, 1, 1), 2, seed=1)
    places = {tuple(place.tolist()[2:]) for place in moved.nonzero()}
    assert places == {(row, column) for row in range(2, 7) for column in range(2, 7)}
    assert torch.equal(moved, shifted(picture.repeat(200, 1, 1, 1), 2, seed=1))
    white = torch.full((20, 1, 9, 9), 255, dtype=torch.uint8)
    assert torch.equal(shifted(white, 2, seed=3), white)


def test_mean_and_std_are_those_of_the_points() -> None:
    images = torch.randint(0, 256, (40, 3, 5, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    mean, std = mean_and_std(images, torch.arange(30))
    reference = images[:30].double().transpose(0, 1).flatten(1) / 255
    assert mean == pytest.approx(reference.mean(dim=1).tolist())
    assert std == pytest.approx(reference.std(dim=1, correction=0).tolist())
    assert mean_and_std(torch.zeros(4, 1, 2, 2, dtype=torch.uint8), torch.arange(4))[1] == [0.01]


def toy_data() -> Data:
    images = torch.randint(0, 256, (30, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return Data(
        classes=("a", "b"),
        paths=tuple(f"{'ab'[index % 2]}/{index}" for index in range(30)),
        images=images,
        labels=torch.arange(30) % 2,
        splits={"test": torch.arange(10, 30)},
        counts={},
        fingerprint="",
        remarks=[],
    )


def toy_model(folder: Path) -> Model:
    network = build("compact_convnet", {"channels": 1, "size": 8, "widths": [4]}, 2)
    recipe = read_recipe(recipe_with(folder))
    data = replace(toy_data(), splits={"train": torch.arange(10)})
    return Model(network, recipe, data, evaluation=None, step=1, outcome="stopped")


def test_judging_gives_way_between_batches_and_leaves_the_network_as_it_was() -> None:
    network = build("compact_convnet", {"channels": 1, "size": 8, "widths": [4], "dropout": 0.5}, 2)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network.train()
    calls = []
    result = toy_data().judge(network, "test", torch.device("cpu"), 8, lambda: calls.append(1))
    assert len(calls) == 3
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert sum(map(sum, result.more["confusion"])) == 20
    certainties = [one["probability"] for one in result.more["worst"]]
    assert certainties == sorted(certainties, reverse=True)
    assert all(one["truth"] != one["answer"] for one in result.more["worst"])

    def give_up() -> None:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        toy_data().judge(network, "test", torch.device("cpu"), 8, give_up)
    assert network.training


def test_events_wait_while_they_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = Events(tmp_path)
    real = os.write
    room = [25]

    def tight(file: int, data: bytes) -> int:
        if room[0] <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = real(file, data[: room[0]])
        room[0] -= written
        return written

    monkeypatch.setattr(os, "write", tight)
    log.emit(Event.PHASE, name="training")
    log.emit(Event.PHASE, name="validating")
    failure = log.flush()
    assert failure is not None
    assert failure.errno == errno.ENOSPC
    assert list(protocol.EventReader(tmp_path).read()) == []
    room[0] = 10_000
    assert log.flush() is None
    assert [event["name"] for event in protocol.EventReader(tmp_path).read()] == ["training", "validating"]


def test_names_that_are_no_text_survive_in_events_and_answers(tmp_path: Path) -> None:
    odd = b"caf\xe9.png".decode("utf-8", "surrogateescape")
    Events(tmp_path).emit(Event.WARNING, code="x", values={"path": odd})
    assert next(protocol.EventReader(tmp_path).read())["values"]["path"] == odd
    protocol.write_json(tmp_path / "answer.json", {"path": odd})
    assert protocol.read_json(tmp_path / "answer.json") == {"path": odd}


def test_metrics_are_flushed_in_columns(tmp_path: Path) -> None:
    metrics = Metrics(Events(tmp_path))
    for step in (1, 2, 3):
        metrics.add(step, 1, 1 / step, 0.5)
    metrics.flush()
    metrics.flush()
    told = list(protocol.EventReader(tmp_path).read())
    assert [loss for event in told for loss in event["columns"]["loss"]] == [1.0, 0.5, 1 / 3]
    assert len(told) <= 2


def test_an_attempt_parsed_every_number_of_those_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = Events(tmp_path)
    for attempt_number in (1, 2):
        log.emit(Event.STARTED, attempt=attempt_number, step=0)
        for step in range(1, 501):
            log.emit(Event.METRICS, columns={"step": [step]})
    log.emit(Event.FINISHED, outcome="completed")
    brief = list(protocol.EventReader(tmp_path).read(brief=True))
    assert [event["event"] for event in brief] == ["started", "metrics", "started", "metrics", "finished"]
    assert [event["columns"]["step"] for event in brief if event["event"] == Event.METRICS] == [[500], [500]]
    parsed: list[bytes] = []

    def count(line: bytes) -> Any:
        parsed.append(line)
        return json.loads(line)

    monkeypatch.setattr(protocol, "json", SimpleNamespace(loads=count))
    assert attempt._history(tmp_path) == (3, True)
    assert len(parsed) < 20


class Killed(BaseException):
    """The process ends here."""


def test_a_kill_between_two_renames_hid_the_model_and_the_next_save_deleted_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = toy_model(tmp_path)
    save_model(tmp_path, model)
    real = Path.rename

    def killed(path: Path, target: Path) -> Path:
        if path.name == ".model.new":
            raise Killed
        return real(path, target)

    monkeypatch.setattr(Path, "rename", killed)
    with pytest.raises(Killed):
        save_model(tmp_path, replace(model, step=2))
    assert not (tmp_path / protocol.MODEL).exists()

    def full(_path: Path, _data: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "rename", real)
    with monkeypatch.context() as patch:
        patch.setattr(protocol, "write_atomic", full)
        with pytest.raises(OSError, match="No space"):
            save_model(tmp_path, replace(model, step=3))
    assert protocol.read_json(tmp_path / protocol.MODEL / protocol.CARD)["step"] == 1
    save_model(tmp_path, replace(model, step=4))
    assert protocol.read_json(tmp_path / protocol.MODEL / protocol.CARD)["step"] == 4
    assert {path.name for path in tmp_path.iterdir()} == {protocol.MODEL, protocol.RECIPE}


def test_the_latest_the_best_and_those_by_hand_are_kept(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for step in range(1, 10):
        store.write(pack({"step": step}, manual=step == 3), step=step, epoch=1, manual=step == 3, best=step in (2, 4))
    kept = [entry.step for entry in store.entries]
    assert kept == [3, 4, 7, 8, 9]
    assert store.best() == store.entries[1]
    again = Store(tmp_path)
    assert again.entries == store.entries
    assert [again.read(entry)["step"] for entry in again.entries] == kept
    names = {path.name for path in again.folder.iterdir()}
    assert names == {protocol.INDEX, *(entry.file for entry in again.entries)}


def test_without_an_index_the_best_was_forgotten_and_nothing_pruned_any_more(tmp_path: Path) -> None:
    store = Store(tmp_path)

    def save(store: Store, step: int, best_step: int, *, manual: bool = False) -> None:
        state = {"position": {"step": step, "best_step": best_step}}
        store.write(pack(state, manual=manual), step=step, epoch=1, manual=manual, best=step == best_step)

    save(store, 1, best_step=1)
    save(store, 2, best_step=2)
    save(store, 3, best_step=2, manual=True)
    for step in (4, 5, 6):
        save(store, step, best_step=2)
    save(store, 6, best_step=2)
    expected = store.entries
    (store.folder / protocol.INDEX).write_text("{")
    again = Store(tmp_path)
    assert [(one.file, one.manual, one.best) for one in again.entries] == [
        (one.file, one.manual, one.best) for one in expected
    ]
    best = again.best()
    assert best is not None
    assert again.read(best)["position"]["step"] == 2
    for step in (7, 8, 9):
        save(again, step, best_step=2)
    assert [one.step for one in again.entries] == [2, 3, 7, 8, 9]


def test_what_a_kill_left_behind_is_swept(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.write(pack({"step": 1}, manual=False), step=1, epoch=1, manual=False, best=False)
    (store.folder / ".00000002.pt.17.tmp").write_bytes(b"half")
    (store.folder / "00000002.pt").write_bytes(b"whole, but not in the index")
    Store(tmp_path)
    assert {path.name for path in store.folder.iterdir()} == {protocol.INDEX, "00000001.pt"}


def test_older_checkpoints_make_room_for_a_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    for step in (1, 2, 3):
        store.write(pack({"step": step}, manual=False), step=step, epoch=1, manual=False, best=step == 1)
    real, refused = protocol.write_atomic, []

    def full(path: Path, data: bytes | memoryview) -> None:
        if path.suffix == ".pt" and len(list(store.folder.glob("*.pt"))) > 2:
            refused.append(path.name)
            raise OSError(errno.ENOSPC, "No space left on device")
        real(path, data)

    monkeypatch.setattr(protocol, "write_atomic", full)
    store.write(pack({"step": 4}, manual=False), step=4, epoch=1, manual=False, best=False)
    assert refused == ["00000004.pt"]
    assert [entry.step for entry in store.entries] == [1, 3, 4]  # 1 is the best, 3 was the last good one
    monkeypatch.setattr(
        protocol,
        "write_atomic",
        lambda path, data: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full")) if path.suffix == ".pt" else None,
    )
    with pytest.raises(OSError, match="full"):
        store.write(pack({"step": 5}, manual=False), step=5, epoch=1, manual=False, best=False)
    assert Store(tmp_path).read(store.entries[-1])["step"] == 4


@pytest.mark.parametrize("damage", ["missing", "short", "altered", "not a checkpoint"])
def test_a_damaged_checkpoint_is_recognised(tmp_path: Path, damage: str) -> None:
    store = Store(tmp_path)
    entry = store.write(
        pack({"step": 1, "x": torch.zeros(100)}, manual=False), step=1, epoch=1, manual=False, best=False
    )
    path = store.folder / entry.file
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "short":
        path.write_bytes(content[:-1])
    elif damage == "altered":
        path.write_bytes(content[:-200] + bytes([content[-200] ^ 1]) + content[-199:])
    else:
        path.write_bytes(b"something else")
        (store.folder / protocol.INDEX).unlink()
        store = Store(tmp_path)
        (entry,) = store.entries
    with pytest.raises(ValueError, match=r"."):
        store.read(entry)


def test_a_copy_is_as_the_state_was_and_shares_what_that_shared(tmp_path: Path) -> None:
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.Linear(4, 4, bias=False))
    network.to(memory_format=torch.channels_last)
    network.append(torch.nn.Linear(4, 4, bias=False))
    network[3].weight = network[2].weight
    state = {"network": network.state_dict(), "list": [torch.ones(2), 3], "empty": [torch.empty(0), torch.empty(0)]}
    before = {name: value.tolist() for name, value in network.state_dict().items()}
    twin = copied(state)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(1)
    assert {name: value.tolist() for name, value in twin["network"].items()} == before
    assert (twin["list"][0].tolist(), twin["list"][1], len(twin["empty"])) == ([1.0, 1.0], 3, 2)
    assert twin["network"]._metadata == network.state_dict()._metadata
    assert twin["network"]["0.weight"].is_contiguous(memory_format=torch.channels_last)
    assert twin["network"]["2.weight"] is twin["network"]["3.weight"]


def test_what_a_checkpoint_takes_is_known_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path)
    data = pack({"x": torch.rand(500_000)}, manual=False)
    small, large = store.seconds_to_write(len(data)), store.seconds_to_write(1000 * len(data))
    assert small is not None
    assert large is not None
    assert 0 < small < large
    assert not list(store.folder.iterdir()), "nothing is left, and of the large one not all was written"
    monkeypatch.setattr(protocol, "write_atomic", full_disk)
    assert store.seconds_to_write(len(data)) is None


def full_disk(_path: Path, _data: memoryview) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_checkpoint_cannot_run_code(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.write_text, (tmp_path / "ran", "yes"))

    store = Store(tmp_path)
    entry = store.write(pack({"step": 1, "evil": Evil()}, manual=False), step=1, epoch=1, manual=False, best=False)
    with pytest.raises(ValueError, match=r"."):
        store.read(entry)
    assert not (tmp_path / "ran").exists()


def test_a_run_is_locked_while_it_is_worked_on(tmp_path: Path) -> None:
    first = Lock(tmp_path)
    with pytest.raises(AlreadyRunningError):
        Lock(tmp_path)
    first.release()
    Lock(tmp_path).release()


def test_a_look_whether_an_engine_is_there_does_not_keep_one_from_starting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = (tmp_path / protocol.LOCK).open("a+")
    assert protocol.lock(look, shared=True)
    monkeypatch.setattr("aienv_gui.engine.commands.time.sleep", lambda _seconds: look.close())
    lock = Lock(tmp_path)
    assert look.closed
    assert protocol.is_locked(tmp_path)
    lock.release()
    assert not protocol.is_locked(tmp_path)


def flock_that_fails(reason: int) -> Callable[[Any, int], None]:
    def fails(_file: Any, _how: int) -> None:
        raise OSError(reason, os.strerror(reason))

    return fails


if sys.platform != "win32":  # which has no flock

    @pytest.mark.parametrize("reason", [errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP])
    def test_a_disk_without_locks_was_taken_for_another_engine(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: int
    ) -> None:
        monkeypatch.setattr("fcntl.flock", flock_that_fails(reason))
        monkeypatch.setattr(Desk, "listen_to_signals", lambda _desk: None)
        assert attempt.run(tmp_path, born=0) == 1  # for want of a recipe, not as busy
        told = list(protocol.EventReader(tmp_path).read())
        assert [event["code"] for event in told if event["event"] == Event.WARNING] == ["no_lock"]
        assert told[-1]["code"] == "bad_recipe"

    def test_an_error_of_the_disk_was_taken_for_another_engine(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr("fcntl.flock", flock_that_fails(errno.EIO))
        assert attempt.run(tmp_path, born=0) == 1
        assert "cannot be used" in capsys.readouterr().err

    @pytest.mark.parametrize("reason", [errno.EAGAIN, errno.EACCES])
    def test_a_lock_that_another_holds_is_told_in_both_ways(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reason: int
    ) -> None:
        monkeypatch.setattr("fcntl.flock", flock_that_fails(reason))
        with pytest.raises(AlreadyRunningError):
            Lock(tmp_path)


def test_a_command_cut_short_is_refused_and_taken_away(tmp_path: Path) -> None:
    log = Events(tmp_path)
    desk = Desk(tmp_path, log, born=0)
    (tmp_path / protocol.COMMANDS / "99-1.json").write_text('{"comm', encoding="utf-8")
    assert desk.take() == []
    assert next(protocol.EventReader(tmp_path).read())["reason"] == "unknown"
    assert list((tmp_path / protocol.COMMANDS).iterdir()) == []


def test_events_are_plain_json_lines(tmp_path: Path) -> None:
    Events(tmp_path).emit(Event.PHASE, name="训练 😀")
    line = (tmp_path / protocol.EVENTS).read_text(encoding="ascii")
    assert json.loads(line)["name"] == "训练 😀"
