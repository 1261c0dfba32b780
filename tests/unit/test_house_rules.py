"""Rules of this house that no linter knows."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.source_trees import PACKAGE, ROOT, called, calls, place, sources, tree

_APPLICATION = sources(PACKAGE)
_GUI = sources(PACKAGE / "gui")
_TESTS = sources(ROOT / "tests")
_EVERYTHING = [*_APPLICATION, *sources(ROOT / "packaging"), *_TESTS]

_LINES = 600
_OLDEST = (3, 10)
_NEWER_NAMES = {"Self", "StrEnum", "UTC", "ExceptionGroup", "assert_never", "override", "batched", "TaskGroup"}
_DRAWERS = {"util", "utils", "common", "misc", "base", "manager", "helper", "helpers", "tools"}
_THREADS = {PACKAGE / "gui" / "jobs.py", PACKAGE / "gui" / "hardware_feed.py"}
_JOB_SIGNALS = {
    "succeeded",
    "failed",
    "cancelled",
    "finished",
    "partial",
    "logged",
    "state_changed",
    "status_changed",
    "progress_changed",
}
_SETTERS = {
    "setText",
    "setWindowTitle",
    "setToolTip",
    "setStatusTip",
    "setPlaceholderText",
    "setAccessibleName",
    "setAccessibleDescription",
    "setTitle",
    "setInformativeText",
    "setLabelText",
    "addItem",
    "addAction",
    "addTab",
}


def _refuse(found: list[str]) -> None:
    assert not found, "\n" + "\n".join(found)


def _keyword(call: ast.Call, name: str) -> ast.expr | None:
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def _is_true(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Constant) and value.value is True


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def test_package_files_are_empty() -> None:
    _refuse([place(path, tree(path)) for path in _APPLICATION if path.name == "__init__.py" and _text(path).strip()])


def test_modules_stay_small() -> None:
    counts = {path: len(_text(path).splitlines()) for path in _EVERYTHING}
    _refuse([f"{place(path, tree(path))}: {count} lines" for path, count in counts.items() if count > _LINES])


def test_modules_are_named_after_what_they_hold() -> None:
    _refuse([place(path, tree(path)) for path in _APPLICATION if path.stem in _DRAWERS])


def test_every_module_says_what_it_is() -> None:
    _refuse(
        [
            place(path, tree(path))
            for path in _EVERYTHING
            # Modules that tests only hand to a child process may be as short as they like.
            if "probe_modules" not in path.parts
            if path.name != "__init__.py" and ast.get_docstring(tree(path)) is None
        ]
    )


def test_no_shell() -> None:
    found = [(path, call) for path in _EVERYTHING for call in calls(path)]
    shells = ("os.system", "os.popen")
    _refuse([place(p, c) for p, c in found if _is_true(_keyword(c, "shell")) or ast.unparse(c.func) in shells])


def test_events_are_never_processed_by_hand() -> None:
    _refuse([place(path, call) for path in _APPLICATION for call in calls(path) if called(call) == "processEvents"])


def test_torch_loads_weights_only() -> None:
    found = [(path, call) for path in _EVERYTHING for call in calls(path) if ast.unparse(call.func) == "torch.load"]
    _refuse([place(path, call) for path, call in found if not _is_true(_keyword(call, "weights_only"))])


def test_the_engine_speaks_the_oldest_python_it_may_meet() -> None:
    """It runs in environments that others made; the rest of AIEnv brings its own."""
    newer = []
    for path in sources(PACKAGE / "engine"):
        try:
            ast.parse(path.read_text(encoding="utf-8"), str(path), feature_version=_OLDEST)
        except SyntaxError as error:
            newer.append(f"{path.relative_to(ROOT)}:{error.lineno}: {error.msg}")
        newer += [place(path, node) for node in ast.walk(tree(path)) if _is_newer_library(node)]
    _refuse(newer)


def _is_newer_library(node: ast.AST) -> bool:
    """Whether it imports what the standard library has had only since then."""
    modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
    names = [alias.name for alias in node.names] if isinstance(node, ast.ImportFrom) and not node.level else []
    return "tomllib" in modules or bool(_NEWER_NAMES.intersection(names))


def test_nothing_is_unpickled() -> None:
    refused = re.compile(r"(pickle|marshal|dill|shelve)\.(load|loads|Unpickler|open)")
    _refuse([place(p, c) for p in _APPLICATION for c in calls(p) if refused.fullmatch(ast.unparse(c.func))])


def test_exceptions_are_not_swallowed() -> None:
    handlers = [
        (path, node) for path in _EVERYTHING for node in ast.walk(tree(path)) if isinstance(node, ast.ExceptHandler)
    ]
    broad = {"Exception", "BaseException"}
    _refuse(
        [
            place(path, node)
            for path, node in handlers
            if (node.type is None or ast.unparse(node.type) in broad)
            and all(isinstance(statement, (ast.Pass, ast.Continue)) for statement in node.body)
        ]
    )


def test_threads_are_made_in_one_place() -> None:
    _refuse(
        [
            place(path, call)
            for path in _GUI
            if path not in _THREADS
            for call in calls(path)
            if called(call) in ("QThread", "Thread", "QThreadPool", "ThreadPoolExecutor")
        ]
    )


def test_the_window_never_sleeps() -> None:
    _refuse(
        [place(p, c) for p in _GUI for c in calls(p) if ast.unparse(c.func) in ("time.sleep", "sleep", "QThread.sleep")]
    )


def test_signals_of_jobs_go_to_methods() -> None:
    """A lambda or a function has no thread of its own to be called in."""
    found = []
    for path in _GUI:
        for call in calls(path):
            function = call.func
            if (
                called(call) == "connect"
                and isinstance(function, ast.Attribute)
                and isinstance(function.value, ast.Attribute)
                and function.value.attr in _JOB_SIGNALS
                and call.args
                and not isinstance(call.args[0], ast.Attribute)
            ):
                found.append(place(path, call))
    _refuse(found)


def test_timers_have_parents() -> None:
    _refuse([place(p, c) for p in _GUI for c in calls(p) if called(c) == "QTimer" and not c.args and not c.keywords])


def test_words_on_widgets_are_translatable() -> None:
    """A literal with letters goes through `say(widget, ..., tr(...))`."""
    found = []
    for path in _GUI:
        for call in calls(path):
            literals = [a.value for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            words = "".join(literals).replace("AIEnv", "")
            if called(call) in _SETTERS and any(map(str.isalpha, words)):
                found.append(f"{place(path, call)}: {literals}")
    _refuse(found)


def test_tests_neither_skip_nor_sleep() -> None:
    """A test that waits for a fixed time is slow on a fast machine and wrong on a slow one."""
    refused = {"pytest.mark.skip", "pytest.mark.skipif", "pytest.mark.xfail"}
    refused |= {"pytest.skip", "pytest.importorskip", "pytest.xfail"}
    _refuse(
        [
            place(path, node)
            for path in _TESTS
            for node in ast.walk(tree(path))
            if isinstance(node, ast.Attribute) and ast.unparse(node) in refused
        ]
    )
    waits = [(p, c) for p in _TESTS for c in calls(p) if ast.unparse(c.func) == "qtbot.wait"]
    _refuse([place(p, c) for p, c in waits if ast.unparse(c.args[0]) not in ("0", "1")])  # a turn of the event loop


@pytest.mark.parametrize("name", ["tests", "tests/unit", "tests/gui", "tests/engine", "tests/e2e"])
def test_tests_are_no_packages(name: str) -> None:
    assert not (ROOT / name / "__init__.py").exists()


def test_names_of_test_files_are_unique() -> None:
    names = [path.name for path in _TESTS if path.name.startswith("test_")]
    _refuse(sorted({name for name in names if names.count(name) > 1}))
