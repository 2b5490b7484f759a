"""Ordinary clients on five HTTP libraries, each put under test in six lines."""

import sys
import urllib.request
from dataclasses import replace
from itertools import islice
from pathlib import Path

import aiohttp.connector  # before the sites: it reads the authorities when imported
import pytest

import contract
from contract.cases.client import client_scenarios
from contract.servers.fake_sites import FakeSites
from contract.spec import load
from tests.checkout import ROOT

EXAMPLES = ROOT / "tests" / "examples"
NAMES = ("requests", "urllib3", "httpx", "async_httpx", "aiohttp")
PLAYED = ("snapshots", "documented-errors", "transfers", "kept-connections")
MOST_CASES = 16
CLAUSES = ("C-AUTH", "C-BODY", "C-SNAPSHOT", "C-ERROR", "C-ALIVE", "C-RETRY")


def lines(path: Path) -> list[str]:
    return [line for line in path.read_text().splitlines() if line.strip()]


def test_each_library_has_an_example() -> None:
    files = {path.name for path in EXAMPLES.glob("*.py")}
    assert files == {
        f"{name}_{part}.py" for name in NAMES for part in ("client", "tested")
    }


@pytest.mark.parametrize("name", NAMES)
def test_an_ordinary_client_is_put_under_test_in_six_lines(name: str) -> None:
    assert 50 <= len(lines(EXAMPLES / f"{name}_client.py")) <= 70
    assert len(lines(EXAMPLES / f"{name}_tested.py")) <= 6


@pytest.mark.parametrize("name", NAMES)
def test_an_ordinary_client_holds(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    scenarios = [
        replace(s, cases=lambda s=s: islice(s.cases(), MOST_CASES), strategy=None)
        for s in client_scenarios(load())
        if s.name in PLAYED
    ]
    verdict = contract.check_client(
        f"tests.examples.{name}_tested:update",
        profile="quick",
        sites=["datadoghq.eu"],
        scenarios=scenarios,
    )
    verdict.assert_holds()
    judged = {clause for clause, number in verdict.judged if number}
    assert judged >= set(CLAUSES)


def test_what_a_library_read_before_is_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    context = aiohttp.connector._SSL_CONTEXT_VERIFIED
    opener = urllib.request.build_opener()
    monkeypatch.setattr(urllib.request, "_opener", opener)
    with FakeSites(load().sites) as server, server.in_environment():
        assert urllib.request._opener is None  # type: ignore[attr-defined]
        assert aiohttp.connector._SSL_CONTEXT_VERIFIED is not context
    assert urllib.request._opener is opener  # type: ignore[attr-defined]
    assert aiohttp.connector._SSL_CONTEXT_VERIFIED is context


def test_no_library_is_imported_to_be_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "aiohttp.connector", raising=False)
    with FakeSites(load().sites) as server, server.in_environment():
        assert "aiohttp.connector" not in sys.modules
