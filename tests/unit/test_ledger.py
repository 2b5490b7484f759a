"""The ledger: breaches, counts, smallest examples."""

from contract.engine.ledger import INTERRUPTED, Ledger, case_size
from contract.model import (
    ClientCase,
    Danger,
    Level,
    Note,
    RequestOverride,
    Response,
    Rule,
    ServiceCase,
    ServiceExchange,
)
from tests.unit.engine_support import (
    ALTERED,
    SITES,
    SPEC,
    clause,
    client_case,
    exchange_of,
)

ONE = clause("C-ONE")


def generated(*places: str) -> ClientCase:
    """Return a generated case in which several places are special."""
    return client_case(labels=(), body=list(places), is_generated=True)


def test_findings_with_the_same_rule_and_place_are_one_breach() -> None:
    ledger = Ledger(SPEC)
    first = exchange_of(client_case("/a", "x", body="long enough"))
    second = exchange_of(client_case("/a", "y", body=1), SITES[1])
    ledger.add(ONE, first, [ALTERED.at("/a", "one")])
    assert ledger.case_breaches == {"C-ONE/altered@/a": True}
    ledger.case_breaches = {}
    ledger.add(ONE, second, [ALTERED.at("/a", "two")])
    assert ledger.case_breaches == {"C-ONE/altered@/a": False}
    (breach,) = ledger.breaches.values()
    assert (breach.count, breach.sites) == (2, SITES[:2])
    assert [kind.label for kind in breach.kinds] == ["a x", "a y"]
    assert (breach.example, breach.message) == (second, "two"), "the smallest"


def test_a_finding_that_an_exchange_has_twice_counts_once() -> None:
    ledger = Ledger(SPEC)
    finding = ALTERED.at("/a")
    ledger.add(ONE, exchange_of(client_case()), [finding, finding, ALTERED.at("/b")])
    assert [breach.count for breach in ledger.breaches.values()] == [1, 1]
    assert ledger.cause_counts == {"C-ONE/altered": 1}


def test_a_finding_at_several_places_is_filed_under_a_known_one() -> None:
    ledger = Ledger(SPEC)
    ledger.add(ONE, exchange_of(client_case("/b")), [ALTERED.at("/b")])
    exchange = exchange_of(generated("/a", "/b"))
    ledger.case_breaches = {}
    ledger.add(ONE, exchange, [ALTERED.at_any(("/a", "/b"), "either")])
    assert ledger.case_breaches == {"C-ONE/altered@/b": False}
    (breach,) = ledger.breaches.values()
    assert (breach.count, [kind.label for kind in breach.kinds]) == (2, ["b empty"])
    exchange = exchange_of(generated("/c", "/d"))
    ledger.case_breaches = {}
    ledger.add(ONE, exchange, [ALTERED.at_any(("/c", "/d"), "either")])
    assert ledger.case_breaches == {"C-ONE/altered@/c": True}


def test_a_place_that_becomes_known_takes_what_was_filed_elsewhere() -> None:
    ledger = Ledger(SPEC)
    larger = exchange_of(generated("/a", "/b"))
    ledger.add(ONE, larger, [ALTERED.at_any(("/a", "/b"), "either")])
    ledger.add(ONE, exchange_of(client_case("/c")), [ALTERED.at("/c")])
    assert set(ledger.breaches) == {"C-ONE/altered@/a", "C-ONE/altered@/c"}
    ledger.add(ONE, exchange_of(client_case("/b")), [ALTERED.at("/b")])
    assert set(ledger.breaches) == {"C-ONE/altered@/b", "C-ONE/altered@/c"}
    assert ledger.breaches["C-ONE/altered@/b"].count == 2
    ledger.add(ONE, exchange_of(client_case("/a")), [ALTERED.at("/a")])
    assert ledger.breaches["C-ONE/altered@/a"].count == 1
    assert ledger.breaches["C-ONE/altered@/b"].count == 2


def test_generated_cases_give_a_breach_no_kind() -> None:
    ledger = Ledger(SPEC)
    exchange = exchange_of(generated("/a"))
    ledger.count(exchange, [ONE])
    ledger.add(ONE, exchange, [ALTERED.at("/a")])
    assert next(iter(ledger.breaches.values())).kinds == ()
    assert ledger.judged_kinds == {}
    assert ledger.judged == {("C-ONE", SITES[0]): 1}


def test_notes_are_counted_and_break_nothing() -> None:
    ledger = Ledger(SPEC)
    for _ in range(2):
        ledger.add(ONE, exchange_of(client_case()), [Note("odd")])
    assert ledger.notes == {("C-ONE", "odd"): 2}
    assert ledger.breaches == {}


def test_a_rule_may_be_milder_than_its_clause() -> None:
    ledger = Ledger(SPEC)
    mild = Rule("mild", "A mild one.", Danger.OTHER, Level.SHOULD)
    ledger.add(ONE, exchange_of(client_case()), [mild.at()])
    assert next(iter(ledger.breaches.values())).level is Level.SHOULD


def test_the_size_of_a_case_counts_bodies_responses_and_raw_requests() -> None:
    small, body, response = (
        exchange_of(client_case()),
        exchange_of(client_case(body="x" * 50)),
        exchange_of(client_case(responses=(Response(200, (), b"x" * 90),))),
    )
    assert case_size(small) < case_size(body) < case_size(response)

    def service(**fields: object) -> ServiceExchange:
        outcome = small.outcome
        case = ServiceCase(**fields)
        return ServiceExchange(case=case, site="x", outcome=outcome)

    raw = service(override=RequestOverride(body=(b"x" * 500,)))
    step = service(is_step=True)
    assert case_size(service()) < case_size(raw) < case_size(step)


def test_an_interruption_ends_the_recording_with_its_reason() -> None:
    ledger = Ledger(SPEC)
    with ledger.recording():
        raise KeyboardInterrupt
    assert (ledger.stop_reason, ledger.is_stopped) == (INTERRUPTED, True)
