"""The rules of known failures: each is recognised by a tool's real words, says where it is from, and is cheap."""

from __future__ import annotations

import re
import string
import tomllib
from functools import cache
from itertools import pairwise
from typing import Any

import pytest

from aienv_gui.core.explain import FILES, UNREACHABLE, Occasion, Rule, explain, recognise, rules
from aienv_gui.core.wording import tr
from tests.source_trees import ROOT

_RULES = ROOT / "resources" / "rules"
_WANTED = 60
# Other code and other tests ask for these.
_NAMED_ELSEWHERE = {
    "certificate",
    "conflict",
    "damaged_download",
    "disk_full",
    "no_channel",
    "no_network",
    "no_such_package",
    "no_such_version",
    "other_platform",
    "other_python",
    "read_only",
    "refused_access",
    "source_only",
}


@cache
def _entries() -> list[tuple[str, dict[str, Any]]]:
    """The rules as they stand in the files, in the order in which they are tried."""
    found: list[tuple[str, dict[str, Any]]] = []
    for name in FILES:
        found += [(name, entry) for entry in tomllib.loads((_RULES / f"{name}.toml").read_text("utf-8"))["rule"]]
    return found


def _every_rule() -> list[Any]:
    pairs = zip(rules(), _entries(), strict=True)
    return [
        pytest.param(rule, entry, id=f"{name}-{index}-{rule.code}") for index, (rule, (name, entry)) in enumerate(pairs)
    ]


def _groups(rule: Rule) -> set[str]:
    return set(rule.pattern.groupindex)


def _placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name is not None}


def test_there_are_enough_of_them() -> None:
    assert len({rule.code for rule in rules()}) >= _WANTED
    assert {rule.code for rule in rules()} >= _NAMED_ELSEWHERE


def test_ways_of_not_reaching_a_server_are_known_to_the_rules() -> None:
    assert {rule.code for rule in rules()} >= UNREACHABLE


def test_every_file_of_rules_is_read() -> None:
    files = {path.stem for path in _RULES.glob("*.toml")} - {"accelerators"}
    assert files == set(FILES)


@pytest.mark.parametrize(("rule", "entry"), _every_rule())
def test_the_real_words_are_recognised_by_their_own_rule(rule: Rule, entry: dict[str, Any]) -> None:
    for occasion in rule.occasions:
        first = next(one for one in rules() if occasion in one.occasions and one.pattern.search(entry["example"]))
        assert first is rule, f"recognised as {first.code}: {first.pattern.pattern}"
        known = recognise(entry["example"], occasion)
        assert known is not None
        assert known.code == rule.code
        for sentence in (str(known.cause), str(known.cure)):
            assert sentence
            assert "{" not in sentence


@pytest.mark.parametrize(("rule", "entry"), _every_rule())
def test_a_rule_is_whole(rule: Rule, entry: dict[str, Any]) -> None:
    assert set(entry) <= {"code", "pattern", "cause", "cure", "actions", "example", "source", "remark", "words"}
    assert re.fullmatch(r"[a-z][a-z0-9_]+", rule.code)
    for sentence in (entry["cause"], entry["cure"]):
        assert sentence.strip().endswith((".", "accept"))
        assert _placeholders(sentence) <= _groups(rule)
    assert re.match(
        r"https://github\.com/[\w.-]+/[\w.-]+/(issues|pull)/\d+$|reproduced with \S+ [\d.]+$", entry["source"]
    )
    assert set(rule.actions) <= {"retry", "open_settings"}
    used = _placeholders(rule.cause) | _placeholders(rule.cure)
    if not rule.words:
        assert _groups(rule) == used, "a group that no sentence names"


@pytest.mark.parametrize(("rule", "entry"), _every_rule())
def test_no_private_path_came_along(rule: Rule, entry: dict[str, Any]) -> None:
    del rule
    assert not re.search(r"/home/|/Users/|\\Users\\|/root", entry["example"])


@pytest.mark.parametrize(("rule", "entry"), _every_rule())
def test_a_pattern_is_cheap_whatever_it_is_searched_in(rule: Rule, entry: dict[str, Any]) -> None:
    """No repetition without a bound and none within another one: the work grows with the text and no faster."""
    del entry
    bare = _bare(rule.pattern.pattern)
    assert not re.search(r"[*+]|\{\d+,\}", bare), "a repetition without a bound"
    assert ")" not in {before for before, repeat in pairwise(bare) if repeat == "{"}
    assert not re.match(r"(\(\?P<\w+>|\(\?:|\()*x\{", bare), "begins with a repetition: tried anew at each character"


@pytest.mark.parametrize(("rule", "entry"), _every_rule())
def test_every_placeholder_is_filled_however_the_pattern_matched(rule: Rule, entry: dict[str, Any]) -> None:
    """A named group stands in no alternative and is not optional."""
    del entry
    within: list[list[str]] = [[]]  # the named groups inside of each open parenthesis
    chosen: list[bool] = [False]  # whether it holds alternatives
    own: list[str] = []
    bare = _bare(rule.pattern.pattern) + " "
    for index, character in enumerate(bare):
        if character == "(":
            named = re.match(r"\(\?P<(\w+)>", bare[index:])
            own.append(named[1] if named else "")
            within.append([])
            chosen.append(False)
        elif character == "|":
            chosen[-1] = True
        elif character == ")":
            names = within.pop()
            assert not (chosen.pop() and names)
            names += filter(None, [own.pop()])
            assert not (names and bare[index + 1] == "?")
            within[-1] += names
    assert not (chosen[0] and within[0])


def _bare(pattern: str) -> str:
    """A pattern with an x for each escaped character and each set of characters."""
    return re.sub(r"\[\^?\]?[^\]]*\]", "x", re.sub(r"\\.", "x", pattern))


def test_a_remark_never_explains_a_failure() -> None:
    remarks = [entry["example"] for _, entry in _entries() if entry.get("remark")]
    assert remarks
    log = "\n".join([*remarks, "ValueError: something else entirely"])
    assert recognise(log, Occasion.RUN) is None
    assert explain(log, what=tr("It did not work.")).code == "tool_failed"


@pytest.mark.parametrize(
    "output",
    [
        "Resolved 12 packages in 340ms\nPrepared 3 packages\nerror: the moon is full",
        "Traceback (most recent call last):\n  File \"train.py\", line 3\nKeyError: 'labels'",
        "Epoch 1/10: loss 0.31\nSegmentation fault (core dumped)",
        "ValueError: could not convert string to float: 'proxy'",
        "42",
        "git@host.example: Permission denied (publickey).",
    ],
)
def test_what_no_rule_knows_is_shown_as_it_is(output: str) -> None:
    assert not any(recognise(output, occasion) for occasion in Occasion)
    problem = explain(output, what=tr("It did not work."))
    assert problem.code == "tool_failed"
    assert str(problem.cause) == f"The tool said: {output.splitlines()[-1]}"
    assert problem.details == output


@pytest.mark.parametrize(
    ("output", "code", "words"),
    [
        # Windows says it in the user's language; the number and the file are the same.
        (
            "OSError: [WinError 1114] 动态链接库(DLL)初始化例程失败。 Error loading "
            '"C:\\venv\\Lib\\site-packages\\torch\\lib\\c10.dll" or one of its dependencies.',
            "no_visual_c_library",
            "c10.dll",
        ),
        ("OSError: [WinError 206] 文件名或扩展名太长。: 'C:\\venv'", "path_too_long", "260"),
        ("RuntimeError: HIP error: invalid device function", "no_rocm_code", "ROCm"),
        ("CUDA error: CUDA-capable device(s) is/are busy or unavailable", "card_busy", "Another program"),
        (
            "Failed to load library libonnxruntime_providers_cuda.so with error: libcublasLt.so.11: cannot open shared "
            "object file: No such file or directory",
            "no_cuda_library",
            "libcublasLt.so.11",
        ),
        (
            "ImportError: site-packages/torch/lib/libtorch_cuda.so: undefined symbol: ncclCommRegister",
            "mixed_libraries",
            "libtorch_cuda.so",
        ),
        ("TypeError: Descriptors cannot be created directly.", "protobuf_too_new", "protobuf"),
        ("error: invalid peer certificate: UnknownIssuer", "certificate", "not trusted"),
        ("  cause: tunnel error: proxy authorization required", "proxy_password", "407"),
        (
            "  cause: tunnel error: failed to create underlying connection\n  cause: Connection refused",
            "no_proxy",
            "proxy",
        ),
        (
            "Failed to establish a new connection: [Errno 11004] getaddrinfo failed",
            "no_network",
            "could not be reached",
        ),
        (
            "fatal: unable to access 'https://nosuch.invalid/a.git/': Could not resolve host: nosuch.invalid",
            "no_network",
            "(nosuch.invalid)",
        ),
        # The package is said to be missing because its list could not be read.
        (
            "  cause: Because nosuch was not found in the package registry and you require nosuch, we can conclude "
            "that your requirements are unsatisfiable.\n\nhint: An index URL (https://m.example/simple) could not be "
            "queried due to a lack of valid authentication credentials (401 Unauthorized)",
            "refused_access",
            "m.example",
        ),
        (
            "WARNING: Retrying after connection broken by 'NewConnectionError(\"Failed to establish a new connection: "
            "[Errno -3] Temporary failure in name resolution\")': /simple/torch/\n"
            "ERROR: Could not find a version that satisfies the requirement torch (from versions: none)",
            "no_network",
            "could not be reached",
        ),
        (
            "CondaVerificationError: The package for scipy located at D:\\Anaconda\\pkgs\\scipy-1.1.0-py37h4f6bf74_1\n"
            "appears to be corrupted.",
            "damaged_download",
            "store",
        ),
        (
            "NotWritableError: The current user does not have write permissions to a required path.\n"
            "  path: /srv/conda/pkgs/cache/3e39a7aa.json",
            "read_only",
            "/srv/conda/pkgs/cache/3e39a7aa.json",
        ),
        (
            "The conflict is caused by:\n    c 1.0 depends on E==1.0\n    d 1.0 depends on E==2.0\n\n"
            "ERROR: ResolutionImpossible: for help visit the page",
            "conflict",
            "c 1.0 needs E==1.0, but d 1.0 needs E==2.0.",
        ),
    ],
)
def test_other_real_words_of_known_failures(output: str, code: str, words: str) -> None:
    known = recognise(output, Occasion.INSTALL)
    assert known is not None
    assert known.code == code
    assert words in str(known.cause)


def test_only_the_end_of_a_long_log_is_searched() -> None:
    noise = "Epoch 1: loss 0.25\n" * 60_000
    assert recognise("CUDA out of memory\n" + noise, Occasion.RUN) is None
    known = recognise(noise + "CUDA out of memory\n", Occasion.RUN)
    assert known is not None
    assert known.code == "card_memory_full"


@pytest.mark.parametrize(
    "output",
    [
        "error: Failed to fetch: `https://ann:hunter2@pypi.example/simple/x/`\n  cause: dns error",
        "HTTP status client error (401 Unauthorized) for url (https://ann:hunter2@pypi.example/simple/)",
        "Cannot connect to proxy: http://ann:hunter2@proxy.example:8080",
        "fatal: https://ann:hunter2@host.example/x.git did not work",
        "error: Permission denied: 'https://ann:hunter2@pypi.example/x'",
        "password=hunter2 was refused",
        "No solution found: Because https://ann:hunter2@pypi.example/x is odd",
    ],
)
def test_secrets_are_never_shown(output: str) -> None:
    problem = explain(output, what=tr("It did not work."))
    shown = "\n".join([str(problem), problem.details, str(problem.to_json())])
    assert "hunter2" not in shown
