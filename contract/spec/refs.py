"""JSON pointers (RFC 6901) and `$ref`, as OpenAPI 3.0 and 3.1 define it.

Both classes are bounded: a circle or an endless expansion raises SpecError.
"""

from collections.abc import Callable, Mapping
from urllib.parse import unquote

from contract.errors import SpecError
from contract.model import Json
from contract.spec.text import spec_error

__all__ = ["Expander", "References", "escape", "join", "unescape"]

_MOST = 100_000


def escape(token: object) -> str:
    """Return one token of a JSON pointer (RFC 6901, 3)."""
    return str(token).replace("~", "~0").replace("/", "~1")


def unescape(token: str) -> str:
    """Return the name that a token of a JSON pointer stands for."""
    return token.replace("~1", "/").replace("~0", "~")


class References:
    """The references in one document. `source` names it in errors."""

    def __init__(
        self,
        source: object,
        document: Mapping[str, Json],
    ) -> None:
        self.source, self.document = source, document
        self._count = 0

    def follow(
        self,
        node: Json,
        at: str = "",
        active: tuple[Json, ...] = (),
    ) -> tuple[Json, str]:
        """Return the node at the end of a chain of references, and its pointer."""
        while isinstance(node, dict) and "$ref" in node:
            ref = node["$ref"]
            node = self.target(ref, at, active)
            at, active = str(ref)[1:], (*active, ref)
        return node, at

    def target(
        self,
        ref: Json,
        at: str,
        active: tuple[Json, ...],
    ) -> Json:
        """Return the node that a reference names.

        `at` points to the reference, `active` are those on the way to it.
        """
        self._count += 1
        if ref in active:
            raise self._error(at, "cyclic $ref; accepted: references that end", ref)
        if self._count > _MOST:
            raise self._error(at, f"too many $refs; accepted: {_MOST:,}", ref)
        node: Json = {"#": self.document}
        for token in unquote(str(ref)).split("/"):
            node, _ = self.follow(node, at, (*active, ref))
            name = unescape(token)
            if not isinstance(node, dict) or name not in node:
                accepted = "#/ and a path in this document"
                raise self._error(at, f"unresolvable $ref; accepted: {accepted}", ref)
            node = node[name]
        return node

    def _error(
        self,
        at: str,
        message: str,
        ref: Json,
    ) -> SpecError:
        return spec_error(self.source, at and f"{at}/$ref", message, ref)


class Expander:
    """Expands the schemas of one document: no reference is left in them.

    `check` gets every schema as it is, with its pointer. `rewrite` may replace one
    whose parts are expanded. Equal references share one result.
    """

    def __init__(
        self,
        references: References,
        check: Callable[[Json, str], None] = lambda schema, at: None,
        rewrite: Callable[[dict[str, Json]], dict[str, Json]] = dict,
    ) -> None:
        self._references = references
        self._check, self._rewrite = check, rewrite
        self._targets: dict[Json, dict[str, Json]] = {}

    def expand(
        self,
        schema: Json,
        at: str = "",
        active: tuple[Json, ...] = (),
    ) -> dict[str, Json]:
        """Return a schema without references."""
        self._check(schema, at)
        if not isinstance(schema, dict):
            return {}
        result = {key: schema[key] for key in schema if key != "$ref"}
        if "properties" in schema:
            result["properties"] = {
                name: self.expand(child, f"{at}/properties/{escape(name)}", active)
                for name, child in (schema["properties"] or {}).items()
            }
        if "items" in schema:
            result["items"] = self.expand(schema["items"], f"{at}/items", active)
        for keyword in ("allOf", "anyOf", "oneOf"):
            if keyword in schema:
                parts = enumerate(schema[keyword])
                result[keyword] = [
                    self.expand(part, f"{at}/{keyword}/{number}", active)
                    for number, part in parts
                ]
        result = self._rewrite(result)
        if "$ref" not in schema:
            return result
        ref = schema["$ref"]
        target = self._references.target(ref, at, active)
        if ref not in self._targets:
            active = (*active, ref)
            self._targets[ref] = self.expand(target, ref[1:], active)
        expanded = self._targets[ref]
        return join(expanded, result) if result else expanded


def join(
    old: dict[str, Json],
    new: dict[str, Json],
) -> dict[str, Json]:
    """Return one schema for two that hold together. The new one decides conflicts."""
    result = {**old, **new}
    if "properties" in old and "properties" in new:
        members = {**old["properties"], **new["properties"]}
        for name in old["properties"].keys() & new["properties"].keys():
            members[name] = join(old["properties"][name], members[name])
        result["properties"] = members
    if "required" in old and "required" in new:
        required = dict.fromkeys([*old["required"], *new["required"]])
        result["required"] = list(required)
    return result
