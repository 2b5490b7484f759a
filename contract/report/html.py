"""A verdict as one self-contained page: it asks no network, and obeys nothing that a client or a service said."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from contract.clauses import Clause
from contract.engine.verdict import Verdict
from contract.model import Breach, Exchange, Headers, Json
from contract.report.format import (
    again,
    by_reason,
    curl_of,
    remarks,
    seen,
    shares,
    state,
    summed_up,
    visible,
    without_keys,
)
from contract.report.json import elided
from contract.spec import Spec

if TYPE_CHECKING:  # what makes these need not be there when a run is shown
    from contract.faults import Killed

__all__ = ["to_html"]

_HERE = Path(__file__).parent
_LONGEST = 4_000
"""So many characters of a text are in the page; the kept case has it whole."""

_ROWS = 200
"""So many breaches of a clause are laid out at once, and so many are in one script element."""

_BEFORE = 200
"""So many characters stand before the first difference where a text is cut."""

_SIGNS = {
    "broken": ("✗", "breaches"),
    "should": ("!", "a should is broken"),
    "accepted": ("≈", "accepted breaches"),
    "holds": ("✓", "holds"),
    "not judged": ("–", "not judged"),
}


def to_html(
    verdict: Verdict,
    spec: Spec,
    matrix: "Sequence[Killed]" = (),
    seconds: Mapping[tuple[str, str], float] | None = None,
) -> str:
    """Return the page; `matrix` is that of a proof, `seconds` how long each scenario took, by subject and name.

    The breaches are in it as data, a line of JSON each, and are laid out when they are opened.
    """
    from jinja2 import (
        Environment,
        FileSystemLoader,
        StrictUndefined,
    )  # 0.1 s, for those who want a page

    style, script = (
        Markup((_HERE / name).read_text(encoding="utf-8"))  # noqa: S704 - ours
        for name in ("page.css", "page.js")
    )
    pages = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    breaches = sorted(
        verdict.breaches.values(), key=lambda each: (each.accepted, each.level)
    )
    order = [
        clause
        for clause in _unique(verdict)
        if any(each.clause == clause.id for each in breaches)
    ]
    numbered = [
        each for clause in order for each in breaches if each.clause == clause.id
    ]
    numbers = {id(each): number for number, each in enumerate(numbered)}
    return pages.get_template(
        "page.html.j2"
    ).render(
        verdict=verdict,
        spec=spec,
        sign={"holds": "✓", "broken": "✗", "unknown": "?"}[verdict.verdict],
        summary=visible(summed_up(verdict)),
        grids=_grids(verdict),
        signs=_SIGNS,
        broken=[
            (
                clause,
                [
                    (numbers[id(each)], _head(each))
                    for each in numbered
                    if each.clause == clause.id
                ],
            )
            for clause in order
        ],
        not_judged=[
            (visible(reason), names) for reason, names in by_reason(verdict).items()
        ],
        notes=[
            (name, visible(text), count)
            for (name, text), count in verdict.notes.items()
        ],
        remarks=_remarks(verdict),
        coverage=_coverage(verdict),
        matrix=matrix,
        timings=_timings(verdict, seconds or {}),
        rows=_ROWS,
        data=[
            Markup(  # noqa: S704 - no <
                "\n".join(
                    _line(each, verdict, spec)
                    for each in numbered[begin : begin + _ROWS]
                )
            )
            for begin in range(0, len(numbered), _ROWS)
        ],
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _unique(verdict: Verdict) -> list[Clause]:
    return list({clause.id: clause for clause in verdict.clauses}.values())


def _head(breach: Breach) -> dict[str, str]:
    """Return what a breach shows before it is opened."""
    text = visible(without_keys(breach.message, breach.exchange))
    sites = len(breach.sites)
    return {
        "id": f"b-{breach.fingerprint}",
        "state": "accepted"
        if breach.accepted
        else "broken"
        if breach.level == "must"
        else "should",
        "level": "accepted" if breach.accepted else breach.level,
        "message": text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…",
        "seen": f"{breach.count}× on {sites} site{'s' * (sites != 1)}",
    }


def _grids(verdict: Verdict) -> list[dict[str, Any]]:
    """Return clause × site of each part, or clause × client where the parts are clients under the same clauses."""
    parts = verdict.parts or [verdict]
    known = [clause.id for part in parts for clause in part.clauses]
    if len(parts) > 1 and len(set(known)) < len(known):
        rows = [
            (
                clause,
                sum(part.judged[clause.id] for part in parts),
                [state(part, clause.id) for part in parts],
            )
            for clause in _unique(verdict)
        ]
        return [
            {
                "title": "Clauses and subjects",
                "columns": [visible(part.name) for part in parts],
                "rows": rows,
            }
        ]
    return [_sites(part) for part in parts]


def _sites(part: Verdict) -> dict[str, Any]:
    """Return clause × site; what was played on no site of the run, an unknown one say, stands in one column more."""
    columns: dict[str, tuple[str, ...]] = {
        visible(site): (site,) for site in part.sites
    }
    if others := tuple(
        dict.fromkeys(site for _, site in part.judged_on if site not in part.sites)
    ):
        columns["elsewhere"] = others
    return {
        "title": visible(f"{part.kind.capitalize()} {part.name}: clauses and sites"),
        "columns": [*columns],
        "rows": [
            (
                clause,
                part.judged[clause.id],
                [state(part, clause.id, *sites) for sites in columns.values()],
            )
            for clause in part.clauses
        ],
    }


def _remarks(verdict: Verdict) -> list[str]:
    found = [f"ended early: {verdict.interrupted}"] if verdict.interrupted else []
    found += remarks(verdict)
    found += [
        f"{each}: stopped after 20 exchanges with one breach"
        for each in verdict.stopped
    ]
    return [visible(each) for each in found]


def _coverage(verdict: Verdict) -> list[dict[str, Any]]:
    left = set(verdict.coverage.gaps)
    found = []
    for name, schema in verdict.coverage.schemas.items():
        pairs = dict.fromkeys(
            (each.pointer, each.keyword) for each in schema.constraints
        )
        rows = [
            (
                *pair,
                *((name, *pair, way) not in left for way in ("satisfied", "broken")),
            )
            for pair in pairs
        ]
        title = name if name == "request" else f"answer {name}"
        found.append({"name": title, "rows": rows, "shares": shares(verdict, name)})
    return found


def _timings(
    verdict: Verdict, seconds: Mapping[tuple[str, str], float]
) -> list[tuple[str, str, str]]:
    rows = [
        (visible(part.name), f"{part.seconds:.2f} s", f"{part.exchanges} exchanges")
        for part in verdict.parts or [verdict]
    ]
    slowest = sorted(seconds.items(), key=lambda each: -each[1])
    return rows + [
        (visible(f"{name}: {scenario}"), f"{spent:.2f} s", "")
        for (name, scenario), spent in slowest
    ]


def _line(breach: Breach, verdict: Verdict, spec: Spec) -> str:
    """Return what a breach opens to as one line of JSON that can stand in a script element."""
    exchange = breach.exchange
    case = json.dumps(_short(elided(exchange.case.to_json())), indent=1)
    facts = [
        ("pointer", breach.pointer or "/"),
        ("seen", seen(breach)),
        ("fingerprint", breach.fingerprint + (", accepted" if breach.accepted else "")),
    ]
    copied = [("replay", again(breach, verdict)), ("curl", curl_of(breach, spec))]
    known = {
        "head": _head(breach),
        "facts": facts,
        "wire": _wire(exchange),
        "pairs": [pair for pair in _pairs(exchange) if pair[1] or pair[3]],
        "copied": [(name, text) for name, text in copied],
        "case": case,
    }
    safe = _said(known, exchange)
    return json.dumps(safe, separators=(",", ":")).replace("<", "\\u003c")


def _short(value: Json) -> Json:
    """Return a case in which long bytes are cut too."""
    if isinstance(value, list):
        return [_short(item) for item in value]
    if isinstance(value, dict):
        text = value.get("$base64", "")
        if isinstance(text, str) and len(text) > _LONGEST:
            return {"$base64": f"{text[:_BEFORE]}…", "length": len(text)}
        return {name: _short(item) for name, item in value.items()}
    return value


def _said(value: Json, exchange: Exchange) -> Json:
    """Return a value in which every text has no key and no control character; lines of a case stay lines."""
    if isinstance(value, str):
        text = "\n".join(map(visible, without_keys(value, exchange).split("\n")))
        return (
            text
            if len(text) <= _LONGEST * 2
            else f"{text[: _LONGEST * 2]}… ({len(text)} characters)"
        )
    if isinstance(value, dict):
        return {name: _said(item, exchange) for name, item in value.items()}
    return [_said(item, exchange) for item in value]


def _wire(exchange: Exchange) -> list[tuple[str, str]]:
    """Return what went over the wire, in order, and what the caller was told."""
    found = []
    for request, answer in zip_longest(exchange.requests, exchange.responses):
        if request is not None:
            found.append(
                (
                    "sent",
                    _message(
                        f"{request.method} {request.url}", request.headers, request.body
                    ),
                )
            )
        if answer is not None:
            how = "" if answer.delivery == "whole" else f" ({answer.delivery})"
            found.append(
                (
                    "answered",
                    _message(f"{answer.status}{how}", answer.headers, answer.body),
                )
            )
    outcome = exchange.outcome
    texts = (
        outcome.kind,
        str(outcome.status or ""),
        outcome.type,
        outcome.message,
        *outcome.errors,
    )
    told = [" ".join(filter(None, texts)), outcome.output, outcome.stray]
    return [*(found or [("sent", "nothing")]), ("told", "\n".join(filter(None, told)))]


def _message(head: str, headers: Headers, body: bytes) -> str:
    lines = [head, *(f"{name}: {value}" for name, value in headers)]
    return "\n".join([*map(visible, lines), "", visible(_text(body))]).rstrip("\n")


def _text(body: bytes) -> str:
    return body.decode("utf-8", "backslashreplace")


def _pairs(exchange: Exchange) -> list[tuple[str, str, str, str]]:
    """Return what should be alike, each pair as title and text, title and text; the page marks the difference."""
    found = []
    if exchange.requests:
        body = exchange.requests[0].body
        found.append(
            (
                "the caller's body",
                _like(exchange.case.body, body),
                "the body on the wire",
                _text(body),
            )
        )
    if (
        exchange.response is not None
        and exchange.outcome.kind == "snapshot"
        and exchange.outcome.snapshot is not None
    ):
        body = exchange.response.body
        told = _like(exchange.outcome.snapshot, body)
        found.append(("the answer's body", _text(body), "what the caller got", told))
    if (
        exchange.before is not None
        and exchange.after is not None
        and exchange.before != exchange.after
    ):
        before, after = exchange.before, exchange.after
        moved = [
            name
            for name in before.keys() | after.keys()
            if before.get(name) != after.get(name)
        ]
        old, new = (
            {name: rows[name] for name in sorted(moved) if name in rows}
            for rows in (before, after)
        )
        found.append(
            (
                "stored before, what changed",
                json.dumps(old, ensure_ascii=False),
                "stored after",
                _as(new, old),
            )
        )
    return [_window(exchange, *pair) for pair in found]


def _like(value: Json, text: bytes) -> str:
    """Return a value as JSON, its members in the order of the text's: their order is no difference."""
    try:
        model = json.loads(text)
    except (ValueError, RecursionError):
        model = None
    return _as(value, model)


def _as(value: Json, model: Json) -> str:
    return json.dumps(_ordered(value, model), ensure_ascii=False)


def _ordered(value: Json, model: Json) -> Json:
    if isinstance(value, dict) and isinstance(model, dict):
        names = [name for name in model if name in value] + [
            name for name in value if name not in model
        ]
        return {name: _ordered(value[name], model.get(name)) for name in names}
    if isinstance(value, list) and isinstance(model, list):
        return [_ordered(*pair) for pair in zip(value, model, strict=False)] + value[
            len(model) :
        ]
    return value


def _window(
    exchange: Exchange, ours: str, left: str, theirs: str, right: str
) -> tuple[str, str, str, str]:
    """Cut both texts to the same place, so that the first difference is in it."""
    left, right = (visible(without_keys(text, exchange)) for text in (left, right))
    same = next(
        (i for i, (a, b) in enumerate(zip(left, right, strict=False)) if a != b),
        min(len(left), len(right)),
    )
    begin = max(0, same - _BEFORE) if max(len(left), len(right)) > _LONGEST else 0
    cut = [
        ("…" if begin else "") + text[begin : begin + _LONGEST]
        for text in (left, right)
    ]
    return ours, cut[0], theirs, cut[1]
