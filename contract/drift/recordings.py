"""Facts of recorded exchanges in VCR cassettes (format 1).

A recording shows what happened, not what may happen: it can only widen the spec. So
its statement is the spec's own one, unless a response goes beyond it.
"""

import base64
import json
import re
from collections import defaultdict
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from contract.drift.facts import Fact, Facts, Value, error_shape
from contract.errors import SpecError
from contract.model import Json
from contract.spec import Schema, Spec
from contract.spec.refs import escape, unescape
from contract.spec.schema import type_of
from contract.spec.text import parsed, spec_error

__all__ = ["facts_of_recordings"]

_ACCEPTED = "accepted: a VCR cassette, version 1"
_MALFORMED = (KeyError, TypeError, ValueError, AttributeError, RecursionError)


def facts_of_recordings(
    directory: Path,
    spec: Spec,
    base: Facts,
) -> Facts:
    """Return the facts of all cassettes below a directory.

    `base` has the facts of the spec and its overlay. Raises SpecError if a cassette
    cannot be read, or none has an exchange of the operation.
    """
    if not directory.is_dir():
        raise SpecError(f"{directory}: not a directory with cassettes")
    files = sorted([*directory.rglob("*.yaml"), *directory.rglob("*.yml")])
    path = re.compile(re.sub(r"\\\{[^/]*\\\}", "[^/]+", re.escape(spec.path)))
    responses = _Responses(spec, base)
    for file in files:
        for interaction in _interactions(file):
            try:
                request = interaction["request"]
                uri, method = urlsplit(request["uri"]), str(request["method"])
                if method.upper() == spec.method and path.fullmatch(uri.path):
                    responses.add(uri.hostname or "", interaction["response"])
            except _MALFORMED as error:
                message = f"malformed; {_ACCEPTED}"
                raise spec_error(file, "", message, repr(error)) from None
    if not responses.media:
        operation, where = f"{spec.method} {spec.path}", f"{len(files)} cassettes"
        raise SpecError(f"{directory}: no recorded {operation} in {where}")
    return responses.facts()


def _interactions(file: Path) -> list[dict[str, Any]]:
    try:
        cassette = parsed(str(file), file.read_bytes(), by_pyyaml=True)
    except OSError as error:
        message = f"cannot be read; {_ACCEPTED}"
        raise spec_error(file, "", message, error.strerror) from None
    content = cassette if isinstance(cassette, dict) else {}
    interactions = content.get("interactions", ...)
    if content.get("version") != 1 or not isinstance(interactions, list | None):
        message = "not a cassette; accepted: version: 1 and interactions"
        raise spec_error(file, "", message, cassette)
    return interactions or []


class _Responses:
    """All recorded responses: media types and shapes by status, values by place."""

    def __init__(self, spec: Spec, base: Facts) -> None:
        self.spec, self.base, self.sites = spec, base.values, set[str]()
        self.media: dict[str, set[str]] = defaultdict(set)
        self.shapes: dict[str, set[str]] = defaultdict(set)
        self.values: dict[str, list[Json]] = defaultdict(list)

    def add(
        self,
        host: str,
        response: Mapping[str, Any],
    ) -> None:
        """Add one recorded response."""
        status = str(response["status"]["code"])
        if host.startswith("api."):
            self.sites.add(host.removeprefix("api."))
        headers = response.get("headers") or {}
        by_name = {str(name).lower(): value for name, value in headers.items()}
        media = by_name.get("content-type") or ()
        for value in [media] if isinstance(media, str) else media:
            self.media[status].add(str(value).split(";")[0].strip().lower())
        self.media.setdefault(status, set())
        body = _text(response.get("body") or {})
        try:
            document = json.loads(body)
        except ValueError:
            self.shapes[status].add("not JSON" if body else "no body")
            return
        observed = self.spec.observed.get(int(status))
        schemas = observed.media.values() if observed else ()
        if not any(schema.is_valid(document) for schema in schemas):
            self.shapes[status].add(_shape(document))
        if status == "200":
            self._note(document, "")

    def _note(self, value: Json, pointer: str) -> None:
        self.values[pointer].append(value)
        if isinstance(value, dict):
            for name, child in value.items():
                self._note(child, f"{pointer}/{escape(name)}")
        elif isinstance(value, list):
            for child in value:
                self._note(child, f"{pointer}/*")

    def facts(self) -> Facts:
        """Return the facts, in the spec's words as far as it allows them."""
        facts = Facts()
        for site in sorted(self.sites):
            facts.add("", site, "site", True)
        for status, media in self.media.items():
            facts.add(status, "", "status", True)
            base = self.base.get(Fact(status, "", "media type"))
            if base != ():  # else the spec does not say what such a response has
                facts.add(status, "", "media type", _widened(base, media))
        for fact, value in self.base.items():
            if fact.aspect == "error shape" and fact.part in self.media:
                shapes = sorted(self.shapes[fact.part])
                facts.values[fact] = " or ".join(shapes) or value
            elif fact.part == "200" and fact.aspect == "required" and value:
                parent, _, token = fact.place.rpartition("/")
                rows = [row for row in self.values[parent] if isinstance(row, dict)]
                if rows:
                    name = unescape(token)
                    facts.values[fact] = all(name in row for row in rows)
        for pointer, values in list(self.values.items()):
            self._add_values(facts, pointer, values)
        if no_json := self.shapes["200"] & {"not JSON", "no body"}:
            facts.add("200", "", "type", tuple(sorted({"object", *no_json})))
        return facts

    def _add_values(
        self,
        facts: Facts,
        pointer: str,
        values: list[Json],
    ) -> None:
        """Add the facts of all values of one place in a 200."""

        def base(aspect: str) -> Any:
            return self.base.get(Fact("200", pointer, aspect))

        add = partial(facts.add, "200", pointer)
        set_values = [value for value in values if value is not None]
        if pointer and not pointer.endswith("/*"):
            add("field", True)
        allowed: tuple[str, ...] = base("type") or ()
        types = {type_of(value) for value in set_values}
        types -= {"integer"} if "number" in allowed else set()
        add("type", _widened(base("type"), types))
        add("nullable", len(set_values) < len(values) or base("nullable") is True)
        if name := base("format"):
            schema = Schema({"type": list(allowed), "format": name})
            typed = [value for value in set_values if type_of(value) in allowed]
            add("format", name if all(map(schema.is_valid, typed)) else "")
        if enum := base("enum"):
            texts = {v if isinstance(v, str) else json.dumps(v) for v in set_values}
            add("enum", _widened(enum, texts))


def _widened(base: Value | None, values: set[str]) -> Value:
    """Return the spec's statement if it allows the values, else both together."""
    if base == ():
        return ()
    names = set(base) if isinstance(base, tuple) else set()
    if isinstance(base, tuple) and values <= names:
        return base
    return tuple(sorted(values | names))


def _shape(document: Json) -> str:
    """Return the shape of a response in one line, as in `errors: [object]`."""
    if not isinstance(document, dict):
        return type_of(document)
    members: dict[str, Json] = {}
    for name, value in document.items():
        members[name] = {"type": type_of(value)}
        if isinstance(value, list):
            types = sorted({type_of(item) for item in value})
            members[name] = {"items": {"type": types}}
    return error_shape({"properties": members})


def _text(body: Mapping[str, Any]) -> str:
    content = body.get("string") or ""
    if "base64_string" in body:
        content = base64.b64decode(body["base64_string"])
    if isinstance(content, bytes):
        return content.decode("utf-8", "replace")
    return str(content)
