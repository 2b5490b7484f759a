"""The newest published OpenAPI document: the one that the official Python SDK's source package carries."""

import hashlib
import io
import json
import re
import subprocess
import sys
import tarfile
import zlib
from html.parser import HTMLParser
from typing import NamedTuple
from urllib.parse import urldefrag, urljoin

from contract.drift.fetch import LIMIT, fetch, without_credentials
from contract.errors import SpecError, SubjectError

__all__ = ["PUBLIC", "document_in", "newest", "upstream"]

PUBLIC = "https://pypi.org/simple"
PROJECT = "datadog-api-client"
DOCUMENT = ".generator/schemas/v2/openapi.yaml"

_FILE = re.compile(r"datadog[-_]api[-_]client-(\d+(?:\.\d+)*)\.tar\.gz")
_ACCEPT = "application/vnd.pypi.simple.v1+json, text/html;q=0.1"


class Package(NamedTuple):
    """One source package of the SDK; `sha256` is empty where the registry does not say it."""

    version: str
    url: str
    sha256: str


def upstream(registry: str | None = None) -> tuple[str, bytes]:
    """Return the newest version of the SDK, and the OpenAPI document (v2) of its source package.

    `registry` is the address of a package index (PEP 503 or PEP 691), by default pip's own. Raises SubjectError where
    it cannot be reached, SpecError where the package is not there or cannot be read.
    """
    package = newest((registry or _pips() or PUBLIC).rstrip("/"))
    content = fetch(package.url)
    shown = without_credentials(package.url)
    if package.sha256 and hashlib.sha256(content).hexdigest() != package.sha256:
        raise SpecError(f"{shown}: not what the registry says: its SHA-256 differs")
    return package.version, document_in(content, shown)


def _pips() -> str:
    """Return the package index that pip is set to use; nothing where it is not set."""
    try:
        command = [sys.executable, "-m", "pip", "config", "list"]
        listed = subprocess.run(  # noqa: S603
            command, check=False, capture_output=True, text=True, timeout=60
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise SubjectError(
            f"pip cannot say which registry it uses: {type(error).__name__}"
        ) from None
    known = dict(
        re.findall(r"^(:env:|download|global)\.index.url='(.*)'$", listed, re.MULTILINE)
    )
    return next(
        (known[each] for each in (":env:", "download", "global") if known.get(each)), ""
    )


def newest(registry: str) -> Package:
    """Return the newest source package of the SDK, pre-releases and yanked ones aside. Raises as `upstream` does."""
    page = f"{registry}/{PROJECT}/"
    shown, text = (
        without_credentials(page),
        fetch(page, _ACCEPT).decode("utf-8", "replace"),
    )
    try:
        packages = (
            _of_json(page, text)
            if text.lstrip().startswith("{")
            else _of_html(page, text)
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SpecError(f"{shown}: no list of packages: {error!r}") from None
    if not packages:
        raise SpecError(
            f"{shown}: no source package; accepted: {PROJECT}-VERSION.tar.gz"
        )
    return max(
        packages, key=lambda each: [int(part) for part in each.version.split(".")]
    )


def _of_json(page: str, text: str) -> list[Package]:
    return [
        Package(name[1], urljoin(page, file["url"]), file["hashes"].get("sha256", ""))
        for file in json.loads(text)["files"]
        if (name := _FILE.fullmatch(file["filename"])) and not file.get("yanked")
    ]


def _of_html(page: str, text: str) -> list[Package]:
    found: list[Package] = []

    class Anchors(HTMLParser):
        def handle_starttag(
            self, tag: str, attrs: list[tuple[str, str | None]]
        ) -> None:
            given = dict(attrs)
            url, fragment = urldefrag(urljoin(page, given.get("href") or ""))
            if (
                tag == "a"
                and "data-yanked" not in given
                and (name := _FILE.fullmatch(url.rpartition("/")[2]))
            ):
                found.append(
                    Package(
                        name[1],
                        url,
                        fragment.removeprefix("sha256=")
                        if "sha256=" in fragment
                        else "",
                    )
                )

    Anchors().feed(text)
    return found


def document_in(package: bytes, shown: str) -> bytes:
    """Return the OpenAPI document in a source package. Raises SpecError where it is not there or cannot be read."""
    try:
        with tarfile.open(fileobj=io.BytesIO(package), mode="r|gz") as archive:
            for member in archive:
                if member.isfile() and member.name.endswith(f"/{DOCUMENT}"):
                    if member.size > LIMIT:
                        raise SpecError(
                            f"{shown}: {member.name} is too large; accepted: {LIMIT // 2**20} MiB"
                        )
                    file = archive.extractfile(member)
                    content = file.read() if file else b""
                    if len(content) < member.size:
                        raise EOFError("cut short")
                    return content
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise SpecError(f"{shown}: no tar.gz that can be read: {error}") from None
    raise SpecError(f"{shown}: has no {DOCUMENT}")
