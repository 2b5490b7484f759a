"""Stateful sequences: create, update, list and delete by two organizations.

The machine keeps a model of the snapshots that the service acknowledged. A list step
carries it as `expected`, and the clauses compare it with what the service shows.
"""

import copy
from collections.abc import Iterable
from functools import partial
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from contract.cases.documents import Documents
from contract.cases.placeholders import SEQUENCE
from contract.cases.scenario import MachineFactory, Play
from contract.endpoint import create_body
from contract.model import (
    VIEW_NAME,
    Json,
    Label,
    Operation,
    Owner,
    Placeholder,
    ServiceCase,
    ServiceCredential,
)

owners = st.sampled_from(Owner)
indices = st.integers(0, len(SEQUENCE) - 1)
numbers = st.integers(0, 2**16)


class SnapshotMachine(RuleBasedStateMachine):
    """State machine over the snapshots of a sequence.

    `updates` are bodies with labels, `documented` the attributes of an update.
    """

    def __init__(
        self, updates: list[tuple[Label, Json]], documented: dict[str, Json], play: Play
    ) -> None:
        super().__init__()
        self.updates = updates
        self.documented = documented
        self.play = play
        self.stored: dict[Placeholder, dict[str, Json]] = {}
        self.deleted: set[Placeholder] = set()

    def step(
        self,
        operation: Operation,
        owner: Owner,
        *snapshot: Placeholder,
        label: Label | None = None,
        **details: Any,
    ) -> bool:
        """Play one operation. Return whether the service acknowledged it.

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
        last = exchange.responses[-1:] if exchange else ()
        return any(response and response.is_success for response in last)

    def attributes(self, body: Json) -> dict[str, Json]:
        members = body["data"]["attributes"].items()
        return {name: value for name, value in members if name in self.documented}

    @precondition(lambda self: len(self.stored) < len(SEQUENCE))
    @rule(index=indices, number=numbers)
    def create(self, index: int, number: int) -> None:
        snapshot = choose(index, (s for s in SEQUENCE if s not in self.stored))
        label, update = choose(number, self.updates)
        body = create_body(VIEW_NAME, VIEW_NAME)
        attributes = body["data"]["attributes"]
        for name in self.documented:
            attributes.pop(name, None)
        attributes.update(self.attributes(update))
        owner = snapshot.owner
        if self.step(Operation.CREATE, owner, snapshot, label=label, body=body):
            self.stored[snapshot] = dict(attributes)
            self.deleted.discard(snapshot)

    @precondition(lambda self: self.stored or self.deleted)
    @rule(index=indices, owner=owners, number=numbers)
    def update(self, index: int, owner: Owner, number: int) -> None:
        created = {*self.stored, *self.deleted}
        snapshot = choose(index, (s for s in SEQUENCE if s in created))
        is_stored = snapshot in self.stored
        target = snapshot if is_stored else snapshot.deleted()
        label, update = choose(number, self.updates)
        body = copy.deepcopy(update)
        if "id" in body["data"]:
            body["data"]["id"] = target
        is_done = self.step(Operation.UPDATE, owner, target, label=label, body=body)
        if is_done and is_stored and owner is snapshot.owner:
            self.stored[snapshot] |= self.attributes(body)

    @precondition(lambda self: self.stored)
    @rule(index=indices, owner=owners)
    def delete(self, index: int, owner: Owner) -> None:
        self.remove(choose(index, self.stored), owner)

    def remove(self, snapshot: Placeholder, owner: Owner) -> None:
        """Delete a snapshot. The model follows if its own organization did it."""
        is_done = self.step(Operation.DELETE, owner, snapshot)
        if is_done and owner is snapshot.owner:
            del self.stored[snapshot]
            self.deleted.add(snapshot)

    @rule(owner=owners)
    def compare(self, owner: Owner) -> None:
        expected = {s: self.stored[s] for s in self.stored if s.owner is owner}
        self.step(Operation.LIST, owner, expected=copy.deepcopy(expected))

    def teardown(self) -> None:
        for owner in sorted({snapshot.owner for snapshot in self.stored}):
            self.compare(owner)
        for snapshot in tuple(self.stored):
            self.remove(snapshot, snapshot.owner)


def snapshot_machine(bodies: Documents) -> MachineFactory:
    """Return a function that makes the state machine."""
    documented = bodies.at("/data/attributes").schema["properties"]
    updates = [row for row in bodies.valid() if "attributes" in row[1]["data"]]
    return partial(SnapshotMachine, updates, documented)


def choose(number: int, items: Iterable[Any]) -> Any:
    candidates = tuple(items)
    return candidates[number % len(candidates)]
