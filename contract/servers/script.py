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
    """One case: its responses, its certificate, and the requests so far."""

    responses: Sequence[Response] = ()
    tls: Tls = Tls.TRUSTED
    records: list[Record] = field(default_factory=list)
    sent: int = 0

    def record(self, request: Request) -> Record:
        """Record a request once it is complete."""
        record = Record(request)
        self.records.append(record)
        return record

    def next_response(self) -> Response | None:
        """Return the next response, or None."""
        self.sent += 1
        is_left = self.sent <= len(self.responses)
        return self.responses[self.sent - 1] if is_left else None

    def recorded(self) -> tuple[tuple[Request, ...], tuple[Response | None, ...]]:
        """Return the requests with their responses."""
        records = tuple(self.records)
        return (
            tuple(record.request for record in records),
            tuple(record.response for record in records),
        )
