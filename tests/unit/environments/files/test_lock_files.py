"""Locks: files that name exact files are read for this system and Python, and built exactly as they are."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.environments.changes import transaction
from aienv_gui.environments.files import sharing
from aienv_gui.environments.files.platforms import this_subdir
from aienv_gui.environments.planning.file_reading import read_file
from aienv_gui.environments.planning.plan import make_plan
from aienv_gui.environments.planning.recipes import default_python, request_of_file
from aienv_gui.environments.records import Engine, Environment, Form, Lock, Request, Sources
from tests.fakes.channel.packing import THIS_SUBDIR
from tests.fakes.channel.running_python import MINOR, VERSION
from tests.fakes.channel.samples import sample_channel
from tests.fakes.channel.server import ChannelServer
from tests.fakes.index.server import LocalIndex
from tests.fakes.index.wheels import make_source, sample_packages

SUBDIR = this_subdir()
OTHER = "win-64" if SUBDIR != "win-64" else "linux-64"
MD5, SHA = "d" * 32, "e" * 64


def written(folder: Path, text: str, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def refused(path: Path) -> Problem:
    with pytest.raises(Problem) as raised:
        read_file(path, name="x")
    assert raised.value.cure is not None
    return raised.value


def pylock(*packages: str, head: str = "") -> str:
    return f'lock-version = "1.0"\ncreated-by = "tests"\n{head}\n' + "".join(
        f"[[packages]]\n{one}\n" for one in packages
    )


def wheel(name: str, tag: str = "py3-none-any", version: str = "1.0") -> str:
    url = f"https://example.org/{name}-{version}-{tag}.whl"
    return f'name = "{name}"\nversion = "{version}"\nwheels = [{{ url = "{url}", hashes = {{ sha256 = "{SHA}" }} }}]\n'


def test_a_pylock_names_what_is_installed(tmp_path: Path) -> None:
    text = pylock(
        wheel("paint"),
        wheel("brush") + "marker = \"sys_platform == 'nowhere'\"\n",
        'name = "mine"\ndirectory = { path = ".", editable = true }\n',
        'name = "theirs"\nvcs = { type = "git", url = "https://example.org/x.git", commit-id = "ab" }\n',
        head='requires-python = ">=3.9"\n',
    )
    reading = read_file(written(tmp_path / "vision", text, "pylock.toml"), name="")
    assert reading.request.requirements == ("paint==1.0",)
    assert (reading.request.name, reading.request.lock) == ("vision", Lock.PYLOCK)
    assert [(said.text, said.line) for said in reading.remarks] == [("mine", 16), ("theirs", 20)]
    with pytest.raises(Problem) as raised:
        request_of_file(tmp_path / "vision" / "pylock.toml", name="x", engine=Engine.CONDA)
    assert raised.value.code == "wrong_engine"


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        (pylock(wheel("paint"), head='requires-python = ">=4"\n'), "other_python", "for Python >=4"),
        (pylock(wheel("paint", "cp399-cp399-win_amd64")), "other_platform", "no file of paint"),
        (
            pylock(wheel("paint"), head="environments = [\"sys_platform == 'nowhere'\"]\n"),
            "other_platform",
            "other systems",
        ),
        (pylock(wheel("paint"), wheel("paint", version="2.0")), "conflict", "exclude each other"),
        (pylock(wheel("paint").replace(SHA, "ab")), "bad_file", "no SHA-256 of paint"),
        (pylock(wheel("paint"), 'name = "Not Normal"\n'), "bad_file", "Line 9: "),
        (pylock(wheel("paint")).replace('"1.0"', '"2.0"', 1), "bad_file", "version 2.0"),
        ('lock-version = "1.0\n', "bad_file", "Line 1: this is not written as TOML"),
        (pylock(head=""), "bad_file", ""),
    ],
)
def test_a_pylock_that_does_not_suit_is_told(tmp_path: Path, text: str, code: str, said: str) -> None:
    problem = refused(written(tmp_path, text, "pylock.toml"))
    assert problem.code == code
    assert said in str(problem.cause)


@pytest.fixture
def index(tmp_path: Path) -> Iterator[LocalIndex]:
    sample_packages(tmp_path / "served")
    with LocalIndex(tmp_path / "served") as running:
        yield running


def test_a_pylock_is_built_exactly_as_it_is_and_nothing_is_looked_for(
    index: LocalIndex, folders: Folders, tmp_path: Path
) -> None:
    """Version 1.5 of paint does not suit colours, and 2.4 is newer: neither matters to a lock."""
    make_source(index.folder, "easel", "1.0")
    entries = []
    for name, filename in (("paint", "paint-1.5-py3-none-any.whl"), ("colours", "colours-3.1-py3-none-any.whl")):
        digest = hashlib.sha256((index.folder / filename).read_bytes()).hexdigest()
        url = f"{index.root}/files/{filename}"
        entries.append(f'name = "{name}"\nwheels = [{{ url = "{url}", hashes = {{ sha256 = "{digest}" }} }}]\n')
    digest = hashlib.sha256((index.folder / "easel-1.0.tar.gz").read_bytes()).hexdigest()
    source = f'{{ path = "served/easel-1.0.tar.gz", hashes = {{ sha256 = "{digest}" }} }}'
    entries.append(f'name = "easel"\nversion = "1.0"\nsdist = {source}\n')
    file = written(tmp_path, pylock(*entries), "pylock.toml")
    sources = Sources(index_url="http://127.0.0.1:9/simple", no_index=False)
    plan = make_plan(request_of_file(file, name="exact"), sources, folders, Silent())
    assert {planned.filename for planned in plan.files} == {
        "paint-1.5-py3-none-any.whl",
        "colours-3.1-py3-none-any.whl",
        "easel-1.0.tar.gz",
    }
    assert not [line for line in index.log if "/simple/" in line]
    built = transaction.build(plan, sources, folders, Silent())
    assert built.version_of("paint") == "1.5"
    assert built.version_of("easel") == "1.0"


def test_a_changed_file_is_not_the_one_the_lock_names(index: LocalIndex, folders: Folders, tmp_path: Path) -> None:
    url = f"{index.root}/files/paint-2.4-py3-none-any.whl"
    text = pylock(f'name = "paint"\nwheels = [{{ url = "{url}", hashes = {{ sha256 = "{SHA}" }} }}]\n')
    plan = make_plan(request_of_file(written(tmp_path, text, "pylock.toml"), name="x"), Sources(), folders, Silent())
    with pytest.raises(Problem) as raised:
        transaction.build(plan, Sources(), folders, Silent())
    assert raised.value.code == "damaged_download"


def test_a_pip_lock_is_shared_and_planned_again_with_the_same_files(
    index: LocalIndex, folders: Folders, tmp_path: Path
) -> None:
    index.hashes = index.json = False  # an index that tells no hashes: they are known from the download
    sources = Sources(index_url=index.url)
    request = Request("one", Engine.UV, default_python(), ("colours", "brush"))
    plan = make_plan(request, sources, folders, Silent())
    built = transaction.build(plan, sources, folders, Silent())
    file = sharing.export(built, Form.PYLOCK, tmp_path / "给 you" / "pylock.toml", Silent(), folders)
    assert f'requires-python = ">={default_python()}"' in file.read_text(encoding="utf-8")
    again = make_plan(request_of_file(file, name="again"), Sources(no_index=True), folders, Silent())
    assert {f.filename for f in again.files} == {f.filename for f in plan.files}
    assert all(len(f.sha256) == 64 for f in again.files)


def explicit(*urls: str, head: str = "# a comment\n@EXPLICIT\n") -> str:
    return head + "\n".join(urls) + "\n"


def conda_url(name: str, subdir: str = "noarch", ending: str = ".conda") -> str:
    return f"https://conda.example/forge/{subdir}/{name}{ending}"


PYTHON = conda_url("python-3.11.4-h2_0_cpython", SUBDIR)


def test_an_explicit_list_is_read(tmp_path: Path) -> None:
    text = explicit(
        f"{PYTHON}#{MD5}",
        f"{conda_url('some-name-1.0-py_0', ending='.tar.bz2')}#sha256:{SHA}",
        f"{conda_url('other-1.0-0')}#{SHA}",
        conda_url("bare-1.0-0"),
        f"# pip rich @ https://example.org/rich-14.0-py3-none-any.whl --hash=sha256:{SHA}",
    )
    reading = read_file(written(tmp_path, text, "conda-linux-64.lock"), name="x")
    request = reading.request
    assert (request.engine, request.python, request.lock) == (Engine.CONDA, "3.11", Lock.EXPLICIT)
    assert request.requirements == ("python==3.11.4", "some-name==1.0", "other==1.0", "bare==1.0")
    assert request.pip_requirements == ("rich==14.0",)
    assert [(said.line, said.text) for said in reading.remarks] == [(6, "bare-1.0-0.conda")]


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        (explicit(PYTHON, "numpy=2.1"), "bad_file", "Line 4: “numpy=2.1” is not the address"),
        (explicit(PYTHON, conda_url("odd")), "bad_file", "Line 4: the name of the file"),
        (explicit(PYTHON, PYTHON), "bad_file", "Line 4: python is named twice"),
        (explicit(conda_url("a-1-0", OTHER)), "other_platform", f"Line 3 names a package for {OTHER}"),
        (explicit(conda_url("a-1-0")), "no_python", ""),
        (explicit(), "bad_file", ""),
    ],
)
def test_an_explicit_list_that_cannot_be_built_is_told(tmp_path: Path, text: str, code: str, said: str) -> None:
    problem = refused(written(tmp_path, text, "list.txt"))
    assert problem.code == code
    assert said in str(problem.cause)


def conda_lock(platform: str = SUBDIR) -> str:
    def entry(url: str, name: str, **more: str) -> str:
        values = {"name": name, "manager": "conda", "platform": platform, "version": "1", "url": url, **more}
        lines = "".join(f"  {key}: {json.dumps(value)}\n" for key, value in values.items())
        return f"-{lines[1:]}  dependencies: {{python: '>=3'}}\n  hash: {{md5: {MD5}, sha256: {SHA}}}\n"

    return (
        "version: 1\nmetadata:\n  channels: [{url: conda-forge, used_env_vars: []}]\n"
        f"  platforms: [{platform}]\npackage:\n"
        + entry(PYTHON.replace(SUBDIR, platform), "python", category="main")
        + entry("https://example.org/rich-14.0-py3-none-any.whl", "rich", manager="pip", version="14.0")
        + entry("https://example.org/x.zip", "source", manager="pip")
        + entry(conda_url("easel-1.0-0"), "easel", category="dev", optional="true")
    )


def pixi(platform: str = SUBDIR, version: int = 6) -> str:
    python = PYTHON.replace(SUBDIR, platform)
    named = "- kind: conda\n  url: " if version < 6 else "- conda: "
    by_pip = "https://example.org/rich-14.0-py3-none-any.whl"
    return (
        f"version: {version}\nenvironments:\n  docs:\n    channels: []\n    packages: {{}}\n"
        "  default:\n    channels:\n    - url: https://conda.example/forge/\n    packages:\n"
        f"      {platform}:\n      - conda: {python}\n      - pypi: {by_pip}\n      - pypi: ./\n"
        f"packages:\n{named}{python}\n  sha256: {SHA}\n  size: 123\n  depends: [tk]\n"
        f"- pypi: {by_pip}\n  name: rich\n  version: '14.0'\n  sha256: {SHA}\n"
    )


@pytest.mark.parametrize(
    ("text", "name", "lock", "remarks"),
    [
        (conda_lock(), "conda-lock.yml", Lock.CONDA_LOCK, ["source code only", "part “dev”"]),
        (pixi(), "pixi.lock", Lock.PIXI, ["several environments", "project under development"]),
        (pixi(version=5), "pixi.lock", Lock.PIXI, ["several environments", "project under development"]),
    ],
)
def test_locks_for_several_systems_are_read_for_this_one(
    tmp_path: Path, text: str, name: str, lock: Lock, remarks: list[str]
) -> None:
    reading = read_file(written(tmp_path / "vision", text, name), name="")
    request = reading.request
    assert (request.name, request.engine, request.python, request.lock) == ("vision", Engine.CONDA, "3.11", lock)
    assert request.requirements == ("python==3.11.4",)
    assert request.pip_requirements == ("rich==14.0",)
    said = " ".join(str(one.reason) for one in reading.remarks)
    assert len(reading.remarks) == len(remarks)
    assert all(part in said for part in remarks)


@pytest.mark.parametrize("name", ["--all", "rich\\n--index-url=http://evil.example", "rich; x", "a b"])
def test_a_name_that_would_be_an_option_is_refused(tmp_path: Path, name: str) -> None:
    for text, file in ((conda_lock(), "conda-lock.yml"), (pixi(), "pixi.lock")):
        hostile = text.replace('name: "rich"', f'name: "{name}"').replace("name: rich\n", f'name: "{name}"\n')
        assert hostile != text
        problem = refused(written(tmp_path, hostile, file))
        assert "is not a package's name" in str(problem.cause)


@pytest.mark.parametrize(("text", "name"), [(conda_lock(OTHER), "conda-lock.yml"), (pixi(OTHER), "pixi.lock")])
def test_locks_of_other_systems_are_told(tmp_path: Path, text: str, name: str) -> None:
    problem = refused(written(tmp_path, text, name))
    assert problem.code == "other_platform"
    assert OTHER in str(problem.cause)
    assert SUBDIR in str(problem.cause)


def test_a_pixi_lock_of_another_format_is_told(tmp_path: Path) -> None:
    assert "version 99" in str(refused(written(tmp_path, pixi(version=99), "pixi.lock")).cause)


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample_channel(tmp_path_factory.mktemp("channel"))


def rewritten_as_pixi(text: str, folder: Path) -> Path:
    """The explicit list of an environment as pixi writes it."""
    urls = [line.split("#") for line in text.splitlines() if line.startswith("http")]
    listed = "".join(f"      - conda: {url}\n" for url, _ in urls)
    records = "".join(f"- conda: {url}\n  sha256: {digest.removeprefix('sha256:')}\n" for url, digest in urls)
    return written(
        folder,
        f"version: 6\nenvironments:\n  default:\n    packages:\n      {SUBDIR}:\n{listed}packages:\n{records}",
        "pixi.lock",
    )


@pytest.mark.slow
def test_conda_locks_build_the_same_environment(channel: Path, folders: Folders, tmp_path: Path) -> None:
    """Written by us, read by us, built: every form gives the very files."""
    with ChannelServer(channel) as server:
        sources = Sources(channels=(server.url,))
        request = Request("first", Engine.CONDA, MINOR, ("colours", "patched"), channels=(server.url,))
        plan = make_plan(request, sources, folders, Silent())
        built = transaction.build(plan, sources, folders, Silent())
        wanted = {(file.filename, file.sha256) for file in plan.files}
        list_file = sharing.export(built, Form.EXPLICIT, tmp_path / "list.txt", Silent())
        lock_file = sharing.export(built, Form.CONDA_LOCK, tmp_path / "conda-lock.yml", Silent())
        by_md5 = written(tmp_path, "\n".join(_with_md5(list_file, channel)), "md5.txt")
        shutil.rmtree(folders.cache)
        for number, file in enumerate(
            (list_file, lock_file, rewritten_as_pixi(list_file.read_text(), tmp_path), by_md5)
        ):
            asked = request_of_file(file, name=f"again {number}")
            again = make_plan(asked, Sources(channels=("http://127.0.0.1:9/none",)), folders, Silent())
            found = {(planned.filename, planned.sha256) for planned in again.files}
            assert {name for name, _ in found} == {name for name, _ in wanted}
            assert file is by_md5 or found == wanted
            copy = transaction.build(again, sources, folders, Silent())
            assert copy.packages == built.packages
            assert _records(copy) == _records(built)


def _with_md5(list_file: Path, channel: Path) -> Iterator[str]:
    for line in list_file.read_text().splitlines():
        url, _, _ = line.partition("#sha256:")
        file = channel / "/".join(url.split("/")[-2:])
        yield f"{url}#{hashlib.md5(file.read_bytes()).hexdigest()}" if url.startswith("http") else line


def _records(environment: Environment) -> dict[str, tuple[object, ...]]:
    """What conda noted of each package, as far as it must be the same."""
    found = {}
    for file in (environment.prefix / "conda-meta").glob("*.json"):
        record = json.loads(file.read_text())
        keys = ("version", "build", "url", "fn", "sha256", "noarch", "subdir")
        found[record["name"]] = (*(record.get(key) for key in keys), sorted(record["depends"]), sorted(record["files"]))
    return found


@pytest.mark.slow
def test_a_package_that_is_not_the_one_of_the_list_is_refused(channel: Path, folders: Folders, tmp_path: Path) -> None:
    with ChannelServer(channel) as server:
        python = next((channel / THIS_SUBDIR).glob(f"python-{VERSION}-*"))
        text = explicit(f"{server.url}/{THIS_SUBDIR}/{python.name}#{MD5}")
        request = request_of_file(written(tmp_path, text, "list.txt"), name="x")
        sources = Sources(channels=(server.url,))
        plan = make_plan(request, sources, folders, Silent())
        with pytest.raises(Problem) as raised:
            transaction.build(plan, sources, folders, Silent())
    assert raised.value.code == "damaged_download"
    assert "MD5" in str(raised.value.cause)


def test_what_a_lock_of_a_pip_environment_fits_is_offered(tmp_path: Path) -> None:
    here = f"cp{sys.version_info.major}{sys.version_info.minor}"
    text = pylock(wheel("paint", f"{here}-none-any"))
    request = request_of_file(written(tmp_path, text, "pylock.toml"), name="x")
    assert request.python == default_python()
    assert request.python_specs == (f"python={default_python()}",)


def _shown(read: Callable[[], object]) -> str:
    with pytest.raises(Problem) as raised:
        read()
    return str(raised.value)


def test_yaml_without_end_does_not_end_the_program(tmp_path: Path) -> None:
    for number, text in enumerate(("[" * 100_000, "- " * 100_000, "? " * 100_000, "{a: " * 50_000)):
        path = written(tmp_path, f"dependencies:\n  {text}", f"{number}.yml")
        assert "nested too deeply" in _shown(lambda path=path: read_file(path, name="x"))  # type: ignore[misc]
    path = written(tmp_path, "a = " + "[" * 100_000, "pyproject.toml")
    assert "nested too deeply" in _shown(lambda: read_file(path, name="x"))
