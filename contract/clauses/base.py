"""Sentences and their checks, parsed bodies, and rules that several clauses share.

A missing check shows by what is let through, so that its name does not depend on
how a case broke the schema.
"""

import base64
import json
import pkgutil
import re
import zlib
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from functools import lru_cache
from posixpath import normpath
from typing import Any, Generic, Self, TypeAlias, TypeVar
from urllib.parse import unquote, urljoin, urlsplit

from contract.jsondiff import Change, value_at
from contract.model import (
    CODINGS,
    MAX_BODY,
    ROOT,
    CutBody,
    Danger,
    Finding,
    Json,
    Label,
    Level,
    Note,
    Request,
    Response,
    Rule,
    ViewName,
)
from contract.model.bodies import inflated
from contract.spec import Schema

RISK, LOSS = Danger.KEYS_AT_RISK, Danger.SILENT_DATA_LOSS
FALSE_SUCCESS, CRASH = Danger.FALSE_SUCCESS, Danger.CRASH
SHOULD = Level.SHOULD

Facts = TypeVar("Facts")
Result = TypeVar("Result")

Findings: TypeAlias = Iterator[Finding | Note]
SiteFindings: TypeAlias = Iterator[tuple[int, Finding]]
"""The index of an exchange among those of the sites, and a finding."""


@dataclass(frozen=True)
class Sentence(Generic[Facts, Result]):
    """One sentence of the contract. As a decorator, it makes a clause of its check.

    `concerns` says if it speaks of an exchange. If it does and `check` yields no
    finding, it holds. `compares_reads` means that findings may rest on what a service
    lists, `names_site` that they depend on the site.
    """

    id: str
    statement: str
    source: str
    rules: tuple[Rule, ...]
    concerns: Callable[[Facts], bool] = lambda facts: True
    level: Level = Level.MUST
    compares_reads: bool = False
    names_site: bool = False
    check: Callable[[Facts], Iterator[Result]] = lambda facts: iter(())

    def __call__(self, check: Callable[[Facts], Iterator[Result]]) -> Self:
        return replace(self, check=check)

    def __reduce__(self) -> tuple[Any, ...]:
        # It stands where its check did.
        name = f"{self.check.__module__}:{self.check.__qualname__}"
        return pkgutil.resolve_name, (name,)


class Clause(Sentence[Facts, Finding | Note]):
    """Sentence about one exchange."""

    def results(self, facts: Facts) -> list[Finding | Note] | None:
        """Return what the check yields, or None if the facts do not concern it.

        The same facts are checked once.
        """
        by_check: dict[Any, list[Finding | Note] | None]
        by_check = vars(facts).setdefault("results", {})
        if self.check not in by_check:
            is_concerned = self.concerns(facts)
            by_check[self.check] = list(self.check(facts)) if is_concerned else None
        return by_check[self.check]


class SitesClause(Sentence[Sequence[Facts], tuple[int, Finding]]):
    """Sentence about the exchanges of one case on all its sites, as played."""


AnyClause: TypeAlias = Clause[Any] | SitesClause[Any]

SHORTEST_SECRET = 12
"""A shorter part of a key may stand in any text."""


def outliers(values: Sequence[Hashable]) -> tuple[int, list[int], bool]:
    """Return the index of a usual value, the other indices, and if it ties.

    A tie accuses nobody. One of the others then stands for all.
    """
    (usual, most), *rest = Counter(values).most_common()
    is_tie = bool(rest) and rest[0][1] == most
    others = [index for index, value in enumerate(values) if value != usual]
    return values.index(usual), others[:1] if is_tie else others, is_tie


@lru_cache
def secrets_of(*keys: str) -> tuple[str, ...]:
    """Return the parts of keys between control characters, plain and in Base64."""
    parts = re.findall(rf"[^\0-\x1f]{{{SHORTEST_SECRET},}}", "\0".join(keys))
    return (*parts, *(base64.b64encode(part.encode()).decode() for part in parts))


@lru_cache
def key_parts(keys: tuple[str, str]) -> tuple[str, ...]:
    words = re.findall(rf"\w{{{SHORTEST_SECRET},}}", " ".join(keys), re.ASCII)
    return tuple(sorted({*secrets_of(*keys), *words}, key=len, reverse=True))


def slug(text: str) -> str:
    """Return a text in lower case, with hyphens between its words."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


# -- bodies, parsed as JSON --


class Defect(StrEnum):
    """The reason why a body has no JSON value."""

    EMPTY = "empty"
    ENCODING = "encoding"
    TRUNCATED = "truncated"
    COMMENT = "comment"
    TRAILING = "trailing"
    SYNTAX = "syntax"
    CUT = "cut"


@dataclass(frozen=True, slots=True)
class ParsedBody:
    """A JSON value that equal bodies share, or the reason why there is none."""

    value: Json = None
    defect: Defect | None = None
    error: str = ""


def refuse(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


def unique(members: list[tuple[str, Json]]) -> dict[str, Json]:
    result = dict(members)
    if len(result) != len(members):
        raise ValueError("an object names a member twice")
    return result


DECODER = json.JSONDecoder(parse_constant=refuse, object_pairs_hook=unique)


def parse(body: bytes) -> ParsedBody:
    """Parse a body (RFC 8259). NaN and duplicate names are defects. Never raises."""
    if isinstance(body, CutBody):
        return ParsedBody(None, Defect.CUT, f"longer than {MAX_BODY >> 20} MiB")
    return (parse_small if len(body) <= SMALL else parse_large)(body)


def parse_whole(body: bytes) -> ParsedBody:
    try:
        text = body.decode()
        value = DECODER.decode(text)
    except UnicodeDecodeError:
        return ParsedBody(None, Defect.ENCODING, "not UTF-8")
    except RecursionError:
        return ParsedBody(None, Defect.SYNTAX, "not JSON: nested too deep")
    except ValueError as error:
        at = getattr(error, "pos", None)
        problem = str(error) if at is None else f"at character {at}"
        return ParsedBody(None, defect_of(text, error), f"not JSON: {problem}")
    return ParsedBody(value)


SMALL = 1 << 14
"""Bytes of a small body. Of large ones the value of the last one is remembered."""

parse_small = lru_cache(maxsize=256)(parse_whole)
parse_large = lru_cache(maxsize=1)(parse_whole)

PARTIAL = re.compile(
    r'"(?:[^"\\]|\\.)*\\?|t(?:ru?)?|f(?:a(?:ls?)?)?|n(?:ul?)?|-|', re.DOTALL
)
"""The beginning of a string or of another token, at the end of a text."""


def defect_of(text: str, error: ValueError) -> Defect:
    text = text.rstrip(" \t\r\n")
    if not text:
        return Defect.EMPTY
    if not isinstance(error, json.JSONDecodeError):
        return Defect.SYNTAX
    if PARTIAL.fullmatch(text, error.pos):
        return Defect.TRUNCATED
    if error.msg != "Extra data":
        return Defect.SYNTAX
    is_comment = text.startswith(("//", "/*", "#"), error.pos)
    return Defect.COMMENT if is_comment else Defect.TRAILING


def parse_request(request: Request) -> ParsedBody:
    """Parse a request's body after its Content-Encoding (RFC 9110, section 8.4)."""
    coding = (request.header("Content-Encoding") or "identity").lower()
    body = request.body
    if coding == "identity" or isinstance(body, CutBody):
        return parse(body)
    if coding not in CODINGS:
        return ParsedBody(None, Defect.ENCODING, "in an unknown coding")
    try:
        return parse(inflated(body, CODINGS[coding]))
    except zlib.error:
        return ParsedBody(None, Defect.ENCODING, f"not {coding}")


# -- rules that several clauses share --

CHANGES = (
    "A member is lost.",
    "A member is added.",
    "A value becomes null.",
    "A value gets another type.",
    "A list gets another length.",
    "A number gets another value.",
    "A text gets other characters.",
    "A boolean is inverted.",
    "A date-time names another instant.",
)
"""The meaning of each Change, in the order of the enumeration."""

CHANGE_RULES = {
    change: Rule(change.value, meaning, LOSS)
    for change, meaning in zip(Change, CHANGES, strict=True)
}

ALTERED_RULES = tuple(CHANGE_RULES.values())[:-1]
"""The rules for a request. It has no date-time: its texts stay as they are."""

CHANGED_REFUSED = Rule(
    "changed-although-refused", "A refused request changes what is stored.", LOSS
)


class Mistake(Enum):
    """A check that is missing where an invalid value passes: its rule and meaning."""

    REQUIRED = "required-unchecked", "A body without a required member is {}."
    NULL = "null-{}", "A null is {} where nothing is nullable."
    BOOLEAN = "boolean-{}", "A boolean is {} where another type is due."
    NUMERIC_TEXT = "numeric-text-{}", "A number is {} as a text."
    TYPE = "type-unchecked", "A value of another type is {}."
    ENUM = "enum-unchecked", "A value that the enum lacks is {}."
    RANGE = "range-unchecked", "An integer out of its range is {}."
    DATE = "date-unchecked", "A text that is no date-time is {}."


def unchecked_rules(verb: str, danger: Danger) -> dict[Mistake, Rule]:
    """Return a rule for each missing check. The verb says what happens instead."""
    return {
        mistake: Rule(name.format(verb), meaning.format(verb), danger)
        for mistake in Mistake
        for name, meaning in (mistake.value,)
    }


def mistakes(
    schema: Schema, document: Json
) -> Iterator[tuple[Mistake, str, str, Json]]:
    """Yield missing check, JSON pointer, place and value of each violation of a schema.

    A value of another type breaks `enum` and `format` too. Only its type counts.
    """
    violations = schema.errors(document)
    of_wrong_type = {v.place for v in violations if v.keyword == "type"}
    for violation in violations:
        pointer, keyword = violation.place, violation.keyword
        if keyword == "type" or pointer not in of_wrong_type:
            place, value = place_of(schema, pointer), value_at(document, pointer)
            yield mistake_of(keyword, value), pointer, place, value


def mistake_of(keyword: str, actual: Json) -> Mistake:
    match keyword, actual:
        case "required", _:
            return Mistake.REQUIRED
        case "enum", _:
            return Mistake.ENUM
        case "format", str():
            return Mistake.DATE
        case "format", _:
            return Mistake.RANGE
        case _, None:
            return Mistake.NULL
        case _, bool():
            return Mistake.BOOLEAN
        case _, str() if re.fullmatch(r"[+-]?\d+", actual):
            return Mistake.NUMERIC_TEXT
    return Mistake.TYPE


def place_of(schema: Schema, pointer: str) -> str:
    """Return a pointer as a place. The root is `$`."""
    return schema.documented_place(pointer) or ROOT


def is_rewrite(url: str, response: Response) -> bool:
    """Return whether a response leads to another form of the same path.

    Servers and proxies normalize paths (RFC 3986, 6.2.2).
    """
    location = response.location
    return location is not None and normal(urljoin(url, location)) == normal(url)


def normal(url: str) -> tuple[str, str, str]:
    """Return scheme, host and path, decoded and without dot segments."""
    parts = urlsplit(url)
    path = unquote(unquote(parts.path))
    return parts.scheme, parts.netloc, normpath(f"/{path.strip('/')}")


@lru_cache
def date_pointers(schema: Schema) -> frozenset[str]:
    """Return the pointers of a schema's date-times."""
    return frozenset(
        c.pointer for c in schema.constraints if c.schema.get("format") == "date-time"
    )


ATTRIBUTES = "/data/attributes"
"""The place of the attributes in a resource (JSON:API, section 7.2)."""


def attributes_of(document: Json) -> Json:
    """Return the attributes of a document's resource, or None."""
    attributes = value_at(document, ATTRIBUTES)
    return attributes if isinstance(attributes, dict) else None


def own_values(attributes: Json) -> dict[str, Json]:
    """Return attributes without those that the session fills in."""
    members = (attributes or {}).items()
    return {name: value for name, value in members if not isinstance(value, ViewName)}


def label_place(label: Label) -> str:
    """Return the place of a label: `/data/attributes/start:negative`."""
    return f"{label.place}:{slug(label.value_class)}".strip(":")
