"""The service as a WSGI application.

    answer -> authenticate -> count -> operate -> update
    update -> body (read, parse, validate) -> find, identify, apply, touch -> render

Each step is a method, so that a fault can replace it, and `Refusal` ends the request.
No error text quotes what a caller sent, since it may hold a key. Rows are read and
changed only under `lock`.
"""

import json
import math
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, lru_cache
from http.client import responses as phrases
from itertools import islice
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

from contract.jsondiff import value_at
from contract.model import Headers, Json, Violation
from contract.sandbox.content import Environ, Refusal, keys_in, parse_json, read_body
from contract.sandbox.rows import Replicas, StoredSnapshot
from contract.spec import Schema, Spec, load
from contract.spec.schema import References

PATH = "/api/v2/replay/heatmap/snapshots"
MEDIA_TYPE = "application/json"
MAX_INT64 = 2**63 - 1
MAX_BODY = 8 << 20
"""Bytes of a body, as sent or decoded. A larger one gets 413."""

UPDATABLE = (
    "event_id",
    "is_device_type_selected_by_user",
    "session_id",
    "start",
    "view_id",
)
CREATABLE = (*UPDATABLE, "application_id", "device_type", "snapshot_name", "view_name")
"""Attributes that an update and a create may set."""

FILTERS = ("view_name", "device_type", "application_id")


@dataclass(frozen=True)
class Org:
    """An organization: its keys, and the user that creates its snapshots."""

    api_key: str = field(repr=False)
    app_key: str = field(repr=False)
    org_id: int
    user: str
    handle: str
    user_id: int

    @property
    def keys(self) -> tuple[str, str]:
        return self.api_key, self.app_key


ORGS = tuple(
    Org(
        api_key=f"sandbox-api-key-of-org-{number}",
        app_key=f"sandbox-app-key-of-org-{number}",
        org_id=1_000_000 + number,
        user=user,
        handle=handle,
        user_id=2**53 + 2 * number - 1,  # which a double cannot hold
    )
    for number, user, handle in (
        (1, "Ada", "ada@one.example"),
        (2, "Bob", "bob@two.example"),
    )
)


@dataclass(slots=True)
class Reply:
    """A response before it is encoded. None is no body."""

    status: int
    value: Json
    headers: Headers = ()


@cache
def create_schema(spec: Spec) -> Schema:
    body = spec.document["paths"][PATH]["post"]["requestBody"]
    expander = References("openapi.yaml", spec.document)
    return Schema(expander.expand(body["content"][MEDIA_TYPE]["schema"]))


class Sandbox:
    """The reference service.

    `rate_limit` is a number of requests and a period in seconds, for each organization
    and by the calendar. `clock` returns seconds since 1970. Lists are read from
    `replicas`, by default from the rows themselves.
    """

    def __init__(
        self,
        *,
        rate_limit: tuple[int, float] | None = None,
        replicas: Replicas | None = None,
        clock: Callable[[], float] = time.time,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self.orgs = {org.keys: org for org in ORGS}
        self.rate_limit, self.clock, self.new_id = rate_limit, clock, new_id
        self.replicas = replicas
        self.lock = threading.RLock()
        self.rows: dict[str, StoredSnapshot] = {}
        self.used: dict[int, tuple[int, int]] = {}
        self.spec = load()

    def __call__(self, environ: Environ, start_response: Any) -> list[bytes]:
        """Answer one request (PEP 3333)."""
        reply = self.answer(environ)
        body = b"" if reply.value is None else self.encode(reply.value)
        headers = list(reply.headers)
        if reply.status != 204:
            headers.append(("Content-Length", str(len(body))))
        phrase = phrases.get(reply.status, "Unknown")
        start_response(f"{reply.status} {phrase}", headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    # -- keys and rate limit --

    def answer(self, environ: Environ) -> Reply:
        """Return the reply to a request. Wrong keys learn nothing."""
        limits: Headers = ()
        try:
            org = self.authenticate(environ)
            if self.rate_limit:
                limit, period_s = self.rate_limit
                used, reset_s = self.count(org, period_s)
                limits = self.limits(limit, period_s, used, reset_s)
                if used > limit:
                    raise Refusal(429, "The rate limit of this endpoint is used up.")
            reply = self.operate(org, environ)
        except Refusal as refusal:
            reply = self.error(refusal)
        reply.headers += limits
        return reply

    def authenticate(self, environ: Environ) -> Org:
        """Return the organization of both keys: 401 or 403."""
        keys = keys_in(environ)
        if not all(keys):
            raise Refusal(401, "Both DD-API-KEY and DD-APPLICATION-KEY are needed.")
        if keys not in self.orgs:
            raise Refusal(403, "These keys open no organization.")
        return self.orgs[keys]

    def count(self, org: Org, period_s: float) -> tuple[int, int]:
        """Count a request. Return the requests and the seconds left of its period."""
        now = self.clock()
        period = math.floor(now / period_s)
        with self.lock:
            last_period, used = self.used.get(org.org_id, (period, 0))
            used = used + 1 if last_period == period else 1
            self.used[org.org_id] = period, used
        left_s = math.ceil((period + 1) * period_s - now)
        return used, max(1, min(math.ceil(period_s), left_s))

    def limits(self, limit: int, period_s: float, used: int, reset_s: int) -> Headers:
        return (
            ("X-RateLimit-Limit", str(limit)),
            ("X-RateLimit-Period", f"{period_s:g}"),
            ("X-RateLimit-Remaining", str(max(0, limit - used))),
            ("X-RateLimit-Reset", str(reset_s)),
        )

    # -- operations --

    def operate(self, org: Org, environ: Environ) -> Reply:
        """Run the operation: 404 or 405."""
        path = path_of(environ)
        collection, _, segment = path.rpartition("/")
        handlers: dict[str, Callable[[Org, str, Environ], Reply]]
        if path == PATH:
            handlers = {"GET": self.list_, "POST": self.create}
        elif collection == PATH and segment:
            handlers = {"PATCH": self.update, "DELETE": self.delete}
        else:
            raise Refusal(404, "There is nothing at this path.")
        handler = handlers.get(environ["REQUEST_METHOD"])
        if handler is None:
            methods = ", ".join(handlers)
            text = f"The methods of this path are {methods}."
            raise Refusal(405, text, headers=(("Allow", methods),))
        try:
            return handler(org, unquote(segment), environ)
        finally:
            if self.replicas and environ["REQUEST_METHOD"] != "GET":
                with self.lock:
                    self.replicas.copy(self.rows.values(), self.clock())

    def update(self, org: Org, snapshot_id: str, environ: Environ) -> Reply:
        body = self.body(environ, self.validate)
        with self.lock:
            row = self.find(org, snapshot_id)
            self.identify(row, body)
            self.apply(row, attributes_of(body))
            self.touch(row)
            return self.reply(200, {"data": self.render(row)})

    def create(self, org: Org, _: str, environ: Environ) -> Reply:
        body = self.body(environ, create_schema(self.spec).errors)
        with self.lock:
            row = self.insert(org, attributes_of(body))
            return self.reply(201, {"data": self.render(row)})

    def list_(self, org: Org, _: str, environ: Environ) -> Reply:
        """Return the snapshots that match every filter, the oldest first."""
        query = parameters(environ.get("QUERY_STRING", ""))
        if "filter[view_name]" not in query:
            raise Refusal(400, "filter[view_name]: is missing")
        limit = query.get("page[limit]", str(MAX_INT64))
        is_number = re.fullmatch("-?[0-9]{1,19}", limit)
        if not is_number or not -MAX_INT64 - 1 <= int(limit) <= MAX_INT64:
            raise Refusal(400, "page[limit]: is not an int64")
        filters = [(name, query.get(f"filter[{name}]")) for name in FILTERS]
        with self.lock:
            rows = (
                self.render(row)
                for row in self.visible(org)
                if all(text in (None, row.attributes.get(n)) for n, text in filters)
            )
            return self.reply(200, {"data": list(islice(rows, max(0, int(limit))))})

    def delete(self, org: Org, snapshot_id: str, _: Environ) -> Reply:
        with self.lock:
            self.remove(self.find(org, snapshot_id))
        return Reply(204, None)

    # -- bodies --

    def body(self, environ: Environ, validate: Callable[[Json], Any]) -> Json:
        self.accept(environ.get("CONTENT_TYPE", ""))
        value = self.parse(read_body(environ, MAX_BODY))
        if violations := validate(value):
            texts = (f"{item.place or 'body'}: {item.how}" for item in violations)
            raise Refusal(400, *texts)
        return value

    def accept(self, content_type: str) -> None:
        if content_type.partition(";")[0].strip().lower() != MEDIA_TYPE:
            raise Refusal(415, f"Content-Type: is not {MEDIA_TYPE}")

    parse = staticmethod(parse_json)

    def validate(self, value: Json) -> list[Violation]:
        return self.spec.request.errors(value)

    # -- rows --

    def visible(self, org: Org) -> Iterable[StoredSnapshot]:
        rows: Iterable[StoredSnapshot] = self.rows.values()
        if self.replicas:
            rows = self.replicas.rows(self.clock())
        return (row for row in rows if row.org_id == org.org_id)

    def find(self, org: Org, snapshot_id: str) -> StoredSnapshot:
        row = self.rows.get(snapshot_id)
        if row is None or row.org_id != org.org_id:
            raise Refusal(404, "There is no such snapshot.")
        return row

    def identify(self, row: StoredSnapshot, body: Json) -> None:
        body_id = value_at(body, "/data/id")
        if isinstance(body_id, str) and body_id != row.id:
            raise Refusal(409, "/data/id: is not the id in the path")

    def apply(self, row: StoredSnapshot, attributes: Mapping[str, Json]) -> None:
        row.attributes.update(chosen(attributes, UPDATABLE))

    def touch(self, row: StoredSnapshot) -> None:
        """Advance `modified_at`, also if the clock stands still or goes back."""
        row.modified_ms = max(self.now_ms(), row.modified_ms + 1)
        row.attributes["modified_at"] = self.timestamp(row.modified_ms)

    def insert(self, org: Org, attributes: Mapping[str, Json]) -> StoredSnapshot:
        now_ms = self.now_ms()
        now = self.timestamp(now_ms)
        stored = chosen(attributes, CREATABLE) | {
            "created_at": now,
            "modified_at": now,
            "created_by": org.user,
            "created_by_handle": org.handle,
            "created_by_user_id": org.user_id,
            "org_id": org.org_id,
        }
        row = StoredSnapshot(self.new_id(), org.org_id, stored, now_ms)
        self.rows[row.id] = row
        return row

    def remove(self, row: StoredSnapshot) -> None:
        del self.rows[row.id]

    # -- replies --

    def render(self, row: StoredSnapshot) -> dict[str, Json]:
        return {"type": "snapshots", "id": row.id, "attributes": dict(row.attributes)}

    def now_ms(self) -> int:
        return int(self.clock() * 1000)

    def timestamp(self, ms: int) -> str:
        date = datetime.fromtimestamp(ms / 1000, UTC)
        return date.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def reply(self, status: int, value: Json) -> Reply:
        return Reply(status, value, (("Content-Type", MEDIA_TYPE),))

    def error(self, refusal: Refusal) -> Reply:
        """Return an error as documented (page: Response, 429)."""
        reply = self.reply(refusal.status, {"errors": list(refusal.errors)})
        reply.headers += refusal.headers
        return reply

    def encode(self, value: Json) -> bytes:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


@lru_cache
def parameters(query: str) -> Mapping[str, str]:
    """Return the parameters of a query, which many requests have in common."""
    return dict(parse_qsl(query, keep_blank_values=True))


def path_of(environ: Environ) -> str:
    """Return the path as sent. A `%2F` is part of an id (RFC 3986, 2.2)."""
    target: str | None = environ.get("REQUEST_URI")
    if target is None:
        return quote(environ["PATH_INFO"].encode("latin-1"))
    if not target.startswith("/"):  # the absolute form of RFC 9112, 3.2.2
        target = "/" + target.partition("://")[2].partition("/")[2]
    return target.partition("?")[0]


def attributes_of(body: Json) -> dict[str, Json]:
    """Return the attributes of a body."""
    attributes = value_at(body, "/data/attributes")
    return attributes if isinstance(attributes, dict) else {}


def chosen(attributes: Mapping[str, Json], names: Iterable[str]) -> dict[str, Json]:
    values = {name: attributes[name] for name in names if name in attributes}
    start = values.get("start")
    if isinstance(start, float) and start.is_integer():
        values["start"] = int(start)  # 1.0 is an integer to JSON Schema
    return values
