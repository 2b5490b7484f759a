"""Both halves in one verdict: the main job."""

from collections.abc import Iterable
from typing import Any

from contract.cases.scenarios import client_scenarios
from contract.cases.service import service_scenarios
from contract.check.choosing import chosen_clauses, chosen_scenarios
from contract.check.clients import check_client
from contract.check.services import check_service
from contract.clauses import CLIENT, SERVICE
from contract.errors import UsageError
from contract.run import Watch
from contract.spec import load
from contract.verdict import Verdict, merged

__all__ = ["check_all"]


def check_all(
    *,
    profile: str = "ci",
    seed: int = 1,
    sites: Iterable[str] = (),
    clauses: Iterable[str] = (),
    scenarios: Iterable[str] = (),
    watch: Watch | None = None,
) -> Verdict:
    """Judge both halves: the minimal client on the mocked sites, the embedded sandbox; raises UsageError."""
    spec = load()
    judged = {clause.id for clause in chosen_clauses(clauses, CLIENT + SERVICE)}
    played = chosen_scenarios(
        scenarios, client_scenarios(spec) + service_scenarios(spec)
    )
    names = {each.name for each in played}
    parts: list[Verdict] = []
    rules: dict[str, Any] = {"profile": profile, "seed": seed, "watch": watch}
    ours: dict[str, Any] = {
        "clauses": [each.id for each in CLIENT if each.id in judged],
        "scenarios": [each for each in client_scenarios(spec) if each.name in names],
    }
    if all(ours.values()):
        parts.append(check_client(sites=sites, **rules, **ours))
    theirs: dict[str, Any] = {
        "clauses": [each.id for each in SERVICE if each.id in judged],
        "scenarios": [each for each in service_scenarios(spec) if each.name in names],
    }
    if all(theirs.values()) and not any(part.interrupted for part in parts):
        parts.append(check_service(**rules, **theirs))
    if not parts:
        raise UsageError("no clause is judged in any of these scenarios")
    return merged(parts)
