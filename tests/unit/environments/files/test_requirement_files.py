"""requirements.txt and environment.yml: what is read, and how a bad line is told."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from aienv_gui.core.errors import Problem
from aienv_gui.environments.files.requirements import read_requirements
from aienv_gui.environments.planning.recipes import default_python, request_of_file
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
        ("numpy 2.1\n", 1, "numpy 2.1", "Write == for an exact version"),
        ("numpy, pandas>=2\n", 1, "numpy, pandas", "one package a line"),
        ("numpy，pandas\n", 1, "numpy，pandas", "one package a line"),
        ("!pip install numpy\n", 1, "pip install numpy", "It is a command"),
        ("uv pip install numpy\n", 1, "uv pip install", "It is a command"),
        ("numpy\nnot a package!\n", 2, "not a package!", "numpy>=2"),
        ("numpy\n./wheels/x-1.0-py3-none-any.whl\n", 2, "is not there", "package's name"),
        ("C:\\wheels\\x-1-py3-none-any.whl\n", 1, "is not there", "package's name"),
        ("numpy\n-r https://example.org/list.txt\n", 2, "on the internet", "Download it"),
        (
            "numpy\npaint==${AIENV_NO_SUCH_VARIABLE}\n",
            2,
            "AIENV_NO_SUCH_VARIABLE is not set",
            "${AIENV_NO_SUCH_VARIABLE}",
        ),
        ("numpy\n--require-hashes\n", 1, "numpy has none", "--hash=sha256"),
        ("numpy ; python_version > '3' " + "and (" * 3000 + "\n", 1, "not a package's name", "numpy>=2"),
        ("numpy\n-r missing.txt\n", 2, "missing.txt", "beside this one"),
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


@pytest.mark.parametrize(
    ("line", "left", "reason"),
    [
        ("git+https://example.org/x.git", [], "source repository"),
        ("x @ git+https://me:word@example.org/x.git", [], "source repository"),
        ("-e git+https://example.org/x.git#egg=x", [], "source repository"),
        ("https://example.org/archive/main.zip", [], "which package"),
        ("-e ./nowhere", [], "project under development"),
        ("--trusted-host example.org", [], "certificate is valid"),
        ("--global-option=build_ext", [], "how a package is built"),
        ("--use-feature=fast-deps", [], "pip itself"),
        ("--nonsense yes", [], "“--nonsense” is not known"),
        ("--upgrade", [], "belongs to the command"),
        ("-U", [], "belongs to the command"),
        ("paint==2 --config-settings=a=b", ["paint==2"], "how a package is built"),
    ],
)
def test_what_cannot_be_followed_is_said_with_its_line(tmp_path: Path, line: str, left: list[str], reason: str) -> None:
    read = read_requirements(written(tmp_path, f"numpy\n\n{line}\n", "my list.txt"))
    assert read.requirements == ["numpy", *left]
    (said,) = read.remarks
    assert (said.file, said.line) == ("my list.txt", 3)
    assert reason in str(said.reason)
    assert str(said.instead)
    assert said.text in f"{line}".replace("me:word@", "")


def test_options_that_choose_files_are_followed(tmp_path: Path) -> None:
    text = "--pre\n--only-binary :all:\n--no-binary paint,Easel\n--prefer-binary\nnumpy\n"
    read = read_requirements(written(tmp_path, text))
    assert (read.prereleases, read.only_binary, read.no_binary) == (True, [":all:"], ["paint", "easel"])
    assert read.remarks == []
    request = request_of_file(tmp_path / "requirements.txt", name="x")
    assert (request.prereleases, request.only_binary, request.no_binary) == (True, (":all:",), ("paint", "easel"))


def test_variables_of_this_computer_are_filled_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIENV_TEST_TOKEN", "s3cret")
    text = (
        "-i https://me:${AIENV_TEST_TOKEN}@example.org/simple\nnumpy  # ${NOT_SET_IN_A_COMMENT}\n$HOME_is_no_variable\n"
    )
    with pytest.raises(Problem, match="Line 3") as raised:
        read_requirements(written(tmp_path, text))
    assert "s3cret" not in str(raised.value)
    read = read_requirements(written(tmp_path, text.rpartition("$")[0]))
    assert read.index_url == "https://me:s3cret@example.org/simple"


def test_a_project_beside_the_list_brings_what_it_needs(tmp_path: Path) -> None:
    written(
        tmp_path,
        '[project]\nname = "x"\ndependencies = ["paint>=2"]\n[project.optional-dependencies]\nBig_One = ["easel"]\n',
        "pyproject.toml",
    )
    read = read_requirements(written(tmp_path, "-e .[big-one]\nnumpy\n"))
    assert read.requirements == ["paint>=2", "easel", "numpy"]
    assert "project under development" in str(read.remarks[0].reason)


def test_a_wheel_beside_the_list_is_taken(tmp_path: Path) -> None:
    (tmp_path / "my wheels").mkdir()
    (tmp_path / "my wheels" / "paint-2.4-py3-none-any.whl").touch()
    (tmp_path / "odd.whl").touch()
    read = read_requirements(written(tmp_path, "./my wheels/paint-2.4-py3-none-any.whl\n"))
    assert read.requirements == [f"paint @ {(tmp_path / 'my wheels' / 'paint-2.4-py3-none-any.whl').as_uri()}"]
    with pytest.raises(Problem, match="does not tell a package"):
        read_requirements(written(tmp_path, "./odd.whl\n"))
    read = read_requirements(written(tmp_path, "https://example.org/paint-2.4-py3-none-any.whl#sha256=ab\n"))
    assert read.requirements == ["paint @ https://example.org/paint-2.4-py3-none-any.whl"]


CHINESE = "# 图像处理，需要这些包：\nnumpy==2.1  # 数组\npandas\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "gbk", "gb18030"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_lists_in_any_usual_encoding_and_with_any_line_ends(tmp_path: Path, encoding: str, ends: str) -> None:
    path = tmp_path / "requirements.txt"
    path.write_bytes((CHINESE.replace("\n", ends)).encode(encoding))
    assert read_requirements(path).requirements == ["numpy==2.1", "pandas"]
    yml = tmp_path / "environment.yml"
    yml.write_bytes(f"# 环境{ends}name: 图片{ends}dependencies:{ends}  - numpy{ends}".encode(encoding))
    assert request_of_file(yml, name="").name == "图片"


def test_western_letters_are_let_pass_in_comments_only(tmp_path: Path) -> None:
    path = tmp_path / "requirements.txt"
    path.write_bytes("numpy  # für Bilder, é\n".encode("latin-1"))
    assert read_requirements(path).requirements == ["numpy"]


def test_five_thousand_lines_are_read_in_a_moment(tmp_path: Path) -> None:
    lines = [f"package-{n}[extra]>=1.{n},<2; python_version >= '3.9'  # why" for n in range(5000)]
    path = tmp_path / "requirements.txt"
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())
    yml = written(tmp_path, "dependencies:\n" + "".join(f"  - package{n}>=1.{n}\n" for n in range(5000)), "e.yml")
    started = time.process_time()
    assert len(request_of_file(path, name="x").requirements) == 5000
    assert len(request_of_file(yml, name="x").requirements) == 5000
    assert time.process_time() - started < 3  # a fifth of it where nothing else runs


@pytest.mark.parametrize("data", [b"\x89PNG\r\n\x1a\n\xff\xff", b"numpy\xff\n"])
def test_what_is_no_text_is_told(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "requirements.txt"
    path.write_bytes(data)
    with pytest.raises(Problem) as raised:
        read_requirements(path)
    assert raised.value.code == "bad_file"
    assert "not a text file" in str(raised.value.title)


def test_missing_folder_and_huge_files_are_told(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.txt", tmp_path, tmp_path / "null\0.txt"):
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


@pytest.mark.parametrize("name", ["uv.lock", "Pipfile", "setup.py", "x.whl", "setup.cfg", "data.json", "pixi.toml"])
def test_another_kind_of_file_is_told_as_such_and_not_by_its_first_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(Problem) as raised:
        request_of_file(written(tmp_path, "[project]\nname = 'x'\n", name), name="x")
    assert raised.value.code == "bad_file"
    assert name in str(raised.value.title)
    assert "requirements.txt" in str(raised.value.cure)
    assert "Line" not in str(raised.value)
    written(tmp_path, "numpy\n", "requirements.txt")
    with pytest.raises(Problem, match=r"Choose requirements\.txt, which lies beside it"):
        request_of_file(tmp_path / name, name="x")


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
        ("name: x\ndependencies:\n  - [numpy]\n", 3, "a package's name is expected"),
        ("name: {{ name }}\ndependencies:\n  - numpy\n", 1, "another program fills in"),
        ("name: x\ndependencies:\n  - {{ python }}\n", 3, "another program fills in"),
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
