"""A verdict as JSON, format 1 (`spec/verdict.schema.json`), and the cases that `contract replay` plays again."""

import json
from pathlib import Path
from typing import Any

from contract.engine.verdict import Verdict
from contract.errors import UsageError
from contract.model import Breach, Json
from contract.report.format import (
    again,
    answered,
    curl_of,
    sent,
    shares,
    told,
    without_keys,
)
from contract.spec import Spec

__all__ = ["elided", "keep", "to_json"]

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
        "subject": {
            "kind": verdict.kind,
            "name": verdict.name,
            "version": verdict.version,
        },
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
        "not_judged": [
            {"clause": name, "reason": reason}
            for name, reason in verdict.not_judged.items()
        ],
        "breaches": [
            _breach(each, verdict, spec) for each in verdict.breaches.values()
        ],
        "coverage": {
            "schemas": {
                name: dict(
                    zip(
                        ("satisfied", "broken", "keywords"),
                        shares(verdict, name),
                        strict=True,
                    )
                )
                for name in verdict.coverage.schemas
            },
            "gaps": [
                {**gap._asdict(), "reason": verdict.gap_reason}
                for gap in verdict.coverage.gaps
            ],
        },
        "notes": [
            {"clause": name, "message": text, "count": n}
            for (name, text), n in verdict.notes.items()
        ],
        "pruned": verdict.pruned,
        "stopped": verdict.stopped,
        "interrupted": verdict.interrupted,
        "share": verdict.share,
        "left": list(verdict.left),
        "changes": verdict.changes,
        "parts": [to_json(part, spec) for part in verdict.parts],
    }


def _breach(breach: Breach, verdict: Verdict, spec: Spec) -> dict[str, Json]:
    exchange = breach.exchange
    known: dict[str, Json] = elided(
        {
            "clause": breach.clause,
            "level": breach.level,
            "fingerprint": breach.fingerprint,
            "accepted": breach.accepted,
            "confirmed": breach.confirmed,
            "count": breach.count,
            "sites": breach.sites,
            "message": without_keys(breach.message, exchange),
            "pointer": breach.pointer,
            "case": exchange.case.to_json(),
            "replay": again(breach, verdict),
            "sent": [
                sent(request.method, request.url, request.body, exchange)
                for request in exchange.requests
            ],
            "answered": [
                answered(answer, exchange)
                for answer in exchange.responses
                if answer is not None
            ],
            "told": told(exchange),
            "curl": without_keys(curl_of(breach, spec), exchange),
        }
    )
    return known


def elided(value: Json) -> Any:
    """Return a JSON value in which long strings are cut: `{"$text": its beginning, "length": n}`."""
    if isinstance(value, str) and len(value) > _LONGEST_TEXT:
        return {"$text": value[:_SHOWN_TEXT], "length": len(value)}
    if isinstance(value, list):
        return [elided(item) for item in value]
    if isinstance(value, dict):
        return {
            name: item if name == "$base64" else elided(item)
            for name, item in value.items()
        }
    return value


def keep(verdict: Verdict, directory: Path) -> list[Path]:
    """Write the case of each breach to `directory`/ID.json, for `contract replay`; keys are named, not held.

    Returns the files; raises UsageError where one cannot be written.
    """
    files: dict[Path, None] = {}
    for breach in verdict.breaches.values():
        case = breach.exchange.case
        if breach.exchange.reference is not None and breach.clause.endswith("-PARITY"):
            case = case.on("")  # it takes several sites
        kept = {
            "kind": verdict.kind if breach.clause.startswith("C-") else "service",
            "case": case.to_json(),
        }
        path = directory / f"{case.id}.json"
        try:
            directory.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(kept, indent=1) + "\n")
        except OSError as error:
            raise UsageError(f"{path}: cannot be written: {error.strerror}") from None
        files[path] = None
    return [*files]
