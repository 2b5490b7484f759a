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
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import requests

from contract.errors import SpecError, SubjectError

LIMIT = 64 * 2**20
"""The most bytes that a witness may have."""

SILENCE_S, DEADLINE_S = 30, 300
"""The longest pause of a server, and the longest time for a document."""

PUBLIC = "https://pypi.org/simple"
PROJECT = "datadog-api-client"
DOCUMENT = ".generator/schemas/v2/openapi.yaml"

FILE = re.compile(r"datadog[-_]api[-_]client-(\d+(?:\.\d+)*)\.tar\.gz")
INDEX = re.compile(r"^(:env:|download|global)\.index.url='(.+)'$", re.MULTILINE)


def read_source(source: str) -> bytes:
    """Return the bytes of a file, or of an `http://` or `https://` address.

    Raises SpecError for a source that cannot be read or has more than 64 MiB, and
    SubjectError if the server cannot be reached.
    """
    if re.match(r"https?://", source, re.IGNORECASE):
        return fetch(source)
    try:
        with Path(source).open("rb") as file:
            content = file.read(LIMIT + 1)
    except OSError as error:
        raise SpecError(f"{source}: cannot be read: {error.strerror}") from None
    check_size(source, len(content))
    return content


def fetch(url: str, accept: str = "*/*") -> bytes:
    """Return the bytes at an address. Hide its credentials in errors."""
    name = without_credentials(url)
    headers = {"Accept": accept}
    content = bytearray()
    start_s = time.monotonic()
    try:
        with requests.get(
            url, headers=headers, timeout=SILENCE_S, stream=True
        ) as response:
            status = response.status_code
            if status != 200:
                raise SubjectError(f"{name}: answers {status}, not 200")
            for chunk in response.iter_content(2**16):
                content += chunk
                check_size(name, len(content))
                if time.monotonic() - start_s > DEADLINE_S:
                    raise SubjectError(f"{name}: not read within {DEADLINE_S} s")
    except (requests.RequestException, ValueError) as error:  # ValueError: urllib3
        reason = type(error).__name__
        raise SubjectError(f"{name}: cannot be reached: {reason}") from None
    return bytes(content)


def check_size(name: str, size: int) -> None:
    if size > LIMIT:
        raise SpecError(f"{name}: too large; accepted: {LIMIT // 2**20} MiB")


def without_credentials(url: str) -> str:
    """Return an address without user, password and query, or a file name."""
    if "://" not in url:
        return url
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host, query="", fragment="").geturl()


def upstream() -> tuple[str, bytes]:
    """Return the newest version of the SDK, and the OpenAPI document (v2) in it.

    It is the newest source package of pip's index that is final and not yanked. Raises
    SubjectError if the index cannot be reached, SpecError if it is no JSON (PEP 691),
    or if the package does not exist or cannot be read.
    """
    page = f"{pip_index().rstrip('/')}/{PROJECT}/"
    name = without_credentials(page)
    text = fetch(page, "application/vnd.pypi.simple.v1+json")
    try:
        packages = [
            (match[1], urljoin(page, file["url"]), file["hashes"].get("sha256", ""))
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
    version, url, digest = max(
        packages, key=lambda package: [*map(int, package[0].split("."))]
    )
    content = fetch(url)
    name = without_credentials(url)
    if digest not in ("", hashlib.sha256(content).hexdigest()):
        raise SpecError(f"{name}: its SHA-256 differs from the registry's")
    return version, document_in(content, name)


def pip_index() -> str:
    process = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"],
        check=False,
        capture_output=True,
        text=True,
    )
    urls: dict[str, str] = dict(INDEX.findall(process.stdout))
    keys = (":env:", "download", "global")
    return next((urls[key] for key in keys if key in urls), PUBLIC)


def document_in(package: bytes, name: str) -> bytes:
    try:
        with tarfile.open(fileobj=io.BytesIO(package), mode="r|gz") as archive:
            for member in archive:
                if member.isfile() and member.name.endswith(f"/{DOCUMENT}"):
                    check_size(name, member.size)
                    file = archive.extractfile(member)
                    content = file.read() if file else b""
                    if len(content) < member.size:
                        raise EOFError
                    return content
    except (tarfile.TarError, EOFError, OSError, zlib.error):
        raise SpecError(f"{name}: not a tar.gz that can be read") from None
    raise SpecError(f"{name}: has no {DOCUMENT}")
