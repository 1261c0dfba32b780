"""A stand-in for ONNX Runtime: reads a model of three operators by the rules of the format and calculates with numpy.

``ONNX_PROVIDERS`` names what it offers, ``ONNX_CARDS`` on how many cards its CUDA works; on the others it goes on with
the processor in silence, as the real one does.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy

__version__ = "1.0-stand-in"


def get_available_providers() -> list[str]:
    return os.environ.get("ONNX_PROVIDERS", "CPUExecutionProvider").split()


def _fields(data: bytes) -> list[tuple[int, Any]]:
    """The fields of a message: number, and a whole number or bytes."""
    found: list[tuple[int, Any]] = []
    at = 0

    def number() -> int:
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        key = number()
        if key & 7 == 0:
            found.append((key >> 3, number()))
        else:
            assert key & 7 == 2, "the probe's model has numbers and bytes only"
            length = number()
            assert at + length <= len(data), "cut short"
            found.append((key >> 3, data[at : at + length]))
            at += length
    return found


def _all(fields: list[tuple[int, Any]], number: int) -> list[Any]:
    return [value for key, value in fields if key == number]


class InferenceSession:
    def __init__(self, model: bytes, providers: list[Any]) -> None:
        whole = _fields(model)
        assert _all(whole, 1) == [8]
        assert _all(_fields(_all(whole, 8)[0]), 2) == [13]
        graph = _fields(_all(whole, 7)[0])
        self._nodes = [_fields(node) for node in _all(graph, 1)]
        self._weights = {}
        for tensor in (_fields(raw) for raw in _all(graph, 5)):
            assert _all(tensor, 2) == [1]  # float
            values = numpy.frombuffer(_all(tensor, 9)[0], dtype="<f4").reshape(_all(tensor, 1))
            self._weights[_all(tensor, 8)[0].decode()] = values
        (entry,) = (_fields(value) for value in _all(graph, 11))
        self._entry = _all(entry, 1)[0].decode()
        (self._exit,) = (_all(_fields(value), 1)[0].decode() for value in _all(graph, 12))
        name, options = providers[0] if isinstance(providers[0], tuple) else (providers[0], {})
        works = name == "CPUExecutionProvider" or int(options["device_id"]) < int(os.environ.get("ONNX_CARDS", "0"))
        self._providers = [name, "CPUExecutionProvider"] if works else ["CPUExecutionProvider"]

    def get_providers(self) -> list[str]:
        return self._providers

    def run(self, _outputs: None, inputs: dict[str, Any]) -> list[Any]:
        values = {**self._weights, self._entry: inputs[self._entry]}
        for node in self._nodes:
            given = [values[name.decode()] for name in _all(node, 1)]
            kind = _all(node, 4)[0].decode()
            made: dict[str, Callable[..., Any]] = {
                "MatMul": lambda a, b: a @ b,
                "Add": lambda a, b: a + b,
                "Relu": lambda a: numpy.maximum(a, 0),
            }
            values[_all(node, 2)[0].decode()] = made[kind](*given)
        return [values[self._exit]]
