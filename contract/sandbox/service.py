"""The service as a WSGI application.

    answer ─> authenticate ─> count ─> operate ─> update ─> body  (read ─> parse ─> validate)
                                                        ├─> find ─> identify ─> apply ─> touch
                                                        └─> render ─> reply

Each step is a small method that does one thing and raises `Refusal` to end the request; a fault overrides one
of them. Two rules: no error text quotes what a caller sent (it may hold a key), and rows are read and changed
under `lock` alone.
"""

import json
import math
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from itertools import islice
from typing import TypeAlias
from urllib.parse import parse_qsl, quote, unquote

from contract.model import Json, Violation
from contract.sandbox.content import parsed, received, unpacked
from contract.sandbox.model import ORGS, Environ, Org, Refusal, Reply, Row
from contract.spec import Schema, load
from contract.spec.document import Reader

__all__ = ["CREATABLE", "PATH", "UPDATABLE", "Sandbox"]

Operation: TypeAlias = Callable[[Org, str, Environ], Reply]
Headers: TypeAlias = list[tuple[str, str]]

PATH = "/api/v2/replay/heatmap/snapshots"
UPDATABLE = (
    "event_id",
    "is_device_type_selected_by_user",
    "session_id",
    "start",
    "view_id",
)
CREATABLE = (*UPDATABLE, "application_id", "device_type", "snapshot_name", "view_name")

_MEDIA_TYPE = "application/json"
_FILTERS = {
    f"filter[{name}]": name for name in ("view_name", "device_type", "application_id")
}
_STATUS_LINES = {
    status.value: f"{status.value} {status.phrase}" for status in HTTPStatus
}
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class Sandbox:
    """The reference service.

    `rate_limit` is how many requests in how many seconds, for each organization alone; the periods are those of
    the calendar. `clock` returns seconds since 1970, `new_id` the id of the next snapshot. A body over
    `max_body` bytes, as it came or unpacked, gets 413. Raises SpecError where the contract cannot be read.
    """

    media_type = _MEDIA_TYPE
    """What answers say they are."""

    def __init__(
        self,
        orgs: Iterable[Org] = ORGS,
        *,
        rate_limit: tuple[int, float] | None = None,
        clock: Callable[[], float] = time.time,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
        max_body: int = 8 << 20,
    ) -> None:
        self.orgs: dict[tuple[str | None, str | None], Org] = {
            (org.api_key, org.app_key): org for org in orgs
        }
        self.rate_limit, self.clock, self.new_id, self.max_body = (
            rate_limit,
            clock,
            new_id,
            max_body,
        )
        self.lock = threading.RLock()
        self.rows: dict[str, Row] = {}
        self.used: dict[int, tuple[int, int]] = {}
        contract = load()
        self.update_schema = contract.request
        self.create_schema = Reader("openapi.yaml", contract.document).schema(
            contract.document,
            "",
            "paths",
            PATH,
            "post",
            "requestBody",
            "content",
            _MEDIA_TYPE,
            "schema",
        )
        self.on_one: dict[str, Operation] = {
            "PATCH": self.update,
            "DELETE": self.delete,
        }
        self.on_all: dict[str, Operation] = {"GET": self.list_, "POST": self.create}

    def __call__(
        self, environ: Environ, start_response: Callable[..., object]
    ) -> list[bytes]:
        """Answer one request (PEP 3333)."""
        reply = self.answer(environ)
        body = b"" if reply.value is None else self.encode(reply.value)
        if reply.status != 204:
            reply.headers.append(("Content-Length", str(len(body))))
        start_response(
            _STATUS_LINES.get(reply.status, f"{reply.status} Unknown"), reply.headers
        )
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def answer(self, environ: Environ) -> Reply:
        """Return the reply to a request; keys come first, so that nothing is told to those who have none."""
        limits: Headers = []
        try:
            org = self.authenticate(environ)
            if self.rate_limit:
                used, reset_s = self.count(org, self.rate_limit[1])
                limits = self.limits(*self.rate_limit, used, reset_s)
                if used > self.rate_limit[0]:
                    raise Refusal(
                        429,
                        "The rate limit is used up; X-RateLimit-Reset says when it starts anew.",
                    )
            reply = self.operate(org, environ)
        except Refusal as refusal:
            reply = self.error(refusal)
        reply.headers += limits
        return reply

    def authenticate(self, environ: Environ) -> Org:
        """Return what both keys open together; 401 where one is missing or empty, 403 where they are wrong."""
        keys = environ.get("HTTP_DD_API_KEY"), environ.get("HTTP_DD_APPLICATION_KEY")
        org = self.orgs.get(keys) if all(keys) else None
        if org is None:
            if not all(keys):
                raise Refusal(
                    401, "DD-API-KEY and DD-APPLICATION-KEY are needed, both."
                )
            raise Refusal(403, "These keys open no organization.")
        return org

    def count(self, org: Org, period_s: float) -> tuple[int, int]:
        """Count one request; return how many this period has seen, and the whole seconds until the next one."""
        now = self.clock()
        window = math.floor(now / period_s)
        with self.lock:
            known, used = self.used.get(org.org_id, (window, 0))
            used = used + 1 if known == window else 1
            self.used[org.org_id] = window, used
        return used, max(
            1, min(math.ceil(period_s), math.ceil((window + 1) * period_s - now))
        )

    def limits(self, limit: int, period_s: float, used: int, reset_s: int) -> Headers:
        """Return the headers that describe the rate limit."""
        return [
            ("X-RateLimit-Limit", str(limit)),
            ("X-RateLimit-Period", f"{period_s:g}"),
            ("X-RateLimit-Remaining", str(max(0, limit - used))),
            ("X-RateLimit-Reset", str(reset_s)),
        ]

    def operate(self, org: Org, environ: Environ) -> Reply:
        """Choose the operation by path and method, and run it; 404 or 405 where there is none."""
        path = self.path(environ)
        head, _, tail = path.rpartition("/")
        if path == PATH:
            operations = self.on_all
        elif head == PATH and tail:
            operations = self.on_one
        else:
            raise Refusal(404, "There is nothing at this path.")
        operation = operations.get(environ["REQUEST_METHOD"])
        if operation is None:
            methods = ", ".join(operations)
            raise Refusal(
                405,
                f"The methods of this path are {methods}.",
                headers=[("Allow", methods)],
            )
        return operation(org, unquote(tail), environ)

    def path(self, environ: Environ) -> str:
        """Return the path as it was sent: a `%2F` in it is part of an id (RFC 3986, 2.2)."""
        sent: str | None = environ.get("REQUEST_URI")
        if sent is None:
            return quote(environ["PATH_INFO"].encode("latin-1"))
        if not sent.startswith("/"):  # the absolute form of RFC 9112, 3.2.2
            sent = "/" + sent.partition("://")[2].partition("/")[2]
        return sent.partition("?")[0]

    def update(self, org: Org, snapshot_id: str, environ: Environ) -> Reply:
        """Change what the body names, and answer with the whole snapshot."""
        body = self.body(environ, self.update_schema)
        with self.lock:
            row = self.find(org, snapshot_id)
            self.identify(row, body)
            self.apply(row, _attributes(body))
            self.touch(row)
            return self.reply(200, {"data": self.render(row)})

    def create(self, org: Org, _: str, environ: Environ) -> Reply:
        """Make a snapshot."""
        body = self.body(environ, self.create_schema)
        with self.lock:
            row = self.insert(org, _attributes(body))
            return self.reply(201, {"data": self.render(row)})

    def list_(self, org: Org, _: str, environ: Environ) -> Reply:
        """Return the snapshots that match every filter, the oldest first."""
        query = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
        limit = query.get("page[limit]", str(2**63 - 1))
        if "filter[view_name]" not in query:
            raise Refusal(400, "filter[view_name]: is missing")
        if (
            not re.fullmatch("-?[0-9]{1,19}", limit)
            or not -(2**63) <= int(limit) < 2**63
        ):
            raise Refusal(400, "page[limit]: is not an int64")
        wanted = [(name, query[key]) for key, name in _FILTERS.items() if key in query]
        with self.lock:
            rows = (
                row
                for row in self.visible(org)
                if all(row.attributes.get(key) == text for key, text in wanted)
            )
            return self.reply(
                200,
                {
                    "data": [
                        self.render(row) for row in islice(rows, max(0, int(limit)))
                    ]
                },
            )

    def delete(self, org: Org, snapshot_id: str, _: Environ) -> Reply:
        """Remove a snapshot."""
        with self.lock:
            self.remove(self.find(org, snapshot_id))
        return Reply(204, None, [])

    def body(self, environ: Environ, schema: Schema) -> Json:
        """Return the body as JSON that satisfies the schema; 400 with one text per violation."""
        value = self.parse(self.read(environ))
        if violations := self.validate(value, schema):
            raise Refusal(
                400,
                *(
                    f"{violation.pointer or 'body'}: {violation.how}"
                    for violation in violations
                ),
            )
        return value

    def read(self, environ: Environ) -> bytes:
        """Return the bytes of the body, content codings undone; 413, 415, or 400 where they are damaged."""
        self.accept(environ.get("CONTENT_TYPE", ""))
        body = received(environ, self.max_body)
        codings = environ.get("HTTP_CONTENT_ENCODING")
        return unpacked(body, codings, self.max_body) if codings else body

    def accept(self, content_type: str) -> None:
        """Refuse what does not say application/json; parameters are free."""
        if content_type.partition(";")[0].strip().lower() != _MEDIA_TYPE:
            raise Refusal(415, f"Content-Type: is not {_MEDIA_TYPE}")

    def parse(self, body: bytes) -> Json:
        """Return the JSON of a body."""
        return parsed(body)

    def validate(self, value: Json, schema: Schema) -> list[Violation]:
        """Return what is wrong with a body."""
        return schema.errors(value)

    def visible(self, org: Org) -> Iterable[Row]:
        """Return the rows that an organization can see, the oldest first."""
        return (row for row in self.rows.values() if row.org_id == org.org_id)

    def find(self, org: Org, snapshot_id: str) -> Row:
        """Return a row of this organization; 404 where it has none with this id."""
        row = self.rows.get(snapshot_id)
        if row is None or row.org_id != org.org_id:
            raise Refusal(404, "There is no such snapshot.")
        return row

    def identify(self, row: Row, body: Json) -> None:
        """Refuse a body that names another snapshot than the path."""
        named = _member(_member(body, "data"), "id")
        if isinstance(named, str) and named != row.id:
            raise Refusal(409, "/data/id: is not the id in the path")

    def apply(self, row: Row, attributes: Mapping[str, Json]) -> None:
        """Store what the request names; whatever else it holds is ignored."""
        row.attributes.update(_chosen(attributes, UPDATABLE))

    def touch(self, row: Row) -> None:
        """Move `modified_at` on by a millisecond at least, also where the clock stands still or goes back."""
        row.modified_ms = max(self.now_ms(), row.modified_ms + 1)
        row.attributes["modified_at"] = self.timestamp(row.modified_ms)

    def insert(self, org: Org, attributes: Mapping[str, Json]) -> Row:
        """Store a new snapshot."""
        now_ms = self.now_ms()
        made = {
            "created_at": self.timestamp(now_ms),
            "modified_at": self.timestamp(now_ms),
        }
        maker = {
            "created_by": org.user,
            "created_by_handle": org.handle,
            "created_by_user_id": org.user_id,
        }
        known = _chosen(attributes, CREATABLE) | made | maker | {"org_id": org.org_id}
        row = Row(self.new_id(), org.org_id, known, now_ms)
        self.rows[row.id] = row
        return row

    def remove(self, row: Row) -> None:
        """Forget a snapshot."""
        del self.rows[row.id]

    def render(self, row: Row) -> dict[str, Json]:
        """Return the resource that shows a row and shares nothing with it."""
        return {"type": "snapshots", "id": row.id, "attributes": dict(row.attributes)}

    def now_ms(self) -> int:
        """Return milliseconds since 1970."""
        return int(self.clock() * 1000)

    def timestamp(self, ms: int) -> str:
        """Return milliseconds since 1970 as a date-time in UTC (RFC 3339)."""
        return (
            datetime.fromtimestamp(ms / 1000, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z")
        )

    def reply(self, status: int, value: Json) -> Reply:
        """Return an answer that holds JSON."""
        return Reply(status, value, [("Content-Type", self.media_type)])

    def error(self, refusal: Refusal) -> Reply:
        """Return the documented form of an error (page: Response, 429)."""
        reply = self.reply(refusal.status, {"errors": list(refusal.errors)})
        reply.headers += refusal.headers
        return reply

    def encode(self, value: Json) -> bytes:
        """Return JSON as it goes on the wire."""
        return _ENCODER.encode(value).encode()


def _member(value: Json, name: str) -> Json:
    return value.get(name) if isinstance(value, dict) else None


def _attributes(body: Json) -> dict[str, Json]:
    known = _member(_member(body, "data"), "attributes")
    return known if isinstance(known, dict) else {}


def _chosen(attributes: Mapping[str, Json], names: Iterable[str]) -> dict[str, Json]:
    chosen = {name: attributes[name] for name in names if name in attributes}
    if isinstance(start := chosen.get("start"), float) and start.is_integer():
        chosen["start"] = int(
            start
        )  # 1.0 is an integer to JSON Schema; int64 has no point
    return chosen
