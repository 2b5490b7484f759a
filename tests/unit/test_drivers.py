"""Drivers: replies, and what becomes of a program that breaks the protocol."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from contract.client import SITES
from contract.errors import SubjectError
from contract.model import Label, OutcomeKind, Response
from contract.servers.fake_sites import FakeSites
from contract.subjects.driver import PROBES, About, Driver, patience_s
from contract.subjects.in_process import ClientSubject
from contract.subjects.process import MAX_OUTPUT
from tests.unit.driver_support import (
    FAKE,
    SITE,
    case,
    eventually,
    fake_command,
    processes,
)
from tests.unit.engine_support import play, scenario, schedule


@pytest.fixture
def fake(tmp_path: Path) -> list[str]:
    return fake_command(tmp_path)


@pytest.fixture
def driver(fake: list[str]) -> Iterator[Driver]:
    threads = threading.active_count()
    with Driver(fake, {}, grace_s=0.3, goodbye_s=0.3) as driver:
        yield driver
    assert threading.active_count() == threads
    # A killed process takes a moment to go.
    assert eventually(lambda: processes(fake) == [])


def test_the_update_line_is_that_of_the_protocol(driver: Driver) -> None:
    outcome = driver.update(case("an id \ud83d", retry=True), SITE)
    assert outcome.kind == "snapshot"
    assert outcome.snapshot == {
        "cmd": "update",
        "seq": outcome.snapshot["seq"],
        "site": "datadoghq.eu",
        "api_key": "api-key",
        "app_key": "app-key",
        "snapshot_id": "an id \ud83d",
        "body": {"data": None},
        "timeout_s": 5.0,
        "retry": True,
    }
    assert outcome.seconds > 0


def test_hello_says_who_it_is(driver: Driver) -> None:
    assert driver.about == About("fake", "0.1", frozenset({"retry"}))


def test_the_fields_of_an_outcome_are_read(driver: Driver) -> None:
    error = driver.update(case("api error"), SITE)
    assert (error.kind, error.status, error.errors, error.message) == (
        "api_error",
        429,
        ("a", "b"),
        "m",
    )
    crash = driver.update(case("crashed"), SITE)
    assert (crash.kind, crash.type, crash.message) == ("crashed", "KeyError", "k")


def test_one_process_serves_all_calls(driver: Driver) -> None:
    assert (
        driver.update(case("pid"), SITE).snapshot
        == driver.update(case("pid"), SITE).snapshot
    )


def test_a_python_driver_loses_nothing(driver: Driver) -> None:
    assert driver.lost_probes == ()


@pytest.mark.parametrize(
    ("value", "lost"),
    [
        (
            "float(v) if isinstance(v, int) else v",
            {"greatest int64", "least int64", "beyond 2^53", "beyond int64"},
        ),
        (
            "v.encode(errors='replace').decode() if isinstance(v, str) else v",
            {"lone surrogates"},
        ),
        ("round(v, 6) if isinstance(v, float) else v", {"small float"}),
    ],
)
def test_what_a_line_loses_is_named(
    fake: list[str], value: str, lost: set[str]
) -> None:
    program = Path(fake[1])
    program.write_text(
        f"def lossy(v): return {value}\n"
        + FAKE.replace('request["value"]', 'lossy(request["value"])')
    )
    with Driver(fake, {}) as driver:
        assert {probe.name for probe in driver.lost_probes} == lost


@pytest.mark.parametrize(
    ("reply", "problem"),
    [
        ("sys.exit(1)", "no reply to echo: it ended with exit status 1"),
        ("time.sleep(60)", "no reply to echo: no reply within 0.3 s"),
        (
            "say({'seq': 1, 'outcome': 'unsupported'})",
            'it replies to echo with {"seq": 1, "outcome": "unsupported"}',
        ),
        (
            "say({'seq': 1, 'value': 'text'})",
            'it replies to echo with {"seq": 1, "value": "text"}',
        ),
        ("say({'value': {}})", "no reply to echo: asked 1, answered null"),
    ],
    ids=["exit", "hang", "another reply", "another value", "no seq"],
)
def test_a_driver_without_echo_is_no_subject(
    fake: list[str], reply: str, problem: str
) -> None:
    echo = 'say({"seq": request["seq"], "value": request["value"]})'
    Path(fake[1]).write_text(FAKE.replace(echo, reply))
    with pytest.raises(SubjectError) as raised, Driver(fake, {}, grace_s=0.3):
        pass
    message = str(raised.value)
    assert message.startswith("no driver: ")
    assert f": {problem}; expected in reply to echo: " in message
    assert "\n" not in message
    assert eventually(lambda: processes(fake) == [])


def test_a_driver_that_dies_of_a_value_loses_it_and_still_runs(
    fake: list[str],
) -> None:
    dies = "if request['value'] != {'data': 'text'}: sys.exit(1)"
    is_echo = f"    if word == 'echo':\n        {dies}\n    match word:\n"
    Path(fake[1]).write_text(FAKE.replace("    match word:\n", is_echo))
    with Driver(fake, {}) as driver:
        assert driver.lost_probes == PROBES
        assert (
            driver.update(replace(case("id"), body={"data": "text"}), SITE).kind
            == "snapshot"
        )


def test_what_the_lines_lose_is_not_played(fake: list[str]) -> None:
    Path(fake[1]).write_text(
        FAKE.replace(
            'request["value"]',
            'json.loads(json.dumps(request["value"]), parse_int=float)',
        )
    )
    with Driver(fake, {}) as driver:
        lossy = [{"data": 2**53 + 1}, {"data": [{"a": -(2**63)}]}]
        assert [
            driver.update(replace(case("id"), body=body), SITE).kind for body in lossy
        ] == ["unsupported"] * 2
        outcome = driver.update(replace(case("id"), body=lossy[0]), SITE)
        assert outcome.message == "the driver's lines lose beyond 2^53, greatest int64"
        received = Response(200, body=b'{"unknown_property": 9007199254740993}')
        answered = replace(case("id"), body={"data": "a"}, responses=(received,))
        outcome = driver.update(answered, SITE)
        assert outcome.message == "the driver's lines lose beyond 2^53, greatest int64"
        assert (
            driver.update(replace(case("id"), body={"data": 2**53}), SITE).kind
            == "snapshot"
        )


def test_every_probe_matches_its_own_value() -> None:
    assert [probe.name for probe in PROBES if not probe.is_in(probe.value)] == []
    plain = {"data": {"a": "text", "b": [1, True]}}
    assert not any(probe.is_in(plain) for probe in PROBES)


@pytest.mark.parametrize(
    ("word", "type_", "message"),
    [
        ("hang", "hang", "no reply within 0.4 s"),
        ("half a line", "hang", "no reply within 0.4 s"),
        ("exit", "process-died", "it ended with exit status 3"),
        ("abort", "process-died", "it was ended by SIGABRT"),
        ("not json", "garbled", "the reply is no JSON object: Traceback, or so"),
        ("not an object", "garbled", "the reply is no JSON object: [1]"),
        ("not utf-8", "garbled", 'the reply is no JSON object: {"seq": "\ufffd'),
        ("too deep", "garbled", "the reply is no JSON object: " + "[" * 5_000 + "…"),
        ("wrong seq", "wrong seq", "asked 15, answered 14"),
        ("no seq", "wrong seq", "asked 15, answered null"),
        ("true seq", "wrong seq", "asked 15, answered true"),
    ],
)
def test_a_broken_driver_is_a_crash_and_the_next_call_is_served(
    driver: Driver, word: str, type_: str, message: str
) -> None:
    outcome = driver.update(case(word), SITE)
    assert (outcome.kind, outcome.type, outcome.message) == ("crashed", type_, message)
    assert driver.update(case("id"), SITE).kind == "snapshot"


@pytest.mark.parametrize(
    "word",
    [
        "unknown outcome",
        "no snapshot",
        "status as text",
        "errors as text",
        "message as number",
        "trace as text",
    ],
)
def test_an_outcome_that_the_protocol_does_not_know_is_garbled(
    driver: Driver, word: str
) -> None:
    outcome = driver.update(case(word), SITE)
    assert (outcome.kind, outcome.type) == ("crashed", "garbled")
    assert outcome.message.startswith("the reply is no outcome of protocol 1: {")


def test_a_driver_that_closes_its_output_is_ended(driver: Driver) -> None:
    assert driver.update(case("close"), SITE).message == "it closed its standard output"


def test_a_driver_that_ends_after_its_reply_is_not_blamed_on_the_next_case_alone(
    driver: Driver, fake: list[str]
) -> None:
    assert driver.update(case("reply and exit"), SITE).kind == "snapshot"
    assert eventually(
        lambda: (
            not any(
                "fake_driver.py" in line and "launcher" not in line
                for line in processes(fake)
            )
        )
    )
    outcome = driver.update(case("id"), SITE)
    assert outcome.message == (
        "it ended with exit status 4, before it had read the line: perhaps the call before is at fault"
    )


def test_standard_error_is_the_output_of_its_own_call(driver: Driver) -> None:
    assert driver.update(case("exit"), SITE).logged == "last words\n"
    assert driver.update(case("noise"), SITE).logged == "warning: x" * 20000 + "\n"
    assert driver.update(case("id"), SITE).logged == ""
    assert driver.update(case("no standard error"), SITE).kind == "snapshot"
    assert driver.update(case("id"), SITE).kind == "snapshot"


def test_much_output_is_not_kept_whole(driver: Driver) -> None:
    outcome = driver.update(case("much noise"), SITE)
    assert outcome.kind == "snapshot"
    assert len(outcome.logged) == 2**20


def test_what_is_printed_beside_the_reply_is_stray(driver: Driver) -> None:
    beside = driver.update(case("stray after"), SITE)
    assert (beside.kind, beside.printed) == ("snapshot", "printed\n")
    assert driver.update(case("stray later"), SITE).printed == ""
    time.sleep(0.5)
    assert driver.update(case("id"), SITE).printed == "printed\n"
    assert driver.update(case("not json"), SITE).printed == "Traceback, or so"
    assert driver.update(case("half a line"), SITE).printed == '{"seq": '


def test_a_line_that_no_pipe_holds_passes_both_ways(driver: Driver) -> None:
    large = case("id", body={"text": "x" * 3_000_000})
    assert driver.update(large, SITE).snapshot["body"] == large.body


@pytest.mark.parametrize(
    ("retry", "waits", "patience"),
    [
        (False, ["2"], 4.0),
        (True, [], 4.0),
        (True, ["2", "1.5"], 7.5),
        (True, ["-3", "soon", "nan", "inf"], 4.0),
        (True, ["60", "61", "1e9"], 64.0),
    ],
)
def test_a_call_may_take_the_waits_that_its_responses_ask_for(
    retry: bool, waits: list[str], patience: float
) -> None:
    limited = (Response(429, (("X-RateLimit-Reset", wait),)) for wait in waits)
    responses = (*limited, Response(200))
    waiting = case("id", timeout_s=1, retry=retry, responses=responses)
    assert patience_s(waiting, 3.0) == patience


def test_the_environment_is_that_of_the_protocol(
    fake: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (
        "DD_API_KEY",
        "DD_SITE",
        "NO_PROXY",
        "no_proxy",
        "ALL_PROXY",
        "all_proxy",
        "HTTPS_PROXY",
        "UNCHANGED",
    ):
        monkeypatch.setenv(name, "inherited")
    with Driver(fake, {"HTTPS_PROXY": "set", "CONTRACT_CA_FILE": "set"}) as driver:
        environment = driver.update(case("environment"), SITE).snapshot
    assert {
        name: value
        for name, value in environment.items()
        if value in ("inherited", "set")
    } == {
        "UNCHANGED": "inherited",
        "HTTPS_PROXY": "set",
        "CONTRACT_CA_FILE": "set",
    }


@pytest.mark.parametrize(
    ("word", "type"),
    [
        ("flood", "garbled"),
        ("flood of lines", "wrong seq"),
        ("flood of errors", "hang"),
    ],
)
def test_output_without_an_end_is_bounded(
    fake: list[str], word: str, type: str
) -> None:
    with Driver(fake, {}, grace_s=0.2) as driver:
        outcome = driver.update(
            case(word, timeout_s=9.8 if type != "hang" else 0.1), SITE
        )
    assert (outcome.kind, outcome.type) == (OutcomeKind.CRASHED, type)
    assert len(outcome.printed) + len(outcome.logged) <= 2 * MAX_OUTPUT


def test_hangs_end_the_waiting_of_a_scenario(fake: list[str]) -> None:
    cases = [case("hang", labels=(Label("", str(n)),), timeout_s=0.1) for n in range(6)]
    with FakeSites(SITES) as sites, Driver(fake, {}, grace_s=0.1) as driver:
        subject = ClientSubject(driver, sites)
        ledger = play(subject, schedule(scenario("one", *cases)), max_wait_s=6.0)
    assert ledger.cut_off == {"one": 5}
