"""Reads a published OpenAPI document of several MB, but only what our operation needs of it.

A YAML parser takes 10 seconds and more for 9 MB. So the text is cut where its block keys begin, and only the blocks
that the operation refers to are parsed; the rest of the document may be wrong unnoticed. A document that cannot be cut
(JSON, flow style, anchors) is parsed as a whole.
"""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

from contract.drift.facts import Facts
from contract.drift.operation import facts_of_document, operation_id, same_path
from contract.drift.source import parsed, text_of
from contract.errors import SpecError
from contract.exchange import Json
from contract.spec import Spec
from contract.spec.document import spec_error

__all__ = ["facts_of_openapi"]

_KEY = r"""("[^"\n]*"|'[^'\n]*'|[^\s#"'\[\]{}&*!|>%@`?,-][^\n]*?)[ ]*:(?=[ \r\n]|\Z)"""
_KEPT = ("openapi", "info", "servers", "security")


class _NotCut(Exception):
    """The text is not in block style all the way down to what is needed."""


def facts_of_openapi(source: str, content: bytes, spec: Spec) -> Facts:
    """Return what a published OpenAPI document, YAML or JSON, says of the operation.

    Raises SpecError where it cannot be read or lacks the operation.
    """
    text = text_of(source, content)
    try:
        if text.lstrip().startswith("{"):
            with suppress(json.JSONDecodeError):
                return facts_of_document(source, _mapping(source, json.loads(text)), spec)
        else:
            with suppress(_NotCut):
                return facts_of_document(source, _Cut(source, text).needed(spec), spec)
        return facts_of_document(source, _mapping(source, parsed(source, text)), spec)
    except RecursionError:
        raise spec_error(source, "", "nested too deep", "an OpenAPI document", "") from None


def _mapping(source: str, document: Json) -> dict[str, Json]:
    if not isinstance(document, dict):
        raise spec_error(source, "", "not a mapping", "an OpenAPI document", type(document).__name__)
    paths = document.get("paths")
    return {**document, "paths": _texts(paths)} if isinstance(paths, dict) else document


def _texts(paths: dict[Any, Json]) -> dict[str, Json]:
    return {str(path): item for path, item in paths.items()}


class _Cut:
    """A YAML text in block style, cut at its keys; a span is where a key and its value stand."""

    def __init__(self, source: str, text: str) -> None:
        self.source, self.text = source, text
        self.known: dict[tuple[str, ...], dict[str, tuple[int, int]]] = {(): self._keys(0, len(text))}

    def needed(self, spec: Spec) -> dict[str, Json]:
        """Return a document with the operation and all that it refers to. Raises SpecError where it is not there."""
        top = self.known[()]
        if not {"openapi", "paths"} <= top.keys() or not (paths := self._below(("paths",))):
            raise _NotCut
        document: dict[str, Json] = {key: self._load((key,)) for key in _KEPT if key in top}
        document["paths"] = {path: self._load(("paths", path)) for path in self._candidates(paths, spec)}
        if not document["paths"]:
            wanted, given = f"{spec.method} {spec.path}", f"{len(paths)} other paths"
            raise spec_error(self.source, "/paths", "the operation is missing", wanted, given)
        if "components" in top and "securitySchemes" in self._below(("components",)):
            document["components"] = {"securitySchemes": self._load(("components", "securitySchemes"))}
        left, seen = set(_references(document)), set[str]()
        while left:
            ref = left.pop()
            seen.add(ref)
            tokens = [each.replace("~1", "/").replace("~0", "~") for each in unquote(ref).split("/")]
            place = tuple(tokens[1 : {"components": 4, "paths": 3}.get(tokens[1] if tokens[1:] else "", 2)])
            if tokens[0] == "#" and place and place[-1] in self._below(place[:-1]):
                node = document
                for token in place[:-1]:
                    node = node.setdefault(token, {})
                if place[-1] not in node:
                    node[place[-1]] = self._load(place)
                    left |= set(_references(node[place[-1]])) - seen
        return document

    def _candidates(self, paths: dict[str, tuple[int, int]], spec: Spec) -> Iterator[str]:
        pattern = re.compile(rf"""^ +operationId: *["']?{re.escape(operation_id(spec))}["']?[ \r]*$""", re.MULTILINE)
        at = [found.start() for found in pattern.finditer(self.text)]
        for path, (start, end) in paths.items():
            if same_path(path, spec.path) or any(start < each < end for each in at):
                yield path

    def _below(self, place: tuple[str, ...]) -> dict[str, tuple[int, int]]:
        if place not in self.known:
            if place[-1] not in (above := self._below(place[:-1])):
                return {}
            start, end = above[place[-1]]
            inside = self.text.find("\n", start, end) + 1
            self.known[place] = self._keys(inside, end) if inside else {}
        return self.known[place]

    def _keys(self, start: int, end: int) -> dict[str, tuple[int, int]]:
        first = re.compile(r"^( *)[^\s#]", re.MULTILINE).search(self.text, start, end)
        if first is None:
            return {}
        pattern = re.compile(rf"^{first[1]}{_KEY}", re.MULTILINE)
        found = list(pattern.finditer(self.text, start, end))
        starts = [each.start() for each in found]
        spans = zip(starts, [*starts[1:], end], strict=False)
        return {_bare(each[1]): span for each, span in zip(found, spans, strict=True)}

    def _load(self, place: tuple[str, ...]) -> Json:
        start, end = self._below(place[:-1])[place[-1]]
        try:
            loaded = parsed(self.source, self.text[start:end])
        except SpecError:
            raise _NotCut from None
        if not isinstance(loaded, dict) or [str(key) for key in loaded] != [place[-1]]:
            raise _NotCut
        return next(iter(loaded.values()))


def _bare(key: str) -> str:
    return key[1:-1] if key[0] in "\"'" and key[-1] == key[0] else key


def _references(node: Json) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(ref := node.get("$ref"), str):
            yield ref
        for child in node.values():
            yield from _references(child)
    elif isinstance(node, list):
        for child in node:
            yield from _references(child)
