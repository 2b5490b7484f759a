"""Sites that the page does not have: played like the others, judged, and marked."""

import json
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from contract import SnapshotClient, check_client, outcomes
from contract.cli import main
from contract.client import ApiError, BrokenAnswer, Refused, SnapshotError
from contract.engine.verdict import Verdict
from contract.errors import UsageError
from contract.model import Call
from contract.report.rendering import RENDERERS
from contract.report.view import make_view, remarks
from contract.spec import load

OWN = "uk1.datadoghq.com"
MARK = f"{OWN} (not of the page)"
SITES = (OWN, "datadoghq.eu")
SMALL: dict[str, Any] = {
    "profile": "quick",
    "own_sites": [OWN],
    "sites": SITES,
    "scenarios": ["keys", "sites", "certificates"],
}
as_outcomes = outcomes(
    refused=Refused,
    api_error=ApiError,
    broken_answer=BrokenAnswer,
    failed=SnapshotError,
)


def client_of(call: Call, **settings: Any) -> SnapshotClient:
    return SnapshotClient(
        api_key=call.api_key, app_key=call.app_key, timeout=call.timeout_s, **settings
    )


@as_outcomes
def right(call: Call) -> Any:
    with client_of(call, site=call.site, own_sites=[OWN]) as client:
        return client.update(call.snapshot_id, call.body).to_json()


@as_outcomes
def elsewhere_for_own(call: Call) -> Any:
    site = "datadoghq.eu" if call.site == OWN else call.site
    with client_of(call, site=site) as client:
        return client.update(call.snapshot_id, call.body).to_json()


@as_outcomes
def only_documented(call: Call) -> Any:
    with client_of(call, site=call.site) as client:
        return client.update(call.snapshot_id, call.body).to_json()


@pytest.fixture(scope="module")
def minimal() -> Verdict:
    return check_client(**SMALL)


def test_the_minimal_client_is_judged_on_it(minimal: Verdict) -> None:
    assert minimal.verdict == "holds"
    assert (minimal.sites, minimal.own_sites) == (SITES, (OWN,))
    for clause in ("C-HOST", "C-AUTH", "C-TLS"):
        assert minimal.judged[clause, OWN], clause
    assert minimal.judged_total["C-PARITY"]
    assert "sites/site not of the page" in map(str, minimal.kinds)


def test_it_is_added_to_those_of_the_page() -> None:
    verdict = check_client(profile="quick", own_sites=[OWN], scenarios=["keys"])
    assert verdict.sites == (*load().sites, OWN)
    assert load().own_sites == ()


def test_reports_say_that_it_is_not_of_the_page(minimal: Verdict) -> None:
    view = make_view(minimal, load())
    texts = {name: render(view) for name, render in RENDERERS.items()}
    assert f"sites that are not of the page: {OWN}" in remarks(view)
    document = json.loads(texts["verdict.json"])
    assert document["own_sites"] == document["parts"][0]["own_sites"] == [OWN]
    assert f'value="{MARK}"' in texts["junit.xml"]
    assert 'name="C-HOST uk1_datadoghq_com (not of the page)"' in texts["junit.xml"]
    assert 'name="C-HOST datadoghq_eu"' in texts["junit.xml"]
    assert "com (not of the page)" in texts["index.html"].replace("<wbr>", "")
    assert f"not of the page: {OWN}" in texts["summary.md"]


def test_a_client_in_this_process_meets_it_over_tls() -> None:
    verdict = check_client(right, **SMALL)
    assert verdict.verdict == "holds"
    assert verdict.judged["C-TLS", OWN]


def test_a_client_that_calls_another_host_for_it_is_found() -> None:
    verdict = check_client(elsewhere_for_own, **SMALL)
    assert f"C-HOST/host-wrong@{OWN}" in {breach.id for breach in verdict.failures}


def test_a_client_that_refuses_it_is_found() -> None:
    verdict = check_client(only_documented, **{**SMALL, "scenarios": ["sites"]})
    assert verdict.verdict == "broken"
    assert {site for b in verdict.failures for site in b.sites} == {OWN}


@pytest.mark.parametrize(("words", "word"), [([OWN], "holds"), ([], "broken")])
def test_a_driver_can_call_it(words: list[str], word: str) -> None:
    driver = [sys.executable, "-m", "contract.drivers.minimal", *words]
    verdict = check_client(driver, **{**SMALL, "scenarios": ["sites"]})
    assert verdict.verdict == word


def test_a_breach_on_it_is_replayed(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["client", "--own-site", OWN, "--profile", "quick", "--scenario", "sites"]
    assert main([*words, "--", sys.executable, "-m", "contract.drivers.minimal"]) == 1
    (line,) = re.findall("contract (replay .*)", capsys.readouterr().out)[:1]
    assert f" --own-site {OWN} -- " in line
    assert main(shlex.split(line)) == 1
    assert OWN in capsys.readouterr().out


def test_an_undocumented_site_of_a_case_is_none_once_it_is_declared() -> None:
    options: dict[str, Any] = {**SMALL, "own_sites": ["eu9.datadoghq.com"], "sites": ()}
    verdict = check_client(**{**options, "scenarios": ["sites"]})
    assert verdict.verdict == "holds"


@pytest.mark.parametrize(
    "site",
    ["", "mars", "UK1.datadoghq.com", "a..b", "a.b/c", "a.b:443", "[::1]", "1.2.3.4",
     "-a.example", "a_b.example", "a.example.", "http://a.example", "api.a.example",
     f"{'a' * 64}.example", f"{'a.' * 140}example", "app.datadoghq.com", "a.b\n"],
)  # fmt: skip
def test_a_malformed_site_is_refused(site: str) -> None:
    with pytest.raises(UsageError, match="not a site: "):
        check_client(own_sites=[site])


def test_tests_of_ones_own_meet_the_sites_of_the_settings(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyprojecttoml(f'[tool.contract]\nsites = ["{OWN}"]\nprofile = "quick"')
    pytester.makepyfile(
        test_own=f"""
        from contract.cases.client import client_scenarios
        from contract.spec import load

        def test_mock(contract_mock, contract_client):
            contract_client("{OWN}").update("a", {{"data": {{"type": "snapshots"}}}})
            assert contract_mock.last_request.url.startswith("https://api.{OWN}/")

        def test_sites(contract_sites, contract_client):
            contract_client("{OWN}").update("a", {{"data": {{"type": "snapshots"}}}})
            assert contract_sites.last_request.url.startswith("https://api.{OWN}/")

        def test_scenario(contract_check_client):
            (keys,) = (s for s in client_scenarios(load()) if s.name == "keys")
            contract_check_client(keys)
        """
    )
    result = pytester.runpytest_inprocess("-p", "no:schemathesis")
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(["contract: client minimal, *profile quick, *"])
