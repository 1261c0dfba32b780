"""Validation of real environments, healthy and damaged in each way that people meet."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import pytest

from aienv_gui.core.errors import Cancelled
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.environments.changes import transaction
from aienv_gui.environments.discovery.look import read_environment
from aienv_gui.environments.health import frameworks, probe_run, validation
from aienv_gui.environments.health.accelerator_words import Presence
from aienv_gui.environments.health.probe_run import Fate, Step
from aienv_gui.environments.health.repairs import Repairs
from aienv_gui.environments.health.work import judge_libraries
from aienv_gui.environments.manifest import health_file, read_manifest, write_manifest
from aienv_gui.environments.planning.plan import make_plan
from aienv_gui.environments.records import (
    Engine,
    Environment,
    Machine,
    MachineCard,
    Maker,
    Request,
    Sources,
    Verdict,
    VerdictState,
)
from tests.fakes.channel.running_python import MINOR, VERSION
from tests.fakes.channel.samples import sample_channel
from tests.fakes.reporters import Keeping

CHECKS = (
    "interpreter",
    "integrity",
    "agreement",
    "runtimes",
    "surroundings",
    "imports",
    "accelerator",
    "computation",
    "libraries",
)


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """One environment, built once; tests work on copies."""
    folder = tmp_path_factory.mktemp("master")
    channel = sample_channel(folder / "channel")
    sources = Sources(channels=(str(channel),))
    folders = Folders.under(folder / "home")
    request = Request("first", Engine.CONDA, MINOR, ("colours", "many"), imports=("colours", "paint"))
    return transaction.build(make_plan(request, sources, folders, Silent()), sources, folders, Silent())


@pytest.fixture
def environment(master: Environment, folders: Folders, monkeypatch: pytest.MonkeyPatch) -> Environment:
    """A copy of its own, with nothing leaking into it; its files are no links."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    monkeypatch.delenv("PYTHONHOME", raising=False)
    prefix = folders.environments / "first"
    shutil.copytree(master.prefix, prefix, symlinks=True)
    settle(prefix, master.prefix)
    return read_environment(prefix, Maker.AIENV, folders)


def settle(prefix: Path, origin: Path) -> None:
    """Let the scripts of a copy start its own Python, and its packages know them so."""
    for script in (prefix / "bin").iterdir():
        content = script.read_bytes()[:4096] if script.is_file() and not script.is_symlink() else b""
        if content.startswith(b"#!" + bytes(origin)):
            script.write_bytes(script.read_bytes().replace(bytes(origin), bytes(prefix)))
            for path in (prefix / "conda-meta").glob("*.json"):
                record = json.loads(path.read_text())
                for entry in record["paths_data"]["paths"]:
                    if entry["_path"] == f"bin/{script.name}":
                        entry["size_in_bytes"] = script.stat().st_size
                        path.write_text(json.dumps(record))


def site_of(environment: Environment) -> Path:
    return environment.prefix / f"lib/python{MINOR}/site-packages"


def verdicts_of(environment: Environment, folders: Folders) -> dict[str, Verdict]:
    return {verdict.check: verdict for verdict in validation.validate(environment, folders, Silent())}


def importing(environment: Environment, *modules: str) -> None:
    """Have these modules imported by the validation."""
    manifest = read_manifest(environment.prefix)
    assert manifest is not None
    request = replace(manifest.request, imports=modules)
    write_manifest(environment.prefix, replace(manifest, request=request))


def add_package(environment: Environment, name: str, version: str, metadata: Iterable[str] = ()) -> None:
    info = site_of(environment) / f"{name}-{version}.dist-info"
    info.mkdir()
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *metadata]
    (info / "METADATA").write_text("\n".join(lines) + "\n")
    (info / "INSTALLER").write_text("pip\n")
    (info / "RECORD").write_text(f"{info.name}/METADATA,,\n")


def states_of(verdicts: dict[str, Verdict]) -> dict[str, str]:
    return {check: verdict.state.value for check, verdict in verdicts.items()}


HEALTHY = {
    "interpreter": "passed",
    "integrity": "passed",
    "agreement": "passed",
    "runtimes": "skipped",
    "surroundings": "passed",
    "imports": "passed",
    "accelerator": "skipped",
    "computation": "skipped",
    "libraries": "skipped",
}


def test_healthy_environment_passes_and_its_verdicts_are_kept(environment: Environment, folders: Folders) -> None:
    reporter = Keeping()
    before = time.time()
    verdicts = validation.validate(environment, folders, reporter)
    assert tuple(verdict.check for verdict in verdicts) == CHECKS
    assert states_of({verdict.check: verdict for verdict in verdicts}) == HEALTHY
    assert tuple(reporter.partials) == verdicts
    assert reporter.amounts[-1] == (len(CHECKS), len(CHECKS))
    assert str(verdicts[0].detail) == f"Python {VERSION}"
    again = read_environment(environment.prefix, Maker.AIENV, folders)
    assert again.health == verdicts
    assert again.validated is not None
    assert before <= again.validated <= time.time()


def test_deleted_file_is_named_with_a_cure(environment: Environment, folders: Folders) -> None:
    (environment.prefix / "share/many/7.txt").unlink()
    (environment.prefix / "share/many/8.txt").unlink()
    verdicts = verdicts_of(environment, folders)
    assert states_of(verdicts) == {**HEALTHY, "integrity": "failed"}
    assert str(verdicts["integrity"].detail) == "many: share/many/7.txt is missing.\nmany: share/many/8.txt is missing."
    assert "Install everything again" in str(verdicts["integrity"].cure)
    assert [action.name for action in verdicts["integrity"].actions] == ["repair"]


def test_package_that_is_gone_with_its_own_record_is_missed(environment: Environment, folders: Folders) -> None:
    verdicts_of(environment, folders)
    shutil.rmtree(environment.prefix / "share/many")
    for record in (environment.prefix / "conda-meta").glob("many-*.json"):
        record.unlink()
    stale = read_environment(environment.prefix, Maker.AIENV, folders)
    assert stale.health == ()  # the list does not go on saying that all is well
    assert stale.validated is not None
    verdicts = verdicts_of(environment, folders)
    assert states_of(verdicts) == {**HEALTHY, "integrity": "failed"}
    assert str(verdicts["integrity"].detail) == "many 1.0 was installed by AIEnv and is missing."
    assert "Install everything again" in str(verdicts["integrity"].cure)
    assert [action.name for action in verdicts["integrity"].actions] == ["repair"]
    assert read_environment(environment.prefix, Maker.AIENV, folders).health == tuple(verdicts.values())


def test_package_that_the_user_added_is_no_fault_and_is_validated_with_the_rest(
    environment: Environment, folders: Folders
) -> None:
    verdicts_of(environment, folders)
    add_package(environment, "extra", "1.0")
    assert read_environment(environment.prefix, Maker.AIENV, folders).health == ()
    assert states_of(verdicts_of(environment, folders)) == HEALTHY
    assert read_environment(environment.prefix, Maker.AIENV, folders).health


def test_truncated_library_is_told_as_a_crash_and_the_rest_goes_on(environment: Environment, folders: Folders) -> None:
    libraries = list((environment.prefix / f"lib/python{MINOR}/lib-dynload").glob("_decimal.*.so"))
    assert libraries, "the running Python has its decimal module as a library of its own"
    content = libraries[0].read_bytes()
    libraries[0].write_bytes(content[: len(content) // 4])
    importing(environment, "_decimal", "paint")
    verdicts = verdicts_of(environment, folders)
    assert verdicts["integrity"].state is VerdictState.FAILED
    assert verdicts["imports"].state is VerdictState.FAILED
    detail = str(verdicts["imports"].detail)
    assert detail.startswith("_decimal: ")
    assert "crashed (SIG" in detail
    assert "more" not in detail  # paint, which came after it, works


def test_missing_dependency_is_named_where_it_is_needed(environment: Environment, folders: Folders) -> None:
    for path in (site_of(environment) / "paint.py", environment.prefix / "conda-meta/paint-2.4-0.json"):
        path.unlink()
    shutil.rmtree(site_of(environment) / "paint-2.4.dist-info")
    verdicts = verdicts_of(environment, folders)
    assert states_of(verdicts) == {**HEALTHY, "integrity": "failed", "agreement": "failed", "imports": "failed"}
    assert str(verdicts["agreement"].detail).startswith("colours needs paint >=2, which is not installed.")
    assert "Install what is missing." in str(verdicts["agreement"].cure)
    assert str(verdicts["imports"].detail) == ("colours needs paint, which is not installed.\npaint is not installed.")


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        (["Requires-Dist: paint<2"], "extra needs paint<2, but 2.4 is installed."),
        (["Requires-Dist: varnish>=1; python_version >= '3'"], "extra needs varnish>=1, which is not installed."),
        (["Requires-Python: <3"], f"extra needs Python <3, but this is {VERSION}."),
    ],
    ids=["version", "missing", "python"],
)
def test_packages_that_do_not_fit_are_named(
    environment: Environment, folders: Folders, metadata: list[str], words: str
) -> None:
    add_package(environment, "extra", "1.0", metadata)
    verdicts = verdicts_of(environment, folders)
    assert states_of(verdicts) == {**HEALTHY, "agreement": "failed"}
    assert str(verdicts["agreement"].detail) == words


def test_what_other_systems_or_extras_need_is_no_fault(environment: Environment, folders: Folders) -> None:
    metadata = ["Requires-Dist: varnish; extra == 'all'", "Requires-Dist: wax; sys_platform == 'nowhere'"]
    add_package(environment, "extra", "1.0", [*metadata, "Requires-Dist: not a requirement ((("])
    assert states_of(verdicts_of(environment, folders)) == HEALTHY


def test_package_installed_twice_is_found(environment: Environment, folders: Folders) -> None:
    add_package(environment, "extra", "1.0")
    add_package(environment, "extra", "2.0")
    assert str(verdicts_of(environment, folders)["agreement"].detail) == "extra is installed twice: 1.0, 2.0."


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import nowhere_to_be_found", "colours needs nowhere_to_be_found, which is not installed."),
        ("raise RuntimeError('no luck today')", "colours cannot be imported. RuntimeError: no luck today"),
        ("def broken(:\n", "colours: one of its files is damaged."),
        ("import os; os._exit(7)", "colours: The interpreter ended without a word."),
        ("import os; os.kill(os.getpid(), 11)", "colours: The interpreter crashed (SIGSEGV)"),
    ],
    ids=["missing", "error", "syntax", "exit", "crash"],
)
def test_failed_import_says_why(environment: Environment, folders: Folders, source: str, words: str) -> None:
    (site_of(environment) / "colours.py").write_text(source)
    verdicts = verdicts_of(environment, folders)
    assert verdicts["imports"].state is VerdictState.FAILED
    assert str(verdicts["imports"].detail).startswith(words)
    assert verdicts["imports"].cure is not None


@pytest.mark.parametrize("version", ["2.7.18", "3.6.15"])
def test_a_python_too_old_for_the_probe_is_not_called_broken(tmp_path: Path, folders: Folders, version: str) -> None:
    prefix = tmp_path / "old"
    (prefix / "bin").mkdir(parents=True)
    python = prefix / "bin" / "python"
    python.write_text("#!/bin/sh\necho 'Try `python -h''' for more information.' >&2\nexit 2\n")
    python.chmod(0o755)
    (prefix / "pyvenv.cfg").write_text(f"version = {version}\n")
    verdicts = verdicts_of(read_environment(prefix), folders)
    assert tuple(verdicts) == CHECKS
    assert {verdict.state for verdict in verdicts.values()} == {VerdictState.SKIPPED}
    assert str(verdicts["interpreter"].detail) == f"Python {version} is too old for AIEnv's checks."
    assert frameworks.overall(read_environment(prefix, folders=folders)) is None  # no badge that calls it ill


def test_import_that_stands_still_is_ended(
    environment: Environment, folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe_run, "LIMIT_S", 1.0)
    (site_of(environment) / "colours.py").write_text("import time; time.sleep(600)")
    began = time.monotonic()
    verdicts = verdicts_of(environment, folders)
    assert time.monotonic() - began < 15
    assert states_of(verdicts) == {**HEALTHY, "integrity": "failed", "imports": "failed"}
    assert "colours: It took more than" in str(verdicts["imports"].detail)


def test_code_at_every_start_that_stands_still_is_told(
    environment: Environment, folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe_run, "LIMIT_S", 1.0)
    (site_of(environment) / "slow.pth").write_text("import time; time.sleep(600)\n")
    verdicts = verdicts_of(environment, folders)
    assert verdicts["interpreter"].state is VerdictState.FAILED
    assert ".pth" in str(verdicts["interpreter"].cure)
    assert verdicts["imports"].state is VerdictState.SKIPPED


def _no_permission(python: Path) -> None:
    python.unlink()
    python.write_bytes(b"")
    python.chmod(0o644)


def _no_program(python: Path) -> None:
    python.unlink()
    python.write_bytes(b"\x7fELF nonsense")
    python.chmod(0o755)


def _gone(python: Path) -> None:
    for name in ("python", "python3", f"python{MINOR}"):
        (python.parent / name).unlink()


def _no_standard_library(python: Path) -> None:
    shutil.rmtree(python.parent.parent / f"lib/python{MINOR}/encodings")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (_no_permission, "may not be run"),
        (_no_program, "Exec format error"),
        (_no_standard_library, "encodings"),
        (_gone, "no Python interpreter"),
    ],
    ids=["permission", "program", "standard_library", "gone"],
)
def test_interpreter_that_does_not_run(
    environment: Environment, folders: Folders, damage: Callable[[Path], None], words: str
) -> None:
    damage(environment.python)
    verdicts = verdicts_of(environment, folders)
    assert verdicts["interpreter"].state is VerdictState.FAILED
    assert words in str(verdicts["interpreter"].detail)
    assert verdicts["interpreter"].cure is not None
    assert {verdicts[check].state for check in CHECKS[2:]} == {VerdictState.SKIPPED}


def test_deleted_environment_is_told_and_nothing_is_kept_of_it(environment: Environment, folders: Folders) -> None:
    shutil.rmtree(environment.prefix)
    verdicts = verdicts_of(environment, folders)
    assert states_of(verdicts)["interpreter"] == "failed"
    assert str(verdicts["interpreter"].detail) == "Its folder is gone."
    assert not health_file(environment.prefix, folders).exists()


def test_cancel_ends_the_interpreter_and_keeps_no_verdict(environment: Environment, folders: Folders) -> None:
    import psutil

    (site_of(environment) / "colours.py").write_text("import time; time.sleep(600)")
    reporter = Keeping(lambda told: len(told.partials) >= 4 and bool(psutil.Process().children()))
    with pytest.raises(Cancelled):
        validation.validate(environment, folders, reporter)
    assert not psutil.Process().children()
    assert not health_file(environment.prefix, folders).exists()


def test_leaking_variable_is_a_warning_and_does_not_leak(
    environment: Environment, folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "leak").mkdir()
    (tmp_path / "leak" / "paint.py").write_text("raise RuntimeError('the wrong one')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "leak"))
    verdicts = verdicts_of(environment, folders)
    assert states_of(verdicts) == {**HEALTHY, "surroundings": "warning"}
    assert "PYTHONPATH" in str(verdicts["surroundings"].detail)


@pytest.mark.parametrize(
    ("packages", "state"),
    [
        ([("pynvml", "11.5.0")], "warning"),
        ([("pynvml", "13.0.1"), ("nvidia_ml_py", "13.590.44")], "passed"),
        ([("nvidia_ml_py3", "7.352.0")], "warning"),
        ([("torch", "2.13.0+cpu"), ("torchvision", "0.28.0")], "warning"),
        ([("torch", "2.13.0+cpu"), ("torchvision", "0.28.0+cpu")], "passed"),
    ],
    ids=["old_pynvml", "new_pynvml", "nvidia_ml_py3", "torchvision_differs", "torchvision_agrees"],
)
def test_known_troublemakers_are_warned_of(
    environment: Environment, folders: Folders, packages: list[tuple[str, str]], state: str
) -> None:
    for name, version in packages:
        add_package(environment, name, version)
    assert states_of(verdicts_of(environment, folders))["surroundings"] == state


def test_environment_of_others_is_left_as_it_is(environment: Environment, folders: Folders) -> None:
    for cache in environment.prefix.rglob("__pycache__"):
        shutil.rmtree(cache)
    (environment.prefix / "aienv.json").unlink()
    (site_of(environment) / "numpy-0.1.dist-info").mkdir()
    before = sorted(environment.prefix.rglob("*"))
    theirs = replace(environment, maker=Maker.CONDA)
    verdicts = verdicts_of(theirs, folders)
    assert verdicts["imports"].state is VerdictState.FAILED  # numpy is tried because it is known
    assert "program that made it" in str(verdicts["imports"].cure)
    assert sorted(environment.prefix.rglob("*")) == before
    assert read_environment(environment.prefix, Maker.CONDA, folders).health


def test_modules_of_what_was_asked_for_are_imported(environment: Environment, folders: Folders) -> None:
    importing(environment)
    detail = str(verdicts_of(environment, folders)["imports"].detail)
    assert detail == "colours"


def actions_of(verdict: Verdict) -> list[tuple[str, str]]:
    return [(action.name, action.argument) for action in verdict.actions]


def test_what_is_missing_can_be_installed_with_one_click(environment: Environment, folders: Folders) -> None:
    add_package(environment, "extra", "1.0", ["Requires-Dist: varnish[shiny]>=1,<3", "Requires-Dist: wax"])
    verdict = verdicts_of(environment, folders)["agreement"]
    assert actions_of(verdict) == [("add_packages", "varnish,wax"), ("repair", "")]
    assert str(verdict.actions[0].label) == "Install varnish and 1 more"


def test_what_does_not_fit_is_repaired_from_the_lock(environment: Environment, folders: Folders) -> None:
    add_package(environment, "extra", "1.0", ["Requires-Dist: paint<2"])
    assert actions_of(verdicts_of(environment, folders)["agreement"]) == [("repair", "")]


def test_an_environment_of_others_is_offered_to_be_copied(environment: Environment, folders: Folders) -> None:
    (environment.prefix / "aienv.json").unlink()
    (environment.prefix / "share/many/7.txt").unlink()
    verdict = verdicts_of(replace(environment, maker=Maker.CONDA), folders)["integrity"]
    assert actions_of(verdict) == [("duplicate", "")]
    assert "make a copy with AIEnv" in str(verdict.cure)


def test_without_its_description_there_is_nothing_to_repair_from(environment: Environment, folders: Folders) -> None:
    (environment.prefix / "aienv.json").write_text("{")
    (environment.prefix / "share/many/7.txt").unlink()
    verdict = verdicts_of(environment, folders)["integrity"]
    assert verdict.actions == ()
    assert "Delete the environment and make it again" in str(verdict.cure)


def test_every_byte_is_checked_on_request(environment: Environment, folders: Folders) -> None:
    (site_of(environment) / "paint.py").write_text("x = '9.4'\n")  # as long as it was
    assert verdicts_of(environment, folders)["integrity"].state is VerdictState.PASSED
    reporter = Keeping()
    verdicts = validation.validate(environment, folders, reporter, every_byte=True)
    integrity = next(verdict for verdict in verdicts if verdict.check == "integrity")
    assert integrity.state is VerdictState.FAILED
    assert "the content of" in str(integrity.detail)
    shares = [done / total for done, total in reporter.amounts if total]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_every_byte_can_be_stopped(environment: Environment, folders: Folders) -> None:
    with pytest.raises(Cancelled):
        validation.validate(environment, folders, Keeping(lambda told: len(told.amounts) > 5), every_byte=True)
    assert not health_file(environment.prefix, folders).exists()


def test_leftovers_of_pip_are_a_warning(environment: Environment, folders: Folders) -> None:
    (site_of(environment) / "~aint").mkdir()
    verdict = verdicts_of(environment, folders)["integrity"]
    assert verdict.state is VerdictState.WARNING
    assert actions_of(verdict) == [("repair", "")]
    (environment.prefix / "share/many/7.txt").unlink()
    verdict = verdicts_of(environment, folders)["integrity"]
    assert verdict.state is VerdictState.FAILED
    assert str(verdict.detail) == (
        "many: share/many/7.txt is missing.\nAn interrupted removal left ~aint; pip warns of it."
    )


def test_packages_that_overwrite_each_other_are_a_warning_with_a_choice(
    environment: Environment, folders: Folders
) -> None:
    for package, digest in (("open_a", "A" * 43), ("open_b", "B" * 43)):
        add_package(environment, package, "1.0")
        with (site_of(environment) / f"{package}-1.0.dist-info/RECORD").open("a") as record:
            record.write(f"cv/part.py,sha256={digest},{3 if package == 'open_a' else 4}\n")
    (site_of(environment) / "cv").mkdir()
    (site_of(environment) / "cv/part.py").write_text("abc")
    verdict = verdicts_of(environment, folders)["integrity"]
    assert verdict.state is VerdictState.WARNING
    assert str(verdict.detail).endswith(f"open_a has put another file in place of {'cv/part.py'}.")
    assert actions_of(verdict) == [("remove_packages", "open-a"), ("remove_packages", "open-b")]


def test_an_environment_that_was_moved_can_be_repaired(master: Environment, folders: Folders) -> None:
    prefix = folders.environments / "first"
    shutil.copytree(master.prefix, prefix, symlinks=True)
    verdict = verdicts_of(read_environment(prefix, Maker.AIENV), folders)["integrity"]
    assert str(verdict.detail).startswith("The environment was moved: bin/colours still starts the Python at ")
    assert actions_of(verdict) == [("repair", "")]


def test_libraries_that_clash_are_told_with_the_one_to_remove(environment: Environment, folders: Folders) -> None:
    for package, library in (("intel_openmp", "libiomp5.so"), ("fast", "libomp.so.5")):
        add_package(environment, package, "1.0")
        (site_of(environment) / library).write_bytes(b"\x7fELF")
        with (site_of(environment) / f"{package}-1.0.dist-info/RECORD").open("a") as record:
            record.write(f"{library},,4\n")
    verdict = verdicts_of(environment, folders)["runtimes"]
    assert verdict.state is VerdictState.WARNING
    assert "intel-openmp brings Intel OpenMP, fast brings LLVM OpenMP" in str(verdict.detail)
    assert actions_of(verdict) == [("remove_packages", "intel-openmp")]


def test_all_that_gets_in_is_told_at_once(
    environment: Environment, folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    for name, version in (("nvidia_ml_py3", "7.352.0"), ("torch", "2.13.0+cpu"), ("torchvision", "0.28.0")):
        add_package(environment, name, version)
    verdict = verdicts_of(environment, folders)["surroundings"]
    for words in ("nvidia-ml-py3 is old", "torchvision is another build", "PYTHONPATH is set"):
        assert words in str(verdict.detail)
    assert actions_of(verdict) == [("remove_packages", "nvidia-ml-py3"), ("use_build", "cpu")]


def test_the_card_is_dated_with_driver_cards_and_system(environment: Environment, folders: Folders) -> None:
    machine = Machine("580.65.06", (MachineCard("NVIDIA RTX 4070", "GPU-1", (8, 9)), MachineCard("Old", "GPU-2")))
    validation.validate(environment, folders, Silent(), machine=machine)
    assert health_file(environment.prefix, folders) == environment.prefix / "aienv-health.json"
    kept = read_environment(environment.prefix, Maker.AIENV, folders).machine
    assert kept is not None
    assert (kept.driver_version, kept.cards) == (machine.driver_version, machine.cards)
    assert kept.system
    assert kept.probe >= 2
    assert states_of(verdicts_of(environment, folders)) == HEALTHY  # the card in it is nobody's fault
    assert read_environment(environment.prefix, Maker.AIENV, folders).machine is None  # not known this time


@pytest.mark.parametrize("cards", [(), (MachineCard("NVIDIA RTX 4070", "GPU-1", (8, 9)),)])
def test_a_card_that_its_driver_has_told_of_is_not_denied(
    environment: Environment, folders: Folders, monkeypatch: pytest.MonkeyPatch, cards: tuple[MachineCard, ...]
) -> None:
    seen: list[Presence] = []
    monkeypatch.setattr(validation, "nvidia_presence", lambda: Presence(card=False, driver=False))  # as in a container

    def groups(_modules: object, nvidia: Presence, _repairs: object) -> tuple[()]:
        seen.append(nvidia)
        return ()

    monkeypatch.setattr(validation, "groups", groups)
    validation.validate(environment, folders, Silent(), machine=Machine("580.65.06", cards))
    assert [presence.card for presence in seen] == [bool(cards)]


def test_numpy_that_is_too_new_is_read_from_what_the_import_said() -> None:
    """PyTorch is imported all the same and says so in passing; its bridge to numpy is missing later."""
    said = "A module that was compiled using NumPy 1.x cannot be run in\nNumPy 2.1.3 as it may crash."
    imported = Step("import:torch", Fate.ANSWERED, True, words=said)
    bridge = Step(
        "agree:numpy-torch", Fate.ANSWERED, answer={"error": "RuntimeError", "message": "Numpy is not available"}
    )
    ours = Repairs(Environment(Path("/e"), Path("/e/bin/python"), "e", Maker.AIENV, "3.11.7"), "cpu")
    judged = judge_libraries([bridge], [imported], ours)
    assert str(judged.detail) == "PyTorch fails: A package was made for NumPy 1, but NumPy 2 is installed."
    assert [(action.name, action.argument) for action in judged.actions] == [("add_packages", "numpy<2")]
    assert "Numpy is not available" in str(judge_libraries([bridge], [], ours).detail)


@pytest.mark.slow
def test_own_environment_with_torch_calculates_rightly(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    assert importlib.util.find_spec("torch") is not None, "the test environment holds torch"
    monkeypatch.delenv("PYTHONPATH", raising=False)
    own = read_environment(Path(sys.prefix), Maker.BUILT_IN)
    verdicts = verdicts_of(own, folders)
    assert states_of(verdicts)["computation"] == "passed"
    assert "PyTorch (" in str(verdicts["computation"].detail)
    assert states_of(verdicts)["libraries"] == "passed"
    assert "torch" in str(verdicts["imports"].detail)
    card = bool(os.environ.get("AIENV_TEST_GPU"))
    assert card or states_of(verdicts)["accelerator"] in ("skipped", "passed", "warning")
