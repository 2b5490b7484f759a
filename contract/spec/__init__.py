"""The contract as data: the OpenAPI document, its overlay, and their schemas.

`load` refuses a document with anything that the suite would not check. Documented and
observed stay apart: `Spec.documented` comes from `openapi.yaml` alone, `Spec.observed`
from the document with `observed.overlay.yaml` applied.
"""

import copy
import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from urllib.parse import quote

from contract.errors import UsageError
from contract.model import Json
from contract.spec.document import DocumentedResponse, Reader, overlay, read
from contract.spec.schema import Schema, pointer_of
from contract.spec.text import spec_error

__all__ = ["Schema", "Spec", "load", "overlaid_document"]

JSON = "application/json"

LABEL = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
HOST = re.compile(rf"(?!api\.)(?=.{{1,249}}\Z)({LABEL}\.)+(?![0-9]){LABEL}")
SITE = "accepted: a host name without api., such as uk1.datadoghq.com"


@dataclass(frozen=True, eq=False, repr=False)
class Spec:
    """The update operation and the sites that serve it.

    `sites` are hosts without `api.`, the value that users configure. The page does not
    have `own_sites`, which a run has added. `success_schema`
    belongs to the documented 200, `error_schema` to the 429. `document` and `overlaid`
    have their references intact. Nobody may change them.
    """

    sha256: str
    version: str
    sites: tuple[str, ...]
    method: str
    path: str
    auth_headers: tuple[str, str]
    request: Schema
    attributes_schema: Schema
    success_schema: Schema
    error_schema: Schema
    documented: Mapping[int, DocumentedResponse]
    observed: Mapping[int, DocumentedResponse]
    document: Json
    overlaid: Json
    json_media_type: str = JSON
    own_sites: tuple[str, ...] = ()

    @property
    def collection_path(self) -> str:
        return self.path.rpartition("/")[0]

    def path_of(self, snapshot_id: str) -> str:
        name = quote(snapshot_id, safe="", errors="surrogatepass")
        return f"{self.collection_path}/{name}"

    def url(self, site: str) -> str:
        return f"https://api.{site}"

    def with_sites(self, names: Iterable[str]) -> "Spec":
        """Return the spec with further sites, if there are any. Raise UsageError."""
        own = tuple(name for name in dict.fromkeys(names) if name not in self.sites)
        for name in own:
            stem = str(name).removeprefix("app.")
            hint = f"; did you mean {stem}?" if stem in self.sites else ""
            if hint or not HOST.fullmatch(str(name)):
                raise UsageError(f"not a site: {name!r}{hint} ({SITE})")
        return replace(self, sites=(*self.sites, *own), own_sites=own) if own else self


def load(directory: Path | None = None) -> Spec:
    """Load `openapi.yaml` and `observed.overlay.yaml`, once per directory.

    The default is the directory in `CONTRACT_SPEC`, else the copy in the installed
    package, else the checkout's `spec`. Raises SpecError if a file cannot be used.
    """
    if directory is None:
        package = Path(__file__).resolve().parent.parent
        installed = package / "_spec"
        checkout = package.parent / "spec"
        default = installed if installed.is_dir() else checkout
        directory = Path(os.environ.get("CONTRACT_SPEC") or default)
    return load_from(directory.resolve())


def overlaid_document() -> dict[str, Json]:
    """Return a copy of the OpenAPI document with its overlay applied."""
    return {**copy.deepcopy(load().overlaid)}


@cache
def load_from(directory: Path) -> Spec:
    try:
        return read_spec(directory)
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError):
        message = "malformed; accepted: OpenAPI 3.1 and its overlay"
        problem = "a member is missing, or has another type"
        raise spec_error(directory, "", message, problem) from None


def read_spec(directory: Path) -> Spec:
    file = directory / "openapi.yaml"
    overlay_file = directory / "observed.overlay.yaml"
    content, document = read(file)
    overlay_content, changes = read(overlay_file)
    version = changes.get("overlay")
    actions = changes.get("actions")
    if not str(document.get("openapi")).startswith("3.1."):
        message = "not OpenAPI 3.1; accepted: 3.1.x"
        raise spec_error(file, "/openapi", message, document.get("openapi"))
    if not str(version).startswith("1.0.") or not isinstance(actions, list):
        message = "not an Overlay 1.0; accepted: overlay: 1.0.x and actions"
        raise spec_error(overlay_file, "/overlay", message, version)
    reader = Reader(file, document)
    overlaid = overlay(document, *actions, file=overlay_file)
    _, path, method = operation = reader.place
    media = ("content", JSON, "schema")
    body = (*operation, "requestBody", *media)
    data = (*body, "properties", "data", "properties")
    types = reader.need(*data, "type", "enum")
    if len(types) != 1:
        at = pointer_of(*data, "type", "enum")
        raise spec_error(file, at, "resource types; accepted: one", types)
    return Spec(
        sha256=hashlib.sha256(content + overlay_content).hexdigest(),
        version=str(reader.need("info", "version")),
        sites=reader.sites(),
        method=method.upper(),
        path=path,
        auth_headers=reader.auth_headers(),
        request=reader.schema(*body),
        attributes_schema=reader.schema(*data, "attributes"),
        success_schema=reader.schema(*operation, "responses", "200", *media),
        error_schema=reader.schema(*operation, "responses", "429", *media),
        documented=reader.responses(),
        observed=Reader(f"{overlay_file} (applied)", overlaid).responses(),
        document=document,
        overlaid=overlaid,
    )
