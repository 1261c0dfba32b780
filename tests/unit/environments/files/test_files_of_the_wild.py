"""Odd but real writing in environment.yml, pyproject.toml and others; and nothing, however broken, that is not told."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

from aienv_gui.core.errors import Problem
from aienv_gui.environments.files.platforms import holds, this_subdir
from aienv_gui.environments.files.poetry import specifier
from aienv_gui.environments.planning.file_reading import FileReading, read_file
from aienv_gui.environments.records import Engine

HERE = this_subdir().partition("-")[0]
AWAY = "win" if HERE != "win" else "linux"


def read(folder: Path, text: str, name: str) -> FileReading:
    (folder / name).write_text(text, encoding="utf-8")
    return read_file(folder / name, name="")


def said(reading: FileReading) -> list[tuple[int, str]]:
    return [(remark.line, remark.text) for remark in reading.remarks]


def test_selectors_choose_lines_for_this_system(tmp_path: Path) -> None:
    text = f"""\
name: ~
channels:
  - conda-forge
  - odd  # [{AWAY}]
dependencies:
  - numpy  # [{HERE}]
  - pywin  # [{AWAY}]
  - scipy  # [not {AWAY} and py>=30]
  - old    # [py<30]
  - brush  # [no idea]
  - paint  # [see the notes]
  - sel({AWAY}): nothere
  - sel({HERE}): here>=2
  -
  - pip:
    - rich    # [{AWAY}]
    - black   # [unix or win]
  - pip:
    - more
  - npm:
    - left-pad
"""
    reading = read(tmp_path, text, "environment.yml")
    assert reading.request.name == "environment"
    assert reading.request.channels == ("conda-forge",)
    assert reading.request.requirements == ("numpy", "scipy", "brush", "paint", "here>=2")
    assert reading.request.pip_requirements == ("black", "more")
    assert [line for line, _ in said(reading)] == [4, 7, 9, 10, 11, 12, 16, 20]


@pytest.mark.parametrize(("spec", "kept"), [("python=3.10", "old"), ("'python >=3.13'  # any", "new")])
def test_selectors_are_held_against_the_python_of_the_file(tmp_path: Path, spec: str, kept: str) -> None:
    text = f"dependencies:\n  - python=2.7  # [{AWAY}]\n  - old  # [py<312]\n  - new  # [py>=312]\n  - {spec}\n"
    reading = read(tmp_path, text, "environment.yml")
    assert reading.request.requirements == (kept,)
    reason = next(str(remark.reason) for remark in reading.remarks if "py" in str(remark.reason).lower())
    assert f"not for Python {reading.request.python}" in reason


@pytest.mark.parametrize(
    ("selector", "answer"),
    [
        (HERE, True),
        (AWAY, False),
        (f"not {AWAY}", True),
        (f"({HERE} or {AWAY}) and py >= 310", sys.version_info >= (3, 10)),
        ("py == 27", False),
        ("nonsense", None),
        ("__import__('os').getcwd()", None),
        ("1 if linux else 2", None),
        ("(" * 500, None),
        ("not " * 3000 + "linux", None),
        ("9" * 9000, None),
        ("\0", None),
    ],
)
def test_selectors_are_worked_out_and_nothing_else_is(selector: str, answer: bool | None) -> None:
    assert holds(selector, f"{sys.version_info.major}.{sys.version_info.minor}") is answer


def test_what_conda_exported_elsewhere_is_asked_for_by_version(tmp_path: Path) -> None:
    prefix = "C:\\Users\\me\\envs\\a" if AWAY == "win" else "/home/me/envs/a"
    only = "vs2015_runtime=14.27=h1" if AWAY == "win" else "libgcc-ng=9.1=h2"
    text = f"""\
channels:
  - conda-forge
dependencies:
  - numpy=1.21.2=py39h20f2e39_0
  - {only}
  - scipy=1.7=py39_*
  - conda-forge::paint=2.4=0
variables:
  A: b
prefix: {prefix}
"""
    reading = read(tmp_path, text, "environment.yml")
    assert reading.request.requirements == ("numpy=1.21.2", "scipy=1.7=py39_*", "conda-forge::paint=2.4")
    assert [line for line, _ in said(reading)] == [4, 5, 7, 8, 10]


def test_builds_are_kept_where_they_may_be_had(tmp_path: Path) -> None:
    text = "channels: conda-forge\ndependencies:\n- numpy=1.21.2=py39_0\n- python=3.9\nchannel_priority: strict\n"
    reading = read(tmp_path, text, "environment.yml")
    assert reading.request.requirements == ("numpy=1.21.2=py39_0",)
    assert said(reading) == [(5, "channel_priority: strict")]
    text = "channels:\n- defaults\ndependencies:\n- numpy=1.21.2=py39_0\n- https://c.example/linux-64/x-1-0.conda\n"
    reading = read(tmp_path, text, "environment.yml")
    assert reading.request.requirements == ("numpy=1.21.2",)
    assert [line for line, _ in said(reading)] == [2, 4, 5]


def test_what_conda_list_exports_is_read(tmp_path: Path) -> None:
    text = """\
# This file may be used to create an environment using:
# $ conda create --name <env> --file <this file>
# platform: linux-64
_libgcc_mutex=0.1=main
numpy=1.21.2=py39h20f2e39_0
python=3.9.7=h12debd9_1
rich=13.0=pypi_0
"""
    reading = read(tmp_path, text, "requirements.txt")
    assert reading.request.engine is Engine.CONDA
    assert reading.request.python_specs == ("python=3.9.7",)
    assert "numpy=1.21.2" in reading.request.requirements
    assert reading.request.pip_requirements == ("rich==13.0",)
    assert (5, "numpy=1.21.2=py39h20f2e39_0") in said(reading)


def test_what_conda_list_prints_is_read(tmp_path: Path) -> None:
    text = """\
# packages in environment at /Users/me/miniforge3/envs/cv:
#
# Name                    Version                   Build  Channel
aom                       3.5.0                h7ea286d_0    conda-forge
numpy                     1.21.2           py39h20f2e39_0    conda-forge
python                    3.9.7                h12debd9_1
rich                      13.0                     pypi_0    pypi
"""
    request = read(tmp_path, text, "requirements.txt").request
    assert (request.engine, request.channels) == (Engine.CONDA, ("conda-forge",))
    assert request.requirements == ("aom=3.5.0=h7ea286d_0", "numpy=1.21.2=py39h20f2e39_0")
    assert request.pip_requirements == ("rich==13.0",)


def test_what_pip_list_and_pip_freeze_print_is_read(tmp_path: Path) -> None:
    text = "Package    Version  Editable project location\n---------- -------- ---\n"
    text += "numpy      1.21.2\nmine 0.1 /home/me/x\n"
    assert read(tmp_path, text, "list.txt").request.requirements == ("numpy==1.21.2", "mine==0.1")
    text = (
        "numpy @ file:///tmp/build/80754af9/numpy_1/work\n"
        "paint[oil] @ file:///C:/x/paint-2.4-py3-none-any.whl ; python_version > '3'\n"
        "CC2/Submodules/CybORG\n"
    )
    reading = read(tmp_path, text, "requirements.txt")
    assert reading.request.requirements == ("numpy", 'paint[oil]==2.4; python_version > "3"')
    assert [line for line, _ in said(reading)] == [1, 2, 3]
    (tmp_path / "paint-2.4-py3-none-any.whl").touch()
    wheel = (tmp_path / "paint-2.4-py3-none-any.whl").as_uri()
    reading = read(tmp_path, f"paint @ {wheel}\n", "requirements.txt")
    assert reading.request.requirements == (f"paint @ {wheel}",)
    assert reading.remarks == ()


PROJECT = """\
[project]
name = "my-vision"
requires-python = ">=3.9,!=3.10.*"
dependencies = [
  "numpy>=2",
  "x @ git+https://example.org/x.git",
  "my-vision[extra]",
]
dynamic = ["version"]

[project.optional-dependencies]
plots = ["seaborn", "pandas"]

[dependency-groups]
dev = ["pytest", {include-group = "lint"}]
lint = ["ruff"]

[tool.uv.sources]
numpy = { path = "../numpy" }

[tool.pixi.dependencies]
cuda = "*"
"""


def test_a_project_s_needs_are_asked_for_and_the_rest_is_told(tmp_path: Path) -> None:
    reading = read(tmp_path, PROJECT, "pyproject.toml")
    request = reading.request
    assert (request.name, request.engine) == ("my-vision", Engine.UV)
    assert request.requirements == ("numpy>=2",)
    assert len(request.python_specs) == 1
    assert [line for line, _ in said(reading)] == [1, 6, 12, 15, 16, 18, 21]
    assert said(reading)[2][1] == "plots: seaborn, pandas"
    as_conda = read_file(tmp_path / "pyproject.toml", name="x", engine=Engine.CONDA).request
    assert (as_conda.requirements, as_conda.pip_requirements) == (("pip",), ("numpy>=2",))


def test_lists_that_setuptools_reads_are_read(tmp_path: Path) -> None:
    (tmp_path / "needs.txt").write_text("numpy\n--trusted-host example.org\n-i https://example.org/simple\n")
    text = '[project]\nname = "a"\ndynamic = ["dependencies"]\n[tool.setuptools.dynamic]\n'
    text += 'dependencies = {file = ["needs.txt"]}\n'
    reading = read(tmp_path, text, "pyproject.toml")
    assert reading.request.requirements == ("numpy",)
    assert reading.request.index_url == "https://example.org/simple"
    assert [(one.file, one.line) for one in reading.remarks] == [("pyproject.toml", 1), ("needs.txt", 2)]


POETRY = """\
[tool.poetry]
name = "old"

[tool.poetry.dependencies]
python = "^3.8"
numpy = "^1.21"
paint = { version = "~2.4", extras = ["oil"], markers = "sys_platform != 'nowhere'" }
many = [{ version = "<2", python = "<3.9" }, { version = ">=2", python = "^3.9" }]
mine = { path = "../mine" }
git = { git = "https://example.org/x.git" }
maybe = { version = "*", optional = true }
odd = "not a version"

[tool.poetry.group.dev.dependencies]
pytest = "*"
"""


def test_poetry_s_versions_are_translated(tmp_path: Path) -> None:
    reading = read(tmp_path, POETRY, "pyproject.toml")
    found = reading.request.requirements
    assert found[0] == "numpy<2,>=1.21"
    assert found[1].startswith("paint[oil]<2.5,>=2.4")
    assert "nowhere" in found[1]
    assert len(found) == 4
    assert "python_version" in found[2]
    assert reading.request.python_specs == ("python>=3.8,<4",)
    assert [line for line, _ in said(reading)] == [1, 9, 10, 11, 12, 14]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("^1.2.3", ">=1.2.3,<2"),
        ("^0.2.3", ">=0.2.3,<0.3"),
        ("^0.0.3", ">=0.0.3,<0.0.4"),
        ("^0.0", ">=0.0,<0.1"),
        ("~1.2.3", ">=1.2.3,<1.3"),
        ("~1", ">=1,<2"),
        ("1.2.3", "==1.2.3"),
        ("1.*", "==1.*"),
        (">= 1.0, < 2", ">=1.0,<2"),
        ("^2.7 || ^3.5", ">=2.7,<4"),
        ("*", ""),
        ("abc", None),
        ("9" * 5000, None),
    ],
)
def test_a_version_as_poetry_writes_it(text: str, wanted: str | None) -> None:
    assert specifier(text) == wanted


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[tool.black]\nline-length = 100\n", "only sets up tools"),
        ('[project]\nname = "a"\ndynamic = ["dependencies"]\n', "only when it is built"),
        ('[project]\nname = "a"\n[project.optional-dependencies]\nx = ["numpy"]\n', "only in extras"),
        ('[tool.pixi.workspace]\nname = "a"\n', "pixi.lock"),
        ('[project]\nname = "a"\ndependencies = ["numpy=1"]\n', "Line 3: “numpy=1”"),
        ('[project]\nname = "a"\ndependencies = "numpy"\n', "must be a list"),
        ('[project\nname = "a"\n', "Line 1: this is not written as TOML"),
    ],
)
def test_a_project_that_names_nothing_is_told(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(Problem) as raised:
        read(tmp_path, text, "pyproject.toml")
    assert reason in str(raised.value.cause)


SEEDS = {
    "requirements.txt": (
        "# c\n-i https://u:p@example.org/simple\n--pre\n-r other.txt\nnumpy>=2 ; python_version >= '3.9'\n-e .[x]\n"
        "paint==2 --hash=sha256:"
        + "a" * 64
        + "\n./a-1-py3-none-any.whl\nhttps://example.org/b-1.tar.gz#egg=b\n${HOME}\n"
    ),
    "environment.yml": (
        "name: x\nchannels: [a, defaults]\ndependencies:\n- python=3.9\n- numpy=1.21=py39_0  # [win]\n- sel(linux): z\n"
        "- pip:\n  - rich\n  - -r other.txt\nprefix: C:\\x\nvariables: {A: b}\n"
    ),
    "pyproject.toml": PROJECT + POETRY,
    "pylock.toml": (
        'lock-version = "1.0"\ncreated-by = "x"\nrequires-python = ">=3.9"\n[[packages]]\nname = "paint"\n'
        'version = "1.0"\nmarker = "python_version > \'3\'"\n'
        'wheels = [{ url = "https://example.org/paint-1.0-py3-none-any.whl", size = 3, '
        f'hashes = {{ sha256 = "{"a" * 64}" }} }}]\n'
    ),
    "list.txt": (
        f"@EXPLICIT\nhttps://c.example/f/{this_subdir()}/python-3.11.1-h_0.conda#{'a' * 32}\n"
        "# pip x @ https://y/x.whl\n~/a-1-0.conda\n"
    ),
    "conda-lock.yml": (
        "version: 1\nmetadata: {channels: [{url: x}]}\npackage:\n- name: python\n  manager: conda\n"
        f"  platform: {this_subdir()}\n  url: https://c.example/f/noarch/python-3.11.1-h_0.conda\n"
        f"  hash: {{md5: {'a' * 32}}}\n  dependencies: {{a: '>=1'}}\n  category: main\n"
    ),
    "pixi.lock": (
        "version: 6\nenvironments:\n  default:\n    channels: [{url: x}]\n    packages:\n"
        f"      {this_subdir()}:\n      - conda: https://c.example/f/noarch/python-3.11.1-h_0.conda\n      - pypi: ./\n"
        "packages:\n- conda: https://c.example/f/noarch/python-3.11.1-h_0.conda\n  size: 3\n  depends: [a]\n"
    ),
    "kit.json": '{"version": 1, "kit": "aienv", "name": "a", "engine": "uv", "python": "3.11.2", '
    '"platform": "linux-64", "files": [{"name": "a.whl", "package": "a", "version": "1", "sha256": "'
    + "a" * 64
    + '", "size": 3}]}',
    "poetry.lock": '[[package]]\nname = "a"\n[metadata]\ncontent-hash = "x"\n',
    "Pipfile.lock": '{"_meta": {}, "default": {"numpy": {"version": "==1"}}}',
}
ODD = (
    *(
        "[",
        "]",
        "{",
        "}",
        '"',
        "'",
        "\\",
        "\n",
        "\t",
        "\0",
        ": ",
        "- ",
        "#",
        "@",
        "${X}",
        "&a ",
        "*a",
        "<<: ",
        "=",
        "~",
    ),
    *("\r", "%", "\u2028", "\ud7ff", "é", "图", "!!python/object:os.system ", "9" * 30, "0x", "1e999", "2020-99-99"),
    *("..", "-r ", "(", ";", "|"),
)


def mutated(text: str, chance: random.Random) -> bytes:
    """The text with some things cut, doubled, put elsewhere or in between; sometimes in other bytes altogether."""
    lines = text
    for _ in range(chance.choice((1, 1, 2, 6))):
        at = chance.randrange(len(lines) + 1)
        until = min(len(lines), at + chance.choice((1, 2, 5, 20, 80)))
        match chance.randrange(5):
            case 0:
                lines = lines[:at] + lines[until:]
            case 1:
                lines = lines[:at] + lines[at:until] * chance.choice((2, 3, 50)) + lines[until:]
            case 2:
                lines = lines[:at] + chance.choice(ODD) + lines[until:]
            case 3:
                lines = lines[:at] + chance.choice(ODD) * chance.choice((1, 1, 1, 60)) + lines[at:]
            case _:
                whole = lines.split("\n")
                chance.shuffle(whole)
                lines = "\n".join(whole)
    encoding = chance.choice(("utf-8",) * 8 + ("utf-16", "gb18030", "latin-1", "utf-8-sig"))
    data = lines.encode(encoding, "ignore")
    if chance.random() < 0.05:
        data = data[: chance.randrange(len(data) + 1)] + chance.randbytes(5)
    return data


@pytest.mark.parametrize("name", SEEDS)
def test_nothing_that_is_written_raises_anything_but_a_problem(name: str, tmp_path: Path) -> None:
    chance = random.Random(f"files {name}")
    (tmp_path / "other.txt").write_text("rich\n-r requirements.txt\n")
    path = tmp_path / name
    path.write_text(SEEDS[name], encoding="utf-8")
    outcomes = set()
    for _ in range(150):
        path.write_bytes(mutated(SEEDS[name], chance))
        try:
            reading = read_file(path, name="x")
        except Problem as problem:
            if not problem.code or problem.cure is None or not str(problem):
                pytest.fail(f"told without a cure: {path.read_bytes()!r}")
            outcomes.add(problem.code)
        else:
            assert reading.request.requirements + reading.request.pip_requirements + reading.request.python_specs
            for remark in reading.remarks:
                assert str(remark.reason)
                assert len(remark.text) < 120
                assert "u:p@" not in remark.text
            outcomes.add("read")
    assert len(outcomes) > 1 or name in ("poetry.lock", "Pipfile.lock", "kit.json")


def test_a_seed_is_read_as_it_stands(tmp_path: Path) -> None:
    """Else the mutations would look at refusals only."""
    for name in ("environment.yml", "pylock.toml", "list.txt", "conda-lock.yml", "pixi.lock"):
        (tmp_path / "other.txt").write_text("rich\n")
        assert read(tmp_path, SEEDS[name], name).request.source_file
