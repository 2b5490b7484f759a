"""A verdict, shown: on the terminal and as JSON. No key is in either."""

import json
import shlex
from itertools import zip_longest
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from contract.exchange import Answer, Breach, Case, Exchange, Json
from contract.faults import Killed
from contract.gate import Gate
from contract.spec import Spec
from contract.verdict import Verdict

__all__ = ["again", "curl", "explain", "keep", "show", "show_matrix", "to_json", "without_keys"]

_LONGEST_TEXT = 1_000
_SHOWN_TEXT = 200


def to_json(verdict: Verdict, spec: Spec) -> dict[str, Json]:
    """Return the verdict in JSON format 1."""
    return {
        "format": 1,
        "verdict": verdict.verdict,
        "started": verdict.started.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "seconds": round(verdict.seconds, 3),
        "contract": {"version": spec.version, "spec_sha256": spec.sha256},
        "subject": {"kind": verdict.kind, "name": verdict.name, "version": verdict.version},
        "profile": verdict.profile,
        "seed": verdict.seed,
        "cases": len(verdict.cases),
        "exchanges": verdict.exchanges,
        "sites": list(verdict.sites),
        "clauses": [
            {
                "id": clause.id,
                "level": clause.level,
                "judged": verdict.judged[clause.id],
                "breaches": sum(not each.accepted for each in verdict.found(clause)),
                "accepted": sum(each.accepted for each in verdict.found(clause)),
            }
            for clause in verdict.clauses
        ],
        "not_judged": [{"clause": name, "reason": reason} for name, reason in verdict.not_judged.items()],
        "breaches": [_breach(each, verdict, spec) for each in verdict.breaches.values()],
        "coverage": {
            "schemas": {
                name: dict(zip(("satisfied", "broken", "keywords"), _shares(verdict, name), strict=True))
                for name in verdict.coverage.schemas
            },
            "gaps": [{**gap._asdict(), "reason": verdict.gap_reason} for gap in verdict.coverage.gaps],
        },
        "notes": [{"clause": name, "message": text, "count": n} for (name, text), n in verdict.notes.items()],
        "pruned": verdict.pruned,
        "stopped": verdict.stopped,
        "interrupted": verdict.interrupted,
        "parts": [to_json(part, spec) for part in verdict.parts],
    }


def _shares(verdict: Verdict, name: str) -> tuple[int, int, int]:
    (satisfied, keywords), (broken, _) = (verdict.coverage.share(name, way) for way in ("satisfied", "broken"))
    return satisfied, broken, keywords


def _breach(breach: Breach, verdict: Verdict, spec: Spec) -> dict[str, Json]:
    case = breach.exchange.case
    known: dict[str, Json] = _elided({
        "clause": breach.clause,
        "level": breach.level,
        "fingerprint": breach.fingerprint,
        "accepted": breach.accepted,
        "count": breach.count,
        "sites": breach.sites,
        "message": without_keys(breach.message, breach.exchange),
        "pointer": breach.pointer,
        "case": case.to_json(),
        "replay": again(breach, verdict),
        "sent": [_line(request.method, request.url, request.body) for request in breach.exchange.requests],
        "answered": [_answered(answer) for answer in breach.exchange.answers if answer is not None],
        "told": _told(breach.exchange),
        "curl": curl(case, spec),
    })  # fmt: skip
    return known


def _elided(value: Json) -> Any:
    if isinstance(value, str) and len(value) > _LONGEST_TEXT:
        return {"$text": value[:_SHOWN_TEXT], "length": len(value)}
    if isinstance(value, list):
        return [_elided(item) for item in value]
    if isinstance(value, dict):
        return {name: item if name == "$base64" else _elided(item) for name, item in value.items()}
    return value


def without_keys(text: str, exchange: Exchange) -> str:
    """Return a text in which both keys are replaced."""
    for key, name in zip(exchange.keys, ("[api key]", "[app key]"), strict=True):
        text = text.replace(key, name) if key else text
    return text


def curl(case: Case, spec: Spec) -> str:
    """Return a command line that sends what the case asks; the keys are those of the environment."""
    try:
        segment = quote(case.snapshot_id, safe="")
    except UnicodeEncodeError:
        segment = "(no path can hold this id)"
    api, app = spec.auth_headers
    url = spec.url(case.site) + spec.path.replace("{snapshot_id}", segment)
    body = json.dumps(case.body, separators=(",", ":"))
    return (
        f"curl -X {spec.method} {shlex.quote(url)} -H 'Content-Type: application/json' "
        f'-H "{api}: $DD_API_KEY" -H "{app}: $DD_APP_KEY" -d {shlex.quote(body)}'
    )


def again(breach: Breach, verdict: Verdict) -> str:
    """Return the command line that plays the case of a breach again."""
    return f"contract replay {breach.exchange.case.id}{verdict.arguments}"


def keep(verdict: Verdict, directory: Path) -> None:
    """Write the case of each breach to `directory`/ID.json, for `contract replay`; keys are named, not held."""
    for breach in verdict.breaches.values():
        directory.mkdir(parents=True, exist_ok=True)
        case = breach.exchange.case
        if breach.exchange.reference is not None and breach.clause.endswith("-PARITY"):
            case = case.on("")  # it takes several sites
        kept = {"kind": verdict.kind if breach.clause.startswith("C-") else "service", "case": case.to_json()}
        (directory / f"{case.id}.json").write_text(json.dumps(kept, indent=1) + "\n")


def explain(breach: Breach, verdict: Verdict) -> str:
    """Return what is wrong, where, and how to see it again, a line each; no key is in it."""
    exchange = breach.exchange
    case = exchange.case
    lines = [f"{breach.clause} ({breach.level}) {verdict.statement(breach.clause)}", f"wrong    {breach.message}"]
    if breach.pointer:
        lines.append(f"pointer  {breach.pointer}")
    asked = f"; retry {case.retry}, time-out {case.timeout_s:g} s" if case.retry or case.timeout_s < 1 else ""
    lines += [
        f"case     {case.scenario}: {case.kinds[0]}{asked}",
        f"asked    id {_cut(case.snapshot_id)!r}, keys {case.keys!r}, body {_cut(json.dumps(case.body))}",
    ]
    for request, answer in zip_longest(exchange.requests, exchange.answers):
        if request is not None:
            lines.append(f"sent     {_line(request.method, request.url, request.body)}")
        if answer is not None:
            lines.append(f"answered {_answered(answer)}")
    if not exchange.requests:
        lines.append("sent     nothing")
    accepted = ", accepted" if breach.accepted else ""
    lines += [
        f"told     {_told(exchange)}",
        f"seen     {breach.count} times on {', '.join(breach.sites)}; fingerprint {breach.fingerprint}{accepted}",
        f"again    {again(breach, verdict)}    # profile {verdict.profile}, seed {verdict.seed}",
    ]
    return "\n  ".join(without_keys(_visible(line), exchange) for line in lines)


def _line(method: str, url: str, body: bytes) -> str:
    return f"{method} {_cut(url)} {_cut(body.decode(errors='replace'))}"


def _answered(answer: Answer) -> str:
    how = "" if answer.delivery == "whole" else f" ({answer.delivery})"
    media = answer.header("Content-Type") or "no Content-Type"
    return f"{answer.status}{how} {media}: {_cut(answer.body.decode(errors='replace'))}"


def _told(exchange: Exchange) -> str:
    told = exchange.outcome
    parts = [told.kind, str(told.status or ""), told.type, told.message, *told.errors[:3]]
    if told.kind == "snapshot":
        parts.append(json.dumps(told.snapshot, ensure_ascii=False))
    return _cut(without_keys(" ".join(part for part in parts if part), exchange))


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_TEXT else f"{text[:_SHOWN_TEXT]}… ({len(text)} characters)"


def _visible(text: str) -> str:
    """Return the text with what a terminal would obey, and what cannot be written, escaped."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def show(verdict: Verdict, console: Console) -> None:
    """Print the verdict: new breaches first, each with how to see it again, then the clauses and the sum."""
    found = sorted(verdict.breaches.values(), key=lambda each: (each.accepted, each.level))
    for breach in [each for each in found if not each.accepted]:
        head, *rest = explain(breach, verdict).split("\n")
        colour = "red" if breach.level == "must" else "yellow"
        console.print(
            f"[bold {colour}]{escape(head)}[/]", *map(escape, rest), "", sep="\n", highlight=False, soft_wrap=True
        )
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title, justify in (("clause", "left"), ("", "left"), ("judged", "right"), ("breaches", "right")):
        table.add_column(title, justify="right" if justify == "right" else "left")
    for clause in verdict.clauses:
        new = [each for each in verdict.found(clause) if not each.accepted]
        accepted = len(verdict.found(clause)) - len(new)
        worst = "broken" if any(each.level == "must" for each in new) else "should" if new else "holds"
        word = worst if verdict.judged[clause.id] else "not judged"
        colour = {"broken": "red", "should": "yellow", "holds": "green", "not judged": "dim"}[word]
        count = f"{len(new) or ''}{f' ({accepted} accepted)' if accepted else ''}"
        table.add_row(clause.id, f"[{colour}]{word}[/]", str(verdict.judged[clause.id]), count)
    console.print(table)
    lines = [f"{', '.join(names)} not judged: {reason}" for reason, names in _by_reason(verdict).items()]
    for name in dict.fromkeys(name for name, _ in verdict.notes):
        seen = [f"{text} ({count} times)" for (noted, text), count in verdict.notes.items() if noted == name]
        lines.append(f"{name} noted, no breach: {', '.join(seen)}")
    lines += [f"accepted, but not seen any more (prune it): {each}" for each in verdict.pruned]
    lines += [f"{each}: stopped after 20 exchanges with one breach" for each in verdict.stopped]
    for name in verdict.coverage.schemas:
        satisfied, broken, keywords = _shares(verdict, name)
        lines.append(f"keywords of {name}: {satisfied} of {keywords} satisfied, {broken} of {keywords} broken")
    if verdict.coverage.gaps:
        lines.append(f"keywords not exercised: {verdict.gap_reason}")
    if verdict.interrupted:
        lines.append(f"ended early: {verdict.interrupted}")
    for line in lines:
        console.print(escape(line), style="dim", highlight=False, soft_wrap=True)
    console.print(f"\n[bold]{verdict.verdict}[/]: {escape(_summary(verdict))}", highlight=False, soft_wrap=True)


def _by_reason(verdict: Verdict) -> dict[str, list[str]]:
    reasons: dict[str, list[str]] = {}
    for name, reason in verdict.not_judged.items():
        reasons.setdefault(reason, []).append(name)
    return reasons


def _summary(verdict: Verdict) -> str:
    return (
        f"{verdict.name} {verdict.version}, {len(verdict.cases)} cases, {verdict.exchanges} exchanges on "
        f"{len(verdict.sites)} site{'s' * (len(verdict.sites) != 1)} in {verdict.seconds:.1f} s, "
        f"profile {verdict.profile}, seed {verdict.seed}"
    )


def show_matrix(matrix: list[Killed], console: Console) -> None:
    """Print the kill matrix: each fault, the clause it names, and every clause that caught it."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("fault", "must be caught by", "was caught by"):
        table.add_column(title)
    for each in matrix:
        colour = "green" if each.caught else "red"
        table.add_row(each.fault, f"[{colour}]{each.clause}[/]", ", ".join(sorted(each.by)) or "nothing")
    console.print(table)
    missed = [each.fault for each in matrix if not each.caught]
    console.print(f"{len(matrix) - len(missed)} of {len(matrix)} faults caught by the clause they name")
    if missed:
        console.print(f"missed: {', '.join(missed)}", style="red")


def show_gate(gate: Gate, console: Console) -> None:
    """Print what differs between two clients, the breaking first."""
    colours = {"breaking": "bold red", "fixed": "green", "neutral": "dim"}
    for each in gate.differences:
        console.print(
            f"[{colours[each.kind]}]{each.kind:9}[/]{escape(_visible(each.what))} ({each.count} times; "
            f"{escape(each.case.scenario)}: {escape(_visible(each.case.kinds[0]))})",
            highlight=False,
            soft_wrap=True,
        )
    if not gate.differences:
        console.print("no difference")
    console.print(f"{escape(_summary(gate.old))}\n", highlight=False, soft_wrap=True)
