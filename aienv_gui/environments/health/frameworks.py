"""What an environment is good for, told from its package list: frameworks, and the build they run on."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from typing import Final

from aienv_gui.core.wording import Text, tr, verbatim
from aienv_gui.environments.records import Environment, Verdict, VerdictState

_NAMES: Final = {  # normalised package -> what people call it; conda calls PyTorch "pytorch"
    "torch": "PyTorch",
    "pytorch": "PyTorch",
    "tensorflow": "TensorFlow",
    "tensorflow-cpu": "TensorFlow",
    "keras": "Keras",
    "jax": "JAX",
    "transformers": "Transformers",
    "scikit-learn": "scikit-learn",
    "jupyterlab": "JupyterLab",
}
LIBRARIES: Final = {  # module -> what people call it, of those that are proved to calculate
    "numpy": "NumPy",
    "sklearn": "scikit-learn",
    "torch": "PyTorch",
    "tensorflow": "TensorFlow",
    "keras": "Keras",
    "jax": "JAX",
    "onnxruntime": "ONNX Runtime",
}
_ACCELERATED: Final = {"torch", "pytorch", "tensorflow", "tensorflow-cpu", "jax"}
_CUDA_PACKAGES: Final = ("nvidia-cuda-runtime", "cuda-version", "cudatoolkit", "pytorch-cuda", "cuda-toolkit")


_HELD_CUDA: Final = ("0.", "1.")  # PyTorch before 2.0 brought CUDA in its own package


@dataclass(frozen=True, slots=True)
class Framework:
    """A framework that is installed."""

    name: str
    version: str  # without the build's local part


def frameworks_of(environment: Environment) -> tuple[Framework, ...]:
    """The frameworks in an environment, the most telling first."""
    found: dict[str, Framework] = {}
    versions = {package.name: package.version for package in environment.packages}
    for package, name in _NAMES.items():
        if package in versions and name not in found:
            found[name] = Framework(name, versions[package].partition("+")[0])
    return tuple(found.values())


def accelerator_of(environment: Environment) -> Text | None:
    """The build its frameworks were made for; None where it holds none that calculates on a graphics card."""
    versions = {package.name: package.version for package in environment.packages}
    present = _ACCELERATED & versions.keys()
    if not present:
        return None
    for package in present:
        local = versions[package].partition("+")[2]
        if local.startswith("cpu"):
            return tr("CPU only")
        cuda = re.match(r"cu(\d+)(\d)$", local)
        if cuda is not None:
            return verbatim(f"CUDA {cuda[1]}.{cuda[2]}")
        if local.startswith("rocm"):
            return verbatim(f"ROCm {local[4:]}")
        if local.startswith("nv"):  # NVIDIA's own builds: nv24.10
            return verbatim("CUDA")
        if local.startswith("xpu"):
            return verbatim("Intel XPU")
    for name, version in versions.items():
        if name.startswith(_CUDA_PACKAGES):
            number = re.match(r"\d+(\.\d+)?", version)
            return verbatim(f"CUDA {number[0]}") if number else verbatim("CUDA")
    torch = versions.get("torch", "")
    if sys.platform == "darwin" and present & {"torch", "pytorch"}:
        return tr("CPU and Apple GPU")  # every build for Macs has both
    if sys.platform == "linux" and torch.startswith(_HELD_CUDA) and "+" not in torch:
        return verbatim("CUDA")
    return tr("CPU only")


def lacks_cuda(environment: Environment) -> bool:
    """Whether its PyTorch cannot use an NVIDIA card. Silent where its version does not tell how it was built."""
    version = environment.version_of("torch") or environment.version_of("pytorch") or ""
    local = version.partition("+")[2]
    if local:
        return local.startswith(("cpu", "rocm", "xpu"))
    beside = any(package.name.startswith(_CUDA_PACKAGES) for package in environment.packages)
    return not beside and not version.startswith(_HELD_CUDA)


def overall(environment: Environment) -> VerdictState | None:
    """The worst verdict of the last validation; None where it was never validated, or could not be."""
    if environment.broken is not None:
        return VerdictState.FAILED
    return worst(environment.health)


def worst(verdicts: tuple[Verdict, ...]) -> VerdictState | None:
    """The worst of some verdicts; what was skipped counts for nothing."""
    states = {verdict.state for verdict in verdicts}
    for state in (VerdictState.FAILED, VerdictState.WARNING, VerdictState.PASSED):
        if state in states:
            return state
    return None
