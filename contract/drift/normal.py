"""A schema of OpenAPI 3.0 or 3.1 as a plain JSON Schema: no references, no `nullable`, no `allOf`, one direction."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from contract.model import Json
from contract.spec.schema import types_of
from contract.spec.text import spec_error

__all__ = ["Document"]


class Document:
    """One OpenAPI document, of which only what is asked for is looked at."""

    def __init__(self, source: str, content: Mapping[str, Json]) -> None:
        self.source, self.content = source, content

    def follow(self, node: Json, active: tuple[str, ...] = ()) -> Any:
        """Return what a node stands for. Raises SpecError for a reference that leads nowhere or in a circle."""
        if not isinstance(node, dict) or not isinstance(ref := node.get("$ref"), str):
            return node
        if ref in active:
            raise spec_error(self.source, "", "cyclic $ref", "references that end", ref)
        return self.follow(self._target(ref), (*active, ref))

    def _target(self, ref: str) -> Json:
        node: Any = {"#": self.content}
        for token in unquote(ref).split("/"):
            key = token.replace("~1", "/").replace("~0", "~")
            node = self.follow(node)
            if not isinstance(node, dict) or key not in node:
                raise spec_error(
                    self.source,
                    "",
                    "unresolvable $ref",
                    "#/ and a path in this document",
                    ref,
                )
            node = node[key]
        return node

    def schema(
        self, node: Json, hidden: str, active: tuple[str, ...] = ()
    ) -> dict[str, Json]:
        """Return a schema, plain.

        A member that is marked with the keyword `hidden` (`readOnly` for a request, `writeOnly` for a response) does
        not take part in this direction, so it is left out (OpenAPI 3.1, 4.8.24). Raises SpecError for a bad `$ref`.
        """
        if not isinstance(node, dict):
            return {}
        if isinstance(ref := node.get("$ref"), str):
            if ref in active:
                raise spec_error(
                    self.source, "", "cyclic $ref", "a schema that ends", ref
                )
            beside = {key: value for key, value in node.items() if key != "$ref"}
            return _joined(
                self.schema(self._target(ref), hidden, (*active, ref)),
                self.schema(beside, hidden, active),
            )
        result = {
            key: value
            for key, value in node.items()
            if key not in ("allOf", "nullable", "properties", "items")
        }
        if "properties" in node:
            members = {
                str(name): self.schema(child, hidden, active)
                for name, child in (node["properties"] or {}).items()
            }
            result["properties"] = {
                name: child
                for name, child in members.items()
                if child.get(hidden) is not True
            }
            left_out = members.keys() - result["properties"].keys()
            if "required" in node:
                result["required"] = [
                    name for name in node["required"] if name not in left_out
                ]
        if "items" in node:
            result["items"] = self.schema(node["items"], hidden, active)
        for part in node.get("allOf", ()):
            result = _joined(self.schema(part, hidden, active), result)
        for keyword in ("oneOf", "anyOf"):
            branches = [
                self.schema(each, hidden, active) for each in node.get(keyword, ())
            ]
            others = [each for each in branches if types_of(each) != ["null"]]
            if len(others) == 1:  # the way of 3.1 to say that a reference may be null
                del result[keyword]
                result = _joined(others[0], result)
            if len(others) < len(branches):
                result = _nullable(result)
        return _nullable(result) if node.get("nullable") is True else result


def _joined(old: dict[str, Json], new: dict[str, Json]) -> dict[str, Json]:
    """Return one schema for two that hold together; where both say the same keyword, the new one is right."""
    result = {**old, **new}
    if "properties" in old and "properties" in new:
        shared = old["properties"].keys() & new["properties"].keys()
        both = {
            name: _joined(old["properties"][name], new["properties"][name])
            for name in shared
        }
        result["properties"] = {**old["properties"], **new["properties"], **both}
    if "required" in old and "required" in new:
        result["required"] = list(dict.fromkeys([*old["required"], *new["required"]]))
    return result


def _nullable(schema: dict[str, Json]) -> dict[str, Json]:
    types = types_of(schema)
    return (
        schema if not types or "null" in types else {**schema, "type": [*types, "null"]}
    )
