"""Facts of recorded exchanges in VCR cassettes (format 1).

A recording shows what happened, not what may happen: it can only widen the spec. So
its statement is the spec's own one, unless a response goes beyond it.
"""

import json
from collections import defaultdict
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from contract.drift.facts import Fact, Facts, error_shape, text_of
from contract.errors import SpecError
from contract.jsondiff import unescape, walk
from contract.model import Json, Response
from contract.recordings.cassette import interactions
from contract.spec import Schema, Spec
from contract.spec.schema import type_of


def facts_of_recordings(directory: Path, spec: Spec, base: Facts) -> Facts:
    """Return the facts of all cassettes below a directory.

    `base` has the facts of the spec and its overlay. Raises UsageError if a cassette
    cannot be read, SpecError if none has an exchange of the operation.
    """
    if not directory.is_dir():
        raise SpecError(f"{directory}: not a directory with cassettes")
    files = sorted([*directory.rglob("*.yaml"), *directory.rglob("*.yml")])
    recorded = RecordedFacts(spec, base)
    for request, response in chain.from_iterable(map(interactions, files)):
        url = urlsplit(request.url)
        collection, _, segment = url.path.rpartition("/")
        operation = request.method.upper(), collection
        if segment and operation == (spec.method, spec.collection_path):
            recorded.add(url.hostname or "", response)
    if not recorded.facts.values:
        what = f"{spec.method} {spec.path} in {len(files)} cassettes"
        raise SpecError(f"{directory}: no recorded {what}")
    return recorded.facts


class RecordedFacts:
    """The facts of the spec, widened until they allow all responses."""

    def __init__(self, spec: Spec, base: Facts) -> None:
        self.spec = spec
        self.base = base
        self.facts = Facts()
        self.shapes: dict[str, set[str]] = defaultdict(set)

    def add(self, host: str, response: Response) -> None:
        status = str(response.status)
        facts = self.facts
        if host.startswith("api."):
            facts.add("", host.removeprefix("api."), "site")
        facts.add(status, "", "status")
        if response.media_type:
            self.widen(Fact(status, "", "media type"), response.media_type)
        self.shapes[status] |= {self.add_body(response)} - {""}
        fact = Fact(status, "", "error shape")
        if fact in self.base.values:
            shapes = " or ".join(sorted(self.shapes[status]))
            facts.values[fact] = shapes or self.base.values[fact]

    def add_body(self, response: Response) -> str:
        """Add a body. Return its shape if the spec does not allow it."""
        is_success = response.status == 200
        try:
            document = json.loads(response.body)
        except (ValueError, TypeError, RecursionError):
            shape = "not JSON" if response.body else "no body"
            if is_success:
                self.widen(Fact("200", "", "type"), shape)
            return shape
        for pointer, value in walk(document) if is_success else ():
            self.add_value(pointer.replace("/{item}", "/*"), value)
        observed = self.spec.observed.get(response.status)
        schemas = observed.media.values() if observed else ()
        is_valid = any(schema.is_valid(document) for schema in schemas)
        return "" if is_valid else shape_of(document)

    def add_value(self, at: str, value: Json) -> None:
        aspects = ("type", "nullable", "format", "enum")
        types, nullable, format_, enum = (Fact("200", at, name) for name in aspects)
        values = self.facts.values
        name = type_of(value)
        if at and not at.endswith("/*"):
            self.facts.add("200", at, "field")
        values[nullable] = value is None or self.stated(nullable) is True
        if value is not None:
            is_number = "number" in (self.stated(types) or ())
            self.widen(types, "number" if is_number and name == "integer" else name)
            if self.stated(enum):
                self.widen(enum, text_of(value))
        if stated := self.stated(format_):
            is_valid = Schema({"format": stated}).is_valid(value)
            values[format_] = stated if is_valid else ""
        items = self.base.values.items() if isinstance(value, dict) else ()
        for fact, is_required in items:
            token = fact.place.rpartition("/")[2]
            if is_required and fact == ("200", f"{at}/{token}", "required"):
                values[fact] = unescape(token) in value and self.stated(fact)

    def stated(self, fact: Fact) -> Any:
        return self.facts.values.get(fact, self.base.values.get(fact))

    def widen(self, fact: Fact, name: str) -> None:
        """Add a name to a statement. An empty one allows every name."""
        old = self.stated(fact)
        if old is None or (old and name not in old):
            old = tuple(sorted({*(old or ()), name}))
        self.facts.values[fact] = old


def shape_of(document: Json) -> str:
    if not isinstance(document, dict):
        return type_of(document)
    members: dict[str, Json] = {}
    for name, value in document.items():
        members[name] = {"type": type_of(value)}
        if isinstance(value, list):
            types = sorted({type_of(item) for item in value})
            members[name] = {"items": {"type": types}}
    return error_shape({"properties": members})
