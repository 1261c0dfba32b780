"""What an environment is good for, told from package names; and the room it takes."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from aienv_gui.core.errors import Cancelled
from aienv_gui.core.tasks import Silent
from aienv_gui.core.wording import verbatim
from aienv_gui.environments.contents.disk_use import measure, measure_together
from aienv_gui.environments.health.frameworks import accelerator_of, frameworks_of, lacks_cuda, overall
from aienv_gui.environments.records import Environment, Maker, Package, Verdict, VerdictState


def environment_with(*packages: str) -> Environment:
    found = tuple(Package(*package.split("==")) for package in packages)
    return Environment(Path("/e"), Path("/e/bin/python"), "e", Maker.VENV, "3.11.7", found)


@pytest.mark.parametrize(
    ("packages", "accelerator"),
    [
        (("torch==2.13.0+cpu",), "CPU only"),
        (("torch==2.13.0+cu126",), "CUDA 12.6"),
        (("torch==2.13.0+rocm6.4",), "ROCm 6.4"),
        (("torch==2.13.0+xpu",), "Intel XPU"),
        (("torch==2.5.0a0+nv24.10",), "CUDA"),
        (("torch==1.12.1+cpu",), "CPU only"),
        (("torch==2.15.0", "nvidia-cuda-runtime==13.0.96"), "CUDA 13.0"),
        (("torch==2.8.0", "nvidia-cuda-runtime-cu12==12.8.90"), "CUDA 12.8"),
        (("pytorch==2.8.0", "cuda-version==12.9"), "CUDA 12.9"),
        (("tensorflow-cpu==2.20",), "CPU only"),
        (("numpy==2.1", "nvidia-ml-py==13.0"), None),
    ],
)
def test_the_build_is_told_from_the_packages(packages: tuple[str, ...], accelerator: str | None) -> None:
    found = accelerator_of(environment_with(*packages))
    assert (str(found) if found is not None else None) == accelerator


@pytest.mark.parametrize(
    ("platform", "packages", "accelerator"),
    [
        ("linux", ("torch==1.12.1",), "CUDA"),  # held CUDA without saying so
        ("win32", ("torch==1.12.1",), "CPU only"),
        ("linux", ("torch==2.13.0",), "CPU only"),
        ("darwin", ("torch==2.13.0",), "CPU and Apple GPU"),
        ("darwin", ("pytorch==2.13.0",), "CPU and Apple GPU"),
        ("darwin", ("tensorflow==2.20",), "CPU only"),
    ],
)
def test_a_build_that_says_nothing_depends_on_the_system(
    platform: str, packages: tuple[str, ...], accelerator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aienv_gui.environments.health.frameworks.sys.platform", platform)
    assert str(accelerator_of(environment_with(*packages))) == accelerator


@pytest.mark.parametrize(
    ("packages", "lacks"),
    [
        (("torch==2.13.0+cpu",), True),
        (("torch==2.13.0",), True),
        (("torch==2.13.0+rocm6.4",), True),
        (("torch==2.13.0+xpu",), True),
        (("torch==2.13.0+cu126",), False),
        (("torch==2.15.0", "nvidia-cuda-runtime==13.0.96"), False),
        (("pytorch==2.8.0", "cuda-version==12.9"), False),
        (("torch==1.12.1",), False),  # held CUDA without saying so
        (("torch==2.5.0a0+nv24.10",), False),  # a builder's own version tells nothing
    ],
)
def test_a_build_for_the_processor_is_known_where_its_version_tells(packages: tuple[str, ...], lacks: bool) -> None:
    assert lacks_cuda(environment_with(*packages)) is lacks


def test_a_framework_has_one_name_whoever_packed_it() -> None:
    names = [f"{f.name} {f.version}" for f in frameworks_of(environment_with("pytorch==2.8", "torch==2.9.0+cpu"))]
    assert names == ["PyTorch 2.9.0"]


def test_the_worst_verdict_counts_and_what_was_skipped_does_not() -> None:
    def verdict(state: VerdictState) -> Verdict:
        return Verdict(state.value, verbatim(state), state)

    environment = environment_with()
    assert overall(environment) is None
    assert overall(replace(environment, health=(verdict(VerdictState.SKIPPED),))) is None
    passed = (verdict(VerdictState.PASSED), verdict(VerdictState.SKIPPED))
    assert overall(replace(environment, health=passed)) is VerdictState.PASSED
    warned = (*passed, verdict(VerdictState.WARNING))
    assert overall(replace(environment, health=warned)) is VerdictState.WARNING
    assert overall(replace(environment, health=(*warned, verdict(VerdictState.FAILED)))) is VerdictState.FAILED
    assert overall(replace(environment, health=passed, broken=verbatim("gone"))) is VerdictState.FAILED


def test_shared_files_are_told_from_own_ones(tmp_path: Path) -> None:
    folder, cache = tmp_path / "environment", tmp_path / "cache"
    (folder / "deep" / "er").mkdir(parents=True)
    cache.mkdir()
    (folder / "own").write_bytes(b"x" * 1000)
    (cache / "shared").write_bytes(b"x" * 500)
    os.link(cache / "shared", folder / "deep" / "shared")
    (folder / "twice").write_bytes(b"x" * 300)
    os.link(folder / "twice", folder / "deep" / "er" / "again")  # both names lie inside: counted once, and its own
    use = measure(folder, Silent())
    assert (use.total_bytes, use.shared_bytes, use.own_bytes) == (1800, 500, 1300)


def test_what_only_an_environment_and_its_snapshot_share_is_freed_with_both(tmp_path: Path) -> None:
    environment, snapshot, cache = tmp_path / "environment", tmp_path / "snapshot", tmp_path / "cache"
    for folder in (environment, snapshot, cache):
        folder.mkdir()
    (environment / "between").write_bytes(b"x" * 700)
    os.link(environment / "between", snapshot / "between")
    (cache / "everywhere").write_bytes(b"x" * 50)
    for folder in (environment, snapshot):
        os.link(cache / "everywhere", folder / "everywhere")
    assert measure(environment, Silent()).own_bytes == measure(snapshot, Silent()).own_bytes == 0
    both = measure_together((environment, snapshot), Silent())
    assert (both.total_bytes, both.own_bytes) == (750, 700)


def test_a_folder_that_is_gone_takes_no_room(tmp_path: Path) -> None:
    assert measure(tmp_path / "gone", Silent()).total_bytes == 0


def test_measuring_can_be_cancelled(tmp_path: Path) -> None:
    class Cancelling(Silent):
        @property
        def cancelled(self) -> bool:
            return True

    with pytest.raises(Cancelled):
        measure(tmp_path, Cancelling())
