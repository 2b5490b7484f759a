"""Progress, proofs and the gate on a terminal."""

import io
import re
from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from contract.cases.parameters import CREDENTIALS
from contract.engine.comparison import Difference, GateResult, Impact
from contract.engine.ledger import Ledger
from contract.model import Label
from contract.report.progress import Progress
from contract.report.terminal import show_gate, show_matrix
from tests.unit.driver_support import eventually
from tests.unit.verdicts import KILLS, SPEC, client_exchange, verdict_of

# -- progress, proofs and the gate -----------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def set_clock(monkeypatch: pytest.MonkeyPatch, *times_s: float) -> None:
    clock = SimpleNamespace(monotonic=iter(times_s).__next__)
    monkeypatch.setattr("contract.report.progress.time", clock)
    monkeypatch.setattr("contract.report.progress.TICK_S", 3_600)


@pytest.fixture
def ledger() -> Ledger:
    ledger = Ledger(SPEC)
    ledger.exchanges = 7
    return ledger


def test_progress_is_a_plain_line_every_ten_seconds(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.StringIO()
    monkeypatch.setattr("sys.stderr", stream)
    set_clock(monkeypatch, 0.0, 1.0, 9.0, 11.0, 15.0, 22.0)
    with Progress() as progress:
        for scenario in ("ids", "ids", "bodies", "bodies", "bodies"):
            progress(ledger, scenario)
    assert stream.getvalue() == (
        "11 s  bodies, 7 exchanges, 0 breaches\n22 s  bodies, 7 exchanges, 0 breaches\n"
    )


@pytest.mark.parametrize("make", [Terminal, io.StringIO], ids=["terminal", "file"])
def test_quiet_progress_writes_nothing(
    ledger: Ledger, make: type[io.StringIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = make()
    monkeypatch.setattr("sys.stderr", stream)
    set_clock(monkeypatch, 0.0, 20.0)
    with Progress(quiet=True) as progress:
        progress(ledger, "ids")
    assert stream.getvalue() == ""


def test_progress_on_a_terminal_is_one_line_that_goes_away(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "41")
    stream = Terminal()
    monkeypatch.setattr("sys.stderr", stream)
    set_clock(monkeypatch, 0.0, 1.0, 2.0)
    with Progress() as progress:
        progress(ledger, "ids")
        progress(ledger, "bodies")
    assert stream.getvalue().split("\r")[1::2] == [
        "1 s  ids, 7 exchanges, 0 breaches       ",
        "2 s  bodies, 7 exchanges, 0 breaches    ",
        " " * 40,
    ]


@pytest.mark.parametrize("make", [Terminal, io.StringIO], ids=["terminal", "file"])
def test_progress_goes_on_while_a_call_hangs(
    ledger: Ledger, make: type[io.StringIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = make()
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setenv("COLUMNS", "60")
    for name in ("REDRAW_S", "TICK_S", "LINE_S"):
        monkeypatch.setattr(f"contract.report.progress.{name}", 0.01)
    with Progress() as progress:
        assert eventually(lambda: "0 s  starting, waiting" in stream.getvalue())
        assert eventually(lambda: progress(ledger, "ids") or "ids" in stream.getvalue())
        text = "ids, 7 exchanges, 0 breaches, waiting"
        assert eventually(lambda: text in stream.getvalue())


def printed(print_to: Callable[..., None], content: Any) -> str:
    stream = io.StringIO()
    print_to(content, Console(file=stream, width=100))
    return stream.getvalue()


def test_the_kill_matrix_names_the_faults_that_were_missed() -> None:
    text = printed(partial(show_matrix, rules=False), KILLS)
    assert "1 of 2 faults caught by the clause they name\nmissed: two\n" in text
    assert re.search(r"one +C-BODY +C-ALIVE C-BODY", text)


def test_the_rules_table_has_the_breaches_of_the_clause_that_a_fault_names() -> None:
    lines = printed(partial(show_matrix, rules=True), KILLS).splitlines()
    assert [line.split() for line in lines[:2]] == [
        ["one", "C-BODY", "C-BODY/x@"],
        ["two", "C-HOST", "nothing"],
    ]


def gate_result(*items: Difference, newly_reached: int = 0) -> GateResult:
    """Return the result of a gate with these differences."""
    return GateResult(verdict_of(), verdict_of(), items, newly_reached)


def test_the_gate_shows_differences_without_keys() -> None:
    key = CREDENTIALS["plain"].api_key
    example = client_exchange(
        labels=(Label("", "plain"),), credential=CREDENTIALS["plain"]
    )
    item = Difference(Impact.BREAKING, f"sends {key} \x1b[31m", example, 2)
    text = printed(show_gate, gate_result(item))
    assert text.startswith(
        "breaking sends [api key] \\x1b[31m (2 times; valid-bodies/plain)\nold: client 1.0, "
    )
    assert printed(show_gate, gate_result()).startswith("no difference\n")


def test_the_gate_shows_the_first_differences_of_each_impact() -> None:
    example = client_exchange(labels=(Label("", "plain"),))
    for impact, shown in (Impact.NEUTRAL, 2), (Impact.BREAKING, 20):
        items = [Difference(impact, f"{n}", example, 1) for n in range(25)]
        text = printed(show_gate, gate_result(*items))
        assert text.count("(1 time;") == shown
        assert f"{impact:8} {25 - shown} more (see --verbose)\n" in text
        text = printed(partial(show_gate, verbose=True), gate_result(*items))
        assert text.count("(1 time;") == 25


def test_the_gate_shows_apart_what_is_newly_reached_or_volatile() -> None:
    example = client_exchange(labels=(Label("", "plain"),))
    items = [
        Difference(Impact.WARNING, "a warning", example, 1, is_newly_reached=True),
        Difference(Impact.VOLATILE, "a clock", example, 7),
    ]
    lines = printed(show_gate, gate_result(*items, newly_reached=3)).splitlines()
    assert lines[:2] == [
        "volatile a clock (7 times; valid-bodies/plain)",
        "no other difference",
    ]
    assert lines[2].startswith("newly reached: 3 exchanges in which the old client ")
    assert lines[3] == "warning  a warning (1 time; valid-bodies/plain)"
