"""Words of others are shown as they are, and do nothing."""

import json
import re
import sys
from pathlib import Path

import pytest

from contract import check_client
from contract.cli import main
from contract.redaction import quoted
from tests.drift.sources import OPENAPI
from tests.unit.test_report_cli import run_python

HOSTILE = (
    "##[group]obeyed \x1b[31mred [bold]x[/bold] urn:id:1 lib:bug:12 `a|b` **b** <b>h</b> é»\u202e\n"
    "::error title=x::obeyed\r::set-env name=a::obeyed\n##[error]obeyed ##[group]obeyed"
)
SHOWN = ("[bold]x[/bold] urn:id:1 lib:bug:12", r"\x1b[31mred", r"\u202e\n::error")
CLIENT = f"""
class Raising:
    def update(self, call):
        raise RuntimeError({HOSTILE!r})

raise_error = None
"""
DEAF = f"import sys; sys.exit({HOSTILE!r})"
WORDS = ("--profile", "quick", "--scenario", "keys", "--site", "datadoghq.eu")


def obeyed(log: str) -> list[str]:
    """Return the lines that GitHub's runner obeys (actions/runner, ActionCommand.cs)."""
    commands, token = [], ""
    for line in re.split(r"\r\n|\r|\n", log):
        if token:
            token = "" if line == f"::{token}::" else token
        elif line.startswith("::stop-commands::"):
            token = line.removeprefix("::stop-commands::")
        elif line.lstrip().startswith("::") or "##[" in line:
            commands.append(line)
    assert not token
    return commands


@pytest.fixture
def client(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a client that raises hostile words, under GitHub Actions."""
    (elsewhere / "hostile_client.py").write_text(CLIENT)
    monkeypatch.syspath_prepend(elsewhere)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    return "hostile_client:Raising"


def test_the_report_of_a_run_obeys_nothing(
    client: str, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["client", *WORDS, "--python", client, "--verbose", "--report", "report"]
    assert main([*command, "--json", "v.json"]) == 1
    output = capsys.readouterr()
    assert all(line.startswith("::error title=C-ALIVE/") for line in obeyed(output.out))
    assert obeyed(output.err) == []
    for text in SHOWN:
        assert text in output.out
    assert "\x1b" not in output.out
    text = Path("v.json").read_text()
    assert "##[" not in text
    assert "##[error]" in json.loads(text)["causes"][0]["message"]
    assert "<b>h" not in Path("report/index.html").read_text()
    for name in ("index.html", "summary.md", "junit.xml"):
        assert "\x1b" not in (Path("report") / name).read_text()


def test_the_last_words_of_a_driver_obey_nothing(
    client: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["client", *WORDS, "--", sys.executable, "-c", DEAF]) == 2
    error = capsys.readouterr().err
    assert obeyed(error) == []
    assert SHOWN[0] in error
    assert "\x1b" not in error


def test_an_error_of_python_is_one_line(client: str) -> None:
    verdict = check_client(client, profile="quick", scenarios=["keys"])
    with pytest.raises(AssertionError) as failure:
        verdict.assert_holds()
    assert obeyed(str(failure.value)) == []
    assert SHOWN[1] in str(failure.value)


def test_pytest_obeys_nothing(client: str, pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        hostile_client=CLIENT,
        test_it="""
            def test_client(contract_client_scenario, contract_check_client):
                contract_check_client(contract_client_scenario)
        """,
    )
    pytester.syspathinsert()
    options = ["--contract-python", client, "--contract-scenario", "keys"]
    result = pytester.runpytest_inprocess(*options, "--contract-profile", "quick")
    result.assert_outcomes(failed=1)
    assert obeyed(str(result.stdout)) == []
    assert "##[group]obeyed" in str(result.stdout)
    assert "\x1b[31mred" not in str(result.stdout)


def test_drift_obeys_nothing(client: str, capsys: pytest.CaptureFixture[str]) -> None:
    name = json.dumps(f"session_id{HOSTILE}")
    Path("spec.yaml").write_text(OPENAPI.replace("session_id:", f"{name}:"))
    assert main(["drift", "--openapi", "spec.yaml", "--json", "d.json"]) == 1
    output = capsys.readouterr()
    assert obeyed(output.out + output.err) == []
    assert "\x1b" not in output.out
    assert "lib:bug:12" in output.out
    assert "##[" not in Path("d.json").read_text()


def test_what_is_no_command_is_not_wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    assert quoted("a: ", "##[b") == "a: ##[b"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert quoted("a: ", "b::c #[d") == "a: b::c #[d"
    assert obeyed(quoted("a: ", "##[b")) == []
    assert quoted("a: ", "##[b") != quoted("a: ", "##[b")


def test_a_locale_that_is_not_utf_8_gets_plain_characters(client: str) -> None:
    command = ["-m", "contract", "client", *WORDS, "--python", client, "--verbose"]
    run = run_python(Path(), *command, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert run.returncode == 1, run.stderr
    assert run.stdout.isascii()
    assert "Traceback" not in run.stderr
    assert r"\xe9\xbb" not in run.stdout
    assert "\\xe9>" in run.stdout
