"""Stateful sequences: operations of two organizations in a random order."""

from collections.abc import Iterable
from random import Random
from typing import Any

from contract.cases.placeholders import SEQUENCE, with_id
from contract.cases.plain import creation_body
from contract.cases.scenario import Play
from contract.endpoint import ID_ATTRIBUTES
from contract.model import (
    VIEW_NAME,
    Json,
    Label,
    Operation,
    Owner,
    Placeholder,
    ServiceCase,
    ServiceCredential,
    ServiceExchange,
)

NUMBERS = 1 << 16


class SnapshotSequence:
    """A sequence: create, update, list and delete by two organizations.

    Its model has the snapshots that the service acknowledged. A list step carries it as
    `expected`, for the clauses. `updates` are bodies with labels, `documented` the
    attributes of an update.
    """

    def __init__(
        self, updates: list[tuple[Label, Json]], documented: dict[str, Json], play: Play
    ) -> None:
        self.updates = updates
        self.documented = documented
        self.play = play
        self.stored: dict[Placeholder, dict[str, Json]] = {}
        self.deleted: set[Placeholder] = set()

    def take_step(self, random: Random) -> None:
        """Play one step. How many numbers it draws depends on nothing."""
        turn, index, number = (random.randrange(NUMBERS) for _ in range(3))
        owner = choose(random.randrange(NUMBERS), Owner)
        operations = [Operation.LIST]
        if len(self.stored) < len(SEQUENCE):
            operations.append(Operation.CREATE)
        if self.stored or self.deleted:
            operations.append(Operation.UPDATE)
        if self.stored:
            operations.append(Operation.DELETE)
        match choose(turn, operations):
            case Operation.LIST:
                self.compare(owner)
            case Operation.CREATE:
                self.create(index, number)
            case Operation.UPDATE:
                self.update(index, owner, number)
            case Operation.DELETE:
                self.remove(choose(index, self.stored), owner)

    def step(
        self,
        operation: Operation,
        owner: Owner,
        *snapshot: Placeholder,
        label: Label | None = None,
        **details: Any,
    ) -> ServiceCase | None:
        """Play one operation. Return it as it was sent if it was acknowledged.

        `label` is that of the body: a breach has the place of other scenarios.
        """
        case = ServiceCase(
            labels=(label or Label("operation", operation),),
            is_generated=True,
            is_step=True,
            operation=operation,
            credential=ServiceCredential(owner),
            snapshot_id=snapshot,
            **details,
        )
        exchange = self.play(case)
        if not isinstance(exchange, ServiceExchange):
            return None
        is_done = any(r.is_success for r in exchange.responses[-1:] if r)
        return exchange.case if is_done else None

    def attributes(self, body: Json) -> dict[str, Json]:
        members = body["data"]["attributes"].items()
        return {name: value for name, value in members if name in self.documented}

    def create(self, index: int, number: int) -> None:
        snapshot = choose(index, (s for s in SEQUENCE if s not in self.stored))
        label, update = choose(number, self.updates)
        attributes = self.attributes(update)
        for name in ID_ATTRIBUTES:
            attributes.pop(name, None)
        body = creation_body(snapshot, VIEW_NAME, VIEW_NAME, **attributes)
        owner = snapshot.owner
        case = self.step(Operation.CREATE, owner, snapshot, label=label, body=body)
        if case is not None:
            self.stored[snapshot] = dict(case.body["data"]["attributes"])
            self.deleted.discard(snapshot)

    def update(self, index: int, owner: Owner, number: int) -> None:
        created = {*self.stored, *self.deleted}
        snapshot = choose(index, (s for s in SEQUENCE if s in created))
        is_stored = snapshot in self.stored
        target = snapshot if is_stored else snapshot.deleted()
        label, update = choose(number, self.updates)
        body = with_id(update, target)
        case = self.step(Operation.UPDATE, owner, target, label=label, body=body)
        if case is not None and is_stored and owner is snapshot.owner:
            self.stored[snapshot] |= self.attributes(case.body)

    def remove(self, snapshot: Placeholder, owner: Owner) -> None:
        """Delete a snapshot. The model follows if its own organization did it."""
        case = self.step(Operation.DELETE, owner, snapshot)
        if case is not None and owner is snapshot.owner:
            del self.stored[snapshot]
            self.deleted.add(snapshot)

    def compare(self, owner: Owner) -> None:
        own = {s: dict(row) for s, row in self.stored.items() if s.owner is owner}
        self.step(Operation.LIST, owner, expected=own)

    def end(self) -> None:
        for owner in sorted({snapshot.owner for snapshot in self.stored}):
            self.compare(owner)
        for snapshot in tuple(self.stored):
            self.remove(snapshot, snapshot.owner)


def choose(number: int, items: Iterable[Any]) -> Any:
    candidates = tuple(items)
    return candidates[number % len(candidates)]
