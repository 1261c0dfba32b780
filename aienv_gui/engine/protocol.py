"""The run folder as a protocol: names of files, events and commands, and how they are written and read.

Standard library only, and imports nothing of ours: the engine runs this file in the chosen environment, the
application reads runs with it. A run is a folder::

    recipe.json     what was asked, versioned; written once by the application
    process.json    {"pid", "started"} of the engine that works or worked on it: its id and when it started (seconds
                    since the epoch); written by whoever starts it, and by the engine once it holds the lock
    events.jsonl    one JSON object a line, appended by the engine, never rewritten; a last line cut short is ignored
    commands/       <id>.json, each {"command": ...}; consumed once, answered by an event that names the id
    checkpoints/    <step>.pt written aside, fsynced, renamed, and index.json with sizes and sha256
    team/           where processes that share the work find each other, as long as they do
    start/          a copy of the weights that it begins with, under their name, where it begins with learnt ones
    model/          the finished model: model.safetensors and card.json
    log.txt         the engine's own stdout and stderr
    engine.lock     locked by the engine as long as it works on the run
    engine/         a copy of the engine that made it

Every event has ``event`` (one of `Event`) and ``time`` (seconds since the epoch). Steps count from 1 and never go back
within an attempt; a `STARTED` event with ``step`` = s says that the run goes on from step s: what earlier attempts
reported beyond s is superseded.

A recipe (`recipe.json`; of these only ``version``, ``task`` and ``data.folder`` must be there)::

    version, id, name, created (seconds since the epoch), task: "image_classification" | "tabular" |
                 "text_classification" | "language_model" | "forecasting"
    data         {folder (of a table, also one that names pictures: its file), sample: a sample's id or "";
                 of pictures skip: [names relative to the folder, with /, agreed to be skipped; rows of a table as
                 "file:line"], and files, target: the columns of a table that names them ("": guessed);
                 of a table target: the column to predict ("": guessed), predicts: "classes" | "number" | "" (guessed),
                 leave_out: [columns];
                 of texts (a folder, a file, or a table) text, target: the columns of a table ("": guessed);
                 of a series target: the column to forecast ("": guessed), time: the column to order the rows by (left
                 out: guessed; "": as they stand), leave_out: [columns], window, horizon: rows looked back at and
                 forecast (0: chosen)}
    preset       an id of presets.json
    model        {architecture, options{}, start_from: weights learnt before to begin with, of pictures ("": none): a
                 model's folder (its architecture is the same; "auto" options are its own), or for an architecture
                 "torchvision:NAME" or "timm:NAME" a file .safetensors, .pth, .pt or .bin of that network}
    settings     {optimiser: "sgd" | "adam" | "adamw", learning_rate (or "auto"), batch_size, epochs, seed, momentum,
                 weight_decay, schedule: "constant" | "one_cycle", shift (pixels), hide (share of a text's words),
                 precision: "float32" | "bfloat16", average (steps whose weights are averaged), parts (of a batch),
                 exact (on a card too), freeze (epochs in which only what start_from does not give, and the last layer,
                 learns), processes (that share each batch, each on a card of its own where there are so many), ...}:
                 the preset's, with the user's changes; what else it has travels along
    environment  {prefix, python, name}
    device       "auto" | "cpu" | "cuda:<uuid or index>" | "mps"
    threads      int or null (the engine chooses; kept with each checkpoint, since exactness depends on it)
    checkpoint_seconds   at most this much work may be lost (60)

``presets.json`` beside this file: ``{version, endings{}, presets: [{id, task, needs[], model{}, settings{},
measured{test_accuracy, seconds, machine, date, begun_with?, bits_per_character?}}]}``, of each task its default first.
Their titles are words of the application, by id. What an environment must have beside PyTorch, NumPy, Pillow and
safetensors is data, so that the application can ask for it before a run: ``needs`` of a preset, and
``endings{".xlsx": [...]}`` for files of data by their ending; requirements as pip knows them (PEP 508).

The engine is started as ``python -I engine/__main__.py train <run>``; whoever starts it empties ``commands/`` before
(what is clearly older than the process is refused as stale). Exit code: 0 finished or stopped; 1 failed (a `FAILED`
event says why); 2 wrong arguments; 3 another engine works on this run; 4 this run is complete (3 and 4 add nothing to
the events).

An errand is a folder too: ``request.json`` in, ``answer.json`` out (atomic), ``progress.jsonl`` with lines {done,
total} meanwhile (total 0: not known yet). An answer is {ok: true, ...} or {ok: false, code, values{}, traceback}::

    inspect  {task ("image_classification"), folder, seed, skip[]?, files?, target?, preset?, model{}?,
              examples? (a class; 6)}
             ->  {pictures, classes[{name, pictures}], broken[{path, reason, detail}], examples[{path, class}],
                  split{train, validation, test: {class: n}}, fingerprint, warnings[{code, values}],
                  colour, width[least, middle, greatest], height[...], input{channels, height, width}, bytes_in_memory}
                 (paths relative to the folder, with /; counts without what is broken or skipped; needs no PyTorch)
                 {ok: false, code: one_class | few_pictures | ...} has as much of this as is known beside the code;
                 of pictures that a table names (folder: its file; their paths are relative to its folder, or absolute)
                 columns[], files, target beside it, and in broken[] line, and labels{label: line} of two_labels
             of a table {task: "tabular", folder, seed, target?, predicts?, leave_out?}
             ->  {rows, columns[{name, kind, missing, distinct}], preview[][] (cells of the first rows), target,
                  predicts: "classes" | "number", inputs[] (columns learnt from), classes[{name, rows}], split{},
                  fingerprint, warnings[]}; kind: number | category | date, and not learnt from: text | constant |
                  identity | empty
             of texts {task: "text_classification", folder, seed, text?, target?}
             ->  {texts, columns[] (of a table), text, target, classes[{name, texts}], examples[{text, class}], split{},
                  fingerprint, warnings[]}
             of a folder with a model that others have trained {task: "pretrained", folder}
             ->  {kind (bert, roberta ...), layers, width (null where it does not tell), bytes}
             of a text to go on writing {task: "language_model", folder, seed, text?}
             ->  {characters, different, files, columns[] (of a table), text, beginning, split{}, fingerprint,
                  warnings[]}
             of a series {task: "forecasting", folder, seed, target?, time?, leave_out?, window?, horizon?}
             ->  {rows, columns[{name, kind, missing, distinct}], target, time, inputs[] (other columns looked at),
                  window, horizon, season (rows after which it repeats itself; 0: it does not), length (rows that take
                  part), begins{validation, test: row}, labels[] (of the first row, those two and the last),
                  course{places[] (rows), values[]} (points enough to draw it), split{}, fingerprint, warnings[]}
    predict  {model, pictures[absolute paths], top, invert? (swap dark and light first), device?}
             ->  {results[{path, top[{class, probability}], warnings[{code, values}]} or {path, code, values}], seconds}
             with a table's model {model, rows[{column: text}], top}  ->  {results[{top[]... or value, warnings[]}]...}
             with a model for texts {model, texts[], top}  ->  {results[{top[], warnings[]}], seconds}
             with a language model {model, beginning, length, temperature, seed}  ->  {results[{text, warnings[]}]...}
             with a model that forecasts {model, table: absolute path}
             ->  {results[{forecast{labels[], values[], and where the card has them share, reach[]}, before{labels[],
                  values[] (null: missing)}, warnings[]}]...}

Reasons of a broken picture: not_a_picture, cut_short, too_large, no_permission, missing, empty, unreadable,
folder. Of a table's row (its path is "file:line") no_file_name, no_label (detail: the picture); of a picture that has
several rows two_labels.

A finished model is the folder ``model/``: model.safetensors, network.py (the architecture as plain torch, to load the
weights without AIEnv: `build`, `of_card`) and card.json::

    version, task, name, created, classes[], parameters, architecture, options{},
    input{shape[channels, height, width], channels, height, width, mean, std, brightness, brightness_spread,
         range: [0, 1]}: the network takes numbers from 0 to 1 and does the normalisation by mean and std itself
    preset, settings{}, data{folder, fingerprint, counts, and files, target as in STARTED}, versions{}, step,
    outcome: "completed" | "stopped",
    evaluation: the fields of EVALUATED but for its step; null if the training was stopped before it was through
    started_from{name, architecture, taken, fresh} where it began with weights learnt before: so many of its own were
    taken and new; needs[]: packages beside torch that its network is made by

Of a table input{columns[{name, kind, and mean, std (numbers, dates) or values[] (categories)}]}: `encode` of the source
beside it makes a network's input from values; target: the column; where a number is predicted no classes, and
output{mean, std}: the network answers in these. Of texts input{vocabulary[], length}; of a language model
input{vocabulary[] (characters), context}, of one of word pieces input{tokens: "bpe", pieces (how many), context} with a
tokenizer.json beside, by which the library `tokenizers` reads and writes. Of a series input{columns[{name, kind, mean,
std, least, most, swing}] (the one that is forecast first), window, horizon, season, time}, target and output{mean,
std, and where the validation was long enough share, reach[]}: by how much, at each step ahead, so large a share of the
forecasts of the validation was off at most.

The architecture "hugging_face" of texts begins with a model that others have trained, in the folder that its option
``folder`` names: config.json, model.safetensors (or pytorch_model.bin), tokenizer.json. The run adds the option
``fingerprint`` of that folder, by which it notices a change; the finished model's folder is itself such a folder, with
card.json and network.py beside, and does not need the one it began with. Its input{config{}, padding, length}.
"""

from __future__ import annotations

import errno
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

VERSION = 1

RECIPE = "recipe.json"
PROCESS = "process.json"
EVENTS = "events.jsonl"
COMMANDS = "commands"
CHECKPOINTS = "checkpoints"
INDEX = "index.json"
START = "start"
MODEL = "model"
OLD_MODEL = ".model.old"  # the one before, while a new one takes its place
CARD = "card.json"
WEIGHTS = "model.safetensors"
LOG = "log.txt"
ENGINE = "engine"
LOCK = "engine.lock"
AUTO = "auto"  # a learning rate that is to be found

_METRICS_LINE = b'{"event":"metrics",'  # as the engine writes it
_LOOKS, _LOOK_AGAIN = 3, 0.01
_HELD = frozenset({errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES})  # EACCES is what Windows says
_UNLOCKABLE = frozenset({errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS})


class Event:
    """The kinds of events and their fields."""

    LAUNCHED = "launched"  # python, log (its size before): an attempt's first line, by whoever starts the engine
    STARTED = "started"  # attempt, pid, step, resumed_from, device, device_name, threads, versions{}, epochs,
    #                      steps_per_epoch, total_steps, parameters, checkpoint_bytes and checkpoint_seconds (of each,
    #                      about; until it is durable, null where none could be written), architecture, options{},
    #                      settings{} (as used), took{start, data, batch} (seconds from the process's beginning until
    #                      PyTorch was there, for reading the data, and where that was done for finding a batch size),
    #                      data{classes[], counts{split: {class: n}}, fingerprint; of a table target, predicts; of a
    #                      series also window, horizon, season; of a table that names pictures files, target}
    #                      (comes once the data is loaded; PHASE "loading" comes before it)
    PHASE = "phase"  # name: loading, finding_rate (done, total; repeated) | finding_batch | training | validating |
    #                  testing | saving
    METRICS = "metrics"  # columns{step[], time[], epoch[], loss[], accuracy[]}: training steps, batched (at most 20
    #                      lines/s); time[] in seconds since the epoch
    PROGRESS = "progress"  # step, epoch, total_steps, examples_per_second, seconds_left, seconds_left_high (of an
    #                        attempt that goes on these first, before its first step: as fast as before),
    #                        waiting_share (0 to 1: of the time spent in steps since the PROGRESS before, how much went
    #                        by until the next batch was on the device; older engines do not tell)
    VALIDATION = "validation"  # step, epoch, loss, accuracy
    CHECKPOINT = "checkpoint"  # step, epoch, file (relative to the run), bytes, sha256, command (id or null),
    #                            reason: epoch | best | time | manual | stop | pause | end
    PAUSED = "paused"  # step, command (or null), reason: asked | disk_full | write_failed
    RESUMED = "resumed"  # step, command
    ANSWER = "answer"  # command, ok, reason: for a command that nothing else answers; reason: not_paused | stale |
    #                    loading | unknown | ended, or a code of a failed write
    WARNING = "warning"  # code, values{}: said in words by the application
    BATCH_FOUND = "batch_found"  # batch_size, learning_rate (that goes with it; null: still to be found), tried[[batch
    #                              size, examples a second]], seconds: found by trying, once for all attempts
    RATE_FOUND = "rate_found"  # learning_rate, steps, seconds: found by trying so many, before the first step
    RESCUED = "rescued"  # step (gone back to), at (where the loss was no number), epoch, learning_rate (from now on),
    #                      tries (so far), most (tries), files[] (of the batch; none: it was the validation's)
    EVALUATED = "evaluated"  # split, step, loss, accuracy, baselines[{name: guessing | linear | boosted | pairs |
    #                          piece_pairs | last | season, accuracy}] (what simple methods reach; not after a stop); of
    #                          classes: classes[], confusion[][] (rows: truth), worst[{path, truth, answer,
    #                          probability}]: wrong answers, the most certain first; paths relative to the data's
    #                          folder, of a table "file:line"; of numbers: mean_error, examples, pairs[[truth, answer]],
    #                          worst[{path, truth, answer}]; of a language model examples (tokens: characters or word
    #                          pieces), perplexity (of tokens), bits_per_character (whatever the tokens are) and, of
    #                          word pieces, characters (of all examples); of a series as of numbers, with horizon and
    #                          course{begin, end, truth[] (null: unknown), answers[]}: the test part and forecasts of
    #                          it, one after another, reach_share and within_reach (which share of the test's values was
    #                          to be within the reach of its forecast, and was). Of numbers accuracy is there, and in
    #                          all other events, the share of the variance that is explained (0 to 1)
    MODEL = "model"  # folder, bytes, parameters
    FINISHED = "finished"  # outcome: completed | stopped; step; saved: false if the last steps could not be written;
    #                        held_up (seconds of this attempt in which no step was done for checkpoints' sake)
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
    FEW_PICTURES = "few_pictures"  # (path, name, count, copies, minimum, classes{}, paths[]) a class with too few
    #                                different pictures to train, validate and test (name, count: the smallest;
    #                                classes: all of them; paths: their pictures: skipping them leaves these out)
    BROKEN_PICTURES = "broken_pictures"  # (count, paths[] (first 20), reason, faults[] (these, as broken[] of an
    #                                      inspect errand has them)) not agreed to skip
    NO_NAMED_PICTURES = "no_named_pictures"  # (path, name, line, cell, base) none of the files is there that a table
    #                                          names, in the column that looks most like it or was asked for
    DATA_CHANGED = "data_changed"  # the pictures are not those the run was started with
    NOT_A_NUMBER = "nan"  # (epoch, step, learning_rate, tries) also with a smaller learning rate, so many times
    NO_DEVICE = "no_device"  # (device, reason)
    TEAM_LOST = "team_lost"  # (processes, tries) processes that help were lost again and again
    NOT_DETERMINISTIC = "not_deterministic"  # (reason) the network has a part that no card computes exactly
    ON_DISK = "on_disk"  # (bytes) too much for memory: the examples are kept there while it trains
    OUT_OF_MEMORY = "out_of_memory"  # (device)
    DISK_FULL = "disk_full"  # (path)
    READ_ONLY = "read_only"  # (path)
    MISSING_PACKAGE = "missing_package"  # (name)
    BROKEN_CHECKPOINT = "broken_checkpoint"  # (file) skipped, the one before is used: a warning
    NO_CHECKPOINT = "no_checkpoint"  # every checkpoint is damaged
    FINISHED = "finished"  # the run is complete, there is nothing to continue
    BAD_RECIPE = "bad_recipe"  # (reason)
    BAD_START = "bad_start"  # (path, reason: missing | unreadable (detail) | no_weights (detail) | not_finite |
    #                          architecture (wanted, found) | does_not_fit (names[], count)) weights to begin with
    BAD_MODEL = "bad_model"  # (path, reason)
    BROKEN_PICTURE = "broken_picture"  # (path, reason, detail) one picture of a prediction
    UNEXPECTED = "unexpected"  # (reason) a bug; `traceback` tells
    WRITE_FAILED = "write_failed"  # (path, reason) neither full nor read-only

    # Tables
    NO_FILE = "no_file"  # (path)
    UNREADABLE_FILE = "unreadable_file"  # (path, reason)
    NOT_A_TABLE = "not_a_table"  # (path, reason: folder | too_large | binary | old_excel | damaged)
    BAD_ROW = "bad_row"  # (path, line, reason)
    RAGGED_ROW = "ragged_row"  # (path, line, cells, expected) not as many cells as the first
    EMPTY_TABLE = "empty_table"  # (path) no row
    FEW_ROWS = "few_rows"  # (path, count, minimum)
    NO_INPUTS = "no_inputs"  # (path, name) nothing to predict the column from
    BAD_TARGET = "bad_target"  # (path, name, reason: missing | constant | empty | no_numbers | one_class (value) |
    #                            too_many (count, most) | not_numbers) this column cannot be predicted

    # Series
    NO_SERIES = "no_series"  # (path) no column of numbers
    BAD_TIME = "bad_time"  # (path, name, reason: missing | no_time | target | repeated (count)) cannot order the rows
    SHORT_SERIES = "short_series"  # (path, count, minimum, window, horizon) too few rows for these
    SHORT_TABLE = "short_table"  # (path, count, minimum) of rows to forecast from

    # Texts
    SHORT_TEXT = "short_text"  # (path, count, minimum, different: where it repeats itself too much) characters
    NO_TEXTS = "no_texts"  # (path) no text file in any class folder, no column with texts

    # Models that others have trained, to go on with
    BAD_PRETRAINED = "bad_pretrained"  # (path, name, detail, reason: no_folder | no_config | no_weights | no_tokenizer
    #                                    (name: the file) | bad_config (name) | unreadable (detail) | unusable (detail:
    #                                    what the library said) | libraries (detail: its own does not go with this
    #                                    PyTorch) | other_weights (name: the kind of network) | changed (since the run
    #                                    was begun))

    # Warnings about the data
    THIN_CLASS = "thin_class"  # (classes{name: pictures}, minimum) works, but judged by very few pictures
    UNBALANCED = "unbalanced"  # (smallest, smallest_pictures, largest, largest_pictures)
    EMPTY_CLASSES = "empty_classes"  # (names[]) folders without a picture are no classes
    LOOSE_PICTURES = "loose_pictures"  # (count) lie in no class folder, not used
    LOOKS_SPLIT = "looks_split"  # (names[]) the folders are called train, test ..., not as classes
    SAME_PICTURE = "same_picture"  # (count) pictures that are equal, byte for byte, to another one
    SAME_IN_CLASSES = "same_in_classes"  # (count, first, second) equal pictures in different classes; one pair of them
    NAMED_AGAIN = "named_again"  # (count) rows of a table that say once more what another has said

    RARE_CLASSES = "rare_classes"  # (classes{name: rows}, minimum) too few rows, left out
    NO_TRUTH = "no_truth"  # (count, name) rows without a value to predict, left out
    COLUMNS_LEFT_OUT = "columns_left_out"  # (columns{name: kind}) nothing can be learnt from them
    NO_HEADER = "no_header"  # () the first line is data, the columns got names
    LONG_TEXTS = "long_texts"  # (count, words) longer than so many words: only their beginning is read
    SAME_ROW = "same_row"  # (count) rows that are equal to another one
    GAPS_FILLED = "gaps_filled"  # (columns{name: count}) missing values, taken for the one before
    NO_TIME = "no_time"  # (count, name) rows without a time, left out
    SAME_TIME = "same_time"  # (count, name) rows at the same moment as another, left out
    UNEVEN_TIMES = "uneven_times"  # (count, usual, longest, unit: days | "") longer steps; all are taken for equal
    THIN_ROWS = "thin_rows"  # (classes{name: rows}, minimum)
    UNBALANCED_ROWS = "unbalanced_rows"  # (smallest, few, largest, many)

    # Warnings while training and predicting
    PARTLY_FITS = "partly_fits"  # (count, of, names[]) weights to begin with, beside the last layer: so many do not fit
    CHECKPOINT_FAILED = "checkpoint_failed"  # (reason: disk_full | read_only | write_failed, path, free, detail)
    GPU_UNUSABLE = "gpu_unusable"  # (device, reason) training goes on, on the processor
    NO_LOCK = "no_lock"  # (path, reason) the disk cannot lock files: a second engine would not be noticed
    NOT_AS_BEFORE = "not_as_before"  # (differences{name: [before, now]}) of python, torch, numpy or the device: the
    #                                  training goes on, but not to the last digit as if it had not been interrupted
    FOLLOWER_LOST = "follower_lost"  # (tries, most) a process that helps is gone and was replaced; nothing is lost
    IN_PARTS = "in_parts"  # (batch, parts, size, device) memory does not suffice for a whole batch at once
    NO_BFLOAT16 = "no_bfloat16"  # (device) computes in float32 instead
    ENOUGH_EPOCHS = "enough_epochs"  # (epoch, best_epoch, patience) ended early: it got no better any more
    TIME_IS_UP = "time_is_up"  # (minutes, epoch) ended early: it was to take no longer
    NOT_EVALUATED = "not_evaluated"  # () stopped before the test was through
    UNLIKE_TRAINING = "unlike_training"  # (brightness, training_brightness; 0 to 1) perhaps dark and light are swapped
    UNKNOWN_VALUE = "unknown_value"  # (name, value) of a category, not seen in training
    NO_NUMBER = "no_number"  # (name, value) counts as missing
    UNKNOWN_WORDS = "unknown_words"  # (count, of) of a text's words were in no text of the training
    OUT_OF_RANGE = "out_of_range"  # (name, value, least, most) of all that was trained on


def write_atomic(path: Path, data: bytes | memoryview) -> None:
    """Write a file whole or not at all: temporary file, fsync, rename, fsync of the folder."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames in `folder` durable, where the system can (not on Windows)."""
    if sys.platform != "win32":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def restore_model(run: Path) -> None:
    """Put the model before back in its place, where a kill came before the new one was there. Raises OSError."""
    model, old = run / MODEL, run / OLD_MODEL
    if old.exists() and not model.exists():
        old.rename(model)


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Write a JSON file atomically."""
    text = json.dumps(data, indent=2, ensure_ascii=False) + "\n"
    try:
        encoded = text.encode("utf-8")
    except UnicodeEncodeError:  # a file name that is no text, as Linux allows: Python holds it as lone surrogates
        encoded = (json.dumps(data, indent=2) + "\n").encode("ascii")
    write_atomic(path, encoded)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; raises OSError or ValueError."""
    data = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(data, dict):
        raise ValueError(f"{path}: not an object")  # noqa: TRY004  one kind of error for a file that is no good
    return data


def send_command(run: Path, command: str) -> str:
    """Ask the engine of `run` for something; returns the id that the answering event will carry."""
    identity = f"{time.time_ns():020d}-{os.getpid()}"
    folder = run / COMMANDS
    folder.mkdir(exist_ok=True)
    write_json(folder / f"{identity}.json", {"command": command})
    return identity


class NoLocksError(OSError):
    """The disk cannot lock files, as some network disks cannot."""


def lock(file: IO[Any], *, shared: bool = False) -> bool:
    """Lock an open file until it is closed or its process ends, however it ends; False where another holds it.

    Never blocks. `shared`: beside other shared ones (not on Windows, where there are none). Raises `NoLocksError`, and
    OSError for any other reason: neither means that it is held.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _HELD:
            return False
        if error.errno in _UNLOCKABLE:
            raise NoLocksError(*error.args) from error
        raise
    return True


def is_locked(run: Path) -> bool:
    """Whether an engine works on the run, found by its lock; False also where nothing can be locked."""
    try:
        for _ in range(_LOOKS):
            with open(run / LOCK, "rb") as file:
                if lock(file, shared=True):
                    return False
            time.sleep(_LOOK_AGAIN)  # on Windows another look is in the way too, but not for long
    except OSError:
        return False
    return True


# Beyond these a picture is "too_large": more than cameras take, so that a small file cannot be made to fill the memory.
PICTURE_POINTS = 178_000_000
PICTURE_BYTES = 400_000_000
TABLE_BYTES = 2_000_000_000  # of a file; read whole


class EventReader:
    """Follows ``events.jsonl``: each call of `read` yields the whole lines that are new since the last."""

    def __init__(self, run: Path) -> None:
        self._path = run / EVENTS
        self.offset = 0  # bytes that were read

    def read(self, *, brief: bool = False) -> Iterator[dict[str, Any]]:
        """With `brief` of `METRICS` in succession the last only: most of a long run is numbers for its curves."""
        put_off = b""
        try:
            file = open(self._path, "rb")  # noqa: SIM115  closed below
        except FileNotFoundError:
            return
        with file:
            file.seek(self.offset)
            for line in file:
                if not line.endswith(b"\n"):
                    break  # still being written
                self.offset += len(line)
                if brief and line.startswith(_METRICS_LINE):
                    put_off = line
                    continue
                yield from _event(put_off)
                put_off = b""
                yield from _event(line)
        yield from _event(put_off)


def _event(line: bytes) -> Iterator[dict[str, Any]]:
    try:
        event = json.loads(line)
    except ValueError:
        return  # a line cut short by a kill, followed by the next attempt's
    if isinstance(event, dict) and "event" in event:
        yield event
