"""The driver runner: what becomes of a program that answers, and of one that does not."""

import json
import signal
import subprocess
import sys
import textwrap
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from contract.errors import SubjectError
from contract.model import Case, Outcome, Response
from contract.servers.fake_sites import FakeSites
from contract.subjects.driver import PROBES, About, Driver, patience_s, shows

KEYS = ("api-key", "app-key")
ROOT = Path(__file__).parents[2]

# It does what the snapshot id says, or else answers with the line that it was sent.
FAKE = """
import json, os, signal, subprocess, sys, time

def say(reply):
    print(json.dumps(reply), flush=True)

HELLO = {"protocol": 1, "client": "fake", "version": "0.1", "language": "python", "features": ["retry"]}
if sys.argv[2:] == ["deaf"]:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
for line in sys.stdin:
    asked = json.loads(line)
    word = asked.get("snapshot_id", asked["cmd"])
    reply = {"seq": asked.get("seq"), "outcome": "snapshot", "snapshot": asked}
    match word:
        case "hello": say(HELLO)
        case "echo": say({"seq": asked["seq"], "value": asked["value"]})
        case "bye":
            while sys.argv[2:] == ["deaf"]: time.sleep(60)
            sys.exit(0)
        case "pid": say(reply | {"snapshot": os.getpid()})
        case "environment": say(reply | {"snapshot": dict(os.environ)})
        case "hang": time.sleep(60)
        case "hang after a child":
            subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", sys.argv[1]])
            print("ready", file=sys.stderr, flush=True)
            time.sleep(60)
        case "half a line": print('{"seq": ', end="", flush=True); time.sleep(60)
        case "exit": print("last words", file=sys.stderr, flush=True); sys.exit(3)
        case "abort": os.kill(os.getpid(), signal.SIGABRT)
        case "close": os.close(1); time.sleep(60)
        case "reply and exit": say(reply); sys.exit(4)
        case "not json": print("Traceback, or so", flush=True)
        case "not an object": print("[1]", flush=True)
        case "not utf-8": sys.stdout.buffer.write(b'{"seq": "\\xff\\n'); sys.stdout.flush()
        case "too deep": print("[" * 100000, flush=True)
        case "wrong seq": say(reply | {"seq": asked["seq"] - 1})
        case "no seq": say({"outcome": "refused"})
        case "true seq": say(reply | {"seq": True})
        case "unknown outcome": say(reply | {"outcome": "fine"})
        case "no snapshot": say({"seq": asked["seq"], "outcome": "snapshot"})
        case "status as text": say(reply | {"status": "429"})
        case "errors as text": say(reply | {"errors": "x"})
        case "message as number": say(reply | {"message": 1})
        case "stray after": sys.stdout.write(json.dumps(reply) + "\\nprinted\\n"); sys.stdout.flush()
        case "stray later": say(reply); time.sleep(0.05); print("printed", flush=True)
        case "noise": print("warning: x" * 20000, file=sys.stderr, flush=True); say(reply)
        case "much noise": sys.stderr.write("x" * 5_000_000); sys.stderr.flush(); say(reply)
        case "no standard error": os.close(2); say(reply)
        case "api error":
            say({"seq": asked["seq"], "outcome": "api_error", "status": 429, "errors": ["a", "b"], "message": "m"})
        case "crashed": say({"seq": asked["seq"], "outcome": "crashed", "type": "KeyError", "message": "k"})
        case _: say(reply)
"""


@pytest.fixture
def fake(tmp_path: Path) -> list[str]:
    program = tmp_path / "fake_driver.py"
    program.write_text(FAKE)
    return [sys.executable, str(program), f"marker-{uuid.uuid4()}"]


@pytest.fixture
def driver(fake: list[str]) -> Iterator[Driver]:
    threads = threading.active_count()
    with Driver(fake, {}, grace_s=0.3, farewell_s=0.3) as driver:
        yield driver
    assert threading.active_count() == threads
    assert eventually(
        lambda: processes(fake) == []
    )  # what was killed takes a moment to go


def case(word: str, *, timeout_s: float | None = None, **more: object) -> Case:
    if timeout_s is None:
        timeout_s = (
            0.1 if word in ("hang", "half a line") else 5.0
        )  # a machine may be busy
    return Case(
        "test",
        ("test",),
        word,
        {"data": None},
        site="datadoghq.eu",
        timeout_s=timeout_s,
        **more,
    )  # type: ignore[arg-type]


def processes(fake: list[str]) -> list[str]:
    """Return what runs with the marker of this test on its command line."""
    listed = subprocess.run(
        ["ps", "-ww", "-eo", "pid,stat,args"],  # noqa: S607
        capture_output=True,
        text=True,
        check=True,
    )
    return [
        line
        for line in listed.stdout.splitlines()
        if fake[2] in line and " Z" not in line
    ]


@contextmanager
def no_longer_than(seconds: int) -> Iterator[None]:
    """Fail where the block would hang."""

    def late(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def eventually(true: Callable[[], bool], within_s: float = 5.0) -> bool:
    end = time.monotonic() + within_s
    while not true() and time.monotonic() < end:
        time.sleep(0.02)
    return true()


def test_the_update_line_is_that_of_the_protocol(driver: Driver) -> None:
    begin = time.monotonic()
    outcome = driver.update(case("an id \ud83d", retry=True), KEYS)
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
    assert 0 < outcome.seconds < time.monotonic() - begin


def test_hello_says_who_it_is(driver: Driver) -> None:
    assert driver.about == About("fake", "0.1", "python", frozenset({"retry"}))


def test_the_fields_of_an_outcome_are_read(driver: Driver) -> None:
    error = driver.update(case("api error"), KEYS)
    assert (error.kind, error.status, error.errors, error.message) == (
        "api_error",
        429,
        ("a", "b"),
        "m",
    )
    crash = driver.update(case("crashed"), KEYS)
    assert (crash.kind, crash.type, crash.message) == ("crashed", "KeyError", "k")


def test_one_process_serves_all_calls(driver: Driver) -> None:
    assert (
        driver.update(case("pid"), KEYS).snapshot
        == driver.update(case("pid"), KEYS).snapshot
    )


def test_a_python_driver_loses_nothing(driver: Driver) -> None:
    assert driver.lost == frozenset()


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
        + FAKE.replace('asked["value"]', 'lossy(asked["value"])')
    )
    with Driver(fake, {}) as driver:
        assert driver.lost == lost


def test_a_driver_that_cannot_echo_loses_everything_and_still_runs(
    fake: list[str],
) -> None:
    Path(fake[1]).write_text(
        FAKE.replace('case "echo": say(', 'case "echo": sys.exit(')
    )
    with Driver(fake, {}) as driver:
        assert driver.lost == set(PROBES)
        assert (
            driver.update(replace(case("id"), body={"data": "text"}), KEYS).kind
            == "snapshot"
        )


def test_what_the_lines_lose_is_not_played(fake: list[str]) -> None:
    Path(fake[1]).write_text(
        FAKE.replace(
            'asked["value"]', 'json.loads(json.dumps(asked["value"]), parse_int=float)'
        )
    )
    with Driver(fake, {}) as driver:
        lossy = [{"data": 2**53 + 1}, {"data": [{"a": -(2**63)}]}]
        assert [
            driver.update(replace(case("id"), body=body), KEYS).kind for body in lossy
        ] == ["unsupported"] * 2
        told = driver.update(replace(case("id"), body=lossy[0]), KEYS)
        assert told.message == "the driver's lines lose beyond 2^53, greatest int64"
        assert (
            driver.update(replace(case("id"), body={"data": 2**53}), KEYS).kind
            == "snapshot"
        )


def test_every_probe_is_shown_by_its_own_value() -> None:
    assert [name for name, value in PROBES.items() if not shows(name, value)] == []
    assert not any(
        shows(name, {"data": {"a": "text", "b": [1, True]}}) for name in PROBES
    )


@pytest.mark.parametrize(
    ("word", "type_", "message"),
    [
        ("hang", "hang", "no reply within 0.4 s"),
        ("half a line", "hang", "no reply within 0.4 s"),
        ("exit", "exit", "it ended with exit status 3"),
        ("abort", "exit", "it was ended by SIGABRT"),
        ("not json", "garbled", "the reply is no JSON object: Traceback, or so"),
        ("not an object", "garbled", "the reply is no JSON object: [1]"),
        ("not utf-8", "garbled", 'the reply is no JSON object: {"seq": "\ufffd'),
        ("too deep", "garbled", "the reply is no JSON object: " + "[" * 200 + "…"),
        ("wrong seq", "wrong seq", "asked 14, answered 13"),
        ("no seq", "wrong seq", "asked 14, answered null"),
        ("true seq", "wrong seq", "asked 14, answered true"),
    ],
)
def test_a_broken_driver_is_a_crash_and_the_next_call_is_served(
    driver: Driver, word: str, type_: str, message: str
) -> None:
    outcome = driver.update(case(word), KEYS)
    assert (outcome.kind, outcome.type, outcome.message) == ("crashed", type_, message)
    assert driver.update(case("id"), KEYS).kind == "snapshot"


@pytest.mark.parametrize(
    "word",
    [
        "unknown outcome",
        "no snapshot",
        "status as text",
        "errors as text",
        "message as number",
    ],
)
def test_an_outcome_that_the_protocol_does_not_know_is_garbled(
    driver: Driver, word: str
) -> None:
    outcome = driver.update(case(word), KEYS)
    assert (outcome.kind, outcome.type) == ("crashed", "garbled")
    assert outcome.message.startswith("the reply is no outcome of protocol 1: {")


def test_a_driver_that_closes_its_output_is_ended(driver: Driver) -> None:
    assert driver.update(case("close"), KEYS).message == "it closed its standard output"


def test_a_driver_that_ends_after_its_reply_is_not_blamed_on_the_next_case_alone(
    driver: Driver, fake: list[str]
) -> None:
    assert driver.update(case("reply and exit"), KEYS).kind == "snapshot"
    assert eventually(
        lambda: (
            not any(
                "fake_driver.py" in line and "launcher" not in line
                for line in processes(fake)
            )
        )
    )
    outcome = driver.update(case("id"), KEYS)
    assert outcome.message == (
        "it ended with exit status 4, before it had read the line: perhaps the call before is at fault"
    )


def test_standard_error_is_the_output_of_its_own_call(driver: Driver) -> None:
    assert driver.update(case("exit"), KEYS).output == "last words\n"
    assert driver.update(case("noise"), KEYS).output == "warning: x" * 20000 + "\n"
    assert driver.update(case("id"), KEYS).output == ""
    assert driver.update(case("no standard error"), KEYS).kind == "snapshot"
    assert driver.update(case("id"), KEYS).kind == "snapshot"


def test_much_output_is_not_kept_whole(driver: Driver) -> None:
    outcome = driver.update(case("much noise"), KEYS)
    assert outcome.kind == "snapshot"
    assert len(outcome.output) == 2**20


def test_what_is_printed_beside_the_reply_is_stray(driver: Driver) -> None:
    beside = driver.update(case("stray after"), KEYS)
    assert (beside.kind, beside.stray) == ("snapshot", "printed\n")
    assert driver.update(case("stray later"), KEYS).stray == ""
    time.sleep(0.5)
    assert driver.update(case("id"), KEYS).stray == "printed\n"
    assert driver.update(case("not json"), KEYS).stray == "Traceback, or so"
    assert driver.update(case("half a line"), KEYS).stray == '{"seq": '


def test_a_line_that_no_pipe_holds_passes_both_ways(driver: Driver) -> None:
    large = Case("test", ("test",), "id", {"text": "x" * 3_000_000}, timeout_s=5)
    assert driver.update(large, KEYS).snapshot["body"] == large.body


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
def test_a_call_may_take_the_waits_that_its_answers_ask_for(
    retry: bool, waits: list[str], patience: float
) -> None:
    answers = tuple(Response(429, (("X-RateLimit-Reset", wait),)) for wait in waits)
    assert (
        patience_s(
            case("id", timeout_s=1, retry=retry, responses=(*answers, Response(200)))
        )
        == patience
    )


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
        "KEPT",
    ):
        monkeypatch.setenv(name, "inherited")
    with Driver(fake, {"HTTPS_PROXY": "set", "CONTRACT_CA_FILE": "set"}) as driver:
        seen = driver.update(case("environment"), KEYS).snapshot
    assert {
        name: value for name, value in seen.items() if value in ("inherited", "set")
    } == {
        "KEPT": "inherited",
        "HTTPS_PROXY": "set",
        "CONTRACT_CA_FILE": "set",
    }


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (
            "import sys; print('cannot\\n find it', file=sys.stderr); sys.exit(7)",
            "it ended with exit status 7; its standard error ends: cannot | find it",
        ),
        ("import time; time.sleep(60)", "no reply within 0.5 s"),
        (
            "print('Welcome!', flush=True); input()",
            "the reply is no JSON object: Welcome!",
        ),
        (
            "print('{\"protocol\": 2}', flush=True); input()",
            'its hello is not one of protocol 1: {"protocol": 2}',
        ),
        (
            'print(\'{"protocol": 1, "client": "c"}\', flush=True); input()',
            'its hello is not one of protocol 1: {"protocol": 1, "client": "c"}',
        ),
    ],
)
def test_a_program_that_says_no_hello_is_no_subject(
    tmp_path: Path, program: str, message: str
) -> None:
    script = tmp_path / "program.py"
    script.write_text(program)
    driver = Driver([sys.executable, str(script)], {}, hello_timeout_s=0.5)
    with pytest.raises(SubjectError) as raised, driver:
        pass
    assert str(raised.value) == f"no driver: {sys.executable} {script}: {message}"


def test_a_program_that_is_not_there_is_no_subject() -> None:
    driver = Driver(["no-such-program", "a b"], {}, hello_timeout_s=5)
    with (
        pytest.raises(
            SubjectError,
            match="no driver: no-such-program 'a b': it cannot be started: No such file",
        ),
        driver,
    ):
        pass


def test_a_hung_driver_dies_with_its_children(driver: Driver, fake: list[str]) -> None:
    assert driver.update(case("hang after a child", timeout_s=0.5), KEYS).type == "hang"
    assert eventually(lambda: processes(fake) == [])


def test_a_driver_that_ignores_bye_and_sigterm_is_killed(fake: list[str]) -> None:
    with no_longer_than(60), Driver([*fake, "deaf"], {}, farewell_s=0.1) as driver:
        assert driver.update(case("id"), KEYS).kind == "snapshot"
    assert eventually(lambda: processes(fake) == [])


def test_a_driver_that_says_bye_is_not_waited_for_longer(fake: list[str]) -> None:
    with no_longer_than(60), Driver(fake, {}, farewell_s=3_600) as driver:
        driver.update(case("id"), KEYS)
    assert processes(fake) == []


def test_an_interrupt_leaves_no_process(fake: list[str]) -> None:
    before = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # a CI shell may have it ignored
    interrupt = threading.Timer(
        0.5, signal.pthread_kill, (threading.main_thread().ident, signal.SIGINT)
    )
    with Driver(fake, {}) as driver:
        interrupt.start()
        with pytest.raises(KeyboardInterrupt):
            driver.update(case("hang after a child", timeout_s=10), KEYS)
        assert eventually(lambda: processes(fake) == [])
    interrupt.join()
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_suite_that_is_ended_leaves_no_process(
    fake: list[str], number: signal.Signals
) -> None:
    suite = textwrap.dedent(f"""
        import signal
        from contract.subjects.driver import Driver
        from contract.model import Case
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with Driver({fake!r}, {{}}) as driver:
            driver.update(Case("s", ("k",), "hang after a child", {{}}, timeout_s=9), ("a", "b"))
    """)
    command = [sys.executable, "-c", suite]
    with subprocess.Popen(  # noqa: S603
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert eventually(
            lambda: sum("time.sleep" in line for line in processes(fake)) == 1
        ), processes(fake)
        process.send_signal(number)
    assert eventually(lambda: processes(fake) == [])


def test_an_outcome_line_without_news_is_an_empty_outcome(driver: Driver) -> None:
    outcome = driver.update(case("crashed"), KEYS)
    assert outcome == Outcome(
        "crashed", type="KeyError", message="k", seconds=outcome.seconds
    )
    assert json.dumps(outcome.message) == '"k"'


MINIMAL = [sys.executable, "-m", "contract.drivers.minimal"]
CURL = [sys.executable, str(ROOT / "contract" / "drivers" / "curl" / "driver.py")]
VALID = {
    "data": {
        "type": "snapshots",
        "attributes": {
            "event_id": "\U0001f600",
            "start": 2**63 - 1,
            "is_device_type_selected_by_user": True,
            "other": None,
        },
    }
}
SNAPSHOT = {
    "data": {
        "type": "snapshots",
        "id": "x",
        "attributes": {"start": -(2**63), "event_id": "\U0001f600"},
    }
}


@pytest.mark.slow
@pytest.mark.parametrize("command", [MINIMAL, CURL], ids=["minimal", "curl"])
def test_our_drivers_tell_what_their_clients_did(
    command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    asked = Case("test", ("test",), "a/b", VALID, site="datadoghq.com", timeout_s=5)
    for answer, tls, kind in [
        (Response(200, (), json.dumps(SNAPSHOT).encode()), "trusted", "snapshot"),
        (Response(429, (), b'{"errors": ["one", "two"]}'), "trusted", "api_error"),
        (Response(200, (), b"<html>"), "trusted", "broken_answer"),
        (Response(200, (), b"{}", "cut"), "trusted", "failed"),
        (Response(302, (("Location", "/"),)), "trusted", "failed"),
        (Response(200), "expired", "failed"),
    ]:
        with (
            FakeSites(["datadoghq.com"]) as impostor,
            Driver(command, impostor.environment()) as driver,
        ):
            impostor.script(replace(asked, responses=(answer,), tls=tls))
            outcome = driver.update(asked, KEYS)
            requests, answers = impostor.recorded()
        assert (outcome.kind, outcome.output, outcome.stray, driver.lost) == (
            kind,
            "",
            "",
            set(),
        )
        assert outcome.snapshot == (SNAPSHOT if kind == "snapshot" else None)
        assert outcome.errors == (("one", "two") if kind == "api_error" else ())
        if tls == "trusted":
            assert answers == (answer,)
            assert (
                requests[0].url
                == "https://api.datadoghq.com/api/v2/replay/heatmap/snapshots/a%2Fb"
            )
            assert requests[0].header("DD-API-KEY") == "api-key"
            assert json.loads(requests[0].body) == VALID
        else:
            assert requests == ()


@pytest.mark.slow
def test_curl_shows_no_key_to_the_process_list() -> None:
    seen: list[str] = []
    with (
        FakeSites(["datadoghq.com"]) as impostor,
        Driver(CURL, impostor.environment()) as driver,
    ):
        impostor.script(case("id", responses=(Response(200, delivery="stall"),)))
        look = threading.Timer(
            0.7, lambda: seen.extend(processes(["", "", "--max-time"]))
        )
        look.start()
        outcome = driver.update(
            replace(case("id", timeout_s=1.5), site="datadoghq.com"), KEYS
        )
        look.join()
    assert outcome.kind == "failed"
    assert any("snapshots/id" in line for line in seen)
    assert not any("api-key" in line or "app-key" in line for line in seen)
