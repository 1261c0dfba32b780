"""Looks at an environment from inside: ``<its python> -I probe.py '{"steps": [...]}'``. Standard library only.

With ``"lifeline": true`` it ends as soon as its standard input does: whoever asked is gone then, who would have ended a
step that stands still.

Steps, in the order they are asked for: ``interpreter``, ``import:<module>``, ``accelerator:<framework>``,
``computation:<library>``, ``agree:numpy-<framework>``. Each writes one JSON line to standard output before it begins
and one after it, so that a crash (a truncated library kills the process) or a standstill tells where it was:
``{"step": ..., "event": "begin"}`` and ``{"step": ..., "event": "end", "ok": ..., "seconds": ..., ...}``. What needs a
module that could not be imported is ``skipped``. What libraries print goes to standard error.

It must also run in old interpreters (Python 3.8).
"""
# ruff: noqa: B905, UP032 (Python 3.8 knows no zip(strict=...))

from __future__ import annotations

import importlib
import json
import os
import platform
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


def main() -> int:
    """Do the steps of the first argument."""
    task = json.loads(sys.argv[1])
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


def _write(out: int, line: Answer) -> None:
    data = json.dumps(line).encode("ascii") + b"\n"
    while data:
        data = data[os.write(out, data) :]


def _do(kind: str, subject: str) -> Answer:
    if kind == "interpreter":
        return _interpreter()
    if kind == "import":
        module = importlib.import_module(subject)
        return {"ok": True, "version": str(getattr(module, "__version__", ""))}
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


def _numpy_computation() -> Answer:
    numpy: Any = importlib.import_module("numpy")

    a, b = _matrix(17, 13, 0), _matrix(13, 19, 5)
    product = (numpy.array(a) @ numpy.array(b)).ravel().tolist()
    system = numpy.array([[4.0, 1.0, 0.0], [1.0, 5.0, 2.0], [0.0, 2.0, 6.0]])
    solved = numpy.linalg.solve(system, system @ numpy.array([1.0, -2.0, 3.0])).tolist()
    return {"ok": _near(product, _flat(_product(a, b)), 1e-12) and _near(solved, [1.0, -2.0, 3.0], 1e-9)}


def _torch_on(device: str) -> bool:
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
    picture, kernel = _matrix(6, 6, 3), _matrix(3, 3, 1)
    convolved = torch.nn.functional.conv2d(tensor([[picture]]), tensor([[kernel]])).flatten().tolist()
    by_hand = [
        sum(picture[i + p][j + q] * kernel[p][q] for p in range(3) for q in range(3))
        for i in range(4)
        for j in range(4)
    ]
    return _near(weights.detach().flatten().tolist(), _two_steps(), 1e-4) and _near(convolved, by_hand, 1e-4)


def _torch_computation() -> Answer:
    return {"ok": _torch_on("cpu")}


def _tensorflow_computation() -> Answer:
    tf: Any = importlib.import_module("tensorflow")

    with tf.device("/CPU:0"):
        x, target = tf.constant(_matrix(5, 3, 1)), tf.constant(_matrix(5, 2, 4))
        weights = tf.Variable(_matrix(2, 3, 2))
        speed = tf.zeros_like(weights)
        for _ in range(2):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean((tf.matmul(x, weights, transpose_b=True) - target) ** 2)
            speed = 0.9 * speed + tape.gradient(loss, weights)
            weights.assign_sub(0.1 * speed)
    return {"ok": _near(weights.numpy().ravel().tolist(), _two_steps(), 1e-4)}


def _torch_accelerator() -> Answer:
    torch: Any = importlib.import_module("torch")

    cuda = torch.version.cuda or getattr(torch.version, "hip", None) or ""
    answer: Answer = {"ok": True, "built_for": cuda, "available": False, "devices": []}
    mps = getattr(torch.backends, "mps", None)
    if torch.cuda.is_available():
        count = torch.cuda.device_count()
        answer.update(available=True, devices=[torch.cuda.get_device_name(i) for i in range(count)])
        answer["right"] = all(_torch_on("cuda:{}".format(i)) for i in range(count))
    elif mps is not None and mps.is_available():
        answer.update(built_for="Metal", available=True, devices=["Apple GPU"], right=_torch_on("mps"))
    return answer


def _tensorflow_accelerator() -> Answer:
    tf: Any = importlib.import_module("tensorflow")

    found = tf.config.list_physical_devices("GPU")
    built = "CUDA" if tf.test.is_built_with_cuda() else ""
    names = [str(tf.config.experimental.get_device_details(d).get("device_name", d.name)) for d in found]
    answer: Answer = {"ok": True, "built_for": built, "available": bool(found), "devices": names}
    if found:
        a, b = _matrix(17, 13, 0), _matrix(13, 19, 5)
        with tf.device("/GPU:0"):
            product = tf.matmul(tf.constant(a), tf.constant(b)).numpy().ravel().tolist()
        answer["right"] = _near(product, _flat(_product(a, b)), 1e-2)  # TF32
    return answer


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


_WORK: dict[str, Callable[[], Answer]] = {
    "accelerator:torch": _torch_accelerator,
    "accelerator:tensorflow": _tensorflow_accelerator,
    "computation:numpy": _numpy_computation,
    "computation:torch": _torch_computation,
    "computation:tensorflow": _tensorflow_computation,
    "agree:numpy-torch": _numpy_torch_agree,
    "agree:numpy-tensorflow": _numpy_tensorflow_agree,
}

if __name__ == "__main__":
    sys.exit(main())
