"""The pytest plugin: a test for each scenario, failures, checked options."""

import shutil
from pathlib import Path

import pytest
from replay_heatmap_contract import TAKEN

from contract.faults import service_fault
from contract.sandbox import ORGS, serving

CLIENT_SUITE = """
    import pytest

    from contract.cases.client import client_scenarios
    from contract.spec import load

    NAMES = ("valid-bodies", "certificates", "keys")
    SCENARIOS = [s for s in client_scenarios(load()) if s.name in NAMES]

    @pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
    def test_client(scenario, contract_check_client):
        contract_check_client(scenario)
"""
SERVICE_SUITE = """
    import pytest

    from contract.cases.service import service_scenarios
    from contract.spec import load

    NAMES = ("invalid-bodies", "keys")
    SCENARIOS = [s for s in service_scenarios(load()) if s.name in NAMES]

    @pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)
    def test_service(scenario, contract_check_service):
        contract_check_service(scenario)
"""
CLIENTS = """
    from contract import SnapshotClient, SnapshotError, SubjectError, outcomes

    class Rounding:
        def update(self, call):
            body = call.body
            if isinstance(body, dict) and isinstance(body.get("data"), dict):
                attributes = dict(body["data"].get("attributes") or {})
                start = attributes.get("start")
                if isinstance(start, int) and abs(start) > 2**53:
                    attributes["start"] = int(float(start))
                    body = {**body, "data": {**body["data"], "attributes": attributes}}
            with SnapshotClient(
                site=call.site, api_key=call.api_key, app_key=call.app_key
            ) as client:
                snapshot = client.update(call.snapshot_id, body)
            return {"outcome": "snapshot", "snapshot": snapshot.to_json()}

    @outcomes(failed=SnapshotError)
    async def rounding(call):
        return Rounding().update(call)["snapshot"]

    class Raising:
        def update(self, call):
            raise OSError("on purpose")

    class Lost:
        calls = 0

        def update(self, call):
            self.calls += 1
            if self.calls > 1:
                raise SubjectError("it went away")
            return {"outcome": "refused"}

    class Mute:
        def update(self, call):
            return {"outcome": "failed", "message": "no network today"}
"""


@pytest.fixture(autouse=True)
def _suite(
    elsewhere: Path, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pytester.path)
    pytester.makepyfile(test_contract=CLIENT_SUITE, clients=CLIENTS)
    monkeypatch.syspath_prepend(pytester.path)


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the keys of the sandbox into the environment."""
    monkeypatch.setenv("DD_API_KEY", ORGS[0].api_key)
    monkeypatch.setenv("DD_APP_KEY", ORGS[0].app_key)


# -- clients ---------------------------------------------------------------------------


def test_each_scenario_is_a_test(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_inprocess("-v", "--contract-profile", "quick")
    result.assert_outcomes(passed=3)
    result.stdout.fnmatch_lines(
        [
            "contract: client minimal, service sandbox, profile quick, "
            "--contract-seed 1",
            "test_contract.py::test_client[[]valid-bodies[]] PASSED*",
        ]
    )


@pytest.mark.parametrize("name", ["Rounding", "rounding"])
def test_a_failure_explains_the_breach_and_how_to_see_it_again(
    pytester: pytest.Pytester, name: str
) -> None:
    options = ("--contract-python", f"clients:{name}", "--contract-profile", "quick")
    site = ("--contract-site", "datadoghq.eu")
    result = pytester.runpytest_inprocess(*options, *site, "-k", "valid")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "C-BODY/number-altered (must, silent data loss): A number gets *",
            "  seen     * at /data/attributes/start",
            "  request  PATCH https://api.datadoghq.eu/* *9007199254740992*",
            "  replay   contract replay 'C-BODY/number-altered@/data/attributes/start' "
            f"--python clients:{name}",
        ]
    )


def test_accepted_breaches_and_clauses_are_options_too(
    pytester: pytest.Pytester,
) -> None:
    Path("accepted.yaml").write_text(
        "format: 2\naccepted:\n- {clause: C-ALIVE, rule: exception-on-key,"
        " reason: It raises., expires: 2099-01-01}\n"
        "- {clause: C-ALIVE, rule: exception-on-input,"
        " reason: It raises., expires: 2099-01-01}\n"
    )
    options = ["--contract-python", "clients:Raising", "--contract-profile", "quick"]
    options += ["-k", "keys", "--contract-site", "datadoghq.eu"]
    pytester.runpytest_inprocess(*options).assert_outcomes(failed=1)
    accepted = ("--contract-accepted", "accepted.yaml")
    result = pytester.runpytest_inprocess(*options, *accepted)
    result.assert_outcomes(passed=1)
    result = pytester.runpytest_inprocess(*options, "--contract-clause", "C-SECRET")
    result.assert_outcomes(passed=1)


def test_a_test_without_a_chosen_clause_is_skipped(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_inprocess("--contract-clause", "S-AUTH", "-rs")
    result.assert_outcomes(skipped=3)
    result.stdout.fnmatch_lines(["SKIPPED * no clause of it is chosen"])


def test_a_scenario_in_which_nothing_is_judged_is_skipped_with_the_reason(
    pytester: pytest.Pytester,
) -> None:
    options = ("--contract-profile", "quick", "--contract-clause", "C-TLS")
    result = pytester.runpytest_inprocess(*options, "-rs")
    result.assert_outcomes(passed=1, skipped=2)
    result.stdout.fnmatch_lines(["SKIPPED * no case of it here"])


def test_a_nightly_run_is_random_and_shows_its_seed(pytester: pytest.Pytester) -> None:
    headers = []
    for _ in range(2):
        options = ("--contract-profile", "nightly", "--collect-only")
        result = pytester.runpytest_inprocess(*options)
        headers.append(next(s for s in result.outlines if s.startswith("contract: ")))
    assert headers[0] != headers[1]
    assert all("profile nightly, --contract-seed " in header for header in headers)


def test_workers_of_xdist_say_what_one_process_says(pytester: pytest.Pytester) -> None:
    """A test has a schedule of its own, and the seed is that of the controller."""
    options = ("--contract-python", "clients:Rounding", "--contract-profile", "quick")
    options += ("-k", "bodies or keys", "--tb", "line", "-q")
    verdicts = []
    for workers in ((), ("-n", "2", "-p", "xdist")):
        result = pytester.runpytest_subprocess(*options, *workers)
        result.assert_outcomes(failed=2)
        verdicts.append({line for line in result.outlines if line[:2] in ("C-", "  ")})
    assert verdicts[0] == verdicts[1]
    assert len(verdicts[0]) > 10


def test_recorded_responses_are_played_instead_of_catalogue_ones(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        test_contract="""
        def test_client(contract_client_scenario, contract_check_client):
            contract_check_client(contract_client_scenario)
        """
    )
    recordings = Path(__file__).parents[2] / "spec" / "recordings"
    shutil.copytree(recordings, pytester.path / "recorded")
    option = "--contract-recordings"
    result = pytester.runpytest_inprocess("-v", option, "recorded", "test_contract.py")
    assert result.ret == 0, result.stdout.str()
    assert result.parseoutcomes()["passed"] >= 1


def test_a_client_that_cannot_be_started_fails_with_one_clear_line(
    pytester: pytest.Pytester,
) -> None:
    option = ("--contract-python", "nowhere:factory")
    result = pytester.runpytest_inprocess(*option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    problem = "--python nowhere:factory: ModuleNotFoundError: No module named 'nowhere'"
    assert result.stdout.str().count(problem) == 1
    assert result.parseoutcomes().keys() <= {"warnings"}


def test_a_client_that_does_not_reach_the_sites_fails_with_one_clear_line(
    pytester: pytest.Pytester,
) -> None:
    option = ("--contract-python", "clients:Mute", "--contract-site", "datadoghq.eu")
    result = pytester.runpytest_inprocess(*option)
    result.assert_outcomes(errors=3)
    result.stdout.fnmatch_lines(
        ["clients:Mute cannot be tested: no byte reached the sites. It reported *"]
    )


def test_a_client_that_is_lost_is_a_failure_and_no_skip(
    pytester: pytest.Pytester,
) -> None:
    options = ("--contract-python", "clients:Lost", "--contract-profile", "quick")
    result = pytester.runpytest_inprocess(*options, "-k", "valid")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*ended early: it went away"])


# -- services --------------------------------------------------------------------------


def test_a_service_is_put_under_the_same_tests(
    keys: None, pytester: pytest.Pytester
) -> None:
    pytester.makepyfile(test_contract=SERVICE_SUITE)
    with serving(service_fault("accepts-no-type").make_sandbox()) as url:
        options = ("--contract-service", url, "--contract-profile", "quick")
        result = pytester.runpytest_inprocess(*options, "-k", "bodies")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "S-REJECT/* (must*): *",
            "  response 200 application/json *",
            f"  replay   contract replay 'S-REJECT/* --service {url}",
        ]
    )


def test_several_services_are_sites_that_must_behave_alike(
    keys: None, pytester: pytest.Pytester, sandbox_url: str
) -> None:
    pytester.makepyfile(test_contract=SERVICE_SUITE)
    with serving(service_fault("parity-422-for-400").make_sandbox()) as url:
        options = ["--contract-clause", "S-PARITY", "--contract-profile", "quick"]
        for service in (url, sandbox_url):
            options += ["--contract-service", service]
        result = pytester.runpytest_inprocess(*options, "-k", "bodies")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["S-PARITY/status-differs (must*): *"])


def test_the_embedded_sandbox_is_the_default(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_contract=SERVICE_SUITE)
    result = pytester.runpytest_inprocess("--contract-profile", "quick")
    result.assert_outcomes(passed=2)


def test_a_live_run_without_keys_is_an_error_and_no_skip(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(test_contract=SERVICE_SUITE)
    option = ("--contract-live", "datadoghq.eu")
    result = pytester.runpytest_inprocess(*option, "-k", "bodies")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["no keys: set DD_API_KEY and DD_APP_KEY"])


# -- options ---------------------------------------------------------------------------


def test_every_option_begins_with_contract(pytester: pytest.Pytester) -> None:
    lines = pytester.runpytest_inprocess("--help").outlines
    names_shown = {
        line.split()[0].split("=")[0] for line in lines if "--contract-" in line[:14]
    }
    assert names_shown == {f"--contract-{name}" for name in TAKEN}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("site=mars", "unknown site 'mars' (one of: datadoghq.com, "),
        ("profile=slow", "unknown profile 'slow' (one of: quick, ci, nightly)"),
        ("clause=C-NONE", "unknown clause 'C-NONE' (one of: C-METHOD, "),
        ("seed=x", "--contract-seed: must be an integer; is 'x'"),
        ("accepted=no.yaml", "--accepted no.yaml: cannot be read: No such file"),
        ("scenario=nowhere", "unknown scenario 'nowhere' (one of: "),
        ("recordings=nowhere", "nowhere: holds no recordings"),
        ("fault=client/none", "unknown fault 'none' (one of: method-put, "),
        ("fault=none", "fault 'none': must be client/, service/ or recording/ID"),
        ("python=a:b client=c", "one client at a time"),
        ("driver=cobol", "no driver 'cobol'; there are curl, "),
        ("python=clients", "--python 'clients': must be MODULE:FACTORY"),
        ("client='", '--contract-client "\'": No closing quotation'),
        ("service=mars", "not the URL of a service: mars; accepted: http(s)://"),
        ("client=", "--contract-client: an empty argument; is a variable not set?"),
        ("site=", "--contract-site: an empty argument; is a variable not set?"),
        ("live=mars", "unknown site 'mars' (one of: datadoghq.com, "),
        ("live=datadoghq.eu service=http://127.0.0.1:9", "one service at a time"),
    ],
    ids=[
        "site",
        "profile",
        "clause",
        "seed",
        "accepted",
        "scenario",
        "recordings",
        "fault",
        "side of a fault",
        "two clients",
        "driver",
        "python",
        "client",
        "service",
        "empty text",
        "empty item",
        "live site",
        "two services",
    ],
)
def test_a_bad_option_is_one_clear_line(
    pytester: pytest.Pytester, options: str, message: str
) -> None:
    arguments = [f"--contract-{option}" for option in options.split()]
    result = pytester.runpytest_inprocess(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert message in result.stderr.str()


def test_ini_values_are_defaults_of_the_options(pytester: pytest.Pytester) -> None:
    pytester.makeini(
        """
        [pytest]
        contract_profile = quick
        contract_clause = C-METHOD C-PATH
        contract_site = datadoghq.eu us3.datadoghq.com
        """
    )
    result = pytester.runpytest_inprocess("-k", "valid")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["contract: *profile quick, --contract-seed 1"])
    result = pytester.runpytest_inprocess("--contract-site", "mars")
    assert "unknown site 'mars'" in result.stderr.str()
