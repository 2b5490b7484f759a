"""The bytes of scripted responses: head, body, framing."""

import gzip
import http.client
import re
from dataclasses import replace

from contract.model import Delivery, Request, Response


def framed_headers(response: Response, length: int) -> list[tuple[str, str]]:
    """Return the headers of a response, with its Content-Length if that is missing."""
    names = {name.lower() for name, _ in response.headers}
    if names & {"content-length", "transfer-encoding"} or lacks_body(response):
        return [*response.headers]
    return [*response.headers, ("Content-Length", str(length))]


def lacks_body(response: Response) -> bool:
    """Return whether a response ends with its head (RFC 9110, section 6.4.1)."""
    return response.status in (204, 304) or response.status < 200


GZIP = re.compile(
    r"(?:^|,)\s*gzip\s*(?:;\s*q=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?))?\s*(?=,|$)"
)
"""gzip in a list of codings, and its weight if it has one."""


def packed(response: Response, request: Request) -> Response:
    """Return a response as its request may get it, by gzip if that is due."""
    if response.delivery is not Delivery.GZIP or not admits_gzip(request):
        return response
    headers = (*response.headers, ("Content-Encoding", "gzip"))
    return replace(response, headers=headers, body=gzip.compress(response.body))


def admits_gzip(request: Request) -> bool:
    """Return whether a request names gzip, not with weight 0 (RFC 9110, 12.5.3)."""
    codings = ",".join(request.all_headers("Accept-Encoding")).lower()
    return any(float(weight or 1) > 0 for weight in GZIP.findall(codings))


def chunks(body: bytes) -> bytes:
    """Return the body in two chunks, or none if it is empty (RFC 9112, 7.1).

    The chunks have an extension and end with a trailer, which clients must skip.
    """
    half = (len(body) + 1) // 2
    parts = filter(None, (body[:half], body[half:]))
    encoded = [b"%x;part=1\r\n%s\r\n" % (len(part), part) for part in parts]
    return b"".join(encoded) + b"0\r\nX-Contract-Trailer: end\r\n\r\n"


def is_chunked(response: Response) -> bool:
    """Return whether the body of a response is sent in chunks."""
    return "chunked" in (response.header("Transfer-Encoding") or "").lower()


def stays_open(request: Request, response: Response) -> bool:
    """Return whether a connection can be used again after a response."""
    options = request.header("Connection"), response.header("Connection")
    is_last = "close" in [(option or "").lower() for option in options]
    if is_last or response.delivery in (Delivery.CUT, Delivery.HTTP_1_0):
        return False
    if is_chunked(response):
        return True
    length = len(response.body)
    default = 0 if lacks_body(response) else length
    return (response.header("Content-Length") or str(default)) == str(length)


def response_head(response: Response, length: int) -> bytes:
    """Return status line and headers, with the length of the body."""
    phrase = http.client.responses.get(response.status, "Unnamed")
    version = "1.0" if response.delivery is Delivery.HTTP_1_0 else "1.1"
    lines = [f"HTTP/{version} {response.status} {phrase}"]
    lines += [f"{name}: {value}" for name, value in framed_headers(response, length)]
    text = "\r\n".join([*lines, "", ""])
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()
