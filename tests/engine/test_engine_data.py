"""Folders of pictures as users have them: odd names, broken files, too few of something; each has its code."""

from __future__ import annotations

import io
import shutil
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from aienv_gui.engine.failures import Failure
from aienv_gui.engine.protocol import Event
from aienv_gui.engine.tasks import picture_files, picture_sets
from aienv_gui.engine.tasks import pictures as task
from tests.engine.engine_runs import errand, events, make_run, train
from tests.fakes.pictures import write_pictures

AUTO: dict[str, Any] = {"channels": "auto", "size": "auto"}


def nothing(_done: int, _total: int) -> None:
    """Progress nobody looks at."""


def inspect(folder: Path, **request: Any) -> dict[str, Any]:
    return task.inspect({"folder": str(folder), **request}, AUTO, nothing)


def codes(answer: dict[str, Any]) -> set[str]:
    return {warning["code"] for warning in answer["warnings"]}


def png_header(width: int, height: int) -> bytes:
    """A PNG of a few bytes that promises a huge picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_a_sound_folder_is_described(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "shapes", classes=("across", "down", "dot"), each=(20, 30, 40))
    answer = inspect(folder, seed=3, examples=2)
    assert answer["ok"]
    assert answer["pictures"] == 90
    assert answer["classes"] == [
        {"name": "across", "pictures": 20},
        {"name": "dot", "pictures": 40},
        {"name": "down", "pictures": 30},
    ]
    assert answer["split"] == {
        "train": {"across": 16, "dot": 32, "down": 24},
        "validation": {"across": 2, "dot": 4, "down": 3},
        "test": {"across": 2, "dot": 4, "down": 3},
    }
    assert [example["class"] for example in answer["examples"]] == ["across"] * 2 + ["dot"] * 2 + ["down"] * 2
    assert (answer["width"], answer["colour"], answer["broken"]) == ([16, 16, 16], False, [])
    assert answer["input"] == {"channels": 1, "height": 28, "width": 28}
    assert answer["bytes_in_memory"] == 90 * 28 * 28


def test_names_with_spaces_quotes_chinese_and_emoji(tmp_path: Path) -> None:
    names = ("two words", 'it\'s "quoted"', "手写数字", "🐱 cat", "ünïcode")
    folder = write_pictures(tmp_path / "图片 and 'more'", classes=names, each=4)
    (folder / "手写数字" / "000.png").rename(folder / "手写数字" / "第 一 张 😀.png")
    answer = errand(tmp_path / "errand", "inspect", {"folder": str(folder), "seed": 0})
    assert answer["ok"], answer
    assert {one["name"] for one in answer["classes"]} == set(names)
    assert answer["broken"] == []
    lines = (tmp_path / "errand" / "progress.jsonl").read_text(encoding="ascii").splitlines()
    assert '"done": 20, "total": 20' in lines[-1]


def test_finding_the_pictures_tells_its_progress(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "found", classes=("a", "b"), each=3)
    told: list[tuple[int, int]] = []
    task.find(folder, {}, lambda done, total: told.append((done, total)))
    assert told == [(count, 0) for count in range(1, 7)]


def test_hidden_and_other_files_are_no_pictures(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "shapes", classes=("across", "down"), each=5)
    for name in (".hidden.png", "Thumbs.db", "notes.txt", "across/.DS_Store", "across/notes.csv", "down/desktop.ini"):
        (folder / name).write_bytes(b"no picture")
    (folder / ".git").mkdir()
    shutil.copy(folder / "across" / "000.png", folder / ".git")
    shutil.copytree(folder / "across", folder / "__MACOSX")
    (folder / "empty").mkdir()
    shutil.copy(folder / "across" / "000.png", folder / "loose.png")
    (folder / "down" / "deeper").mkdir()
    shutil.copy(folder / "down" / "000.png", folder / "down" / "deeper" / "without ending")
    answer = inspect(folder)
    assert answer["ok"]
    assert answer["classes"] == [{"name": "across", "pictures": 5}, {"name": "down", "pictures": 6}]
    values = {warning["code"]: warning["values"] for warning in answer["warnings"]}
    assert values["empty_classes"] == {"names": ["empty"]}
    assert values["loose_pictures"] == {"count": 1}
    assert values["same_picture"] == {"count": 1}
    assert values["thin_class"]["classes"] == {"across": 5, "down": 6}


def broken_files(folder: Path) -> dict[str, str]:
    """Puts broken pictures into a class folder; returns the reason that each is to be given."""
    sound = (folder / "000.png").read_bytes()
    jpeg = io.BytesIO()
    Image.effect_noise((300, 200), 80).save(jpeg, "JPEG")
    files = {
        "empty.png": (b"", "empty"),
        "text.jpg": (b"this is no picture at all", "not_a_picture"),
        "short.png": (sound[: len(sound) // 2], "cut_short"),
        "short.jpg": (jpeg.getvalue()[:2000], "cut_short"),
        "beginning.png": (sound[:20], "cut_short"),
        "bomb.png": (png_header(40_000, 40_000), "too_large"),
    }
    for name, (content, _) in files.items():
        (folder / name).write_bytes(content)
    return {name: reason for name, (_, reason) in files.items()}


def test_broken_pictures_are_named_with_their_reasons(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "shapes", classes=("across", "down"), each=12)
    expected = broken_files(folder / "down")
    answer = inspect(folder)
    assert answer["ok"]
    assert {item["path"]: item["reason"] for item in answer["broken"]} == {
        f"down/{name}": reason for name, reason in expected.items()
    }
    assert answer["classes"][1] == {"name": "down", "pictures": 12}
    agreed = inspect(folder, skip=[item["path"] for item in answer["broken"]])
    assert agreed["broken"] == []
    assert agreed["fingerprint"] == answer["fingerprint"]


@pytest.mark.slow
def test_training_names_broken_pictures_and_begins_only_with_consent(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "shapes", classes=("across", "down"), each=12)
    names = [f"down/{name}" for name in broken_files(folder / "down")]
    run = make_run(tmp_path / "run", folder, settings={"epochs": 1})
    assert train(run) == 1
    failure = events(run, Event.FAILED)[0]
    assert failure["code"] == "broken_pictures"
    assert failure["values"]["count"] == len(names)
    assert set(failure["values"]["paths"]) == set(names)
    assert not events(run, Event.STARTED)
    assert not list((run / "checkpoints").glob("*.pt"))

    agreed = make_run(tmp_path / "agreed", folder, data={"folder": str(folder), "skip": names}, settings={"epochs": 1})
    assert train(agreed) == 0


@pytest.mark.parametrize(
    ("classes", "each", "code", "values"),
    [
        ((), (), "empty_folder", {"loose": 0}),
        (("across",), (9,), "one_class", {"name": "across"}),
        (
            ("across", "down", "dot"),
            (9, 1, 2),
            "few_pictures",
            {"name": "down", "count": 1, "minimum": 3, "classes": {"dot": 2, "down": 1}},
        ),
    ],
)
def test_data_that_cannot_be_trained_on(
    tmp_path: Path, classes: tuple[str, ...], each: tuple[int, ...], code: str, values: dict[str, Any]
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    write_pictures(folder, classes=classes, each=each)
    answer = inspect(folder)
    assert (answer["ok"], answer["code"]) == (False, code)
    assert answer["values"].items() >= {"path": str(folder), **values}.items()
    run = make_run(tmp_path / "run", folder)
    assert train(run) == 1
    failure = events(run, Event.FAILED)[0]
    assert failure["code"] == code
    assert failure["values"].items() >= values.items()


def test_small_classes_are_left_out_by_skipping_their_pictures(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "data", classes=("across", "down", "dot"), each=(9, 9, 2))
    answer = inspect(folder)
    assert answer["values"]["paths"] == ["dot/000.png", "dot/001.png"]
    agreed = inspect(folder, skip=answer["values"]["paths"])
    assert agreed["ok"]
    assert [one["name"] for one in agreed["classes"]] == ["across", "down"]


def test_folders_that_are_missing_or_cannot_be_read(tmp_path: Path) -> None:
    missing = errand(tmp_path / "one", "inspect", {"folder": str(tmp_path / "nowhere")})
    assert (missing["ok"], missing["code"]) == (False, "no_folder")
    assert missing["values"]["path"] == str(tmp_path / "nowhere")
    with pytest.raises(Failure) as caught:
        picture_sets.in_folder(tmp_path / "nowhere")
    assert caught.value.code == "unreadable_folder"
    assert caught.value.values["reason"]


def test_folders_that_are_named_like_splits_are_remarked(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "data", classes=("train", "Test"), each=12)
    answer = inspect(folder)
    assert "looks_split" in codes(answer)


def test_a_great_imbalance_is_remarked(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "data", classes=("across", "down"), each=(100, 10))
    values = next(one["values"] for one in inspect(folder)["warnings"] if one["code"] == "unbalanced")
    assert values == {"smallest": "down", "smallest_pictures": 10, "largest": "across", "largest_pictures": 100}


def test_colour_photographs_get_a_larger_input_in_colour(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    for number, name in enumerate(("red", "blue")):
        (folder / name).mkdir(parents=True)
        for index in range(5):
            Image.new("RGB", (300 + index, 200), (200, 10, 10) if number == 0 else (10, 10, 200)).save(
                folder / name / f"{index}.jpg"
            )
    answer = inspect(folder)
    assert answer["colour"]
    assert answer["input"] == {"channels": 3, "height": 64, "width": 64}
    assert answer["width"] == [300, 302, 304]


def pretended(*contents: str) -> tuple[picture_sets.PictureSet, list[str]]:
    """Pictures "class/content" that are not there, and their digests."""
    paths = tuple(f"{content}.{number}.png" for number, content in enumerate(contents))
    truth = tuple(content.split("/")[0] for content in contents)
    digests = [picture_files.digest(content.split("/")[1].encode()) for content in contents]
    return picture_sets.PictureSet(Path("/p"), Path("/p"), paths, truth), digests


def test_the_split_depends_on_seed_and_content_only_and_moves_few_when_one_comes() -> None:
    names = [f"{name}/{index}" for name in ("a", "b") for index in range(50)]
    found, digests = pretended(*names)
    parts = task.split(found, digests, 5)
    assert sorted(index for indices in parts.values() for index in indices) == list(range(100))
    assert {name: len(indices) for name, indices in parts.items()} == {"train": 80, "validation": 10, "test": 10}
    assert task.split(found, list(digests), 5) == parts
    assert task.split(found, digests, 6) != parts
    now = task.split(*pretended(*names, "b/50"), 5)
    where = {index: name for name, indices in parts.items() for index in indices}
    moved = [index for name, indices in now.items() for index in indices if where.get(index, name) != name]
    assert len(moved) <= 2


def test_three_pictures_are_one_for_each_split() -> None:
    parts = task.split(*pretended("a/1", "a/2", "a/3"), 0)
    assert {name: len(part) for name, part in parts.items()} == {"train": 1, "validation": 1, "test": 1}


def test_copies_are_never_torn_apart() -> None:
    found, digests = pretended(*(f"a/{number % 10}" for number in range(30)), *(f"b/{n}" for n in range(10)))
    for seed in range(10):
        parts = task.split(found, digests, seed)
        inside = [{digests[index] for index in parts[name] if found.truth[index] == "a"} for name in parts]
        assert sum(map(len, inside)) == len(set.union(*inside)) == 10
        assert all(inside)


def test_a_class_of_copies_is_too_small_and_copies_in_two_classes_are_remarked(tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "data", classes=("across", "down"), each=(9, 3))
    for name in ("001", "002"):
        shutil.copy(folder / "down" / "000.png", folder / "down" / f"{name}.png")
    shutil.copy(folder / "down" / "000.png", folder / "across" / "wrong.png")
    answer = inspect(folder)
    values = {"name": "down", "count": 1, "copies": 2}
    assert answer["code"] == "few_pictures"
    assert answer["values"].items() >= values.items()
    contrary = next(one["values"] for one in answer["warnings"] if one["code"] == "same_in_classes")
    assert contrary == {"count": 3, "first": "across/wrong.png", "second": "down/000.png"}


def as_array(image: Image.Image, kind: str = "PNG", channels: int = 1, size: int = 8) -> Any:
    return picture_files.array(_reopened(image, kind), channels, size, size)


def _reopened(image: Image.Image, kind: str) -> Image.Image:
    content = io.BytesIO()
    image.save(content, kind)
    return Image.open(io.BytesIO(content.getvalue()))


def test_pictures_are_turned_upright_by_their_exif() -> None:
    image = Image.new("L", (64, 64))
    image.paste(255, (0, 0, 64, 16))  # a bright band at the top
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees: the top comes to the right
    content = io.BytesIO()
    image.save(content, "JPEG", exif=exif, quality=95)
    turned = picture_files.array(Image.open(io.BytesIO(content.getvalue())), 1, 8, 8)[0]
    assert turned[:, 7].min() > 200
    assert turned[:, 0].max() < 50


def test_transparency_is_laid_on_white() -> None:
    clear = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    assert as_array(clear).min() == 255
    grey = Image.new("LA", (8, 8), (100, 255))
    assert set(np.unique(as_array(grey))) == {100}


def test_sixteen_bits_are_brought_to_eight() -> None:
    deep = Image.fromarray(np.full((8, 8), 128 * 256, dtype=np.uint16))
    assert set(np.unique(as_array(deep, "PNG"))) == {128}
    assert set(np.unique(as_array(deep, "TIFF"))) == {128}


def test_grey_pictures_fit_a_network_in_colour_and_the_other_way_round() -> None:
    grey = as_array(Image.new("L", (20, 10), 77), channels=3)
    assert grey.shape == (3, 8, 8)
    assert set(np.unique(grey)) == {77}
    assert as_array(Image.new("RGB", (20, 10), (255, 255, 255))).shape == (1, 8, 8)
    assert as_array(Image.new("P", (20, 10), 0)).shape == (1, 8, 8)


def test_a_damaged_exif_does_not_spoil_the_picture() -> None:
    content = io.BytesIO()
    Image.new("L", (16, 16), 90).save(content, "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + b"\1" * 40)
    with pytest.warns(UserWarning, match="EXIF"):
        values = picture_files.array(Image.open(io.BytesIO(content.getvalue())), 1, 8, 8)
    assert values.shape == (1, 8, 8)


def test_inspecting_needs_no_pytorch(tmp_path: Path) -> None:
    import subprocess
    import sys

    from tests.engine.engine_runs import ENGINE

    folder = write_pictures(tmp_path / "data", classes=("across", "down"), each=3)
    (tmp_path / "request.json").write_text(f'{{"folder": "{folder.as_posix()}"}}', encoding="utf-8")
    script = (
        "import runpy, sys; sys.argv = ['engine', 'inspect', sys.argv[1]]\n"
        f"try: runpy.run_path({str(ENGINE / '__main__.py')!r}, run_name='__main__')\n"
        "except SystemExit as end: print(end.code, 'torch' in sys.modules)"
    )
    shown = subprocess.run(
        [sys.executable, "-I", "-c", script, str(tmp_path)], capture_output=True, text=True, check=True, timeout=60
    )
    assert shown.stdout.split() == ["0", "False"]
