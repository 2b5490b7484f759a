"""Traits of a client's calls: what two versions are compared by, and what is volatile.

A trait that differs between two plays of one case on one client is volatile: a request
id, a clock, a trace. Two clients cannot be compared by it. A play is only repeated
where the two clients differ, so that the time between the plays is in the repetition,
too: a clock that has moved on between the clients has moved on for both.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import parse_qsl

from contract.clauses.base import parse
from contract.engine.runner import Runner
from contract.engine.subject import Skipped, Stopped
from contract.errors import SubjectError
from contract.jsondiff import MISSING, as_text, escape, same_json
from contract.model import AnyExchange, CutBody, Json, Outcome, OutcomeKind, Request
from contract.redaction import without_secrets
from contract.spec import Spec

IGNORED_HEADERS = {"content-length", "user-agent"}
"""Headers that follow from others, or that name the version. Clauses check the keys."""

REPETITIONS = 3
"""Repetitions in which a trait has to be stable before it counts as such."""

LONGEST_VALUE = 80
"""Characters of a value in a message."""


class Noun(StrEnum):
    """Sort of a trait, as a message names it."""

    REQUESTS = "number of requests"
    METHOD = "method"
    URL = "URL"
    QUERY = "query parameter"
    HEADER = "header"
    BODY = "body"
    NOTATION = "notation of the JSON body"
    OUTCOME = "outcome"
    STATUS = "status"
    ERROR = "error text"
    SNAPSHOT = "snapshot"


MEMBERS = {Noun.QUERY, Noun.HEADER, Noun.BODY, Noun.ERROR, Noun.SNAPSHOT}


class Trait(NamedTuple):
    """One comparable thing of a call. `name` is a header or a JSON pointer."""

    noun: Noun
    name: str = ""

    @property
    def may_be_volatile(self) -> bool:
        """Headers and members may be. An outcome that varies is a difference."""
        is_member = self.noun in MEMBERS and bool(self.name)
        return is_member or self.noun is Noun.NOTATION

    def __str__(self) -> str:
        at = " at" if self.name.startswith("/") else ""
        return f"{self.noun}{at} {self.name}".rstrip()


Traits = Mapping[Trait, Json]


@dataclass(frozen=True)
class Change:
    """A trait that differs between two clients. The values are of the first exchange.

    Changes with the same trait and the same absence are equal.
    """

    trait: Trait
    is_lost: bool
    is_added: bool
    old: Json = field(compare=False)
    new: Json = field(compare=False)

    def __str__(self) -> str:
        if self.trait.noun is Noun.NOTATION:
            return "The body has the same JSON in other bytes."
        values = f"new: {value_text(self.new)}, old: {value_text(self.old)}"
        return f"The {self.trait} differs ({values})."


def value_text(value: Json) -> str:
    if isinstance(value, list):
        value = ", ".join(value)
    text = value if isinstance(value, str) else as_text(value)
    return without_secrets(text)[:LONGEST_VALUE]


def changes_between(
    old: AnyExchange, new: AnyExchange, ignored: Iterable[str]
) -> list[Change]:
    """Return the traits that differ between two exchanges, each once.

    Header fields with the names `ignored` are not compared.
    """
    exchanges = old, new
    numbers = ({Trait(Noun.REQUESTS): len(e.requests)} for e in exchanges)
    changes = list(differing(*numbers))
    for earlier, later in zip(old.requests, new.requests, strict=False):
        changes += request_changes(earlier, later, ignored)
    kinds = ({Trait(Noun.OUTCOME): str(e.outcome.kind)} for e in exchanges)
    outcomes = (outcome_traits(e.outcome) for e in exchanges)
    changes += list(differing(*kinds)) or differing(*outcomes)
    return list(dict.fromkeys(changes))


def request_changes(old: Request, new: Request, ignored: Iterable[str]) -> list[Change]:
    requests = old, new
    traits = (request_traits(request, ignored) for request in requests)
    changes = list(differing(*traits))
    if all(change.trait.noun is not Noun.BODY for change in changes):
        bodies = ({Trait(Noun.NOTATION): repr(r.body)} for r in requests)
        changes += differing(*bodies)
    return changes


def differing(old: Traits, new: Traits) -> Iterator[Change]:
    for trait in dict.fromkeys((*old, *new)):
        before, after = old.get(trait, MISSING), new.get(trait, MISSING)
        if not same_json(before, after):
            is_lost, is_added = after is MISSING, before is MISSING
            yield Change(trait, is_lost, is_added, before, after)


def request_traits(request: Request, ignored: Iterable[str]) -> dict[Trait, Json]:
    url, _, query = request.url.partition("?")
    traits: dict[Trait, Json] = {
        Trait(Noun.METHOD): request.method,
        Trait(Noun.URL): url,
    }
    for name, value in parse_qsl(query, keep_blank_values=True):
        traits.setdefault(Trait(Noun.QUERY, name), []).append(value)
    names = {name.lower() for name, _ in request.headers}
    for name in sorted(names.difference(ignored)):
        traits[Trait(Noun.HEADER, name)] = request.all_headers(name)
    body = parse(request.body)
    value = body.value
    if body.defect:
        is_cut = isinstance(request.body, CutBody)
        value = repr(request.body) if is_cut else request.body.decode("latin-1")
    return traits | leaves(Noun.BODY, value)


def outcome_traits(outcome: Outcome) -> dict[Trait, Json]:
    return {
        Trait(Noun.STATUS): outcome.status,
        **leaves(Noun.ERROR, dict(enumerate(outcome.errors))),
        **leaves(Noun.SNAPSHOT, outcome.snapshot),
    }


def leaves(noun: Noun, value: Json) -> dict[Trait, Json]:
    """Return the values of a document without members, by their pointers."""
    traits: dict[Trait, Json] = {}
    todo = [("", value)]
    while todo:
        pointer, value = todo.pop()
        items = enumerate(value) if isinstance(value, list) else ()
        members = value.items() if isinstance(value, dict) else items
        inner = [(f"{pointer}/{escape(name)}", child) for name, child in members]
        if not inner:
            traits[Trait(noun, pointer)] = value
        todo += reversed(inner)
    return traits


class Volatility:
    """The volatile traits of two clients, found while their calls are compared.

    `clients` names the clients in which a trait is volatile, `counts` has the
    exchanges in which it was left out, `examples` one of them.
    """

    def __init__(self, spec: Spec) -> None:
        self.ignored = IGNORED_HEADERS.union(map(str.lower, spec.auth_headers))
        self.clients: dict[Trait, set[str]] = {}
        self.counts: Counter[Trait] = Counter()
        self.examples: dict[Trait, AnyExchange] = {}
        self._repeated: Counter[Trait] = Counter()

    def changes(
        self, old: tuple[Runner, AnyExchange], new: tuple[Runner, AnyExchange]
    ) -> list[Change]:
        """Return the changes between two exchanges in what is not volatile."""
        changes = changes_between(old[1], new[1], self.ignored)
        doubtful = {
            change.trait
            for change in changes
            if change.trait.may_be_volatile
            and change.trait not in self.clients
            and self._repeated[change.trait] < REPETITIONS
        }
        if doubtful:
            self._repeated.update(doubtful)
            for name, (runner, exchange) in {"old": old, "new": new}.items():
                for trait in self._unstable(runner, exchange):
                    self.clients.setdefault(trait, set()).add(name)
                    self.examples.setdefault(trait, exchange)
        self.counts.update(c.trait for c in changes if c.trait in self.clients)
        return [change for change in changes if change.trait not in self.clients]

    def _unstable(self, runner: Runner, exchange: AnyExchange) -> list[Trait]:
        """Play a case again. Return the traits that differ from the first play."""
        is_hang = exchange.outcome.kind is OutcomeKind.CRASHED
        if is_hang or runner.subject.waiting_cost_s(exchange):
            return []
        try:
            again = runner.subject.play(exchange.case, exchange.site)
        except SubjectError as error:
            runner.ledger.stop_reason = str(error)
            return []
        if isinstance(again, Skipped | Stopped):
            return []
        changes = changes_between(exchange, again, self.ignored)
        return [change.trait for change in changes if change.trait.may_be_volatile]
