"""Libraries that clash, and what gets into an environment from outside."""

from __future__ import annotations

from pathlib import Path

import pytest

from aienv_gui.environments.health.leaks import leaks, user_site
from aienv_gui.environments.health.runtimes import Family, clashes, runtimes
from aienv_gui.environments.records import Environment, Maker, Package

PLATFORMS = ("linux", "darwin", "win32")


def environment(prefix: Path, maker: Maker = Maker.VENV, *packages: str) -> Environment:
    found = tuple(Package(name, "1.0") for name in packages)
    return Environment(prefix, prefix / "bin/python", "e", maker, "3.11.7", found)


def install(prefix: Path, package: str, *files: str) -> None:
    site = prefix / "lib/python3.11/site-packages"
    info = site / f"{package.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    for name in files:
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_bytes(b"\x7fELF")
    (info / "RECORD").write_text("\n".join(f"{name},,4" for name in files))


def said(prefix: Path, variables: dict[str, str], maker: Maker = Maker.VENV, *packages: str) -> list[str]:
    found = leaks(environment(prefix, maker, *packages), variables, prefix / "home")
    assert all(str(cure) for _, cure in found)
    return [str(words) for words, _ in found]


def test_an_ordinary_environment_of_pytorch_and_scikit_learn_is_no_clash(tmp_path: Path) -> None:
    install(tmp_path, "torch", "torch/lib/libgomp.so.1", "torch/lib/libtorch.so")
    install(tmp_path, "scikit-learn", "scikit_learn.libs/libgomp-e985bcbb.so.1.0.0")
    install(tmp_path, "numpy", "numpy.libs/libscipy_openblas64_-32a4b2a6.so")
    install(tmp_path, "scipy", "scipy.libs/libscipy_openblas-6cdc3b4a.so")
    found = runtimes(tmp_path)
    assert [(one.family, one.package) for one in found] == [
        (Family.OPENBLAS, "numpy"),
        (Family.GNU, "scikit-learn"),
        (Family.OPENBLAS, "scipy"),
        (Family.GNU, "torch"),
    ]
    assert [clashes(found, platform) for platform in PLATFORMS] == [(), (), ()]


def test_intel_beside_llvm_is_a_clash_everywhere(tmp_path: Path) -> None:
    install(tmp_path, "intel-openmp", "intel/libiomp5.so")
    install(tmp_path, "faiss-cpu", "faiss_cpu.libs/libomp-1a2b3c4d.so.5")
    for platform in PLATFORMS:
        (clash,) = clashes(runtimes(tmp_path), platform)
        assert (clash.first.package, clash.second.package) == ("intel-openmp", "faiss-cpu")
        assert clash.removable == "intel-openmp"


def test_two_of_intels_are_a_clash_where_they_are_not_shared(tmp_path: Path) -> None:
    install(tmp_path, "torch", "torch/lib/libiomp5md.dll")
    install(tmp_path, "other", "other/libiomp5md.dll")
    found = runtimes(tmp_path)
    assert clashes(found, "linux") == ()
    (clash,) = clashes(found, "win32")
    assert {clash.first.package, clash.second.package} == {"torch", "other"}
    assert clash.removable == ""


def test_two_names_of_one_library_are_no_clash(tmp_path: Path) -> None:
    """conda's llvm-openmp answers to Intel's name too, by a link."""
    install(tmp_path, "llvm-openmp", "lib/libomp.so", "lib/libiomp5.so")
    assert clashes(runtimes(tmp_path)) == ()
    install(tmp_path, "mkl", "mkl/libiomp5.so")
    site = tmp_path / "lib/python3.11/site-packages"
    (site / "mkl/libiomp5.so").unlink()
    (site / "mkl/libiomp5.so").symlink_to("../lib/libomp.so")
    assert clashes(runtimes(tmp_path)) == ()


def test_variables_of_python(tmp_path: Path) -> None:
    assert said(tmp_path, {"CONDA_PREFIX": "/opt/conda", "PATH": "/bin"}) == []
    (words,) = said(tmp_path, {"PYTHONPATH": "/somewhere"})
    assert words.startswith("PYTHONPATH is set on this computer")
    assert len(said(tmp_path, {"PYTHONPATH": "/a", "PYTHONHOME": "/b"})) == 2


@pytest.mark.parametrize("variable", ["LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"])
def test_libraries_that_hide_the_environments_own(tmp_path: Path, variable: str) -> None:
    prefix = tmp_path / "e"
    install(prefix, "nvidia-cuda-runtime", "nvidia/cu13/lib/libcudart.so.13")
    old, harmless, stl = tmp_path / "old", tmp_path / "harmless", tmp_path / "stl"
    for folder, name in ((old, "libcudart.so.13"), (harmless, "libcudart.so.12"), (stl, "libstdc++.so.6")):
        folder.mkdir()
        (folder / name).touch()
    assert said(prefix, {variable: f"{harmless}:/does/not/exist::"}) == []
    (words,) = said(prefix, {variable: f"{harmless}:{old}"})
    assert words == f"{variable} leads to {old}, whose libcudart.so.13 hides the one that is meant."
    assert "libstdc++.so.6" in said(prefix, {variable: str(stl)})[0]
    own = prefix / "lib/python3.11/site-packages/nvidia/cu13/lib"
    assert said(prefix, {variable: str(own)}) == []


def test_the_users_own_packages(tmp_path: Path) -> None:
    folder = user_site("3.11.7", tmp_path / "home")
    (folder / "numpy-1.26.0.dist-info").mkdir(parents=True)
    (tmp_path / "conda-meta").mkdir()
    assert said(tmp_path, {}, Maker.CONDA, "scipy") == []
    (words,) = said(tmp_path, {}, Maker.CONDA, "numpy", "scipy")
    assert words == f"Packages of yours in {folder} take the place of this environment's: numpy."
    (tmp_path / "pyvenv.cfg").write_text("include-system-site-packages = false\n")
    assert said(tmp_path, {}, Maker.VENV, "numpy") == []
    (tmp_path / "pyvenv.cfg").write_text("include-system-site-packages = true\n")
    assert len(said(tmp_path, {}, Maker.VENV, "numpy")) == 1
    assert said(tmp_path, {}, Maker.SYSTEM, "numpy") == []


def test_where_each_system_keeps_the_users_packages() -> None:
    home = Path("/h")
    assert user_site("3.11.7", home, "linux") == Path("/h/.local/lib/python3.11/site-packages")
    assert user_site("3.11.7", home, "darwin") == Path("/h/Library/Python/3.11/lib/python/site-packages")
    assert user_site("3.11.7", home, "win32") == Path("/h/AppData/Roaming/Python/Python311/site-packages")
