"""The view as JSON, format 2. `spec/verdict.schema.json` has its types."""

import json
from collections.abc import Iterable
from typing import Any

from contract.cases.codec import case_to_json
from contract.engine.verdict import Cause, GridCell
from contract.errors import internal_error
from contract.model import Breach, Json
from contract.redaction import without_commands
from contract.report.example import (
    curl_line,
    example_lines,
    replay_line,
    title_of,
)
from contract.report.format import cut
from contract.report.view import (
    View,
    by_reason,
    difference_text,
    kinds_of,
    numbers,
    scope,
    sites_of,
)
from contract.version import suite_version

LARGEST = 1_000_000
"""Characters of the largest document."""

LIMITS = (10_000, 40, 10, 3, 1)
"""Breaches of a cause that are listed. The first number that fits is taken."""

MOST_PLACES = 40

LONGEST_TEXT = 1_000
BEGINNING = 200
WHOLE = {"case", "kinds", "judged"}
"""Members that are not cut: what has a codec of its own, and ranges of indices."""

SUBJECT = "kind name version"
RUN = "sites own_sites seconds cases exchanges"
MORE = (
    "cut_off interrupted unplayed_kinds share leftovers changes scenarios arguments "
    "is_strict outcomes"
)
"""Members that are fields of a verdict under the same names."""


def render_json(view: View) -> str:
    """Return the view as a JSON text of less than 1 MB."""
    for limit in LIMITS:
        text = without_commands(json.dumps(to_json(view, limit), indent=1)) + "\n"
        if len(text) < LARGEST:
            break
    return text


def to_json(view: View, limit: int = LIMITS[0]) -> dict[str, Json]:
    run, spec, most = view.run, view.spec, MOST_PLACES
    document = {
        "format": 2,
        **pick(run, f"verdict {RUN}"),
        "started": run.started.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "contract": {
            "version": spec.version,
            "spec_sha256": spec.sha256,
            "suite": suite_version(),
        },
        "subject": pick(run, SUBJECT),
        **pick(run, "profile seed"),
        "scope": scope(run),
        "clauses": rows(
            "id level judged breaches accepted",
            [
                (c.id, c.level, run.judged_total[c.id], *numbers(run.breaches_of(c.id)))
                for c in run.clauses
            ],
        ),
        "not_judged": rows("clause reason", run.not_judged.items()),
        "causes": [cause_json(view, cause, limit) for cause in run.causes],
        "breaches": [
            breach_json(view, breach, cause.example.id)
            for cause in run.causes
            for breach in cause.breaches[:limit]
        ],
        "kinds": list(map(str, run.kinds)),
        "grid": [cell_json(view, cell) for cell in view.cells],
        "notes": rows(
            "clause message count",
            [(*note, number) for note, number in run.notes.items()],
        ),
        "not_confirmed": [breach_json(view, b) for b in run.not_confirmed[:most]],
        "gaps": [" ".join(gap) for gap in run.coverage.gaps],
        "coverage": rows("schema satisfied broken keywords", view.shares),
        "skipped": rows(
            "reason kinds first names",
            [(r, len(n), n[0], n) for r, n in by_reason(run.skipped).items()],
        ),
        **pick(run, f"{MORE} candidates{' shard' if run.shard else ''}"),
        "error": internal_error(run.error) if run.error else "",
        "entries": rows("state entry", view.entries),
        **gate_json(view, min(limit, most)),
        "parts": [pick(part, f"{SUBJECT} verdict {RUN}") for part in view.parts],
    }
    return {name: plain(value) for name, value in document.items()}


def gate_json(view: View, limit: int) -> dict[str, Json]:
    if (result := view.comparison) is None:
        return {}
    items, most = result.differences, 25 * limit
    gate = {
        "old": pick(result.old, "name version verdict"),
        **pick(result, "newly_reached"),
        "differences": [
            {
                **pick(item, "impact count"),
                "text": difference_text(item),
                "newly_reached": item.is_newly_reached,
                "kind": title_of(item.example.case),
            }
            for item in items[:most]
        ],
        "left_out": max(0, len(items) - most),
    }
    return {"gate": gate}


def cell_json(view: View, cell: GridCell) -> dict[str, Json]:
    return {
        "clause": cell.clause_id,
        **pick(cell, "site state"),
        "kinds": len(cell.judged),
        "of": cell.total,
        "judged": view.ranges(cell.judged),
        "exchanges": view.exchanges(cell),
    }


def cause_json(view: View, cause: Cause, limit: int) -> dict[str, Any]:
    breach, breaches, limit = cause.example, cause.breaches, min(limit, MOST_PLACES)
    new, accepted = numbers(breaches)
    return {
        "clause": cause.clause_id,
        "rule": cause.rule.name,
        **pick(cause, "level count"),
        "places": [breach.place for breach in breaches[:limit]],
        "new": new,
        "accepted": accepted,
        "places_left_out": max(0, len(breaches) - limit),
        "kinds": view.ranges(kinds_of(breaches)),
        "sites": sites_of(breaches),
        "message": breach.message,
        "breach": breach.id,
        "case": case_to_json(breach.example.case),
        "replay": replay_line(breach, view.run),
        "curl": curl_line(breach, view.spec),
    }


def breach_json(view: View, breach: Breach, shown_id: str = "") -> dict[str, Any]:
    """Return a breach. The cause has the case of the one with `shown_id`."""
    document = {
        "id": breach.id,
        "clause": breach.clause_id,
        "rule": breach.rule.name,
        **pick(breach, "level place count sites message"),
        "kinds": view.ranges(breach.kinds),
        "accepted": breach.is_accepted,
        "replay": replay_line(breach, view.run),
    }
    if breach.is_accepted:
        document["reason"] = breach.reason
        document["new_kinds"] = list(map(str, breach.new_kinds))
    optional = pick(breach, "reproducibility is_timed")
    document |= {name: value for name, value in optional.items() if value}
    document["lines"] = [
        *example_lines(breach, view.spec),
        ("curl", cut(curl_line(breach, view.spec), LONGEST_TEXT)),
    ]
    if breach.id != shown_id:
        document["case"] = case_to_json(breach.example.case)
    return document


def rows(names: str, values: Iterable[tuple[object, ...]]) -> list[dict[str, Any]]:
    return [dict(zip(names.split(), row, strict=True)) for row in values]


def pick(item: object, names: str) -> dict[str, Any]:
    return {name: getattr(item, name) for name in names.split()}


def plain(value: Any) -> Json:
    """Return a value as JSON. Long texts are cut, except in cases and ranges."""
    match value:
        case str() if len(value) > LONGEST_TEXT:
            return {"$text": value[:BEGINNING], "length": len(value)}
        case float():
            return round(value, 3)
        case dict():
            return {k: v if k in WHOLE else plain(v) for k, v in value.items()}
        case tuple() | list():
            return [plain(item) for item in value]
    return value
