"""A second opinion: Schemathesis reads the same documents and agrees with the suite."""

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import requests
import schemathesis
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi import checks

from contract.cases import client
from contract.cases.client import json_response, raw_response
from contract.cases.documents import Documents
from contract.cases.placeholders import OWN
from contract.clauses import SERVICE_CLAUSES
from contract.clauses.base import parse
from contract.clauses.service_facts import ServiceFacts
from contract.faults import SERVICE_FAULTS, service_fault
from contract.model import (
    Finding,
    Level,
    Outcome,
    OutcomeKind,
    Request,
    Response,
    ServiceCase,
    ServiceExchange,
)
from contract.sandbox import ORGS, PATH, Sandbox, serving
from contract.spec import Spec
from tests.unit.sandbox_support import CREATED, FLAG, SandboxCall, change

pytestmark = pytest.mark.slow

COMMAND = [str(Path(sys.executable).parent / "schemathesis"), "run", "openapi.json"]
KEYS = {"DD-API-KEY": ORGS[0].api_key, "DD-APPLICATION-KEY": ORGS[0].app_key}


# -- it finds nothing on the sandbox --


def schemathesis_run(
    sandbox: Sandbox, spec: Spec, directory: Path, *options: str
) -> subprocess.CompletedProcess[str]:
    """Run all checks on all four operations, always with the same cases."""
    (directory / "openapi.json").write_text(json.dumps(spec.overlaid))
    headers = [f"--header={name}: {value}" for name, value in KEYS.items()]
    fixed = ["--seed", "1", "--generation-deterministic", "--no-color"]
    with serving(sandbox) as url:
        command = [*COMMAND, "--url", url, "--checks", "all", *fixed, *headers]
        return subprocess.run(  # noqa: S603
            [*command, *options],
            cwd=directory,
            capture_output=True,
            text=True,
            timeout=300,
        )


def test_it_finds_nothing_on_the_sandbox(spec: Spec, tmp_path: Path) -> None:
    result = schemathesis_run(Sandbox(), spec, tmp_path, "--max-examples", "8")
    assert result.returncode == 0, result.stdout
    assert "Selected: 4/4" in result.stdout
    assert int(re.findall(r"(\d+) generated", result.stdout)[0]) > 250
    phases = re.findall("✅  (Examples|Coverage|Fuzzing|Stateful)", result.stdout)
    assert len(phases) == 4


def test_it_can_find_something(spec: Spec, tmp_path: Path) -> None:
    sandbox = service_fault("answer-null-session").make_sandbox()
    options = ("--max-failures", "1", "--phases", "examples")
    result = schemathesis_run(sandbox, spec, tmp_path, *options)
    assert result.returncode == 1
    assert "Response violates schema" in result.stdout


# -- it judges status, media type and schema as the suite does --


class Opinion(NamedTuple):
    """Whether status, media type and schema conform."""

    status: bool
    media: bool
    schema: bool


RIGHT = Opinion(True, True, True)
WRONG_STATUS = Opinion(False, True, True)
WRONG_SCHEMA = Opinion(True, True, False)
WRONG_MEDIA = Opinion(True, False, True)


def own_opinion(response: Response, spec: Spec) -> Opinion:
    documented = spec.observed.get(response.status)
    if documented is None:
        return WRONG_STATUS
    if not documented.media:
        return RIGHT
    if response.media_type not in documented.media:
        return WRONG_MEDIA
    body = parse(response.body)
    schema = documented.media[response.media_type]
    is_valid = not body.defect and schema.is_valid(body.value)
    return RIGHT if is_valid else WRONG_SCHEMA


def other_opinion(spec: Spec) -> Callable[[Response], Opinion]:
    operation = schemathesis.openapi.from_dict(spec.overlaid)[spec.path]["PATCH"]
    case = operation.Case(path_parameters={"snapshot_id": "a"})
    request = requests.Request("PATCH", "http://localhost/").prepare()

    def conforms(response: Response, check: Any) -> bool:
        headers: dict[str, list[str]] = {}
        for name, value in response.headers:
            headers.setdefault(name.lower(), []).append(value)
        converted = schemathesis.Response(
            response.status, headers, response.body, request, 0.1, True
        )
        try:
            case.validate_response(converted, checks=[check])
        except FailureGroup:
            return False
        return True

    return lambda response: Opinion(
        conforms(response, checks.status_code_conformance),
        conforms(response, checks.content_type_conformance),
        conforms(response, checks.response_schema_conformance),
    )


class Explained(NamedTuple):
    """A disagreement that is meant: its reason, the responses, both opinions."""

    reason: str
    concerns: Callable[[Response], bool]
    own: Opinion
    other: Opinion


def has_no_media_type(response: Response) -> bool:
    media_type = response.header("Content-Type") or ""
    return not re.fullmatch(r"[\w*.+-]+/[\w*.+-]+(;.*)?", media_type)


def has_huge_integer(response: Response) -> bool:
    numbers = re.findall(rb"[0-9]+", response.body)
    return any(len(digits) >= 19 and int(digits) >= 2**63 for digits in numbers)


EXPLAINED = (
    Explained(
        "it does not assert the bounds of int64, which the page has",
        has_huge_integer,
        WRONG_SCHEMA,
        RIGHT,
    ),
    Explained(
        "it reads NaN, which RFC 8259 does not have",
        lambda response: b"NaN" in response.body,
        WRONG_SCHEMA,
        RIGHT,
    ),
    Explained(
        "it reads an object that names a member twice, where RFC 8259, section 4, "
        "promises nothing about the value that a client gets",
        lambda response: response.body.count(b'"data"') == 2,
        WRONG_SCHEMA,
        RIGHT,
    ),
    Explained(
        "without a media type it reports the schema, too, and the suite does not",
        has_no_media_type,
        WRONG_MEDIA,
        Opinion(True, False, False),
    ),
)


def test_opinions_agree_or_their_difference_is_explained(spec: Spec) -> None:
    judged, used = Counter[Opinion](), Counter[str]()
    unexplained = []
    judge = other_opinion(spec)
    for name, response in corpus(spec):
        own, other = own_opinion(response, spec), judge(response)
        judged[own] += 1
        if own == other:
            continue
        reasons = [
            item.reason
            for item in EXPLAINED
            if item.concerns(response) and (item.own, item.other) == (own, other)
        ]
        used.update(reasons)
        if len(reasons) != 1:
            unexplained.append((name, response.status, response.headers, own, other))
    assert unexplained == []
    assert used.keys() == {item.reason for item in EXPLAINED}
    opinions = (RIGHT, WRONG_STATUS, WRONG_SCHEMA, WRONG_MEDIA)
    assert min(judged[opinion] for opinion in opinions) > 20


def levels(response: Response, spec: Spec) -> dict[str, set[Level]]:
    """Return the levels of the findings in the response to an update, by clause."""
    body = {"data": {"type": "snapshots"}}
    request = Request(
        "PATCH", f"http://localhost{PATH}/a", (), json.dumps(body).encode()
    )
    exchange = ServiceExchange(
        case=ServiceCase(snapshot_id=(OWN,), body=body),
        site="localhost",
        requests=(request,),
        responses=(response,),
        outcome=Outcome(OutcomeKind.SNAPSHOT),
        ids={OWN: "a"},
    )
    context = ServiceFacts(exchange, spec)
    found: dict[str, set[Level]] = {}
    for clause in SERVICE_CLAUSES:
        if clause.id in CLAUSES and clause.concerns(context):
            found[clause.id] = {
                item.rule.level or clause.level
                for item in clause.check(context)
                if isinstance(item, Finding)
            }
    return found


CLAUSES = ("S-STATUS", "S-NO-5XX", "S-ERROR", "S-MEDIA", "S-SCHEMA")


def test_clauses_say_the_same(spec: Spec) -> None:
    """S-ERROR accepts any shape that was observed with any 4xx."""
    judged = Counter[int]()
    for name, response in corpus(spec):
        own, levels_by_clause = own_opinion(response, spec), levels(response, spec)
        must = {id_ for id_, found in levels_by_clause.items() if Level.MUST in found}
        judged[response.status] += 1
        assert own.status is not bool(must & {"S-STATUS", "S-NO-5XX"}), name
        if name.startswith("observed 4"):
            assert not levels_by_clause.get("S-ERROR"), name
        if response.status != 200:
            continue
        if own.media:
            assert "S-MEDIA" not in must, name
            assert own.schema is ("S-SCHEMA" not in must), name
        else:  # another JSON type is at least a should
            assert levels_by_clause["S-MEDIA"], name
    assert min(judged[200], judged[429], judged[400], judged[404]) > 30


MEDIA_TYPES = (
    None,
    "",
    "application/json;charset=utf-8",
    "Application/JSON",
    "text/json",
    "application/vnd.api+json",
    "application/hal+json",
    "application/*",
    "*/*",
    "json",
    "text/html",
)


def corpus(spec: Spec) -> Iterator[tuple[str, Response]]:
    """Yield responses, each with a name: by hand, by the schema and by every fault."""
    snapshots = Documents(spec.success_schema.raw)
    errors = Documents(spec.error_schema.raw)
    for status, documents in ((200, snapshots), (429, errors)):
        for label, document in (*documents.valid(), *documents.invalid()):
            yield f"{status} {label}", json_response(document, status)
    for place, name, response in client.invalid_successes(snapshots.full()):
        yield f"200 {place} {name}", response
    for place, name, response in client.observed_errors(spec):
        yield f"observed {place} {name}", response
    for place, name, response in client.undocumented_errors():
        yield f"{place} {name}", response
    for media_type in MEDIA_TYPES:
        name = f"200 as {media_type}"
        yield name, json_response(snapshots.full(), media_type=media_type)
        yield f"broken {name}", json_response({"data": {}}, media_type=media_type)
    data = b'"data":{"type":"snapshots"}'
    yield "200 with data twice", raw_response(b"{%s,%s}" % (data, data))
    yield "200 with a byte order mark", raw_response(b"\xef\xbb\xbf{%s}" % data)
    for fault in SERVICE_FAULTS:
        ids = map(str, count(1))
        sandbox = fault.make_sandbox(
            clock=lambda: 1_700_000_000.25, new_id=ids.__next__
        )
        for name, response in responses_of(sandbox):
            yield f"{fault.id}: {name}", response


def responses_of(sandbox: Sandbox) -> Iterator[tuple[str, Response]]:
    """Yield a response of each kind from a sandbox in this process."""
    attributes = {"event_id": " é𝄞\0", FLAG: False, "start": -(2**53) - 1}
    body = change({**attributes, "session_id": "", "unknown": 1})
    send = SandboxCall(sandbox)
    created = send("POST", PATH, change(CREATED | attributes))
    path = f"{PATH}/{json.loads(created.body)['data']['id']}"
    yield "an update", send("PATCH", path, body)
    yield "the update again", send("PATCH", path, body)
    yield "no attributes", send("PATCH", path, {"data": {"type": "snapshots"}})
    yield "an invalid update", send("PATCH", path, change({}))
    yield "another id", send("PATCH", path, change(attributes, id="other"))
    yield "an unknown id", send("PATCH", f"{PATH}/unknown", body)
    yield "no keys", send("PATCH", path, body, dict.fromkeys(KEYS))
    yield "wrong keys", send("PATCH", path, body, dict.fromkeys(KEYS, "wrong"))
    if sandbox.rate_limit:
        while (response := send("PATCH", path, body)).status != 429:
            pass
        yield "one too many", response
