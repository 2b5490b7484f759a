"""The newest published OpenAPI document, from the source package of the Python SDK."""

import hashlib
import io
import json
import re
import subprocess
import sys
import tarfile
import zlib
from html import unescape
from typing import NamedTuple
from urllib.parse import urldefrag, urljoin

from contract.drift.fetch import LIMIT, fetch, without_credentials
from contract.errors import SpecError, SubjectError

__all__ = ["DOCUMENT", "document_in", "newest", "upstream"]

PUBLIC = "https://pypi.org/simple"
PROJECT = "datadog-api-client"
DOCUMENT = ".generator/schemas/v2/openapi.yaml"

_FILE = re.compile(r"datadog[-_]api[-_]client-(\d+(?:\.\d+)*)\.tar\.gz")
_ACCEPT = "application/vnd.pypi.simple.v1+json, text/html;q=0.1"
_INDEX = re.compile(r"^(:env:|download|global)\.index.url='(.*)'$", re.MULTILINE)


class Package(NamedTuple):
    """A source package of the SDK. `sha256` is empty if the registry has none."""

    version: str
    url: str
    sha256: str


def upstream(registry: str | None = None) -> tuple[str, bytes]:
    """Return the newest version of the SDK, and the OpenAPI document (v2) in it.

    `registry` is the address of a package index (PEP 503 or PEP 691), by default pip's.
    Raises SubjectError if it cannot be reached, SpecError if the package does not exist
    or cannot be read.
    """
    package = newest((registry or _pip_index() or PUBLIC).rstrip("/"))
    content = fetch(package.url)
    name = without_credentials(package.url)
    if package.sha256 not in ("", hashlib.sha256(content).hexdigest()):
        raise SpecError(f"{name}: its SHA-256 differs from the registry's")
    return package.version, document_in(content, name)


def _pip_index() -> str:
    """Return the package index that pip is configured for, or an empty text."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    try:
        process = subprocess.run(  # noqa: S603
            command, check=False, capture_output=True, text=True, timeout=60
        )
    except (OSError, subprocess.SubprocessError) as error:
        reason = type(error).__name__
        raise SubjectError(f"pip cannot name its registry: {reason}") from None
    urls = dict(_INDEX.findall(process.stdout))
    return next(filter(None, map(urls.get, (":env:", "download", "global"))), "")


def newest(registry: str) -> Package:
    """Return the newest source package of the SDK that is final and not yanked.

    Raises as `upstream` does.
    """
    page = f"{registry}/{PROJECT}/"
    name, text = (
        without_credentials(page),
        fetch(page, _ACCEPT).decode("utf-8", "replace"),
    )
    try:
        is_json = text.lstrip().startswith("{")
        packages = _from_json(page, text) if is_json else _from_html(page, text)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise SpecError(f"{name}: not a list of packages") from None
    if not packages:
        accepted = f"{PROJECT}-VERSION.tar.gz"
        raise SpecError(f"{name}: no source package; accepted: {accepted}")
    return max(packages, key=lambda package: [*map(int, package.version.split("."))])


def _from_json(page: str, text: str) -> list[Package]:
    return [
        Package(match[1], urljoin(page, file["url"]), file["hashes"].get("sha256", ""))
        for file in json.loads(text)["files"]
        if (match := _FILE.fullmatch(file["filename"])) and not file.get("yanked")
    ]


def _from_html(page: str, text: str) -> list[Package]:
    packages = []
    for anchor in re.findall(r"<a\s[^>]*>", text):
        href = re.search(r"""\shref\s*=\s*["']([^"']*)""", anchor)
        url, fragment = urldefrag(urljoin(page, unescape(href[1]) if href else ""))
        name = _FILE.fullmatch(url.rpartition("/")[2])
        if name and "data-yanked" not in anchor:
            digest = fragment.partition("sha256=")[2]
            packages.append(Package(name[1], url, digest))
    return packages


def document_in(package: bytes, name: str) -> bytes:
    """Return the OpenAPI document in a source package.

    Raises SpecError if it does not exist or cannot be read.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(package), mode="r|gz") as archive:
            for member in archive:
                if member.isfile() and member.name.endswith(f"/{DOCUMENT}"):
                    if member.size > LIMIT:
                        accepted = f"{LIMIT // 2**20} MiB"
                        raise SpecError(f"{name}: too large; accepted: {accepted}")
                    file = archive.extractfile(member)
                    content = file.read() if file else b""
                    if len(content) < member.size:
                        raise EOFError
                    return content
    except (tarfile.TarError, EOFError, OSError, zlib.error):
        raise SpecError(f"{name}: not a tar.gz that can be read") from None
    raise SpecError(f"{name}: has no {DOCUMENT}")
