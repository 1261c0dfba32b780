"""The wizard's steps and branches, without a window."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.core.wording import duration, verbatim
from aienv_gui.environments import accelerators
from aienv_gui.environments.discovery.interpreters import BaseInterpreter
from aienv_gui.environments.files.platforms import this_subdir
from aienv_gui.environments.files.python_specs import CONDA_PYTHONS
from aienv_gui.environments.planning import recipes
from aienv_gui.environments.planning.file_reading import read_file
from aienv_gui.environments.planning.wizard import (
    Offer,
    Step,
    Wizard,
    check_name,
    estimated_seconds,
    make_offer,
    request_of,
    split_packages,
)
from aienv_gui.environments.records import (
    Engine,
    Environment,
    Maker,
    Plan,
    PlannedFile,
    Request,
    Sources,
    Unfinished,
)

CPU = accelerators.Choice("cpu", verbatim("CPU only"), verbatim("no card"))
CUDA = accelerators.Choice("cu128", verbatim("CUDA"), verbatim("card"))


def offer_of(*pythons: str, advised: accelerators.Choice = CPU) -> Offer:
    bases = tuple(BaseInterpreter(Path(f"/usr/bin/python{p}"), f"{p}.1", Path("/usr")) for p in pythons)
    return Offer(recipes.templates(), bases, (CPU, CUDA), advised)


def plan_of(request: Request, *, free: int = 10**12, download: int = 10**6) -> Plan:
    return Plan(request, (), None, download_bytes=download, installed_bytes=10**6, free_bytes=free)


@pytest.fixture
def wizard() -> Wizard:
    return Wizard(offer_of("3.13", "3.11", recipes.default_python()), taken_names=("Pictures",))


def may_go(wizard: Wizard) -> bool:
    return wizard.can_go_forward


def may_go_back(wizard: Wizard) -> bool:
    return wizard.can_go_back


def accelerated(wizard: Wizard) -> bool:
    return wizard.uses_accelerator


def environment_of(name: str) -> Environment:
    return Environment(Path("/e") / name, Path("/e") / name / "bin/python", name, Maker.AIENV, "3.11.2")


def at_options(wizard: Wizard) -> Wizard:
    wizard.use_template("tables")
    wizard.forward()
    wizard.name_checked(wizard.draft.name, None)
    return wizard


def test_nothing_chosen_keeps_the_wizard_at_the_first_step(wizard: Wizard) -> None:
    assert wizard.step is Step.PURPOSE
    assert not may_go(wizard)
    assert not may_go_back(wizard)
    assert "what the environment is for" in str(wizard.hindrance)


def test_a_template_brings_a_free_name_and_a_python_that_suits(wizard: Wizard) -> None:
    wizard.use_template("pictures")
    assert wizard.draft.name == "pictures 2"  # "Pictures" is taken, whatever its case
    assert wizard.draft.python == recipes.default_python()
    assert may_go(wizard)


def test_another_template_renames_only_what_the_user_did_not_type(wizard: Wizard) -> None:
    wizard.use_template("pictures")
    wizard.use_template("tables")
    assert wizard.draft.name == "tables"
    wizard.change_name("mine")
    wizard.use_template("sound")
    assert wizard.draft.name == "mine"


def test_an_unchecked_or_refused_name_stops_the_second_step(wizard: Wizard) -> None:
    at_options(wizard)
    assert may_go(wizard)
    wizard.change_name("new name")
    assert not may_go(wizard)
    assert not wizard.name_checked("new nam", None)  # the answer for an older name is dropped
    assert not may_go(wizard)
    assert wizard.name_checked("new name", Problem(verbatim("no")))
    assert not may_go(wizard)
    wizard.name_checked("new name", None)
    assert may_go(wizard)


def test_a_bad_extra_package_stops_the_second_step(wizard: Wizard) -> None:
    at_options(wizard)
    wizard.change_extra("numpy, pandas==")
    assert wizard.extra_fault is not None
    assert not may_go(wizard)
    wizard.change_extra("numpy, pandas==2.1")
    assert may_go(wizard)


def test_conda_brings_its_own_pythons(wizard: Wizard) -> None:
    wizard = Wizard(offer_of("3.9"))
    wizard.use_template("tensorflow")
    wizard.forward()
    assert wizard.draft.python == ""
    assert "conda" in str(wizard.hindrance)
    wizard.change_engine(Engine.CONDA)
    assert "3.14" not in wizard.pythons  # TensorFlow has no packages for it
    assert wizard.draft.python in CONDA_PYTHONS
    assert wizard.hindrance is None


def test_an_environment_file_is_for_conda_only(wizard: Wizard, tmp_path: Path) -> None:
    file = tmp_path / "environment.yml"
    file.write_text("name: lab\ndependencies: [python=3.12, numpy]\n", encoding="utf-8")
    wizard.use_file(file, recipes.request_of_file(file, name=""))
    assert wizard.engines == (Engine.CONDA,)
    assert (wizard.draft.name, wizard.draft.python) == ("lab", "3.12")
    wizard.use_template("tables")
    assert wizard.engines == tuple(Engine)


def test_only_pythons_that_an_environment_file_allows_are_offered(wizard: Wizard, tmp_path: Path) -> None:
    file = tmp_path / "environment.yml"
    file.write_text("name: lab\ndependencies: ['python>=3.12,<3.14', numpy]\n", encoding="utf-8")
    wizard.use_file(file, recipes.request_of_file(file, name=""))
    assert wizard.pythons == ("3.13", "3.12")
    wizard.change_python("3.12")
    request = request_of(wizard.draft, wizard.offer)
    assert (request.python, request.python_specs) == ("3.12", ("python>=3.12,<3.14",))
    file.write_text("name: lab\ndependencies: ['python>=4', numpy]\n", encoding="utf-8")
    wizard.use_file(file, recipes.request_of_file(file, name=""))
    wizard.forward()
    assert str(wizard.hindrance) == (
        "No Python version fits what the file asks for: python>=4. Install one that does, or change it."
    )


def test_only_pythons_that_a_project_allows_are_offered(wizard: Wizard, tmp_path: Path) -> None:
    file = tmp_path / "pyproject.toml"
    file.write_text('[project]\nname = "lab"\nrequires-python = ">=3.13"\ndependencies = ["numpy"]\n', encoding="utf-8")
    wizard.use_file(file, recipes.request_of_file(file, name=""))
    assert wizard.pythons == ("3.13",)
    file.write_text(
        '[project]\nname = "lab"\nrequires-python = ">=3.13.2"\ndependencies = ["numpy"]\n', encoding="utf-8"
    )
    wizard.use_file(file, recipes.request_of_file(file, name=""))
    assert not wizard.pythons  # the one here is 3.13.1
    wizard.forward()
    assert "python>=3.13.2" in str(wizard.hindrance)
    wizard.change_engine(Engine.CONDA)
    assert "3.13" in wizard.pythons


def test_to_a_lock_nothing_is_added(wizard: Wizard, tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    url = f"https://c.example/forge/{this_subdir()}/python-3.8.4-h2_0.conda"
    file.write_text(f"@EXPLICIT\n{url}\nhttps://c.example/forge/noarch/pytorch-2.1-0.conda\n", encoding="utf-8")
    reading = read_file(file, name="")
    wizard.change_extra("pandas")
    wizard.use_file(file, reading.request, reading.remarks)
    assert (wizard.engines, wizard.pythons) == ((Engine.CONDA,), ("3.8",))
    assert len(wizard.draft.remarks) == 2
    assert wizard.locked
    assert wizard.draft.extra == ""
    assert not wizard.uses_accelerator
    assert request_of(wizard.draft, wizard.offer).requirements == ("python==3.8.4", "pytorch==2.1")
    wizard.use_template("tables")
    assert not wizard.draft.remarks
    assert not wizard.locked


def test_the_request_of_a_file_holds_the_extra_packages(wizard: Wizard, tmp_path: Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text("numpy>=1\n", encoding="utf-8")
    wizard.use_file(file, recipes.request_of_file(file, name=""))
    wizard.change_name("mine")
    wizard.change_extra("pandas")
    request = request_of(wizard.draft, wizard.offer)
    assert (request.name, request.requirements) == ("mine", ("numpy>=1", "pandas"))


def test_the_accelerator_matters_for_frameworks_only(wizard: Wizard) -> None:
    wizard.use_template("tables")
    assert not accelerated(wizard)
    wizard.change_extra("torch-geometric")
    assert not accelerated(wizard)
    wizard.change_extra("torch>=2")
    assert accelerated(wizard)
    wizard.change_extra("")
    wizard.use_template("pictures")
    assert accelerated(wizard)


def test_the_advised_accelerator_is_chosen_first() -> None:
    wizard = Wizard(offer_of("3.13", advised=CUDA))
    wizard.use_template("tensorflow")
    wizard.change_name("t")
    request = request_of(wizard.draft, wizard.offer)
    assert request.accelerator == "cu128"
    assert any("and-cuda" in requirement for requirement in request.requirements)


def test_any_change_makes_the_plan_stale(wizard: Wizard) -> None:
    at_options(wizard)
    wizard.forward()
    plan = plan_of(request_of(wizard.draft, wizard.offer))
    wizard.planned(plan, Sources())
    wizard.back()
    wizard.change_name(wizard.draft.name)
    kept = wizard.plan
    assert kept is plan
    wizard.change_python("3.13")
    assert wizard.plan is None


def test_a_plan_that_does_not_fit_is_not_built(wizard: Wizard) -> None:
    at_options(wizard)
    wizard.forward()
    assert not may_go(wizard)  # no plan yet
    wizard.planned(plan_of(request_of(wizard.draft, wizard.offer), free=10), Sources())
    assert not may_go(wizard)
    assert "fit" in str(wizard.hindrance)
    wizard.planned(plan_of(request_of(wizard.draft, wizard.offer)), Sources())
    assert wizard.forward() is Step.BUILD


def test_a_build_can_be_left_backwards_only_once_it_has_stopped(wizard: Wizard) -> None:
    at_options(wizard)
    wizard.forward()
    wizard.planned(plan_of(request_of(wizard.draft, wizard.offer)), Sources())
    wizard.forward()
    wizard.working()
    assert not may_go_back(wizard)
    assert not may_go(wizard)
    wizard.stopped()
    assert may_go_back(wizard)
    assert wizard.back() is Step.PLAN

    wizard.forward()
    wizard.working()
    wizard.built(environment_of("tables"))
    assert wizard.step is Step.VALIDATE
    assert not may_go_back(wizard)
    wizard.working()
    assert not wizard.finished
    wizard.validated(())
    assert wizard.finished


def test_an_interrupted_build_opens_at_the_fourth_step(wizard: Wizard) -> None:
    at_options(wizard)
    request = replace(request_of(wizard.draft, wizard.offer), name="half")
    resumed = Wizard.of_unfinished(wizard.offer, Unfinished(Path("/staging/x"), request, 0.0, plan_of(request)))
    assert resumed.step is Step.BUILD
    assert resumed.draft.name == "half"
    assert not resumed.can_go_back


def test_packages_typed_by_hand_are_split_where_one_ends() -> None:
    assert split_packages("numpy>=1,<2, pandas scipy==1.14\nrequests[socks]，rich") == (
        "numpy>=1,<2",
        "pandas",
        "scipy==1.14",
        "requests[socks]",
        "rich",
    )
    assert split_packages(" , ") == ()


def test_a_taken_name_is_refused_with_a_cure(folders: Folders) -> None:
    with pytest.raises(Problem) as caught:
        check_name("a\nb", folders, Silent())
    assert caught.value.cure is not None
    check_name("数字 “quoted” 🦊", folders, Silent())


def test_the_offer_holds_what_this_machine_has(folders: Folders) -> None:
    offer = make_offer("", (), Sources(), folders, Silent())
    assert recipes.default_python() in {base.minor for base in offer.interpreters}
    assert offer.advised.id == "cpu"
    assert {template.id for template in offer.templates} >= {"pictures", "tables", "empty"}
    here = {base.minor for base in offer.interpreters}
    assert set(offer.downloads) | here >= {"3.10", "3.11", "3.12", "3.13", "3.14"}
    assert not here & set(offer.downloads)


def test_offline_no_python_is_offered_for_download(folders: Folders) -> None:
    assert make_offer("", (), Sources(offline=True), folders, Silent()).downloads == ()


def test_python_that_is_elsewhere_can_be_chosen_and_is_not_the_default(folders: Folders) -> None:
    offer = make_offer("", (), Sources(), folders, Silent())
    wizard = Wizard(offer)
    wizard.use_template("empty")
    assert wizard.draft.python == recipes.default_python()
    template = recipes.template("empty")
    assert {version for version in offer.downloads if template.suits(version)} <= set(wizard.pythons)
    assert "3.14" in wizard.pythons
    wizard.change_engine(Engine.CONDA)
    assert wizard.draft.python in wizard.pythons


def test_more_bytes_take_longer() -> None:
    request = Request("x", Engine.UV, "3.11", ())
    assert estimated_seconds(plan_of(request, download=10**9)) > estimated_seconds(plan_of(request)) + 60


def test_no_time_is_promised_for_what_is_built_from_source_code() -> None:
    wheel = PlannedFile("a", "1", "a-1-py3-none-any.whl", "https://example.org/a", "", 1000)
    source = replace(wheel, filename="a-1.tar.gz")
    request = Request("x", Engine.UV, "3.11", ())
    assert estimated_seconds(replace(plan_of(request), files=(wheel,))) < 60
    assert str(duration(estimated_seconds(replace(plan_of(request), files=(wheel, source))))) == "an unknown time"
    archive = replace(wheel, filename="a-1-0.tar.bz2")  # conda's packages are no source code
    by_conda = plan_of(replace(request, engine=Engine.CONDA))
    assert estimated_seconds(replace(by_conda, files=(archive,))) < 60


def test_cards_that_are_seen_late_change_the_advice_but_not_the_users_choice(wizard: Wizard) -> None:
    late = offer_of("3.13", "3.11", recipes.default_python(), advised=CUDA)
    assert wizard.draft.accelerator == "cpu"
    wizard.offer_anew(late)
    assert wizard.draft.accelerator == "cu128"
    wizard.change_accelerator("cpu")
    wizard.offer_anew(late)
    assert wizard.draft.accelerator == "cpu"
    assert wizard.may_offer_anew
    wizard.use_template("pictures")
    wizard.forward()
    wizard.name_checked(wizard.draft.name, None)
    wizard.forward()
    assert wizard.step is Step.PLAN
    assert not wizard.may_offer_anew
