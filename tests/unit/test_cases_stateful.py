"""Stateful sequences: the model follows what a service acknowledged."""

from collections import Counter
from random import Random

import pytest

from contract.cases.placeholders import SEQUENCE
from contract.cases.service import ServiceCatalogue
from contract.endpoint import VIEW_ATTRIBUTE
from contract.model import (
    VIEW_NAME,
    AnyCase,
    Operation,
    Outcome,
    OutcomeKind,
    Owner,
    Placeholder,
    Response,
    ServiceCase,
    ServiceExchange,
    SnapshotState,
)
from contract.spec import load


class ServiceDouble:
    """A service that acknowledges what its owner may do, or nothing at all."""

    def __init__(self, *, is_down: bool = False) -> None:
        self.is_down = is_down
        self.stored: dict[Placeholder, dict[str, object]] = {}
        self.cases: list[ServiceCase] = []
        self.differences: list[ServiceCase] = []

    def play(self, case: AnyCase) -> ServiceExchange | None:
        assert isinstance(case, ServiceCase)
        self.cases.append(case)
        if self.is_down:
            return None
        response = Response(200 if self.answer(case) else 404)
        outcome = Outcome(OutcomeKind.SNAPSHOT)
        return ServiceExchange(
            case=case, site="", responses=(response,), outcome=outcome
        )

    def answer(self, case: ServiceCase) -> bool:
        owner = case.credential.owner
        if case.operation is Operation.LIST:
            owned = {k: v for k, v in self.stored.items() if k.owner is owner}
            if case.expected != owned:
                self.differences.append(case)
            return True
        assert case.target is not None
        if case.operation is Operation.CREATE:
            self.stored[case.target] = dict(case.body["data"]["attributes"])
            return True
        if case.target not in self.stored or owner is not case.target.owner:
            return False
        if case.operation is Operation.DELETE:
            del self.stored[case.target]
        else:
            attributes = case.body["data"]["attributes"]
            documented = load().attributes_schema.raw["properties"]
            named = {k: v for k, v in attributes.items() if k in documented}
            self.stored[case.target] |= named
        return True


def run(service: ServiceDouble) -> None:
    catalogue = ServiceCatalogue(load())
    for number in range(100):
        random = Random(number)  # noqa: S311 - no secret
        sequence = catalogue.sequence(service.play)
        for _ in range(10):
            sequence.take_step(random)
        sequence.end()


def test_the_model_agrees_with_a_correct_service() -> None:
    service = ServiceDouble()
    run(service)
    counts = Counter(case.operation for case in service.cases)
    assert set(counts) == set(Operation)
    assert service.differences == []
    assert service.stored == {}


def test_steps_are_typed() -> None:
    service = ServiceDouble()
    run(service)
    assert all(case.is_step and case.kind is None for case in service.cases)
    for case in service.cases:
        match case.operation:
            case Operation.LIST:
                assert case.snapshot_id == ()
                assert case.expected is not None
            case Operation.CREATE:
                assert case.body["data"]["attributes"][VIEW_ATTRIBUTE] == VIEW_NAME
                assert case.target in SEQUENCE
            case Operation.UPDATE:
                assert case.target is not None
                assert case.body["data"].get("id", case.target) == case.target


def test_a_deleted_snapshot_is_updated_as_deleted() -> None:
    service = ServiceDouble()
    sequence = ServiceCatalogue(load()).sequence(service.play)
    sequence.create(index=0, number=0)
    sequence.remove(SEQUENCE[0], Owner.OWN)
    sequence.update(index=0, owner=Owner.OWN, number=0)
    states = [case.target.state for case in service.cases if case.target]
    present, deleted = SnapshotState.PRESENT, SnapshotState.DELETED
    assert states == [present, present, deleted]


def test_what_is_drawn_does_not_depend_on_the_service() -> None:
    catalogue, states = ServiceCatalogue(load()), []
    for service in (ServiceDouble(), ServiceDouble(is_down=True)):
        random = Random(1)  # noqa: S311 - no secret
        sequence = catalogue.sequence(service.play)
        for _ in range(10):
            sequence.take_step(random)
        states.append(random.getstate())
    assert states[0] == states[1]


@pytest.mark.parametrize("operation", [Operation.UPDATE, Operation.DELETE])
def test_the_other_organization_tries_too(operation: Operation) -> None:
    service = ServiceDouble()
    run(service)
    assert any(
        case.target and case.credential.owner is not case.target.owner
        for case in service.cases
        if case.operation is operation
    )


def test_a_service_that_is_down_leaves_the_model_empty() -> None:
    service = ServiceDouble(is_down=True)
    run(service)
    operations = {case.operation for case in service.cases}
    assert operations <= {Operation.CREATE, Operation.LIST}
    assert all(not case.expected for case in service.cases)
