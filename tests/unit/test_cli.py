"""The command line: what it prints, how it exits, and what it says to bad input."""

import json
from pathlib import Path

import pytest

from contract.cli import main
from contract.faults import SERVICE_FAULTS
from contract.sandbox import ORGS, serving


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_one_clause_on_one_site_holds(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [
        "client",
        "--profile",
        "quick",
        "--clause",
        "C-HOST",
        "--site",
        "datadoghq.eu",
        "--json",
        "-",
    ]
    assert main(arguments) == 0
    verdict = json.loads(capsys.readouterr().out)
    assert verdict["format"] == 1
    assert verdict["verdict"] == "holds"
    assert verdict["sites"] == ["datadoghq.eu"]
    assert [clause["id"] for clause in verdict["clauses"]] == ["C-HOST"]
    assert verdict["clauses"][0]["judged"] > 100


def test_a_clause_that_cannot_be_judged_is_no_success(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["client", "--profile", "quick", "--clause", "C-TLS"]) == 2
    assert "C-TLS not judged: only a real socket" in capsys.readouterr().out


@pytest.mark.parametrize("what", ["clauses", "faults", "sites", "drivers", "cases"])
def test_what_the_suite_knows_is_listed(
    what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["list", what]) == 0
    assert len(capsys.readouterr().out.splitlines()) >= 7


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["client", "--site", "mars"], "unknown site 'mars' (one of: datadoghq.com, "),
        (["client", "--site", "app.datadoghq.com"], "did you mean datadoghq.com?"),
        (
            ["client", "--clause", "C-NONE"],
            "unknown clause 'C-NONE' (one of: C-METHOD, ",
        ),
        (
            ["client", "--profile", "slow"],
            "'slow' is not one of 'quick', 'ci', 'nightly'",
        ),
        (["prove", "client", "--fault", "none"], "unknown fault 'none' (one of: "),
        (["replay", "0123"], "no case '0123'"),
        (["replay", "broken.json"], "is no case that the suite wrote"),
        (["nothing"], "No such command 'nothing'"),
        (["service", "http://127.0.0.1:9"], "no keys: set DD_API_KEY and DD_APP_KEY"),
        (
            ["service", "--snapshot-id", "a"],
            "--snapshot-id, --header, --ca-file: need a URL",
        ),
        (
            ["service", "--site", "datadoghq.eu"],
            "--site: a service is named by its URL",
        ),
        (
            ["service", "--clause", "C-HOST"],
            "unknown clause 'C-HOST' (one of: S-ACCEPT, ",
        ),
        (
            ["service", "http://127.0.0.1:9", "--header", "no colon"],
            "--header: must be 'NAME: VALUE'",
        ),
        (["check", "--clause", "X"], "unknown clause 'X' (one of: C-METHOD, "),
        (["client", "--driver", "cobol"], "no driver 'cobol'; there are curl, go, "),
        (["client", "--driver-version", "1"], "--driver-version: needs --driver NAME"),
        (["client", "--python", "a:b", "--", "c"], "one client at a time"),
        (["client", "--update-accepted"], "--update-accepted: needs --accepted FILE"),
        (
            ["client", "--example", "python"],
            "--example LANGUAGE and --page FILE: give both",
        ),
        (
            ["client", "--example", "python", "--page", "no.md"],
            "--page no.md: cannot be read",
        ),
        (["client", "--", "/no/such/program"], "no driver: /no/such/program"),
        (["serve", "--fault", "none"], "unknown fault 'none' (one of: accepts-"),
        (["serve", "--rate-limit", "many"], "--rate-limit 'many': must be N/SECONDS"),
        (
            ["prove", "service", "--fault", "none"],
            "unknown fault 'none' (one of: accepts-",
        ),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_clear_line_and_status_2(
    arguments: list[str],
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("DD_API_KEY", "DD_APP_KEY"):
        monkeypatch.delenv(name, raising=False)
    Path("broken.json").write_text('{"kinds": []}')
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert said in shown.err
    assert shown.err.count("\n") == 1
    assert not shown.out


@pytest.mark.parametrize(
    ("api_key", "app_key", "said"),
    [
        ("secret-of-ours", "", "DD_APP_KEY: is missing, its partner DD_API_KEY is set"),
        (
            "secret-of-ours\n",
            "other-secret",
            "DD_API_KEY: must be visible ASCII, without white space or line breaks",
        ),
        ("secret-of-ours", "other-secret", "127.0.0.1:9: no connection: "),
    ],
    ids=["one missing", "line break", "nothing listens"],
)
def test_keys_are_checked_and_never_said(
    api_key: str,
    app_key: str,
    said: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DD_API_KEY", api_key)
    monkeypatch.setenv("DD_APP_KEY", app_key)
    assert main(["service", "http://127.0.0.1:9"]) == 2
    shown = capsys.readouterr()
    assert said in shown.err
    assert shown.err.count("\n") == 1
    assert "secret" not in shown.out + shown.err


def test_check_judges_both_halves_in_one_verdict(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["check", "--profile", "quick", "--json", "-"]) == 0
    verdict = json.loads(capsys.readouterr().out)
    assert verdict["verdict"] == "holds"
    assert [part["subject"]["kind"] for part in verdict["parts"]] == [
        "client",
        "service",
    ]
    assert len(verdict["clauses"]) == 40
    assert verdict["cases"] == sum(part["cases"] for part in verdict["parts"])
    assert verdict["exchanges"] == sum(part["exchanges"] for part in verdict["parts"])
    assert {each["clause"] for each in verdict["not_judged"]} == {
        "C-TLS",
        "S-RATE",
        "S-PARITY",
    }


def test_a_faulty_service_is_broken_and_its_case_is_replayed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = next(each for each in SERVICE_FAULTS if each.id == "accepts-no-type")
    monkeypatch.setenv("DD_API_KEY", ORGS[0].api_key)
    monkeypatch.setenv("DD_APP_KEY", ORGS[0].app_key)
    with serving(fault.make()) as url:
        assert (
            main(
                [
                    "service",
                    url,
                    "--profile",
                    "quick",
                    "--clause",
                    "S-REJECT",
                    "--json",
                    "-",
                ]
            )
            == 1
        )
        breach = json.loads(capsys.readouterr().out)["breaches"][0]
        assert (
            breach["replay"]
            == f"contract replay {breach['replay'].split()[2]} --service {url}"
        )
        assert main(breach["replay"].split()[1:]) == 1
        assert "S-REJECT (must)" in capsys.readouterr().out
    assert main(breach["replay"].split()[1:3]) == 0, "the embedded sandbox is right"


def test_a_replay_plays_the_one_case(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = next(each for each in SERVICE_FAULTS if each.id == "rejects-zero-start")
    monkeypatch.setenv("DD_API_KEY", ORGS[0].api_key)
    monkeypatch.setenv("DD_APP_KEY", ORGS[0].app_key)
    with serving(fault.make()) as url:
        given = [
            "service",
            url,
            "--profile",
            "quick",
            "--scenario",
            "valid-bodies",
            "--clause",
            "S-ACCEPT",
            "--json",
            "-",
        ]
        assert main(given) == 1
        for breach in json.loads(capsys.readouterr().out)["breaches"]:
            assert main([*breach["replay"].split()[1:], "--json", "-"]) == 1
            again = json.loads(capsys.readouterr().out)
            assert (again["cases"], again["exchanges"]) == (1, 1)


def test_a_place_where_no_case_can_be_kept_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".contract").write_text("a file")
    (tmp_path / "nowhere_to_keep.py").write_text(
        "class Wrong:\n    def update(self, asked):\n        raise OSError\n"
    )
    assert (
        main(
            [
                "client",
                "--python",
                "nowhere_to_keep:Wrong",
                "--profile",
                "quick",
                "--scenario",
                "keys",
            ]
        )
        == 2
    )
    shown = capsys.readouterr()
    assert "C-ALIVE (must)" in shown.out
    assert shown.err.startswith("contract: .contract/cases/")
    assert "cannot be written" in shown.err
    assert shown.err.count("\n") == 1


def test_a_breach_in_a_sequence_is_seen_again_by_the_sequence(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its step says little without those before it, so that the line plays them all, from the same seed."""
    fault = next(each for each in SERVICE_FAULTS if each.id == "gone-not-at-all")
    for org, prefix in zip(ORGS, ("DD", "CONTRACT_OTHER"), strict=True):
        monkeypatch.setenv(f"{prefix}_API_KEY", org.api_key)
        monkeypatch.setenv(f"{prefix}_APP_KEY", org.app_key)
    with serving(fault.make()) as url:
        given = [
            "service",
            url,
            "--profile",
            "quick",
            "--scenario",
            "sequences",
            "--seed",
            "5",
            "--json",
            "-",
        ]
        assert main(given) == 1
        breach = next(
            each
            for each in json.loads(capsys.readouterr().out)["breaches"]
            if each["clause"] == "S-GONE"
        )
        wanted = f"contract service --clause S-GONE --scenario sequences --profile quick --seed 5 {url}"
        assert breach["replay"] == wanted
        assert main([*breach["replay"].split()[1:], "--json", "-"]) == 1
        (again,) = json.loads(capsys.readouterr().out)["breaches"]
    assert (again["fingerprint"], again["count"]) == (
        breach["fingerprint"],
        breach["count"],
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "openapi.yaml"), ("a: [", "openapi.yaml"), ("openapi: 3.0.0", "3.1")],
    ids=["missing", "no YAML", "another version"],
)
def test_a_spec_that_cannot_be_used_is_one_clear_line(
    content: str | None,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if content is not None:
        (tmp_path / "openapi.yaml").write_text(content)
        (tmp_path / "observed.overlay.yaml").write_text("overlay: 1.0.0\nactions: []\n")
    monkeypatch.setenv("CONTRACT_SPEC", str(tmp_path))
    assert main(["list", "sites"]) == 2
    shown = capsys.readouterr().err
    assert said in shown
    assert shown.count("\n") == 1
