"""A run whose subject repeats every secret: none gets out, by whatever way."""

import sys
from contextlib import suppress
from pathlib import Path

import pytest

from contract import check_service
from contract.cli import main
from contract.errors import LeakError, SubjectError
from contract.redaction import Redactor, scan
from contract.sandbox import serving
from tests.unit.echoing import (
    KEYS,
    PLACES,
    EchoingSandbox,
    environment,
    leaks_in,
    repeated,
    texts_of,
)
from tests.unit.live_runs import SITE, LiveRuns
from tests.unit.secret_forms import FORMS, decoded

pytestmark = pytest.mark.usefixtures("short_lags")

FEW_FORMS = ("plain", "JSON", "URL", "Base64 + 1")
SCENARIOS = ("keys", "snapshot-ids", "repeats")
OUTPUTS = {
    "stdout",
    "step.md",
    "v.json",
    "report/index.html",
    "report/verdict.json",
    "report/junit.xml",
    "report/summary.md",
    ".contract/verdict.json",
}


@pytest.fixture
def keys(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "step.md")
    return elsewhere


@pytest.fixture(params=[False, True], ids=["redacted", "not redacted"])
def unredacted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Switch the redactor off in one of two plays, to see what it keeps back."""
    if request.param:
        monkeypatch.setattr(Redactor, "text", lambda self, text: text)
    return bool(request.param)


def outputs_of(
    directory: Path,
    capsys: pytest.CaptureFixture[str],
    sandbox: EchoingSandbox,
    *words: str,
    status: int = 1,
) -> dict[str, str]:
    """Return all that a run of the command line prints and writes."""
    names = [word for name in SCENARIOS for word in ("--scenario", name)]
    words = ("--profile", "quick", "--verbose", "--report", "report", *words)
    with serving(sandbox) as url:
        assert main(["service", url, *words, "--json", "v.json", *names]) == status
    output = capsys.readouterr()
    return texts_of(directory) | {"stdout": output.out, "stderr": output.err}


def test_no_way_out_of_the_command_line_shows_a_secret(
    keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = outputs_of(keys, capsys, EchoingSandbox(repeated(FEW_FORMS)))
    assert outputs.keys() >= OUTPUTS
    assert leaks_in(outputs) == set()
    assert scan([keys], KEYS) == []
    assert "[DD_API_KEY]" in outputs["stdout"]


def test_each_way_out_has_words_of_the_service(
    keys: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Redactor, "text", lambda self, text: text)
    monkeypatch.setattr(Redactor, "secrets_in", lambda self, data: [])
    outputs = outputs_of(keys, capsys, EchoingSandbox(repeated(["plain"])))
    assert leaks_in(outputs) >= OUTPUTS


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
def test_no_place_of_a_response_leads_a_secret_out(
    place: str, keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sandbox = EchoingSandbox(repeated(FEW_FORMS), [place])
    names = ("--scenario", "repeats", "--profile", "quick", "--json", "v.json")
    with serving(sandbox) as url:
        main(["service", url, *names, "--report", "report"])
    output = capsys.readouterr()
    outputs = texts_of(keys) | {"stdout": output.out, "stderr": output.err}
    assert leaks_in(outputs) == set()
    assert scan([keys], KEYS) == []


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
def test_no_form_of_a_secret_gets_out(
    form: str, keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = outputs_of(keys, capsys, EchoingSandbox(repeated([form])))
    assert leaks_in(outputs) == set()
    (keys / "output").write_text(outputs["stdout"] + outputs["stderr"])
    assert scan([keys], KEYS) == []
    decoded_outputs = {
        f"{name} {number}": view
        for name, text in outputs.items()
        for number, view in enumerate(decoded(text))
    }
    assert leaks_in(decoded_outputs) == set()


# -- errors ----------------------------------------------------------------------------


def test_an_error_line_holds_no_secret(
    keys: Path, capsys: pytest.CaptureFixture[str], unredacted: bool
) -> None:
    sandbox = EchoingSandbox(repeated(["plain"]), may_create=False)
    with serving(sandbox) as url:
        assert main(["service", url]) == 2
    error = capsys.readouterr().err
    assert bool(leaks_in({"error": error})) is unredacted


def test_errors_and_verdicts_of_python_hold_no_secret(
    elsewhere: Path, unredacted: bool
) -> None:
    values = list(KEYS.values())
    pairs = {"keys": tuple(values[:2]), "other_keys": tuple(values[2:])}
    sandbox = EchoingSandbox(repeated(FEW_FORMS))
    with serving(sandbox) as url:
        verdict = check_service(
            url, profile="quick", scenarios=["keys", "repeats"], **pairs
        )
    with pytest.raises(AssertionError) as failure:
        verdict.assert_holds()
    texts = {"message": str(failure.value), "verdict": repr(verdict)}
    assert leaks_in(texts) == (texts.keys() if unredacted else set())
    sandbox = EchoingSandbox(repeated(["plain"]), may_create=False)
    with serving(sandbox) as url, pytest.raises(SubjectError) as error:
        check_service(url, **pairs)
    assert bool(leaks_in({"error": str(error.value)})) is unredacted


# -- pytest ----------------------------------------------------------------------------

SUITE = """
    def test_service(contract_service_scenario, contract_check_service):
        contract_check_service(contract_service_scenario)
"""


def test_pytest_shows_no_secret(
    keys: Path, pytester: pytest.Pytester, unredacted: bool
) -> None:
    pytester.makepyfile(SUITE)
    options = ["--contract-profile", "quick"]
    options += ["--contract-scenario=keys"]
    with serving(EchoingSandbox(repeated(FEW_FORMS))) as url:
        options += ["--contract-service", url, "-rA", "--junitxml", "junit.xml"]
        result = pytester.runpytest_inprocess(*options)
    result.assert_outcomes(failed=1)
    texts = {"stdout": str(result.stdout), "stderr": str(result.stderr)}
    texts["junit"] = (pytester.path / "junit.xml").read_text()
    assert leaks_in(texts) == ({"stdout", "junit"} if unredacted else set())


# -- live ------------------------------------------------------------------------------


def test_a_live_run_shows_and_writes_no_secret(
    live: LiveRuns,
    keys: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stage = live.on(EchoingSandbox(repeated(FEW_FORMS)))
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    words = [
        "service",
        "--live",
        SITE,
        "--profile",
        "quick",
        "--ca-file",
        stage.ca_file,
    ]
    words += ["--scenario", "valid-bodies", "--report", "report", "--max-requests"]
    assert main([*words, "150"]) == 1
    output = capsys.readouterr()
    outputs = texts_of(keys) | {"stdout": output.out, "stderr": output.err}
    assert leaks_in(outputs) == set()
    assert scan([keys], KEYS) == []
    assert any("recordings" in name for name in outputs)


def test_a_live_run_of_pytest_shows_no_secret(
    live: LiveRuns,
    keys: Path,
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    unredacted: bool,
) -> None:
    stage = live.on(EchoingSandbox(repeated(FEW_FORMS)))
    for name, value in (environment() | {"SSL_CERT_FILE": stage.ca_file}).items():
        monkeypatch.setenv(name, value)
    pytester.makepyfile(SUITE)
    options = ["--contract-profile", "quick", "--contract-live", SITE]
    options += ["--contract-scenario=repeats"]
    result = pytester.runpytest_inprocess(*options)
    result.assert_outcomes(failed=1)
    assert bool(leaks_in({"stdout": str(result.stdout)})) is unredacted
    assert leaks_in({"stderr": str(result.stderr)}) == set()
    assert leaks_in(texts_of(pytester.path)) == set()


# -- clients ---------------------------------------------------------------------------

CLIENT = """
import logging
import sys
from pathlib import Path

from contract.drivers import loop, minimal

TEXT = Path("text").read_text()


class Echo:
    def update(self, call):
        print(TEXT)
        logging.warning(TEXT)
        raise type(TEXT, (Exception,), {})(TEXT)


def update(request):
    print(TEXT, file=sys.stderr)
    return {"outcome": "crashed", "message": TEXT, "type": TEXT, "trace": [TEXT]}


if __name__ == "__main__":
    if sys.argv[1:] == ["deaf"]:
        sys.exit("x" * 600 + TEXT + "y" * 490)
    if sys.argv[1:] == ["garbled"]:
        print("x" * 190 + TEXT)
    else:
        loop.serve(lambda: minimal.hello() | {"version": TEXT}, update)
"""


@pytest.fixture
def client(keys: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (keys / "text").write_text(repeated(["plain"]))
    (keys / "echoing_client.py").write_text(CLIENT)
    monkeypatch.syspath_prepend(keys)
    return keys / "echoing_client.py"


def test_no_client_leads_a_secret_out(
    client: Path, capsys: pytest.CaptureFixture[str], unredacted: bool
) -> None:
    words = ["--profile", "quick", "--scenario", "keys", "--site", "datadoghq.eu"]
    words += ["--report", "report", "--accepted", "accepted.yaml", "--update-accepted"]
    driver = [sys.executable, "echoing_client.py"]
    with suppress(LeakError):
        for subject in (["--python", "echoing_client:Echo"], ["--", *driver]):
            main(["client", *words, *subject])
    output = capsys.readouterr()
    (client.parent / "text").unlink()
    outputs = texts_of(client.parent) | {"stdout": output.out, "stderr": output.err}
    leaks = leaks_in(outputs)
    assert bool(leaks) is unredacted
    assert ("accepted.yaml" in outputs) is not unredacted


@pytest.mark.parametrize("mode", ["deaf", "garbled"])
def test_the_last_words_of_a_driver_hold_no_secret(
    mode: str, client: Path, capsys: pytest.CaptureFixture[str], unredacted: bool
) -> None:
    driver = [sys.executable, "echoing_client.py", mode]
    assert main(["client", "--scenario", "keys", "--", *driver]) == 2
    error = capsys.readouterr().err
    assert bool(leaks_in({"error": error})) is unredacted


def test_the_gate_shows_no_secret(
    client: Path, capsys: pytest.CaptureFixture[str], unredacted: bool
) -> None:
    old = f"{sys.executable} -m contract.drivers.minimal"
    new = f"{sys.executable} echoing_client.py"
    words = ["--old-command", old, "--new-command", new, "--site", "datadoghq.eu"]
    main(["gate", *words, "--profile", "quick", "--scenario", "keys"])
    output = capsys.readouterr()
    assert bool(leaks_in({"stdout": output.out})) is unredacted
    assert leaks_in({"stderr": output.err}) == set()
