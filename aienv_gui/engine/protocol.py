"""The run folder as a protocol: names of files, events and commands, and how they are written and read.

Standard library only, and imports nothing of ours: the engine runs this file in the chosen environment, the
application reads runs with it. A run is a folder::

    recipe.json     what was asked, versioned; written once by the application
    process.json    {"pid", "started"} of the engine that works or worked on it
    events.jsonl    one JSON object a line, appended by the engine, never rewritten; a last line cut short is ignored
    commands/       <id>.json, each {"command": ...}; consumed once, answered by an event that names the id
    checkpoints/    <step>.pt written aside, fsynced, renamed, and index.json with sizes and sha256
    model/          the finished model: model.safetensors and card.json
    log.txt         the engine's own stdout and stderr
    engine/         a copy of the engine that made it

Every event has ``event`` (one of `Event`) and ``time`` (seconds since the epoch). Steps count from 1 and never go back
within an attempt; a `STARTED` event with ``step`` = s says that the run goes on from step s: what earlier attempts
reported beyond s is superseded.

A recipe (`recipe.json`)::

    version, id, name, created (seconds since the epoch), task: "image_classification"
    data         {folder, sample: "digits" or "", skip: [names relative to the folder, with /, that the user agreed to skip]}
    preset       an id of presets.json
    model        {architecture, options{}}
    settings     {optimiser: "sgd" | "adamw" ..., learning_rate, batch_size, epochs, seed, ...}: the preset's, with the
                 user's changes; what a preset has beyond these travels along untouched
    environment  {prefix, python, name}
    device       "auto" | "cpu" | "cuda:<uuid or index>"
    threads      int or null (the engine chooses)

``presets.json`` beside this file: ``{version, default, presets: [{id, task, model{}, settings{}, measured{test_accuracy,
seconds, machine, date}}]}``. Their titles are words of the application, by id.

An errand is a folder too: ``request.json`` in, ``answer.json`` out (atomic), ``progress.jsonl`` with lines {done, total}
meanwhile. An answer is {ok: true, ...} or {ok: false, code, values{}, traceback}::

    inspect  {folder, seed}  ->  {pictures, classes[{name, pictures}], broken[{path, reason}], examples[{path, class}],
                                  split{train, validation, test: {class: n}}, fingerprint, warnings[{code, values}]}
                                 (paths relative to the folder, with /; at most a few examples a class)
    predict  {model, pictures[absolute paths], top}
             ->  {results[{path, top[{class, probability}]} or {path, code, values}]}

A finished model is the folder ``model/``: model.safetensors, network.py (the architecture as plain torch, to load the weights
without AIEnv) and card.json::

    version, task, name, created, classes[], parameters, architecture, options{}, input{channels, height, width, mean, std},
    preset, settings{}, data{folder, fingerprint, counts}, versions{},
    evaluation{split, loss, accuracy, confusion[][], worst[{path, truth, answer, probability}]}: that of the test pictures
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

VERSION = 1

RECIPE = "recipe.json"
PROCESS = "process.json"
EVENTS = "events.jsonl"
COMMANDS = "commands"
CHECKPOINTS = "checkpoints"
INDEX = "index.json"
MODEL = "model"
CARD = "card.json"
WEIGHTS = "model.safetensors"
LOG = "log.txt"
ENGINE = "engine"


class Event:
    """The kinds of events and their fields."""

    STARTED = "started"  # attempt, pid, step, resumed_from, device, device_name, threads, versions{}, epochs,
    #                      steps_per_epoch, total_steps, parameters, data{classes[], counts{split: {class: n}}, fingerprint}
    PHASE = "phase"  # name: loading | training | validating | testing | saving
    METRICS = (
        "metrics"  # columns{step[], time[], epoch[], loss[], accuracy[]}: training steps, batched (at most 20 lines/s)
    )
    PROGRESS = "progress"  # step, epoch, total_steps, examples_per_second, seconds_left, seconds_left_high
    VALIDATION = "validation"  # step, epoch, loss, accuracy
    CHECKPOINT = "checkpoint"  # step, epoch, file (relative to the run), bytes, sha256, reason, command (id or null)
    PAUSED = "paused"  # step, command
    RESUMED = "resumed"  # step, command
    ANSWER = "answer"  # command, ok, reason: for a command that nothing else answers
    WARNING = "warning"  # code, values{}: said in words by the application
    EVALUATED = "evaluated"  # split, loss, accuracy, classes[], confusion[][] (rows: truth), worst[{path, truth, answer, probability}]
    MODEL = "model"  # folder, bytes, parameters
    FINISHED = "finished"  # outcome: completed | stopped; step
    FAILED = "failed"  # code, values{}, traceback


class Command:
    """What the application may ask of a running engine."""

    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"  # save a checkpoint, then end
    SAVE = "save"  # save a checkpoint and go on


class Code:
    """Why something failed or was warned about; the application has the words. Values are named in brackets."""

    NO_FOLDER = "no_folder"  # (path) it is not there
    UNREADABLE_FOLDER = "unreadable_folder"  # (path, reason)
    EMPTY_FOLDER = "empty_folder"  # (path) no picture in any class folder
    ONE_CLASS = "one_class"  # (path, name)
    FEW_PICTURES = "few_pictures"  # (path, name, count) a class with too few pictures to train, validate and test
    BROKEN_PICTURES = "broken_pictures"  # (count, paths[], reason) not agreed to skip
    DATA_CHANGED = "data_changed"  # the pictures are not those the run was started with
    NOT_A_NUMBER = "nan"  # (epoch, step)
    NO_DEVICE = "no_device"  # (device, reason)
    OUT_OF_MEMORY = "out_of_memory"  # (device)
    DISK_FULL = "disk_full"  # (path)
    READ_ONLY = "read_only"  # (path)
    MISSING_PACKAGE = "missing_package"  # (name)
    BROKEN_CHECKPOINT = "broken_checkpoint"  # (file) skipped, the one before is used: a warning
    NO_CHECKPOINT = "no_checkpoint"  # every checkpoint is damaged
    FINISHED = "finished"  # the run is complete, there is nothing to continue
    BAD_RECIPE = "bad_recipe"  # (reason)
    BAD_MODEL = "bad_model"  # (path, reason)
    BROKEN_PICTURE = "broken_picture"  # (path, reason) one picture of a prediction
    UNEXPECTED = "unexpected"  # (reason) a bug; `traceback` tells


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: temporary file, fsync, rename, fsync of the folder."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if sys.platform != "win32":
        descriptor = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Write a JSON file atomically."""
    write_atomic(path, (json.dumps(data, indent=2, ensure_ascii=False) + "\n").encode("utf-8"))


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; raises OSError or ValueError."""
    data = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(data, dict):
        raise ValueError(f"{path}: not an object")
    return data


def send_command(run: Path, command: str) -> str:
    """Ask the engine of `run` for something; returns the id that the answering event will carry."""
    identity = f"{time.time_ns():020d}-{os.getpid()}"
    folder = run / COMMANDS
    folder.mkdir(exist_ok=True)
    write_json(folder / f"{identity}.json", {"command": command})
    return identity


class EventReader:
    """Follows ``events.jsonl``: each call of `read` yields the whole lines that are new since the last."""

    def __init__(self, run: Path) -> None:
        self._path = run / EVENTS
        self._offset = 0

    def read(self) -> Iterator[dict[str, Any]]:
        try:
            with open(self._path, "rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return
        end = data.rfind(b"\n") + 1
        self._offset += end
        for line in data[:end].splitlines():
            try:
                event = json.loads(line)
            except ValueError:
                continue  # a line cut short by a kill, followed by the next attempt's
            if isinstance(event, dict) and "event" in event:
                yield event
