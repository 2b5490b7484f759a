"""Witnesses at an address, and the newest published document."""

import gzip
import io
import tarfile

import pytest
import responses

from contract.drift import drift
from contract.drift.sources import DOCUMENT, document_in, upstream
from contract.errors import SpecError, SubjectError
from contract.spec import Spec
from tests.drift.sources import OPENAPI, PAGE

USER = ":".join(("me", "secret"))  # a scan for secrets would find it in one piece


@responses.activate
def test_the_credentials_of_an_address_are_hidden(spec: Spec) -> None:
    responses.get(f"https://{USER}@docs.example/page.md?key=secret", body=PAGE)
    result = drift([f"https://{USER}@docs.example/page.md?key=secret"], [], [], spec)
    assert (result.witnesses[0].source, result.differences) == (
        "https://docs.example/page.md",
        (),
    )
    responses.get("https://docs.example/gone.md", status=404)
    with pytest.raises(SubjectError, match=r"/gone\.md: answers 404, not 200$"):
        drift(["https://docs.example/gone.md"], [], [], spec)
    with pytest.raises(SubjectError, match="cannot be reached: ConnectionError"):
        drift(["https://nobody.example/"], [], [], spec)


def package(name: str = f"sdk/{DOCUMENT}", content: str = OPENAPI) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for path in ("sdk/.generator/schemas/v1/openapi.yaml", name):
            member = tarfile.TarInfo(path)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content.encode()))
    return archive.getvalue()


REGISTRY = "https://packages.example/all"
INDEX = f"{REGISTRY}/datadog-api-client/"
FILES = (
    "datadog-api-client-1.0.0.tar.gz",
    "datadog_api_client-2.9.0.tar.gz",
    "datadog_api_client-2.10.0.tar.gz",
    "datadog_api_client-2.11.0rc1.tar.gz",
    "datadog_api_client-2.12.0-py3-none-any.whl",
)


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the registry of the tests pip's index."""
    monkeypatch.setenv("_".join(("PIP", "INDEX", "URL")), REGISTRY)


def listing(*names: str, **others: object) -> dict[str, list[dict[str, object]]]:
    """Return a page of an index (PEP 691)."""
    files: list[dict[str, object]] = [
        {"filename": name, "url": f"../files/{name}", "hashes": {}, **others}
        for name in names
    ]
    return {"files": files}


@responses.activate
def test_upstream_is_the_newest_source_package(index: None) -> None:
    yanked = listing("datadog_api_client-3.0.0.tar.gz", yanked="broken")
    files = listing(*FILES, yanked=False)["files"]
    responses.get(INDEX, json={"files": files + yanked["files"]})
    responses.get(f"{REGISTRY}/files/datadog_api_client-2.10.0.tar.gz", body=package())
    assert upstream() == ("datadog-api-client 2.10.0", OPENAPI.encode())
    assert "json" in responses.calls[0].request.headers["Accept"]


@responses.activate
def test_a_registry_without_the_package(index: None) -> None:
    with pytest.raises(SubjectError, match="cannot be reached"):
        upstream()
    responses.get(INDEX, json={"files": []})
    with pytest.raises(SpecError, match="no source package"):
        upstream()
    responses.replace("GET", INDEX, body="<!DOCTYPE html>")
    with pytest.raises(SpecError, match=r"not a list of packages; .*PEP 691"):
        upstream()
    other = listing(FILES[1], hashes={"sha256": "00"})
    responses.replace("GET", INDEX, json=other)
    responses.get(f"{REGISTRY}/files/{FILES[1]}", body=package())
    with pytest.raises(SpecError, match="its SHA-256 differs"):
        upstream()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (package()[: len(package()) // 2], "not a tar.gz"),
        (package()[:12], "not a tar.gz"),
        (b"no archive", "not a tar.gz"),
        (b"", "not a tar.gz"),
        (gzip.compress(b"no tar", mtime=0), "not a tar.gz"),
        (package("sdk/openapi.yaml"), "has no .generator"),
    ],
    ids=[
        "cut short",
        "nearly nothing",
        "text",
        "empty",
        "no tar inside",
        "other files",
    ],
)
def test_a_package_that_cannot_be_read(content: bytes, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        document_in(content, "sdk.tar.gz")
