"""Shards of a run, and the one verdict that `contract merge` makes of them."""

import json
from pathlib import Path
from typing import Any

import pytest

from contract.api import check_all, check_service
from contract.cli import main
from contract.engine.job import RunOptions, make_job
from contract.engine.schedule import Shard, parse_shard
from contract.engine.verdict import Verdict
from contract.errors import UsageError
from contract.faults import Fault, client_fault, service_fault, subject_of
from contract.merge import merge
from contract.report.json_document import render_json
from contract.report.reading import indices_of, reading, verdict_of
from contract.report.view import make_view
from contract.sandbox import ORGS, Sandbox, serving
from contract.spec import load
from tests.unit.damaged import damaged
from tests.unit.engine_support import client_case, scenario, schedule

SPEC = load()
Document = dict[str, Any]
Capture = pytest.CaptureFixture[str]


def judged(fault: Fault, *scenarios: str, **options: Any) -> Verdict:
    """Return the verdict of a subject with a fault."""
    settings: Any = {"profile": "quick", "scenarios": scenarios, **options}
    with subject_of(fault) as (subject, sites):
        return make_job(fault.side, SPEC, settings).run(subject, sites)


def document(verdict: Verdict) -> Document:
    """Return the JSON of a verdict."""
    result: Document = json.loads(render_json(make_view(verdict, SPEC)))
    return result


def write(path: Path, verdict: Verdict, **changes: Any) -> Path:
    """Write the JSON of a verdict."""
    path.write_text(json.dumps(document(verdict) | changes))
    return path


def facts(verdict: Verdict) -> Document:
    """Return what a merged verdict must have in common with that of one run."""
    found = document(verdict)
    names = found["kinds"]

    def kinds(ranges: str) -> set[str]:
        return {names[index] for index in indices_of(ranges)}

    return {
        "counts": [found[name] for name in ("verdict", "cases", "exchanges")],
        "kinds": {*names},
        "clauses": found["clauses"],
        "not judged": {row["clause"] for row in found["not_judged"]},
        "breaches": {
            b["id"]: ({*b["sites"]}, b["count"], kinds(b["kinds"]))
            for b in found["breaches"]
        },
        "causes": {
            f"{c['clause']}/{c['rule']}": (c["count"], c["new"], {*c["places"]})
            for c in found["causes"]
        },
        "grid": {
            (c["clause"], c["site"]): (c["state"], c["exchanges"], kinds(c["judged"]))
            for c in found["grid"]
        },
        "notes": {(n["clause"], n["message"]): n["count"] for n in found["notes"]},
        "gaps": found["gaps"],
        "skipped": {row["reason"]: {*row["names"]} for row in found["skipped"]},
    }


CLIENT = client_fault("body-start-as-double"), ("valid-bodies", "keys", "odd-errors")
CHANGED = service_fault("org-refused-yet-changed"), ("organizations", "invalid-bodies")
GONE = service_fault("gone-not-at-all"), ("sequences", "deleted")


@pytest.mark.parametrize(
    ("fault", "scenarios"), [CLIENT, CHANGED, GONE], ids=["client", "batch", "sequence"]
)
def test_merged_shards_say_what_one_run_says(
    fault: Fault, scenarios: tuple[str, ...], tmp_path: Path
) -> None:
    paths = [
        write(tmp_path / f"{part}.json", judged(fault, *scenarios, shard=f"{part}/3"))
        for part in (1, 2, 3)
    ]
    whole, merged = judged(fault, *scenarios), merge(paths[::-1], SPEC)
    assert facts(merged) == facts(whole)
    assert facts(whole)["breaches"]
    assert merged.left_out == whole.left_out


def test_both_halves_of_a_check_are_merged(tmp_path: Path, short_lags: None) -> None:
    """One part alone has the sandbox with a rate limit."""
    options: Any = {"profile": "quick", "scenarios": ["media-types", "repeats"]}
    paths = [
        write(tmp_path / f"{part}.json", check_all(**options, shard=f"{part}/2"))
        for part in (1, 2)
    ]
    whole, merged = check_all(**options), merge(paths, SPEC)
    assert facts(merged) == facts(whole)
    assert merged.state("S-RATE") == "holds"
    assert [part.name for part in merged.parts] == [part.name for part in whole.parts]
    assert merged.sites == whole.sites


def test_each_case_is_in_one_shard_with_the_sites_of_the_whole_run() -> None:
    cases = [client_case(f"/{number}", "x", body=number) for number in range(40)]
    whole = schedule(scenario("one", *cases, *cases[:3]))
    parts = [whole.part(Shard(number, 3)).cases for number in (1, 2, 3)]
    assert sum(map(len, parts)) == len(whole.cases)
    for item in whole.cases:
        (part,) = (part for part in parts if item in part)
        ids = [other.case.id for other in part]
        assert item.case.id in ids
    assert all(parts)


@pytest.mark.parametrize(
    "text", ["", "0/4", "5/4", "1", "a/b", "1/0", "-1/4", "1/99999"]
)
def test_a_wrong_shard_is_one_clear_line(text: str, capsys: Capture) -> None:
    with pytest.raises(UsageError, match=r"--shard: must be K/N with K from 1 to N"):
        parse_shard(text)
    assert main(["client", "--shard", text or "x"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


# -- what does not belong together -----------------------------------------------------


@pytest.fixture(scope="module")
def shards() -> list[Document]:
    """Return the documents of both shards of a client with a breach."""
    fault, scenarios = CLIENT
    verdicts = [judged(fault, *scenarios, shard=f"{part}/2") for part in (1, 2)]
    return list(map(document, verdicts))


def merged(capsys: Capture, *documents: object, options: tuple[str, ...] = ()) -> str:
    """Merge documents by the command line. Return its one line of error."""
    for number, item in enumerate(documents):
        text = item if isinstance(item, str) else json.dumps(item)
        Path(f"{number}.json").write_text(text)
    names = [f"{number}.json" for number in range(len(documents))]
    capsys.readouterr()
    status = main(["merge", *names, *options])
    captured = capsys.readouterr()
    assert status < 2 or captured.err.count("\n") == 1, captured.err
    return captured.err if status == 2 else f"status {status}"


OTHERS: list[tuple[str, Document]] = [
    ("1.json: has another seed than 0.json", {"seed": 2}),
    ("1.json: has another profile than 0.json", {"profile": "ci"}),
    (
        "1.json: has another subject than 0.json",
        {"subject": {"kind": "client", "name": "other", "version": ""}},
    ),
    ("1.json: has another choice of scenarios", {"scenarios": ["keys"]}),
    ("1.json: has another choice of clauses", {"clauses": []}),
    ("1.json: is of another version of the suite", {"contract": {"spec_sha256": "a"}}),
    ("1.json: part 1 of 2 is in another file, too; part 2 of 2", {"shard": [1, 2]}),
    ("1.json: part 2 of 3 is no part of 0.json", {"shard": [2, 3]}),
    ("1.json: is the verdict of a gate", {"gate": {"old": {}}}),
    ("1.json: is no JSON verdict of format 2", {"format": 1}),
    ("1.json: is no JSON verdict of format 2", {"shard": "x"}),
    ("1.json: is no JSON verdict of format 2", {"kinds": 5}),
    ("1.json: is no JSON verdict of format 2", {"grid": [{}]}),
    ("1.json: is no JSON verdict of format 2", {"seconds": "1"}),
    ("1.json: is no JSON verdict of format 2", {"outcomes": {"a": "x"}}),
    ("1.json: is no JSON verdict of format 2", {"breaches": [{"clause": "C-ONE"}]}),
    ("1.json: is no JSON verdict of format 2", {"profile": "proof"}),
]


@pytest.mark.parametrize(
    ("message", "changes"), OTHERS, ids=lambda item: str(item)[:40]
)
@pytest.mark.usefixtures("elsewhere")
def test_a_file_of_another_run_is_named(
    message: str, changes: Document, shards: list[Document], capsys: Capture
) -> None:
    assert f"contract: {message}" in merged(capsys, shards[0], shards[1] | changes)


@pytest.mark.usefixtures("elsewhere")
def test_missing_and_doubled_parts_are_named(
    shards: list[Document], capsys: Capture
) -> None:
    assert merged(capsys, shards[0]) == "contract: part 2 of 2 is missing\n"
    doubled = merged(capsys, *shards, shards[0])
    assert doubled == "contract: 2.json: part 1 of 2 is in another file, too\n"
    Path("0.json").write_text(json.dumps(shards[0]))
    assert main(["merge", "0.json", "0.json"]) == 2
    error = capsys.readouterr().err
    assert error == "contract: 0.json: is given 2 times; part 2 of 2 is missing\n"


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "5", "null", '{"format": 2}', "[" * 100_000, "\ud800", "x" * 99],
    ids=lambda text: text[:12],
)
@pytest.mark.usefixtures("elsewhere")
def test_a_file_that_is_no_verdict_is_one_line(
    text: str, shards: list[Document], capsys: Capture
) -> None:
    assert merged(capsys, shards[0], text.encode("utf-8", "replace").decode())[:9] == (
        "contract:"
    )


def test_a_wrong_value_at_any_key_is_shown_or_refused_in_one_line(
    shards: list[Document], tmp_path: Path
) -> None:
    path, messages = tmp_path / "v.json", list[str]()
    whole = {name: shards[0][name] for name in shards[0] if name != "shard"}
    for item in damaged(whole | {"grid": whole["grid"][:3]}):
        path.write_text(json.dumps(item))
        try:
            document(merge([path], SPEC))
        except UsageError as error:
            messages.append(str(error))
    assert len(messages) > 10
    assert "\n" not in "".join(messages)


# -- the merged verdict ----------------------------------------------------------------


@pytest.mark.usefixtures("elsewhere")
def test_an_internal_error_of_a_part_keeps_its_words(
    shards: list[Document], capsys: Capture
) -> None:
    error = "internal error: KeyError in contract/a.py, line 5"
    text = merged(capsys, {**shards[0], "error": error}, *shards[1:])
    assert (
        text == f"contract: {error}; this is a defect of the suite. Please report "
        "it, with the output of --verbose\n"
    )


@pytest.mark.usefixtures("elsewhere")
def test_a_merged_verdict_is_reported_accepted_and_replayed(
    shards: list[Document], capsys: Capture
) -> None:
    options = ("--accepted", "a.yaml", "--update-accepted", "--report", "r")
    assert merged(capsys, *shards, options=options) == "status 1"
    written = json.loads(Path("r/verdict.json").read_text())
    (cause,) = written["causes"]
    assert "shard" not in written
    assert cause["curl"].startswith("curl -X PATCH https://api.")
    page, junit = (Path("r", name).read_text() for name in ("index.html", "junit.xml"))
    assert cause["breach"].partition("@")[0] in junit
    assert "request" in page
    assert main(["replay", "r/verdict.json"]) == 0, "the minimal client holds"
    reason = Path("a.yaml").read_text().replace("reason: ''", "reason: known")
    Path("a.yaml").write_text(reason)
    assert merged(capsys, *shards, options=("--accepted", "a.yaml")) == "status 0"


@pytest.mark.usefixtures("elsewhere")
def test_an_accepted_file_is_pruned_on_the_merged_verdict(
    shards: list[Document], capsys: Capture
) -> None:
    entry = (
        "{clause: C-BODY, rule: %s, kinds: ['%s/**'], reason: x, expires: 2999-01-01}"
    )
    rules = "number-altered", "boolean-altered", "text-altered"
    entries = zip(rules, ("valid-bodies", "keys", "redirects"), strict=True)
    lines = [f"  - {entry % item}" for item in entries]
    Path("a.yaml").write_text("\n".join(["format: 2", "accepted:", *lines]))
    options = ("--accepted", "a.yaml", "--update-accepted", "--prune")
    refusal = merged(capsys, *shards, options=options)
    assert "--prune: needs a whole run" in refusal, "these are quick ones"
    whole = [shard | {"profile": "ci"} for shard in shards]
    assert merged(capsys, *whole, options=options) == "status 0"
    text = Path("a.yaml").read_text()
    assert "number-altered" in text
    assert "boolean-altered" not in text, "its scenario was played"
    assert "text-altered" in text, "its scenario was not played"


@pytest.mark.usefixtures("elsewhere")
def test_nothing_is_pruned_on_a_part(capsys: Capture) -> None:
    words = ["--shard", "1/2", "--accepted", "a.yaml", "--update-accepted", "--prune"]
    assert main(["client", *words]) == 2
    assert "--prune: needs a whole run" in capsys.readouterr().err


def test_a_verdict_that_was_read_shows_what_it_showed(
    shards: list[Document], tmp_path: Path
) -> None:
    path = tmp_path / "v.json"
    path.write_text(json.dumps(shards[0]))
    with reading(path) as written:
        again = document(verdict_of(written, SPEC))
    assert {k: again[k] for k in again} == shards[0]


# -- sites side by side ----------------------------------------------------------------


def site_verdict(site: str, sandbox: Sandbox) -> Verdict:
    """Return the verdict of a service that is taken for a live site."""
    own, _ = ORGS
    options: RunOptions = {"profile": "quick", "scenarios": ["valid-bodies", "keys"]}
    with serving(sandbox) as url:
        return check_service(url, keys=own.keys, names=(site,), **options)


def test_single_sites_are_compared_by_their_outcomes(
    tmp_path: Path, short_lags: None
) -> None:
    faulty = service_fault("status-201").make_sandbox()
    sandboxes = dict(zip(SPEC.sites, (Sandbox(), faulty, Sandbox()), strict=False))
    paths = [
        write(tmp_path / f"{site}.json", site_verdict(site, sandbox))
        for site, sandbox in sandboxes.items()
    ]
    verdict = merge(paths, SPEC)
    assert verdict.sites == SPEC.sites[:3]
    (breach,) = verdict.breaches_of("S-PARITY")
    assert breach.id == f"S-PARITY/status-differs@{SPEC.sites[1]}"
    assert breach.message == f"{SPEC.sites[1]} answers with 201, not 200."
    assert breach.sites == SPEC.sites[1:2]
    assert verdict.judged["S-PARITY", SPEC.sites[0]] > 50
    assert [part.sites for part in verdict.parts] == [(site,) for site in sandboxes]
    (grid,) = make_view(verdict, SPEC).grids
    assert grid.sites == [*sandboxes]
    right = merge(paths[::2], SPEC)
    assert right.verdict == "holds"
    assert right.state("S-PARITY") == "holds"


def test_an_outcome_has_status_media_type_and_shape(short_lags: None) -> None:
    verdict = site_verdict("one", Sandbox(rate_limit=(30, 1000.0)))
    assert {digest[:4] for digest in verdict.outcomes.values()} <= {
        "0200",
        "0403",
        "0401",
    }
    assert all(len(digest) == 16 for digest in verdict.outcomes.values())
    assert len(verdict.outcomes) < verdict.cases, "a 429 has none"
