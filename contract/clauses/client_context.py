"""Facts about one exchange with a client, computed once and shared by the clauses."""

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TypeAlias
from urllib.parse import urljoin, urlsplit

from contract.clauses.base import SHORTEST_SECRET, Clause, secrets_of
from contract.clauses.bodies import ParsedBody, parse, parse_request
from contract.jsondiff import Difference, as_text, shorten
from contract.model import (
    ROOT,
    ClientCase,
    ClientExchange,
    Delivery,
    Outcome,
    OutcomeKind,
    Request,
    Response,
    Tls,
)
from contract.spec import Spec

UNDECIDED = Response(0)

SHORTEST_TIMEOUT_S = 1.0
"""A shorter time-out may end a call before its request is sent."""


@dataclass(frozen=True)
class ClientFacts:
    """One exchange with a client, and the contract that it is checked against."""

    exchange: ClientExchange
    spec: Spec

    @property
    def case(self) -> ClientCase:
        return self.exchange.case

    @property
    def site(self) -> str:
        return self.exchange.site

    @property
    def is_sendable(self) -> bool:
        return self.case.violation is None and self.case.tls is Tls.TRUSTED

    @property
    def has_invalid_body(self) -> bool:
        violation = self.case.violation
        return violation is not None and violation.is_in_body

    def is_invalid(self, *parameters: str) -> bool:
        violation = self.case.violation
        return violation is not None and violation.place in parameters

    @property
    def label_places(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(label.place for label in self.case.labels))

    @property
    def has_sent(self) -> bool:
        return bool(self.exchange.requests)

    @cached_property
    def own_requests(self) -> tuple[Request, ...]:
        """The requests that the client made for the call itself.

        One after a redirect is left out: C-REDIRECT checks it. So is one after a reset.
        Only behind a proxy, an HTTP library sends again then (urllib3 2: ProxyError).
        """
        for number, response in enumerate(self.exchange.responses, start=1):
            is_reset = response is not None and response.delivery is Delivery.RESET
            if is_reset or redirect_location(response) is not None:
                return self.exchange.requests[:number]
        return self.exchange.requests

    @cached_property
    def sent_bodies(self) -> tuple[ParsedBody, ...]:
        return tuple(map(parse_request, self.own_requests))

    @property
    def keys(self) -> tuple[str, str]:
        return self.case.credential.api_key, self.case.credential.app_key

    def parts_with_a_key(self, request: Request) -> list[str]:
        body = request.body.decode("latin-1")
        texts = (("url", request.url), ("body", body), *request.headers)
        return [part for part, text in texts if any(key in text for key in self.keys)]

    @cached_property
    def response(self) -> Response:
        """The scripted response that decides the call.

        Its status is 0 if no response decides: nothing was sent, the response is a
        redirect, or it did not reach the client whole.
        """
        responses = self.exchange.responses if self.has_sent else ()
        if not responses or redirect_location(responses[0]) is not None:
            return UNDECIDED
        final = responses[-1] or UNDECIDED
        return final if final.delivery is Delivery.WHOLE else UNDECIDED

    @cached_property
    def response_body(self) -> ParsedBody:
        return parse(self.response.body)

    @property
    def outcome(self) -> Outcome:
        return self.exchange.outcome

    @property
    def has_outcome(self) -> bool:
        return self.is_supported and self.outcome.kind is not OutcomeKind.CRASHED

    @property
    def is_supported(self) -> bool:
        """True if the client could express the case."""
        return self.outcome.kind is not OutcomeKind.UNSUPPORTED

    @property
    def has_succeeded(self) -> bool:
        return self.outcome.kind is OutcomeKind.SNAPSHOT

    @property
    def has_failed(self) -> bool:
        return self.outcome.kind is OutcomeKind.FAILED

    @property
    def is_reported(self) -> bool:
        return self.response.status > 0 and self.has_outcome

    @cached_property
    def is_documented_success(self) -> bool:
        body, schema = self.response_body, self.spec.success_schema
        if self.response.status != 200 or body.defect:
            return False
        return schema.is_valid(body.value) and "errors" not in body.value

    @cached_property
    def error_texts(self) -> tuple[str, ...] | None:
        body = self.response_body
        is_valid = not body.defect and self.spec.error_schema.is_valid(body.value)
        return tuple(body.value["errors"]) if is_valid else None

    @cached_property
    def redirect(self) -> tuple[str, str] | None:
        pairs = zip(self.exchange.requests, self.exchange.responses, strict=False)
        for request, response in pairs:
            if location := redirect_location(response):
                return self.other_origin(urljoin(request.url, location))
        return None

    def other_origin(self, url: str) -> tuple[str, str] | None:
        """Return how the origin of a URL differs, and the origin, or None."""
        own, target = urlsplit(self.spec.url(self.site)), urlsplit(url)
        origin = f"{target.scheme}://{target.netloc.rpartition('@')[2]}"
        if target.hostname != own.hostname:
            return "other-host", origin
        if target.scheme != own.scheme:
            return "plain-http", origin
        return None if target.port in (None, 443) else ("other-port", origin)

    @property
    def reported(self) -> str:
        message = self.excerpt(self.outcome.message)
        return f"{self.outcome.summary}: {message}".removesuffix(": ")

    def excerpt(self, text: str, length: int = 160) -> str:
        """Return a text without keys, cut to a length."""
        for secret in key_parts(self.keys):
            text = text.replace(secret, "[key]")
        return shorten(text, length)

    def describe(self, difference: Difference) -> str:
        pointer = self.excerpt(difference.pointer) or ROOT
        values = map(as_text, (difference.expected, difference.actual))
        texts = (self.excerpt(text, 60) for text in values)
        return f"{pointer}: {' became '.join(texts)}."


def redirect_location(response: Response | None) -> str | None:
    """Return the Location of a redirect, or None for any other response."""
    if response is None or not 300 <= response.status < 400:
        return None
    return response.header("Location")


@lru_cache(maxsize=64)
def key_parts(keys: tuple[str, str]) -> tuple[str, ...]:
    words = re.findall(rf"\w{{{SHORTEST_SECRET},}}", " ".join(keys), re.ASCII)
    return tuple(sorted({*secrets_of(*keys), *words}, key=len, reverse=True))


client_clause: TypeAlias = Clause[ClientFacts]
