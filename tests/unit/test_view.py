"""The view of a verdict, and the terminal that shows it."""

import io
import re
from collections import Counter
from typing import Any

import pytest
from rich.console import Console

from contract.engine.comparison import GateResult
from contract.engine.verdict import Verdict, merge_parts
from contract.model import (
    Breach,
    Danger,
    Kind,
    Label,
    Level,
    Outcome,
    OutcomeKind,
    SubjectKind,
)
from contract.report.terminal import explain, select_full, show
from contract.report.view import View, in_words, make_view, remarks, severity, summary
from tests.unit.verdicts import (
    HOSTILE,
    NULL_BODY,
    SPEC,
    breach,
    client_exchange,
    large_verdict,
    rule,
    verdict_of,
)


def view_of(*breaches: Breach, **fields: Any) -> View:
    return make_view(verdict_of(*breaches, **fields), SPEC)


def terminal(view: View, *, verbose: bool = False, width: int = 120) -> str:
    stream = io.StringIO()
    show(view, Console(file=stream, width=width), verbose=verbose)
    return stream.getvalue()


# -- causes ----------------------------------------------------------------------------


def test_a_block_on_the_terminal_is_pinned() -> None:
    example = client_exchange(
        scenario="invalid-bodies",
        labels=(Label("/data/attributes/event_id", "null"),),
        body=NULL_BODY,
    )
    places = ["/data/attributes/event_id", "/data", "/data/attributes", "$", "/data/id"]
    breaches = [
        breach(
            place=place, example=example, message="It was sent.", sites=SPEC.sites[:3]
        )
        for place in places
    ]
    verdict = verdict_of(
        *breaches, arguments="--driver python", cause_counts={"C-VALID/null-sent": 9}
    )
    assert explain(make_view(verdict, SPEC)) == (
        "C-VALID/null-sent (must): A null is sent where nothing is nullable.\n"
        "  seen     9 times in 1 kind on 3 sites at $, /data, /data/attributes,"
        " /data/attributes/event_id and 1 more\n"
        "  example  invalid-bodies/data/attributes/event_id null: It was sent.\n"
        '  request  PATCH https://api.datadoghq.com/… {"data": {"id": "a", "type":'
        ' "snapshots", "attributes": {"event_id": null,…\n'
        '  response 200 application/json {"data": {"id": "a", "type": "snapshots",'
        ' "attributes": {"event_id": "a", "start": 0, "…\n'
        '  outcome  snapshot {"data": {"id": "a", "type": "snapshots", "attributes":'
        ' {"event_id": "a", "start": 0, "session_id":…\n'
        "  replay   contract replay 'C-VALID/null-sent@$' --driver python"
    )


def dangers(numbers: dict[Danger, int]) -> list[Breach]:
    return [
        breach(rule(f"{danger.name.lower().replace('_', '-')}-{n:02}", danger))
        for danger, number in numbers.items()
        for n in range(number)
    ]


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ({Danger.CRASH: 3, Danger.KEYS_AT_RISK: 2}, [2, 0, 0, 3, 0]),
        ({Danger.OTHER: 20, Danger.KEYS_AT_RISK: 20}, [10, 0, 0, 0, 2]),
        ({danger: 9 for danger in Danger}, [4, 2, 2, 2, 2]),
        ({Danger.FALSE_SUCCESS: 30, Danger.CRASH: 1}, [0, 0, 11, 1, 0]),
        ({}, [0, 0, 0, 0, 0]),
    ],
    ids=["few", "two of the last", "two of each", "one there is", "none"],
)
def test_the_twelve_most_dangerous_stand_in_full(
    numbers: dict[Danger, int], expected: list[int]
) -> None:
    full = select_full(view_of(*dangers(numbers)))
    order = [cause.rule.danger for cause in full]
    assert [Counter(order)[danger] for danger in Danger] == expected
    assert order == sorted(order)


def test_every_other_cause_has_one_line() -> None:
    breaches = [
        *dangers({Danger.CRASH: 15}),
        breach(rule("mild"), level=Level.SHOULD),
        breach(rule("known"), is_accepted=True, reason="It is known."),
    ]
    text = explain(view_of(*breaches))
    assert text.count("\n  replay") == 12
    lines = [
        line for line in text.split("\n") if re.match(r"C-VALID/\S+ \(.*times", line)
    ]
    assert [line.split(" ")[0].partition("/")[2] for line in lines] == [
        *("crash-12", "crash-13", "crash-14", "mild", "known")
    ]
    assert lines[3:] == [
        "C-VALID/mild (should), 2 times, 1 place: The mistake mild.",
        "C-VALID/known (accepted), 2 times, 1 place: The mistake known.",
    ]


def test_a_should_that_counts_stands_in_full() -> None:
    mild = breach(rule("mild"), level=Level.SHOULD)
    assert select_full(view_of(mild)) == []
    assert len(select_full(view_of(mild, is_strict=True))) == 1


def test_a_new_kind_in_an_accepted_breach_has_a_line() -> None:
    kinds = tuple(Kind("snapshots", f"start {n}") for n in range(5))
    item = breach(is_accepted=True, reason="known", kinds=kinds, new_kinds=kinds)
    assert (
        "new kind in accepted C-VALID/null-sent@/data/id: "
        "snapshots/start 0, snapshots/start 1, snapshots/start 2 and 2 more\n"
    ) in terminal(view_of(item))


def test_a_cause_that_is_accepted_in_part_says_so() -> None:
    items = [breach(place="/data"), breach(place="/data/id", is_accepted=True)]
    (cause,) = view_of(*items).run.causes
    assert severity(cause) == "must, 1 of 2 accepted"
    assert [item.place for item in cause.breaches] == ["/data", "/data/id"]


def test_verbose_shows_every_breach() -> None:
    items = [breach(rule("one"), f"/data/{n}") for n in range(30)]
    text = terminal(view_of(*items), verbose=True)
    assert text.count("  replay   contract replay 'C-VALID/one@/data/") == 30


def test_verbose_says_why_a_breach_is_accepted() -> None:
    item = breach(is_accepted=True, reason="The vendor knows.", sites=("a.example",))
    assert (
        "  seen     2 times in 1 kind on a.example at /data/id; "
        "accepted: The vendor knows.\n"
    ) in terminal(view_of(item), verbose=True)


@pytest.mark.parametrize("accepted", [0, 5, 40])
def test_forty_causes_fit_150_lines_of_120_columns(accepted: int) -> None:
    lines = terminal(make_view(large_verdict(accepted=accepted), SPEC)).split("\n")
    assert len(lines) <= 150
    assert max(map(len, lines)) <= 120


def test_a_block_has_at_most_eight_lines() -> None:
    text = terminal(make_view(large_verdict(), SPEC))
    assert max(block.count("\n") + 1 for block in text.split("\n\n")[:12]) <= 8


def test_remarks_on_accepted_entries_are_at_most_twenty() -> None:
    view = view_of(
        stale=("gone",) * 15, expiring=("soon",) * 10, unexplained=("why",) * 5
    )
    lines = list(remarks(view))
    assert len(lines) == 21
    assert lines[0] == "accepted, but not seen any more (prune it): gone"
    assert lines[-1] == "and 10 more remarks on accepted entries"


def test_the_run_has_its_remarks() -> None:
    view = view_of(
        breach(),
        interrupted="the client is gone",
        share=0.25,
        leftovers=("abc",),
        changes=("a new field",),
        skipped={"a/b": "no socket", "a/c": "no socket"},
        cut_off={"slow-answers": 3},
    )
    assert summary(view.run).startswith(
        "ended early: the client is gone; client 1.0, 10 cases, "
    )
    assert list(remarks(view)) == [
        "25.0% of the planned cases were played",
        "slow-answers: waited too long, 3 cases cut off",
        "2 kinds not played: no socket",
        "left behind, remove by hand: abc",
        "changed since the run before: a new field",
    ]


# -- the clauses and the grid ----------------------------------------------------------


def test_the_table_of_forty_clauses_and_the_sum_fit_24_lines_of_80_columns() -> None:
    clauses = [f"C-CLAUSE-{n}" for n in range(40)]
    lines = terminal(view_of(clauses=clauses), width=80).rstrip("\n").split("\n")
    begin = next(i for i, line in enumerate(lines) if line.startswith("clause "))
    assert len(lines) - begin == 22
    assert max(map(len, lines[begin:-1])) <= 80
    assert not any("…" in line for line in lines[begin:-1])


def test_no_color_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    def printed() -> str:
        stream = io.StringIO()
        show(view_of(breach()), Console(file=stream, force_terminal=True))
        return stream.getvalue()

    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert re.search(r"\x1b\[[0-9;]*3[0-9]", printed())
    monkeypatch.setenv("NO_COLOR", "1")
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", printed())


def grid_verdict(**fields: Any) -> Verdict:
    """Return a verdict of one clause with three kinds, judged on two sites."""
    kinds = tuple(Kind("bodies", text) for text in ("a", "b", "own site"))
    here, there, elsewhere = SPEC.sites[:3]
    defaults: dict[str, Any] = {
        "clauses": ("C-ONE",),
        "sites": (here, there, elsewhere),
        "kinds": kinds,
        "judged": Counter({("C-ONE", here): 3, ("C-ONE", there): 1}),
        "judged_kinds": {
            ("C-ONE", here): frozenset(kinds),
            ("C-ONE", there): frozenset(kinds[1:2]),
            ("C-ONE", "not.a.site"): frozenset(kinds[2:]),
        },
        "own_site_kinds": frozenset(kinds[2:]),
    }
    return verdict_of(*fields.pop("breaches", ()), **(defaults | fields))


def test_a_cell_holds_only_if_all_kinds_were_judged_there() -> None:
    view = make_view(grid_verdict(), SPEC)
    labels = [sorted(kind.label for kind in cell.judged) for cell in view.cells]
    assert labels == [["a", "b"], ["b"], [], ["own site"]]
    assert [(c.site, c.state, in_words(c)) for c in view.cells] == [
        (SPEC.sites[0], "holds", "holds"),
        (SPEC.sites[1], "partial", "1 of 2 kinds"),
        (SPEC.sites[2], "not judged", "not judged"),
        ("", "holds", "holds"),
    ]


def test_kinds_that_name_their_site_have_a_row_of_their_own() -> None:
    kind = Kind("bodies", "own site")
    item = breach(rule("bad"), clause="C-ONE", kinds=(kind,), sites=("not.a.site",))
    view = make_view(grid_verdict(breaches=(item,)), SPEC)
    assert [(c.site, c.state, len(view.breaches_in(c))) for c in view.cells] == [
        (SPEC.sites[0], "holds", 0),
        (SPEC.sites[1], "partial", 0),
        (SPEC.sites[2], "not judged", 0),
        ("", "broken", 1),
    ]


def test_a_client_and_two_services_have_two_grids() -> None:
    client = verdict_of(clauses=("C-ONE",))
    service = verdict_of(
        clauses=("S-ONE", "S-RATE"),
        kind=SubjectKind.SERVICE,
        name="sandbox",
        sites=("http://127.0.0.1:1", "http://127.0.0.1:2"),
    )
    limited = verdict_of(
        clauses=("S-RATE",),
        kind=SubjectKind.SERVICE,
        name="sandbox",
        sites=("http://127.0.0.1:3",),
    )
    view = make_view(merge_parts([client, service, limited]), SPEC)
    assert [(grid.parts[0].kind, grid.name) for grid in view.grids] == [
        ("client", "client"),
        ("service", "sandbox"),
    ]
    assert [
        (cell.clause_id, cell.site[-1]) for cell in view.cells[len(SPEC.sites) :]
    ] == [
        *(("S-ONE", "1"), ("S-ONE", "2")),
        *(("S-RATE", "1"), ("S-RATE", "2"), ("S-RATE", "3")),
    ]


def test_the_terminal_obeys_nothing_that_it_quotes() -> None:
    outcome = Outcome(OutcomeKind.CRASHED, type="E", message=HOSTILE)
    item = breach(example=client_exchange(outcome=outcome), message=HOSTILE)
    for verbose in (False, True):
        text = terminal(view_of(item), verbose=verbose)
        assert "\x1b" not in text
        assert "[red]x[/red] :smile: </script>" in text
        assert not any(line.startswith("::") for line in text.split("\n"))


def test_after_a_comparison_a_view_has_what_counts_unless_it_failed() -> None:
    def lines(**fields: Any) -> list[str]:
        stream = io.StringIO()
        accepted = breach(place="/data", is_accepted=True)
        run = verdict_of(breach(), accepted, arguments=" --driver go", **fields)
        view = make_view(run, SPEC, comparison=GateResult(run, run, ()))
        show(view, Console(file=stream, width=200))
        return stream.getvalue().splitlines()

    assert lines() == [
        "contract replay 'C-VALID/null-sent@/data/id' --driver go",
        "broken: " + summary(view_of(breach(), breach(place="/data")).run),
    ]
    assert "unknown: " in lines(error=ZeroDivisionError())[-1]
    assert len(lines(error=ZeroDivisionError())) > 8
