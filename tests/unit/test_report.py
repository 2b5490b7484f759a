"""Reports: each form says the verdict, says what is wrong, obeys nothing that it quotes, and holds no key."""

import base64
import io
import json
import os
import re
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree as Xml

import jsonschema_rs
import pytest
from rich.console import Console

from contract.cases.client import client_scenarios
from contract.cases.parameters import keys
from contract.cases.service import service_scenarios
from contract.clauses import CLIENT, SERVICE
from contract.engine.runner import PROFILES, run
from contract.engine.verdict import Verdict, merged
from contract.faults import CLIENT_FAULTS, SERVICE_FAULTS, Faulty, Killed
from contract.model import Case, Outcome
from contract.report import (
    Progress,
    again,
    announce,
    explain,
    show,
    to_html,
    to_json,
    to_junit,
    to_markdown,
    without_keys,
    write_report,
)
from contract.report.format import state
from contract.sandbox import ORGS, serving
from contract.servers.mock import MockedSites
from contract.spec import load
from contract.subjects.in_process import (
    ClientAdapter,
    ClientSubject,
    MinimalClientAdapter,
)
from contract.subjects.service import service_under_test

SPEC = load()
ROOT = Path(__file__).parents[2]
HOSTILE = "</script><script>alert(1)</script> <img src=x onerror=alert(2)> \0 \x1b[31m \u202e 𝄞 ` ``| @all #1 \n::error::x"


class Hostile:
    """A client that says what a page, a terminal or a pull request could obey."""

    def update(self, case: Case, keys: tuple[str, str]) -> Outcome:
        return Outcome("crashed", type="Hostile", message=HOSTILE, errors=(HOSTILE,))


def judged(
    caller: ClientAdapter,
    *names: str,
    clauses: tuple[str, ...] = (),
    name: str = "client under test",
) -> Verdict:
    chosen = [
        each for each in client_scenarios(SPEC) if not names or each.name in names
    ]
    kept = tuple(each for each in CLIENT if not clauses or each.id in clauses)
    with MockedSites(SPEC.sites) as mock:
        return run(
            ClientSubject(caller, mock, name),
            chosen,
            kept,
            SPEC,
            profile=PROFILES["quick"],
        )


def faulty(name: str) -> Verdict:
    return judged(
        Faulty(next(each for each in CLIENT_FAULTS if each.id == name)), name=name
    )


@pytest.fixture(scope="module")
def broken() -> Verdict:
    return faulty("body-start-as-double")


@pytest.fixture(scope="module")
def hostile() -> Verdict:
    return judged(Hostile(), "valid-bodies", "snapshot-ids")


@pytest.fixture(scope="module")
def service() -> Verdict:
    fault = SERVICE_FAULTS[0]
    mine, others = ((org.api_key, org.app_key) for org in ORGS)
    with (
        serving(fault.make()) as url,
        service_under_test(url, keys=mine, other_keys=others) as subject,
    ):
        scenarios = service_scenarios(SPEC)
        return run(
            subject,
            scenarios,
            SERVICE,
            SPEC,
            profile=PROFILES["quick"],
            sites=(subject.site,),
        )


@pytest.fixture(params=["broken", "hostile", "service", "both"])
def verdict(request: pytest.FixtureRequest) -> Verdict:
    if request.param == "both":
        return merged(
            [request.getfixturevalue("broken"), request.getfixturevalue("service")]
        )
    found: Verdict = request.getfixturevalue(request.param)
    return found


# -- JSON ----------------------------------------------------------------------------------------------


def test_the_json_verdict_satisfies_the_published_schema(verdict: Verdict) -> None:
    schema = json.loads((ROOT / "spec" / "verdict.schema.json").read_text())
    validator = jsonschema_rs.Draft202012Validator(schema, validate_formats=True)
    document = json.loads(json.dumps(to_json(verdict, SPEC)))
    assert [
        (error.message[:300], error.instance_path)
        for error in validator.iter_errors(document)
    ] == []
    assert verdict.breaches


def test_the_published_schema_knows_every_member_that_is_written(
    verdict: Verdict,
) -> None:
    """More members are welcome; that one is forgotten in the schema is not."""
    schema = json.loads((ROOT / "spec" / "verdict.schema.json").read_text())["$defs"]
    document = to_json(verdict, SPEC)
    assert document.keys() <= schema["verdict"]["properties"].keys()
    for breach in document["breaches"]:
        assert breach.keys() <= schema["breach"]["properties"].keys()
        assert breach["case"].keys() <= schema["case"]["properties"].keys()


def test_the_curl_line_of_a_service_is_what_was_sent_to_it(service: Verdict) -> None:
    breach = next(iter(service.breaches.values()))
    line = next(
        each["curl"]
        for each in to_json(service, SPEC)["breaches"]
        if each["fingerprint"] == breach.fingerprint
    )
    words = shlex.split(line)
    sent = breach.exchange.requests[-1]
    assert words[:4] == ["curl", "-X", sent.method, sent.url]
    assert "DD-API-KEY: $DD_API_KEY" in words
    assert "Content-Type: application/json" in words
    assert words[-2:] == ["--data-raw", sent.body.decode()]
    for body, keys_, last in (
        (b"\xff", "missing", "@-"),
        (b"{}", "wrong api key", "{}"),
    ):
        odd = replace(sent, body=body, headers=(("X-Odd", "it's"),))
        exchange = replace(
            breach.exchange,
            requests=(odd,),
            case=replace(breach.exchange.case, keys=keys_),
        )
        changed = replace(
            service, breaches={"0" * 12: replace(breach, exchange=exchange)}
        )
        words = shlex.split(to_json(changed, SPEC)["breaches"][0]["curl"])
        assert words[-1] == last
        assert {"X-Odd: it's", "Content-Type:"} <= set(words)
        assert ("DD-API-KEY: wrong" in words, "DD-API-KEY: $DD_API_KEY" in words) == (
            keys_ != "missing",
            False,
        )


# -- the page ------------------------------------------------------------------------------------------


def data(page: str) -> list[dict[str, Any]]:
    """Return what the breaches of a page open to."""
    parts = re.findall(
        r'<script type="application/json" class="data">\n(.*?)\n</script>',
        page,
        re.DOTALL,
    )
    return [json.loads(line) for part in parts for line in part.split("\n")]


def test_the_page_has_the_verdict_the_grid_and_every_breach(broken: Verdict) -> None:
    page = to_html(broken, SPEC)
    assert re.search(
        r'<h1 class="broken"><span aria-hidden="true">✗</span> broken</h1>', page
    )
    for site in broken.sites:
        assert site.replace(".", ".<wbr>") in page
    assert (
        page.count('<details class="breach"') == len(broken.breaches) == len(data(page))
    )
    assert all(f'id="b-{name}"' in page for name in broken.breaches)


def test_a_breach_on_the_page_opens_to_both_sides_and_how_to_see_it_again(
    broken: Verdict,
) -> None:
    breach = next(each for each in broken.breaches.values() if each.clause == "C-BODY")
    (opened,) = [
        each
        for each in data(to_html(broken, SPEC))
        if ["fingerprint", breach.fingerprint] in each["facts"]
    ]
    (ours, asked, theirs, sent) = opened["pairs"][0]
    assert (ours, theirs) == ("the caller's body", "the body on the wire")
    assert "9007199254740993" in asked
    assert "9007199254740992" in sent
    copied = dict(opened["copied"])
    assert copied["replay"] == f"contract replay {breach.exchange.case.id}"
    assert copied["curl"].startswith("curl -X PATCH https://api.")
    assert [name for name, _ in opened["wire"]] == ["sent", "answered", "told"]
    assert "DD-API-KEY: [api key]" in opened["wire"][0][1]
    assert json.loads(opened["case"])["scenario"] == breach.exchange.case.scenario


def test_the_order_of_members_is_no_difference_on_the_page(broken: Verdict) -> None:
    for opened in data(to_html(broken, SPEC)):
        for ours, left, _, right in opened["pairs"]:
            if ours == "the answer's body":
                assert left == right


def test_a_difference_far_into_a_long_text_is_on_the_page(broken: Verdict) -> None:
    breach = next(iter(broken.breaches.values()))
    (request, *_), case = breach.exchange.requests, breach.exchange.case
    body = {"data": "a" * 50_000 + "b"}
    exchange = replace(
        breach.exchange,
        case=replace(case, body=body),
        requests=(
            replace(request, body=json.dumps(body).encode().replace(b"b", b"c")),
        ),
    )
    verdict = replace(broken, breaches={"a" * 12: replace(breach, exchange=exchange)})
    (_, left, _, right), *_ = data(to_html(verdict, SPEC))[0]["pairs"]
    assert (left[-4:], right[-4:]) == ('ab"}', 'ac"}')
    assert len(left) < 5_000


def test_nothing_that_is_quoted_is_obeyed_by_the_page(hostile: Verdict) -> None:
    page = to_html(hostile, SPEC)
    assert (
        page.count("<script")
        == page.count("</script")
        == 1 + -(-len(hostile.breaches) // 200)
    )
    assert "<img" not in page
    assert not re.search(r"[\0-\x09\x0b-\x1f\x7f\u202e]", page)
    assert page.count("&lt;/script&gt;&lt;script&gt;alert(1)") >= 100
    told = [
        text for opened in data(page) for name, text in opened["wire"] if name == "told"
    ]
    assert all(
        "</script><script>alert(1)" in text and "\\x00 \\x1b[31m \\u202e 𝄞" in text
        for text in told
    )


def test_the_page_asks_for_nothing_from_outside(verdict: Verdict) -> None:
    page = to_html(verdict, SPEC)
    outside = page.partition('<script type="application/json"')
    assert not re.search(r"""(src|href)=["'](?!#|data:,)|@import|url\(""", outside[0])
    assert "default-src 'none'" in page


def test_the_page_shows_a_proof_and_timings(broken: Verdict) -> None:
    matrix = [
        Killed("one", "C-BODY", {"C-BODY": 2, "C-ALIVE": 1}),
        Killed("two", "C-HOST", {}),
    ]
    page = to_html(broken, SPEC, matrix, {(broken.name, "valid-bodies"): 1.25})
    assert "1 of 2 faults caught by the clause they name" in page
    assert "C-ALIVE, C-BODY" in page
    assert 'body-start-as-double: valid-bodies</td><td class="number">1.25 s' in page


def test_several_clients_under_the_same_clauses_stand_side_by_side(
    broken: Verdict, hostile: Verdict
) -> None:
    page = to_html(merged([broken, hostile]), SPEC)
    assert page.count('<table class="grid">') == 1
    assert "client under test<wbr></span></th>" in page


def test_a_clause_holds_only_on_the_sites_where_it_was_judged(broken: Verdict) -> None:
    clause_id, site = "C-METHOD", SPEC.sites[3]
    assert state(broken, clause_id, site)[0] == "holds"
    elsewhere = Counter(
        {
            each: count
            for each, count in broken.judged_on.items()
            if each != (clause_id, site)
        }
    )
    verdict = replace(broken, judged_on=elsewhere)
    assert [state(verdict, clause_id, each)[0] for each in SPEC.sites] == [
        "not judged" if each == site else "holds" for each in SPEC.sites
    ]
    assert state(verdict, clause_id)[0] == "holds"


def test_what_is_about_sites_that_are_none_stands_beside_them() -> None:
    def row(verdict: Verdict) -> list[str]:
        (cells,) = re.findall(
            r"<tr>(?:(?!</tr>).)*>C-SITE<.*?</tr>", to_html(verdict, SPEC), re.DOTALL
        )
        return re.findall(r'<td class="([a-z-]+)">', cells)[-9:]

    assert row(judged(MinimalClientAdapter(), "sites")) == [
        *["not-judged"] * 8,
        "holds",
    ]
    assert row(faulty("site-unchecked")) == [*["not-judged"] * 8, "broken"]


def test_a_client_and_a_service_have_a_grid_each(
    broken: Verdict, service: Verdict
) -> None:
    assert to_html(merged([broken, service]), SPEC).count('<table class="grid">') == 2


# -- JUnit ---------------------------------------------------------------------------------------------


def test_the_line_that_shows_a_breach_again_names_the_subject_as_the_command_does(
    broken: Verdict, service: Verdict
) -> None:
    def line(verdict: Verdict, arguments: str) -> str:
        breach = next(iter(verdict.breaches.values()))
        text = again(breach, replace(verdict, arguments=arguments))
        return text.replace(breach.exchange.case.id, "ID").replace(
            breach.exchange.case.scenario, "NAME"
        )

    assert (
        line(broken, " -- driver --service x")
        == "contract replay ID -- driver --service x"
    )
    example = " --example curl --page page.md"
    assert line(broken, example) == f"contract client --clause C-BODY{example}"
    assert line(service, "") == "contract replay ID"
    assert (
        line(service, " --service http://a --service http://b")
        == "contract replay ID --service http://a --service http://b"
    )
    for where in (
        " --live datadoghq.eu --max-requests 9",
        " http://a --snapshot-id x --header 'X: …'",
    ):
        wanted = f"contract service --clause S-REJECT --scenario NAME --profile quick --seed 1{where}"
        assert line(service, where) == wanted


def test_junit_has_a_suite_a_part_and_a_case_a_clause(
    broken: Verdict, service: Verdict
) -> None:
    root = Xml.fromstring(to_junit(merged([broken, service])))  # noqa: S314 - ours
    suites = root.findall("testsuite")
    assert [suite.get("name") for suite in suites] == [
        f"client {broken.name}",
        f"service {service.name}",
    ]
    for suite, part in zip(suites, (broken, service), strict=True):
        cases = suite.findall("testcase")
        assert [case.get("name") for case in cases] == [
            clause.id for clause in part.clauses
        ]
        failed = {
            case.get("name") for case in cases if case.find("failure") is not None
        }
        assert failed == {each.clause for each in part.counting}
        skipped = {
            case.get("name") for case in cases if case.find("skipped") is not None
        }
        assert skipped == set(part.not_judged)
        assert (suite.get("failures"), suite.get("skipped")) == (
            str(len(failed)),
            str(len(skipped)),
        )
    assert root.get("tests") == "40"
    body = root.find(".//testcase[@name='C-BODY']/failure")
    assert body is not None
    first = next(each for each in broken.breaches.values() if each.clause == "C-BODY")
    assert body.text == explain(first, broken)


def test_junit_is_xml_whatever_is_quoted(hostile: Verdict) -> None:
    assert "\\x00 \\x1b[31m" in Xml.tostring(
        Xml.fromstring(to_junit(hostile)),  # noqa: S314 - ours
        encoding="unicode",
    )


def test_what_is_to_be_known_of_a_live_run_is_in_every_form(broken: Verdict) -> None:
    (breach,) = broken.breaches.values()
    live = replace(
        broken,
        share=0.25,
        left=("abc",),
        changes=["a new field"],
        pruned=["0123 C-HOST: known"],
        breaches={"0" * 12: replace(breach, confirmed="always")},
    )
    texts = to_html(live, SPEC), to_markdown(live), shown(live)
    for text in texts:
        assert "25.0% of what was planned has been played" in text
        assert "left behind, remove by hand: abc" in text
        assert "changed since the run before: a new field" in text
        assert "accepted, but not seen any more (prune it): 0123 C-HOST: known" in text
    assert all(
        "tried again: always" in text for text in (texts[0], texts[2], to_junit(live))
    )
    document = to_json(live, SPEC)
    assert (
        document["share"],
        document["left"],
        document["breaches"][0]["confirmed"],
    ) == (0.25, ["abc"], "always")


def test_junit_says_that_a_run_ended_early(broken: Verdict) -> None:
    early = replace(broken, interrupted="the client is gone", left=("abc",))
    root = Xml.fromstring(to_junit(early))  # noqa: S314 - ours
    assert [each.get("message") for each in root.iter("error")] == [
        "ended early: the client is gone",
        "left behind: abc",
    ]
    assert root.get("errors") == "2"


def test_an_accepted_breach_fails_nothing(broken: Verdict) -> None:
    accepted = {
        name: replace(each, accepted=True) for name, each in broken.breaches.items()
    }
    known = replace(broken, breaches=accepted)
    root = Xml.fromstring(to_junit(known))  # noqa: S314 - ours
    assert root.get("failures") == "0"
    assert "accepted" in (root.findtext(".//testcase[@name='C-BODY']/system-out") or "")
    assert "accepted breaches: 1" in to_markdown(known)
    assert "::" not in announced(known)


# -- Markdown, GitHub Actions -----------------------------------------------------------------------------


def test_a_summary_is_pinned(broken: Verdict) -> None:
    still = replace(
        broken,
        seconds=1.5,
        breaches={
            name: replace(each, count=2, sites=["datadoghq.com", "datadoghq.eu"])
            for name, each in broken.breaches.items()
        },
    )
    (breach,) = still.breaches.values()
    assert to_markdown(still) == (
        "## ❌ Contract: broken\n\n"
        f"`body-start-as-double, {len(still.cases)} cases, {still.exchanges} exchanges on 8 sites in 1.5 s, "
        "profile quick, seed 1`\n\n"
        "| clause | level | what is wrong | seen | play it again |\n| --- | --- | --- | --- | --- |\n"
        "| C-BODY | must | `the body was altered at /data/attributes/start rounded: 9007199254740993 became "
        "9007199254740992` | `2×, datadoghq.com + 1` | "
        f"`contract replay {breach.exchange.case.id}` |\n\n"
        "- not judged: C-TLS: `only a real socket can stall before the headers; only a real socket can show a client "
        "another certificate, or none`\n"
    )


def test_what_is_quoted_in_a_summary_stays_in_its_code_span(hostile: Verdict) -> None:
    text = to_markdown(hostile)
    rows = [line for line in text.split("\n") if line.startswith("| C-")]
    assert 0 < len(rows) < 20 < len(hostile.breaches), "what says the same is one row"
    said = [row for row in rows if "alert" in row]
    assert said
    for row in said:
        assert re.search(
            r"\| ```.*</script>.* ` ``\\\| @all #1 \\n::error::x.*``` \|", row
        )
        assert len(re.findall(r"(?<!\\)\|", row)) == 6


def announced(verdict: Verdict, **environ: str) -> str:
    stream = io.StringIO()
    announce(verdict, {"GITHUB_ACTIONS": "true", **environ}, stream)
    return stream.getvalue()


def test_under_github_actions_breaches_are_annotations_and_the_summary_is_added(
    broken: Verdict, tmp_path: Path
) -> None:
    file = tmp_path / "summary"
    file.write_text("before\n")
    (breach,) = broken.breaches.values()
    assert announced(broken, GITHUB_STEP_SUMMARY=str(file)) == (
        f"::error title=C-BODY::{breach.message}%0A{', '.join(breach.sites)}%0A"
        f"contract replay {breach.exchange.case.id}\n"
    )
    assert file.read_text() == f"before\n{to_markdown(broken)}\n"


def test_a_should_is_a_warning_and_nothing_that_is_quoted_is_a_command(
    hostile: Verdict,
) -> None:
    lines = announced(hostile).splitlines()
    assert all(
        line.startswith(("::error title=C-", "::warning title=C-")) for line in lines
    )
    assert 0 < len(lines) <= 20
    breaches = {
        name: replace(each, level="should", message="100%, a: b\r\n")
        for name, each in hostile.breaches.items()
    }
    assert announced(replace(hostile, breaches=breaches)).startswith(
        "::warning title=C-"
    )
    assert "::100%25, a: b\\r\\n%0A" in announced(replace(hostile, breaches=breaches))


def test_elsewhere_nothing_is_announced(broken: Verdict) -> None:
    stream = io.StringIO()
    announce(broken, {}, stream)
    assert stream.getvalue() == ""


def test_a_summary_stays_short(broken: Verdict) -> None:
    (breach,) = broken.breaches.values()
    many = {
        str(number): replace(breach, message=f"wrong {number}") for number in range(50)
    }
    text = to_markdown(replace(broken, breaches=many))
    assert text.count("| C-BODY |") == 20
    assert "and 30 more: see `index.html` of the report" in text
    assert len(announced(replace(broken, breaches=many)).splitlines()) == 10


# -- keys ------------------------------------------------------------------------------------------------


def forms(key: str) -> Iterator[str]:
    for piece in (key, *re.split(r"[\0-\x1f\x7f]", key)):
        if len(piece) >= 12:
            yield from (piece, quote(piece), base64.b64encode(piece.encode()).decode())


SECRETS = sorted(
    {form for pair in keys.values() for key in pair for form in forms(key)}
)


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault", ["secret-in-message", "secret-in-log", "auth-key-in-url"]
)
def test_no_report_of_a_client_that_leaks_keys_has_one(
    fault: str, tmp_path: Path
) -> None:
    verdict = faulty(fault)
    assert {"C-SECRET", "C-AUTH"} & {each.clause for each in verdict.breaches.values()}
    leaked = [each.exchange for each in verdict.breaches.values()]
    assert any(
        key in repr((each.requests, each.outcome))
        for each in leaked
        for key in each.keys
    )
    write_report(verdict, SPEC, tmp_path)
    announce(
        verdict,
        {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(tmp_path / "step")},
        io.StringIO(),
    )
    console = Console(file=(tmp_path / "terminal").open("w"), force_terminal=True)
    show(verdict, console)
    console.file.close()
    files = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert files.keys() == {
        "index.html",
        "verdict.json",
        "junit.xml",
        "summary.md",
        "step",
        "terminal",
    }
    assert [
        (name, secret)
        for name, text in files.items()
        for secret in SECRETS
        if secret in text
    ] == []


def test_half_a_key_is_not_left_where_a_text_is_cut(broken: Verdict) -> None:
    (breach,) = broken.breaches.values()
    key = breach.exchange.keys[0]
    outcome = Outcome("failed", message="x" * (200 - len("failed ") - 20) + key)
    cut = replace(breach, exchange=replace(breach.exchange, outcome=outcome))
    assert key[:12] not in explain(cut, broken)
    assert key[:12] not in json.dumps(
        to_json(replace(broken, breaches={"0" * 12: cut}), SPEC)
    )


def test_keys_are_replaced_in_every_form(broken: Verdict) -> None:
    (breach,) = broken.breaches.values()
    exchange = replace(
        breach.exchange, keys=("first piece+\r\nsecond piece", "0123456789ab#x")
    )
    text = "first piece+, second piece, first%20piece%2B, c2Vjb25kIHBpZWNl, ?key=0123456789ab"
    assert (
        without_keys(text, exchange)
        == "[api key], [api key], [api key], [api key], ?key=[app key]"
    )


# -- the terminal -----------------------------------------------------------------------------------------


def shown(verdict: Verdict, **settings: Any) -> str:
    stream = io.StringIO()
    show(verdict, Console(file=stream, width=80, **settings))
    return stream.getvalue()


def test_the_table_of_forty_clauses_and_the_sum_fit_one_screen(
    service: Verdict,
) -> None:
    lines = (
        shown(merged([judged(MinimalClientAdapter(), "valid-bodies"), service]))
        .rstrip("\n")
        .split("\n")
    )
    begin = next(
        index for index, line in enumerate(lines) if line.startswith("clause ")
    )
    table, total = lines[begin:-1], lines[-1]
    assert len(table) == 21
    assert max(map(len, table)) <= 80
    assert total.startswith("broken: client under test and ")
    assert len(table) + -(-len(total) // 80) <= 24
    assert not any("…" in line for line in table)


def test_no_color_is_obeyed(broken: Verdict, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    coloured = re.compile(r"\x1b\[[0-9;]*3[0-9]")
    assert coloured.search(shown(broken, force_terminal=True))
    monkeypatch.setenv("NO_COLOR", "1")
    assert not coloured.search(shown(broken, force_terminal=True))


def test_what_is_quoted_is_not_obeyed_by_the_terminal(hostile: Verdict) -> None:
    assert "\x1b" not in shown(hostile)
    assert not any(line.startswith("::") for line in shown(hostile).split("\n"))


def test_progress_is_a_plain_line_every_ten_seconds(broken: Verdict) -> None:
    stream, times = io.StringIO(), iter([0.0, 1.0, 9.0, 11.0, 15.0, 22.0, 23.0])
    with Progress(stream, clock=lambda: next(times)) as watch:
        for scenario in ("ids", "ids", "bodies", "bodies", "bodies"):
            watch(broken, scenario)
    assert stream.getvalue() == (
        f"11 s  {broken.name}: bodies, {broken.exchanges} exchanges, 1 breach\n"
        f"22 s  {broken.name}: bodies, {broken.exchanges} exchanges, 1 breach\n"
    )
    assert dict(watch.seconds) == {
        (broken.name, "ids"): 10.0,
        (broken.name, "bodies"): 12.0,
    }


def test_progress_is_silent_when_told_so(broken: Verdict) -> None:
    for terminal in (False, True):
        stream, times = (
            Terminal() if terminal else io.StringIO(),
            iter([0.0, 20.0, 40.0]),
        )
        with Progress(
            stream, quiet=True, clock=lambda times=times: next(times)
        ) as watch:  # type: ignore[misc]
            watch(broken, "ids")
        assert stream.getvalue() == ""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_on_a_terminal_is_one_line_that_goes_away(
    broken: Verdict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream, times = Terminal(), iter([0.0, 1.0, 2.0, 3.0])
    with Progress(stream, clock=lambda: next(times)) as watch:
        watch(broken, "ids")
        watch(broken, "bodies")
    assert "2 s  body-start-as-double: bodies" in stream.getvalue()
    assert stream.getvalue().rstrip().endswith("\x1b[2K"), "the line is erased"


def test_a_client_is_judged_the_same_while_it_is_watched(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream, times = Terminal(), iter(range(1_000_000))
    with (
        MockedSites(SPEC.sites) as mock,
        Progress(stream, clock=lambda: float(next(times))) as watch,
    ):
        chosen = [
            each for each in client_scenarios(SPEC) if each.name == "valid-bodies"
        ]
        verdict = run(
            ClientSubject(MinimalClientAdapter(), mock),
            chosen,
            CLIENT,
            SPEC,
            profile=PROFILES["quick"],
            watch=watch,
        )
    assert not verdict.breaches
    assert stream.getvalue().count("valid-bodies") > 10


INTERRUPTED = """
import os, signal, sys
import contract.cli, contract.engine.runner
played = contract.engine.runner.Run.case
def case(self, case, count=[0]):
    count[0] += 1
    if count[0] == 30:
        os.kill(os.getpid(), signal.SIGINT)
    return played(self, case)
contract.engine.runner.Run.case = case
sys.exit(contract.cli.main(sys.argv[1:]))
"""


THEIRS = """
class Idle:
    def update(self, asked):
        return {"outcome": "failed", "message": "not today"}
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT as a terminal sends it")
@pytest.mark.parametrize(
    ("client", "status", "word"),
    [((), 2, "unknown"), (("--python", "theirs:Idle"), 1, "broken")],
)
def test_ctrl_c_gives_the_verdict_so_far(
    tmp_path: Path, client: tuple[str, ...], status: int, word: str
) -> None:
    (tmp_path / "theirs.py").write_text(THEIRS)
    environ = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("CONTRACT_")
    }
    ran = subprocess.run(  # noqa: S603 - this interpreter
        [
            sys.executable,
            "-c",
            f"import signal; signal.signal(signal.SIGINT, signal.default_int_handler){INTERRUPTED}",
            "client",
            "--profile",
            "quick",
            *client,
        ],
        cwd=tmp_path,
        env=environ,
        check=False,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == status, ran.stderr
    assert re.search(
        rf"^{word}: ended early: interrupted; \S+ ?.*, \d+ cases",
        ran.stdout,
        re.MULTILINE,
    )
    assert "C-METHOD" in ran.stdout
    assert "Traceback" not in ran.stderr


@pytest.mark.slow
def test_with_json_on_standard_output_nothing_else_is_written(tmp_path: Path) -> None:
    environ = {
        **os.environ,
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": str(tmp_path / "step"),
    }
    arguments = [
        "client",
        "--profile",
        "quick",
        "--scenario",
        "valid-bodies",
        "--json",
        "-",
        "--report",
        "report",
    ]
    ran = subprocess.run(  # noqa: S603 - this interpreter
        [sys.executable, "-m", "contract", *arguments],
        cwd=tmp_path,
        env=environ,
        check=False,
        capture_output=True,
        text=True,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert json.loads(ran.stdout) == json.loads(
        (tmp_path / "report" / "verdict.json").read_text()
    )
    assert {path.name for path in (tmp_path / "report").iterdir()} == {
        "index.html",
        "junit.xml",
        "summary.md",
        "verdict.json",
    }
