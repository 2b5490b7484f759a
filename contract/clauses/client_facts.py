"""Facts about an exchange with a client, computed once for all clauses."""

from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urljoin, urlsplit

from contract.clauses import base
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
    """Facts about one exchange with a client."""

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

        One after a redirect is left out: C-REDIRECT checks it. So is one after a reset:
        C-RETRY checks it.
        """
        for number, response in enumerate(self.exchange.responses, start=1):
            if response is None:
                continue
            if response.delivery is Delivery.RESET or response.location is not None:
                return self.exchange.requests[:number]
        return self.exchange.requests

    @property
    def requests_after_reset(self) -> tuple[Request, ...]:
        pairs = zip(self.exchange.requests[1:], self.exchange.responses, strict=False)
        return tuple(r for r, s in pairs if s and s.delivery is Delivery.RESET)

    @property
    def may_fail(self) -> bool:
        """True if the site closed the open connection just before the call."""
        first = self.case.first_call
        return first is not None and first.is_closed

    @cached_property
    def sent_bodies(self) -> tuple[base.ParsedBody, ...]:
        return tuple(map(base.parse_request, self.own_requests))

    @property
    def keys(self) -> tuple[str, str]:
        return self.case.credential.api_key, self.case.credential.app_key

    def parts_with_a_key(self, request: Request) -> list[str]:
        body = request.body.decode("latin-1")
        texts = (("url", request.url), ("body", body), *request.headers)
        a, b = self.keys
        return [part for part, text in texts if a in text or b in text]

    @cached_property
    def response(self) -> Response:
        """The scripted response that decides the call, of status 0 if none does.

        None does if nothing was sent, or if it is a redirect or did not come whole.
        """
        responses = [response or UNDECIDED for response in self.exchange.responses]
        if not self.has_sent or not responses or responses[0].location is not None:
            return UNDECIDED
        return responses[-1] if responses[-1].delivery.is_whole else UNDECIDED

    @cached_property
    def body(self) -> base.ParsedBody:
        return base.parse(self.response.body)

    @property
    def outcome(self) -> Outcome:
        return self.exchange.outcome

    @property
    def has_outcome(self) -> bool:
        return self.is_supported and self.outcome.kind is not OutcomeKind.CRASHED

    @property
    def is_supported(self) -> bool:
        return self.outcome.kind is not OutcomeKind.UNSUPPORTED

    @property
    def has_succeeded(self) -> bool:
        return self.outcome.kind is OutcomeKind.SNAPSHOT

    @property
    def has_failed(self) -> bool:
        return self.outcome.kind is OutcomeKind.FAILED

    @property
    def has_refused(self) -> bool:
        return self.outcome.kind is OutcomeKind.REFUSED

    @property
    def is_reported(self) -> bool:
        return self.response.status > 0 and self.has_outcome

    @cached_property
    def is_documented_success(self) -> bool:
        body, schema = self.body, self.spec.success_schema
        if self.response.status != 200 or body.defect:
            return False
        return schema.is_valid(body.value) and "errors" not in body.value

    @cached_property
    def error_texts(self) -> tuple[str, ...] | None:
        body = self.body
        is_valid = not body.defect and self.spec.error_schema.is_valid(body.value)
        return tuple(body.value["errors"]) if is_valid else None

    @cached_property
    def redirect(self) -> tuple[str, str] | None:
        pairs = zip(self.exchange.requests, self.exchange.responses, strict=False)
        for request, response in pairs:
            if response and response.location:
                with suppress(ValueError):  # no client can follow what is no URL
                    return self.other_origin(urljoin(request.url, response.location))
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
        for secret in base.key_parts(self.keys):
            text = text.replace(secret, "[key]")
        return shorten(text, length)

    def describe(self, difference: Difference) -> str:
        pointer = self.excerpt(difference.pointer) or ROOT
        values = map(as_text, (difference.expected, difference.actual))
        texts = (self.excerpt(text, 60) for text in values)
        return f"{pointer}: {' became '.join(texts)}."


client_clause = base.Clause[ClientFacts]
