"""The responses of one case, and the requests that a server records."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from contract.model import Request, Response, Tls


@dataclass
class Record:
    """A request and its response."""

    request: Request
    response: Response | None = None


@dataclass
class Script:
    """Responses and certificate of a case, and the requests so far."""

    responses: Sequence[Response] = ()
    tls: Tls = Tls.TRUSTED
    records: list[Record] = field(default_factory=list)
    sent: int = 0

    def record(self, request: Request) -> Record:
        self.records.append(Record(request))
        return self.records[-1]

    def answer(self, request: Request) -> Record:
        """Record a request with the next response, if one is left."""
        record = self.record(request)
        record.response = self.next_response()
        return record

    def next_response(self) -> Response | None:
        self.sent += 1
        is_left = self.sent <= len(self.responses)
        return self.responses[self.sent - 1] if is_left else None

    def recorded(self) -> tuple[tuple[Request, ...], tuple[Response | None, ...]]:
        records = tuple(self.records)
        responses = tuple(record.response for record in records)
        return tuple(record.request for record in records), responses


def framed_headers(response: Response, length: int) -> list[tuple[str, str]]:
    """Return the headers of a response, with its Content-Length if that is missing."""
    names = {name.lower() for name, _ in response.headers}
    is_framed = names & {"content-length", "transfer-encoding"}
    if is_framed or has_no_body(response):
        return [*response.headers]
    return [*response.headers, ("Content-Length", str(length))]


def has_no_body(response: Response) -> bool:
    """Return whether a response ends with its head (RFC 9110, section 6.4.1)."""
    return response.status in (204, 304) or response.status < 200
