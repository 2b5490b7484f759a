"""Driver protocol: schemas, real sessions, and the examples in the document."""

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from contract.api import check_client
from contract.drivers.building import driver_command

ROOT = Path(__file__).parents[2]
DOCUMENT = (ROOT / ".github" / "DRIVER_PROTOCOL.md").read_text(encoding="utf-8")
SCHEMAS = {
    path.name.removesuffix(".schema.json"): json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((ROOT / "spec" / "driver-protocol").iterdir())
}
VALIDATORS = {
    name: jsonschema_rs.Draft202012Validator(schema) for name, schema in SCHEMAS.items()
}

RECORDER = """
import subprocess, sys

log = open(sys.argv[1], "a", encoding="ascii")
driver = subprocess.Popen(
    sys.argv[2:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
)
for request in sys.stdin:
    log.write("> " + request)
    driver.stdin.write(request)
    if '"cmd": "bye"' in request:
        break
    reply = driver.stdout.readline()
    log.write("< " + reply)
    sys.stdout.write(reply)
    sys.stdout.flush()
driver.stdin.close()
log.write("exit " + str(driver.wait()))
"""
"""Program that stands between the suite and a driver and writes down both directions."""


@dataclass(frozen=True)
class Line:
    """One line of a session and the name of the schema that it must satisfy."""

    schema: str
    value: Any


@pytest.fixture
def recorder(tmp_path: Path) -> Path:
    """Return the path of the recording program."""
    program = tmp_path / "recorder.py"
    program.write_text(RECORDER, encoding="utf-8")
    return program


def recorded_session(recorder: Path, driver: list[str], *scenarios: str) -> list[Line]:
    """Check a driver and return the lines of both directions."""
    log = recorder.with_name("session.log")
    command = [sys.executable, str(recorder), str(log), *driver]
    check_client(command, profile="quick", sites=["datadoghq.eu"], scenarios=scenarios)
    *text, end = log.read_text(encoding="ascii").splitlines()
    assert end == "exit 0"
    return list(lines_of(text))


def lines_of(text: list[str]) -> Iterator[Line]:
    """Yield the lines of a recorded session. A reply has the name of its request."""
    name = ""
    for line in text:
        value = json.loads(without_lone_surrogates(line[2:]))
        if line.startswith("> "):
            name = value["cmd"]
            yield Line(f"{name}-request", value)
        else:
            yield Line(f"{name}-reply", value)


def without_lone_surrogates(text: str) -> str:
    """Replace text that jsonschema_rs cannot read, because Rust has no such strings."""
    whole = json.dumps(json.loads(text), ensure_ascii=False)
    return whole.encode("utf-8", "replace").decode()


def errors_of(line: Line) -> list[str]:
    """Return why a line does not satisfy its schema."""
    validator = VALIDATORS[line.schema]
    return [error.message[:200] for error in validator.iter_errors(line.value)]


def invalid_lines(lines: list[Line]) -> list[tuple[Line, list[str]]]:
    """Return the lines that do not satisfy their schemas, with the reasons."""
    return [(line, errors) for line in lines if (errors := errors_of(line))]


# -- schemas --------------------------------------------------------------------------


@pytest.mark.parametrize("name", SCHEMAS)
def test_schema_is_valid_draft_2020_12(name: str) -> None:
    assert SCHEMAS[name]["$schema"].endswith("/draft/2020-12/schema")
    assert jsonschema_rs.meta.is_valid(SCHEMAS[name])


UPDATE = {
    "cmd": "update",
    "seq": 1,
    "site": "datadoghq.eu",
    "api_key": "a",
    "app_key": "b",
    "snapshot_id": "c",
    "body": None,
    "timeout_s": 0.5,
    "retry": False,
}
HELLO = {"protocol": 1, "client": "a", "version": "1", "language": "go"}
CRASH = {"seq": 1, "outcome": "crashed", "type": "panic"}


def without(line: dict[str, Any], member: str) -> dict[str, Any]:
    """Return a copy of a line that lacks one member."""
    return {name: value for name, value in line.items() if name != member}


VALID: list[tuple[str, Any]] = [
    ("hello-request", {"cmd": "hello", "protocol": 1}),
    ("hello-reply", HELLO),
    ("hello-reply", HELLO | {"features": ["retry", "a later one"], "more": 1}),
    ("echo-request", {"cmd": "echo", "seq": 1, "value": None}),
    ("echo-reply", {"seq": 1, "value": [1e308, 2**64]}),
    ("update-request", UPDATE),
    ("update-request", UPDATE | {"site": "", "body": [{}], "case": {}}),
    ("update-reply", {"seq": 1, "outcome": "snapshot", "snapshot": None}),
    ("update-reply", {"seq": 1, "outcome": "refused"}),
    ("update-reply", {"seq": 1, "outcome": "api_error", "status": 599}),
    ("update-reply", CRASH | {"message": "", "trace": []}),
    ("update-reply", CRASH | {"trace": ["a.py:1 in b"] * 5}),
    ("bye-request", {"cmd": "bye"}),
]

INVALID: list[tuple[str, Any]] = [
    ("hello-request", {"cmd": "hello"}),
    ("hello-request", {"cmd": "hello", "protocol": 2}),
    ("hello-request", {"cmd": "hello", "protocol": "1"}),
    ("hello-reply", HELLO | {"protocol": 2}),
    ("hello-reply", HELLO | {"version": None}),
    ("hello-reply", HELLO | {"features": "retry"}),
    ("hello-reply", HELLO | {"features": [1]}),
    *[("hello-reply", without(HELLO, member)) for member in HELLO],
    ("hello-reply", [HELLO]),
    ("echo-request", {"cmd": "echo", "seq": 1}),
    ("echo-request", {"cmd": "echo", "seq": 0, "value": 1}),
    ("echo-reply", {"value": 1}),
    ("echo-reply", {"seq": 1}),
    ("echo-reply", {"seq": True, "value": 1}),
    *[("update-request", without(UPDATE, member)) for member in UPDATE],
    ("update-request", UPDATE | {"cmd": "create"}),
    ("update-request", UPDATE | {"seq": "1"}),
    ("update-request", UPDATE | {"seq": 1.5}),
    ("update-request", UPDATE | {"site": None}),
    ("update-request", UPDATE | {"api_key": 1}),
    ("update-request", UPDATE | {"snapshot_id": None}),
    ("update-request", UPDATE | {"timeout_s": 0}),
    ("update-request", UPDATE | {"timeout_s": "2"}),
    ("update-request", UPDATE | {"retry": None}),
    ("update-reply", {"seq": 1}),
    ("update-reply", {"outcome": "refused"}),
    ("update-reply", {"seq": 1, "outcome": "fine"}),
    ("update-reply", {"seq": None, "outcome": "refused"}),
    ("update-reply", {"seq": 1, "outcome": "snapshot"}),
    ("update-reply", {"seq": 1, "outcome": "api_error"}),
    ("update-reply", {"seq": 1, "outcome": "api_error", "status": "429"}),
    ("update-reply", {"seq": 1, "outcome": "api_error", "status": 1, "errors": "a"}),
    ("update-reply", {"seq": 1, "outcome": "api_error", "status": 1, "errors": [1]}),
    ("update-reply", {"seq": 1, "outcome": "refused", "message": 1}),
    ("update-reply", {"seq": 1, "outcome": "refused", "message": None}),
    ("update-reply", {"seq": 1, "outcome": "crashed"}),
    ("update-reply", CRASH | {"type": ""}),
    ("update-reply", CRASH | {"trace": "a.py:1 in b"}),
    ("update-reply", CRASH | {"trace": [1]}),
    ("update-reply", CRASH | {"trace": [""]}),
    ("update-reply", CRASH | {"trace": ["a.py:1 in b"] * 6}),
    ("update-reply", [CRASH]),
    ("update-reply", None),
    ("bye-request", {"cmd": "exit"}),
    ("bye-request", {}),
]


@pytest.mark.parametrize(("schema", "value"), VALID, ids=str)
def test_valid_line_is_accepted(schema: str, value: Any) -> None:
    assert errors_of(Line(schema, value)) == []


@pytest.mark.parametrize(("schema", "value"), INVALID, ids=str)
def test_invalid_line_is_rejected(schema: str, value: Any) -> None:
    assert errors_of(Line(schema, value))


def test_every_schema_has_valid_and_invalid_lines() -> None:
    assert {schema for schema, _ in VALID} == set(SCHEMAS)
    assert {schema for schema, _ in INVALID} == set(SCHEMAS)


# -- real sessions --------------------------------------------------------------------


def test_every_line_of_a_real_session_satisfies_its_schema(recorder: Path) -> None:
    driver = [sys.executable, "-m", "contract.drivers.minimal"]
    scenarios = ("keys", "documented-errors", "false-successes", "certificates")
    lines = recorded_session(recorder, driver, *scenarios)
    assert invalid_lines(lines) == []
    assert {line.schema for line in lines} == set(SCHEMAS)
    assert lines[-1].schema == "bye-request"
    replies = [line.value for line in lines if line.schema == "update-reply"]
    outcomes = {reply["outcome"] for reply in replies}
    assert outcomes == {"snapshot", "refused", "api_error", "broken_answer", "failed"}


def test_lines_beside_the_outcomes_of_the_minimal_client(recorder: Path) -> None:
    """The minimal client neither crashes nor lacks anything, so another driver does."""
    program = recorder.with_name("driver.py")
    program.write_text(CRASHING_DRIVER, encoding="utf-8")
    lines = recorded_session(recorder, [sys.executable, str(program)], "keys")
    assert invalid_lines(lines) == []
    replies = [line.value for line in lines if line.schema == "update-reply"]
    assert {reply["outcome"] for reply in replies} == {"crashed", "unsupported"}


CRASHING_DRIVER = """
import json, sys

HELLO = {"protocol": 1, "client": "none", "version": "0", "language": "python"}
OUTCOMES = [
    {"outcome": "unsupported", "message": "no client"},
    {"outcome": "crashed", "type": "KeyError", "message": "", "trace": ["a.py:1 in b"]},
]
for line in sys.stdin:
    request = json.loads(line)
    if request["cmd"] == "bye":
        break
    reply = HELLO
    if request["cmd"] == "echo":
        reply = {"seq": request["seq"], "value": request["value"]}
    elif request["cmd"] == "update":
        reply = OUTCOMES[request["seq"] % 2] | {"seq": request["seq"]}
    print(json.dumps(reply), flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("driver", "package"),
    [
        ("python", "datadog_api_client/"),
        ("typescript", "@datadog/datadog-api-client/"),
    ],
)
def test_crash_of_an_sdk_shows_frames_of_the_sdk(
    recorder: Path, driver: str, package: str
) -> None:
    lines = recorded_session(recorder, driver_command(driver), "keys")
    assert invalid_lines(lines) == []
    replies = [line.value for line in lines if line.schema == "update-reply"]
    crashes = [reply for reply in replies if reply["outcome"] == "crashed"]
    frames = [frame for crash in crashes for frame in crash["trace"]]
    assert all(crash["trace"] for crash in crashes)
    pattern = re.escape(package) + r"[^: ]+:[0-9]+ in [^/]+"
    assert frames
    assert [frame for frame in frames if not re.fullmatch(pattern, frame)] == []


# -- the document ---------------------------------------------------------------------


def code_block(language: str) -> str:
    """Return the only code block of the document in this language."""
    (block,) = re.findall(rf"```{language}\n(.*?)```", DOCUMENT, re.DOTALL)
    return str(block)


def test_session_in_the_document_satisfies_the_schemas() -> None:
    lines = list(lines_of(code_block("text").splitlines()))
    assert invalid_lines(lines) == []
    assert {line.schema for line in lines} == set(SCHEMAS)


def test_document_names_every_member_of_every_line() -> None:
    members = {name for schema in SCHEMAS.values() for name in schema["properties"]}
    absent = [name for name in members - {"cmd"} if f"`{name}`" not in DOCUMENT]
    assert absent == []


def test_document_names_every_outcome() -> None:
    outcomes = SCHEMAS["update-reply"]["properties"]["outcome"]["enum"]
    assert [name for name in outcomes if f"| `{name}` |" not in DOCUMENT] == []


def test_driver_in_the_document_works_and_is_short(recorder: Path) -> None:
    source = code_block("python")
    assert len([line for line in source.splitlines() if line.strip()]) <= 40
    program = recorder.with_name("driver.py")
    program.write_text(source, encoding="utf-8")
    scenarios = ("keys", "documented-errors")
    lines = recorded_session(recorder, [sys.executable, str(program)], *scenarios)
    assert invalid_lines(lines) == []
    replies = [line.value for line in lines if line.schema == "update-reply"]
    outcomes = {reply["outcome"] for reply in replies}
    assert outcomes >= {"snapshot", "refused", "api_error"}
