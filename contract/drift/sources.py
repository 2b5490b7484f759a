"""Sources of a witness: files, addresses, and the newest Python SDK."""

import hashlib
import io
import json
import re
import subprocess
import sys
import tarfile
import time
import zlib
from urllib.parse import urljoin, urlsplit

import requests

from contract.errors import SpecError, SubjectError
from contract.spec.text import read_bytes

LIMIT = 64 * 2**20
"""The most bytes that are fetched."""

SILENCE_S, DEADLINE_S = 30, 300
"""The longest pause of a server, and the longest time for a document."""

PROJECT = "datadog-api-client"
DOCUMENT = ".generator/schemas/v2/openapi.yaml"

FILE = re.compile(r"datadog[-_]api[-_]client-(\d+(?:\.\d+)*)\.tar\.gz")
INDEX = re.compile(r"^(:env:|download|global)\.index.url='(.+)'$", re.MULTILINE)


def read_source(source: str) -> tuple[str, bytes]:
    """Return name and bytes of a file, or of an `http://` or `https://` address.

    Raises SpecError for a source that cannot be read or is too large, and SubjectError
    if the server cannot be reached.
    """
    if re.match(r"https?://", source, re.IGNORECASE):
        return fetch(source)
    try:
        return source, read_bytes(source)
    except OSError as error:
        raise SpecError(f"{source}: cannot be read: {error.strerror}") from None


def fetch(url: str, accept: str = "*/*") -> tuple[str, bytes]:
    """Return name and bytes of an address. Its name has no credentials, no query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        raise SpecError("not an address; accepted: http(s)://host/path") from None
    host = parts.netloc.rpartition("@")[2]
    name = parts._replace(netloc=host, query="", fragment="").geturl()
    content = bytearray()
    end_s = time.monotonic() + DEADLINE_S
    try:
        with requests.get(
            url, headers={"Accept": accept}, timeout=SILENCE_S, stream=True
        ) as response:
            status = response.status_code
            if status != 200:
                raise SubjectError(f"{name}: answers {status}, not 200")
            for chunk in response.iter_content(2**16):
                content += chunk
                check_size(name, len(content))
                if time.monotonic() > end_s:
                    raise SubjectError(f"{name}: not read within {DEADLINE_S} s")
    except (requests.RequestException, ValueError) as error:  # ValueError: urllib3
        reason = type(error).__name__
        raise SubjectError(f"{name}: cannot be reached: {reason}") from None
    return name, bytes(content)


def check_size(name: str, size: int) -> None:
    if size > LIMIT:
        raise SpecError(f"{name}: too large; accepted: {LIMIT // 2**20} MiB")


def upstream() -> tuple[str, bytes]:
    """Return the name of the newest SDK, and the OpenAPI document (v2) in it.

    It is the newest source package of pip's index that is final and not yanked. Raises
    SubjectError if the index cannot be reached, SpecError if it is no JSON (PEP 691),
    or if the package does not exist or cannot be read.
    """
    page = f"{pip_index().rstrip('/')}/{PROJECT}/"
    name, text = fetch(page, "application/vnd.pypi.simple.v1+json")
    try:
        packages = [
            (
                [*map(int, match[1].split("."))],
                match[1],
                urljoin(page, file["url"]),
                file["hashes"].get("sha256", ""),
            )
            for file in json.loads(text)["files"]
            if (match := FILE.fullmatch(file["filename"]))
            if not file.get("yanked")
        ]
    except (ValueError, KeyError, TypeError, AttributeError):
        message = "not a list of packages; accepted: JSON (PEP 691)"
        raise SpecError(f"{name}: {message}") from None
    if not packages:
        accepted = f"{PROJECT}-VERSION.tar.gz"
        raise SpecError(f"{name}: no source package; accepted: {accepted}")
    _, version, url, digest = max(packages)
    name, content = fetch(url)
    if digest not in ("", hashlib.sha256(content).hexdigest()):
        raise SpecError(f"{name}: its SHA-256 differs from the registry's")
    return f"{PROJECT} {version}", document_in(content, name)


def pip_index() -> str:
    process = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"],
        capture_output=True,
        text=True,
    )
    urls: dict[str, str] = dict(INDEX.findall(process.stdout))
    in_order = map(urls.get, (":env:", "download", "global"))
    return next(filter(None, in_order), "https://pypi.org/simple")


def document_in(package: bytes, name: str) -> bytes:
    try:
        with tarfile.open(fileobj=io.BytesIO(package), mode="r|gz") as archive:
            for member in archive:
                if not member.name.endswith(f"/{DOCUMENT}"):
                    continue
                check_size(name, member.size)
                if file := archive.extractfile(member):
                    content = file.read()
                    if len(content) < member.size:
                        raise EOFError
                    return content
    except (tarfile.TarError, EOFError, OSError, zlib.error):
        raise SpecError(f"{name}: not a tar.gz that can be read") from None
    raise SpecError(f"{name}: has no {DOCUMENT}")
