"""The recorder, and the directories of recordings."""

import datetime
from pathlib import Path

import pytest

from contract.engine.subject import PlayResult, Recorder, Skipped, Stopped
from contract.errors import UsageError
from contract.model import ClientCase
from contract.recordings.cassette import new_directory, previous_directory
from tests.unit.engine_support import (
    SITES,
    StubSubject,
    client_case,
    exchange_of,
    play,
    scenario,
    schedule,
)

DAY = datetime.date(2026, 11, 26)


def test_exchanges_are_recorded_by_case_in_the_order_of_the_run() -> None:
    cases = [client_case(f"/{letter}", body=letter) for letter in "ab"]
    subject = StubSubject(cost=lambda exchange: 2.5, skip=lambda case: "")
    recorder = Recorder(subject)
    play(recorder, schedule(scenario("one", *cases)))
    assert (recorder.kind, recorder.name, recorder.version) == (
        subject.kind,
        "stub",
        "1",
    )
    assert [item.case.body for item in recorder.exchanges] == [*"aab"]
    assert [item.site for item in recorder.exchanges] == [*SITES[:2], SITES[1]]


def test_what_was_not_played_is_not_recorded() -> None:
    results: list[PlayResult] = [Skipped("an outage"), Stopped("spent")]

    def answer(case: ClientCase, site: str) -> PlayResult:
        return results.pop(0) if results else exchange_of(case, site)

    recorder = Recorder(StubSubject(answer))
    for _ in range(3):
        recorder.play(client_case(), SITES[0])
    assert len(recorder.exchanges) == 1


def test_each_run_has_a_directory_of_its_own(tmp_path: Path) -> None:
    names = [new_directory(tmp_path / "new", DAY).name for _ in range(3)]
    assert names == ["2026-11-26", "2026-11-26-02", "2026-11-26-03"]


def test_the_previous_directory_is_the_last_one_with_recordings(tmp_path: Path) -> None:
    directories = [new_directory(tmp_path, DAY) for _ in range(3)]
    assert previous_directory(directories[2]) is None
    (directories[0] / "live.yaml").touch()
    (directories[2] / "live.yaml").touch()
    assert previous_directory(directories[2]) == directories[0]


def test_a_directory_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"2026-11-26: cannot be made: Not a dir"):
        new_directory(tmp_path / "file", DAY)
