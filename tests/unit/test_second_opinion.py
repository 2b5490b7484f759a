"""A second opinion: Schemathesis, another reading of the same documents, agrees with ours."""

import io
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
from schemathesis.specs.openapi import checks as theirs

from contract.cases import responses as made
from contract.cases.documents import Documents
from contract.cases.placeholders import OWN
from contract.clauses import SERVICE
from contract.clauses.base import strict_json
from contract.faults.service import SERVICE_FAULTS
from contract.model import Case, Exchange, Outcome, Request, Response
from contract.sandbox import ORGS, PATH, Sandbox, serving
from contract.spec import Spec, load

pytestmark = pytest.mark.slow

JSON = "application/json"
COMMAND = [str(Path(sys.executable).parent / "schemathesis"), "run", "openapi.json"]
KEYS = {"DD-API-KEY": ORGS[0].api_key, "DD-APPLICATION-KEY": ORGS[0].app_key}


@pytest.fixture(scope="module")
def spec() -> Spec:
    return load()


# --- it finds nothing on the sandbox -----------------------------------------------------------------------


def schemathesis_run(
    sandbox: Sandbox, spec: Spec, directory: Path, *options: str
) -> subprocess.CompletedProcess[str]:
    """Run all its checks against all four operations, always with the same cases."""
    (directory / "openapi.json").write_text(json.dumps(spec.overlaid))
    keys = [
        word
        for name, value in KEYS.items()
        for word in ("--header", f"{name}: {value}")
    ]
    fixed = ["--seed", "1", "--generation-deterministic", "--no-color"]
    with serving(sandbox) as url:
        command = [*COMMAND, "--url", url, "--checks", "all", *fixed, *keys, *options]
        return subprocess.run(  # noqa: S603
            command, cwd=directory, capture_output=True, text=True, timeout=300
        )


def test_it_finds_nothing_on_the_sandbox(spec: Spec, tmp_path: Path) -> None:
    ran = schemathesis_run(Sandbox(), spec, tmp_path, "--max-examples", "8")
    assert ran.returncode == 0, ran.stdout
    assert "Selected: 4/4" in ran.stdout
    assert int(re.findall(r"(\d+) generated", ran.stdout)[0]) > 250
    assert len(re.findall("✅  (Examples|Coverage|Fuzzing|Stateful)", ran.stdout)) == 4


def test_it_can_find_something(spec: Spec, tmp_path: Path) -> None:
    fault = next(fault for fault in SERVICE_FAULTS if fault.id == "answer-null-session")
    ran = schemathesis_run(
        fault.make(), spec, tmp_path, "--max-failures", "1", "--phases", "examples"
    )
    assert ran.returncode == 1
    assert "Response violates schema" in ran.stdout


# --- it judges status, media type and schema as we do ------------------------------------------------------


class Opinion(NamedTuple):
    """Whether status, media type and schema conform."""

    status: bool
    media: bool
    schema: bool


def ours(answer: Response, spec: Spec) -> Opinion:
    response = spec.observed.get(answer.status)
    media = (answer.header("Content-Type") or "").partition(";")[0].strip().lower()
    if response is None:
        return Opinion(False, True, True)
    if not response.media:
        return Opinion(True, True, True)
    if media not in response.media:
        return Opinion(True, False, True)
    try:
        return Opinion(
            True, True, response.media[media].is_valid(strict_json(answer.body))
        )
    except ValueError:
        return Opinion(True, True, False)


def their_opinion(spec: Spec) -> Callable[[Response], Opinion]:
    operation = schemathesis.openapi.from_dict(spec.overlaid)[spec.path]["PATCH"]
    case = operation.Case(path_parameters={"snapshot_id": "a"})
    asked = requests.Request("PATCH", "http://localhost/").prepare()

    def conforms(answer: Response, check: Any) -> bool:
        headers: dict[str, list[str]] = {}
        for name, value in answer.headers:
            headers.setdefault(name.lower(), []).append(value)
        response = schemathesis.Response(
            answer.status, headers, answer.body, asked, 0.1, True
        )
        try:
            case.validate_response(response, checks=[check])
        except FailureGroup:
            return False
        return True

    return lambda answer: Opinion(
        conforms(answer, theirs.status_code_conformance),
        conforms(answer, theirs.content_type_conformance),
        conforms(answer, theirs.response_schema_conformance),
    )


class Explained(NamedTuple):
    """A disagreement that is meant: what we say of which answers, what they say, and why."""

    why: str
    which: Callable[[Response], bool]
    ours: Opinion
    theirs: Opinion


def media_is_none(answer: Response) -> bool:
    return not re.fullmatch(
        r"[\w*.+-]+/[\w*.+-]+(;.*)?", answer.header("Content-Type") or ""
    )


def has_a_huge_integer(answer: Response) -> bool:
    return any(
        len(digits) >= 19 and int(digits) >= 2**63
        for digits in re.findall(rb"[0-9]+", answer.body)
    )


RIGHT = Opinion(True, True, True)
WRONG_SCHEMA = Opinion(True, True, False)
WRONG_MEDIA = Opinion(True, False, True)
EXPLAINED = (
    Explained(
        "it does not assert the bounds of int64, which the page has",
        has_a_huge_integer,
        WRONG_SCHEMA,
        RIGHT,
    ),
    Explained(
        "it reads NaN, which RFC 8259 does not have",
        lambda each: b"NaN" in each.body,
        WRONG_SCHEMA,
        RIGHT,
    ),
    Explained(
        "it reads an object that names a member twice; of which value a client gets, RFC 8259, 4, promises nothing",
        lambda each: each.body.count(b'"data"') == 2,
        WRONG_SCHEMA,
        RIGHT,
    ),
    Explained(
        "where no schema can be chosen, for want of a media type, it reports the schema as well; "
        "we report the media type alone, and an error of that kind is judged by S-ERROR",
        media_is_none,
        WRONG_MEDIA,
        Opinion(True, False, False),
    ),
)


def test_its_verdicts_are_ours_or_the_difference_is_explained(spec: Spec) -> None:
    judged, used = Counter[Opinion](), Counter[str]()
    unexplained = []
    judge = their_opinion(spec)
    for name, answer in corpus(spec):
        mine, other = ours(answer, spec), judge(answer)
        judged[mine] += 1
        if mine == other:
            continue
        reasons = [
            each.why
            for each in EXPLAINED
            if each.which(answer) and each[2:] == (mine, other)
        ]
        used.update(reasons)
        if len(reasons) != 1:
            unexplained.append(
                (
                    name,
                    answer.status,
                    answer.header("Content-Type"),
                    answer.body[:200],
                    mine,
                    other,
                )
            )
    assert unexplained == []
    assert used.keys() == {each.why for each in EXPLAINED}
    assert (
        min(
            judged[each]
            for each in (RIGHT, WRONG_SCHEMA, WRONG_MEDIA, Opinion(False, True, True))
        )
        > 20
    )


def test_our_clauses_say_the_same(spec: Spec) -> None:
    """S-ERROR, which takes any shape that was observed with any 4xx, takes at least the documents' examples."""
    clauses = {clause.id: clause for clause in SERVICE}
    asked = {"data": {"type": "snapshots"}}
    case = Case("", ("an update",), OWN, asked, keys="own")
    sent = Request("PATCH", f"http://localhost{PATH}/a", (), json.dumps(asked).encode())

    def breach(clause: str, answer: Response, *levels: str) -> bool:
        exchange = Exchange(
            case, (sent,), (answer,), Outcome("snapshot"), ids={OWN: "a"}
        )
        problems = clauses[clause].judge(exchange, spec) or []
        return any((each.level or "must") in levels for each in problems)

    judged = Counter[int]()
    for name, answer in corpus(spec):
        mine = ours(answer, spec)
        judged[answer.status] += 1
        assert mine.status is not (
            breach("S-STATUS", answer, "must") or breach("S-NO-5XX", answer, "must")
        ), name
        if name.startswith("observed 4"):
            assert not breach("S-ERROR", answer, "must", "should"), name
        if answer.status != 200:
            continue
        if mine.media:
            assert not breach("S-MEDIA", answer, "must"), name
            assert mine.schema is not breach("S-SCHEMA", answer, "must"), name
        else:  # any JSON type is at least a should
            assert breach("S-MEDIA", answer, "must", "should"), name
    assert min(judged[200], judged[429], judged[400], judged[404]) > 30


MEDIA = (
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
    """Yield (name, answer): right and wrong ones, made by hand, by the schema and by every fault."""
    snapshots = Documents(spec.documented[200].media[JSON].raw)
    errors = Documents(spec.documented[429].media[JSON].raw)
    yield from ((f"200 {kind}", made.answer(each)) for kind, each in snapshots.valid())
    yield from (
        (f"200 {kind}", made.answer(each)) for kind, each in snapshots.invalid()
    )
    yield from (
        (f"429 {kind}", made.answer(each, 429)) for kind, each in errors.valid()
    )
    yield from (
        (f"429 {kind}", made.answer(each, 429)) for kind, each in errors.invalid()
    )
    yield from made.not_json(snapshots.full())
    yield from made.observed(spec)
    yield from made.garbage()
    for media in MEDIA:
        yield f"200 as {media}", made.answer(snapshots.full(), media=media)
        yield f"broken 200 as {media}", made.answer({"data": {}}, media=media)
    yield (
        "200 with data twice",
        made.texts(b'{"data":{"type":"snapshots"},"data":{"type":"snapshots"}}'),
    )
    yield (
        "200 with a byte order mark",
        made.texts(b'\xef\xbb\xbf{"data":{"type":"snapshots"}}'),
    )
    for fault in SERVICE_FAULTS:
        ids = map(str, count(1))
        sandbox = fault.make(clock=lambda: 1_700_000_000.25, new_id=ids.__next__)
        yield from (
            (f"{fault.id}: {how}", answer) for how, answer in answers_of(sandbox)
        )


def answers_of(sandbox: Sandbox) -> Iterator[tuple[str, Response]]:
    """Ask a sandbox for one answer of each kind, in the process."""

    def ask(method: str, path: str, body: Any, keys: dict[str, str] = KEYS) -> Response:
        raw, told = json.dumps(body).encode(), []
        environ = {
            f"HTTP_{name.upper().replace('-', '_')}": value
            for name, value in keys.items()
        }
        environ |= {"REQUEST_METHOD": method, "REQUEST_URI": path, "CONTENT_TYPE": JSON}
        environ |= {"CONTENT_LENGTH": str(len(raw)), "wsgi.input": io.BytesIO(raw)}
        content = b"".join(
            sandbox(
                environ, lambda status, headers: told.extend((status, tuple(headers)))
            )
        )
        return Response(int(told[0][:3]), told[1], content)

    attributes = {
        "event_id": " é𝄞\0",
        "is_device_type_selected_by_user": False,
        "start": -(2**53) - 1,
    }
    change = {
        "data": {
            "type": "snapshots",
            "attributes": {**attributes, "session_id": "", "unknown": 1},
        }
    }
    names = {
        "application_id": "a",
        "device_type": "desktop",
        "snapshot_name": "n",
        "view_name": "v",
        "view_id": "w",
    }
    new = {"data": {"type": "snapshots", "attributes": attributes | names}}
    here = f"{PATH}/{json.loads(ask('POST', PATH, new).body)['data']['id']}"
    yield "an update", ask("PATCH", here, change)
    yield "the update again", ask("PATCH", here, change)
    yield "no attributes", ask("PATCH", here, {"data": {"type": "snapshots"}})
    yield (
        "an invalid update",
        ask("PATCH", here, {"data": {"type": "snapshots", "attributes": {}}}),
    )
    yield (
        "another id",
        ask("PATCH", here, {"data": {"type": "snapshots", "id": "other"}}),
    )
    yield "an unknown id", ask("PATCH", f"{PATH}/unknown", change)
    yield "no keys", ask("PATCH", here, change, {})
    yield "wrong keys", ask("PATCH", here, change, dict.fromkeys(KEYS, "wrong"))
    if sandbox.rate_limit:
        while (answer := ask("PATCH", here, change)).status != 429:
            pass
        yield "one too many", answer
