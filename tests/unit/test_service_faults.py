"""The built-in faults of services: each clause has some, and catches them."""

from collections import Counter

import pytest

from contract.clauses import SERVICE
from contract.errors import UsageError
from contract.faults import SERVICE_FAULTS, ServiceFault, prove_service
from contract.sandbox import Sandbox

pytestmark = pytest.mark.slow

ONE_EACH = {fault.clause: fault for fault in reversed(SERVICE_FAULTS)}


def test_every_clause_has_a_fault() -> None:
    faults = Counter(fault.clause for fault in SERVICE_FAULTS)
    assert {clause.id for clause in SERVICE} == set(faults)
    assert len({fault.id for fault in SERVICE_FAULTS}) == len(SERVICE_FAULTS) >= 45


@pytest.mark.parametrize("fault", ONE_EACH.values(), ids=lambda each: each.id)
def test_a_fault_is_caught_by_the_clause_it_names(fault: ServiceFault) -> None:
    (killed,) = prove_service((fault.id,), processes=1, until_caught=True)
    assert killed.caught, (
        f"{fault.id} must be caught by {fault.clause}; it was caught by {killed.by}"
    )


def test_the_matrix_keeps_the_order_over_processes() -> None:
    names = ("secret-in-header", "accepts-no-type")
    assert [
        (each.fault, each.clause, each.caught) for each in prove_service(names)
    ] == [
        ("secret-in-header", "S-SECRET", True),
        ("accepts-no-type", "S-REJECT", True),
    ]


def test_an_unknown_fault_is_refused_before_anything_is_judged() -> None:
    with pytest.raises(
        UsageError, match=r"^unknown fault 'x' \(one of: accepts-no-type, "
    ):
        prove_service(("accepts-no-type", "x"))


def test_a_fault_takes_what_the_sandbox_takes() -> None:
    assert all(isinstance(fault.make(max_body=7), Sandbox) for fault in SERVICE_FAULTS)
    assert {fault.make(rate_limit=(1, 2)).rate_limit for fault in SERVICE_FAULTS} == {
        (1, 2)
    }
