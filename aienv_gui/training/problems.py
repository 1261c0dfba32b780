"""The engine's codes put into words: what happened, why, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aienv_gui.core.errors import Action, Problem
from aienv_gui.core.explain import Occasion, recognise
from aienv_gui.core.wording import Text, shortened, tr, tr_count
from aienv_gui.engine.protocol import Code
from aienv_gui.training import device_problems, picture_problems, pretrained_problems, series_problems, table_problems
from aienv_gui.training.picture_problems import names_of

# The packages of the modules that the engine imports. Any other that is missing is a part of one that is damaged.
_PACKAGES = {
    **{name: name for name in ("torch", "numpy", "safetensors", "openpyxl", "pyarrow", "transformers", "tokenizers")},
    **{name: name for name in ("torchvision", "timm")},
    "PIL": "pillow",
    "sklearn": "scikit-learn",
}


def problem_of(code: str, values: Mapping[str, Any], details: str = "") -> Problem:
    """The problem that an answer or a FAILED event with this code means. An unknown code is a bug and says so."""
    make = _DATA.get(code) or _TRAINING.get(code) or _MACHINE.get(code) or _REFUSED.get(code)
    named = {"path": "?", "reason": "?", **values}
    problem = make(named) if make is not None else _unexpected(named, details)
    problem.code = code
    problem.details = details
    return problem


def warning_of(code: str, values: Mapping[str, Any]) -> Text:
    """A WARNING event in one sentence."""
    if code == Code.BROKEN_CHECKPOINT:
        return tr(
            "The checkpoint {file} is damaged and was left out.",
            file=values.get("file", "?"),
        )
    make = _WARNINGS.get(code)
    if make is not None:
        return make({"names": (), "count": 0, **values})
    problem = problem_of(code, values)
    return tr("{title} {cure}", title=problem.title, cure=problem.cure) if problem.cure else problem.title


def warnings_of(answer: Mapping[str, Any]) -> tuple[Text, ...]:
    """The warnings of an errand's answer, each in a sentence."""
    return tuple(warning_of(str(item["code"]), item.get("values", {})) for item in answer.get("warnings", ()))


def rescue_of(values: Mapping[str, Any]) -> Text:
    """A RESCUED event in words."""
    files = ", ".join(str(file) for file in values.get("files", ()))
    words = tr(
        "At step {step} the loss was no longer a number. The training went back to step {back} and goes on with a "
        "lower learning rate of {rate} (try {tries} of {most}).",
        step=values.get("at", "?"),
        back=values.get("step", "?"),
        rate=f"{float(values.get('learning_rate', 0.0)):.2g}",
        tries=values.get("tries", "?"),
        most=values.get("most", "?"),
    )
    return tr("{what} It happened with these examples: {files}", what=words, files=files) if files else words


def _no_folder(v: Mapping[str, Any]) -> Problem:
    return Problem(
        tr("The folder is not there."),
        cause=tr("{path} was not found: it was moved, renamed, or its disk is not connected.", path=v["path"]),
        cure=tr("Put it back, or choose the place where it is now."),
    )


def _unreadable_folder(v: Mapping[str, Any]) -> Problem:
    return Problem(
        tr("The folder of pictures cannot be read."),
        cause=tr("The system does not let you read {path} ({reason}).", path=v["path"], reason=v["reason"]),
        cure=tr("Copy the pictures to a folder of your own, or ask the owner for permission to read."),
    )


def _empty_folder(v: Mapping[str, Any]) -> Problem:
    loose = int(v.get("loose", 0))
    if loose:
        return Problem(
            tr("The pictures are in no class."),
            cause=tr_count(
                "One picture lies directly in {path}, in no folder of a class.",
                "{count} pictures lie directly in {path}, in no folder of a class.",
                loose,
                path=v["path"],
            ),
            cure=tr("Make a folder for each class and put the pictures there, or choose the folder above this one."),
            actions=(Action("open_folder", tr("Open folder"), str(v["path"])),),
        )
    return Problem(
        tr("There are no pictures in this folder."),
        cause=tr("{path} has no folder with pictures in it.", path=v["path"]),
        cure=tr("Make one folder for each class inside it (for example “cat” and “dog”) and put the pictures there."),
        actions=(Action("open_folder", tr("Open folder"), str(v["path"])),),
    )


def _one_class(v: Mapping[str, Any]) -> Problem:
    return Problem(
        tr("There is only one class."),
        cause=tr("All pictures are in “{name}”: there is nothing to tell apart.", name=_name(v)),
        cure=tr("Add a second folder with pictures of something else, or choose the folder above this one."),
        actions=(Action("open_folder", tr("Open folder"), str(v["path"])),),
    )


def _data_changed(v: Mapping[str, Any]) -> Problem:
    return Problem(
        tr("The data have changed since this training began."),
        cause=tr("{path} is not as it was then, or something in it; going on would mix two sets.", path=v["path"]),
        cure=tr("Put the data back as they were, or start a new training with them as they are now."),
    )


def _nan(v: Mapping[str, Any]) -> Problem:
    return Problem(
        tr("The loss is no longer a number."),
        cause=tr(
            "In epoch {epoch}, at step {step}, the numbers grew beyond all bounds (NaN), also with a learning rate of "
            "{rate}, the last of {tries} lower ones. The best state so far is kept as a checkpoint.",
            epoch=v.get("epoch", "?"),
            step=v.get("step", "?"),
            rate=f"{float(v['learning_rate']):.2g}",
            tries=v["tries"],
        )
        if v.get("tries")
        else tr(  # an engine of before, which gave up at once
            "In epoch {epoch}, at step {step}, the numbers grew beyond all bounds (NaN). Most often the learning rate "
            "is too high.",
            epoch=v.get("epoch", "?"),
            step=v.get("step", "?"),
        ),
        cure=tr("Start a new training with a learning rate ten times smaller (under Advanced)."),
    )


def _disk_full(v: Mapping[str, Any]) -> Problem:
    return Problem(
        tr("The disk is full."),
        cause=tr("{path} could not be written.", path=v["path"]),
        cure=tr("Free some space on this disk, then continue. What was saved before is kept."),
    )


def _read_only(v: Mapping[str, Any]) -> Problem:
    return Problem(
        tr("This folder cannot be written to."),
        cause=tr("The system does not let you write to {path}.", path=v["path"]),
        cure=tr("Give yourself permission to write there, then continue. What was saved before is kept."),
    )


def _write_failed(v: Mapping[str, Any]) -> Problem:
    return Problem(
        tr("A file could not be written."),
        cause=tr("{path}: {reason}", path=v["path"], reason=v["reason"]),
        cure=tr("Check that the disk is connected, then continue. What was saved before is kept."),
    )


def _missing_package(v: Mapping[str, Any]) -> Problem:
    package = _PACKAGES.get(str(v.get("name", "?")).partition(".")[0])
    add = (Action("add_packages", tr("Add to the environment"), package),) if package else ()
    return Problem(
        tr("The environment lacks a package that training needs."),
        cause=tr("“{name}” is not installed in it, or does not load.", name=_name(v)),
        cure=tr("Add it on the page of the environment (Packages, Add...), or choose another environment."),
        actions=(*add, Action("open_page", tr("Open Environments"), "environments")),
    )


def _no_checkpoint(_v: Mapping[str, Any]) -> Problem:
    return Problem(
        tr("No checkpoint of this training can be used."),
        cause=tr("Every saved checkpoint is damaged or missing."),
        cure=tr("Start a new training with the same settings; the curves of this one are kept."),
    )


def _finished(_v: Mapping[str, Any]) -> Problem:
    return Problem(
        tr("This training is already complete."),
        cause=tr("There is nothing left to continue."),
        cure=tr("Start a new training, for example with more epochs."),
    )


def _bad_recipe(v: Mapping[str, Any]) -> Problem:
    return Problem(
        tr("The settings of this training do not work."),
        cause=tr("The training engine refused them: {reason}", reason=v["reason"]),
        cure=tr("Start a new training and choose the settings again."),
    )


def _bad_model(v: Mapping[str, Any]) -> Problem:
    return Problem(
        tr("This model cannot be loaded."),
        cause=tr("{path} is damaged or incomplete ({reason}).", path=v["path"], reason=v["reason"]),
        cure=tr("Choose another model, or train it again."),
    )


def _unexpected(v: Mapping[str, Any], details: str) -> Problem:
    known = recognise(f"{details}\n{v['reason']}", Occasion.RUN)
    if known is not None:
        return Problem(tr("The training could not go on."), cause=known.cause, cure=_then_continue(known.cure))
    return Problem(
        tr("The training engine met an error it has no words for."),
        cause=_own_words(v),
        cure=tr("Your work is kept. Try again; if it happens again, copy the report and send it to the developers."),
    )


def _then_continue(cure: Text) -> Text:
    return tr("{cure} Then continue; what was saved before is kept.", cure=cure)


def _not_paused(_v: Mapping[str, Any]) -> Problem:
    return Problem(
        tr("The training is not paused."),
        cause=tr("It had gone on already."),
        cure=tr("There is nothing to be done."),
    )


def _stale(_v: Mapping[str, Any]) -> Problem:
    return Problem(
        tr("The training was started anew meanwhile."),
        cause=tr("What was asked was meant for its process before."),
        cure=tr("Ask again."),
    )


def _loading(_v: Mapping[str, Any]) -> Problem:
    return Problem(
        tr("The data are still being read."),
        cause=tr("There is nothing to save before the first step."),
        cure=tr("Try again as soon as it trains."),
    )


def _unknown(_v: Mapping[str, Any]) -> Problem:
    return Problem(
        tr("The training does not understand what it was asked."),
        cause=tr("It was begun with another version of AIEnv and keeps the engine of that."),
        cure=tr("Update AIEnv and ask again."),
    )


def _ended(_v: Mapping[str, Any]) -> Problem:
    return Problem(
        tr("The training has ended."),
        cause=tr("It ended before it could do what was asked."),
        cure=tr("Continue it first, if there is something left to do."),
    )


def _own_words(values: Mapping[str, Any]) -> Text:
    return tr("It said: {reason}", reason=values["reason"])


def _name(values: Mapping[str, Any], key: str = "name") -> str:
    return shortened(str(values.get(key, "?")))


_DATA = {
    Code.NO_FOLDER: _no_folder,
    Code.UNREADABLE_FOLDER: _unreadable_folder,
    Code.EMPTY_FOLDER: _empty_folder,
    Code.ONE_CLASS: _one_class,
    Code.DATA_CHANGED: _data_changed,
    **device_problems.PROBLEMS,
    **picture_problems.PROBLEMS,
    **table_problems.PROBLEMS,
    **series_problems.PROBLEMS,
    **pretrained_problems.PROBLEMS,
}
_TRAINING = {
    Code.NOT_A_NUMBER: _nan,
    Code.BAD_RECIPE: _bad_recipe,
    Code.BAD_MODEL: _bad_model,
    Code.NO_CHECKPOINT: _no_checkpoint,
    Code.FINISHED: _finished,
}
_MACHINE = {
    Code.DISK_FULL: _disk_full,
    Code.READ_ONLY: _read_only,
    Code.WRITE_FAILED: _write_failed,
    Code.MISSING_PACKAGE: _missing_package,
}
_REFUSED = {
    "not_paused": _not_paused,
    "stale": _stale,
    "loading": _loading,
    "unknown": _unknown,
    "ended": _ended,
}


def _unbalanced(v: Mapping[str, Any]) -> Text:
    return tr(
        "The classes are of very different size: {smallest} has {few} pictures, {largest} has {many}. The model may "
        "prefer the large ones.",
        smallest=_name(v, "smallest"),
        few=v.get("smallest_pictures", "?"),
        largest=_name(v, "largest"),
        many=v.get("largest_pictures", "?"),
    )


def _empty_classes(v: Mapping[str, Any]) -> Text:
    names = [str(name) for name in v["names"]]
    return tr("Folders without pictures are left out: {names}.", names=names_of(names, len(names)))


def _loose_pictures(v: Mapping[str, Any]) -> Text:
    return tr_count(
        "One picture lies in no class folder and is not used.",
        "{count} pictures lie in no class folder and are not used.",
        int(v["count"]),
    )


def _looks_split(v: Mapping[str, Any]) -> Text:
    names = [str(name) for name in v["names"]]
    return tr(
        "The folders are called {names}: is this data already split? AIEnv splits it itself; choose the folder that "
        "holds one folder for each class.",
        names=names_of(names, len(names)),
    )


def _checkpoint_failed(v: Mapping[str, Any]) -> Text:
    why = _FAILED_WRITES.get(str(v.get("reason")))
    return tr("A checkpoint could not be saved: {why}", why=why or str(v.get("detail") or v.get("path", "?")))


def _no_lock(v: Mapping[str, Any]) -> Text:
    return tr(
        "The disk of {path} cannot lock files ({reason}): take care that no other AIEnv continues this training "
        "meanwhile.",
        path=v.get("path", "?"),
        reason=v.get("reason", "?"),
    )


def _not_as_before(v: Mapping[str, Any]) -> Text:
    changes = [f"{name} {before} → {now}" for name, (before, now) in v.get("differences", {}).items()]
    return tr(
        "It goes on with other versions or on another device than before ({changes}): the result is as good, but not "
        "the same to the last digit as without the interruption.",
        changes=", ".join(changes),
    )


def _not_evaluated(_v: Mapping[str, Any]) -> Text:
    return tr("It was stopped before the test was through: there is no test result.")


def _unlike_training(_v: Mapping[str, Any]) -> Text:
    return tr("This picture is much lighter or darker than those trained on: dark and light may be swapped.")


_FAILED_WRITES = {
    Code.DISK_FULL: tr("the disk is full. Free some space on it."),
    Code.READ_ONLY: tr("the folder cannot be written to."),
}


def _enough_epochs(v: Mapping[str, Any]) -> Text:
    return tr_count(
        "It ended early, after epoch {epoch}: one epoch had been no better. The best is that of epoch {best}.",
        "It ended early, after epoch {epoch}: {count} epochs had been no better. The best is that of epoch {best}.",
        int(v.get("patience", 0)),
        epoch=v.get("epoch", "?"),
        best=v.get("best_epoch", "?"),
    )


def _time_is_up(v: Mapping[str, Any]) -> Text:
    return tr(
        "It ended in epoch {epoch}, because its time was up ({minutes} minutes). The best state so far is the result.",
        epoch=v.get("epoch", "?"),
        minutes=f"{float(v.get('minutes', 0)):g}",
    )


_WARNINGS = {
    Code.ENOUGH_EPOCHS: _enough_epochs,
    Code.TIME_IS_UP: _time_is_up,
    Code.UNBALANCED: _unbalanced,
    Code.EMPTY_CLASSES: _empty_classes,
    Code.LOOSE_PICTURES: _loose_pictures,
    Code.LOOKS_SPLIT: _looks_split,
    Code.CHECKPOINT_FAILED: _checkpoint_failed,
    Code.NO_LOCK: _no_lock,
    Code.NOT_AS_BEFORE: _not_as_before,
    Code.NOT_EVALUATED: _not_evaluated,
    Code.UNLIKE_TRAINING: _unlike_training,
    **device_problems.WARNINGS,
    **picture_problems.WARNINGS,
    **table_problems.WARNINGS,
    **series_problems.WARNINGS,
}


def environment_gone(python: Path) -> Problem:
    """The environment's interpreter is not there (any more)."""
    return Problem(
        tr("The environment is no longer there."),
        cause=tr("{python} was not found: the environment was deleted or moved.", python=python),
        cure=tr("Choose another environment. The training and its checkpoints are kept."),
        code="environment_gone",
        actions=(Action("open_page", tr("Open Environments"), "environments"),),
    )


def engine_silent(log: str, log_file: Path | None = None) -> Problem:
    """The engine's process ended before it could say why. `log` is what it wrote, in this attempt."""
    known = recognise(log, Occasion.RUN)
    return Problem(
        tr("The training could not be started."),
        cause=known.cause if known else tr("The environment's Python ended before the training began."),
        cure=_then_continue(known.cure)
        if known
        else tr("Validate the environment, or choose another one, then continue."),
        actions=(
            Action("open_page", tr("Open Environments"), "environments"),
            *((Action("show_log", tr("Show log"), str(log_file)),) if log_file else ()),
        ),
        details=log,
        code="engine_silent",
    )


def interrupted(log: str) -> Problem:
    """The engine's process disappeared in the middle of its work. `log` is what it wrote, in this attempt."""
    known = recognise(log, Occasion.RUN)
    return Problem(
        tr("The training was interrupted."),
        cause=known.cause
        if known
        else tr("Its process ended without a word: the computer was restarted, or something ended the process."),
        cure=_then_continue(known.cure)
        if known
        else tr("Continue goes on from the last checkpoint as if nothing had happened."),
        details=log,
        code="interrupted",
    )


def unreadable_run(folder: Path, reason: Text | str) -> Problem:
    """The run's own files cannot be read."""
    return Problem(
        tr("This training cannot be read."),
        cause=tr("{path}: {reason}", path=folder, reason=reason),
        cure=tr("Restore the folder from a backup, or delete it."),
        actions=(Action("open_folder", tr("Open folder"), str(folder)),),
        code="damaged_run",
    )
