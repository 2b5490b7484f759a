"""Accepted breaches: counted, expired, pruned, written with their reasons; and a file that cannot be used."""

import datetime
import json
from pathlib import Path

import pytest
import yaml

from contract.cases.client import client_scenarios
from contract.clauses import CLIENT
from contract.cli import main
from contract.engine.baseline import UNEXPLAINED, accept, read_accepted, write_accepted
from contract.engine.runner import PROFILES, run
from contract.engine.verdict import Verdict
from contract.errors import UsageError
from contract.faults import CLIENT_FAULTS, Faulty
from contract.servers.mock import MockedSites
from contract.spec import load
from contract.subjects.in_process import ClientSubject

TODAY = datetime.date(2026, 11, 23)
SPEC = load()


@pytest.fixture
def broken() -> Verdict:
    fault = next(each for each in CLIENT_FAULTS if each.id == "auth-swapped")
    scenarios = [each for each in client_scenarios(SPEC) if each.name == "keys"]
    with MockedSites(SPEC.sites) as mock:
        subject = ClientSubject(Faulty(fault), mock, "swapped", "1.0")
        return run(subject, scenarios, CLIENT, SPEC, profile=PROFILES["quick"])


def test_what_is_written_is_accepted_and_reasons_stay(
    broken: Verdict, tmp_path: Path
) -> None:
    path = tmp_path / "new" / "swapped.yaml"
    assert broken.verdict == "broken"
    write_accepted(path, broken, TODAY)
    entries = read_accepted(path)
    assert {entry.fingerprint for entry in entries} == set(broken.breaches)
    assert {(entry.reason, entry.expires) for entry in entries} == {
        (UNEXPLAINED, datetime.date(2027, 5, 24))
    }
    path.write_text(path.read_text().replace(UNEXPLAINED, "it swaps them"))
    write_accepted(path, broken, TODAY + datetime.timedelta(days=30))
    assert {entry.reason for entry in read_accepted(path)} == {"it swaps them"}
    assert {entry.expires for entry in read_accepted(path)} == {
        datetime.date(2027, 5, 24)
    }
    accept(broken, read_accepted(path), TODAY)
    assert broken.verdict == "holds"
    assert not broken.pruned
    assert all(breach.accepted for breach in broken.breaches.values())


def test_it_is_accepted_on_its_last_day(broken: Verdict, tmp_path: Path) -> None:
    write_accepted(tmp_path / "a.yaml", broken, TODAY)
    accept(broken, read_accepted(tmp_path / "a.yaml"), datetime.date(2027, 5, 24))
    assert broken.verdict == "holds"


def test_the_day_after_its_last_it_counts_again(
    broken: Verdict, tmp_path: Path
) -> None:
    write_accepted(tmp_path / "a.yaml", broken, TODAY)
    accept(broken, read_accepted(tmp_path / "a.yaml"), datetime.date(2027, 5, 25))
    assert broken.verdict == "broken"
    assert "it was accepted until 2027-05-24" in broken.counting[0].message


def test_what_is_not_seen_any_more_is_named(broken: Verdict, tmp_path: Path) -> None:
    write_accepted(tmp_path / "a.yaml", broken, TODAY)
    entries = read_accepted(tmp_path / "a.yaml")
    broken.breaches.clear()
    accept(broken, entries, TODAY)
    assert broken.pruned == [
        f"{entry.fingerprint} {entry.clause}: {entry.reason}" for entry in entries
    ]


ENTRY = {
    "fingerprint": "0123456789ab",
    "clause": "C-AUTH",
    "reason": "known",
    "expires": datetime.date(2027, 1, 1),
}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: No such file"),
        ("a: [", "not YAML"),
        ("- 1", "must be a mapping with the list 'accepted'"),
        (yaml.safe_dump({"accepted": ["x"]}), "entry 1: must be a mapping, is 'x'"),
        (
            yaml.safe_dump({"accepted": [{**ENTRY, "reason": " "}]}),
            "entry 1: reason must be a text, is ' '",
        ),
        (
            yaml.safe_dump({"accepted": [ENTRY, {**ENTRY, "expires": "soon"}]}),
            "entry 2: expires must be a date",
        ),
        (
            yaml.safe_dump({"accepted": [{**ENTRY, "owner": "me"}]}),
            "entry 1: knows no 'owner'",
        ),
    ],
    ids=[
        "missing",
        "no YAML",
        "no list",
        "no mapping",
        "no reason",
        "no date",
        "unknown member",
    ],
)
def test_a_file_that_cannot_be_used_is_one_clear_line(
    content: str | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "accepted.yaml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UsageError, match="--accepted"):
        read_accepted(path)
    assert main(["client", "--accepted", str(path), "--profile", "quick"]) == 2
    shown = capsys.readouterr().err
    assert said in shown
    assert shown.count("\n") == 1


def test_the_committed_files_can_be_read_and_every_entry_is_explained() -> None:
    for path in sorted(
        (Path(__file__).parents[2] / "spec" / "accepted").glob("*.yaml")
    ):
        entries = read_accepted(path)
        assert entries
        assert len({entry.fingerprint for entry in entries}) == len(entries)
        assert UNEXPLAINED not in {entry.reason for entry in entries}
        assert {entry.clause for entry in entries} <= {clause.id for clause in CLIENT}


def test_the_command_line_accepts_what_it_wrote_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    Path("wrong_client.py").write_text(
        "class Broken:\n    def update(self, asked):\n        raise OSError(asked.site)\n"
    )
    given = [
        "client",
        "--python",
        "wrong_client:Broken",
        "--scenario",
        "keys",
        "--accepted",
        "a.yaml",
        "--json",
        "-",
    ]
    assert main([*given, "--update-accepted"]) == 0
    written = json.loads(capsys.readouterr().out)
    assert all(each["accepted"] for each in written["breaches"])
    assert (
        sum(each["accepted"] for each in written["clauses"])
        == len(written["breaches"])
        > 0
    )
    assert main(given) == 0
    Path("a.yaml").write_text("accepted: []\n")
    assert main(given) == 1
