"""Overlays (OpenAPI Overlay 1.0.0), as far as the suite needs them."""

import re
from copy import deepcopy
from pathlib import Path

from contract.model import Json
from contract.spec.text import spec_error

NAME = r"[^\x00-@[-^`{-\x7f][^\x00-/:-@[-^`{-\x7f]*"
MEMBER = rf"""\.({NAME})|\[\s*'([^'\\]*)'\s*\]|\[\s*"([^"\\]*)"\s*\]"""
"""A member in JSONPath (RFC 9535, 2.5.1). A name may hold anything beyond ASCII."""


def overlay(document: Json, *actions: Json, file: Path | str = "overlay") -> Json:
    """Return a copy of a document with the actions of an overlay applied.

    A target is `$` and child members, dotted or in brackets, without escapes, and must
    match. An update is merged into an object, arrays in it appended. Into an array it
    goes as one item. Raises SpecError, with the name of `file`, for anything else.
    """
    root = {"$": deepcopy(document)}
    for number, action in enumerate(actions):
        at = f"/actions/{number}"
        members = action if isinstance(action, dict) else {}
        if "update" not in members and members.get("remove") is not True:
            message = "not an action; accepted: a target with update or remove: true"
            raise spec_error(file, at, message, action)
        target = str(action.get("target"))
        if not re.fullmatch(rf"\$({MEMBER})*", target):
            message = "unsupported target; accepted: $ and members: $.paths['/a'].get"
            raise spec_error(file, f"{at}/target", message, target)
        node: Json = root
        for name in ("$", *map("".join, re.findall(MEMBER, target))):
            parent = node
            if not isinstance(parent, dict) or name not in parent:
                message = "matches nothing; accepted: members of the document"
                raise spec_error(file, f"{at}/target", message, target)
            node = parent[name]
        if problem := apply(action, parent, name):
            raise spec_error(file, at, problem, target)
    return root["$"]


def apply(action: Json, parent: Json, name: str) -> str:
    """Change one member. Return the reason why that cannot be."""
    if action.get("remove") is True:
        if name == "$":
            return "the whole document cannot be removed; accepted: a member"
        del parent[name]
        return ""
    old, new = parent[name], action["update"]
    if isinstance(old, list):
        new = [new]
    elif not isinstance(old, dict) or not isinstance(new, dict):
        accepted = "an object for an object, an item for an array"
        return f"the update does not fit its target; accepted: {accepted}"
    parent[name] = merged(old, new)
    return ""


def merged(old: Json, new: Json) -> Json:
    if isinstance(old, dict) and isinstance(new, dict):
        both = {key: merged(old[key], new[key]) for key in new if key in old}
        return {**old, **new, **both}
    if isinstance(old, list) and isinstance(new, list):
        return [*old, *new]
    return new
