"""A verdict, shown: on the terminal and as JSON. No key is in either."""

import json
import shlex
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from contract.exchange import Breach, Case, Exchange, Json
from contract.faults import Killed
from contract.run import Verdict
from contract.spec import Spec

__all__ = ["curl", "keep", "show", "show_matrix", "to_json", "without_keys"]

_LONGEST_TEXT = 1_000
_SHOWN_TEXT = 200


def to_json(verdict: Verdict, spec: Spec, kind: str = "client") -> dict[str, Json]:
    """Return the verdict in JSON format 1."""
    return {
        "format": 1,
        "verdict": verdict.verdict,
        "started": verdict.started.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "seconds": round(verdict.seconds, 3),
        "contract": {"version": spec.version, "spec_sha256": spec.sha256},
        "subject": {"kind": kind, "name": verdict.name, "version": verdict.version},
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
                "breaches": sum(each.clause == clause.id for each in verdict.breaches.values()),
                "accepted": 0,
            }
            for clause in verdict.clauses
        ],
        "not_judged": [{"clause": name, "reason": reason} for name, reason in verdict.not_judged.items()],
        "breaches": [_breach(each, spec) for each in verdict.breaches.values()],
    }


def _breach(breach: Breach, spec: Spec) -> dict[str, Json]:
    case = breach.exchange.case
    known: dict[str, Json] = _elided({
        "clause": breach.clause,
        "level": breach.level,
        "fingerprint": breach.fingerprint,
        "count": breach.count,
        "sites": breach.sites,
        "message": without_keys(breach.message, breach.exchange),
        "pointer": breach.pointer,
        "case": case.to_json(),
        "replay": f"contract replay {case.id}",
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


def keep(verdict: Verdict, directory: Path) -> None:
    """Write the case of each breach to `directory`/ID.json, for `contract replay`; keys are named, not held."""
    for breach in verdict.breaches.values():
        directory.mkdir(parents=True, exist_ok=True)
        case = breach.exchange.case
        (directory / f"{case.id}.json").write_text(json.dumps(case.to_json(), indent=1) + "\n")


def show(verdict: Verdict, console: Console) -> None:
    """Print the verdict: a table of clauses, then every breach with how to see it again."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title, justify in (("clause", "left"), ("", "left"), ("judged", "right"), ("breaches", "right")):
        table.add_column(title, justify="right" if justify == "right" else "left")
    for clause in verdict.clauses:
        found = [each for each in verdict.breaches.values() if each.clause == clause.id]
        worst = "broken" if any(each.level == "must" for each in found) else "should" if found else "holds"
        word = worst if verdict.judged[clause.id] else "not judged"
        colour = {"broken": "red", "should": "yellow", "holds": "green", "not judged": "dim"}[word]
        table.add_row(
            clause.id, f"[{colour}]{word}[/]", str(verdict.judged[clause.id]), str(len(found)) if found else ""
        )
    console.print(table)
    for name, reason in verdict.not_judged.items():
        console.print(f"{name} is not judged here: {escape(reason)}", style="dim")
    for breach in verdict.breaches.values():
        _show(breach, verdict, console)
    console.print(
        f"\n[bold]{verdict.verdict}[/]: {escape(verdict.name)} {escape(verdict.version)}, "
        f"{len(verdict.cases)} cases, {verdict.exchanges} exchanges on {len(verdict.sites)} sites "
        f"in {verdict.seconds:.1f} s, profile {verdict.profile}, seed {verdict.seed}"
    )


def _show(breach: Breach, verdict: Verdict, console: Console) -> None:
    exchange = breach.exchange
    statement = next(each.statement for each in verdict.clauses if each.id == breach.clause)
    lines = [
        f"\n[bold red]{breach.clause}[/] {escape(statement)}",
        f"  {breach.level}, {breach.count} times on {', '.join(breach.sites)}; fingerprint {breach.fingerprint}",
        "  " + escape(without_keys(breach.message, exchange)),
        f"  case     {escape(exchange.case.scenario)}: {escape(exchange.case.kinds[0])}",
    ]
    for request, answer in zip(exchange.requests, exchange.answers, strict=False):
        sent = f"{request.method} {request.url[:100]} {request.body[:_SHOWN_TEXT].decode(errors='replace')}"
        lines.append(f"  sent     {escape(without_keys(sent, exchange))}")
        if answer is not None:
            came = f"{answer.status} {answer.body[:_SHOWN_TEXT].decode(errors='replace')}"
            lines.append(f"  answered {escape(came)}")
    if not exchange.requests:
        lines.append("  sent     nothing")
    told = f"{exchange.outcome.kind} {exchange.outcome.message[:_SHOWN_TEXT]}"
    lines.append(f"  told     {escape(without_keys(told, exchange))}")
    lines.append(f"  again    contract replay {exchange.case.id}")
    console.print("\n".join(lines), highlight=False, soft_wrap=True)


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
