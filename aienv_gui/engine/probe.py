"""Looks at an environment from inside: ``<its python> -I probe.py '{"steps": [...]}'``. Standard library only.

With ``"lifeline": true`` it ends as soon as its standard input does: whoever asked is gone then, who would have ended a
step that stands still.

Steps, in the order they are asked for: ``interpreter``, ``import:<module>``, ``accelerator:<library>`` (a small
training on each graphics card, held against the processor's), ``computation:<library>`` (the same on the processor,
held against Python's own floats), ``agree:numpy-<framework>``. Each writes one JSON line to standard output before it
begins and one after it, so that a crash (a truncated library kills the process) or a standstill tells where it was:
``{"step": ..., "event": "begin"}`` and ``{"step": ..., "event": "end", "ok": ..., "seconds": ..., ...}``. What needs a
module that could not be imported is ``skipped``. What libraries print goes to standard error.

It must also run in old interpreters (Python 3.7).
"""
# ruff: noqa: B905, UP032 (Python 3.7 knows no zip(strict=...))

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import json
import os
import platform
import re
import struct
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Answer = dict[str, Any]
    Matrix = list[list[float]]
    Capability = tuple[int, int]

VERSION = 2  # of what is checked; kept with the verdicts
# Before a library reads them: none takes a whole card's memory from the next one, or from a training that runs.
_MODEST = {"TF_FORCE_GPU_ALLOW_GROWTH": "true", "XLA_PYTHON_CLIENT_PREALLOCATE": "false"}


def main() -> int:
    """Do the steps of the first argument."""
    task = json.loads(sys.argv[1])
    for name, value in _MODEST.items():
        os.environ.setdefault(name, value)
    if task.get("lifeline"):
        lifeline = os.dup(0)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # a library that reads does not wait for words that never come
        threading.Thread(target=_end_with_who_asked, args=(lifeline,), daemon=True).start()
    out = os.dup(1)
    os.dup2(2, 1)  # a library that prints does not get between the lines
    failed: set[str] = set()
    for step in task["steps"]:
        _write(out, {"step": step, "event": "begin"})
        began = time.perf_counter()
        kind, _, subject = step.partition(":")
        try:
            if kind != "import" and failed & set(subject.split("-")):
                answer: Answer = {"ok": False, "skipped": True}
            else:
                answer = _do(kind, subject)
        except BaseException as error:  # an import may call sys.exit
            answer = _failure(error)
        if kind == "import" and not answer["ok"]:
            failed.add(subject)
        _write(out, {"step": step, "event": "end", "seconds": round(time.perf_counter() - began, 4), **answer})
    return 0


def _end_with_who_asked(lifeline: int) -> None:
    while os.read(lifeline, 1):
        pass
    os._exit(3)


def _let_keras_run() -> str:
    """Keras runs on TensorFlow unless told otherwise; where what it is told is not installed, name what is."""
    told = os.environ.get("KERAS_BACKEND", "")
    if not told:
        try:  # Keras writes this file at its first start
            told = json.loads((Path.home() / ".keras" / "keras.json").read_text(encoding="utf-8"))["backend"]
        except (OSError, ValueError, KeyError, TypeError):
            told = "tensorflow"
    if importlib.util.find_spec(told) is not None:
        return ""
    found = next((name for name in ("torch", "jax", "tensorflow") if importlib.util.find_spec(name)), "")
    if found:
        os.environ["KERAS_BACKEND"] = found
    return found


def _write(out: int, line: Answer) -> None:
    data = json.dumps(line).encode("ascii") + b"\n"
    while data:
        data = data[os.write(out, data) :]


def _do(kind: str, subject: str) -> Answer:
    if kind == "interpreter":
        return _interpreter()
    if kind == "import":
        instead = _let_keras_run() if subject == "keras" else ""
        module = importlib.import_module(subject)
        return {"ok": True, "version": str(getattr(module, "__version__", "")), "instead": instead}
    return _WORK[f"{kind}:{subject}"]()


def _failure(error: BaseException) -> Answer:
    lines = traceback.format_exception(type(error), error, error.__traceback__)
    return {
        "ok": False,
        "error": type(error).__name__,
        "message": str(error)[:2000],
        "missing": getattr(error, "name", None) or "" if isinstance(error, ModuleNotFoundError) else "",
        "traceback": "".join(lines)[-4000:],
    }


def _interpreter() -> Answer:
    """Who the interpreter is, and what PEP 508 markers are true in it."""
    version = "{}.{}.{}".format(*sys.version_info[:3])
    return {
        "ok": True,
        "probe": VERSION,
        "prefix": sys.prefix,
        "base_prefix": sys.base_prefix,
        "executable": sys.executable,
        "path": [entry for entry in sys.path if Path(entry).is_dir()],
        "markers": {
            "implementation_name": sys.implementation.name,
            "implementation_version": "{}.{}.{}".format(*sys.implementation.version[:3]),
            "os_name": os.name,
            "platform_machine": platform.machine(),
            "platform_python_implementation": platform.python_implementation(),
            "platform_release": platform.release(),
            "platform_system": platform.system(),
            "platform_version": platform.version(),
            "python_full_version": version,
            "python_version": "{}.{}".format(*sys.version_info[:2]),
            "sys_platform": sys.platform,
        },
    }


# What follows calculates the same thing twice: with a library, and with nothing but Python's own floats.


def _near(found: list[float], expected: list[float], tolerance: float) -> bool:
    return len(found) == len(expected) and all(
        abs(a - b) <= tolerance * max(1.0, abs(b)) for a, b in zip(found, expected)
    )


def _matrix(rows: int, columns: int, shift: int) -> Matrix:
    return [[((i * 7 + j * 3 + shift) % 11 - 5) / 4 for j in range(columns)] for i in range(rows)]


def _product(a: Matrix, b: Matrix) -> Matrix:
    return [[sum(x * y for x, y in zip(row, column)) for column in zip(*b)] for row in a]


def _transposed(matrix: Matrix) -> Matrix:
    return [list(column) for column in zip(*matrix)]


def _flat(matrix: Matrix) -> list[float]:
    return [value for row in matrix for value in row]


def _two_steps() -> list[float]:
    """Weights of a linear layer after two steps of gradient descent with momentum on the mean squared error."""
    x, target, weights = _matrix(5, 3, 1), _matrix(5, 2, 4), _matrix(2, 3, 2)
    speed = [[0.0] * 3 for _ in range(2)]
    for _ in range(2):
        error = [[sum(w * v for w, v in zip(weights[k], x[n])) - target[n][k] for k in range(2)] for n in range(5)]
        for k in range(2):
            for j in range(3):
                gradient = sum(2 * error[n][k] * x[n][j] for n in range(5)) / 10
                speed[k][j] = 0.9 * speed[k][j] + gradient
                weights[k][j] -= 0.1 * speed[k][j]
    return _flat(weights)


def _convolved() -> list[float]:
    picture, kernel = _matrix(6, 6, 3), _matrix(3, 3, 1)
    return [
        sum(picture[i + p][j + q] * kernel[p][q] for p in range(3) for q in range(3))
        for i in range(4)
        for j in range(4)
    ]


def _numpy_computation() -> Answer:
    numpy: Any = importlib.import_module("numpy")

    a, b = _matrix(17, 13, 0), _matrix(13, 19, 5)
    product = (numpy.array(a) @ numpy.array(b)).ravel().tolist()
    system = numpy.array([[4.0, 1.0, 0.0], [1.0, 5.0, 2.0], [0.0, 2.0, 6.0]])
    solved = numpy.linalg.solve(system, system @ numpy.array([1.0, -2.0, 3.0])).tolist()
    return {"ok": _near(product, _flat(_product(a, b)), 1e-12) and _near(solved, [1.0, -2.0, 3.0], 1e-9)}


def _sklearn_computation() -> Answer:
    """A line through points on it, and two heaps of points (which calculates in threads) with known centres."""
    numpy: Any = importlib.import_module("numpy")
    linear: Any = importlib.import_module("sklearn.linear_model")
    cluster: Any = importlib.import_module("sklearn.cluster")

    x = numpy.array(_matrix(9, 3, 2))
    fitted = linear.LinearRegression().fit(x, x @ numpy.array([1.0, -2.0, 3.0]) + 0.5)
    heaps = numpy.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [10.0, 10.0], [10.0, 11.0], [11.0, 10.0]] * 50)
    centres = cluster.KMeans(n_clusters=2, n_init=1, random_state=0).fit(heaps).cluster_centers_.tolist()
    expected = [1 / 3, 1 / 3, 31 / 3, 31 / 3]
    return {
        "ok": _near([*fitted.coef_.tolist(), float(fitted.intercept_)], [1.0, -2.0, 3.0, 0.5], 1e-9)
        and _near(_flat(sorted(centres)), expected, 1e-9)
    }


# Forward, backward and the optimiser's steps in each framework, on a device of its own name for it.


def _torch_values(device: str) -> list[float]:
    torch: Any = importlib.import_module("torch")

    def tensor(values: Any) -> Any:
        return torch.tensor(values, dtype=torch.float32, device=device)

    x, target = tensor(_matrix(5, 3, 1)), tensor(_matrix(5, 2, 4))
    weights = tensor(_matrix(2, 3, 2)).requires_grad_()
    optimiser = torch.optim.SGD([weights], lr=0.1, momentum=0.9)
    for _ in range(2):
        optimiser.zero_grad()
        torch.nn.functional.mse_loss(torch.nn.functional.linear(x, weights), target).backward()
        optimiser.step()
    picture, kernel = tensor([[_matrix(6, 6, 3)]]), tensor([[_matrix(3, 3, 1)]])
    convolved = torch.nn.functional.conv2d(picture, kernel)
    return [float(value) for part in (weights.detach(), convolved) for value in part.flatten().tolist()]


def _tensorflow_values(device: str) -> list[float]:
    tf: Any = importlib.import_module("tensorflow")

    with tf.device(device):
        x, target = tf.constant(_matrix(5, 3, 1)), tf.constant(_matrix(5, 2, 4))
        weights = tf.Variable(_matrix(2, 3, 2))
        speed = tf.zeros_like(weights)
        for _ in range(2):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean((tf.matmul(x, weights, transpose_b=True) - target) ** 2)
            speed = 0.9 * speed + tape.gradient(loss, weights)
            weights.assign_sub(0.1 * speed)
        picture = tf.reshape(tf.constant(_matrix(6, 6, 3)), (1, 6, 6, 1))
        kernel = tf.reshape(tf.constant(_matrix(3, 3, 1)), (3, 3, 1, 1))
        convolved = tf.nn.conv2d(picture, kernel, strides=1, padding="VALID")
    return [float(value) for part in (weights, convolved) for value in part.numpy().ravel().tolist()]


def _keras_values(device: str) -> list[float]:
    """A layer trained by Keras' own loop, with whichever framework Keras runs on."""
    numpy: Any = importlib.import_module("numpy")
    keras: Any = importlib.import_module("keras")

    scope = keras.device if hasattr(keras, "device") else importlib.import_module("tensorflow").device  # Keras 2
    with scope(device):
        layer = keras.layers.Dense(2, use_bias=False)
        model = keras.Sequential([keras.layers.InputLayer((3,)), layer])
        layer.set_weights([numpy.array(_transposed(_matrix(2, 3, 2)), dtype="float32")])
        model.compile(optimizer=keras.optimizers.SGD(learning_rate=0.1, momentum=0.9), loss="mse")
        x = numpy.array(_matrix(5, 3, 1), dtype="float32")
        target = numpy.array(_matrix(5, 2, 4), dtype="float32")
        model.fit(x, target, batch_size=5, epochs=2, shuffle=False, verbose=0)
        return _flat(_transposed(layer.get_weights()[0].astype(float).tolist()))


def _jax_values(device: Any) -> list[float]:
    jax: Any = importlib.import_module("jax")
    np: Any = importlib.import_module("jax.numpy")

    with jax.default_device(device):
        x, target = np.array(_matrix(5, 3, 1)), np.array(_matrix(5, 2, 4))
        weights = np.array(_matrix(2, 3, 2))
        speed = np.zeros_like(weights)
        gradient = jax.jit(jax.grad(lambda w: np.mean((x @ w.T - target) ** 2)))
        for _ in range(2):
            speed = 0.9 * speed + gradient(weights)
            weights = weights - 0.1 * speed
        return [float(value) for value in weights.ravel().tolist()]


def _onnx_model() -> bytes:
    """max(x W + b, 0) as an ONNX file, written by hand: field numbers are those of onnx.proto."""

    def number(value: int) -> bytes:
        out = b""
        while value > 127:
            out += bytes([value & 127 | 128])
            value >>= 7
        return out + bytes([value])

    def part(field: int, content: Any) -> bytes:
        if isinstance(content, int):
            return number(field << 3) + number(content)
        data = content.encode() if isinstance(content, str) else content
        return number(field << 3 | 2) + number(len(data)) + bytes(data)

    def node(kind: str, inputs: list[str], output: str) -> bytes:
        return part(1, b"".join(part(1, name) for name in inputs) + part(2, output) + part(4, kind))

    def weights(name: str, shape: list[int], values: list[float]) -> bytes:
        raw = struct.pack("<{}f".format(len(values)), *values)
        return part(5, b"".join(part(1, size) for size in shape) + part(2, 1) + part(8, name) + part(9, raw))

    def value(field: int, name: str, shape: list[int]) -> bytes:
        sizes = b"".join(part(1, part(1, size)) for size in shape)
        return part(field, part(1, name) + part(2, part(1, part(1, 1) + part(2, sizes))))

    graph = node("MatMul", ["x", "w"], "xw") + node("Add", ["xw", "b"], "sum") + node("Relu", ["sum"], "y")
    graph += part(2, "probe")
    graph += weights("w", [3, 2], _flat(_matrix(3, 2, 2))) + weights("b", [2], [0.5, -0.25])
    graph += value(11, "x", [5, 3]) + value(12, "y", [5, 2])
    return part(1, 8) + part(7, graph) + part(8, part(2, 13))


def _onnx_expected() -> list[float]:
    product = _product(_matrix(5, 3, 1), _matrix(3, 2, 2))
    return [max(0.0, value + bias) for row in product for value, bias in zip(row, (0.5, -0.25))]


def _onnx_values(provider: Any) -> list[float]:
    numpy: Any = importlib.import_module("numpy")
    onnxruntime: Any = importlib.import_module("onnxruntime")

    session = onnxruntime.InferenceSession(_onnx_model(), providers=[provider])
    wanted = provider if isinstance(provider, str) else provider[0]
    if session.get_providers()[0] != wanted:  # it goes on with the processor, with a remark at most
        raise RuntimeError("{} could not be used".format(wanted))
    (found,) = session.run(None, {"x": numpy.array(_matrix(5, 3, 1), dtype="float32")})
    return [float(value) for value in found.ravel().tolist()]


def _torch_computation() -> Answer:
    return {"ok": _near(_torch_values("cpu"), [*_two_steps(), *_convolved()], 1e-4)}


def _tensorflow_computation() -> Answer:
    return {"ok": _near(_tensorflow_values("/CPU:0"), [*_two_steps(), *_convolved()], 1e-4)}


def _keras_backend() -> str:
    keras: Any = importlib.import_module("keras")
    return str(keras.backend.backend()) if hasattr(keras.backend, "backend") else "tensorflow"


def _keras_computation() -> Answer:
    name = _keras_backend()
    return {"ok": _near(_keras_values("/CPU:0" if name == "tensorflow" else "cpu"), _two_steps(), 1e-4), "on": name}


def _jax_computation() -> Answer:
    jax: Any = importlib.import_module("jax")
    return {"ok": _near(_jax_values(jax.devices("cpu")[0]), _two_steps(), 1e-4)}


def _onnxruntime_computation() -> Answer:
    return {"ok": _near(_onnx_values("CPUExecutionProvider"), _onnx_expected(), 1e-5)}


# The graphics cards: each calculates what the processor does.

_RIGHT, _WRONG, _FAILED, _NO_CODE = "right", "wrong", "failed", "no_code"
_CARD_TOLERANCE = 1e-2  # newer cards multiply with fewer digits (TF32) unless told otherwise


def _has_code(built: list[str], capability: Capability) -> bool:
    """Whether a build for these architectures (``sm_86``, ``compute_90``) runs on a card; True where none is told."""
    major, minor = capability
    for name in built:
        match = re.match(r"(sm|compute)_(\d+)(\d)([af]?)$", name)
        if match is None:
            return True
        kind, own = match.group(1), (int(match.group(2)), int(match.group(3)))
        exact = match.group(4) == "a"
        if own == capability or (kind == "compute" and own <= capability and not exact):
            return True
        if kind == "sm" and own[0] == major and own[1] <= minor and not exact:
            return True
    return not built


def _on_card(name: str, values: Callable[[Any], list[float]], place: Any, expected: list[float]) -> Answer:
    """What one card made of the calculation, and how long it took."""
    began = time.perf_counter()
    card: Answer = {"name": name}
    try:
        card["state"] = _RIGHT if _near(values(place), expected, _CARD_TOLERANCE) else _WRONG
    except Exception as error:
        failure = _failure(error)
        card.update(state=_FAILED, error=failure["error"], message=failure["message"])
    card["seconds"] = round(time.perf_counter() - began, 3)
    return card


def _seen(kind: str, built_for: str, cards: list[Answer]) -> Answer:
    return {"ok": True, "kind": kind, "built_for": built_for, "available": bool(cards), "devices": cards}


def _torch_accelerator() -> Answer:
    torch: Any = importlib.import_module("torch")

    hip = getattr(torch.version, "hip", None)
    xpu, mps = getattr(torch, "xpu", None), getattr(torch.backends, "mps", None)
    intel = str(getattr(torch.version, "xpu", None) or "")
    cards: list[Answer] = []
    if torch.cuda.is_available():
        expected = _torch_values("cpu")
        built = [] if hip else [str(name) for name in torch.cuda.get_arch_list()]
        for index in range(torch.cuda.device_count()):
            name = str(torch.cuda.get_device_name(index))
            answer: Answer = {}
            if not hip:
                capability = tuple(torch.cuda.get_device_capability(index))
                answer = {"capability": list(capability), "built": built}
                if not _has_code(built, (capability[0], capability[1])):  # before a kernel fails
                    cards.append({"name": name, "state": _NO_CODE, "seconds": 0.0, **answer})
                    continue
            cards.append({**answer, **_on_card(name, _torch_values, "cuda:{}".format(index), expected)})
    elif xpu is not None and xpu.is_available():
        expected = _torch_values("cpu")
        for index in range(xpu.device_count()):
            name = str(xpu.get_device_name(index))
            cards.append(_on_card(name, _torch_values, "xpu:{}".format(index), expected))
        return _seen("xpu", intel or "XPU", cards)
    elif mps is not None and mps.is_available():
        return _seen("metal", "Metal", [_on_card("Apple GPU", _torch_values, "mps", _torch_values("cpu"))])
    kind = "rocm" if hip else "xpu" if intel else "cuda"
    return _seen(kind, str(torch.version.cuda or hip or intel or ""), cards)


def _tensorflow_accelerator() -> Answer:
    tf: Any = importlib.import_module("tensorflow")

    found = tf.config.list_physical_devices("GPU")
    rocm = bool(getattr(tf.test, "is_built_with_rocm", lambda: False)())
    built_for = "ROCm" if rocm else "CUDA" if tf.test.is_built_with_cuda() else ""
    expected = _tensorflow_values("/CPU:0") if found else []
    cards: list[Answer] = []
    for index, device in enumerate(found):
        details = tf.config.experimental.get_device_details(device)
        name = str(details.get("device_name", device.name))
        cards.append(_on_card(name, _tensorflow_values, "/GPU:{}".format(index), expected))
    return _seen("rocm" if rocm else "cuda", built_for, cards)


def _keras_accelerator() -> Answer:
    """Keras sees what its framework sees."""
    backend = _keras_backend()
    below = _ACCELERATORS.get(backend)
    if below is None:
        return _seen("cuda", "", [])
    seen = below()
    if seen["kind"] == "metal":
        return _seen("metal", "", [])  # Keras trains on the processor there
    right = [index for index, card in enumerate(seen["devices"]) if card["state"] == _RIGHT]  # the rest is told there
    expected = _keras_values("/CPU:0" if backend == "tensorflow" else "cpu") if right else []
    place = "/GPU:{}" if backend == "tensorflow" else "gpu:{}"
    cards = [_on_card(seen["devices"][index]["name"], _keras_values, place.format(index), expected) for index in right]
    return _seen(seen["kind"], seen["built_for"], cards)


def _jax_accelerator() -> Answer:
    jax: Any = importlib.import_module("jax")

    plugins = ["jax_cuda{}_plugin".format(number) for number in (12, 13, 14)]
    cuda = any(importlib.util.find_spec(name) for name in plugins)
    rocm = any(importlib.util.find_spec("jax_rocm{}_plugin".format(number)) for number in (60, 7))
    try:
        found = jax.devices("gpu")
    except RuntimeError:
        found = []
    expected = _jax_values(jax.devices("cpu")[0]) if found else []
    cards = [_on_card(str(device.device_kind), _jax_values, device, expected) for device in found]
    return _seen("rocm" if rocm else "cuda", "CUDA" if cuda else "ROCm" if rocm else "", cards)


def _onnxruntime_accelerator() -> Answer:
    onnxruntime: Any = importlib.import_module("onnxruntime")

    kinds = {"CUDAExecutionProvider": "cuda", "ROCMExecutionProvider": "rocm", "MIGraphXExecutionProvider": "rocm"}
    offered = [name for name in onnxruntime.get_available_providers() if name in kinds]
    if not offered:
        return _seen("cuda", "", [])
    provider = offered[0]
    names = _cuda_cards() if kinds[provider] == "cuda" else ["AMD GPU"]
    expected = _onnx_values("CPUExecutionProvider") if names else []
    cards = [
        _on_card(name, _onnx_values, (provider, {"device_id": str(index)}), expected)
        for index, name in enumerate(names)
    ]
    return _seen(kinds[provider], "ROCm" if kinds[provider] == "rocm" else "CUDA", cards)


def _cuda_cards() -> list[str]:
    """The names of the cards that NVIDIA's driver shows to programs, asked of the driver itself."""
    try:
        driver: Any = ctypes.CDLL("nvcuda.dll" if os.name == "nt" else "libcuda.so.1")
        count, name = ctypes.c_int(0), ctypes.create_string_buffer(256)
        if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
            return []
        names: list[str] = []
        for index in range(count.value):
            device = ctypes.c_int(0)
            driver.cuDeviceGet(ctypes.byref(device), index)
            driver.cuDeviceGetName(name, len(name), device)
            names.append(name.value.decode("utf-8", "replace"))
        return names
    except (OSError, AttributeError):
        return []


def _numpy_torch_agree() -> Answer:
    numpy: Any = importlib.import_module("numpy")
    torch: Any = importlib.import_module("torch")

    a = numpy.array(_matrix(48, 64, 0), dtype=numpy.float32)
    b = numpy.array(_matrix(64, 32, 5), dtype=numpy.float32)
    shared = torch.from_numpy(a)  # fails where torch was built for another major version of numpy
    theirs = (shared @ torch.from_numpy(b)).numpy()
    sums = [float(shared.double().sum()), float(torch.exp(shared).double().mean())]
    expected = [float(a.astype(float).sum()), float(numpy.exp(a).astype(float).mean())]
    return {"ok": _near(theirs.ravel().tolist(), (a @ b).ravel().tolist(), 1e-4) and _near(sums, expected, 1e-5)}


def _numpy_tensorflow_agree() -> Answer:
    numpy: Any = importlib.import_module("numpy")
    tf: Any = importlib.import_module("tensorflow")
    a = numpy.array(_matrix(48, 64, 0), dtype=numpy.float32)
    b = numpy.array(_matrix(64, 32, 5), dtype=numpy.float32)
    with tf.device("/CPU:0"):
        theirs = tf.matmul(tf.constant(a), tf.constant(b)).numpy()
        mean = [float(tf.reduce_mean(tf.exp(tf.constant(a))))]
    expected = [float(numpy.exp(a).astype(float).mean())]
    return {"ok": _near(theirs.ravel().tolist(), (a @ b).ravel().tolist(), 1e-4) and _near(mean, expected, 1e-5)}


_ACCELERATORS: dict[str, Callable[[], Answer]] = {
    "torch": _torch_accelerator,
    "tensorflow": _tensorflow_accelerator,
    "jax": _jax_accelerator,
    "onnxruntime": _onnxruntime_accelerator,
}
_WORK: dict[str, Callable[[], Answer]] = {
    **{"accelerator:" + name: function for name, function in _ACCELERATORS.items()},
    "accelerator:keras": _keras_accelerator,
    "computation:numpy": _numpy_computation,
    "computation:sklearn": _sklearn_computation,
    "computation:torch": _torch_computation,
    "computation:tensorflow": _tensorflow_computation,
    "computation:keras": _keras_computation,
    "computation:jax": _jax_computation,
    "computation:onnxruntime": _onnxruntime_computation,
    "agree:numpy-torch": _numpy_torch_agree,
    "agree:numpy-tensorflow": _numpy_tensorflow_agree,
}

if __name__ == "__main__":
    sys.exit(main())
