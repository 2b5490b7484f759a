"""Talking to a service: requests made of cases, stand-ins replaced, rate limits waited out, rows read."""

import json
import secrets
import time
from collections.abc import Callable
from typing import Any, Literal
from urllib.parse import quote

from contract.cases.placeholders import KEYS, OWN, VIEW, Pair, Values
from contract.model import (
    Case,
    Headers,
    Json,
    Outcome,
    Request,
    RequestOverride,
    Response,
    Rows,
)
from contract.spec import Spec
from contract.subjects.http import HttpConnection, NoResponseError

__all__ = ["ResourceSession", "id_of", "json_of", "member"]

_LONGEST_RESET_S = 86_400
_SILENCES = 4
"""After so many requests that nothing answered in time, nothing more is asked: the run ends in bounded time."""

_WRONG_KEYS = (
    "c0ffee00c0ffee00c0ffee00c0ffee00",
    "decafbaddecafbaddecafbaddecafbaddecafbad",
)
_DOCUMENTED = RequestOverride()


class ResourceSession:
    """What a run knows of a service: the ids behind the stand-ins, the rows as last read, whether it still answers."""

    _sleep: Callable[[float], object] = staticmethod(time.sleep)

    def __init__(
        self,
        sender: HttpConnection,
        spec: Spec,
        keys: Pair,
        other_keys: Pair | None,
        headers: Headers,
        patience_s: float,
    ) -> None:
        self._sender, self._spec, self._extra = sender, spec, headers
        self._keys, self._other_keys, self._patience_s = keys, other_keys, patience_s
        self._path = sender.prefix + spec.path
        self._all = self._path.rpartition("/")[0]
        self._view = f"contract-{secrets.token_hex(6)}"
        self._ids: dict[str, str] = {VIEW: self._view}
        self._made: dict[
            str, str
        ] = {}  # id → organization, in the order of their making
        self._rows: dict[str, Rows | None] = {}  # organization → as last read
        self._texts: dict[str, bytes] = {}  # organization → what was read
        self._no_list = ""
        self._dead = ""
        self._silent = 0
        self._last = Outcome("failed", message="nothing was asked")

    def _pair(self, name: str) -> Values:
        """Return the values of both key headers for the name of a pair."""
        return KEYS[name](self._keys, self._other_keys or ("", ""), _WRONG_KEYS)

    def _request(self, case: Case, wire: RequestOverride, pair: Values) -> Request:
        if wire.path is not None:
            target = self._sender.prefix + self._real(wire.path)
        elif wire.method in ("POST", "GET"):
            target = self._all
            if wire.method == "GET":
                target += f"?filter%5Bview_name%5D={quote(self._view, safe='')}"
        else:
            target = self._path.replace(
                "{snapshot_id}", quote(self._real(case.snapshot_id), safe="")
            )
        body = wire.body
        if body is None:
            body = (
                b""
                if wire.method in ("GET", "DELETE")
                else _json(self._substituted(case.body))
            )
        elif (own_id := OWN.encode()) in body:
            body = body.replace(own_id, self._ids[OWN].encode())
        own = [
            (name, value)
            for name, values in zip(self._spec.auth_headers, pair, strict=True)
            for value in values
        ]
        if case.keys.endswith("lower case"):
            own = [(name.lower(), value) for name, value in own]
        if body or wire.body is not None:
            own += (
                [("Content-Type", wire.content_type)]
                if wire.content_type is not None
                else []
            )
        if not any(name.lower() == "accept" for name, _ in wire.headers):
            own.append(("Accept", "application/json"))
        headers = (*own, ("Accept-Encoding", "identity"), *wire.headers, *self._extra)
        return Request(wire.method, target, headers, body)

    def _ask(
        self, request: Request, requests: list[Request], answers: list[Response | None]
    ) -> Outcome:
        """Send it, and again after each 429 for as long as patience lasts; return how it ended."""
        patience_s = self._patience_s
        while True:
            at_s = time.monotonic()
            try:
                answer = self._sender.send(
                    request.method, request.url, request.headers, request.body
                )
            except NoResponseError as error:
                self._keep(request, None, at_s, requests, answers)
                self._silent += error.reason in ("time-out", "no connection")
                if self._silent >= _SILENCES:
                    self._dead = f"the service no longer answers ({error})"
                return Outcome(
                    "failed",
                    message=str(error),
                    type=error.reason,
                    seconds=time.monotonic() - at_s,
                )
            self._keep(request, answer, at_s, requests, answers)
            if answer.status != 429:
                kind: Literal["snapshot", "api_error"] = (
                    "snapshot" if 200 <= answer.status < 300 else "api_error"
                )
                return Outcome(
                    kind, status=answer.status, seconds=time.monotonic() - at_s
                )
            wait_s = _reset_s(answer)
            patience_s -= wait_s
            if patience_s < 0:
                self._dead = "the rate limit is used up, and waiting does not help"
                return Outcome("api_error", status=429, seconds=time.monotonic() - at_s)
            self._sleep(wait_s)

    def _keep(
        self,
        request: Request,
        answer: Response | None,
        at_s: float,
        requests: list[Request],
        answers: list[Response | None],
    ) -> None:
        url = f"http{'s' if self._sender.secure else ''}://{self._sender.authority}{request.url}"
        answered_s = time.monotonic() if answer is not None else 0.0
        requests.append(
            Request(
                request.method, url, request.headers, request.body, at_s, answered_s
            )
        )
        answers.append(answer)

    def _real(self, text: str) -> str:
        """Return a text with the real ids in place of their stand-ins."""
        if "<" in text:
            for name, value in self._ids.items():
                text = text.replace(name, value)
        return text

    def _substituted(self, body: Json) -> Json:
        data = member(body, "data")
        if not isinstance(data, dict):
            return body
        named, attributes = data.get("id"), data.get("attributes")
        if isinstance(named, str) and named in self._ids:
            data = {**data, "id": self._ids[named]}
        if isinstance(attributes, dict) and attributes.get("view_name") == VIEW:
            data = {**data, "attributes": {**attributes, "view_name": self._view}}
        return {**body, "data": data}

    def _state(
        self, orgs: tuple[str, ...], *, again: bool, but: str | None = None
    ) -> Rows | None:
        """Return the rows of these organizations, as read now or (not `again`, and `but` one) as last read."""
        if self._no_list or self._dead:
            return None
        found: dict[str, Json] = {}
        for org in orgs:
            if (again and org != but) or self._rows.get(org) is None:
                self._rows[org] = self._list(org)
            rows = self._rows[org]
            if rows is None:
                return None
            found.update(rows)
        return found

    def _list(self, org: str) -> Rows | None:
        """Read the rows that are of this run; None where the answer cannot be read even leniently."""
        case = Case(
            "",
            ("list",),
            "",
            None,
            keys="own" if org == "own" else "other org",
            override=RequestOverride(method="GET"),
        )
        return self._shown(org, self._set_up(case))

    def _shown(self, org: str, answer: Response | None) -> Rows | None:
        """Return the rows of this run that an answer to list shows."""
        if (
            answer is not None
            and answer.body == self._texts.get(org)
            and self._rows.get(org) is not None
        ):
            return self._rows[
                org
            ]  # the very same rows, so that comparing them costs nothing
        self._texts[org] = answer.body if answer is not None else b""
        rows = (
            member(json_of(answer), "data")
            if answer is not None and answer.status == 200
            else None
        )
        if not isinstance(rows, list):
            return None
        found = {}
        for row in rows:
            name = id_of(row)
            view = member(member(row, "attributes"), "view_name")
            if name and (name in self._made or view == self._view):
                found[name] = row
        return found

    def _set_up(self, case: Case) -> Response | None:
        """Ask without judging; None where no answer came."""
        pair = self._pair(case.keys)
        answers: list[Response | None] = []
        self._last = self._ask(
            self._request(case, case.override or _DOCUMENTED, pair), [], answers
        )
        return answers[-1]

    def _made_id(self, answer: Response, org: str) -> str:
        """Return the id that create answered, or else the one that list shows and nobody knows yet."""
        made = id_of(member(json_of(answer), "data"))
        if not made:
            rows = self._list(org) or {}
            made = next((name for name in rows if name not in self._made), "")
        if made:
            self._made[made] = org
        return made


def member(value: Json, name: str) -> Any:
    """Return a member of an object, or None."""
    return value.get(name) if isinstance(value, dict) else None


def _json(value: Json) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode(
        errors="surrogatepass"
    )


def json_of(answer: Response | None) -> Json:
    """Read leniently; None is what cannot be read."""
    try:
        return json.loads(answer.body) if answer is not None else None
    except (ValueError, RecursionError):
        return None


def id_of(resource: Json) -> str:
    """Return the id of a resource, a number too; "" where it has none."""
    known = member(resource, "id")
    return known if isinstance(known, str) else str(known) if type(known) is int else ""


def _reset_s(answer: Response) -> float:
    """Return how long to wait after a 429: what it says, a second where that makes no sense."""
    text = answer.header("X-RateLimit-Reset") or ""
    sensible = (
        text.isascii() and text.isdecimal() and 0 < int(text[:9]) <= _LONGEST_RESET_S
    )
    return float(text) if sensible else 1.0
