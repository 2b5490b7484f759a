"""Drift as a whole: witnesses side by side, and the report about them."""

import io
import json
import re
from collections.abc import Callable

import pytest
from rich.console import Console

from contract.drift import Drift, drift
from contract.errors import UsageError
from contract.report.terminal import show_drift
from contract.spec import Spec
from tests.drift.sources import (
    CLIENTS,
    COMPATIBLE,
    EDITORIAL,
    OPENAPI,
    PAGE,
    SERVICES,
    differences,
)


def test_a_page_and_a_document_that_agree_with_the_spec(
    compare: Callable[..., Drift], spec: Spec
) -> None:
    result = compare(PAGE, openapis=(OPENAPI,))
    assert differences(result) == [(EDITORIAL, "200 /data/attributes text")]
    assert (result.contradictions, result.status) == ((), 0)
    aspects = [
        row.fact.aspect
        for row in result.rows
        if row.spec is not None and "page" in row.values
    ]
    assert aspects.count("site") == len(spec.sites)
    assert aspects.count("field") == 30


@pytest.mark.parametrize(
    ("old", "new", "kind", "fact"),
    [
        ("patch", "put", CLIENTS, "method"),
        ("/api/v2/replay", "/api/v3/replay", CLIENTS, "path"),
        ("snapshot_id", "id_of_it", EDITORIAL, "path"),
    ],
    ids=["method", "path", "name of a parameter"],
)
def test_an_edit_in_many_places_is_one_difference(
    old: str, new: str, kind: str, fact: str, compare: Callable[..., Drift]
) -> None:
    page = PAGE.replace(old, new).replace(old.upper(), new.upper())
    assert differences(compare(page)) == [(kind, fact)]
    assert differences(compare(openapis=(OPENAPI.replace(old, new),))) == [(kind, fact)]


def test_sentences_are_compared_between_witnesses_only(
    compare: Callable[..., Drift],
) -> None:
    changed = PAGE.replace(
        "Milliseconds into the session.         |", "Seconds into the session. |"
    )
    assert differences(compare(changed)) == []
    result = compare(PAGE, changed)
    (difference,) = result.differences
    assert str(difference.fact) == "200 /data/attributes/start text"
    assert (difference.kind, result.status) == (EDITORIAL, 0)
    assert (difference.witness, difference.against) == ("page 2", "page")
    assert difference.new == "Seconds into the session."


def test_no_witness_is_a_usage_error(spec: Spec) -> None:
    with pytest.raises(UsageError, match="give --page"):
        drift([], [], [], spec)


def shown(result: Drift, *, width: int = 80, every: bool = False) -> list[str]:
    """Return the lines of the report on a terminal of some width."""
    out = io.StringIO()
    show_drift(result, Console(file=out, width=width), every=every)
    return out.getvalue().splitlines()


def test_the_differences_come_first_and_every_statement_is_a_line(
    compare: Callable[..., Drift],
) -> None:
    page = PAGE.replace("| [string]", "| [object]").replace("| Slow", "| [bold]Slow")
    result = compare(page, openapis=(OPENAPI.replace("- us5", "- us9"),))
    titles = (CLIENTS, SERVICES, COMPATIBLE, EDITORIAL, "agree")
    for every in (False, True):
        lines = shown(result, every=every)
        order = [line for line in lines if line in titles]
        assert order == [CLIENTS, COMPATIBLE, EDITORIAL, *(["agree"] if every else [])]
        place = lines.index("  site us9.datadoghq.com")
        assert lines[place + 1 : place + 3] == [
            "    spec, page: not there",
            "    openapi: there",
        ]
    counts = "2 breaking for clients, 1 compatible, 1 editorial; 1 contradiction"
    assert re.search(rf"^\d+ facts agree; {counts}", lines[-1])


@pytest.mark.parametrize("width", [20, 80, 200])
def test_nothing_is_cropped_at_any_width_with_any_number_of_witnesses(
    width: int, compare: Callable[..., Drift]
) -> None:
    other = OPENAPI.replace("/api/v2/replay/heatmap", "/api/v3/replay/heatmap")
    lines = shown(compare(PAGE, openapis=(other,) * 7), width=width)
    place = lines.index("  path")
    names = ", ".join(["openapi", *(f"openapi {n}" for n in range(2, 8))])
    rest = "replay/heatmap/snapshots/{snapshot_id}"
    assert lines[place + 1 : place + 3] == [
        f"    spec, page: /api/v2/{rest}",
        f"    {names}: /api/v3/{rest}",
    ]


def test_words_of_a_witness_are_shown_as_they_are(
    compare: Callable[..., Drift],
) -> None:
    page = PAGE.replace("| view_id ", "| [red]:zap:\x1b[31m_id ")
    lines = shown(compare(page))
    assert "  request /data/attributes/[red]:zap:\\x1b[31m_id field" in lines


def test_the_json_has_differences_and_facts(compare: Callable[..., Drift]) -> None:
    page = PAGE.replace("| [string]", "| [object]")
    result = json.loads(json.dumps(compare(page).to_json()))
    assert (result["format"], result["status"]) == (1, 1)
    assert result["witnesses"][0]["name"] == "page"
    (difference,) = result["differences"]
    assert difference == {
        "kind": CLIENTS,
        "part": "429",
        "place": "/errors/*",
        "aspect": "type",
        "witness": "page",
        "against": "spec",
        "old": ["string"],
        "new": ["object"],
        "message": "429 /errors/* type: string → object",
    }
    method = {
        "part": "",
        "place": "",
        "aspect": "method",
        "spec": "PATCH",
        "witnesses": {"page": "PATCH"},
    }
    assert method in result["facts"]
