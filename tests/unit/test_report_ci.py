"""Reports for continuous integration: JUnit XML, Markdown, annotations."""

import io
import re
from contextlib import redirect_stdout
from dataclasses import replace
from xml.etree import ElementTree as Xml

import pytest

from contract.engine.verdict import Verdict
from contract.model import Kind, Level
from contract.report.ci import announce, render_junit, render_markdown
from contract.report.view import make_view
from tests.unit.verdicts import (
    SPEC,
    breach,
    hostile_verdict,
    render,
    rule,
    service_verdict,
    sloppy_verdict,
    verdict_of,
)

# -- JUnit -----------------------------------------------------------------------------


def junit(verdict: Verdict) -> Xml.Element:
    return Xml.fromstring(render(verdict, render_junit))  # noqa: S314 - our own text


def names_of(verdict: Verdict) -> list[str]:
    cases = junit(verdict).iter("testcase")
    return [f"{case.get('classname')}: {case.get('name')}" for case in cases]


def test_junit_has_a_case_for_each_clause_and_site() -> None:
    assert names_of(service_verdict()) == [
        "service 127_0_0_1: S-ALIVE 127_0_0_1",
        "service 127_0_0_1: S-ALIVE 127_0_0_1-2",
        "service 127_0_0_1: S-ECHO 127_0_0_1",
        "service 127_0_0_1: S-ECHO 127_0_0_1-2",
    ]
    root = junit(service_verdict())
    properties = {item.get("name"): item.get("value") for item in root.iter("property")}
    assert properties["site 127_0_0_1-2"] == "http://127.0.0.1:8081"
    assert properties["version"] == "1.0"
    assert [root.get(n) for n in ("tests", "failures", "errors", "skipped")] == [
        *("4", "1", "0", "0")
    ]


def test_names_are_the_same_for_other_ports_and_versions() -> None:
    other = replace(
        service_verdict(),
        name="http://127.0.0.1:9090",
        version="2.0.1",
        sites=("http://127.0.0.1:9090", "http://127.0.0.1:9191"),
    )
    assert names_of(other) == names_of(service_verdict())
    assert not any(
        "." in name or "8080" in name for name in names_of(service_verdict())
    )


def test_a_case_fails_by_its_causes() -> None:
    cases = {
        case.get("name"): case for case in junit(sloppy_verdict()).iter("testcase")
    }
    failing = {
        f"{item.clause_id} {site.replace('.', '_')}"
        for item in sloppy_verdict().failures
        for site in item.sites
    }
    failed = {name for name, case in cases.items() if case.find("failure") is not None}
    assert failed == failing
    failure = cases["C-AUTH datadoghq_com"].find("failure")
    assert failure is not None
    title = "C-AUTH/key-elsewhere (must, keys at risk): A key stands outside "
    assert failure.get("message") == f"{title}its own header."
    assert (failure.text or "").startswith(
        "C-AUTH/key-elsewhere (must, keys at risk): "
    )


def test_a_clause_that_is_not_judged_is_skipped_with_the_reason() -> None:
    verdict = verdict_of(
        clauses=("C-ONE",),
        sites=SPEC.sites[:1],
        judged={},
        reasons={"C-ONE": "no socket"},
    )
    (skipped,) = junit(verdict).iter("skipped")
    assert skipped.get("message") == "no socket"


def test_what_does_not_count_is_output() -> None:
    items = [
        breach(rule("mild"), level=Level.SHOULD, sites=("datadoghq.com",)),
        breach(
            rule("known"), is_accepted=True, reason="known", sites=("datadoghq.eu",)
        ),
    ]
    root = junit(verdict_of(*items))
    assert root.get("failures") == "0"
    outputs = [output.text or "" for output in root.iter("system-out")]
    assert [text.split(" (")[0] for text in outputs] == [
        "C-VALID/mild",
        "C-VALID/known",
    ]


def test_a_run_that_ended_early_is_an_error() -> None:
    root = junit(
        verdict_of(
            clauses=("C-ONE",), interrupted="the client is gone", leftovers=("a",)
        )
    )
    assert [error.get("message") for error in root.iter("error")] == [
        "ended early: the client is gone",
        "left behind: a",
    ]
    assert root.get("errors") == "2"


def test_sites_that_cases_name_have_a_case_of_their_own() -> None:
    kind = Kind("sites", "site path")
    verdict = verdict_of(
        breach(rule("sent"), clause="C-SITE", kinds=(kind,), sites=("a/b",)),
        kinds=(kind,),
        own_site_kinds=frozenset({kind}),
        sites=SPEC.sites[:1],
    )
    assert names_of(verdict)[-1] == "client client: C-SITE sites named by cases"
    assert junit(verdict).get("failures") == "1"


def test_junit_is_xml_whatever_is_quoted() -> None:
    assert r"\x00 \x1b[31m" in Xml.tostring(
        junit(hostile_verdict()), encoding="unicode"
    )


# -- Markdown and annotations ----------------------------------------------------------


def test_a_summary_is_pinned() -> None:
    items = [breach(sites=SPEC.sites[:2]), breach(rule("known"), is_accepted=True)]
    verdict = verdict_of(*items, judged={("C-VALID", "datadoghq.com"): 3})
    assert render(verdict, render_markdown) == (
        "## ❌ Contract: broken\n\n"
        f"`client 1.0, 10 cases, 80 exchanges on {len(SPEC.sites)} sites in 1.5 s, "
        "profile ci, seed 1`\n\n"
        "| cause | level | problem | seen | replay |\n"
        "| --- | --- | --- | --- | --- |\n"
        "| C-VALID/null-sent | must | `A null is sent where nothing is nullable. The"
        " message of null-sent.` | `2 times in 1 kind on 2 sites at /data/id` |"
        " `contract replay 'C-VALID/null-sent@/data/id'` |\n\n"
        "- accepted breaches: 1\n"
    )


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ("The mistake mild.", "The mistake mild."),
        ("The mistake mild: it is 7.", "The mistake mild: it is 7."),
        ("It is 7.", "The mistake mild. It is 7."),
    ],
)
def test_a_summary_does_not_repeat_the_meaning_of_a_rule(
    message: str, problem: str
) -> None:
    verdict = verdict_of(breach(rule("mild"), message=message))
    assert f"| `{problem}` |" in render(verdict, render_markdown)
    assert problem.replace(". ", ".%0A") in announced(verdict)


def test_what_is_quoted_in_a_summary_stays_in_its_code_span() -> None:
    text = render(hostile_verdict(), render_markdown)
    rows = [line for line in text.split("\n") if "alert" in line]
    assert rows
    for row in rows:
        assert re.search(r"\| ```.*</script>.* ` ``\\\| @all #1 .*``` \|", row)
        assert len(re.findall(r"(?<!\\)\|", row)) == 6


def test_a_summary_stays_short() -> None:
    items = [breach(rule(f"rule-{n:02}")) for n in range(50)]
    text = render(verdict_of(*items), render_markdown)
    assert text.count("| C-VALID/") == 20
    assert "and 30 more: see `index.html` of the report" in text
    assert len(announced(verdict_of(*items)).splitlines()) == 10


def announced(verdict: Verdict) -> str:
    stream = io.StringIO()
    view = make_view(verdict, SPEC)
    with redirect_stdout(stream):
        announce(view)
    return stream.getvalue()


def test_under_github_actions_causes_are_annotations() -> None:
    items = [
        breach(message="100%, a: b\r\n"),
        breach(rule("mild"), level=Level.SHOULD),
        breach(rule("known"), is_accepted=True),
    ]
    verdict = verdict_of(*items)
    assert announced(verdict) == (
        "::error title=C-VALID/null-sent::A null is sent where nothing is nullable.%0A"
        "100%25, a: b\\r\\n%0Adatadoghq.com%0A"
        "contract replay 'C-VALID/null-sent@/data/id'\n"
        "::warning title=C-VALID/mild::The mistake mild.%0AThe message of mild.%0A"
        "datadoghq.com%0Acontract replay 'C-VALID/mild@/data/id'\n"
    )


def test_nothing_that_is_quoted_is_a_workflow_command() -> None:
    lines = announced(hostile_verdict()).splitlines()
    assert 0 < len(lines) <= 20
    assert all(
        line.startswith(("::error title=C-", "::warning title=C-")) for line in lines
    )
