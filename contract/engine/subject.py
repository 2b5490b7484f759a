"""The interface of a subject under test, the results of a play, and a recorder."""

import marshal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from hashlib import sha256
from operator import attrgetter
from typing import Any, Protocol, TypeAlias

from contract.jsondiff import canonical
from contract.model import (
    ABRIDGED,
    AnyExchange,
    ClientExchange,
    Outcome,
    SubjectKind,
)
from contract.model.bodies import abridged_body
from contract.spec import Spec


@dataclass(frozen=True)
class Skipped:
    """A case that was begun and cannot be judged."""

    reason: str


@dataclass(frozen=True)
class Stopped:
    """The end of a run. `is_planned` means that a budget of the user is spent."""

    reason: str
    is_planned: bool = False


PlayResult: TypeAlias = AnyExchange | Skipped | Stopped


class Subject(Protocol):
    """A client or a service under test.

    `is_real_time` says whether waiting costs real time, `overlaps` whether several
    cases can wait at once. `is_repeatable` says whether a case can be played again to
    confirm a breach. Cases are those of its kind.
    `secrets` are values that nothing may show, by their names.
    """

    kind: SubjectKind
    name: str
    version: str
    is_real_time: bool
    overlaps: bool
    is_repeatable: bool
    secrets: Mapping[str, str]

    def skip_reason(self, case: Any) -> str:
        """Return why a case cannot be played, or an empty string."""

    def play(self, case: Any, site: str) -> PlayResult:
        """Play a case on a site. Raise SubjectError if the subject is lost."""

    def replayed(self, *, is_end: bool = False) -> Sequence[AnyExchange]:
        """Return the cases that were played again, each alone, since the last call.

        A subject may look at several cases together, and at the rest when all `is_end`.
        """

    def waiting_cost_s(self, exchange: Any) -> float:
        """Return the seconds of time-outs that an exchange cost, or 0."""

    def while_waiting(self, work: Callable[[], object]) -> bool:
        """Do work while a response is awaited. Return whether there are such times."""

    def renewed(self) -> "Subject":
        """Return the subject to confirm a breach on.

        A driver is started again, and a lost service may answer again.
        """


class Recorder:
    """A subject that records the exchanges of another one.

    Neither a disturbed exchange that was repeated nor a confirmation is recorded, nor
    one that is stored abridged.
    """

    def __init__(self, subject: Subject) -> None:
        self.kind, self.name = subject.kind, subject.name
        self.version, self.secrets = subject.version, subject.secrets
        self.is_real_time, self.overlaps = subject.is_real_time, subject.overlaps
        self.is_repeatable = subject.is_repeatable
        self.skip_reason = subject.skip_reason
        self.waiting_cost_s = subject.waiting_cost_s
        self.renewed = subject.renewed
        self.while_waiting = subject.while_waiting
        self.exchanges: list[AnyExchange] = []
        self._subject = subject

    def play(self, case: Any, site: str) -> PlayResult:
        result = self._subject.play(case, site)
        if not isinstance(result, Skipped | Stopped):
            if self.exchanges and is_repetition(self.exchanges[-1], result):
                self.exchanges.pop()
            if is_whole(result):
                self.exchanges.append(result)
        return result

    def replayed(self, *, is_end: bool = False) -> Sequence[AnyExchange]:
        replays = self._subject.replayed(is_end=is_end)
        self.exchanges += filter(is_whole, replays)
        return replays


def is_repetition(earlier: AnyExchange, exchange: AnyExchange) -> bool:
    is_same = (earlier.case, earlier.site) == (exchange.case, exchange.site)
    return earlier.is_disturbed and is_same


# -- what is stored of an exchange --

MOST_LISTED = 1 << 20
"""Bytes of a listing that is stored, as `marshal` writes it."""


def abridged(exchange: AnyExchange) -> AnyExchange:
    """Return an exchange with the beginning of each text that its subject sent."""
    bodies = "requests" if isinstance(exchange, ClientExchange) else "responses"
    messages, outcome = getattr(exchange, bodies), abridged_outcome(exchange.outcome)
    changes: dict[str, Any] = {
        name: None for name in ("before", "after") if is_long(vars(exchange).get(name))
    }
    if any(len(message.body) > ABRIDGED for message in messages if message):
        changes[bodies] = tuple(
            message and replace(message, body=abridged_body(message.body))
            for message in messages
        )
    if outcome is not exchange.outcome:
        changes["outcome"] = outcome
    return replace(exchange, **changes) if changes else exchange


LAST: list[Any] = [None, False]


def is_long(listing: Any) -> bool:
    """Return whether a listing is too long to be stored. The last answer is kept."""
    if LAST[0] is not listing:
        LAST[:] = listing, len(marshal.dumps(listing)) > MOST_LISTED
    return bool(LAST[1])


def is_whole(exchange: AnyExchange) -> bool:
    return abridged(exchange) == exchange


def abridged_outcome(outcome: Outcome) -> Outcome:
    texts: dict[str, Any] = {
        name: abridged_text(text)
        for name in ("message", "printed", "logged")
        if len(text := getattr(outcome, name)) > ABRIDGED
    }
    has_value = outcome.snapshot is not None or outcome.errors
    value = canonical([outcome.snapshot, outcome.errors]) if has_value else ""
    if len(value) > ABRIDGED:
        texts |= {"snapshot": abridged_text(value), "errors": ()}
    return replace(outcome, **texts) if texts else outcome


def abridged_text(text: str) -> str:
    digest = sha256(text.encode(errors="surrogatepass")).hexdigest()
    return f"{text[:ABRIDGED]}… ({len(text)} characters, SHA-256 {digest})"


# -- what is the same --

SENT = attrgetter("method", "url", "headers", "body", "is_proxied")
SAID = attrgetter(*(f.name for f in fields(Outcome)[1:-1]))  # no kind, no seconds


def likeness_of(exchange: AnyExchange, spec: Spec) -> object:
    """Return what exchanges of a case share if only their sites make a difference.

    None is like nothing. Times matter after several requests, and to a response that
    does not come whole.
    """
    site, requests, outcome = exchange.site, exchange.requests, exchange.outcome
    is_timed = len(requests) > 1 or not all(
        r and r.delivery.is_whole for r in exchange.responses
    )
    if is_timed or site not in spec.sites or not isinstance(exchange, ClientExchange):
        return None
    # A text, since 1, 1.0 and True are equal.
    text = repr(([*map(SENT, requests)], SAID(outcome)))
    return exchange.responses, outcome.kind, text.replace(site, "{site}")
