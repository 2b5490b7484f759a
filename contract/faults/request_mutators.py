"""What faults of services are made of, one: small changes in how the sandbox takes a request.

A change gets the sandbox, `then` (the step as it was, bound) and what the step gets.
"""

import json
import re
from collections.abc import Callable, Iterable
from math import isfinite
from typing import Any, NoReturn, TypeAlias

from contract.model import Json, Violation
from contract.sandbox import Environ, Org, Refusal, Sandbox
from contract.spec import Schema

__all__ = [
    "Attributes",
    "Change",
    "Faultable",
    "Then",
    "admitting",
    "as_double",
    "attributes_of",
    "blind",
    "fail",
    "falling",
    "has_unknown",
    "keys_as",
    "lenient",
    "lone_surrogate",
    "look_after_the_work",
    "mended",
    "named_in",
    "non_object",
    "number",
    "pair",
    "refusing",
    "refusing_text",
    "retyped",
    "texts",
    "turned",
]

Change: TypeAlias = Callable[..., Any]
Then: TypeAlias = Callable[..., Any]
Attributes: TypeAlias = dict[str, Json]


class Faultable(Sandbox):
    """The sandbox, with room for a fault's memory, and able to answer with bytes that are no JSON."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.memory: dict[Any, Any] = {}

    def encode(self, value: Json) -> bytes:
        return value if isinstance(value, bytes) else super().encode(value)


def attributes_of(body: Json) -> Attributes:
    data = body.get("data") if isinstance(body, dict) else None
    attributes = data.get("attributes") if isinstance(data, dict) else None
    return attributes if isinstance(attributes, dict) else {}


# -- what a request must be ---------------------------------------------------------------------------------


def blind(pointer: str, keyword: str, how: str = "") -> Change:
    """Overlook one keyword at one place; `how` is what the violation's text starts with."""

    def validate(
        self: Faultable, then: Then, value: Json, schema: Schema
    ) -> list[Violation]:
        found: list[Violation] = then(value, schema)
        return [
            each
            for each in found
            if schema is not self.update_schema
            or (each.pointer, each.keyword) != (pointer, keyword)
            or not each.how.startswith(how)
        ]

    return validate


def mended(mend: Callable[[Attributes, Json], object]) -> Change:
    """Mend a body before it is validated; `mend` gets the attributes and the whole, and changes them in place."""

    def validate(self: Faultable, then: Then, value: Json, schema: Schema) -> Any:
        if schema is self.update_schema:
            mend(attributes_of(value), value)
        return then(value, schema)

    return validate


def turned(name: str, kind: type, into: Callable[[Any], Json]) -> Change:
    """Mend one attribute where it has this type exactly; None is left out."""

    def mend(attributes: Attributes, _: Json) -> None:
        if name in attributes and type(attributes[name]) is kind:
            attributes[name] = into(attributes[name])
            if attributes[name] is None:
                del attributes[name]

    return mended(mend)


def retyped(into: Callable[[str], str]) -> Change:
    """Mend the type of the resource where it is a text."""

    def mend(_: Attributes, body: Json) -> None:
        data = body.get("data") if isinstance(body, dict) else None
        if isinstance(data, dict) and isinstance(data.get("type"), str):
            data["type"] = into(data["type"])

    return mended(mend)


def refusing(
    wrong: Callable[[Json], object],
    status: int = 400,
    text: str = "This is not possible.",
) -> Change:
    """Refuse an update that is valid, where `wrong` says so of its body."""

    def validate(self: Faultable, then: Then, value: Json, schema: Schema) -> Any:
        found = then(value, schema)
        if not found and schema is self.update_schema and wrong(value):
            raise Refusal(status, text)
        return found

    return validate


def refusing_text(wrong: Callable[[str], object], status: int = 400) -> Change:
    """Refuse an update that holds a text, a name among them, of which `wrong` says so."""
    return refusing(lambda body: any(map(wrong, texts(body))), status)


def texts(value: Json) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value:
            yield from texts(each)
        for each in value.values() if isinstance(value, dict) else ():
            yield from texts(each)


# -- how its text is read -----------------------------------------------------------------------------------


def lenient(mend: Callable[[bytes], bytes]) -> Change:
    """Where a body is not JSON, mend it and try again."""

    def parse(self: Faultable, then: Then, body: bytes) -> Json:
        try:
            return then(body)
        except Refusal:
            return then(mend(body))

    return parse


def falling(over: Callable[[bytes], object], instead: int = 500) -> Change:
    """Fail inside on a body of which `over` says so."""

    def parse(self: Faultable, then: Then, body: bytes) -> Json:
        if over(body):
            raise Refusal(instead, "Internal error")
        return then(body)

    return parse


def non_object(body: bytes) -> bool:
    """Tell whether a body is JSON, but no object."""
    try:
        return not isinstance(json.loads(body), dict)
    except (ValueError, RecursionError):
        return False


def lone_surrogate(body: bytes) -> bool:
    """Tell whether a body is JSON with half a character in it."""
    try:
        json.dumps(json.loads(body), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    except (ValueError, RecursionError):
        pass
    return False


def admitting(*media: str) -> Change:
    """Read a body of one of these types as if it were JSON."""

    def accept(self: Faultable, then: Then, content_type: str) -> None:
        if content_type.partition(";")[0].strip().lower() not in media:
            then(content_type)

    return accept


# -- whose keys ---------------------------------------------------------------------------------------------


def keys_as(change: Callable[[Faultable, str, str], tuple[str, str]]) -> Change:
    """Read the keys as `change` says: it gets both as they came, "" for one that is missing."""

    def authenticate(self: Faultable, then: Then, environ: Environ) -> Org:
        came = (
            environ.get("HTTP_DD_API_KEY") or "",
            environ.get("HTTP_DD_APPLICATION_KEY") or "",
        )
        api, app = change(self, *came)
        return then({**environ, "HTTP_DD_API_KEY": api, "HTTP_DD_APPLICATION_KEY": app})  # type: ignore[no-any-return]

    return authenticate


def pair(self: Faultable, *, api: str = "", app: str = "") -> tuple[str, str]:
    """Return both keys of the organization that one of them belongs to; a pair of "" where there is none."""
    known = ((str(one), str(two)) for one, two in self.orgs)
    return next(
        ((one, two) for one, two in known if one == api or two == app), ("", "")
    )


def look_after_the_work(self: Faultable, then: Then, environ: Environ) -> Org:
    """Check the keys rightly, but when an update is done; the organization is that of either key."""
    try:
        return then(environ)  # type: ignore[no-any-return]
    except Refusal:
        came = (
            environ.get("HTTP_DD_API_KEY") or "",
            environ.get("HTTP_DD_APPLICATION_KEY") or "",
        )
        org = self.orgs.get(pair(self, api=came[0], app=came[1]))
        if org is not None and environ["REQUEST_METHOD"] == "PATCH":
            self.operate(org, environ)
        raise


def fail() -> NoReturn:
    """Fail inside."""
    raise Refusal(500, "Internal error")


def number(pattern: str, value: Any) -> Any:
    """Return a text as a number where it has this form."""
    return int(value) if re.fullmatch(pattern, value) else value


def has_unknown(body: Any, *path: str, known: tuple[str, ...]) -> bool:
    """Tell whether an object in a body has a member that is not known."""
    for name in path:
        body = body.get(name, {})
    return not body.keys() <= set(known)


def named_in(body: Any, pattern: str) -> bool:
    """Tell whether any text of a body, names aside, holds the pattern."""
    return any(re.search(pattern, text) for text in texts(body))


def as_double(value: Any) -> Any:
    """Return a number as a double would hold it."""
    return int(double) if isfinite(double := float(value)) else value
