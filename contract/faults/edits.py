"""Edits of JSON values, and factories of mutations.

An edit is a function from a value to the one in its place. A place is the name of an
attribute or a JSON pointer. A factory makes a mutation of a function:

    @replaces("apply")
    def store(name, edit, step): ...

`store("event_id", str.strip)` is a mutation. It gets `step` at each call.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias, TypeVar

from contract.jsondiff import value_at
from contract.model import Json

M = TypeVar("M")
Edit: TypeAlias = Callable[[Any], Any]

ATTRIBUTES = "/data/attributes"
FLAG = "is_device_type_selected_by_user"
REMOVED = object()
"""Result of an edit that removes a member."""


def pointer_to(place: str) -> str:
    return place if place[:1] in ("", "/") else f"{ATTRIBUTES}/{place}"


def edited(value: Json, place: str, edit: Edit) -> Json:
    """Edit in place what a value has at a place. Return the value."""
    parent, separator, name = pointer_to(place).rpartition("/")
    if not separator:
        return edit(value)
    members = value_at(value, parent)
    if isinstance(members, dict) and name in members:
        members[name] = edit(members[name])
        if members[name] is REMOVED:
            del members[name]
    return value


def remove(_: Json) -> object:
    return REMOVED


def remove_empty(text: str) -> object:
    return text or REMOVED


def as_double(number: Any) -> Any:
    """Return a number as a double holds it, if one does."""
    try:
        return int(float(number))
    except OverflowError:
        return number


def factory(
    make: Callable[..., M], name: str
) -> Callable[[Callable[..., Any]], Callable[..., M]]:
    """Decorator: a function returns `make(name=...)`, its arguments bound."""

    def decorate(function: Callable[..., Any]) -> Callable[..., M]:
        def made(*args: Any, **options: Any) -> M:
            return make(**{name: partial(function, *args, **options)})

        return made

    return decorate
