"""What an environment.yml says of Python: kept as it is written, and only versions that fit are offered."""

from __future__ import annotations

from pathlib import Path

import pytest

from aienv_gui.environments.files.python_specs import CONDA_PYTHONS, chosen, is_python, offered
from aienv_gui.environments.manifest import request_from_json, request_to_json
from aienv_gui.environments.planning.recipes import request_of_file

OWN = "3.11"


@pytest.mark.parametrize(
    ("spec", "version"),
    [
        ("python", OWN),
        ("python=3", OWN),
        ("python>=3.9", OWN),
        ("python>3.11", OWN),  # 3.11.1 is greater
        ("python!=3.11.4", OWN),
        ("python<3.11", "3.10"),
        ("python<3.10", "3.9"),
        ("python>=3.12", "3.14"),
        ("python=3.11.4", OWN),
        ("python=3.12.*", "3.12"),
        ("python 3.12", "3.12"),
        ("python ==3.12.4", "3.12"),
        ("python=3.12.4=h2628c8c_0_cpython", "3.12"),
        ("python 3.12.4 h2628c8c_0_cpython", "3.12"),
        ("python!=3.11.*", "3.14"),
        ("python~=3.12.0", "3.12"),
        ("python~=3.12", "3.14"),
        ("python >= 3.12 , < 3.13", "3.12"),
        ("python<3.8|>=3.13,<3.14", "3.13"),
        ("conda-forge::python=3.10", "3.10"),
        ("python[version='>=3.12,<3.13']", "3.12"),
        ("python=3.99", "3.99"),
        ("python=2.7", "2.7"),
        ("python what is this", OWN),
    ],
)
def test_the_version_to_begin_with_fits(spec: str, version: str) -> None:
    assert is_python(spec)
    assert chosen((spec,), OWN) == version
    assert version in offered((spec,), OWN)


def test_only_what_fits_is_offered() -> None:
    assert offered((), OWN) == CONDA_PYTHONS
    assert offered(("python<3.13", "python>=3.11"), OWN) == ("3.12", "3.11")
    assert offered(("python<3.9",), OWN) == ("3.8", "3.7", "3.6", "2.7")
    assert offered(("python>=4",), OWN) == ()
    assert chosen(("python>=4",), OWN) == OWN  # the solver says that there is none


def test_other_packages_are_not_python() -> None:
    assert not any(is_python(name) for name in ("python-dateutil", "python_abi=3.11", "pythonnet", "ipython", "x::py"))


def test_the_file_s_own_words_on_python_are_kept(tmp_path: Path) -> None:
    """They were cut to two numbers, or dropped where they stood behind another sign."""
    path = tmp_path / "environment.yml"
    path.write_text("dependencies: ['python=3.10.4', 'conda-forge::python<3.11', numpy]\n")
    request = request_of_file(path, name="x")
    assert request.python == "3.10"
    assert request.python_specs == ("python=3.10.4", "conda-forge::python<3.11")
    assert request.requirements == ("numpy",)
    assert request_from_json(request_to_json(request)) == request
    older = {name: value for name, value in request_to_json(request).items() if name != "python_specs"}
    assert request_from_json(older).python_specs == ()
