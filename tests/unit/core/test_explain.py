"""Known failures of tools, put into words from what the tools really print."""

from __future__ import annotations

import pytest

from aienv_gui.core.explain import conflict_sentence, explain
from aienv_gui.core.wording import tr

WHAT = tr("It did not work.")
RESOLVE = "error: No solution found when resolving dependencies\n  cause: "


@pytest.mark.parametrize(
    ("output", "code", "cause"),
    [
        (
            RESOLVE + "Because numpi was not found in the package registry and you require numpi, we can conclude that "
            "your requirements are unsatisfiable.",
            "no_such_package",
            "There is no package called “numpi”.",
        ),
        (
            RESOLVE
            + "Because there is no version of numpy==99.1 and you require numpy==99.1, we can conclude that your "
            "requirements are unsatisfiable.",
            "no_such_version",
            "There is no version that fits “numpy==99.1”.",
        ),
        (
            RESOLVE + "Because tensorflow==2.5.0 has no wheels with a matching Python ABI tag (e.g., `cp311`) and you "
            "require tensorflow==2.5, we can conclude that your requirements are unsatisfiable.\n\nhint: You require "
            "CPython 3.11 (`cp311`), but we only found wheels for `tensorflow` (v2.5.0)",
            "other_python",
            "tensorflow==2.5.0 is not offered for Python 3.11.",
        ),
        (
            RESOLVE + "Because all versions of snownlp have no usable wheels and you require snownlp, we can conclude",
            "source_only",
            "snownlp is offered as source code only, not as a finished package.",
        ),
        (
            "error: Request failed after 3 retries in 5.9s\n  cause: Failed to fetch: https://user:pw@host.example/simple/x/\n"
            "  cause: dns error",
            "no_network",
            "The package server could not be reached (host.example).",
        ),
        ("error: failed to write: No space left on device (os error 28)", "disk_full", "The disk is full."),
        (
            "error: failed to create directory `/data/x/lib`: Permission denied (os error 13)",
            "read_only",
            "The system does not let you write to /data/x/lib.",
        ),
        ("error: invalid peer certificate: UnknownIssuer", "certificate", "certificate is not trusted"),
        (
            "  cause: HTTP status client error (401 Unauthorized) for url (https://m.example/x)",
            "refused_access",
            "m.example",
        ),
        ("error: Hash mismatch for `foo==2.0`", "damaged_download", "damaged"),
        ("something\nelse entirely", "tool_failed", "The tool said: else entirely"),
        ("", "tool_failed", "without saying why"),
    ],
)
def test_known_failures(output: str, code: str, cause: str) -> None:
    problem = explain(output, what=WHAT)
    assert problem.title == WHAT
    assert problem.code == code
    assert cause in str(problem.cause)
    assert str(problem.cure)
    assert "pw" not in str(problem.cause)


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        (
            "Because pandas==2.2.0 depends on numpy{python_full_version < '3.12'}>=1.23.2,<2 and you require "
            "pandas==2.2.0, we can conclude that you require numpy>=1.23.2,<2.\n         And because you require "
            "numpy==1.20, we can "
            "conclude that your requirements are unsatisfiable.",
            "pandas==2.2.0 needs numpy>=1.23.2,<2, but numpy==1.20 is asked for.",
        ),
        (
            "Because you require numpy>=2 and numpy<1.25, we can conclude that your requirements are unsatisfiable.",
            "numpy>=2 and numpy<1.25 exclude each other.",
        ),
        (
            "Because all versions of a depend on c<2 and b==1.0 depends on c>=2, we can conclude that all versions "
            "of a and b==1.0 are incompatible.",
            "a needs c<2, but b==1.0 needs c>=2.",
        ),
        (
            "cause: you require numpy<1.25 and numpy>=2, which are incompatible",
            "numpy<1.25 and numpy>=2 exclude each other.",
        ),
        (
            "Because pandas>=3.0.0 depends on numpy>=1.26.0 and pandas>=2.2.0,<=2.3.3 depends on numpy<1.20, we can "
            "conclude that pandas>=2.2.0 cannot be used.",
            "pandas>=3.0.0 needs numpy>=1.26.0, but numpy<1.20 is asked for.",
        ),
        (
            "Because of the moon, we can conclude that your requirements are unsatisfiable.",
            "The packages asked for exclude each other: Because of the moon",
        ),
        ("", "The packages asked for exclude each other."),
    ],
)
def test_a_conflict_in_one_sentence(output: str, sentence: str) -> None:
    assert str(conflict_sentence(output)) == sentence


def test_a_version_for_another_python_does_not_hide_the_conflict() -> None:
    """uv tells the same in this order or the other."""
    output = (
        "Because frame<=1.0 depends on paint>=2 and you require paint<2, we can conclude that frame<=1.0 cannot be "
        "used.\n And because only frame<=1.1 is available and frame==1.1 depends on Python>=3.99, we can conclude that "
        "all versions of frame cannot be used.\n And because you require frame, we can conclude that your requirements "
        "are unsatisfiable."
    )
    problem = explain(output, what=tr("It did not work."))
    assert (problem.code, str(problem.cause)) == ("conflict", "frame<=1.0 needs paint>=2, but paint<2 is asked for.")
