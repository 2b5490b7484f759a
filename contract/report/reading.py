"""JSON verdicts, read back."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, get_type_hints

from contract.cases.codec import case_from_json, decode
from contract.clauses import CLIENT_CLAUSES, SERVICE_CLAUSES
from contract.engine.ledger import with_gaps
from contract.engine.schedule import PROFILES, Shard
from contract.engine.verdict import Verdict
from contract.errors import RecordedError, UsageError
from contract.model import (
    AnyCase,
    AnyExchange,
    Breach,
    ClientCase,
    ClientExchange,
    Json,
    Kind,
    Outcome,
    OutcomeKind,
    ServiceExchange,
    SubjectKind,
)
from contract.report.json_document import MORE, RUN, SUBJECT
from contract.spec import Spec
from contract.spec.text import parsed_json, read_bytes, text_of

CLAUSES = {clause.id: clause for clause in (*CLIENT_CLAUSES, *SERVICE_CLAUSES)}

BREACH = "place level count sites message reason reproducibility is_timed lines"
"""Members of a breach that have their names."""

OUTCOME = re.compile(r"\d{4}[0-9a-f]{12}", re.ASCII)
MOST_KINDS = 100_000


@contextmanager
def reading(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the JSON verdict in a file, and raise UsageError for anything else.

    That goes for what its user misses in it, too.
    """
    try:
        document = parsed_json(str(path), text_of(str(path), read_bytes(path)))
        if document["format"] != 2:
            raise ValueError
        yield with_texts(document)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        raise UsageError(f"{path}: is no JSON verdict of format 2") from None


def with_texts(value: Json) -> Json:
    """Return a document with the beginnings of long texts."""
    match value:
        case {"$text": str(text), "length": int()}:
            return f"{text}…"
        case dict():
            return {name: with_texts(member) for name, member in value.items()}
        case list():
            return [with_texts(item) for item in value]
    return value


def members(cls: type, document: dict[str, Any], names: str) -> dict[str, Any]:
    hints = get_type_hints(cls)
    present = (name for name in names.split() if name in document)
    return {name: decode(hints[name], document[name], name) for name in present}


def indices_of(ranges: str) -> list[int]:
    """Return the indices that ranges such as `0-12,14` name."""
    indices: list[int] = []
    for item in ranges.split(",") if ranges else ():
        first, _, last = item.partition("-")
        indices += range(int(first), min(int(last or first), MOST_KINDS) + 1)
    return indices


def kinds_named(names: list[str]) -> tuple[Kind, ...]:
    return tuple(Kind(*name.split("/", 1)) for name in names)


def breach_of(item: dict[str, Any], kinds: tuple[Kind, ...]) -> Breach:
    clause = CLAUSES[item["clause"]]
    return Breach(
        clause_id=clause.id,
        rule={rule.name: rule for rule in clause.rules}[item["rule"]],
        example=example_of(case_from_json(item["case"]), item["sites"][0]),
        kinds=tuple(sorted(kinds[i] for i in indices_of(item["kinds"]))),
        is_accepted=item["accepted"],
        new_kinds=kinds_named(item.get("new_kinds", [])),
        **members(Breach, item, BREACH),
    )


def verdict_of(document: dict[str, Any], spec: Spec) -> Verdict:
    """Return the verdict in a document, with its parts."""
    kinds, causes = kinds_named(document["kinds"]), document["causes"]
    cases = {cause["breach"]: cause["case"] for cause in causes}

    def breaches(name: str) -> tuple[Breach, ...]:
        items = ({"case": cases.get(i["id"]), **i} for i in document[name])
        return tuple(breach_of(item, kinds) for item in items)

    grid = {(c["clause"], c["site"]): c for c in document["grid"]}
    judged_kinds = {
        key: frozenset(kinds[i] for i in indices_of(c["judged"]))
        for key, c in grid.items()
    }
    whole = Verdict(
        **members(Verdict, document["subject"], SUBJECT),
        **members(Verdict, document, f"profile seed {RUN} {MORE}"),
        clauses=tuple(CLAUSES[clause["id"]] for clause in document["clauses"]),
        coverage=with_gaps(document["gaps"]),
        started=datetime.fromisoformat(document["started"]),
        judged={key: int(cell["exchanges"]) for key, cell in grid.items()},
        kinds=kinds,
        judged_kinds=judged_kinds,
        own_site_kinds=frozenset(
            kind for key in grid if not key[1] for kind in judged_kinds[key]
        ),
        breaches=breaches("breaches"),
        cause_counts={f"{c['clause']}/{c['rule']}": int(c["count"]) for c in causes},
        not_confirmed=breaches("not_confirmed"),
        notes={
            (n["clause"], str(n["message"])): int(n["count"]) for n in document["notes"]
        },
        skipped={
            str(name): str(row["reason"])
            for row in document["skipped"]
            for name in row["names"]
        },
        reasons={i["clause"]: str(i["reason"]) for i in document["not_judged"]},
        error=RecordedError(str(document["error"])) if document["error"] else None,
        candidates={i: tuple(map(str, c)) for i, c in document["candidates"].items()},
        shard=Shard(*map(int, document["shard"])) if "shard" in document else None,
    )
    if whole.profile not in PROFILES or None in map(
        OUTCOME.fullmatch, whole.outcomes.values()
    ):
        raise ValueError
    rows = [members(Verdict, row, f"{SUBJECT} {RUN}") for row in document["parts"]]
    return with_parts(whole, rows)


def with_parts(whole: Verdict, rows: list[dict[str, Any]]) -> Verdict:
    """Return a verdict with a part for each client and service, if there are several.

    A part has the clauses that its sites have in the grid, and their breaches.
    """
    parts = []
    for row in rows if len(rows) > 1 else ():
        ids = {
            clause_id for clause_id, site in whole.judged_kinds if site in row["sites"]
        }
        side = "S" if row["kind"] is SubjectKind.SERVICE else "C"
        clauses = tuple(c for c in whole.clauses if c.id in ids and c.id[0] == side)
        breaches = tuple(b for b in whole.breaches if b.clause_id in ids)
        parts.append(replace(whole, clauses=clauses, breaches=breaches, **row))
    return replace(whole, parts=tuple(parts))


def example_of(case: AnyCase, site: str) -> AnyExchange:
    """Return an exchange of which the case is known."""
    outcome = Outcome(OutcomeKind.FAILED)
    if isinstance(case, ClientCase):
        return ClientExchange(case=case, site=site, outcome=outcome)
    return ServiceExchange(case=case, site=site, outcome=outcome)
