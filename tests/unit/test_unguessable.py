"""Ids that must name nothing: random, of each form, and never those of others."""

import json
import re
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from contract import check_service
from contract.cases.codec import case_from_json, case_to_json
from contract.cases.parameters import id_labels, valid_ids
from contract.cases.placeholders import (
    CUT,
    MIN_BITS,
    random_text,
    similar_id,
    unguessable,
)
from contract.cases.scenario import Scenario
from contract.cases.service import service_scenarios
from contract.model import Composite, Placeholder, ServiceCase, SnapshotState
from contract.sandbox import ORGS, Sandbox, StoredSnapshot, serving
from contract.spec import load
from contract.subjects import hosts
from contract.subjects.reach import SHORT_IDS
from contract.subjects.service import service_under_test

SPEC = load()
OWN_KEYS, OTHER_KEYS = ((org.api_key, org.app_key) for org in ORGS)
EXAMPLE = "00000000-0000-0000-0000-000000000001"
FOREIGN = (
    *("0", "1", "123", "a", "abc", "*", "%", "_", "-", "string", EXAMPLE),
    "11111111-2222-3333-4444-555555555555",
)
RANDOM = r"[g-z][0-9a-f]{24}|[G-Z][0-9A-F]{24}|[0-9]{30}"
UUID4 = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


def resolved(snapshot_id: tuple[str | Placeholder, ...]) -> str:
    return "".join(
        random_text(part.state) if isinstance(part, Placeholder) else part
        for part in snapshot_id
    )


@pytest.mark.parametrize(
    "sample", [text for _, text in valid_ids()], ids=lambda text: ascii(text)[:30]
)
def test_every_part_of_an_id_is_random(sample: str) -> None:
    text = resolved(unguessable(sample))
    assert text != resolved(unguessable(sample))
    plain = re.sub(f"{UUID4}|{RANDOM}|%[0-9A-Fa-f]{{2}}|a{{1000,}}", "", text)
    assert re.findall("[A-Za-z0-9]+", plain) == []
    forms = {"looks like a path of its own", "mixed case"}
    labels = {label.value_class for label in id_labels(sample)}
    lost = labels - {label.value_class for label in id_labels(text)} - forms
    assert lost <= {"plain", "dots"}


@pytest.mark.parametrize("state", [s for s in SnapshotState if s.is_random])
def test_a_random_text_is_long_and_new(state: SnapshotState) -> None:
    texts = {random_text(state) for _ in range(50)}
    assert len(texts) == 50
    assert all(re.fullmatch(f"{UUID4}|{RANDOM}", text) for text in texts)
    assert MIN_BITS == 96


@pytest.mark.parametrize(
    ("snapshot_id", "form"),
    [
        ("550e8400-e29b-41d4-a716-446655440000", UUID4),
        ("550E8400-E29B-11D4-A716-446655440000", "[0-9A-F-]{14}1[0-9A-Fab-]{21}"),
        (EXAMPLE, "[0-9a-f-]{14}0[0-9a-f]{3}-0[0-9a-f]{3}-[0-9a-f]{12}"),
        ("hm-550e8400-e29b-41d4-a716-446655440000", f"hm-{UUID4}"),
        ("6f1c2a3b4c5d6e7f8a9b0c1d", "[0-9a-f]{24}"),
        ("snap_0123456789abcdef0123456789abcdef", "snap_[0-9a-f]{32}"),
        ("01ARZ3NDEKTSV4RRFFQ69G5FAV", "0[0-9A-HJKMNP-TV-Z]{25}"),
        ("V1StGXR8_Z5jdHi6B-myT", "[A-Za-z0-9]{8}_[A-Za-z0-9]{8}-[A-Za-z0-9]{3}"),
        ("17", ""),
        ("9007199254740993", ""),
        ("abc", ""),
        ("", ""),
    ],
)
def test_an_unknown_id_has_the_form_of_the_known(snapshot_id: str, form: str) -> None:
    drawn = {similar_id(snapshot_id) for _ in range(50)}
    assert all(re.fullmatch(form, text) for text in drawn)
    assert len(drawn) == (50 if form else 1)
    assert snapshot_id not in drawn or not form


SCENARIOS = {scenario.name: scenario for scenario in service_scenarios(SPEC)}


def cases(*names: str) -> Iterator[ServiceCase]:
    for name in names or ("snapshot-ids", "body-ids"):
        for case in SCENARIOS[name].cases():
            assert isinstance(case, ServiceCase)
            yield case


def small(name: str) -> Scenario:
    """Return the small cases of a scenario, without generated ones."""
    chosen = [case for case in cases(name) if len(repr(case)) < 20_000]
    return replace(SCENARIOS[name], cases=lambda: iter(chosen), strategy=None)


def test_cases_are_the_same_in_every_run() -> None:
    first, second = ([case.id for case in cases()] for _ in range(2))
    assert first == second
    text = next(case for case in cases() if case.title == "data/id astral")
    assert isinstance(text.body["data"]["id"], Composite)
    document = json.loads(json.dumps(case_to_json(text)))
    assert case_from_json(document) == text


def test_a_wildcard_stands_in_an_own_id() -> None:
    (case,) = (case for case in cases() if case.title == "snapshot_id wildcard")
    assert case.snapshot_id == (CUT, "*")


# -- on the wire --


class Watched(Sandbox):
    """A sandbox with rows of others, that records changing requests."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.seen: list[tuple[str, str, bytes]] = []
        self.made: set[str] = set()
        for name in FOREIGN:
            attributes = {"view_name": "others", "start": 5, "event_id": "a"}
            self.rows[name] = StoredSnapshot(name, ORGS[0].org_id, attributes, 0)
        self.before = repr([self.rows[name] for name in FOREIGN])

    def __call__(self, environ: Any, start_response: Any) -> list[bytes]:
        stream = environ["wsgi.input"]
        body = stream.read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = type("", (), {"read": lambda _, n=-1: body})()
        method = environ["REQUEST_METHOD"]
        if method not in ("GET", "HEAD", "OPTIONS"):
            self.seen.append((method, environ["REQUEST_URI"], body))
        return super().__call__(environ, start_response)

    def insert(self, *args: Any) -> StoredSnapshot:
        row = super().insert(*args)
        self.made.add(row.id)
        return row


def is_harmless(text: str, app: Watched) -> bool:
    """Return whether an id was made by the run, or holds a random text."""
    shortened = {name[:-1] for name in app.made}
    parts = [*app.made, *shortened]
    return bool(re.search(f"{UUID4}|{RANDOM}", text)) or any(p in text for p in parts)


def check(app: Watched, *, is_remote: bool, **options: Any) -> Any:
    with pytest.MonkeyPatch.context() as patch, serving(app) as url:
        if is_remote:
            patch.chdir(tempfile.mkdtemp())
            patch.setattr(hosts, "is_loopback", lambda host: False)
        keys = {"keys": OWN_KEYS, "other_keys": OTHER_KEYS}
        return check_service(url, **{**keys, "profile": "ci", "seed": 3, **options})


@pytest.mark.parametrize("is_remote", [False, True], ids=["loopback", "remote"])
def test_nothing_of_others_is_touched(is_remote: bool) -> None:
    app = Watched()
    names = ("snapshot-ids", "body-ids", "methods", "left-open", "deleted", "repeats")
    verdict = check(app, is_remote=is_remote, scenarios=list(map(small, names)))
    assert verdict.verdict == "holds"
    assert repr([app.rows[name] for name in FOREIGN]) == app.before
    for method, target, body in app.seen:
        path = urlsplit(target).path
        segment = unquote(path.removeprefix(SPEC.collection_path)[1:])
        assert not segment or is_harmless(segment, app), (method, target)
        if not segment and method != "POST":
            assert not is_remote, (method, target)
        if b'"id":"' in body:
            named = re.findall(rb'"id":"((?:[^"\\]|\\.)*)"', body)
            assert all(not n or is_harmless(n.decode(), app) for n in named), body
        if is_remote:
            assert not re.search(rb'"id":-?[0-9]', body)
            assert not re.search(r"/\.{1,2}(/|\Z)", unquote(unquote(target)))
    assert bool(verdict.skipped) is is_remote


def test_the_collection_is_left_alone_if_asked() -> None:
    app = Watched()
    verdict = check(app, is_remote=False, scenarios=["methods"], collection=False)
    paths = {(method, target) for method, target, _ in app.seen}
    assert {m for m, target in paths if target == SPEC.collection_path} == {"POST"}
    assert set(verdict.skipped) == {
        "methods/path collection",
        "methods/path collection, trailing slash",
    }


def test_ids_sent_to_create_are_random() -> None:
    app = Watched()
    check(app, is_remote=False, scenarios=["sequences"], profile="quick")
    bodies = [json.loads(body) for method, _, body in app.seen if method == "POST"]
    assert len(bodies) > 4
    for body in bodies:
        attributes = body["data"]["attributes"]
        for name in ("application_id", "event_id", "session_id", "view_id"):
            assert re.fullmatch(UUID4, attributes[name])


def test_short_ids_leave_no_room_for_an_unknown_one() -> None:
    numbers = count(17)
    app = Watched(new_id=lambda: str(next(numbers)))
    names = ("snapshot-ids", "body-ids")
    verdict = check(app, is_remote=False, scenarios=list(map(small, names)))
    assert verdict.verdict == "holds"
    assert {name.partition(" ")[2] for name in verdict.skipped} == {
        "unknown",
        "unknown, also in the body",
        "lengthened",
        "two in one",
        "another in front",
        "wildcard",
    }
    assert set(verdict.skipped.values()) == {SHORT_IDS}


def test_a_case_has_new_values_in_each_run() -> None:
    (case,) = (c for c in cases() if c.title == "snapshot_id unknown")
    paths = set()
    for _ in range(2):
        with serving(Sandbox()) as url:
            service = service_under_test(url, keys=OWN_KEYS)
            with service as subject:
                exchange = subject.play(case, subject.sites[0])
                paths.add(exchange.requests[0].target)
    assert len(paths) == 2
