"""Overlays (OpenAPI Overlay 1.0.0), as far as the suite's own one needs them."""

import re
from collections.abc import Mapping
from pathlib import Path

from contract.model import Json
from contract.spec.text import spec_error

__all__ = ["overlay"]

_NAME = r"[^\x00-@[-^`{-\x7f][^\x00-/:-@[-^`{-\x7f]*"
_MEMBER = rf"""\.({_NAME})|\[\s*'([^'\\]*)'\s*\]|\[\s*"([^"\\]*)"\s*\]"""
"""A member in JSONPath (RFC 9535, 2.5.1). A name may hold anything beyond ASCII."""


def overlay(
    document: dict[str, Json],
    *actions: Mapping[str, Json],
    file: Path | str = "overlay",
) -> dict[str, Json]:
    """Return a copy of a document with the actions of an overlay applied.

    A target is `$` and child members, dotted or in brackets, without escapes, and must
    match. An update is merged into an object, arrays in it appended. Into an array it
    goes as one item. Raises SpecError, with the name of `file`, for anything else.
    """
    for number, action in enumerate(actions):
        at = f"/actions/{number}"
        if not _is_action(action):
            message = "not an action; accepted: a target with update or remove: true"
            raise spec_error(file, at, message, action)
        target = str(action.get("target"))
        if not re.fullmatch(rf"\$({_MEMBER})*", target):
            message = "unsupported target; accepted: $ and members: $.paths['/a'].get"
            raise spec_error(file, f"{at}/target", message, target)
        names = ["".join(match) for match in re.findall(_MEMBER, target)]
        try:
            document = _apply(document, names, action)
        except LookupError:
            message = "matches nothing; accepted: members of the document"
            raise spec_error(file, f"{at}/target", message, target) from None
        except TypeError as error:
            accepted = "an object for an object, an item for an array"
            message = f"{error}; accepted: {accepted}"
            raise spec_error(file, at, message, target) from None
    return document


def _is_action(action: Json) -> bool:
    if not isinstance(action, Mapping):
        return False
    return "update" in action or action.get("remove") is True


def _apply(
    node: Json,
    names: list[str],
    action: Mapping[str, Json],
) -> Json:
    remove = action.get("remove") is True
    if names:
        name, *rest = names
        if not isinstance(node, dict) or name not in node:
            raise LookupError
        if remove and not rest:
            return {key: node[key] for key in node if key != name}
        return {**node, name: _apply(node[name], rest, action)}
    if remove:
        raise TypeError("the whole document cannot be removed")
    update = action["update"]
    if isinstance(node, list):
        return [*node, update]
    if isinstance(node, dict) and isinstance(update, dict):
        return _merge(node, update)
    raise TypeError("the update does not fit its target")


def _merge(old: Json, new: Json) -> Json:
    if isinstance(old, dict) and isinstance(new, dict):
        both = {key: _merge(old[key], new[key]) for key in new if key in old}
        return {**old, **new, **both}
    if isinstance(old, list) and isinstance(new, list):
        return [*old, *new]
    return new
