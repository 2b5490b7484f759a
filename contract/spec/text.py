"""YAML and JSON texts as plain Python values, several MB of them too.

PyYAML's own constructor needs 7 seconds for 9 MB, and can recurse in C until the
process ends. This loader goes through the parser's events once. Plain scalars are those
of YAML 1.2's core schema (OpenAPI 3.0.4, 4.3): no dates, and `yes` is a text.
"""

import binascii
import re
from base64 import b64decode
from dataclasses import dataclass, field
from typing import Any

import yaml

from contract.errors import SpecError
from contract.model import Json

__all__ = ["parsed", "spec_error", "text_of"]

_PARSER = getattr(yaml, "CLoader", yaml.Loader)
_DEEPEST, _LARGEST = 500, 10_000_000
"""Levels, and nodes. An alias counts as everything that it stands for.

libyaml looks ahead, so its limit of 1,000 levels can come before ours. This is why the
message about any error of the library names our limit.
"""

_WORDS: dict[str, Json] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMBERS = re.compile(
    r"([-+]?[0-9]{1,4000})"
    r"|[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
)
_NUMBERS_1_1 = re.compile(
    r"([-+]?(?:0|[1-9][0-9]{0,3999}))"
    r"|[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+][0-9]+)?"
)
"""Numbers of YAML 1.2's core schema, and those of PyYAML. The group is an integer."""

_TAG = "tag:yaml.org,2002:"
_TYPED = ("null", "bool", "int", "float")


def text_of(source: str, content: bytes) -> str:
    """Return the text of a file in UTF-8. Raises SpecError for another encoding."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SpecError(f"{source}, line {line}: not UTF-8") from None


def parsed(
    source: str,
    text: str | bytes,
    *,
    by_pyyaml: bool = False,
) -> Any:
    """Return the value of a YAML or JSON text.

    PyYAML writes YAML 1.1: with `by_pyyaml` fewer plain scalars are numbers, and one
    with the tag `binary` is bytes. Raises SpecError for a text that is not YAML, too
    large, or nested deeper than 500 levels.
    """
    text = text if isinstance(text, str) else text_of(source, text)
    builder, line = _Builder(by_pyyaml), 1
    try:
        for event in yaml.parse(text, Loader=_PARSER):
            line = event.start_mark.line + 1 if event.start_mark else line
            builder.add(event)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        position = getattr(error, "position", 0)  # of a character that is not allowed
        line = (mark.line if mark else text.count("\n", 0, position)) + 1
        excerpt = "".join(text.split("\n")[line - 1 : line])[:80]
        actual = repr(excerpt) if excerpt else "the end of the text"
        raise _not_yaml(source, line, actual) from None
    except ValueError as error:
        raise _not_yaml(source, line, str(error)) from None
    documents = builder.root.value
    if len(documents) > 1:
        message = "not one document; accepted: one YAML document"
        raise spec_error(source, "", message, len(documents))
    return documents[0] if documents else None


def spec_error(
    file: object,
    pointer: str,
    message: str,
    actual: object,
) -> SpecError:
    """Return an error of one line. The message has the defect and what is accepted."""
    text = " ".join(str(actual).split()) or "nothing"
    text = text if len(text) <= 100 else f"{text[:99]}…"
    place = f"{file}{pointer and '#'}{pointer}"
    return SpecError(f"{place}: {message}; given: {text}")


def _not_yaml(
    source: str,
    line: int,
    actual: str,
) -> SpecError:
    accepted = f"YAML 1.2 or JSON, at most {_DEEPEST} levels deep"
    message = f"not YAML; accepted: {accepted}"
    return spec_error(f"{source}, line {line}", "", message, actual)


@dataclass
class _Open:
    """A collection that has begun. `key` is None until the next member has its key."""

    anchor: str | None
    value: Any
    size: int = 1
    depth: int = 0
    key: str | None = None
    merged: list[dict[str, Json]] = field(default_factory=list)


class _Builder:
    """Builds values from events. Raises ValueError for one that is not handled."""

    def __init__(self, by_pyyaml: bool) -> None:
        self.root = _Open(None, [])
        self._open = [self.root]
        self._anchors: dict[str, tuple[Json, int, int]] = {}
        self._by_pyyaml = by_pyyaml

    def add(self, event: yaml.Event) -> None:
        """Add one event."""
        match event:
            case yaml.ScalarEvent():
                self._close(_Open(event.anchor, self._scalar(event)))
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                _check_tag(event.tag, ("map", "seq"))
                is_map = isinstance(event, yaml.MappingStartEvent)
                self._open.append(_Open(event.anchor, {} if is_map else []))
                self._check_depth(0)
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                closed = self._open.pop()
                for base in closed.merged:
                    closed.value = {**base, **closed.value}
                self._close(closed)
            case yaml.AliasEvent():
                if event.anchor not in self._anchors:
                    raise ValueError(f"undefined alias {event.anchor}")
                self._close(_Open(None, *self._anchors[event.anchor]))

    def _close(self, closed: _Open) -> None:
        """Put a complete value into the collection that is open."""
        parent = self._open[-1]
        parent.size += closed.size
        parent.depth = max(parent.depth, closed.depth + 1)
        if parent.size > _LARGEST:
            raise ValueError(f"more than {_LARGEST:,} nodes")
        self._check_depth(closed.depth)
        value = closed.value
        if closed.anchor:
            self._anchors[closed.anchor] = value, closed.size, closed.depth
        if isinstance(parent.value, list):
            parent.value.append(value)
        elif parent.key is None:
            if not isinstance(value, str):
                raise ValueError("a key that is no text")
            parent.key = value
        elif parent.key == "<<":
            bases = value if isinstance(value, list) else [value]
            parent.merged += [base for base in bases if isinstance(base, dict)]
            parent.key = None
        else:
            parent.value[parent.key], parent.key = value, None

    def _check_depth(self, below: int) -> None:
        if len(self._open) + below > _DEEPEST:
            raise ValueError(f"nested deeper than {_DEEPEST} levels")

    def _scalar(self, event: yaml.ScalarEvent) -> Json:
        _check_tag(event.tag, ("str", "binary", *_TYPED))
        text, parent = str(event.value), self._open[-1]
        tag = (event.tag or "!").removeprefix(_TAG)
        if tag == "binary" and self._by_pyyaml:
            try:
                return b64decode(text)
            except binascii.Error:
                raise ValueError("a binary scalar that is not Base64") from None
        is_key = isinstance(parent.value, dict) and parent.key is None
        if is_key or not (event.implicit[0] or tag in _TYPED):
            return text
        if text in _WORDS:
            return _WORDS[text]
        if text[0] not in "+-.0123456789":
            return text
        number = (_NUMBERS_1_1 if self._by_pyyaml else _NUMBERS).fullmatch(text)
        if number is None:
            return text
        return int(text) if number[1] else float(text)


def _check_tag(
    tag: str | None,
    names: tuple[str, ...],
) -> None:
    if tag not in (None, "!", *(f"{_TAG}{name}" for name in names)):
        raise ValueError(f"unknown tag {tag}")
