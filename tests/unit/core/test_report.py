"""The report: everything a developer needs, nothing that identifies the user or opens a door."""

from __future__ import annotations

import getpass
import logging
import socket
from pathlib import Path

import pytest

from aienv_gui.core import report
from aienv_gui.core.errors import Problem
from aienv_gui.core.storage import resource
from aienv_gui.core.wording import tr, tr_count, use_language
from tests.conftest import LogWatch


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("https://anna:hunter2@mirror.example/simple", "hunter2"),
        ("https://anna@mirror.example/simple", "anna"),
        ("https://anna:p@ssw0rd@mirror.example/simple", "ssw0rd"),
        ("GET https://mirror.example/simple?token=abc123def&x=1", "abc123def"),
        ("Authorization: Bearer abcdef.ghijkl-mnop", "abcdef.ghijkl-mnop"),
        ("authorization=Basic YW5uYTpodW50ZXIy", "YW5uYTpodW50ZXIy"),
        ("HF_TOKEN=hf_abcdefghijklmnop", "hf_abcdefghijklmnop"),
        ("ghp_abcdefghijklmnop1234 was refused", "ghp_abcdefghijklmnop1234"),
        ('"password": "correct horse"', "correct"),
        ("--api-key=0123456789", "0123456789"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm5hIn0.abcdef", "eyJzdWIiOiJhbm5hIn0"),
    ],
)
def test_secrets_are_removed(text: str, secret: str) -> None:
    assert secret not in report.redact(text)


def test_what_is_no_secret_stays() -> None:
    text = "torch 2.13.0 from https://mirror.example/simple/torch/ (894 MB), token count 12"
    assert report.redact(text) == text


def test_home_user_and_machine_are_removed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home = tmp_path / "house"
    monkeypatch.setattr(Path, "home", lambda: home)
    monkeypatch.setattr(getpass, "getuser", lambda: "anna")
    monkeypatch.setattr(socket, "gethostname", lambda: "labor-7")
    redacted = report.redact(f"{home / 'runs' / 'digits'} of anna on labor-7; annanas {home}x")
    assert redacted == f"~{Path('/runs/digits')} of <user> on <machine>; annanas {home}x"


def test_a_report_is_english_in_every_language(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = Problem(
        tr("The disk is full."),
        cause=tr("It takes {time}.", time=tr_count("{count} second", "{count} seconds", 5)),
        cure=tr("Update AIEnv."),
        details="line one\nhttps://a:b@c.example/",
        code="disk_full",
    )
    use_language("zh_CN", resource("locale"))
    text = report.make_report(problem)
    assert "Problem: The disk is full. [disk_full]" in text
    assert "Cause: It takes 5 seconds." in text
    assert "Cure: Update AIEnv." in text
    assert "<credentials>@c.example" in text
    assert "Python 3." in text


def test_the_log_is_redacted_rotated_and_part_of_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    handlers = report.start_log(tmp_path / "logs")
    try:
        logging.getLogger("aienv_gui.test").info("fetching https://anna:hunter2@mirror.example/")
        text = report.make_report(Problem(tr("The disk is full.")))
    finally:
        report.stop_log(handlers)
        root.setLevel(level)
    assert root.handlers == before
    written = (tmp_path / "logs" / "aienv.log").read_text(encoding="utf-8")
    for where in (written, text):
        assert "fetching https://<credentials>@mirror.example/" in where
        assert "hunter2" not in where
    assert capsys.readouterr().err == ""


def test_without_permission_for_the_log_the_program_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], expected_logs: LogWatch
) -> None:
    expected_logs.expect("WARNING .*no log file in")
    (tmp_path / "logs").write_text("in the way", encoding="utf-8")
    level = logging.getLogger().level
    handlers = report.start_log(tmp_path / "logs")
    report.stop_log(handlers)
    logging.getLogger().setLevel(level)
    assert "no log file in" in capsys.readouterr().err
