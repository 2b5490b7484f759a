"""A service in the default mode of FastAPI: lax values, errors of another shape.

Its errors break a clause in most exchanges, which must hide no breach of another.
"""

import copy
import json
from collections.abc import Callable
from typing import Any

from contract import check_service
from contract.model import Json
from contract.sandbox import ORGS, Sandbox, serving
from contract.sandbox.content import Environ, Refusal, read_body
from contract.sandbox.service import MAX_BODY, Reply

BOOLEANS = {0: False, 1: True, "0": False, "1": True, "false": False, "true": True}

ACCEPTED = {
    "invalid-bodies/data/attributes null",
    "invalid-bodies/data/attributes/is_device_type_selected_by_user boolean as text",
    "invalid-bodies/data/attributes/is_device_type_selected_by_user integer",
    "invalid-bodies/data/attributes/is_device_type_selected_by_user numeric text",
    "invalid-bodies/data/attributes/session_id null",
    "invalid-bodies/data/attributes/start boolean",
    "invalid-bodies/data/attributes/start far above",
    "invalid-bodies/data/attributes/start far below",
    "invalid-bodies/data/attributes/start just above",
    "invalid-bodies/data/attributes/start just below",
    "invalid-bodies/data/attributes/start numeric text",
    "invalid-bodies/data/attributes/view_id null",
    "invalid-bodies/data/id null",
    "malformed-json/$ UTF-16",
    "malformed-json/$ literal -Infinity",
    "malformed-json/$ literal Infinity",
    "malformed-json/$ literal NaN",
}
"""Kinds of invalid bodies that a plain FastAPI service accepts, as measured."""


class LaxSandbox(Sandbox):
    """The sandbox with models of pydantic and errors of FastAPI."""

    def body(self, environ: Environ, validate: Callable[[Json], Any]) -> Json:
        """Return a body as pydantic reads it, or refuse it with 422."""
        self.accept(environ.get("CONTENT_TYPE", ""))
        try:
            value = coerced(json.loads(read_body(environ, MAX_BODY)))
            self.encode(value)  # a lone surrogate is no text
        except (ValueError, RecursionError):
            raise Refusal(422, "JSON decode error") from None
        if violations := validate(within_int64(value)):
            raise Refusal(422, *(violation.how for violation in violations))
        return value

    def error(self, refusal: Refusal) -> Reply:
        """Return an error in the default shape."""
        return self.reply(refusal.status, {"detail": list(refusal.errors)})


def coerced(body: Json) -> Json:
    """Return a body as the lax mode of pydantic reads it. A null is no value."""
    data = body.get("data") if isinstance(body, dict) else None
    if not isinstance(data, dict):
        return body
    remove_nulls(data, "id", "attributes")
    attributes = data.get("attributes")
    if isinstance(attributes, dict):
        remove_nulls(attributes, "session_id", "view_id")
        start, flag = (attributes.get(name) for name in ("start", FLAG))
        if isinstance(start, bool | str):
            attributes["start"] = int(start) if str(start).isascii() else start
        if isinstance(flag, int | str):
            attributes[FLAG] = BOOLEANS.get(flag, flag)
    return body


FLAG = "is_device_type_selected_by_user"


def remove_nulls(members: dict[str, Json], *names: str) -> None:
    """Remove members that are null."""
    for name in names:
        if members.get(name, "") is None:
            del members[name]


def within_int64(body: Json) -> Json:
    """Return a copy whose start is in range, as for a model that knows no range."""
    body = copy.deepcopy(body)
    data = body.get("data") if isinstance(body, dict) else None
    attributes = data.get("attributes") if isinstance(data, dict) else None
    if isinstance(attributes, dict) and type(attributes.get("start")) is int:
        attributes["start"] = 0
    return body


def test_no_breach_hides_behind_the_shape_of_errors() -> None:
    with serving(LaxSandbox()) as url:
        verdict = check_service(
            url,
            keys=ORGS[0].keys,
            profile="ci",
            scenarios=["invalid-bodies", "malformed-json"],
            clauses=["S-REJECT", "S-STATUS", "S-ERROR"],
        )
    breaches = verdict.breaches_of("S-REJECT")
    assert {str(kind) for breach in breaches for kind in breach.kinds} == ACCEPTED
    others = (breach.count for breach in verdict.breaches if breach not in breaches)
    assert max(others) > 20, "nothing frequent beside them"
