"""Why an environment cannot be changed or deleted now."""

from __future__ import annotations

from aienv_gui.core.errors import Action, Problem
from aienv_gui.core.wording import tr
from aienv_gui.environments.records import Environment
from aienv_gui.gui.services import Services


def training_in(services: Services, environment: Environment) -> str | None:
    """The name of a training that runs in an environment now, followed or not."""
    for summary in services.runs.items:
        used = summary.python == environment.python or summary.python.is_relative_to(environment.prefix)
        if summary.state.live and used:
            return summary.name
    return None


def used_by_training(environment: Environment, training: str) -> Problem:
    return Problem(
        tr("“{name}” is in use.", name=environment.name),
        cause=tr("The training “{training}” runs in it.", training=training),
        cure=tr("Wait for its end, or stop it: then the environment can be changed or deleted."),
        actions=(Action("open_page", tr("Show the training"), "train"),),
        code="in_use",
    )


def being_validated(environment: Environment) -> Problem:
    return Problem(
        tr("“{name}” is in use.", name=environment.name),
        cause=tr("It is being validated."),
        cure=tr("Wait for its end, or cancel it under Health."),
        code="in_use",
    )


def being_worked_on(environment: Environment) -> Problem:
    return Problem(
        tr("“{name}” is in use.", name=environment.name),
        cause=tr("It is being changed or deleted."),
        cure=tr("Wait until it has ended."),
        code="in_use",
    )
