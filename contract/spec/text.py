"""YAML as plain Python values, for all that the suite reads, several MB too, in the time that its events take.

PyYAML's own constructor needs 7 seconds of processor time for 9 MB, and recurses in C until the process ends where
a text is nested deep enough. This one goes through the parser's events once. Plain scalars mean what they mean in
YAML 1.2's core schema, as OpenAPI asks (3.0.4, 4.3): no dates, no `yes`, and every key is a text.
"""

import re
from base64 import b64decode
from dataclasses import dataclass, field
from typing import Any

import yaml

from contract.errors import SpecError
from contract.model import Json

__all__ = ["parsed", "spec_error", "text_of"]

_PARSER = getattr(yaml, "CLoader", yaml.Loader)
_DEEPEST, _LARGEST = 1_000, 10_000_000
"""Levels, and nodes with every alias counted as what it stands for."""

_WORDS: dict[str, Json] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
}
_WORDS |= {
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_NUMBERS = re.compile(
    r"([-+]?[0-9]{1,4000})|[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
)
_NUMBERS_1_1 = re.compile(
    r"([-+]?(?:0|[1-9][0-9]{0,3999}))|[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+][0-9]+)?"
)
"""Numbers in YAML 1.2's core schema, and as PyYAML writes them; the group is an integer."""

_KINDS = ("null", "bool", "int", "float")
_TAG = "tag:yaml.org,2002:"
_BINARY = f"{_TAG}binary"


@dataclass
class _Open:
    """A collection that has begun; `key` is that of the member to come, None where the key itself is to come."""

    anchor: str | None
    value: Any
    size: int = 1
    key: str | None = None
    merged: list[dict[str, Json]] = field(default_factory=list)


def text_of(source: str, content: bytes) -> str:
    """Return what a file in UTF-8 says. Raises SpecError where it is not UTF-8."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SpecError(f"{source}, line {line}: not UTF-8") from None


def parsed(source: str, text: str | bytes, *, by_pyyaml: bool = False) -> Any:
    """Return what a YAML or JSON text holds. Raises SpecError where it is none, too large, or nested too deep.

    PyYAML writes YAML 1.1: with `by_pyyaml` fewer plain scalars are numbers, and what is tagged as binary is bytes.
    """
    text = text if isinstance(text, str) else text_of(source, text)
    known: dict[str, tuple[Json, int]] = {}
    root = _Open(None, [])
    open_, line = [root], 0
    try:
        for event in yaml.parse(text, Loader=_PARSER):
            line = event.start_mark.line + 1 if event.start_mark else line
            match event:
                case yaml.ScalarEvent():
                    key = isinstance(open_[-1].value, dict) and open_[-1].key is None
                    value: Any = _scalar(
                        event, _NUMBERS_1_1 if by_pyyaml else _NUMBERS, key=key
                    )
                    if by_pyyaml and event.tag == _BINARY:
                        value = b64decode(value)
                    _close(open_[-1], _Open(event.anchor, value), known)
                case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                    _check(event.tag, ("map", "seq"))
                    open_.append(
                        _Open(
                            event.anchor,
                            {} if isinstance(event, yaml.MappingStartEvent) else [],
                        )
                    )
                    if len(open_) > _DEEPEST:
                        raise ValueError(f"nested deeper than {_DEEPEST} levels")
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    ended = open_.pop()
                    for each in ended.merged:
                        ended.value = {**each, **ended.value}
                    _close(open_[-1], ended, known)
                case yaml.AliasEvent():
                    if event.anchor not in known:
                        raise ValueError(f"undefined alias {event.anchor}")
                    _close(open_[-1], _Open(None, *known[event.anchor]), known)
    except (yaml.YAMLError, ValueError) as error:
        mark, position = (
            getattr(error, "problem_mark", None),
            getattr(error, "position", None),
        )
        line = (
            mark.line + 1
            if mark
            else line
            if position is None
            else text.count("\n", 0, position) + 1
        )
        where = f"{source}, line {line}"
        raise spec_error(
            where,
            "",
            "not YAML",
            "YAML 1.2 or JSON",
            getattr(error, "problem", None) or error,
        ) from None
    if len(root.value) > 1:
        raise spec_error(
            source, "", "not one document", "one YAML document", len(root.value)
        )
    return root.value[0] if root.value else None


def spec_error(
    file: object, pointer: str, what: str, accepted: str, given: object
) -> SpecError:
    """Say in one line where, what is wrong, what is accepted, what was given."""
    shown = " ".join(str(given).split())
    shown = shown if len(shown) <= 100 else f"{shown[:99]}…"
    return SpecError(
        f"{file}{pointer and '#'}{pointer}: {what}; accepted: {accepted}; given: {shown or 'nothing'}"
    )


def _close(parent: _Open, ended: _Open, known: dict[str, tuple[Json, int]]) -> None:
    """Put what has ended into what it is in."""
    parent.size += ended.size
    if parent.size > _LARGEST:
        raise ValueError(f"more than {_LARGEST:,} nodes")
    if ended.anchor:
        known[ended.anchor] = ended.value, ended.size
    if isinstance(parent.value, list):
        parent.value.append(ended.value)
    elif parent.key is None:
        if not isinstance(ended.value, str):
            raise ValueError("a key that is no text")
        parent.key = ended.value
    elif parent.key == "<<":
        parent.merged += [
            each for each in _listed(ended.value) if isinstance(each, dict)
        ]
        parent.key = None
    else:
        parent.value[parent.key], parent.key = ended.value, None


def _listed(value: Json) -> list[Json]:
    return value if isinstance(value, list) else [value]


def _check(tag: str | None, known: tuple[str, ...]) -> None:
    if tag not in (None, "!", *(f"{_TAG}{name}" for name in known)):
        raise ValueError(f"unknown tag {tag}")


def _scalar(event: yaml.ScalarEvent, numbers: re.Pattern[str], *, key: bool) -> Json:
    text, tag = str(event.value), event.tag or "!"
    _check(event.tag, ("str", "binary", *_KINDS))
    if key or not (event.implicit[0] or tag.removeprefix(_TAG) in _KINDS):
        return text
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    match = numbers.fullmatch(text)
    if match is None:
        return text
    return int(text) if match[1] else float(text)
