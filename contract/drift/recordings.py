"""The facts of recorded exchanges, in VCR cassettes (format 1): statuses, media types, fields of the 200, error shapes.

A recording shows what happened, not what may happen: it can only widen what the spec allows. So what a recording says
of a fact is the spec's own word, unless something was seen that this does not allow.
"""

import base64
import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from contract.drift.facts import Fact, Facts, Value
from contract.errors import SpecError
from contract.model import Json
from contract.spec import Schema, Spec
from contract.spec.schema import escape, type_of
from contract.spec.text import parsed, spec_error

__all__ = ["facts_of_recordings"]


def facts_of_recordings(directory: Path, spec: Spec, base: Facts) -> Facts:
    """Return what the cassettes below a directory show of the operation; `base` is what the spec and overlay say.

    Raises SpecError where a cassette cannot be read, or none has an exchange of the operation.
    """
    if not directory.is_dir():
        raise SpecError(f"{directory}: not a directory with cassettes")
    files = sorted([*directory.rglob("*.yaml"), *directory.rglob("*.yml")])
    path = re.compile(re.sub(r"\\\{[^/]*\\\}", "[^/]+", re.escape(spec.path)))
    seen, count = _Seen(spec, base), 0
    for file in files:
        for interaction in _interactions(file):
            try:
                request, response = interaction["request"], interaction["response"]
                uri = urlsplit(request["uri"])
                if str(request["method"]).upper() == spec.method and path.fullmatch(
                    uri.path
                ):
                    count += 1
                    seen.answer(uri.hostname or "", response)
            except (
                KeyError,
                TypeError,
                ValueError,
                AttributeError,
                RecursionError,
            ) as error:
                raise spec_error(
                    file, "", "malformed", "a VCR cassette, version 1", repr(error)
                ) from None
    if not count:
        raise SpecError(
            f"{directory}: no recorded {spec.method} {spec.path} in {len(files)} cassettes"
        )
    return Facts(dict(seen.facts()))


def _interactions(file: Path) -> list[dict[str, Any]]:
    try:
        cassette = parsed(str(file), file.read_bytes(), by_pyyaml=True)
    except OSError as error:
        raise spec_error(
            file, "", "cannot be read", "a VCR cassette, version 1", error.strerror
        ) from None
    known = cassette if isinstance(cassette, dict) else {}
    found = known.get("interactions", ...)
    if known.get("version") != 1 or not isinstance(found, list | None):
        raise spec_error(
            file, "", "not a cassette", "version: 1 and interactions", cassette
        )
    return found or []


class _Seen:
    """What all the answers together have shown."""

    def __init__(self, spec: Spec, base: Facts) -> None:
        self.spec, self.base = spec, base.values
        self.there: dict[Fact, Value] = {}
        self.media: dict[str, set[str]] = defaultdict(set)
        self.shapes: dict[str, set[str]] = defaultdict(set)
        self.values: dict[str, list[Json]] = defaultdict(list)

    def answer(self, host: str, response: Mapping[str, Any]) -> None:
        """Take one recorded answer into account."""
        part, body = str(response["status"]["code"]), _body(response.get("body") or {})
        if host.startswith("api."):
            self.there[Fact("", host.removeprefix("api."), "site")] = True
        self.there[Fact(part, "", "status")] = True
        headers = {
            str(name).lower(): value
            for name, value in (response.get("headers") or {}).items()
        }
        kind = headers.get("content-type") or ()
        self.media[part].update(
            _essence(each) for each in ([kind] if isinstance(kind, str) else kind)
        )
        try:
            document = json.loads(body)
        except ValueError:
            self.shapes[part].add("not JSON" if body else "no body")
            return
        known = self.spec.observed.get(int(part))
        if not known or not any(
            schema.is_valid(document) for schema in known.media.values()
        ):
            self.shapes[part].add(_shape(document))
        if part == "200":
            self._note(document, "")

    def _note(self, value: Json, pointer: str) -> None:
        self.values[pointer].append(value)
        if isinstance(value, dict):
            for name, child in value.items():
                self._note(child, f"{pointer}/{escape(name)}")
        elif isinstance(value, list):
            for child in value:
                self._note(child, f"{pointer}/*")

    def facts(self) -> Iterator[tuple[Fact, Value]]:
        """Yield what was seen, in the spec's words where it allows it."""
        yield from ((fact, True) for fact in self.there)
        for part, media in self.media.items():
            if (
                known := self.base.get(Fact(part, "", "media type"))
            ) != ():  # nobody says what such an answer holds
                yield Fact(part, "", "media type"), _widened(known, media)
        for fact, known in self.base.items():
            if (
                fact.aspect == "error shape"
                and Fact(fact.part, "", "status") in self.there
            ):
                yield fact, " or ".join(sorted(self.shapes[fact.part])) or known
            elif fact.part == "200" and fact.aspect == "required" and known:
                parent, _, name = fact.place.rpartition("/")
                objects = [
                    each for each in self.values[parent] if isinstance(each, dict)
                ]
                if objects:
                    yield (
                        fact,
                        all(
                            name.replace("~1", "/").replace("~0", "~") in each
                            for each in objects
                        ),
                    )
        for pointer, values in list(self.values.items()):
            yield from self._of_values(pointer, values)
        if self.shapes["200"] & {"not JSON", "no body"}:
            yield (
                Fact("200", "", "type"),
                tuple(
                    sorted({"object"} | (self.shapes["200"] & {"not JSON", "no body"}))
                ),
            )

    def _of_values(
        self, pointer: str, values: list[Json]
    ) -> Iterator[tuple[Fact, Value]]:
        aspects = ("type", "nullable", "format", "enum")
        known = {
            aspect: self.base.get(Fact("200", pointer, aspect)) for aspect in aspects
        }
        if pointer and not pointer.endswith("/*"):
            yield Fact("200", pointer, "field"), True
        allowed = known["type"] if isinstance(known["type"], tuple) else ()
        types = {type_of(each) for each in values if each is not None}
        types -= {"integer"} if "number" in allowed else set()
        yield Fact("200", pointer, "type"), _widened(known["type"], types)
        yield (
            Fact("200", pointer, "nullable"),
            None in values or known["nullable"] is True,
        )
        if (form := known["format"]) and isinstance(form, str):
            schema = Schema({"type": list(allowed), "format": form})
            fits = all(
                schema.is_valid(each) for each in values if type_of(each) in allowed
            )
            yield Fact("200", pointer, "format"), form if fits else ""
        if known["enum"]:
            shown = {
                each if isinstance(each, str) else json.dumps(each)
                for each in values
                if each is not None
            }
            yield Fact("200", pointer, "enum"), _widened(known["enum"], shown)


def _widened(known: Value | None, seen: set[str]) -> Value:
    """Return the spec's own word where it allows what was seen, else both together."""
    if known == () or not isinstance(known, tuple):
        return () if known == () else tuple(sorted(seen))
    return known if seen <= set(known) else tuple(sorted(seen | set(known)))


def _shape(document: Json) -> str:
    """Return the shape of an answer in one line, as in `errors: [object]`."""
    if not isinstance(document, dict):
        return type_of(document)
    return (
        ", ".join(f"{name}: {_kinds(child)}" for name, child in document.items())
        or "empty object"
    )


def _kinds(value: Json) -> str:
    return (
        f"[{'|'.join(sorted({type_of(each) for each in value}))}]"
        if isinstance(value, list)
        else type_of(value)
    )


def _essence(media: object) -> str:
    return str(media).split(";")[0].strip().lower()


def _body(body: Mapping[str, Any]) -> str:
    if "base64_string" in body:
        return base64.b64decode(body["base64_string"]).decode("utf-8", "replace")
    text = body.get("string") or ""
    return text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
