"""Accepted breaches of services, from the first run to the day they are gone."""

from pathlib import Path
from typing import Any

import pytest
import yaml

import contract
from contract.cases.service import service_scenarios
from contract.cli import main
from contract.engine.baseline import read_baseline
from contract.faults import service_fault
from contract.sandbox import ORGS, Sandbox, serving
from contract.spec import load
from tests.unit.live_runs import SITE, LiveRuns

FAULT = "accepts-no-type"
SMALL = [s for s in service_scenarios(load()) if s.name in ("invalid-bodies", "keys")]
ACCEPTED = Path("accepted.yaml")
CLIENTS = """\
- clause: C-REDIRECT
  rule: keys-follow-redirect
  reason: a client of the same repository
  expires: 2100-01-01
"""


@pytest.fixture(autouse=True)
def small_catalogue(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a whole run have two scenarios, and set the keys."""
    monkeypatch.setattr("contract.engine.drawing.service_scenarios", lambda spec: SMALL)
    monkeypatch.setenv("DD_API_KEY", ORGS[0].api_key)
    monkeypatch.setenv("DD_APP_KEY", ORGS[0].app_key)


def explain() -> None:
    """Give each entry a reason, and add one about clients."""
    document = yaml.safe_load(ACCEPTED.read_text())
    for entry in document["accepted"]:
        entry["reason"] = "a type is not needed yet"
        entry["expires"] = "2100-01-01"
    document["accepted"] += yaml.safe_load(CLIENTS)
    ACCEPTED.write_text(yaml.safe_dump(document))


def causes() -> set[str]:
    return {entry.cause_id for entry in read_baseline(ACCEPTED).entries}


def test_a_service_on_loopback_is_accepted_explained_mended_and_pruned(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["--accepted", str(ACCEPTED)]
    with serving(service_fault(FAULT).make_sandbox()) as url:
        assert main(["service", url, *words, "--update-accepted"]) == 1
        assert "added without a reason" in capsys.readouterr().err
        assert {cause.partition("/")[0] for cause in causes()} == {"S-REJECT"}
        assert main(["service", url, *words]) == 1
        explain()
        assert main(["service", url, *words]) == 0
        assert "(not of" not in capsys.readouterr().out
    with serving(Sandbox()) as url:
        assert main(["service", url, *words]) == 0
        assert "accepted, but not seen any more" in capsys.readouterr().out
        assert main(["service", url, *words, "--update-accepted"]) == 0
        assert len(causes()) > 1
        assert main(["service", url, *words, "--update-accepted", "--prune"]) == 0
    assert causes() == {"C-REDIRECT/keys-follow-redirect"}


def test_a_path_may_be_a_text_in_python() -> None:
    texts: Any = {"report": "report", "accepted": str(ACCEPTED)}
    with serving(service_fault(FAULT).make_sandbox()) as url:
        contract.check_service(
            url, keys=ORGS[0].keys, update_accepted=True, profile="quick", **texts
        )
    assert causes()
    assert Path("report/verdict.json").is_file()


def test_a_live_site_is_accepted_explained_mended_and_pruned(live: LiveRuns) -> None:
    def check(app: Sandbox, **options: Any) -> contract.Verdict:
        stage = live.on(app)
        return contract.check_live(
            SITE,
            ca_file=stage.ca_file,
            journals=live.journals,
            clock=live.clock.clock(),
            accepted=ACCEPTED,
            **options,
        )

    faulty = service_fault(FAULT).make_sandbox
    assert check(faulty(), update_accepted=True).verdict == "broken"
    assert {cause.partition("/")[0] for cause in causes()} == {"S-REJECT"}
    explain()
    assert check(faulty()).verdict == "holds"
    assert check(Sandbox()).stale
    before = ACCEPTED.read_text()
    with pytest.raises(contract.UsageError, match="--prune: needs a whole run"):
        check(Sandbox(), update_accepted=True, prune=True, max_requests=60)
    assert ACCEPTED.read_text() == before
    assert check(Sandbox(), update_accepted=True, prune=True).verdict == "holds"
    assert causes() == {"C-REDIRECT/keys-follow-redirect"}


def test_python_updates_and_reports(tmp_path: Path) -> None:
    with serving(service_fault(FAULT).make_sandbox()) as url:
        options: dict[str, Any] = {"accepted": ACCEPTED, "update_accepted": True}
        verdict = contract.check_service(url, report=tmp_path / "r", **options)
    assert verdict.unexplained
    assert causes()
    assert (tmp_path / "r" / "junit.xml").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"update_accepted": True}, "--update-accepted: needs --accepted FILE"),
        ({"prune": True}, "--prune: needs --update-accepted"),
        (
            {
                "prune": True,
                "update_accepted": True,
                "accepted": ACCEPTED,
                "scenarios": ["keys"],
            },
            "--prune: needs a whole run",
        ),
        ({"report": Path("/dev/null/r")}, "--report /dev/null/r/index.html: cannot be"),
    ],
)
def test_python_refuses_what_the_command_line_refuses(
    options: Any, message: str
) -> None:
    for check in (contract.check_service, contract.check_client, contract.check_all):
        with pytest.raises(contract.UsageError, match=message):
            check(**options)
