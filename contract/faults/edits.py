"""Edits: functions from a JSON value to the one in its place.

A place is the name of an attribute or a JSON pointer.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from contract.jsondiff import value_at
from contract.model import Json

Edit: TypeAlias = Callable[[Any], Any]

ATTRIBUTES = "/data/attributes"
FLAG = "is_device_type_selected_by_user"
REMOVED = object()
"""Result of an edit that removes a member."""


def pointer_to(place: str) -> str:
    """Return the JSON pointer of a place."""
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
    """Remove any value."""
    return REMOVED


def remove_empty(text: str) -> object:
    """Remove an empty text."""
    return text or REMOVED


def as_double(number: Any) -> Any:
    """Return a number as a double holds it, if one does."""
    try:
        return int(float(number))
    except OverflowError:
        return number
