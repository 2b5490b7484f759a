"""What pytest takes as the command line does: files, services, settings, workers."""

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from replay_heatmap_contract import TAKEN

from contract.engine.baseline import read_baseline
from contract.faults import service_fault
from contract.sandbox import ORGS, serving

SUITE = """
    import pytest

    from contract.cases.client import client_scenarios
    from contract.cases.service import service_scenarios
    from contract.spec import load

    def named(scenarios, *names):
        chosen = [s for s in scenarios(load()) if s.name in names]
        return pytest.mark.parametrize("scenario", chosen, ids=lambda s: s.name)

    @named(client_scenarios, "keys", "redirects")
    def test_client(scenario, contract_check_client):
        contract_check_client(scenario)

    @named(service_scenarios, "keys", "invalid-bodies")
    def test_service(scenario, contract_check_service):
        contract_check_service(scenario)
"""
DAY = "2100-01-01"
QUICK = ("--contract-profile", "quick", "-p", "no:schemathesis")


@pytest.fixture(autouse=True)
def suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    pytester.makepyfile(test_contract=SUITE)
    monkeypatch.setenv("DD_API_KEY", ORGS[0].api_key)
    monkeypatch.setenv("DD_APP_KEY", ORGS[0].app_key)


def run(pytester: pytest.Pytester, *words: object) -> pytest.RunResult:
    return pytester.runpytest_inprocess(*QUICK, *map(str, words))


def document(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text())  # type: ignore[no-any-return]


# -- files -----------------------------------------------------------------------------


def test_a_report_has_all_scenarios_of_a_side(pytester: pytest.Pytester) -> None:
    result = run(pytester, "--contract-report", "r")
    result.assert_outcomes(passed=4)
    for side, name in (("client", "minimal"), ("service", "sandbox")):
        verdict = document(pytester.path / "r" / side / "verdict.json")
        assert (verdict["verdict"], verdict["subject"]["name"]) == ("holds", name)
        assert len({kind.partition("/")[0] for kind in verdict["kinds"]}) == 2
        assert (pytester.path / "r" / side / "junit.xml").exists()


def test_breaches_are_accepted_once_they_are_explained(
    pytester: pytest.Pytester,
) -> None:
    accepted = ("--contract-accepted", "a.yaml")
    with serving(service_fault("accepts-no-type").make_sandbox()) as url:
        words = ("--contract-service", url, "-k", "service", *accepted)
        result = run(pytester, *words, "--contract-update-accepted")
        result.assert_outcomes(passed=1, failed=1)
        result.stdout.fnmatch_lines(["*a.yaml: * entries added without a reason, *"])
        file = pytester.path / "a.yaml"
        entries = yaml.safe_load(file.read_text())
        for entry in entries["accepted"]:
            entry["reason"] = "known"
        file.write_text(yaml.safe_dump(entries))
        assert read_baseline(file).entries
        run(pytester, *words).assert_outcomes(passed=2)


def test_entries_that_a_run_could_not_see_are_not_pruned(
    pytester: pytest.Pytester,
) -> None:
    file = pytester.path / "a.yaml"
    entry = {"clause": "S-SECRET", "rule": "key-in-body", "reason": "known"}
    entries = [
        {**entry, "places": [f"/{name}"], "kinds": [f"{name}/**"], "expires": DAY}
        for name in ("keys", "methods")
    ]
    file.write_text(yaml.safe_dump({"format": 2, "accepted": entries}))
    words = "-k service --contract-accepted a.yaml --contract-update-accepted"
    options = (*words.split(), "--contract-prune", "-p", "no:schemathesis")
    pytester.runpytest_inprocess(*options).assert_outcomes(passed=2)
    assert [entry.kinds for entry in read_baseline(file).entries] == [("methods/**",)]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("update-accepted", "--update-accepted: needs --accepted FILE"),
        ("prune", "--prune: needs --update-accepted"),
        (
            "accepted=a update-accepted prune scenario=keys",
            "--prune: needs a whole run, without --site",
        ),
        ("report=/dev/null/r", "--report /dev/null/r/index.html: cannot be written"),
        ("driver-version=1", "--driver-version: needs --driver NAME"),
        ("max-wait=x", "--contract-max-wait: must be a number from 0; is 'x'"),
        ("max-requests=5", "--max-requests: need --live SITE or a URL"),
        ("snapshot-view=v", "--snapshot-view: needs --snapshot-id"),
        ("cert=c", "--snapshot-id, --header, --ca-file, --cert, --key: need a URL"),
        ("service=http://127.0.0.1:9 header=x", "--header: must be 'NAME: VALUE'"),
        ("own-site=mars", "not a site: 'mars'"),
    ],
)
def test_options_that_do_not_fit_are_a_usage_error(
    pytester: pytest.Pytester, words: str, message: str
) -> None:
    arguments = [f"--contract-{word}" for word in words.split()]
    result = pytester.runpytest_inprocess("-p", "no:schemathesis", *arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert message in result.stderr.str()
    assert "Traceback" not in result.stderr.str()


# -- services --------------------------------------------------------------------------


def test_a_service_gets_all_its_options(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[Any] = []

    def note(*urls: str, **options: Any) -> Any:
        called.append((urls, options))
        raise pytest.UsageError("enough")

    plugin = importlib.import_module("contract.plugin")
    monkeypatch.setattr(plugin, "services_under_test", note)
    monkeypatch.setenv("SECRET", "a value of a header")
    words = {
        "service": "http://127.0.0.1:9",
        "max-rate": "5",
        "max-lag": "0",
        "snapshot-id": "an id",
        "header": "X-Pass:$SECRET",
        "ca-file": "ca.pem",
        "cert": "cert.pem",
        "key": "key.pem",
    }
    options = [f"--contract-{name}={value}" for name, value in words.items()]
    run(pytester, *options, "--contract-no-collection", "-k", "service and keys")
    (urls, values), *_ = called
    assert urls == ("http://127.0.0.1:9",)
    assert values == {
        "max_rate": 5.0,
        "max_lag_s": 0.0,
        "snapshot_id": "an id",
        "collection": False,
        "headers": (("X-Pass", "a value of a header"),),
        "secrets": {"header X-Pass": "a value of a header"},
        "ca_file": Path("ca.pem"),
        "cert": Path("cert.pem"),
        "key": Path("key.pem"),
    }


def test_what_pytest_was_given_is_in_the_words_that_replay(
    pytester: pytest.Pytester,
) -> None:
    with serving(service_fault("accepts-no-type").make_sandbox()) as url:
        words = f"--contract-service={url} --contract-max-lag=2"
        result = run(pytester, *words.split(), "-k", "invalid-bodies")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"  replay *contract service * {url} --max-lag 2.0"])


def test_settings_reach_pytest_and_its_own_options_win(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyprojecttoml(
        """
        [tool.contract]
        profile = "nightly"
        seed = 7
        sites = ["datadoghq.eu", "uk1.datadoghq.com"]
        python = "nowhere:factory"
        report = "of-settings"
        """
    )
    words = (
        "--contract-client",
        f"{sys.executable} -m contract.drivers.minimal uk1.datadoghq.com",
    )
    result = run(pytester, *words, "-k", "client and keys")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(
        ["contract: client *python* -m *, profile quick, --contract-seed 7"]
    )
    verdict = document(pytester.path / "of-settings" / "client" / "verdict.json")
    assert verdict["sites"] == ["datadoghq.eu", "uk1.datadoghq.com"]
    assert verdict["own_sites"] == ["uk1.datadoghq.com"]


def test_cases_about_sites_name_those_of_the_run(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_own="""
        def test_own(contract_client_scenario, contract_check_client):
            contract_check_client(contract_client_scenario)
        """
    )
    own = ("--contract-own-site", "uk1.datadoghq.com", "--contract-report", "r")
    words = ("--contract-scenario", "sites", "-k", "test_own")
    run(pytester, *own, *words).assert_outcomes(passed=1)
    verdict = document(pytester.path / "r" / "client" / "verdict.json")
    assert "sites/site not of the page" in verdict["kinds"]


# -- workers ---------------------------------------------------------------------------


def test_each_worker_has_a_report_of_its_own(pytester: pytest.Pytester) -> None:
    words = ("-n", "1", "-k", "client and keys", "--contract-report", "r")
    result = pytester.runpytest_subprocess(*QUICK, *words)
    result.assert_outcomes(passed=1)
    verdict = document(pytester.path / "r" / "gw0" / "client" / "verdict.json")
    assert verdict["verdict"] == "holds"


def test_one_process_updates_the_accepted_file(pytester: pytest.Pytester) -> None:
    words = ("--contract-accepted", "a.yaml", "--contract-update-accepted", "-n", "1")
    result = run(pytester, *words)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert "--update-accepted: needs one process; leave out -n" in result.stderr.str()


def test_a_factory_that_cannot_be_imported_fails_once_for_each_test_of_a_worker(
    pytester: pytest.Pytester,
) -> None:
    words = ("-n", "1", "-k", "client", "--contract-python", "nowhere:factory")
    result = pytester.runpytest_subprocess(*QUICK, *words)
    result.assert_outcomes(errors=2)


def test_a_header_is_no_ini_value(pytester: pytest.Pytester) -> None:
    assert "header" in TAKEN
    result = pytester.runpytest_inprocess("--help")
    assert "contract_header" not in result.stdout.str()
    assert "contract_max_rate" in result.stdout.str()
