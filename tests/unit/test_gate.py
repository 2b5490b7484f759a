"""The gate: two clients, the same cases, every difference classed."""

import sys
from pathlib import Path

import pytest

from contract.cases.client import client_scenarios
from contract.clauses import CLIENT
from contract.cli import main
from contract.engine.comparison import Gate, gate
from contract.engine.runner import PROFILES
from contract.faults import CLIENT_FAULTS, Faulty
from contract.servers.mock import MockedSites
from contract.spec import load
from contract.subjects.in_process import (
    ClientAdapter,
    ClientSubject,
    MinimalClientAdapter,
)

SPEC = load()


def faulty(name: str) -> Faulty:
    return Faulty(next(each for each in CLIENT_FAULTS if each.id == name))


def gated(old: ClientAdapter, new: ClientAdapter, *names: str) -> Gate:
    scenarios = [
        each
        for each in client_scenarios(SPEC)
        if each.name in (names or ("valid-bodies",))
    ]
    with MockedSites(SPEC.sites) as mock:
        subjects = ClientSubject(old, mock, "old"), ClientSubject(new, mock, "new")
        return gate(*subjects, scenarios, CLIENT, SPEC, profile=PROFILES["quick"])


def test_the_same_client_twice_has_no_difference() -> None:
    found = gated(MinimalClientAdapter(), MinimalClientAdapter())
    assert (found.differences, found.breaking, found.new.verdict) == (
        [],
        False,
        "holds",
    )
    assert found.new.cases == found.old.cases
    assert found.new.exchanges == found.old.exchanges
    assert found.new.judged == found.old.judged


def test_a_new_breach_is_breaking_and_comes_first() -> None:
    found = gated(MinimalClientAdapter(), faulty("body-start-as-double"))
    assert found.breaking
    assert found.new.verdict == "broken"
    assert found.differences[0].kind == "breaking"
    assert "/data/attributes/start rounded" in found.differences[0].what
    assert ("neutral", "another body") in [
        (each.kind, each.what) for each in found.differences
    ]


def test_an_old_breach_that_is_gone_is_fixed() -> None:
    found = gated(faulty("body-start-as-double"), MinimalClientAdapter())
    assert not found.breaking
    assert found.new.verdict == "holds"
    assert found.differences[0].kind == "fixed"


def test_what_both_break_is_no_difference() -> None:
    found = gated(faulty("media-accept-xml"), faulty("media-accept-xml"))
    assert found.differences == []
    assert found.new.verdict == "holds", (
        "the old client's breaches are accepted in the new one's verdict"
    )
    assert all(breach.accepted for breach in found.new.breaches.values())


def test_another_header_that_breaks_nothing_is_neutral() -> None:
    found = gated(MinimalClientAdapter(), faulty("parity-eu-media"), "snapshots")
    assert "header accept: */*, was application/json" in [
        each.what for each in found.differences
    ]


DRIVER = f"{sys.executable} -m contract.drivers.minimal"


def test_two_commands_are_gated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    given = [
        "gate",
        "--old-command",
        DRIVER,
        "--new-command",
        DRIVER,
        "--profile",
        "quick",
        "--scenario",
        "certificates",
    ]
    assert main(given) == 0
    assert "no difference" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--driver", "python"],
        ["--old-command", "a"],
        ["--driver", "python", "--old-command", "a"],
    ],
    ids=" ".join,
)
def test_anything_but_two_clients_is_one_clear_line(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["gate", *arguments]) == 2
    shown = capsys.readouterr().err
    assert "give two clients: " in shown
    assert shown.count("\n") == 1
