"""Templates, names and folder names."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.requirements import Requirement

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders, resource
from aienv_gui.core.wording import use_language
from aienv_gui.environments.manifest import Manifest, write_manifest
from aienv_gui.environments.planning.recipes import (
    check_extra,
    check_name,
    default_python,
    folder_name,
    free_folder_name,
    request_of_template,
    template,
    templates,
)
from aienv_gui.environments.records import Engine, Request


def test_every_template_is_complete_in_both_languages() -> None:
    assert [t.id for t in templates()] == [
        "pictures",
        "tables",
        "notebooks",
        "language",
        "sound",
        "tensorflow",
        "beginners",
        "empty",
    ]
    english = {t.id: (str(t.title), str(t.description)) for t in templates()}
    use_language("zh_CN", resource("locale"))
    for found in templates():
        assert str(found.title) != english[found.id][0]
        assert str(found.description) != english[found.id][1]
        for accelerator in ("cpu", "cu130"):
            assert found.requirements(Engine.CONDA, accelerator)
            for text in found.requirements(Engine.UV, accelerator):
                Requirement(text)


def test_picture_models_can_be_trained() -> None:
    request = request_of_template(
        template("pictures"), name="a", engine=Engine.UV, python=default_python(), accelerator="cpu", extra=("rich",)
    )
    names = {Requirement(text).name for text in request.requirements}
    assert {"torch", "numpy", "pillow", "safetensors", "rich"} <= names
    assert set(request.imports) == {"torch", "numpy", "PIL", "safetensors"}


def test_extra_packages_are_checked() -> None:
    check_extra(("numpy>=2", "uvicorn[standard]"), Engine.UV)
    check_extra(("numpy=2", "conda-forge::scipy"), Engine.CONDA)
    for bad, engine in (("numpy=2", Engine.UV), ("two words", Engine.UV), ("!", Engine.CONDA)):
        with pytest.raises(Problem) as raised:
            check_extra((bad,), engine)
        assert raised.value.code == "bad_package"
        assert bad in str(raised.value.title)


@pytest.mark.parametrize("engine", list(Engine))
def test_an_endless_package_name_is_refused_and_not_said_whole(engine: Engine) -> None:
    check_extra(("n" * 100 + "[extra]>=1.2.3,<2",), engine)
    with pytest.raises(Problem) as raised:
        check_extra(("numpy", "n" * 3000), engine)
    assert raised.value.code == "bad_package"
    assert len(str(raised.value)) < 200


@pytest.mark.parametrize("name", ["pictures", "My env", "图片", "😀", 'it\'s "mine"', "a/b", "..", "con", "-x", "é"])
def test_folder_names_are_safe_and_stable(name: str) -> None:
    folder = folder_name(name)
    assert folder == folder_name(name)
    assert set(folder) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-")
    assert folder[0] not in ".-"
    assert folder not in ("con", "..")


def test_different_names_have_different_folders() -> None:
    names = ["图片", "图片2", "😀", "🙂", "a'b", 'a"b', "a b", "é", "e"]
    assert len({folder_name(name) for name in names}) == len(names)


@pytest.mark.parametrize(
    "name",
    [
        "x",
        "My env",
        "图片 模型",
        "😀",
        "👩\u200d🔬",
        "🏴\U000e0067\U000e007f",
        "نمونه\u200cها",
        'it\'s "mine"',
        "a/b",
        "..",
        "con",
        "n" * 60,
    ],
)
def test_good_names(name: str, folders: Folders) -> None:
    check_name(name, folders)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("", "needs a name"),
        ("   ", "needs a name"),
        ("n" * 61, "61 characters"),
        ("a\nb", "cannot be shown"),
        ("model \u202egnp.exe", "cannot be shown"),
        ("\u2067a\u2069", "cannot be shown"),
        ("soft\u00adhyphen", "cannot be shown"),
        ("aienv ", "already an environment called “AIEnv”"),
    ],
)
def test_bad_names(name: str, said: str, folders: Folders) -> None:
    with pytest.raises(Problem) as raised:
        check_name(name, folders)
    assert said in str(raised.value.cause)
    assert str(raised.value.cure)


def test_taken_names(folders: Folders) -> None:
    prefix = folders.environments / folder_name("图片 Models")
    write_manifest(prefix, Manifest(Request("图片 Models", Engine.UV, "3.11", ()), built=0.0, build="b"))
    with pytest.raises(Problem, match="already an environment"):
        check_name("图片 models", folders)


def test_a_folder_of_another_name_is_left_alone(folders: Folders) -> None:
    (folders.environments / "my-env").mkdir(parents=True)
    check_name("my env", folders)
    assert free_folder_name("my env", folders) == "my-env-2"


def test_too_long_a_path(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="path would be too long"):
        check_name("x", Folders.under(tmp_path / ("d" * 120) / ("e" * 120)))
