"""The Python API: clients and services of every sort, and options that are checked."""

import json
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

import contract
from contract.cases.client import raw_response
from contract.cases.scenario import Scenario
from contract.clauses import CLIENT_CLAUSES, SERVICE_CLAUSES
from contract.client import SITES, SnapshotClient
from contract.engine.baseline import Baseline, write_baseline
from contract.engine.ledger import Ledger
from contract.engine.verdict import Verdict
from contract.model import Call, Label, Outcome, SubjectKind
from contract.sandbox import ORGS, Sandbox, serving
from contract.spec import load
from tests.unit.client_cases import client_case

DRIVER = [sys.executable, "-m", "contract.drivers.minimal"]


class OwnClient:
    """The minimal client as a user would put a client of their own under test."""

    def update(self, call: Call) -> Outcome | dict[str, Any]:
        with SnapshotClient(
            site=call.site,
            api_key=call.api_key,
            app_key=call.app_key,
            timeout=call.timeout_s,
        ) as client:
            snapshot = client.update(call.snapshot_id, call.body)
        return {"outcome": "snapshot", "snapshot": snapshot.to_json()}


class IdleClient:
    """A client that refuses everything."""

    def update(self, call: Call) -> Outcome:
        return Outcome("refused", message="not today")


# -- clients ---------------------------------------------------------------------------


@pytest.mark.slow
def test_the_minimal_client_holds_through_a_driver_over_tls_too() -> None:
    verdict = contract.check_client(DRIVER, profile="quick")
    verdict.assert_holds()
    assert (verdict.name, verdict.breaches, verdict.not_judged) == ("minimal", (), {})


def test_an_object_of_this_process_is_judged_over_tls() -> None:
    verdict = contract.check_client(
        OwnClient,
        profile="quick",
        clauses=["C-HOST", "C-AUTH", "C-BODY", "C-TLS"],
        scenarios=["sites", "certificates"],
    )
    verdict.assert_holds()
    assert (verdict.name, verdict.kind) == ("OwnClient", SubjectKind.CLIENT)
    assert verdict.not_judged == {}


def test_a_client_that_refuses_everything_is_broken() -> None:
    verdict = contract.check_client(IdleClient, profile="quick", scenarios=["sites"])
    assert verdict.verdict == "broken"
    with pytest.raises(AssertionError, match=r"^IdleClient: broken\nC-[A-Z]+/"):
        verdict.assert_holds()


class NanClient:
    """A client that reads whatever Python's json reads."""

    def update(self, call: Call) -> Outcome:
        url = f"https://api.{call.site}{load().path_of(call.snapshot_id)}"
        keys = dict(zip(load().auth_headers, (call.api_key, call.app_key), strict=True))
        response = requests.patch(url, json=call.body, headers=keys, timeout=5)
        return Outcome("snapshot", snapshot=json.loads(response.text))


def test_nan_is_a_false_success_and_alike_on_every_site() -> None:
    body = b'{"data": {"type": "snapshots"}, "unknown": NaN}'
    case = client_case(raw_response(body), labels=(Label("body", "NaN"),))
    verdict = contract.check_client(
        NanClient,
        profile="quick",
        scenarios=[Scenario("one", lambda: iter([case]))],
        clauses=["C-ANSWER", "C-PARITY"],
    )
    assert [b.id for b in verdict.breaches] == ["C-ANSWER/unreadable-response@syntax"]
    assert verdict.judged_total == {"C-ANSWER": 8, "C-PARITY": 8}


def test_threads_check_one_client_after_the_other() -> None:
    def check(_: int) -> Verdict:
        return contract.check_client(
            OwnClient, profile="quick", scenarios=["media-types"], sites=SITES[:2]
        )

    with ThreadPoolExecutor(3) as pool:
        verdicts = list(pool.map(check, range(3)))
    assert [(v.verdict, v.breaches) for v in verdicts] == [("holds", ())] * 3


def test_accepted_breaches_do_not_count(tmp_path: Path) -> None:
    path = tmp_path / "accepted.yaml"
    options: dict[str, Any] = {"profile": "quick", "scenarios": ["keys"]}
    first = contract.check_client(IdleClient, **options)
    write_baseline(path, first, Baseline(), first.started.date())
    verdict = contract.check_client(IdleClient, accepted=path, **options)
    assert (verdict.verdict, len(verdict.unexplained)) == ("broken", len(first.causes))
    path.write_text(path.read_text().replace("reason: ''", "reason: Known."))
    verdict = contract.check_client(IdleClient, accepted=path, **options)
    assert (verdict.verdict, verdict.stale, verdict.failures) == ("holds", (), ())


def test_the_caller_follows_a_run_and_may_end_it() -> None:
    exchanges = []

    def progress(ledger: Ledger, scenario: str) -> bool:
        exchanges.append((scenario, ledger.exchanges))
        return len(exchanges) == 5

    verdict = contract.check_client(
        profile="quick", scenarios=["keys"], progress=progress
    )
    assert exchanges == [("keys", number) for number in range(1, 6)]
    assert (verdict.exchanges, verdict.verdict) == (5, "unknown")
    assert 0 < verdict.share < 1


# -- services --------------------------------------------------------------------------


def check(*urls: str, **options: Any) -> Verdict:
    """Check services with the keys of the sandbox."""
    own, other = (org.keys for org in ORGS)
    options = {"profile": "quick", "scenarios": ["repeats"], **options}
    return contract.check_service(*urls, keys=own, other_keys=other, **options)


def test_several_urls_are_sites_that_must_behave_alike() -> None:
    with serving(Sandbox()) as one, serving(Sandbox()) as two:
        verdict = check(one, two, two)
    hosts = tuple(url.removeprefix("http://") for url in (one, two))
    assert (verdict.sites, verdict.verdict) == (hosts, "holds")
    assert verdict.judged_total["S-PARITY"] > 0
    assert "S-PARITY" not in verdict.not_judged


def test_keys_come_from_the_environment(
    elsewhere: Path, sandbox_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(
        contract.UsageError, match=r"^no keys: set DD_API_KEY and DD_APP"
    ):
        contract.check_service(sandbox_url)
    monkeypatch.setenv("DD_API_KEY", ORGS[0].api_key)
    monkeypatch.setenv("DD_APP_KEY", ORGS[0].app_key)
    verdict = contract.check_service(
        sandbox_url, profile="quick", scenarios=["repeats", "organizations"]
    )
    assert verdict.verdict == "holds"
    assert verdict.not_judged["S-ORG"] == "no keys of a second organization were given"


# -- both ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def main_job() -> Verdict:
    """The verdict on both halves at the quick profile."""
    return contract.check_all(profile="quick")


def test_the_main_job_judges_every_clause_and_none_is_broken(
    main_job: Verdict,
) -> None:
    main_job.assert_holds()
    assert (main_job.not_judged, main_job.breaches) == ({}, ())
    assert len(main_job.clauses) == len(CLIENT_CLAUSES) + len(SERVICE_CLAUSES)
    names = [(part.kind.value, part.name) for part in main_job.parts]
    assert names == [
        ("client", "minimal"),
        ("service", "sandbox"),
        ("service", "sandbox"),
    ]
    assert [len(part.sites) for part in main_job.parts] == [len(SITES), 2, 1]


def test_a_quick_run_judges_every_clause_for_clients(main_job: Verdict) -> None:
    quick = main_job.parts[0]
    assert (quick.not_judged, quick.skipped, quick.cut_off) == ({}, {}, {})
    assert len(quick.judged_total) == len(CLIENT_CLAUSES)


def test_a_quick_run_exercises_every_keyword_both_ways(main_job: Verdict) -> None:
    coverage = main_job.parts[0].coverage
    assert coverage.gaps == []
    shares = {name: coverage.share(name, "broken") for name in coverage.schemas}
    assert shares == {"request": (17, 17), "200": (27, 27), "429": (5, 5)}


@pytest.mark.parametrize(
    ("options", "numbers"),
    [
        ({"clauses": ["C-HOST"], "scenarios": ["keys"]}, [len(SITES)]),
        (
            {"clauses": ["C-HOST"], "sites": ["datadoghq.eu"], "scenarios": ["keys"]},
            [1],
        ),
        ({"clauses": ["S-AUTH"], "scenarios": ["keys"]}, [2]),
        ({"clauses": ["S-RATE", "S-REPEAT"], "scenarios": ["repeats"]}, [2, 1]),
        ({"scenarios": ["repeats"], "clauses": ["S-REPEAT"]}, [2]),
    ],
    ids=["clients", "one site", "services", "rate limit", "no rate limit"],
)
def test_only_the_named_parts_are_played(
    options: dict[str, Any], numbers: list[int]
) -> None:
    verdict = contract.check_all(profile="quick", **options)
    assert [len(part.sites) for part in verdict.parts] == numbers
    assert (verdict.verdict, verdict.not_judged) == ("holds", {})


# -- arguments that cannot be used -----------------------------------------------------

Call_ = Callable[[], Verdict]
client, service, both = (
    contract.check_client,
    contract.check_service,
    contract.check_all,
)
BAD_ARGUMENTS: dict[str, Call_] = {
    "unknown profile 'slow' (one of: quick, ci, nightly)": lambda: client(
        profile="slow"
    ),
    "did you mean datadoghq.com?": lambda: client(sites=["app.datadoghq.com"]),
    "unknown clause 'C-NONE' (one of: C-METHOD, ": lambda: client(clauses=["C-NONE"]),
    "unknown clause 'C-HOST' (one of: S-ACCEPT, ": lambda: service(clauses=["C-HOST"]),
    "unknown clause 'X' (one of: C-METHOD, ": lambda: both(clauses=["X"]),
    "unknown scenario 'none' (one of: valid-bodies, ": lambda: client(
        scenarios=["none"]
    ),
    "unknown scenario 'x' (one of: valid-bodies, ": lambda: both(scenarios=["x"]),
    "no clause is judged in any of these scenarios": lambda: both(
        clauses=["C-HOST"], scenarios=["repeats"]
    ),
    "--accepted no.yaml: cannot be read: No such file": lambda: client(
        accepted=Path("no.yaml")
    ),
    "--python nowhere:factory: ModuleNotFoundError": lambda: client("nowhere:factory"),
    "--python 'json': must be MODULE:FACTORY": lambda: client("json"),
    "--python json:__name__: __name__ cannot be called": lambda: client(
        "json:__name__"
    ),
    "no client: list has no update(call)": lambda: client(list),
    "no client: its factory raised ZeroDivisionError": lambda: client(lambda: 1 / 0),
    "no client: its factory raised SystemExit: 0": lambda: client(lambda: sys.exit(0)),
    "an empty client": lambda: client([]),
    "an empty client; the minimal one is None": lambda: client(""),
    "no driver: ": lambda: client([sys.executable, "-c", "pass"]),
    "no driver: /no/such/program": lambda: client(["/no/such/program"]),
    "127.0.0.1:9: no connection: ": lambda: check("http://127.0.0.1:9"),
}


@pytest.mark.parametrize("message", BAD_ARGUMENTS)
def test_an_argument_that_cannot_be_used_is_one_clear_line(
    elsewhere: Path, message: str
) -> None:
    with pytest.raises(contract.ContractError) as error:
        BAD_ARGUMENTS[message]()
    assert message in str(error.value)
    assert "\n" not in str(error.value)


# -- the package -----------------------------------------------------------------------


def test_every_public_name_is_imported_on_first_use() -> None:
    for name in contract.__all__:
        value = getattr(contract, name)
        assert name.isupper() or value.__name__ == name
        assert name in dir(contract)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        contract.nothing  # noqa: B018
