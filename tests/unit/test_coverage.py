"""Keyword coverage: what applies to a document is exercised, in one way or both."""

from contract.engine.ledger import Coverage, Goal
from contract.spec import Spec


def test_every_documented_schema_is_covered(spec: Spec) -> None:
    coverage = Coverage(spec)
    assert set(coverage.schemas) == {"request", "200", "429"}
    assert coverage.share("429", "broken") == (0, 5)
    assert len(coverage.gaps) == 2 * sum(
        len(schema.constraints) for schema in coverage.schemas.values()
    )


def test_a_keyword_is_exercised_by_what_it_applies_to(spec: Spec) -> None:
    coverage = Coverage(spec)
    number = len(coverage.schemas["429"].constraints)

    def gaps() -> list[Goal]:
        return [gap for gap in coverage.gaps if gap.schema == "429"]

    coverage.note("429", {"errors": ["text"]})
    assert {gap.way for gap in gaps()} == {"broken"}
    coverage.note("429", {"errors": [1]})
    coverage.note("429", {})
    coverage.note("429", {"errors": "text"})
    assert gaps() == [Goal("429", "", "type", "broken")]
    coverage.note("429", [])
    assert gaps() == []
    for way in ("satisfied", "broken"):
        assert coverage.share("429", way) == (number, number)


def test_a_text_is_read_once_and_only_if_it_is_json(spec: Spec) -> None:
    coverage = Coverage(spec)
    gaps = coverage.gaps
    coverage.note_text("429", b"no JSON")
    coverage.note_text("429", b"[" * 100_000)
    assert coverage.gaps == gaps
    for _ in range(2):
        coverage.note_text("429", b'{"errors": [1]}')
    assert Goal("429", "/errors/*", "type", "broken") not in coverage.gaps


def test_items_of_a_list_count_together(spec: Spec) -> None:
    coverage = Coverage(spec)
    coverage.note("429", {"errors": []})
    exercised = {*Coverage(spec).gaps} - {*coverage.gaps}
    satisfied = {goal.pointer for goal in exercised if goal.way == "satisfied"}
    assert "/errors" in satisfied
    assert "/errors/*" not in satisfied
