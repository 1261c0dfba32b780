"""requirements.txt and environment.yml: what is read, and how a bad line is told."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from aienv_gui.core.errors import Problem
from aienv_gui.environments.files.requirements import read_requirements
from aienv_gui.environments.recipes import default_python, request_of_file
from aienv_gui.environments.records import Engine

DIGEST = "a" * 64


def written(folder: Path, text: str, name: str = "requirements.txt") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_comments_continuations_markers_extras_and_hashes(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        "# a comment\n\n"
        "numpy>=2  # why\n"
        f"pandas==2.2 \\\n    --hash=sha256:{DIGEST} \\\n    --hash=sha256:{'b' * 64}\n"
        "uvicorn[standard]>=0.30; python_version >= '3.10'\n"
        "package @ https://example.org/package-1.0-py3-none-any.whl#egg=x\n",
    )
    read = read_requirements(path)
    assert read.requirements[:2] == ["numpy>=2", "pandas==2.2"]
    assert read.requirements[2].startswith("uvicorn[standard]>=0.30")
    assert "python_version" in read.requirements[2]
    assert read.hashes == [("pandas", f"sha256:{DIGEST}"), ("pandas", f"sha256:{'b' * 64}")]


def test_included_files_constraints_and_places(tmp_path: Path) -> None:
    (tmp_path / "more").mkdir()
    (tmp_path / "wheels").mkdir()
    written(tmp_path / "more", "scipy\n-r ../requirements.txt\n", "base.txt")
    written(tmp_path, "numpy<3\n", "limits.txt")
    path = written(
        tmp_path,
        "-r more/base.txt\n-climits.txt\n--extra-index-url https://example.org/simple\n--find-links=wheels\n"
        "--pre\nnumpy\n",
    )
    read = read_requirements(path)
    assert read.requirements == ["scipy", "numpy"]
    assert read.constraints == ["numpy<3"]
    assert read.index_urls == ["https://example.org/simple"]
    assert read.find_links == [str(tmp_path / "wheels")]


def test_index_of_a_file_is_kept_apart_from_further_ones(tmp_path: Path) -> None:
    text = "-i https://first.example/simple\n--extra-index-url https://more.example/simple\n--no-index\n"
    text += "--index-url=https://own.example/simple\nnumpy\n"
    request = request_of_file(written(tmp_path, text), name="x")
    assert (request.index_url, request.index_urls) == ("https://own.example/simple", ("https://more.example/simple",))
    assert request.no_index
    inside = "dependencies:\n- pip\n- pip:\n  - --index-url https://own.example/simple\n  - --no-index\n  - numpy\n"
    as_conda = request_of_file(written(tmp_path, inside, "environment.yml"), name="x")
    assert (as_conda.index_url, as_conda.index_urls, as_conda.no_index) == ("https://own.example/simple", (), True)


def test_powershell_writes_utf16(tmp_path: Path) -> None:
    path = tmp_path / "requirements.txt"
    path.write_bytes("numpy==2.1\r\npandas\r\n".encode("utf-16"))
    assert read_requirements(path).requirements == ["numpy==2.1", "pandas"]


@pytest.mark.parametrize(
    ("text", "line", "reason", "cure"),
    [
        ("numpy\n\nnumpy=2.1\n", 3, "numpy=2.1", "Write == for an exact version"),
        ("numpy\nnot a package!\n", 2, "not a package!", "numpy>=2"),
        ("-e .\n", 1, "project under development", "Take the line away"),
        ("numpy\ngit+https://example.org/x.git\n", 2, "source repository", "published version"),
        ("x @ git+https://example.org/x.git\n", 1, "source repository", "published version"),
        ("numpy\n./wheels/x-1.0-py3-none-any.whl\n", 2, "is a file", "package's name"),
        ("C:\\wheels\\x.whl\n", 1, "is a file", "package's name"),
        ("numpy\n-r missing.txt\n", 2, "missing.txt", "beside this one"),
        ("--nonsense yes\nnumpy", 1, "--nonsense", "pip documents"),
        ("numpy\n--index-url\n", 2, "needs a value", "address"),
        ("numpy==2 \\\n --hash=sha256:abc\n", 1, "not a whole SHA-256", "Copy the line"),
        (f"numpy==2 --hash=sha512:{DIGEST * 2}\n", 1, "hash of numpy is not a SHA-256", "Write its SHA-256"),
        (f"numpy==2 --hash={DIGEST}\n", 1, "hash of numpy is not a SHA-256", "Write its SHA-256"),
    ],
)
def test_bad_line_is_told_with_file_line_and_cure(tmp_path: Path, text: str, line: int, reason: str, cure: str) -> None:
    with pytest.raises(Problem) as raised:
        read_requirements(written(tmp_path, text, "my list.txt"))
    assert "my list.txt" in str(raised.value.title)
    assert str(raised.value.cause).startswith(f"Line {line}: ")
    assert reason in str(raised.value.cause)
    assert cure in str(raised.value.cure)


def test_bad_line_of_an_included_file_names_that_file(tmp_path: Path) -> None:
    written(tmp_path, "\n\n???\n", "inner.txt")
    with pytest.raises(Problem) as raised:
        read_requirements(written(tmp_path, "-r inner.txt\n"))
    assert "inner.txt" in str(raised.value.title)
    assert str(raised.value.cause).startswith("Line 3")


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n\xff\xff", b"numpy\xff\n"])
def test_what_is_no_text_is_told(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "requirements.txt"
    path.write_bytes(data)
    with pytest.raises(Problem) as raised:
        read_requirements(path)
    assert raised.value.code == "bad_file"
    assert "not a text file" in str(raised.value.title)


def test_missing_folder_and_huge_files_are_told(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.txt", tmp_path):
        with pytest.raises(Problem, match="cannot be read"):
            read_requirements(path)
    huge = tmp_path / "requirements.txt"
    huge.write_bytes(b"#" * 3_000_000)
    with pytest.raises(Problem, match="too large"):
        read_requirements(huge)


@pytest.mark.parametrize("name", ["requirements.txt", "environment.yml"])
def test_link_that_leads_back_to_itself_is_told_and_not_as_a_bug(tmp_path: Path, name: str) -> None:
    (tmp_path / name).symlink_to(tmp_path / "other")
    (tmp_path / "other").symlink_to(tmp_path / name)
    with pytest.raises(Problem, match="leads back to itself") as raised:
        request_of_file(tmp_path / name, name="x")
    assert raised.value.code == "bad_file"


def test_a_device_is_refused_before_it_is_read_perhaps_for_ever(tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").symlink_to(os.devnull)
    with pytest.raises(Problem, match="pipe or a device"):
        request_of_file(tmp_path / "requirements.txt", name="x")


@pytest.mark.parametrize("name", ["pyproject.toml", "pylock.toml", "uv.lock", "Pipfile", "setup.py", "x.whl"])
def test_another_kind_of_file_is_told_as_such_and_not_by_its_first_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(Problem) as raised:
        request_of_file(written(tmp_path, "[project]\nname = 'x'\n", name), name="x")
    assert raised.value.code == "bad_file"
    assert name in str(raised.value.title)
    assert "requirements.txt" in str(raised.value.cause)
    assert "Line" not in str(raised.value)


def test_the_yaml_readers_own_words_stay_in_the_details(tmp_path: Path) -> None:
    with pytest.raises(Problem) as raised:
        request_of_file(written(tmp_path, "name: x\ndependencies:\n\t- numpy\n", "environment.yml"), name="x")
    assert "cannot start any token" not in str(raised.value)
    assert "cannot start any token" in raised.value.details


def test_file_without_packages_is_told(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="names no packages"):
        request_of_file(written(tmp_path, "# nothing\n\n"), name="x")


def test_request_of_a_requirements_file(tmp_path: Path) -> None:
    request = request_of_file(written(tmp_path, "numpy\n"), name=" mine ")
    assert (request.name, request.engine, request.python) == ("mine", Engine.UV, default_python())
    assert request.requirements == ("numpy",)
    as_conda = request_of_file(written(tmp_path, "numpy\n"), name="mine", engine=Engine.CONDA, python="3.12")
    assert (as_conda.engine, as_conda.pip_requirements, as_conda.requirements) == (Engine.CONDA, ("numpy",), ("pip",))


ENVIRONMENT = """\
name: vision
channels:
  - conda-forge
  - pytorch
dependencies:
  - python=3.11
  - numpy>=1.26   # a comment
  - conda-forge::scipy
  - python-dateutil
  - pip
  - pip:
      - requests>=2
      - rich
prefix: /home/someone/else
"""


def test_environment_file(tmp_path: Path) -> None:
    request = request_of_file(written(tmp_path, ENVIRONMENT, "environment.yml"), name="")
    assert request.name == "vision"
    assert request.engine is Engine.CONDA
    assert request.python == "3.11"
    assert request.channels == ("conda-forge", "pytorch")
    assert request.python_specs == ("python=3.11",)
    assert request.requirements == ("numpy>=1.26", "conda-forge::scipy", "python-dateutil", "pip")
    assert request.pip_requirements == ("requests>=2", "rich")


def test_environment_file_needs_conda(tmp_path: Path) -> None:
    with pytest.raises(Problem) as raised:
        request_of_file(written(tmp_path, ENVIRONMENT, "environment.yml"), name="x", engine=Engine.UV)
    assert raised.value.code == "wrong_engine"


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("name: x\ndependencies:\n  - numpy\n\t- scipy\n", 4, ""),
        ("name: x\ndependencies:\n  - numpy\n  - 'a b ! c'\n", 4, "a b ! c"),
        ("name: x\ndependencies: numpy\n", 2, "dependencies"),
        ("name: x\nchannels: [a]\n", 3, "names no packages"),
        ("- numpy\n", 1, "not a description"),
        ("name: x\ndependencies:\n  - numpy\n  - pip:\n    - ok\n    - numpy=1\n", 6, "numpy=1"),
        ("name: x\ndependencies:\n  - conda:\n    - ok\n", 3, "conda"),
    ],
)
def test_bad_environment_file_is_told_with_its_line(tmp_path: Path, text: str, line: int, reason: str) -> None:
    with pytest.raises(Problem) as raised:
        request_of_file(written(tmp_path, text, "environment.yml"), name="x")
    assert raised.value.code == "bad_file"
    assert "environment.yml" in str(raised.value.title)
    assert str(raised.value.cause).startswith(f"Line {line}: ")
    assert reason in str(raised.value.cause)
    assert str(raised.value.cure)
