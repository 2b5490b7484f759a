"""The pytest plugin: one readable id a scenario, failures that say what is wrong, options that are checked."""

import shutil
from pathlib import Path

import pytest

from contract.faults import SERVICE_FAULTS
from contract.sandbox import ORGS, serving

SUITE = """
    from collections.abc import Callable

    import pytest

    from contract.cases.client import Scenario, client_scenarios
    from contract.spec import load

    SCENARIOS = [each for each in client_scenarios(load()) if each.name in ("valid-bodies", "certificates", "keys")]

    @pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
    def test_client(scenario, hold_client):
        hold_client(scenario)
"""
WRONG = """
    from contract.client import SnapshotClient
    from contract.model import Case
    from contract.subjects.in_process import MinimalClientAdapter

    class Rounding:
        def __init__(self):
            self.minimal = MinimalClientAdapter()

        def update(self, asked):
            body = asked.body
            if isinstance(body, dict) and isinstance(body.get("data"), dict):
                attributes = dict(body["data"].get("attributes") or {})
                if isinstance(attributes.get("start"), int) and abs(attributes["start"]) > 2**53:
                    attributes["start"] = int(float(attributes["start"]))
                    body = {**body, "data": {**body["data"], "attributes": attributes}}
            case = Case("", (), asked.snapshot_id, body, asked.site, timeout_s=asked.timeout_s, retry=asked.retry)
            return self.minimal.update(case, (asked.api_key, asked.app_key))
"""


@pytest.fixture(autouse=True)
def _suite(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    pytester.makeconftest('pytest_plugins = ["contract.plugin"]')
    pytester.makepyfile(test_contract=SUITE, wrong=WRONG)
    monkeypatch.syspath_prepend(pytester.path)


def test_a_scenario_is_a_test_and_what_cannot_be_played_is_a_skip_with_its_reason(
    pytester: pytest.Pytester,
) -> None:
    result = pytester.runpytest_inprocess("-v", "-rs", "--profile", "quick")
    result.assert_outcomes(passed=2, skipped=1)
    result.stdout.fnmatch_lines(
        [
            "contract: client minimal, service sandbox, profile quick, --contract-seed 1",
            "test_contract.py::test_client[[]valid-bodies[]] PASSED*",
            "SKIPPED * only a real socket can show a client another certificate, or none",
        ]
    )


def test_a_failure_says_what_is_wrong_where_and_how_to_see_it_again(
    pytester: pytest.Pytester,
) -> None:
    result = pytester.runpytest_inprocess(
        "--client-python",
        "wrong:Rounding",
        "--profile",
        "quick",
        "--site",
        "datadoghq.eu",
        "-k",
        "valid",
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "C-BODY (must) The body on the wire equals the caller's as JSON: every number, character and absence.",
            "  wrong    the body was altered at /data/attributes/start rounded: 9007199254740993 became 9007199254740992",
            "  pointer  /data/attributes/start",
            "  case     valid-bodies: body /data/attributes/start *",
            "  asked    id '00000000-0000-0000-0000-000000000001', keys 'plain', body {*9007199254740993*",
            "  sent     PATCH https://api.datadoghq.eu/api/v2/replay/heatmap/snapshots/0000* {*9007199254740992*",
            "  answered 200 application/json: {*",
            "  told     snapshot {*",
            "  seen     * times on datadoghq.eu; fingerprint *",
            "  again    contract replay * --python wrong:Rounding    # profile quick, seed 1",
        ]
    )


def test_a_nightly_run_is_random_and_says_its_seed(pytester: pytest.Pytester) -> None:
    headers = []
    for _ in range(2):
        result = pytester.runpytest_inprocess("--profile", "nightly", "--collect-only")
        headers.append(
            next(line for line in result.outlines if line.startswith("contract: "))
        )
    assert headers[0] != headers[1]
    assert all("profile nightly, --contract-seed " in header for header in headers)


@pytest.mark.slow
def test_workers_of_xdist_share_the_seed_and_judge_the_same(
    pytester: pytest.Pytester,
) -> None:
    result = pytester.runpytest_subprocess(
        "-n", "2", "-p", "xdist", "--profile", "quick", "-p", "contract.plugin"
    )
    result.assert_outcomes(passed=2, skipped=1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--site", "mars"], "unknown site 'mars' (one of: datadoghq.com, "),
        (["--profile", "slow"], "unknown profile 'slow' (one of: quick, ci, nightly)"),
        (["--client-python", "a:b", "--client-command", "c"], "one client at a time"),
        (["--live", "mars"], "unknown site 'mars' (one of: datadoghq.com, "),
        (
            ["--live", "datadoghq.eu", "--service-url", "http://127.0.0.1:9"],
            "one service at a time",
        ),
    ],
    ids=["site", "profile", "two clients", "live site", "two services"],
)
def test_a_bad_option_is_one_clear_line(
    pytester: pytest.Pytester, arguments: list[str], said: str
) -> None:
    result = pytester.runpytest_inprocess(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*{said}*".replace("[", "[[]")])


SERVICES = """
    import pytest

    from contract.cases.service import service_scenarios
    from contract.spec import load

    SCENARIOS = [each for each in service_scenarios(load()) if each.name in ("invalid-bodies", "keys")]

    @pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.name)
    def test_service(scenario, hold_service):
        hold_service(scenario)
"""


def test_a_service_is_put_under_the_same_tests(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile(test_contract=SERVICES)
    monkeypatch.setenv("DD_API_KEY", ORGS[0].api_key)
    monkeypatch.setenv("DD_APP_KEY", ORGS[0].app_key)
    fault = next(each for each in SERVICE_FAULTS if each.id == "accepts-no-type")
    with serving(fault.make()) as url:
        result = pytester.runpytest_inprocess(
            "--service-url", url, "--profile", "quick", "-k", "bodies"
        )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "S-REJECT (must) *",
            "  pointer  /data/type",
            "  answered 200 application/json: *",
            f"  again    contract replay * --service {url}    # profile quick, seed 1",
        ]
    )


def test_recorded_answers_are_played_instead_of_generated_ones(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        test_contract="def test_client(client_scenario, hold_client): hold_client(client_scenario)"
    )
    shutil.copytree(
        Path(__file__).parents[2] / "spec" / "recordings", pytester.path / "recorded"
    )
    result = pytester.runpytest_inprocess(
        "-v", "--recordings", "recorded", "test_contract.py"
    )
    assert result.ret == 0, result.stdout.str()
    assert result.parseoutcomes()["passed"] >= 1
    result = pytester.runpytest_inprocess("--recordings", "nowhere", "test_contract.py")
    assert result.ret != 0
    assert "nowhere" in result.stdout.str() + result.stderr.str()


def test_a_live_run_without_keys_is_an_error_and_no_skip(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.makepyfile(test_contract=SERVICES)
    for name in ("DD_API_KEY", "DD_APP_KEY"):
        monkeypatch.delenv(name, raising=False)
    result = pytester.runpytest_inprocess("--live", "datadoghq.eu", "-k", "bodies")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["no keys: set DD_API_KEY and DD_APP_KEY"])


def test_a_client_that_cannot_be_started_fails_with_one_clear_line(
    pytester: pytest.Pytester,
) -> None:
    result = pytester.runpytest_inprocess(
        "--client-python", "nowhere:factory", "-k", "valid"
    )
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(
        ["*--python nowhere:factory: ModuleNotFoundError: No module named 'nowhere'"]
    )


def test_a_client_that_is_lost_is_a_failure_and_no_skip(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        lost="""
        from contract import SubjectError

        class Lost:
            def update(self, asked):
                raise SubjectError("it went away")
    """
    )
    result = pytester.runpytest_inprocess(
        "--client-python", "lost:Lost", "--profile", "quick", "-k", "valid"
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*ended early: it went away"])
