"""The command line when something goes wrong: places, outputs, internal errors."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from contract.api import check_client
from contract.cli import main
from contract.cli.base import LAST_VERDICT
from contract.engine.runner import Runner
from contract.engine.verdict import Verdict
from contract.faults import Kill
from contract.model import AnyCase, AnyExchange
from tests.checkout import ROOT

pytestmark = pytest.mark.usefixtures("elsewhere")

Capture = pytest.CaptureFixture[str]
QUICK = ("--profile", "quick")

# -- what cannot be written ------------------------------------------------------------

KEYS = ("client", *QUICK, "--scenario", "keys")
UNWRITABLE = {
    " ".join(KEYS): "the last verdict .contract/verdict.json",
    " ".join((*KEYS, "--json", "file/v.json")): "--json file/v.json",
    " ".join((*KEYS, "--report", "file/report")): "--report file/report/index.html",
    "check --report file/report": "--report file/report/index.html",
    "gate --driver minimal --json file/v.json": "give two clients",
    "gate --old-command a --new-command b --json file/v.json": "--json file/v.json",
    "prove --fault method-put --report file/r": "--report file/r/index.html",
    "drift --page page.md --json file/v.json": "--json file/v.json",
    "service --live datadoghq.eu --recordings file/r": "--recordings file/r/new.yaml",
    "replay keys/plain --json file/v.json": "--json file/v.json",
}


@pytest.mark.parametrize("line", UNWRITABLE)
def test_a_place_that_cannot_be_written_is_one_line_before_anything_is_sent(
    line: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in (
        "run.check_all",
        "client.check_client",
        "run.check_client",
        "service.check_live",
    ):
        monkeypatch.setattr(f"contract.cli.{place}", lambda *_, **options: 1 / 0)
    for name in ("play_faults", "find_drift", "compare"):
        monkeypatch.setattr(f"contract.cli.tools.{name}", lambda *_: 1 / 0)
    Path("file" if "file/" in line else ".contract").write_text("a file")
    assert main(shlex.split(line)) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(f"contract: {UNWRITABLE[line]}")
    assert (captured.err.count("\n"), captured.out) == (1, "")


def test_the_summary_of_a_step_must_be_writable(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "/dev/null/summary")
    assert main([*KEYS]) == 2
    error = capsys.readouterr().err
    assert error.startswith(
        "contract: GITHUB_STEP_SUMMARY /dev/null/summary: cannot be"
    )


def test_a_check_of_a_place_leaves_nothing_and_changes_nothing(
    capsys: Capture,
) -> None:
    Path("v.json").write_text("old")
    assert main([*KEYS, "--json", "v.json", "--report", "r", "--site", "mars"]) == 2
    assert Path("v.json").read_text() == "old"
    assert [path for path in Path("r").iterdir()] == []


@pytest.mark.parametrize("is_broken", [False, True], ids=["holds", "broken"])
def test_a_file_that_fails_later_is_a_warning_and_the_others_are_written(
    is_broken: bool,
    broken_client: list[str],
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def check(client: object, **options: Any) -> Verdict:
        verdict = check_client(client, **options)
        Path("report/index.html").mkdir(parents=True)
        return verdict

    monkeypatch.setattr("contract.cli.client.check_client", check)
    arguments = [*broken_client, *QUICK] if is_broken else [*KEYS]
    assert main([*arguments, "--report", "report", "--json", "v.json"]) == is_broken
    captured = capsys.readouterr()
    assert "contract: warning: --report report/index.html: cannot be" in captured.err
    assert captured.err.count("\n") == 1
    assert Path("v.json").read_text() == Path("report/verdict.json").read_text()
    assert {"junit.xml", "summary.md"} <= {
        path.name for path in Path("report").iterdir()
    }


def test_a_terminal_that_is_closed_later_is_a_warning(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **options: object) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr("contract.cli.finish.show", fail)
    monkeypatch.setattr("contract.cli.finish.discard_output", lambda: None)
    assert main([*KEYS]) == 0
    error = capsys.readouterr().err
    assert (
        error == "contract: warning: standard output: cannot be written: Broken pipe\n"
    )
    assert json.loads(LAST_VERDICT.read_text())["verdict"] == "holds"


# -- internal errors -------------------------------------------------------------------

REPORT = "this is a defect of the suite. Please report it, with"


@pytest.mark.parametrize("words", [["client"], ["--verbose", "client"]])
def test_an_internal_error_is_status_2_and_asks_to_report_it(
    words: list[str], capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("contract.cli.client.check_client", lambda *_, **options: 1 / 0)
    assert main(words) == 2, "1 would say that the client is broken"
    error = capsys.readouterr().err
    assert "\ncontract: internal error: ZeroDivisionError in contract/" in f"\n{error}"
    assert REPORT in error
    assert ("Traceback" in error) == ("--verbose" in words)
    assert error.count("\n") == 1 or "--verbose" in words


@pytest.mark.parametrize("is_verbose", [False, True])
def test_an_internal_error_in_a_run_outranks_a_broken_verdict(
    is_verbose: bool,
    broken_client: list[str],
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail_later(runner: Runner, case: AnyCase, exchange: AnyExchange) -> None:
        if runner.ledger.exchanges > 10:
            raise ValueError("secret words")
        note_played(runner, case, exchange)

    note_played = Runner.note_played
    monkeypatch.setattr(Runner, "note_played", fail_later)
    verbose = ["--verbose"] if is_verbose else []
    arguments = [*broken_client, *QUICK, *verbose, "--report", "r"]
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert "C-ALIVE/exception-on-key" in captured.out, "what was found so far"
    assert "ended early: internal error: ValueError" in captured.out
    assert REPORT in captured.err.splitlines()[-1]
    assert "secret words" not in captured.err.splitlines()[-1]
    assert ("Traceback" in captured.err) == is_verbose
    document = json.loads(Path("r/verdict.json").read_text())
    assert document["verdict"] == "unknown", "broken is a claim about the client"
    assert document["breaches"]


def test_an_internal_error_in_a_report_does_not_stop_the_others(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("contract.cli.finish.show", lambda *_, **options: 1 / 0)
    assert main([*KEYS]) == 2
    assert REPORT in capsys.readouterr().err
    assert LAST_VERDICT.exists()


def test_a_proof_shows_what_it_found_before_an_internal_error(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kills(*_: object) -> Iterator[Kill]:
        yield Kill("method-put", "C-METHOD", ("C-METHOD/x@",))
        raise ValueError

    monkeypatch.setattr("contract.cli.tools.play_faults", kills)
    assert main(["prove"]) == 2
    captured = capsys.readouterr()
    assert "1 of 1 fault caught" in captured.out
    assert REPORT in captured.err


def run_with_output(line: str, target: int | str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own with a standard output that is no good."""
    arguments = [sys.executable, "-m", "contract", *line.split()]
    command = f"exec {shlex.join(arguments)}"
    if target == "closed":
        command += " >&-"
    if isinstance(target, str) and target.startswith("/"):
        command += f" >{target}"
    if target == "deleted directory":
        command = f"mkdir gone; cd gone; rmdir ../gone; {command}"
    read_end, write_end = os.pipe()
    if target == "closed pipe":
        os.close(read_end)
    result = subprocess.run(  # noqa: S602
        command,
        shell=True,
        stdout=write_end,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    os.close(write_end)
    return result


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("closed", "standard output is closed; nothing was done"),
        ("closed pipe", "standard output is closed; nothing was done"),
        ("deleted directory", "the working directory was deleted"),
    ],
)
def test_bad_surroundings_are_one_line_with_status_2(target: str, message: str) -> None:
    result = run_with_output("client --profile quick --scenario keys", target)
    assert (result.returncode, result.stderr) == (2, f"contract: {message}\n")
    assert not Path(".contract").exists()


def test_a_list_that_cannot_be_written_is_one_line_with_status_2() -> None:
    result = run_with_output("list rules", "/dev/full")
    assert result.returncode == 2
    assert re.fullmatch("contract: ended without a verdict: .*\n", result.stderr)


@pytest.mark.parametrize(
    "proxy", ["http://[", f"http://{'u:hush@h:port'}", f"http://{'u:hush@'}"]
)
def test_an_ill_formed_proxy_is_one_line_without_its_password(
    proxy: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    monkeypatch.setenv("DD_API_KEY", "a" * 32)
    monkeypatch.setenv("DD_APP_KEY", "b" * 40)
    assert main(["service", "https://service.example"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("contract: HTTPS_PROXY: is no address of a proxy; accepted")
    assert error.count("\n") == 1
    assert "hush" not in error


@pytest.mark.parametrize("option", ["--page", "--openapi"])
def test_an_ill_formed_address_is_one_line(option: str, capsys: Capture) -> None:
    assert main(["drift", option, "https://["]) == 2
    assert capsys.readouterr().err == (
        "contract: not an address; accepted: http(s)://host/path\n"
    )
