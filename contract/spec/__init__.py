"""The contract as data: the OpenAPI document, its overlay, and their schemas, compiled.

`load` reads both files, refuses what the suite would not check (a keyword, type or format that it does not
know, a `$ref` that leads nowhere or in a circle) and returns a `Spec`. What is documented and what is merely
observed stay apart: `Spec.documented` comes from `openapi.yaml` alone, `Spec.observed` from the document
with `observed.overlay.yaml` applied.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from contract.model import Json
from contract.spec.document import DocumentedResponse, Reader, overlay, read
from contract.spec.schema import Constraint, Schema
from contract.spec.text import spec_error

__all__ = ["Constraint", "DocumentedResponse", "Schema", "Spec", "load", "overlay"]

FILES = ("openapi.yaml", "observed.overlay.yaml")


@dataclass(frozen=True, eq=False)
class Spec:
    """The update operation and where it is served.

    `sites` are hosts without `api.`, the value that users configure. `document` and `overlaid` are the two
    documents as they are, references intact; they share parts, so don't change them.
    """

    sha256: str
    version: str
    sites: tuple[str, ...]
    method: str
    path: str
    auth_headers: tuple[str, str]
    request: Schema = field(repr=False)
    documented: Mapping[int, DocumentedResponse] = field(repr=False)
    observed: Mapping[int, DocumentedResponse] = field(repr=False)
    document: dict[str, Json] = field(repr=False)
    overlaid: dict[str, Json] = field(repr=False)

    def url(self, site: str) -> str:
        """Return the origin that serves a site."""
        return f"https://api.{site}"


def load(directory: Path | None = None) -> Spec:
    """Load `openapi.yaml` and `observed.overlay.yaml`, once per directory.

    Without a directory: the one that `CONTRACT_SPEC` names, else the copy in the installed package, else the
    checkout's `spec`. Raises SpecError where a file cannot be used.
    """
    if directory is None:
        here = Path(__file__).resolve().parent.parent
        found = here / "_spec" if (here / "_spec").is_dir() else here.parent / "spec"
        directory = Path(os.environ.get("CONTRACT_SPEC") or found)
    return _load(directory.resolve())


@cache
def _load(directory: Path) -> Spec:
    base, added = (directory / name for name in FILES)
    (base_bytes, document), (added_bytes, changes) = read(base), read(added)
    if not str(document.get("openapi")).startswith("3.1."):
        raise spec_error(
            base, "/openapi", "not OpenAPI 3.1", "3.1.x", document.get("openapi")
        )
    if not str(changes.get("overlay")).startswith("1.0.") or not isinstance(
        changes.get("actions"), list
    ):
        raise spec_error(
            added,
            "/overlay",
            "not an Overlay 1.0",
            "overlay: 1.0.x and actions",
            changes.get("overlay"),
        )
    documented = Reader(base, document)
    overlaid = overlay(document, *changes["actions"], file=added)
    observed = Reader(f"{added} (applied)", overlaid)
    method, path, operation, at = documented.operation()
    return Spec(
        sha256=hashlib.sha256(base_bytes + added_bytes).hexdigest(),
        version=str(documented.need(document, "", "info", "version")[0]),
        sites=documented.sites(),
        method=method,
        path=path,
        auth_headers=documented.auth_headers(operation, at),
        request=documented.schema(
            operation, at, "requestBody", "content", "application/json", "schema"
        ),
        documented=documented.responses(),
        observed=observed.responses(),
        document=document,
        overlaid=overlaid,
    )
