"""The command line: what it prints, how it exits, and what it says to bad input."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest

from contract.clauses import CLIENT_CLAUSES, SERVICE_CLAUSES
from contract.cli import main
from contract.cli.base import LAST_VERDICT
from contract.cli.entry import COMMANDS, cli
from contract.engine.baseline import read_baseline
from contract.faults import service_fault
from contract.model import Danger
from contract.sandbox import ORGS, serving
from tests.unit.verdicts import breach, verdict_of

pytestmark = pytest.mark.usefixtures("elsewhere")

Capture = pytest.CaptureFixture[str]
QUICK = ("--profile", "quick")


def run(capsys: Capture, *arguments: str, status: int = 0) -> dict[str, Any]:
    """Run a command with `--json -`, and return its verdict."""
    assert main([*arguments, "--json", "-"]) == status
    verdict: dict[str, Any] = json.loads(capsys.readouterr().out)
    return verdict


# -- the checks ------------------------------------------------------------------------


def test_one_clause_on_one_site_holds(capsys: Capture) -> None:
    parts = ("--clause", "C-HOST", "--site", "datadoghq.eu")
    parts += ("--scenario", "valid-bodies")
    verdict = run(capsys, "client", *QUICK, *parts)
    assert (verdict["format"], verdict["verdict"]) == (2, "holds")
    assert verdict["sites"] == ["datadoghq.eu"]
    assert [clause["id"] for clause in verdict["clauses"]] == ["C-HOST"]
    assert verdict["clauses"][0]["judged"] > 100


def test_a_run_that_judged_nothing_is_no_success(capsys: Capture) -> None:
    arguments = ["client", *QUICK, "--clause", "C-TLS", "--scenario", "keys"]
    assert main(arguments) == 2
    assert "C-TLS not judged: no case of this run" in capsys.readouterr().out


def test_check_plays_both_halves_in_one_verdict(capsys: Capture) -> None:
    verdict = run(
        capsys, "check", *QUICK, "--scenario", "keys", "--site", "datadoghq.eu"
    )
    assert len(verdict["parts"]) == 2
    assert len(verdict["clauses"]) == len(CLIENT_CLAUSES) + len(SERVICE_CLAUSES)
    assert len(verdict["sites"]) == 3


def test_a_service_is_named_by_its_arguments_without_secrets(
    capsys: Capture, sandbox_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DD_API_KEY", ORGS[0].api_key)
    monkeypatch.setenv("DD_APP_KEY", ORGS[0].app_key)
    arguments = [sandbox_url, *QUICK, "--scenario", "repeats"]
    verdict = run(capsys, "service", *arguments, "--header", "X-Token: hush")
    assert (verdict["verdict"], verdict["breaches"]) == ("holds", [])
    assert "hush" not in LAST_VERDICT.read_text()


def test_every_report_is_written(capsys: Capture) -> None:
    arguments = ["client", *QUICK, "--scenario", "keys", "--json", "new/v.json"]
    assert main([*arguments, "--report", "new/report"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("holds: minimal")
    assert {path.name for path in Path("new/report").iterdir()} == {
        "index.html",
        "junit.xml",
        "summary.md",
        "verdict.json",
    }
    assert Path("new/v.json").read_text() == LAST_VERDICT.read_text()


def test_a_breach_is_shown_with_its_cause_and_status_1(
    broken_client: list[str], capsys: Capture
) -> None:
    assert main([*broken_client, *QUICK]) == 1
    output = capsys.readouterr().out
    assert "C-ALIVE/exception-on-key (must, crash): " in output
    assert "contract replay 'C-ALIVE/exception-on-key@OSError'" in output
    assert "--python broken_client:Broken" in output


def test_verbose_shows_every_breach(broken_client: list[str], capsys: Capture) -> None:
    assert main([*broken_client, *QUICK, "--verbose"]) == 1
    output = capsys.readouterr().out
    breaches = json.loads(LAST_VERDICT.read_text())["breaches"]
    assert len(breaches) > 1
    assert all(f"replay '{breach['id']}'" in output for breach in breaches)


def test_a_key_in_a_written_file_removes_it_with_status_2(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DD_API_KEY", ORGS[0].api_key)
    monkeypatch.setenv("DD_APP_KEY", ORGS[0].app_key)
    monkeypatch.setattr(
        "contract.cli.finish.render_json", lambda view: ORGS[0].app_key + "\n"
    )
    with serving(service_fault("accepts-no-type").make_sandbox()) as url:
        arguments = ["service", url, *QUICK, "--scenario", "repeats"]
        assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("contract: .contract/verdict.json")
    assert ORGS[0].app_key not in captured.err
    assert not LAST_VERDICT.exists()


# -- accepted breaches -----------------------------------------------------------------


def test_accepted_breaches_are_written_explained_and_pruned(
    broken_client: list[str], capsys: Capture
) -> None:
    path = Path("new/accepted.yaml")
    arguments = [*broken_client, *QUICK, "--accepted", str(path)]
    assert main([*arguments, "--update-accepted"]) == 1, "without a reason"
    captured = capsys.readouterr()
    added = r"new/accepted.yaml: \d+ entries added without a reason, 0 dropped, 0 left"
    assert re.match(added, captured.err)
    path.write_text(path.read_text().replace("reason: ''", "reason: It is known."))
    verdict = run(capsys, *arguments)
    assert verdict["verdict"] == "holds"
    assert all(breach["accepted"] for breach in verdict["breaches"])
    assert {breach["reason"] for breach in verdict["breaches"]} == {"It is known."}
    text = path.read_text()
    assert main([*arguments, "--update-accepted"]) == 0
    assert path.read_text() == text


def test_a_run_without_a_verdict_leaves_no_accepted_file(capsys: Capture) -> None:
    arguments = ["--accepted", "new/a.yaml", "--update-accepted", "--site", "mars"]
    assert main(["client", *arguments]) == 2
    assert not Path("new/a.yaml").exists()


def test_prune_drops_what_a_whole_run_does_not_see(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("a.yaml").write_text(
        "format: 2\naccepted:\n- {clause: C-VALID, rule: null-sent, places: [/x],"
        " reason: Gone., expires: 2099-01-01}\n"
    )
    arguments = ["client", "--accepted", "a.yaml", "--update-accepted", "--prune"]
    whole = verdict_of(clauses=["C-VALID"])
    monkeypatch.setattr("contract.cli.client.check_client", lambda *_, **options: whole)
    assert main(arguments) == 0
    assert capsys.readouterr().err == (
        "a.yaml: 0 entries added without a reason, 1 dropped, 0 left.\n"
    )


def test_prune_is_refused_after_a_run_that_was_cut_off_and_the_verdict_is_shown(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("a.yaml").write_text("format: 2\naccepted: []\n")
    arguments = ["client", "--accepted", "a.yaml", "--update-accepted", "--prune"]
    early = verdict_of(breach(), clauses=["C-VALID"], cut_off={"slow": 1})
    monkeypatch.setattr("contract.cli.client.check_client", lambda *_, **options: early)
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert "--prune: needs a whole run, this one was cut off" in captured.err
    assert "C-VALID/null-sent" in captured.out
    assert Path("a.yaml").read_text() == "format: 2\naccepted: []\n"


def test_a_part_of_the_cases_adds_entries_and_calls_none_unseen(
    broken_client: list[str], capsys: Capture
) -> None:
    entries = (
        "format: 2\naccepted:\n- {clause: C-ALIVE, rule: exception-on-site,"
        " reason: Known., expires: 2099-01-01}\n"
        "- {clause: C-ALIVE, rule: exception-on-key, places: [KeyError],"
        " reason: Known., expires: 2099-01-01}\n"
    )
    Path("a.yaml").write_text(entries)
    arguments = [*broken_client, "--accepted", "a.yaml", "--update-accepted"]
    assert main(arguments) == 1
    captured = capsys.readouterr()
    assert "2 entries added without a reason, 0 dropped, 2 left." in captured.err
    assert "not seen any more" not in captured.out
    assert len(read_baseline(Path("a.yaml")).entries) == 4


# -- lists and help --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("clauses", r"C-METHOD +must +One .*\. \[.*\]"),
        ("rules", r"C-VALID/null-sent +must +[a-z ]+ A null is sent .*\."),
        ("faults", r"auth-swapped +C-AUTH"),
        ("sites", r"datadoghq\.eu"),
        ("drivers", r"go +\S+ +needs go; (not )?here.*"),
        ("cases", r"service +\d+ valid-bodies/data/id .*"),
    ],
)
def test_a_list_has_one_line_for_each_item(
    what: str, line: str, capsys: Capture
) -> None:
    assert main(["list", what]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) >= 7
    assert any(re.fullmatch(line, text) for text in lines)


def test_every_rule_is_listed_with_its_danger(capsys: Capture) -> None:
    assert main(["list", "rules"]) == 0
    text = capsys.readouterr().out
    for danger in Danger:
        assert f" {danger.name.lower().replace('_', ' ')} " in text


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_plain_help(command: str, capsys: Capture) -> None:
    assert main([command, "--help"]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"Usage: contract {command}")
    context = click.Context(cli)
    options = cli.get_command(context, command).params
    helps = [item.help for item in options if isinstance(item, click.Option)]
    assert all(text and text.endswith((".", "'.")) for text in helps)


def test_the_options_are_those_of_the_design() -> None:
    context = click.Context(cli)
    common = "profile seed site clause scenario strict accepted report json verbose "
    common += "max-wait jobs waiting"
    own = f"{common} own-site"
    expected = {
        "check": f"{own} shard",
        "client": f"{own} shard update-accepted prune python driver driver-version "
        "driver-source recordings example page",
        "service": f"{common} shard update-accepted prune live max-requests max-minutes "
        "max-clean-up max-pause max-unconfirmed recordings snapshot-id snapshot-view "
        "header ca-file no-collection disposable max-lag max-rate cert key",
        "gate": f"{own} driver old-version new-version old-source new-source "
        "old-command new-command",
        "prove": "fault rules report jobs",
        "replay": "service json own-site python driver driver-version driver-source",
        "serve": "port fault rate-limit lag",
        "drift": "page openapi recordings all json",
        "merge": "strict accepted report json verbose update-accepted prune",
        "sweep": "ca-file cert key header max-rate max-pause max-unconfirmed dry-run forget",
        "list": "",
    }
    for name, options in expected.items():
        command = cli.get_command(context, name)
        assert command is not None
        names = {
            text.removeprefix("--")
            for item in command.params
            if isinstance(item, click.Option)
            for text in item.opts
        }
        assert names == set(options.split()), name
    assert set(expected) == set(COMMANDS)


# -- bad input -------------------------------------------------------------------------

URL = "http://127.0.0.1:9"
BAD_INPUT = {
    "client --site mars": "unknown site 'mars' (one of: datadoghq.com, ",
    "client --site app.datadoghq.com": "did you mean datadoghq.com?",
    "client --clause C-NONE": "unknown clause 'C-NONE' (one of: C-METHOD, ",
    "client --profile slow": "'slow' is not one of 'quick', 'ci', 'nightly'",
    "client --driver cobol": "no driver 'cobol'",
    "client --driver-version 1": "--driver-version: needs --driver NAME",
    "client --python a:b -- c": "one client at a time",
    "client --accepted no.yaml": "--accepted no.yaml: cannot be read",
    "client --accepted /dev/null/a --update-accepted": (
        "--accepted /dev/null/a: cannot be written: "
    ),
    "client --accepted . --update-accepted": "--accepted .: cannot be written: ",
    "client --max-wait nan": "Invalid value for '--max-wait': nan is not a number.",
    "service --live datadoghq.eu --max-minutes nan": "nan is not a number.",
    "client --update-accepted": "--update-accepted: needs --accepted FILE",
    "client --prune": "--prune: needs --update-accepted",
    "client --accepted a --update-accepted --prune --profile quick": (
        "--prune: needs a whole run, without --site, --clause, --scenario, --shard "
        "and --profile quick"
    ),
    "service --accepted a --update-accepted --prune --clause S-ID": "--prune: needs",
    "client --accepted a --update-accepted --prune --recordings b": (
        "--prune: needs a whole run, without --recordings and --example"
    ),
    "client --example python": "--example LANGUAGE and --page FILE: give both",
    "client --example python --page no.md": "--page no.md: cannot be read",
    "client --recordings nowhere": "nowhere",
    "client --": "--: must be followed by the command of a driver",
    "client -- ''": "an empty argument; is a variable not set?",
    "client --python ''": "an empty argument; is a variable not set?",
    "client --site ''": "an empty argument; is a variable not set?",
    "service ''": "an empty argument; is a variable not set?",
    "client -- /no/such/program": "no driver: /no/such/program",
    "service --site datadoghq.eu": "--site: a service is named by its URL",
    "service --clause C-HOST": "unknown clause 'C-HOST' (one of: S-ACCEPT, ",
    "service --snapshot-id a": "--snapshot-id, --header, --ca-file, --cert, --key: need",
    "service --max-requests 9": "--max-requests: need --live SITE or a URL",
    "service --recordings r": "--recordings: needs --live SITE",
    f"service --live datadoghq.eu {URL}": "--live SITE: goes without URL",
    f"service {URL}": "no keys: set DD_API_KEY and DD_APP_KEY",
    f"service {URL} --header colonless": "--header: must be 'NAME: VALUE'",
    "check --clause X": "unknown clause 'X' (one of: C-METHOD, ",
    "check --update-accepted": "No such option",
    "prove --fault none": "unknown fault 'none' (one of: ",
    "prove client --fault none": "unknown fault 'none' (one of: ",
    "serve --fault none": "unknown fault 'none' (one of: ",
    "serve --rate-limit many": "--rate-limit 'many': must be N/SECONDS",
    "nothing": "No such command 'nothing'",
}


@pytest.mark.parametrize("line", BAD_INPUT)
def test_bad_input_is_one_clear_line_with_status_2(line: str, capsys: Capture) -> None:
    assert main(shlex.split(line)) == 2
    captured = capsys.readouterr()
    assert BAD_INPUT[line] in captured.err
    assert captured.err.count("\n") == 1
    assert not captured.out


@pytest.mark.parametrize(
    ("api_key", "app_key", "message"),
    [
        ("secret", "", "DD_APP_KEY: is missing, its partner DD_API_KEY is set"),
        ("secret\n", "secret", "DD_API_KEY: must be visible ASCII"),
        ("secret", "secret", "127.0.0.1:9: no connection: "),
    ],
    ids=["one missing", "line break", "nothing listens"],
)
def test_keys_are_checked_and_never_shown(
    api_key: str,
    app_key: str,
    message: str,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DD_API_KEY", api_key)
    monkeypatch.setenv("DD_APP_KEY", app_key)
    assert main(["service", URL]) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.count("\n") == 1
    assert "secret" not in captured.out + captured.err


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "openapi.yaml"), ("a: [", "openapi.yaml"), ("openapi: 3.0.0", "3.1")],
    ids=["missing", "no YAML", "another version"],
)
def test_a_spec_that_cannot_be_used_is_one_clear_line(
    content: str | None,
    message: str,
    elsewhere: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Capture,
) -> None:
    if content is not None:
        (elsewhere / "openapi.yaml").write_text(content)
        overlay = "overlay: 1.0.0\nactions: []\n"
        (elsewhere / "observed.overlay.yaml").write_text(overlay)
    monkeypatch.setenv("CONTRACT_SPEC", str(elsewhere))
    assert main(["list", "sites"]) == 2
    output = capsys.readouterr().err
    assert message in output
    assert output.count("\n") == 1


# -- proofs ----------------------------------------------------------------------------


def test_faults_are_proven_to_be_caught(capsys: Capture) -> None:
    arguments = ["prove", "client", "--fault", "tls-any-name", "--rules"]
    assert main([*arguments, "--jobs", "1"]) == 0
    output = capsys.readouterr().out
    assert "1 of 1 fault caught by the clause they name" in output
    assert re.search(r"tls-any-name +C-TLS +C-TLS/\S+@", output)
