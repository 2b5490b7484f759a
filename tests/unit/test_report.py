"""Reports: each says the verdict, obeys nothing that it quotes, and holds no key."""

import base64
import html
import io
import json
import re
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jsonschema_rs
import pytest
from rich.console import Console

from contract.cases.codec import case_from_json
from contract.cases.parameters import CREDENTIALS
from contract.engine.verdict import Verdict, merge_parts
from contract.errors import UsageError
from contract.model import (
    Kind,
)
from contract.report.ci import announce
from contract.report.html import render_html
from contract.report.json_document import render_json, to_json
from contract.report.rendering import RENDERERS, write_report
from contract.report.terminal import show
from contract.report.view import make_view
from tests.unit.verdicts import (
    KILLS,
    NULL_BODY,
    SPEC,
    breach,
    client_exchange,
    hostile_verdict,
    large_verdict,
    render,
    rule,
    service_verdict,
    sloppy_verdict,
    verdict_of,
)

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "spec" / "verdict.schema.json").read_text())


@pytest.fixture(params=["sloppy", "hostile", "service", "both", "large"])
def verdict(request: pytest.FixtureRequest) -> Verdict:
    match request.param:
        case "sloppy":
            return sloppy_verdict()
        case "hostile":
            return hostile_verdict()
        case "service":
            return service_verdict()
        case "both":
            return merge_parts([sloppy_verdict(), service_verdict()])
    return large_verdict(causes=3)


# -- JSON ------------------------------------------------------------------------------


def schema_errors(document: Any) -> list[tuple[str, Any]]:
    validator = jsonschema_rs.Draft202012Validator(SCHEMA, validate_formats=True)
    errors = validator.iter_errors(document)
    return [(error.message[:300], error.instance_path) for error in errors]


def test_the_json_verdict_satisfies_the_published_schema(verdict: Verdict) -> None:
    document = json.loads(render(verdict, render_json))
    assert schema_errors(document) == []
    assert document["causes"]
    assert document["breaches"]


def test_the_schema_names_every_member_that_is_written(verdict: Verdict) -> None:
    definitions = SCHEMA["$defs"]
    document = to_json(make_view(verdict, SPEC))
    items = [
        ("verdict", document),
        *(("cause", cause) for cause in document["causes"]),
        *(("breach", item) for item in document["breaches"]),
        *(("grid_cell", cell) for cell in document["grid"]),
        *(("clause", clause) for clause in document["clauses"]),
    ]
    for name, item in items:
        assert item.keys() <= definitions[name]["properties"].keys()


def test_a_cause_has_its_example_to_replay() -> None:
    document = json.loads(render(sloppy_verdict(), render_json))
    examples = {cause.id: cause.example for cause in sloppy_verdict().causes}
    for cause in document["causes"]:
        example = examples[f"{cause['clause']}/{cause['rule']}"]
        assert cause["breach"] == example.id
        assert case_from_json(cause["case"]) == example.example.case


def test_a_breach_without_a_kind_has_its_own_case() -> None:
    generated = client_exchange(is_generated=True, snapshot_id="other")
    items = [breach(), breach(place="/data", example=generated)]
    document = to_json(make_view(verdict_of(*items), SPEC))
    assert [
        item.get("case", {}).get("snapshot_id") for item in document["breaches"]
    ] == [*(None, "other")]


def test_kinds_stand_once_and_are_ranges_elsewhere() -> None:
    kinds = tuple(Kind("bodies", f"{n:02}") for n in range(6))
    item = breach(kinds=(kinds[0], kinds[1], kinds[2], kinds[4]))
    document = to_json(make_view(verdict_of(item, kinds=kinds), SPEC))
    assert document["kinds"] == [f"bodies/{n:02}" for n in range(6)]
    assert document["causes"][0]["kinds"] == document["breaches"][0]["kinds"] == "0-2,4"


def test_long_ranges_of_kinds_are_not_cut() -> None:
    kinds = tuple(Kind("bodies", f"{n:04}") for n in range(1_000))
    verdict = verdict_of(breach(kinds=kinds[::2]), kinds=kinds)
    document = json.loads(render(verdict, render_json))
    assert schema_errors(document) == []
    assert len(document["causes"][0]["kinds"].split(",")) == 500


def test_at_most_forty_places_of_a_cause_are_listed() -> None:
    items = [
        breach(place=f"/{n}", is_accepted=n < 10, reason="known") for n in range(50)
    ]
    (cause,) = to_json(make_view(verdict_of(*items), SPEC))["causes"]
    assert len(cause["places"]) == 40
    assert cause["places"][0] == "/10"
    assert [cause[name] for name in ("new", "accepted", "places_left_out")] == [
        40,
        10,
        10,
    ]


def test_long_texts_are_cut_outside_cases() -> None:
    body = {"data": {"id": "".join(map(str, range(900)))}}
    item = breach(message="m" * 1_001, example=client_exchange(body=body))
    (cause,) = to_json(make_view(verdict_of(item), SPEC))["causes"]
    assert cause["message"] == {"$text": "m" * 200, "length": 1_001}
    assert cause["case"]["body"] == body


def test_the_document_stays_under_1_mb() -> None:
    breaches = [
        breach(rule(f"rule-{number}"), f"/place/{place}", message="m" * 900)
        for number in range(100)
        for place in range(50)
    ]
    content = render(verdict_of(*breaches), render_json)
    assert len(content) < 1_000_000
    document = json.loads(content)
    assert schema_errors(document) == []
    assert len(document["causes"]) == 100


# -- HTML ------------------------------------------------------------------------------


def opened(page: str) -> list[dict[str, str]]:
    """Return what each breach of a page opens to, by title."""
    pattern = r"<h4>([^<]*)</h4>\n<div class=\"copied\"><pre>(.*?)</pre>"
    parts = page.split('<details class="breach"')[1:]
    return [dict(re.findall(pattern, html.unescape(p), re.DOTALL)) for p in parts]


def test_the_page_has_the_causes_the_grid_and_every_breach(verdict: Verdict) -> None:
    page = render(verdict, render_html)
    assert page.count('<section class="cause"') == len(verdict.causes)
    assert page.count('<details class="breach"') == len(verdict.breaches)
    assert page.index('id="causes"') < page.index('<table class="grid">')
    kinds = {part.kind for part in verdict.parts or (verdict,)}
    assert page.count('<table class="grid">') == len(kinds)


def test_a_breach_opens_to_what_was_sent_and_its_replay() -> None:
    item = breach(example=client_exchange(body=NULL_BODY))
    (texts,) = opened(render(verdict_of(item), render_html))
    assert texts["replay"] == "contract replay 'C-VALID/null-sent@/data/id'"
    assert [*texts][-4:] == ["request", "response", "outcome", "case"]
    assert "DD-API-KEY: [api key]" in texts["request"]
    assert '"event_id": null' in texts["request"]
    assert json.loads(texts["case"])["scenario"] == "valid-bodies"


def test_at_most_forty_breaches_of_a_cause_are_on_the_page() -> None:
    items = [breach(place=f"/{n}") for n in range(50)]
    page = render(verdict_of(*items), render_html)
    assert page.count('<details class="breach"') == 40
    assert "and 10 more: <code>--verbose</code> shows them" in page


def test_nothing_that_is_quoted_is_obeyed_by_the_page() -> None:
    page = render(hostile_verdict(), render_html)
    assert page.count("<script") == page.count("</script") == 1
    assert "<img" not in page
    assert not re.search(r"[\0-\x09\x0b-\x1f\x7f\u202e]", page)
    for texts in opened(page):
        assert "</script><script>alert(1)" in texts["outcome"]
        assert r"\x00 \x1b[31m \u202e 𝄞" in texts["outcome"]


def test_the_page_asks_for_nothing_from_outside(verdict: Verdict) -> None:
    page = render(verdict, render_html)
    assert not re.search(r"""(src|href)=["'](?!#|data:,)|@import|url\(""", page)
    assert "default-src 'none'" in page


def test_a_cell_of_the_grid_says_how_many_kinds_were_judged() -> None:
    kinds = (Kind("bodies", "a"), Kind("bodies", "b"))
    site, other = SPEC.sites[:2]
    verdict = verdict_of(
        clauses=("C-ONE",),
        sites=(site, other),
        kinds=kinds,
        judged_kinds={
            ("C-ONE", site): frozenset(kinds),
            ("C-ONE", other): frozenset(kinds[:1]),
        },
    )
    page = render(verdict, render_html)
    assert re.findall(
        r'<td class="(holds|partial)" title="C-ONE [^"]*: ([^,]*),', page
    ) == [
        ("holds", "holds"),
        ("partial", "1 of 2 kinds"),
    ]


def test_the_page_shows_a_proof() -> None:
    page = render_html(make_view(verdict_of(clauses=("C-ONE",)), SPEC, KILLS))
    assert "<td>C-ALIVE, C-BODY</td>" in page
    assert "each of 2 faults" in page


# -- keys and files --------------------------------------------------------------------


def forms(key: str) -> set[str]:
    pieces = [key, *re.split(r"[\0-\x1f\x7f]", key)]
    pieces = [piece for piece in pieces if len(piece) >= 12]
    encoded = (base64.b64encode(piece.encode()).decode() for piece in pieces)
    return {*pieces, *map(quote, pieces), *encoded}


def test_no_report_of_a_client_that_leaks_keys_has_one(tmp_path: Path) -> None:
    assert "C-SECRET" in {item.clause_id for item in sloppy_verdict().breaches}
    view = make_view(sloppy_verdict(), SPEC)
    write_report(view, tmp_path)
    paths = [tmp_path / name for name in RENDERERS]
    assert sorted(tmp_path.iterdir()) == sorted(paths)
    stream = io.StringIO()
    with redirect_stdout(stream):
        announce(view)
    for verbose in (False, True):
        show(view, Console(file=stream, force_terminal=True), verbose=verbose)
    texts = {path.name: path.read_text() for path in paths}
    texts["terminal"] = stream.getvalue()
    secrets = set().union(
        *(forms(item.api_key) | forms(item.app_key) for item in CREDENTIALS.values())
    )
    assert "[api key]" in texts["terminal"]
    assert [(n, s) for n, text in texts.items() for s in secrets if s in text] == []


def test_a_report_that_cannot_be_written_is_the_users_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"--report .*file/.*: cannot be written: "):
        write_report(make_view(verdict_of(), SPEC), tmp_path / "file")
