"""What the probe says about imports and calculations, in words."""

from __future__ import annotations

import pytest

from aienv_gui.core.wording import tr, verbatim
from aienv_gui.environments.health.probe_run import Fate, Step
from aienv_gui.environments.health.repairs import and_more
from aienv_gui.environments.health.verdict_words import death_words, failure_words, import_words


def test_illegal_instruction_is_not_called_damage() -> None:
    words = str(death_words(Step("import:x", Fate.CRASHED, signal="SIGILL")))
    assert "another processor" in words


def test_several_findings_are_told_and_the_rest_counted() -> None:
    words = [verbatim(f"{letter}.") for letter in "abcde"]
    assert [str(and_more(words[:count])) for count in (1, 3, 5)] == ["a.", "a.\nb.\nc.", "a.\nb.\nc. (and 2 more)"]


def import_fails(error: str, message: str, words: str = "", missing: str = "") -> Step:
    answer = {"error": error, "message": message, "missing": missing}
    return Step("import:cv2", Fate.ANSWERED, answer=answer, words=words)


@pytest.mark.parametrize(
    ("step", "detail", "cure"),
    [
        (
            import_fails("ImportError", "libGL.so.1: cannot open shared object file: No such file or directory"),
            "cv2 cannot be imported. The system's library for drawing, libGL.so.1, is not installed",
            "opencv-python-headless",
        ),
        (
            import_fails(
                "ImportError",
                "numpy.core.multiarray failed to import",
                words="AttributeError: _ARRAY_API not found",
            ),
            "made for NumPy 1, but NumPy 2 is installed",
            "numpy<2",
        ),
        (
            Step(
                "import:tensorflow",
                Fate.CRASHED,
                signal="SIGABRT",
                words="The TensorFlow library was compiled to use AVX instructions, but these aren't available on your "
                "machine.",
            ),
            "tensorflow cannot be imported. TensorFlow needs a processor with AVX instructions",
            "conda-forge",
        ),
        (import_fails("ModuleNotFoundError", "No module named 'yaml'", missing="yaml"), "needs yaml", "Install"),
        (import_fails("ModuleNotFoundError", "No module named 'cv2'", missing="cv2"), "cv2 is not installed.", "Start"),
        # One of its files was deleted: it is there, but not whole.
        (import_fails("ModuleNotFoundError", "-", missing="cv2.gapi"), "cv2: its part cv2.gapi is missing.", "Start"),
        (import_fails("ValueError", "the moon is full\nmore"), "ValueError: the moon is full", "Start anew"),
        # What an installer means by these words, a program need not.
        (import_fails("OSError", "No solution found"), "OSError: No solution found", "Start anew"),
        (Step("import:x", Fate.CRASHED, signal="SIGSEGV", words="moon"), "crashed (SIGSEGV)", "Start anew"),
        (Step("import:x", Fate.ENDED, words="moon"), "The interpreter ended with: moon", "Start anew"),
    ],
)
def test_an_import_that_fails_is_explained_where_it_is_known(step: Step, detail: str, cure: str) -> None:
    found, remedy = import_words(step, tr("Start anew."))
    assert detail in str(found)
    assert cure in str(remedy)


def test_a_calculation_that_fails_is_explained_where_it_is_known() -> None:
    unknown = Step("computation:torch", Fate.ANSWERED, answer={"error": "E", "message": "moon\nsun"})
    no_kernel = {"error": "AcceleratorError", "message": "CUDA error: no kernel image is available for execution"}
    known = Step("computation:torch", Fate.ANSWERED, answer=no_kernel)
    assert str(failure_words(known, tr("again"))[1]) == "Make a new environment with the build for this card."
    assert [str(text) for text in failure_words(unknown, tr("again"))] == ["moon", "again"]
