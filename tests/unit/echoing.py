"""A service and a client that repeat secrets wherever others can."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from contract.sandbox import ORGS, Sandbox
from tests.unit.secret_forms import FORMS

__all__ = ["KEYS", "PLACES", "EchoingSandbox", "environment", "leaks_in", "repeated"]

KEYS = {
    "DD_API_KEY": "0123abcd4567efab" + "0123cdef4567abc9",
    "DD_APP_KEY": "fedc9876ba543210fedc" + "9876ba543210fedc9876",
    "CONTRACT_OTHER_API_KEY": "k\"e%y+/\\<9>&'x#m;n=o?p~q",
    "CONTRACT_OTHER_APP_KEY": "A{b}C|d^E`f[g]H(i)J*k,L.m:N!o@P$q",
}
"""Two pairs of keys: of hexadecimal digits, and full of punctuation."""

PIECE = 10
"""Characters of a secret in a row that are a leak."""

PLACES = (
    "error text",
    "member value",
    "member name",
    "header",
    "header name",
    "rate limit",
    "content type",
    "id",
    "list",
    "html",
    "location",
)

Start = Callable[..., Any]


def environment() -> dict[str, str]:
    """Return the variables of a run with both pairs."""
    return dict(KEYS)


def repeated(forms: Sequence[str], secrets: Iterable[str] = KEYS.values()) -> str:
    """Return all secrets in some forms."""
    return " ".join(FORMS[form](secret) for secret in secrets for form in forms)


class EchoingSandbox(Sandbox):
    """The sandbox with these keys. Each response repeats them in another place."""

    def __init__(
        self, text: str, places: Sequence[str] = PLACES, *, may_create: bool = True
    ) -> None:
        super().__init__()
        pairs = zip(*[iter(KEYS.values())] * 2, ORGS, strict=False)
        self.orgs = {
            (api, app): replace(org, api_key=api, app_key=app)
            for api, app, org in pairs
        }
        self.text, self.places = text, places
        self.may_create = may_create
        self.count = 0

    def __call__(self, environ: Any, start_response: Start) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        answer: list[Any] = []
        body = b"".join(super().__call__(environ, lambda *args: answer.extend(args)))
        status, headers = answer[:2]
        method = environ["REQUEST_METHOD"]
        if method == "POST" and not self.may_create:
            status, headers, body = self.spoiled("refusal", status, headers, body)
        elif method == "PATCH":
            self.count += 1
            place = self.places[self.count % len(self.places)]
            status, headers, body = self.spoiled(place, status, headers, body)
        elif method == "GET" and "list" in self.places and body[:1] == b"{":
            status, headers, body = self.spoiled("list", status, headers, body)
        start_response(status, headers)
        return [body]

    def spoiled(
        self, place: str, status: str, headers: list[tuple[str, str]], body: bytes
    ) -> tuple[str, list[tuple[str, str]], bytes]:
        """Put the text into a place of a response."""
        document = json.loads(body) if body[:1] == b"{" else {"errors": []}
        text, line = self.text, self.text.encode("ascii", "replace").decode()
        fields = dict(headers)
        data = document.get("data")
        match place:
            case "error text":
                status = status if "errors" in document else "400 Bad Request"
                document = {"errors": [text, f"{'x' * 40}{text}"]}
            case "member value" if isinstance(data, dict):
                data["attributes"]["event_id"] = text
                data["attributes"]["start"] = text
            case "member name" if isinstance(data, dict):
                data["attributes"][text] = {text: text}
                data["type"] = text
            case "header":
                fields["X-Debug"] = line
            case "header name":
                fields[f"X-{quote(next(iter(KEYS.values())))}"] = "1"
            case "rate limit":
                fields["X-RateLimit-Reset"] = fields["X-RateLimit-Limit"] = line
            case "content type":
                fields["Content-Type"] = f"text/{line}"
            case "id" if isinstance(data, dict):
                data["id"] = text
            case "list" if isinstance(data, list):
                for row in data:
                    row["attributes"]["event_id"] = text
            case "refusal":
                status, fields["Content-Type"] = "400 Bad Request", f"text/{line}"
            case "html":
                status = "500 Internal Server Error"
                body = f"<h1>{text}</h1>".encode()
            case "location":
                status = "302 Found"
                fields["Location"] = f"https://sandbox.example/?k={line}"
        if place != "html":
            body = json.dumps(document).encode()
        fields["Content-Length"] = str(len(body))
        return status, list(fields.items()), body


def leaks_in(texts: dict[str, str], secrets: Iterable[str] = KEYS.values()) -> set[str]:
    """Return the names of texts with ten characters in a row of a secret."""
    pieces = {
        secret[start : start + PIECE].lower()
        for secret in secrets
        for start in range(len(secret) - PIECE + 1)
    }
    pieces |= {json.dumps(piece)[1:-1] for piece in pieces}
    return {
        name
        for name, text in texts.items()
        if any(piece in text.lower() for piece in pieces)
    }


def texts_of(directory: Path) -> dict[str, str]:
    """Return the files under a directory, by their names."""
    return {
        str(path.relative_to(directory)): path.read_text(errors="replace")
        for path in directory.rglob("*")
        if path.is_file()
    }
