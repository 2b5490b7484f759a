"""Services as subjects: set-up, exchanges, placeholders, keys, clean-up."""

import gzip
import json
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from contract.cases.placeholders import DELETED, DOOMED, OTHER, OWN, SIBLING, UNKNOWN
from contract.cases.service import service_scenarios
from contract.clauses import SERVICE_CLAUSES
from contract.engine.conclusion import conclude
from contract.engine.runner import Runner
from contract.engine.schedule import PROFILES, make_schedule
from contract.engine.verdict import Verdict
from contract.errors import SubjectError
from contract.faults import service_fault
from contract.model import (
    KeyVariant,
    Label,
    OutcomeKind,
    Owner,
    RequestOverride,
    ServiceCase,
    ServiceCredential,
)
from contract.sandbox import ORGS, Environ, Org, Refusal, Reply, Sandbox, serving
from contract.spec import load
from contract.subjects.service import (
    MultiSiteService,
    ServiceSubject,
    service_under_test,
)
from tests.unit.client_cases import UPDATE
from tests.unit.raw_servers import listening, page, sending

SPEC = load()
OWN_KEYS, OTHER_KEYS = ((org.api_key, org.app_key) for org in ORGS)
ALL_KEYS = (*OWN_KEYS, *OTHER_KEYS)
LARGE = ("left-open", "valid-bodies", "invalid-bodies")
SMALL = [item.name for item in service_scenarios(SPEC) if item.name not in LARGE]
BROTLI = "application/json\r\nContent-Encoding: br"
NO_OTHER_KEYS = "no keys of a second organization were given"


class Refusing(Sandbox):
    def authenticate(self, environ: Environ) -> Org:
        raise Refusal(403, "no")


class NoCreate(Sandbox):
    def create(self, org: Org, path: str, environ: Environ) -> Reply:
        raise Refusal(405, "no")


class NoList(Sandbox):
    def list_(self, org: Org, path: str, environ: Environ) -> Reply:
        raise Refusal(404, "no")


class NoDelete(Sandbox):
    def delete(self, org: Org, snapshot_id: str, environ: Environ) -> Reply:
        raise Refusal(403, "no")


@contextmanager
def running(app: Sandbox | None = None, **settings: Any) -> Iterator[ServiceSubject]:
    """Set up a sandbox as a subject."""
    settings = {"keys": OWN_KEYS, "other_keys": OTHER_KEYS, **settings}
    with (
        serving(app or Sandbox()) as url,
        service_under_test(url, **settings) as subject,
    ):
        yield subject.services[subject.name]


def case(**details: Any) -> ServiceCase:
    settings = {"labels": (Label("", "test"),), "snapshot_id": (OWN,), "body": UPDATE}
    return ServiceCase(**(settings | details))


def judged(subject: ServiceSubject, *names: str) -> Verdict:
    """Play scenarios, by default all that are small, and return the verdict."""
    services = MultiSiteService([subject])
    schedule = make_schedule(
        [item for item in service_scenarios(SPEC) if item.name in (names or SMALL)],
        PROFILES["quick"],
        services.sites,
        services,
        SPEC.sites,
    )
    runner = Runner(services, schedule, SERVICE_CLAUSES, SPEC)
    runner.play_all()
    return conclude(runner)


# -- services that cannot be judged ----------------------------------------------------


@pytest.mark.parametrize(
    ("respond", "words"),
    [
        (sending(b""), "closed without an answer; HTTP/1.1 is what is supported"),
        (sending(b"220 smtp ready\r\n"), "not HTTP"),
        (
            sending(page(b"<html>")),
            "cannot create a snapshot: .* 200, text/html, and no id",
        ),
        (
            sending(page(b'{"data":', length=99, media="application/json")),
            "closed mid-answer",
        ),
        (
            sending(page(b"\x0b", status="201 Created", media=BROTLI)),
            "201, application/json in the coding 'br', and no id; accepted: a service "
            "that has create, or a snapshot that exists, by --snapshot-id ID",
        ),
        (sending(b"\0\0\0\4\0\0\0\0\0"), "HTTP/1.1 is what is supported here"),
        (sending(page(b"", status="426 Upgrade Required")), "HTTP/1.1 is what is"),
        (lambda connection: threading.Event().wait(2), "time-out"),
    ],
    ids=[
        *("closes", "not HTTP", "HTML", "closes mid-answer", "Brotli"),
        *("HTTP/2", "426", "hangs"),
    ],
)
def test_a_server_that_is_no_service_ends_with_one_line(
    respond: Callable[[socket.socket], object], words: str
) -> None:
    with (
        listening(respond) as url,
        pytest.raises(SubjectError, match=words) as caught,
        service_under_test(url, keys=OWN_KEYS, timeout_s=0.3),
    ):
        pass
    assert "\n" not in str(caught.value)


def test_a_port_without_a_server_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with (
        pytest.raises(SubjectError, match="no connection: Connection refused"),
        service_under_test(url, keys=OWN_KEYS),
    ):
        pass


@pytest.mark.parametrize(
    ("app", "words"),
    [
        (Refusing, "refuses the keys: .* 403"),
        (NoCreate, "cannot create a snapshot: .* 405"),
    ],
)
def test_refused_keys_and_a_missing_create_are_told_apart(
    app: type[Sandbox], words: str
) -> None:
    with pytest.raises(SubjectError, match=words) as caught, running(app()):
        pass
    assert not any(key in str(caught.value) for key in ALL_KEYS)


class Hanging(Sandbox):
    """A sandbox whose updates take longer than the time-out."""

    def update(self, org: Org, snapshot_id: str, environ: Environ) -> Reply:
        threading.Event().wait(0.2)
        return super().update(org, snapshot_id, environ)


@pytest.mark.usefixtures("short_lags")
def test_updates_that_hang_are_judged_until_their_budget_is_spent() -> None:
    with running(Hanging(), timeout_s=0.1) as subject:
        verdict = judged(subject, "valid-bodies")
    assert verdict.verdict == "broken"
    assert {"S-ACCEPT", "S-NO-5XX"} <= {b.clause_id for b in verdict.breaches}
    assert (verdict.interrupted, [*verdict.cut_off]) == ("", ["valid-bodies"])
    assert verdict.exchanges == 12, "60 s of time-outs of 5 s, however fast it goes"


def test_a_service_that_falls_silent_ends_the_run() -> None:
    requests = count()

    class Dying(Sandbox):
        def answer(self, environ: Environ) -> Reply:
            if next(requests) > 20:
                threading.Event().wait(0.2)
            return super().answer(environ)

    with running(Dying(), timeout_s=0.1) as subject:
        verdict = judged(subject, "valid-bodies")
    assert "no longer answers" in verdict.interrupted
    assert verdict.verdict == "unknown", "its time-outs could not be confirmed"


def test_an_endless_rate_limit_is_unknown() -> None:
    class Limited(Sandbox):
        def update(self, org: Org, snapshot_id: str, environ: Environ) -> Reply:
            raise Refusal(429, "later", headers=(("X-RateLimit-Reset", "3600"),))

    with running(Limited()) as subject:
        verdict = judged(subject, "valid-bodies")
    assert verdict.verdict == "unknown"
    assert "rate limit" in verdict.interrupted


# -- exchanges -------------------------------------------------------------------------


def test_an_exchange_has_the_listings_before_and_after() -> None:
    with running() as subject:
        first = subject.play(case())
        second = subject.play(case(body={"data": {"type": "snapshots"}}))
    own = first.ids[OWN]
    assert first.outcome.kind is OutcomeKind.SNAPSHOT
    assert first.before is not None
    assert first.after is not None
    assert first.before[own]["attributes"]["start"] == 2**53 + 1
    assert first.after[own]["attributes"]["start"] == 1
    assert first.after == second.before
    assert set(first.after) == {own, first.ids[SIBLING]}
    assert first.view.startswith("contract-")


class CountingLists(Sandbox):
    def __init__(self) -> None:
        super().__init__()
        self.lists: Counter[int] = Counter()

    def list_(self, org: Org, path: str, environ: Environ) -> Reply:
        self.lists[org.org_id] += 1
        return super().list_(org, path, environ)


def test_a_new_snapshot_leaves_the_list_of_the_other_organization_known() -> None:
    app, both = CountingLists(), (Owner.OWN, Owner.OTHER)
    own, other = (org.org_id for org in ORGS)
    with running(app) as subject:
        session = subject.session
        session.listing(both)
        app.lists.clear()
        session.create(DOOMED)
        session.listing(both)
        assert app.lists == {own: 1}
        session.delete(session.ids[DOOMED])
        session.listing(both)
        assert app.lists == {own: 2}
        session.delete(session.ids[OTHER])
        session.listing(both)
        assert app.lists == {own: 2, other: 1}
        session.resource = replace(session.resource, is_loopback=False)
        session.create(SIBLING)
        session.listing(both)
        assert app.lists[other] == 2


def test_placeholders_are_replaced_in_path_body_and_raw_body() -> None:
    named = {"data": {**UPDATE["data"], "id": OWN}}
    text, end = json.dumps({"data": {**UPDATE["data"], "id": "<>"}}).split("<>")
    with running() as subject:
        statuses = {
            placeholder: subject.play(
                case(snapshot_id=(placeholder,), body=named)
            ).outcome.status
            for placeholder in (OWN, SIBLING, OTHER, UNKNOWN, DELETED)
        }
        raw = RequestOverride(body=(text.encode(), OWN, end.encode()))
        assert subject.play(case(override=raw)).outcome.status == 200
        zipped = RequestOverride(
            body=(gzip.compress(json.dumps(UPDATE).encode()),),
            headers=(("Content-Encoding", "gzip"),),
        )
        assert subject.play(case(override=zipped)).outcome.status == 200
    assert statuses == {OWN: 200, SIBLING: 409, OTHER: 404, UNKNOWN: 404, DELETED: 404}


@pytest.mark.parametrize(
    "variant",
    [variant for variant in KeyVariant if variant is not KeyVariant.PLAIN],
)
def test_no_key_is_shown_in_an_exchange(variant: KeyVariant) -> None:
    with running() as subject:
        exchange = subject.play(case(credential=ServiceCredential(variant=variant)))
        assert not any(key in repr(subject) for key in ALL_KEYS)
    assert exchange.outcome.status in ((200,) if variant.is_valid else (401, 403))
    assert not any(key in repr(exchange) for key in ALL_KEYS)
    sent = {value for request in exchange.requests for _, value in request.headers}
    assert not sent & set(ALL_KEYS)


def test_a_rate_limit_is_waited_out_and_judged() -> None:
    # An odd limit: updates and lists alternate, so that it meets both.
    with running(Sandbox(rate_limit=(5, 1))) as subject:
        verdict = judged(subject, "spellings")
    assert verdict.verdict == "holds"
    assert verdict.breaches == ()
    assert verdict.judged_total["S-RATE"]
    assert verdict.judged_total["S-ACCEPT"] == 10


def test_several_sites_are_one_subject() -> None:
    with running() as first, running(NoDelete()) as second:
        subject = MultiSiteService([first, second])
        assert subject.sites == (first.site, second.site)
        for site in subject.sites:
            assert subject.play(case(), site).site == site
        reason = subject.skip_reason(case(snapshot_id=(DELETED,)))
        assert "DELETE is answered with 403" in reason
        assert "S-PARITY" not in subject.reasons
    assert subject.leftovers == second.leftovers != ()


class Packed(Sandbox):
    """Each body is packed, whatever the request accepts."""

    def __call__(self, environ: Environ, start_response: Any) -> list[bytes]:
        def start(status: str, headers: list[tuple[str, str]]) -> None:
            kept = [item for item in headers if item[0] != "Content-Length"]
            coding = [("Content-Encoding", "gzip")]
            start_response(status, [*kept, *coding] if status[:3] != "204" else kept)

        body = b"".join(super().__call__(environ, start))
        return [gzip.compress(body)] if body else []


def test_a_service_that_packs_its_answers_is_judged() -> None:
    with running(Packed()) as subject:
        verdict = judged(subject, "valid-bodies", "snapshot-ids", "deleted", "repeats")
    assert verdict.verdict == "holds"
    assert verdict.breaches == ()


@pytest.mark.parametrize("fault", ["answer-empty", "answer-not-json"])
def test_an_unreadable_200_breaks_one_clause(fault: str) -> None:
    with running(service_fault(fault).make_sandbox()) as subject:
        verdict = judged(subject)
    assert {breach.clause_id for breach in verdict.breaches} == {"S-SCHEMA"}


@pytest.mark.parametrize("start", [b"\xef\xbb\xbf", b"\xe9"], ids=["BOM", "Latin-1"])
def test_a_200_in_another_encoding_breaks_one_clause(start: bytes) -> None:
    class Encoded(Sandbox):
        def update(self, org: Org, snapshot_id: str, environ: Environ) -> Reply:
            reply = super().update(org, snapshot_id, environ)
            reply.value = start + Sandbox.encode(self, reply.value)
            return reply

        def encode(self, value: Any) -> bytes:
            return value if isinstance(value, bytes) else super().encode(value)

    with running(Encoded()) as subject:
        verdict = judged(subject)
    assert {breach.clause_id for breach in verdict.breaches} == {"S-SCHEMA"}


# -- clean-up --------------------------------------------------------------------------


def test_created_snapshots_are_removed() -> None:
    app = Sandbox()
    with running(app) as subject:
        assert len(app.rows) == 3
    assert not app.rows
    assert subject.leftovers == ()


def test_snapshots_that_cannot_be_removed_are_named() -> None:
    with running(app := NoDelete()) as subject:
        reason = subject.skip_reason(case(snapshot_id=(DELETED,)))
        assert "DELETE is answered with 403" in reason
        ids = subject.session.ids
        own = {ids[item] for item in (OWN, SIBLING, DOOMED)}
        assert subject.play(case()).before.keys() == own
    assert set(subject.leftovers) == set(app.rows)


# -- services without some operations --------------------------------------------------


def test_without_a_second_organization_its_clause_is_not_judged() -> None:
    with running(other_keys=None) as subject:
        verdict = judged(subject)
        assert subject.reasons["S-ORG"] == NO_OTHER_KEYS
        foreign = case(credential=ServiceCredential(Owner.OTHER))
        assert subject.skip_reason(foreign) == NO_OTHER_KEYS
    assert verdict.verdict == "holds"
    assert set(verdict.not_judged) == {"S-ORG", "S-RATE", "S-PARITY"}


def test_with_a_snapshot_id_nothing_is_created() -> None:
    app = NoCreate()
    attributes = {**UPDATE["data"]["attributes"], "view_name": "v", "device_type": "d"}
    snapshot_id = app.insert(ORGS[0], attributes).id
    with running(app, snapshot_id=snapshot_id) as subject:
        verdict = judged(subject)
        reasons = dict(subject.reasons)
    assert verdict.verdict == "holds"
    assert set(verdict.not_judged) == {
        "S-STORED",
        "S-UNTOUCHED",
        "S-GONE",
        "S-RATE",
        "S-PARITY",
    }
    assert set(verdict.not_judged) <= set(reasons)
    assert list(app.rows) == [snapshot_id]


def test_a_snapshot_id_that_does_not_exist_proves_nothing() -> None:
    with (
        pytest.raises(
            SubjectError, match="has no snapshot 'nothing': PATCH is answered with 404"
        ),
        running(snapshot_id="nothing"),
    ):
        pass


def test_without_a_list_the_state_is_not_judged() -> None:
    with running(NoList()) as subject:
        verdict = judged(subject)
        reason = subject.reasons["S-STORED"]
    assert verdict.verdict == "holds"
    assert {"S-STORED", "S-UNTOUCHED"} <= set(verdict.not_judged)
    assert reason.startswith("the service has no list that can be read")


def test_a_created_id_that_is_unknown_afterwards_breaks_s_id() -> None:
    class Forgetful(Sandbox):
        def update(self, org: Org, snapshot_id: str, environ: Environ) -> Reply:
            raise Refusal(404, "no")

    with running(Forgetful()) as subject:
        verdict = judged(subject, "valid-bodies")
    assert "S-ID" in {breach.clause_id for breach in verdict.breaches}


def test_long_texts_are_set_back_after_use() -> None:
    app = Sandbox()
    with running(app) as subject:
        judged(subject, "left-open")
        sizes = [len(str(row)) for row in app.rows.values()]
    assert 0 < max(sizes) < 10_000
