"""conda requests resolved by the real py-rattler against a local channel."""

from __future__ import annotations

import hashlib
import time
import tomllib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import psutil
import pytest

from aienv_gui.core.errors import Cancelled, Problem
from aienv_gui.core.storage import Folders
from aienv_gui.core.tasks import Silent
from aienv_gui.environments.conda.words import channel_problem
from aienv_gui.environments.planning.plan import make_plan
from aienv_gui.environments.planning.recipes import request_of_file
from aienv_gui.environments.records import Engine, Plan, Request, Sources
from tests.fakes.channel.packing import THIS_SUBDIR
from tests.fakes.channel.running_python import MINOR, VERSION
from tests.fakes.channel.samples import sample_channel
from tests.fakes.channel.server import ChannelServer
from tests.fakes.reporters import Keeping


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample_channel(tmp_path_factory.mktemp("channel"))


@pytest.fixture
def server(channel: Path) -> Iterator[ChannelServer]:
    with ChannelServer(channel) as running:
        yield running


def planned(channel: str | Path, folders: Folders, *requirements: str, accelerator: str = "cpu") -> Plan:
    request = Request("first", Engine.CONDA, MINOR, requirements, accelerator=accelerator)
    return make_plan(request, Sources(channels=(str(channel),)), folders, Silent())


def refusal(channel: str | Path, folders: Folders, *requirements: str) -> Problem:
    with pytest.raises(Problem) as raised:
        planned(channel, folders, *requirements)
    return raised.value


def test_plan_names_exact_files_and_changes_nothing(server: ChannelServer, channel: Path, folders: Folders) -> None:
    plan = planned(server.url, folders, "colours")
    assert {(f.package, f.version) for f in plan.files} == {("python", VERSION), ("colours", "3.1"), ("paint", "2.4")}
    for file in plan.files:
        here = channel / file.url.removeprefix(f"{server.url}/")
        assert here.parent.name == (THIS_SUBDIR if file.package == "python" else "noarch")
        assert file.sha256 == hashlib.sha256(here.read_bytes()).hexdigest()
        assert file.size_bytes == here.stat().st_size
        assert not file.cached
    assert plan.download_bytes == sum(file.size_bytes or 0 for file in plan.files)
    assert plan.installed_bytes > plan.download_bytes
    assert plan.interpreter is None
    assert not server.packages_sent()
    assert not folders.data.exists()
    assert not psutil.Process().children()


def test_channel_may_be_a_folder_with_any_name(channel: Path, tmp_path: Path, folders: Folders) -> None:
    folder = tmp_path / '频道 it\'s "mine" 🙂'
    folder.symlink_to(channel)
    plan = planned(folder, folders, "paint")
    assert {file.package for file in plan.files} == {"python", "paint"}
    assert plan.download_bytes == 0


@pytest.mark.parametrize(
    ("requirements", "code", "words"),
    [
        (("pint",), "no_such_package", "“pint”"),
        (("paint >=3",), "no_such_version", "There is 2.4, 1.9."),
        (("brush", "easel"), "conflict", "brush 7.0 needs paint <2, but easel 1.0 needs paint >=2."),
        (("antique",), "conflict", f"antique 0.1 needs python <3.8, but python {MINOR}.* is asked for."),
        (("brush", "paint >=2"), "conflict", "brush 7.0 needs paint <2, but paint >=2 is asked for."),
        (("paint ==2.4", "paint ==1.9"), "conflict", "exclude each other"),
        (("orphan",), "conflict", "orphan 1.0 needs frame >=1, which none of the channels has."),
        (("glow=*=cuda*",), "no_cuda", "glow 1.0 needs an NVIDIA driver for CUDA >=12."),
        (("paint [",), "bad_package", "“paint [” is not a package's name."),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(
    channel: Path, folders: Folders, requirements: tuple[str, ...], code: str, words: str
) -> None:
    problem = refusal(channel, folders, *requirements)
    assert problem.code == code
    assert words in str(problem)
    assert problem.cure is not None
    assert "{" not in str(problem)


def test_python_version_the_channel_does_not_have(channel: Path, folders: Folders) -> None:
    with pytest.raises(Problem) as raised:
        make_plan(Request("a", Engine.CONDA, "3.7", ("paint",)), Sources(channels=(str(channel),)), folders, Silent())
    assert raised.value.code == "no_python"
    assert VERSION in str(raised.value)


def test_no_network_is_told_from_no_channel(channel: Path, tmp_path: Path, folders: Folders) -> None:
    with ChannelServer(channel) as server:
        gone = server.url
        missing = refusal(f"{server.url}/nowhere", folders, "paint")
    assert missing.code == "no_channel"
    assert "nowhere" in str(missing)
    assert refusal(gone, folders, "paint").code == "no_network"
    (tmp_path / "empty").mkdir()
    assert refusal(tmp_path / "empty", folders, "paint").code == "no_channel"


def test_an_untrusted_server_is_not_called_no_network() -> None:
    problem = channel_problem(
        "error sending request for url (https://localhost:8732/ch/noarch/repodata_shards.msgpack.zst)\n"
        "Caused by: client error (Connect)\n"
        "Caused by: invalid peer certificate: UnknownIssuer"
    )
    assert problem.code == "certificate"


@pytest.mark.parametrize(("accelerator", "build"), [("cpu", "cpu_0"), ("cu126", "cuda_0"), ("cu130", "cuda_0")])
def test_build_for_a_chosen_driver_is_planned_without_one(
    channel: Path, folders: Folders, accelerator: str, build: str
) -> None:
    wanted = "glow=*=cuda*" if accelerator != "cpu" else "glow=*=cpu*"
    plan = planned(channel, folders, wanted, accelerator=accelerator)
    assert [file.filename for file in plan.files if file.package == "glow"] == [f"glow-1.0-{build}.conda"]


def test_channels_of_a_file_come_first_and_defaults_is_replaced(
    channel: Path, tmp_path: Path, folders: Folders
) -> None:
    (tmp_path / "mine").symlink_to(channel)
    text = f"channels: [./mine, defaults, nodefaults]\ndependencies: [python={MINOR}, paint]\n"
    (tmp_path / "environment.yml").write_text(text)
    request = request_of_file(tmp_path / "environment.yml", name="from file")
    plan = make_plan(request, Sources(channels=(str(channel),)), folders, Silent())
    assert {file.package for file in plan.files} == {"python", "paint"}
    assert "defaults" in " ".join(str(note) for note in plan.notes)
    assert str(channel) in " ".join(str(note) for note in plan.notes)


@pytest.mark.parametrize("spec", [f"python={VERSION}", f"python=={VERSION}", f"python>={VERSION},<4", "python>2|>=3"])
def test_what_a_file_says_of_python_is_planned_with(channel: Path, folders: Folders, spec: str) -> None:
    request = Request("first", Engine.CONDA, MINOR, ("paint",), python_specs=(spec,))
    plan = make_plan(request, Sources(channels=(str(channel),)), folders, Silent())
    assert ("python", VERSION) in {(file.package, file.version) for file in plan.files}


@pytest.mark.parametrize("spec", [f"python<{VERSION}", f"python={VERSION}.99", f"python!={VERSION}"])
def test_what_a_file_says_of_python_and_nothing_fits_is_told(channel: Path, folders: Folders, spec: str) -> None:
    request = Request("first", Engine.CONDA, MINOR, ("paint",), python_specs=(spec,))
    with pytest.raises(Problem) as raised:
        make_plan(request, Sources(channels=(str(channel),)), folders, Silent())
    assert "Python" in str(raised.value.cause)
    assert "{" not in str(raised.value)


def test_plan_is_cancelled_at_once(server: ChannelServer, folders: Folders) -> None:
    server.wait_s = 30.0
    request = Request("first", Engine.CONDA, MINOR, ("paint",))
    reporter = Keeping(lambda _: bool(server.log))
    began = time.monotonic()
    with pytest.raises(Cancelled):
        make_plan(request, Sources(channels=(server.url,)), folders, reporter)
    assert time.monotonic() - began < 10
    assert not psutil.Process().children()


def test_py_rattler_is_the_version_the_adapter_was_written_for() -> None:
    project = tomllib.loads((Path(__file__).parents[4] / "pyproject.toml").read_text(encoding="utf-8"))
    pinned = [text for text in project["project"]["dependencies"] if text.startswith("py-rattler")]
    assert pinned == [f"py-rattler=={version('py-rattler')}"]
