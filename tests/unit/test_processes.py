"""Further processes: the results of one process, and what becomes of a lost one."""

import json
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import time
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from contract import check_all
from contract.clauses import CLIENT_CLAUSES, SERVICE_CLAUSES
from contract.engine.ledger import Coverage
from contract.engine.verdict import Verdict
from contract.errors import RecordedError, SubjectError
from contract.processes import beside, map_in_processes
from contract.redaction import Redactor
from contract.report.json_document import render_json
from contract.report.progress import Progress
from contract.report.view import make_view
from contract.spec import load
from tests.checkout import ROOT
from tests.unit.verdicts import verdict_of

SMALL: Any = {
    "scenarios": ["keys", "repeats"],
    "clauses": ["C-AUTH", "S-AUTH", "S-RATE"],
}


def document(verdict: Verdict) -> Any:
    """Return a JSON verdict without its times."""

    def timeless(members: dict[str, Any]) -> dict[str, Any]:
        return {k: v for k, v in members.items() if k not in ("seconds", "started")}

    text = render_json(make_view(verdict, load()))
    return json.loads(text, object_hook=timeless)


def test_two_processes_give_the_verdict_of_one() -> None:
    with Progress(quiet=True) as progress:
        two = check_all(**SMALL, jobs=2, progress=progress)
    one = check_all(**SMALL, jobs=1)
    assert document(two) == document(one)
    assert list(document(two)) == list(document(one))
    assert len(progress.beside) == 2
    assert progress.latest is not None
    ledger, _ = progress.latest
    beside = [tally.exchanges for tally in progress.beside]
    assert ledger.exchanges + sum(beside) == two.exchanges


@pytest.mark.parametrize(
    "clause", [*CLIENT_CLAUSES, *SERVICE_CLAUSES], ids=lambda clause: clause.id
)
def test_a_clause_is_itself_in_another_process(clause: Any) -> None:
    assert pickle.loads(pickle.dumps(clause)) is clause  # noqa: S301 - our own


def test_a_verdict_keeps_its_coverage_secrets_and_error_in_another_process() -> None:
    coverage = Coverage(load())
    coverage.note("request", {"data": 1})
    verdict = verdict_of(
        coverage=coverage,
        error=LookupError("aq2eepr4ooqu7mahX"),
        redactor=Redactor.of_environment({"key": "aq2eepr4ooqu7mahX"}),
    )
    copy = pickle.loads(pickle.dumps(verdict))  # noqa: S301 - our own
    assert copy.coverage.gaps == coverage.gaps != Coverage(load()).gaps
    assert copy.redactor.text("is aq2eepr4ooqu7mahX") == "is [key]"
    assert isinstance(copy.error, RecordedError)
    assert str(copy.error) == "internal error: LookupError"


# -- the end of a process --


def play(word: str) -> str:
    """Return a word in capitals. `lost` ends the process."""
    if word == "lost":
        os.kill(os.getpid(), signal.SIGKILL)
    return word.upper()


@pytest.mark.parametrize("processes", [1, 2])
def test_results_come_in_order(processes: int) -> None:
    assert list(map_in_processes(play, "abcde", processes)) == list("ABCDE")


def test_a_lost_process_is_one_line() -> None:
    with pytest.raises(SubjectError, match=r"^a process of the suite was lost$"):
        list(map_in_processes(play, ["lost", "b"], 2))


def play_or_end(options: Any, is_stopped: bool = False) -> str:
    """Play until the suite stops, or only here if the option says so."""
    if not multiprocessing.parent_process():
        return f"here, {is_stopped}"
    os.kill(os.getpid(), signal.SIGINT)  # as Ctrl-C does to all processes
    if options["ends"]:
        os.kill(os.getpid(), signal.SIGKILL)
    try:
        while True:
            options["progress"](SimpleNamespace(exchanges=1, breaches=[]), "keys")
    except KeyboardInterrupt:
        return "stopped"


@pytest.mark.parametrize(
    ("ends", "is_stopped", "result"),
    [
        (False, True, "stopped"),
        (True, False, "here, False"),
        (True, True, "here, True"),
    ],
    ids=["interrupted", "lost", "lost and interrupted"],
)
def test_a_result_is_not_lost(ends: bool, is_stopped: bool, result: str) -> None:
    with beside([play_or_end] * 2, {"ends": ends}) as wait:
        assert wait(is_stopped) == [result] * 2


def test_ctrl_c_keeps_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    result = Future.result

    def interrupt_once(self: Future[Any]) -> Any:
        monkeypatch.setattr(Future, "result", result)
        raise KeyboardInterrupt

    monkeypatch.setattr(Future, "result", interrupt_once)
    with beside([play_or_end] * 2, {"ends": False}) as wait:
        assert wait(False) == ["stopped"] * 2


# -- a copy of this process --

COPY = """
import os, signal, sys, time
from contract.processes import forked, is_forkable

def answer(connection, word):
    connection.send(os.getpid())
    if word == "fails":
        raise ValueError(word)
    time.sleep(60)

def visit(word):
    with forked(answer, word) as connection:
        process = connection.recv()
        assert process != os.getpid()
        os.kill(process, signal.SIGINT)  # as Ctrl-C does to all processes
        if word == "lost":
            os.kill(process, signal.SIGKILL)
        if word in ("fails", "lost"):
            try:
                connection.recv()
            except EOFError:
                return "ended"
        if word == "interrupted":
            raise KeyboardInterrupt
        return "is there"

assert is_forkable()
for word in ("usual", "fails", "lost", "interrupted"):
    try:
        print(word, visit(word))
    except KeyboardInterrupt:
        print(word)
    try:
        os.waitpid(-1, os.WNOHANG)
        print("a process is left")
    except ChildProcessError:
        pass
"""


def test_a_function_is_called_in_a_copy_of_this_process() -> None:
    command = [sys.executable, "-c", COPY]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    expected = ["usual is there", "fails ended", "lost ended", "interrupted"]
    assert done.stdout.splitlines() == expected
    assert done.stderr == ""


@pytest.mark.slow
@pytest.mark.parametrize("first_s", [0.2, 0.35, 0.5, 0.7, 1.0, 1.5])
@pytest.mark.parametrize("command", ["check", "service"])
def test_two_interrupts_end_a_run(command: str, first_s: float, tmp_path: Path) -> None:
    """Whatever is under way, no process is left that waits for ever."""
    words = [sys.executable, "-m", "contract", command, "--profile", "quick"]
    with subprocess.Popen(  # noqa: S603
        words,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        for delay_s in (first_s, 0.3):
            time.sleep(delay_s)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT)
        try:
            process.communicate(timeout=20)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode in (0, 2, -signal.SIGINT)
