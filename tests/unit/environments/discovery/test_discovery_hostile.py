"""Folders that lie, loop, hang or are forbidden: a look at the machine neither fails nor waits because of one."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aienv_gui.core.errors import Cancelled
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.environments.discovery import foreign_files, found_before, home_search, interpreters, look, patience
from aienv_gui.environments.discovery.look import discover, read_environment
from aienv_gui.environments.records import Environment, Maker, Package
from tests.fakes.reporters import Keeping


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setattr(Path, "home", lambda: home)
    for name in ("PYENV_ROOT", "WORKON_HOME", "MAMBA_ROOT_PREFIX", "CONDA_ROOT", "VIRTUAL_ENV"):
        monkeypatch.delenv(name, raising=False)
    return home


def venv(
    prefix: Path,
    config: str = f"home = {Path(sys.executable).parent}\nversion = 3.11.4\n",
    python: str = sys.executable,
) -> Path:
    (prefix / "bin").mkdir(parents=True)
    (prefix / "bin" / "python").symlink_to(python)
    (prefix / "pyvenv.cfg").write_text(config)
    return prefix


def seen(home: Path, folders: Folders) -> dict[Path, Environment]:
    return {e.prefix: e for e in discover(folders, Silent()) if home in e.prefix.parents}


def test_pipes_in_place_of_files_are_not_waited_for(home: Path, folders: Folders) -> None:
    good = venv(home / "good")
    pipe = home / "pipe"
    (pipe / "bin").mkdir(parents=True)
    os.mkfifo(pipe / "pyvenv.cfg")
    os.mkfifo(home / ".condarc")
    (home / ".conda").mkdir()
    os.mkfifo(home / ".conda" / "environments.txt")
    (home / ".config" / "pypoetry").mkdir(parents=True)
    os.mkfifo(home / ".config" / "pypoetry" / "config.toml")
    conda = home / "miniforge3"
    venv(conda).joinpath("pyvenv.cfg").unlink()
    (conda / "conda-meta").mkdir()
    (conda / "conda-meta" / "python-3.11.1-0.json").write_text("{}")
    os.mkfifo(conda / "conda-meta" / "history")
    os.mkfifo(conda / "conda-meta" / "numpy-2.0-0.json")
    described = venv(home / "described")
    os.mkfifo(described / "aienv.json")
    started = time.monotonic()
    found = seen(home, folders)
    assert time.monotonic() - started < 5
    assert set(found) == {good, conda, described}
    assert "numpy-2.0-0.json" in str(found[conda].broken)
    assert "aienv.json" in str(found[described].broken)


def test_files_that_are_endless_or_no_text(home: Path, folders: Folders) -> None:
    endless = venv(home / "endless")
    with (endless / "pyvenv.cfg").open("r+b") as file:
        file.truncate(1 << 30)  # a gigabyte of zeros after the first lines
    junk = venv(home / "junk")
    (junk / "pyvenv.cfg").write_bytes(os.urandom(4096) + b"\nhome = /\0etc\nversion = " + b"9" * 5000 + b".1\n")
    described = venv(home / "described")
    with (described / "aienv.json").open("wb") as file:
        file.truncate(1 << 30)
    (home / ".condarc").write_bytes(b"\x00\xff: [")
    started = time.monotonic()
    found = seen(home, folders)
    assert time.monotonic() - started < 5
    assert set(found) == {endless, junk, described}
    assert found[endless].python_version == "3.11.4"
    assert len(found[junk].python_version) < 100
    assert "aienv.json" in str(found[described].broken)


def test_names_with_control_characters_are_shown_without(home: Path, folders: Folders) -> None:
    loud = venv(home / "\x1b[31mred\nalert\x07" / ".venv")
    torn = venv(home / os.fsdecode(b"caf\xe9"))  # no UTF-8
    endless = venv(home / ("e" * 200))
    site = torn / "lib" / "python3.11" / "site-packages"
    (site / "evil\x1b[2J-1.0.dist-info").mkdir(parents=True)
    (site / "good-1.0.dist-info").mkdir()
    for _ in range(2):  # the second time as it was kept
        found = seen(home, folders)
        assert found[loud].name == "[31mred alert"
        assert found[torn].name.startswith("caf")
        assert found[torn].name.isprintable()
        assert found[torn].packages == (Package("good", "1.0"),)
        assert len(found[endless].name) <= 80


def test_links_that_lead_in_circles(home: Path, folders: Folders) -> None:
    (home / "a").symlink_to(home / "b")
    (home / "b").symlink_to(home / "a")
    (home / "up").symlink_to(home)
    good = venv(home / "good")
    (good / "lib").symlink_to(good)
    lost = venv(home / "lost", "home = /usr/bin\n")
    (lost / "bin" / "python").unlink()
    (lost / "bin" / "python").symlink_to("python")
    (home / ".conda").mkdir()
    (home / ".conda" / "environments.txt").write_text(f"{home}/a\n{home}/up/good\n")
    found = seen(home, folders)
    assert set(found) == {good, lost}
    assert found[lost].broken is not None


_FORBIDDEN = """
import os, sys
from pathlib import Path
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.environments.discovery.look import discover
discover(Folders.under(Path(sys.argv[2] + "-first")), Silent())  # brings in what another user may not read
if os.getuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
home = Path(sys.argv[1])
Path.home = lambda: home
for e in discover(Folders.under(Path(sys.argv[2])), Silent()):
    if home in e.prefix.parents:
        print(e.name, "|", e.broken)
"""


def test_what_may_not_be_read_is_passed_over(home: Path, folders: Folders, tmp_path: Path) -> None:
    """By an ordinary user: nothing is closed to root."""
    anyone = "home = /bin\nversion = 3.11.1\n", "/bin/sh"  # a program that every user may see; it is not run
    venv(home / "open", *anyone)
    closed = venv(home / "closed" / "inner")
    half = venv(home / "half", *anyone)
    (half / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
    base = home / "base"
    (base / "bin").mkdir(parents=True)
    theirs = venv(home / "theirs", f"home = {base}/bin\nversion = 3.11.1\n", "/bin/sh")
    forbidden = [closed.parent, half / "lib" / "python3.11" / "site-packages", base]
    home.chmod(0o755)
    for folder in (tmp_path, *tmp_path.parents):
        if folder.is_relative_to(tempfile.gettempdir()) and folder.stat().st_uid == os.geteuid():
            folder.chmod(folder.stat().st_mode | 0o055)
    for folder in forbidden:
        folder.chmod(0)
    try:
        done = subprocess.run(
            [sys.executable, "-c", _FORBIDDEN, home, tmp_path / "theirs"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
    finally:
        for folder in forbidden:
            folder.chmod(0o755)
    assert done.returncode == 0, done.stderr
    words = dict(line.split(" | ") for line in done.stdout.splitlines())
    assert words["open"] == words["half"] == "None"
    assert words["theirs"] == "None"  # what may not be seen may well be there
    assert "inner" not in words
    assert theirs.is_dir()


def test_ten_thousand_folders(home: Path, folders: Folders) -> None:
    data = home / "pictures"
    for number in range(10_000):
        (data / f"{number:05}").mkdir(parents=True)
    beside = venv(data / ".venv")
    good = venv(home / "z" / "good")
    started = time.monotonic()
    assert set(seen(home, folders)) == {beside, good}
    assert time.monotonic() - started < 4


def test_the_search_ends_in_time_and_goes_to_near_folders_first(
    home: Path, folders: Folders, monkeypatch: pytest.MonkeyPatch
) -> None:
    near = venv(home / "z" / "near")
    for number in range(50):
        (home / "a" / f"{number}" / "deep").mkdir(parents=True)
    real = foreign_files.subfolders

    def slow(folder: Path) -> list[Path]:
        if folder.parent == home / "a":
            time.sleep(0.1)
        return real(folder)

    monkeypatch.setattr("aienv_gui.environments.discovery.home_search.subfolders", slow)
    monkeypatch.setattr(home_search, "_LIMIT_S", 0.3)
    started = time.monotonic()
    assert set(seen(home, folders)) == {near}
    assert time.monotonic() - started < 3


@pytest.fixture
def dead_disk(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on which every call of the system waits, as on a network disk whose server is gone."""
    mount = home / "server"
    mount.mkdir()
    back = threading.Event()
    for name in ("stat", "lstat", "scandir", "listdir", "open", "readlink"):
        real = getattr(os, name)

        def waiting(path: Any, *more: Any, _real: Any = real, **named: Any) -> Any:
            if not isinstance(path, int) and str(os.fspath(path)).startswith(str(mount)):
                back.wait(30)
                raise OSError("the server is gone")
            return _real(path, *more, **named)

        monkeypatch.setattr(os, name, waiting)
    monkeypatch.setattr(patience, "mount_points", lambda *, remote=False: frozenset({str(mount), "/"}))
    monkeypatch.setattr(home_search, "mount_points", lambda *, remote=False: frozenset({str(mount)}))
    monkeypatch.setattr(look, "_GROUP_LIMIT_S", 0.5)
    monkeypatch.setattr(look, "_READ_LIMIT_S", 0.5)
    yield mount
    back.set()


def test_a_disk_that_does_not_answer_is_told_and_left(home: Path, folders: Folders, dead_disk: Path) -> None:
    good = venv(home / "good")
    later = venv(home / "zoo" / ".venv")
    (home / ".conda").mkdir()
    (home / ".conda" / "environments.txt").write_text("")
    started = time.monotonic()
    found = seen(home, folders)
    assert set(found) == {good, later}
    assert time.monotonic() - started < 5


def test_an_environment_seen_before_is_kept_while_its_disk_is_silent(
    home: Path, folders: Folders, dead_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost = [dead_disk / "one", dead_disk / "two"]
    for prefix in lost:
        subprocess.run(["mkdir", "-p", prefix], check=True)
    known = [
        found_before.Seen(Environment(prefix, prefix / "bin/python", prefix.name, Maker.UV, "3.11.1"), {"x": 1})
        for prefix in lost
    ]
    monkeypatch.setattr("aienv_gui.environments.discovery.places.is_environment", lambda prefix: True)
    started = time.monotonic()
    found = {e.prefix: e for e in look.discover_kept(known, folders, Silent())}
    assert time.monotonic() - started < 6
    for prefix in lost:
        assert "does not answer" in str(found[prefix].broken)
        assert found[prefix].maker is Maker.UV


def test_waiting_for_a_silent_disk_can_be_cancelled(home: Path, folders: Folders, dead_disk: Path) -> None:
    (home / ".virtualenvs").symlink_to(dead_disk)
    asked: list[float] = []

    def after_a_while(_: Keeping) -> bool:
        asked.append(time.monotonic())
        return asked[-1] - asked[0] > 0.2

    with pytest.raises(Cancelled):
        discover(folders, Keeping(after_a_while))


# Interpreters


def test_an_interpreter_is_asked_only_where_no_file_tells_its_version(home: Path, tmp_path: Path) -> None:
    told = home / "told"
    program = home / "base" / "python"  # no number in its name or place
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" > {told}\nexec {sys.executable} "$@"\n')
    program.chmod(0o755)

    def read(name: str, config: str) -> str:
        prefix = venv(home / name, config)
        (prefix / "bin" / "python").unlink()
        (prefix / "bin" / "python").symlink_to(program)
        return read_environment(prefix).python_version

    assert read("says", f"home = {program.parent}\nversion = 3.9.9\n") == "3.9.9"
    assert not told.exists()
    assert read("silent", f"home = {program.parent}\n") == ".".join(str(n) for n in sys.version_info[:3])
    assert told.read_text().startswith("-I -S -B -c")


@pytest.mark.parametrize(
    ("script", "mode"),
    [
        ("#!/bin/sh\necho version 9.9.9\n", 0o777),  # anyone may have written it
        ("#!/bin/sh\necho version 9.9.9\nexit 1\n", 0o755),
        ("#!/bin/sh\nyes version 9.9.9.9 | head -c 100000\n", 0o755),
        ("no program", 0o755),
        ("#!/bin/sh\necho version 9.9.9\n", 0o644),
        ("#!/bin/sh\nsleep 60 & sleep 60\n", 0o755),
    ],
)
def test_programs_that_are_no_interpreter(
    tmp_path: Path, script: str, mode: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(interpreters, "_ASKED_S", 1.0)
    program = tmp_path / "python"
    program.write_text(script)
    program.chmod(mode)
    started = time.monotonic()
    assert interpreters.ask_version(program) == ""
    assert time.monotonic() - started < 10


def test_an_asked_interpreter_reads_nothing_of_its_environment(tmp_path: Path) -> None:
    """Neither .pth files nor a pyvenv.cfg that names another standard library."""
    prefix = tmp_path / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", prefix], check=True)
    told = tmp_path / "told"
    evil = f"import pathlib; pathlib.Path({str(told)!r}).touch()\n"
    site = next((prefix / "lib").glob("python3*/site-packages"))
    (site / "evil.pth").write_text(evil)
    (site / "sitecustomize.py").write_text(evil)
    library = tmp_path / "false" / "lib" / site.parent.name
    library.mkdir(parents=True)
    (library / "os.py").write_text(evil)
    (library / "encodings").mkdir()
    (library / "encodings" / "__init__.py").write_text(evil)
    (prefix / "pyvenv.cfg").write_text(f"home = {tmp_path}/false/bin\n")
    assert interpreters.ask_version(prefix / "bin" / "python") == ".".join(str(n) for n in sys.version_info[:3])
    assert not told.exists()
