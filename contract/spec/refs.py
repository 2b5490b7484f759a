"""JSON pointers (RFC 6901) and `$ref`, as OpenAPI 3.0 and 3.1 define it.

Both classes are bounded: a circle or an endless expansion raises SpecError.
"""

from collections.abc import Callable
from functools import partial
from urllib.parse import unquote

from contract.jsondiff import escape
from contract.model import Json
from contract.spec.text import spec_error

MOST = 100_000


def pointer_of(*tokens: object) -> str:
    """Return the JSON pointer of some names (RFC 6901, 3)."""
    return "".join(f"/{escape(token)}" for token in tokens)


def unescape(token: str) -> str:
    """Return the name that a token of a JSON pointer stands for."""
    return token.replace("~1", "/").replace("~0", "~")


class References:
    """The references in one document, which is named by `source` in errors."""

    def __init__(self, source: object, document: Json) -> None:
        self.source, self.document = source, document
        self._count = 0

    def follow(
        self, node: Json, at: str = "", active: tuple[Json, ...] = ()
    ) -> tuple[Json, str]:
        """Return the node at the end of some references, and its pointer."""
        while isinstance(node, dict) and "$ref" in node:
            ref = node["$ref"]
            node = self.target(ref, at, active)
            at, active = str(ref)[1:], (*active, ref)
        return node, at

    def target(self, ref: Json, at: str, active: tuple[Json, ...]) -> Json:
        """Return the node that a reference names.

        `at` points to the reference, `active` are those on the way to it.
        """
        self._count += 1
        error = partial(spec_error, self.source, at and f"{at}/$ref")
        if ref in active:
            raise error("cyclic $ref; accepted: references that end", ref)
        if self._count > MOST:
            raise error(f"too many $refs; accepted: {MOST:,}", ref)
        node: Json = {"#": self.document}
        for token in unquote(str(ref)).split("/"):
            node, _ = self.follow(node, at, (*active, ref))
            name = unescape(token)
            if not isinstance(node, dict) or name not in node:
                accepted = "#/ and a path in this document"
                raise error(f"unresolvable $ref; accepted: {accepted}", ref)
            node = node[name]
        return node


class Expander:
    """Expands the schemas of one document: no reference is left in them.

    `check` gets every schema as it is, with its pointer. `rewrite` may replace one
    whose parts are expanded. Equal references share one result.
    """

    def __init__(
        self,
        references: References,
        check: Callable[[Json, str], None] = lambda schema, at: None,
        rewrite: Callable[[Json], Json] = dict,
    ) -> None:
        self._references = references
        self._check, self._rewrite = check, rewrite
        self._targets: dict[Json, Json] = {}

    def expand(self, schema: Json, at: str = "", active: tuple[Json, ...] = ()) -> Json:
        self._check(schema, at)
        if not isinstance(schema, dict):
            return {}
        result = {key: schema[key] for key in schema if key != "$ref"}
        for keyword, value in result.items():
            here = f"{at}/{keyword}"
            if keyword == "items":
                result[keyword] = self.expand(value, here, active)
            elif keyword == "properties":
                result[keyword] = {
                    name: self.expand(child, here + pointer_of(name), active)
                    for name, child in (value or {}).items()
                }
            elif keyword in ("allOf", "anyOf", "oneOf"):
                result[keyword] = [
                    self.expand(branch, f"{here}/{number}", active)
                    for number, branch in enumerate(value)
                ]
        result = self._rewrite(result)
        if "$ref" not in schema:
            return result
        ref = schema["$ref"]
        target = self._references.target(ref, at, active)
        if ref not in self._targets:
            self._targets[ref] = self.expand(target, ref[1:], (*active, ref))
        return join(self._targets[ref], result) if result else self._targets[ref]


def join(old: Json, new: Json) -> Json:
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
