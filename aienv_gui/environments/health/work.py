"""Imports and calculations in the environment's own interpreter: which steps the probe takes, and what they mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from aienv_gui.core.wording import Text, tr, verbatim
from aienv_gui.environments.health.accelerator_words import Presence, judge_accelerator
from aienv_gui.environments.health.frameworks import LIBRARIES
from aienv_gui.environments.health.probe_run import Fate, Step
from aienv_gui.environments.health.repairs import Judgement, Repairs, and_more
from aienv_gui.environments.health.verdict_words import failure_words, import_words, known_failure
from aienv_gui.environments.records import VerdictState

_ON_CARDS: Final = ("torch", "tensorflow", "keras", "jax", "onnxruntime")
_WITH_NUMPY: Final = ("torch", "tensorflow")
_NOT_IMPORTED: Final = tr("Not checked, because its libraries could not be imported.")


@dataclass(frozen=True, slots=True)
class Group:
    """The steps of one check, and how they are judged once all are done."""

    check: str
    steps: tuple[str, ...]
    judge: Callable[[Sequence[Step]], Judgement]


def groups(modules: Sequence[str], nvidia: Presence, repairs: Repairs) -> tuple[Group, ...]:
    """The checks for these modules, in the order in which the probe does their steps: each library is loaded once."""
    present = [name for name in LIBRARIES if name in modules]
    on_cards = tuple(f"accelerator:{name}" for name in _ON_CARDS if name in present)
    with_numpy = tuple(f"agree:numpy-{name}" for name in _WITH_NUMPY if name in present and "numpy" in present)
    said: list[Step] = []  # what a library said at its import explains what it cannot do later

    def imports(steps: Sequence[Step]) -> Judgement:
        said.extend(steps)
        return judge_imports(steps, repairs)

    return (
        Group("imports", tuple(f"import:{module}" for module in modules), imports),
        Group("accelerator", on_cards, lambda steps: judge_accelerator(steps, nvidia, repairs)),
        Group(
            "computation",
            tuple(f"computation:{name}" for name in present),
            lambda steps: judge_computation(steps, repairs),
        ),
        Group("libraries", with_numpy, lambda steps: judge_libraries(steps, said, repairs)),
    )


def judge_imports(steps: Sequence[Step], repairs: Repairs) -> Judgement:
    failed = [step for step in steps if not step.ok]
    if not steps:
        return Judgement(VerdictState.SKIPPED, tr("There is nothing in it to import."))
    if not failed:
        names = ", ".join(f"{step.name[7:]} {step.get('version')}".strip() for step in steps)
        keras = next((step.get("instead") for step in steps if step.get("instead")), "")
        if keras:
            return Judgement(
                VerdictState.WARNING,
                tr(
                    "Keras is set to run on a framework that is not installed here; on {framework} it works.",
                    framework=LIBRARIES[keras],
                ),
                tr("Set the variable KERAS_BACKEND to {name} where you use it.", name=keras),
            )
        return Judgement(VerdictState.PASSED, verbatim(names))
    words = [import_words(step, repairs.again_words) for step in failed]
    known = known_failure(failed[0])
    cured = repairs.add(["numpy<2"]) if known is not None and known.code == "numpy_too_new" else ()
    actions = repairs.again if known is None else cured
    return Judgement(VerdictState.FAILED, and_more([detail for detail, _ in words]), words[0][1], actions)


def judge_computation(steps: Sequence[Step], repairs: Repairs) -> Judgement:
    tried = [step for step in steps if _was_tried(step)]
    wrong = [step for step in tried if not step.ok]
    if not tried:
        nothing = tr("It holds no library that is known to calculate.")
        return Judgement(VerdictState.SKIPPED, _NOT_IMPORTED if steps else nothing)
    if not wrong:
        names = ", ".join(f"{_called(step)} ({step.seconds:.1f} s)" for step in tried)
        return Judgement(VerdictState.PASSED, tr("On the processor with {libraries}.", libraries=names))
    return _failed(wrong[0], repairs)


def judge_libraries(steps: Sequence[Step], imports: Sequence[Step], repairs: Repairs) -> Judgement:
    """`imports`: the steps in which the libraries were loaded; what they said then explains a failure now."""
    tried = [step for step in steps if _was_tried(step)]
    wrong = [step for step in tried if not step.ok]
    if not tried:
        nothing = tr("It holds fewer than two numeric libraries.")
        return Judgement(VerdictState.SKIPPED, _NOT_IMPORTED if steps else nothing)
    if not wrong:
        names = ["NumPy", *(LIBRARIES[step.name.rpartition("-")[2]] for step in tried)]
        return Judgement(VerdictState.PASSED, verbatim(", ".join(names)))
    said = "\n".join(step.words for step in imports)
    heard = Step(wrong[0].name, wrong[0].fate, False, wrong[0].seconds, wrong[0].answer, words=said + wrong[0].words)
    known = known_failure(heard) if wrong[0].get("error") else None
    if known is not None and known.code == "numpy_too_new":
        words = _fails(_called(wrong[0]), known.cause)
        return Judgement(VerdictState.FAILED, words, known.cure, repairs.add(["numpy<2"]))
    return _failed(wrong[0], repairs)


def _was_tried(step: Step) -> bool:
    return step.fate is not Fate.NOT_TRIED and not step.answer.get("skipped")


def _called(step: Step) -> str:
    """A step's library as people call it; Keras with what it runs on."""
    library = LIBRARIES[step.name.partition(":")[2].rpartition("-")[2]]
    below = step.get("on")
    return f"{library}/{LIBRARIES.get(below, below)}" if below else library


def _failed(step: Step, repairs: Repairs) -> Judgement:
    library = _called(step)
    if step.fate is Fate.ANSWERED and not step.get("error"):
        wrong = tr("{library} calculates wrongly.", library=library)
        return Judgement(VerdictState.FAILED, wrong, repairs.again_words, repairs.again)
    reason, cure = failure_words(step, repairs.again_words)
    actions = repairs.again if cure == repairs.again_words else ()
    return Judgement(VerdictState.FAILED, _fails(library, reason), cure, actions)


def _fails(library: str, reason: Text) -> Text:
    return tr("{library} fails: {reason}", library=library, reason=reason)
