"""The system packages are for: conda's name of it, and the selectors (``# [win]``) that choose lines by it."""

from __future__ import annotations

import ast
import platform
import sys
from typing import Final

_MACHINES: Final = {
    "x86_64": "64",
    "amd64": "64",
    "aarch64": "aarch64",
    "arm64": "arm64",
    "ppc64le": "ppc64le",
    "i686": "32",
}
SUBDIRS: Final = (
    "linux-64",
    "linux-aarch64",
    "linux-ppc64le",
    "linux-32",
    "osx-64",
    "osx-arm64",
    "win-64",
    "win-32",
    "win-arm64",
)


def this_subdir() -> str:
    """What conda calls this system: ``linux-64``."""
    system = {"linux": "linux", "darwin": "osx", "win32": "win"}.get(sys.platform, sys.platform)
    machine = _MACHINES.get(platform.machine().lower(), platform.machine().lower())
    return f"{system}-{'aarch64' if system == 'linux' and machine == 'arm64' else machine}"


def holds(selector: str, python: str) -> bool | None:
    """Whether a selector is true on this system with that Python (``3.11``); None where it is not understood."""
    try:
        tree = ast.parse(selector.strip(), mode="eval")
        return bool(_value(tree.body, _names(python)))
    except (SyntaxError, ValueError, TypeError, KeyError, RecursionError, MemoryError):
        return None


def _names(python: str) -> dict[str, bool | int]:
    system, _, machine = this_subdir().partition("-")
    major, minor = (int(number) for number in python.split(".")[:2])
    names: dict[str, bool | int] = {name: system == name for name in ("linux", "osx", "win", "emscripten", "freebsd")}
    names |= {"unix": system in ("linux", "osx"), "true": True, "false": False, "True": True, "False": False}
    names |= {f"{name}{bits}": this_subdir() == f"{name}-{bits}" for name in ("linux", "win") for bits in ("32", "64")}
    names |= {"arm64": machine in ("arm64", "aarch64"), "aarch64": machine in ("arm64", "aarch64")}
    names |= {"x86_64": machine == "64", "x86": machine in ("32", "64"), "ppc64le": machine == "ppc64le"}
    names |= {"osx64": this_subdir() == "osx-64", "macos": system == "osx", "windows": system == "win"}
    return names | {"py": major * 10 + minor if minor < 10 else major * 100 + minor, "py3k": True, "py2k": False}


def _value(node: ast.expr, names: dict[str, bool | int]) -> bool | int:
    """The value of an expression of names, numbers, ``not``, ``and``, ``or`` and comparisons; else ValueError."""
    match node:
        case ast.Name(id=name):
            return names[name]
        case ast.Constant(value=bool() | int() as value):
            return value
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return not _value(operand, names)
        case ast.BoolOp(op=ast.And(), values=values):
            return all(_value(value, names) for value in values)
        case ast.BoolOp(op=ast.Or(), values=values):
            return any(_value(value, names) for value in values)
        case ast.Compare(left=left, ops=[operator], comparators=[right]):
            return _compared(_value(left, names), operator, _value(right, names))
    raise ValueError(ast.dump(node)[:80])


def _compared(left: int, operator: ast.cmpop, right: int) -> bool:
    match operator:
        case ast.Lt():
            return left < right
        case ast.LtE():
            return left <= right
        case ast.Gt():
            return left > right
        case ast.GtE():
            return left >= right
        case ast.Eq():
            return left == right
        case ast.NotEq():
            return left != right
    raise ValueError(ast.dump(operator))
