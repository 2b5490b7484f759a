"""The files that the suite reads, and YAML and JSON texts as plain Python values.

Every file of a user comes through `read_bytes`, and every document through `parsed` or
`parsed_json`, so that size, kind of file, encoding, depth and number of nodes have one
limit each.

PyYAML's own constructor needs 7 seconds for 9 MB, and can recurse in C until the
process ends. This loader goes through the parser's events once. Plain scalars are those
of YAML 1.2's core schema (OpenAPI 3.0.4, 4.3): no dates, and `yes` is a text.
"""

import errno
import json
import os
import re
import stat
from base64 import b64decode
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from contract.errors import SpecError, UsageError
from contract.model import Json

LARGEST_FILE = 32 * 2**20
"""Bytes. The published OpenAPI document has about 9 MB."""

DEEPEST, LARGEST = 200, 2_000_000
"""Levels, and nodes. An alias counts as everything that it stands for.

Walks over a document recurse, and Python allows 1,000 calls in each other. libyaml
looks ahead, so its limit of 1,000 levels can come before ours. This is why the message
about any error of the library names our limit.
"""

ACCEPTED = f"YAML 1.2 or JSON, no key twice, at most {DEEPEST} levels deep"
TOO_DEEP = f"nested deeper than {DEEPEST} levels"
TOO_MANY = f"more than {LARGEST:,} nodes"

WORDS: dict[str, Json] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
NUMBER = re.compile(
    r"([-+]?[0-9]{1,4000})"
    r"|[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
)
NUMBER_1_1 = re.compile(
    r"([-+]?(?:0|[1-9][0-9]{0,3999}))"
    r"|(?:\.[0-9]+|[-+]?[0-9]+\.[0-9]*)(?:[eE][-+][0-9]+)?"
)
"""Numbers of YAML 1.2's core schema, and those of PyYAML. The group is an integer."""

TYPED = ("null", "bool", "int", "float")


def read_bytes(path: Path | str) -> bytes:
    """Return the content of a file.

    Raises OSError for a file that cannot be read, that is no regular file, and that has
    more than 32 MiB.
    """
    try:
        with open(path, "rb", opener=open_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise OSError(errno.EINVAL, "Not a regular file")
            content: bytes = file.read(LARGEST_FILE + 1)
    except ValueError:  # a name with NUL
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL)) from None
    if len(content) > LARGEST_FILE:
        raise OSError(errno.EFBIG, f"More than {LARGEST_FILE // 2**20} MiB")
    return content


def open_at_once(path: str, flags: int) -> int:
    """Open a file. Do not wait for the writer of a FIFO."""
    return os.open(path, flags | os.O_NONBLOCK)


def text_of(source: str, content: bytes) -> str:
    """Return the text of a file in UTF-8. Raises SpecError for another encoding."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SpecError(f"{source}, line {line}: not UTF-8") from None


def parsed(source: str, text: str | bytes, *, by_pyyaml: bool = False) -> Any:
    """Return the value of a YAML or JSON text.

    YAML has no surrogate pairs, so JSON is read as JSON. PyYAML writes YAML 1.1: with
    `by_pyyaml` fewer plain scalars are numbers, and one with the tag `binary` is bytes.
    Raises SpecError for a text that is not YAML, too large, nested deeper than 200
    levels, or has a key twice.
    """
    text = text if isinstance(text, str) else text_of(source, text)
    if text.lstrip()[:1] in ("{", "["):
        with suppress(ValueError):
            return parsed_json(source, text)
    builder, line = Builder(by_pyyaml), 1
    try:
        for event in yaml.parse(text, getattr(yaml, "CLoader", yaml.Loader)):
            line = event.start_mark.line + 1 if event.start_mark else line
            builder.add(event)
    except (yaml.YAMLError, ValueError) as error:
        actual = str(error)
        if isinstance(error, yaml.YAMLError):
            mark = getattr(error, "problem_mark", None)
            position = getattr(error, "position", 0)  # of a forbidden character
            line = (mark.line if mark else text.count("\n", 0, position)) + 1
            excerpt = "".join(text.split("\n")[line - 1 : line])[:80]
            actual = repr(excerpt) if excerpt else "the end of the text"
        message = f"not YAML; accepted: {ACCEPTED}"
        raise spec_error(f"{source}, line {line}", "", message, actual) from None
    documents = builder.root.value
    if len(documents) > 1:
        message = "not one document; accepted: one YAML document"
        raise spec_error(source, "", message, len(documents))
    return documents[0] if documents else None


def parsed_json(source: str, text: str) -> Any:
    """Return the value of a JSON text, with the limits of `parsed`.

    Raises ValueError for a text that is not JSON, SpecError for one beyond the limits
    or with a key twice.
    """

    def unique(members: list[tuple[str, Json]]) -> Json:
        result = dict(members)
        if len(result) < len(members):
            names = [name for name, _ in members]
            twice = next(name for name in names if names.count(name) > 1)
            raise spec_error(source, "", message, f"the key {twice} twice")
        return result

    message = f"cannot be used; accepted: {ACCEPTED}"
    try:
        value = json.loads(text, object_pairs_hook=unique)
    except RecursionError:
        raise spec_error(source, "", message, TOO_DEEP) from None
    depth, count, level = 0, 0, [value]
    while level:
        depth, count = depth + 1, count + len(level)
        if depth > DEEPEST:
            raise spec_error(source, "", message, TOO_DEEP)
        if count > LARGEST:
            raise spec_error(source, "", message, TOO_MANY)
        collections = (node for node in level if isinstance(node, dict | list))
        level = [
            item
            for node in collections
            for item in (node.values() if isinstance(node, dict) else node)
        ]
    return value


def read_yaml(path: Path, option: str = "") -> Any:
    """Return the value in a file of PyYAML. Raises UsageError, with `option` first."""
    try:
        return parsed(str(path), read_bytes(path), by_pyyaml=True)
    except OSError as error:
        reason = f"{path}: cannot be read: {error.strerror}"
    except SpecError as error:
        reason = str(error)
    raise UsageError(option + reason)


def spec_error(file: object, pointer: str, message: str, actual: object) -> SpecError:
    """Return an error of one line."""
    place = f"{file}{pointer and '#'}{pointer}"
    return SpecError(f"{place}: {message}; given: {brief(actual)}")


def brief(value: object) -> str:
    """Return a value for a message: one line of at most 100 characters."""
    text = " ".join(str(value).split()) or "nothing"
    return text if len(text) <= 100 else f"{text[:99]}…"


@dataclass
class Node:
    """A value. `key` is None until the next member of a mapping has its key."""

    value: Any
    anchor: str | None = None
    size: int = 1
    depth: int = 0
    key: str | None = None


class Builder:
    """Builds values from events. Raises ValueError for one that is not handled."""

    def __init__(self, by_pyyaml: bool) -> None:
        self.root = Node([])
        self._open = [self.root]
        self._anchors: dict[str, Node] = {}
        self._by_pyyaml = by_pyyaml

    def add(self, event: yaml.Event) -> None:
        match event:
            case yaml.ScalarEvent():
                self.close(Node(self.scalar(event), event.anchor))
            case yaml.CollectionStartEvent():
                check_tag(event.tag, "map", "seq")
                is_map = isinstance(event, yaml.MappingStartEvent)
                self._open.append(Node({} if is_map else [], event.anchor))
                self.check_depth(0)
            case yaml.CollectionEndEvent():
                self.close(self._open.pop())
            case yaml.AliasEvent():
                if event.anchor not in self._anchors:
                    raise ValueError(f"undefined alias {event.anchor}")
                self.close(self._anchors[event.anchor])

    def close(self, node: Node) -> None:
        parent, value = self._open[-1], node.value
        parent.size += node.size
        parent.depth = max(parent.depth, node.depth + 1)
        if parent.size > LARGEST:
            raise ValueError(TOO_MANY)
        self.check_depth(node.depth)
        if node.anchor:
            self._anchors[node.anchor] = node
        if isinstance(parent.value, list):
            parent.value.append(value)
        elif parent.key is None:
            if not isinstance(value, str):
                raise ValueError("a key that is no text")
            parent.key = value
            return
        elif parent.key in parent.value:
            raise ValueError(f"the key {parent.key} twice")
        else:
            parent.value[parent.key] = value
        parent.key = None

    def check_depth(self, below: int) -> None:
        if len(self._open) + below > DEEPEST:
            raise ValueError(TOO_DEEP)

    def scalar(self, event: yaml.ScalarEvent) -> Json:
        tag = check_tag(event.tag, "str", "binary", *TYPED)
        text, parent = str(event.value), self._open[-1]
        if tag == "binary" and self._by_pyyaml:
            return b64decode(text)
        is_key = isinstance(parent.value, dict) and parent.key is None
        if is_key and text == "<<" and event.implicit[0]:
            raise ValueError("a merge key, which YAML 1.2 does not have")
        if is_key or not (event.implicit[0] or tag in TYPED):
            return text
        if text in WORDS:
            return WORDS[text]
        if text[0] not in "+-.0123456789":
            return text
        number = (NUMBER_1_1 if self._by_pyyaml else NUMBER).fullmatch(text)
        if number is None:
            return text
        return int(text) if number[1] else float(text)


def check_tag(tag: str | None, *names: str) -> str:
    name = (tag or "!").removeprefix("tag:yaml.org,2002:")
    if name not in ("!", *names):
        raise ValueError(f"unknown tag {tag}")
    return name
