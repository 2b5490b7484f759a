"""The documented contract of "Update replay heatmap snapshot", made executable.

    spec ──> cases ──> subject ──> exchanges ──> clauses ──> verdict ──> report

The main path: `spec` reads the OpenAPI document, `cases` enumerates and generates what to ask from it, a subject
(`subjects` for clients, `service` for services) turns each case into an exchange, `clauses` judge exchanges, `run`
drives all of it and returns a `verdict`, `report` shows it.

Around it: `exchange` and `errors` hold the words, `client` is the minimal client, which knows nothing of `spec`.
`mock` (with `slow`), `impostor` and `drivers` are where clients are played, `sandbox` is the reference service, `serve`
serves it. `plan` is the order in which a service is asked, `coverage` knows which keywords were exercised. `faults`
proves that clauses can fail, `accepted` and `gate` decide what stops a change. `live` makes a run safe in a real
organization, `recordings` and `redaction` keep what was seen, `drift` compares the spec with other witnesses. `check`,
`plugin` and `cli` are the three ways in: Python, pytest and the command line.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contract.check.both import check_all
    from contract.check.clients import check_client
    from contract.check.services import check_service
    from contract.client import (
        ApiError,
        BrokenAnswer,
        NoAnswer,
        RateLimited,
        Refused,
        Snapshot,
        SnapshotAttributes,
        SnapshotClient,
        SnapshotData,
        SnapshotError,
        SnapshotUpdate,
        Timestamp,
    )
    from contract.errors import ContractError, SpecError, SubjectError, UsageError
    from contract.exchange import Outcome
    from contract.subjects import Asked
    from contract.verdict import Verdict

__all__ = [
    "ApiError",
    "Asked",
    "BrokenAnswer",
    "ContractError",
    "NoAnswer",
    "Outcome",
    "RateLimited",
    "Refused",
    "Snapshot",
    "SnapshotAttributes",
    "SnapshotClient",
    "SnapshotData",
    "SnapshotError",
    "SnapshotUpdate",
    "SpecError",
    "SubjectError",
    "Timestamp",
    "UsageError",
    "Verdict",
    "check_all",
    "check_client",
    "check_service",
]

_HOMES = {
    "check.both": ("check_all",),
    "check.clients": ("check_client",),
    "check.services": ("check_service",),
    "errors": ("ContractError", "SpecError", "SubjectError", "UsageError"),
    "exchange": ("Outcome",),
    "subjects": ("Asked",),
    "verdict": ("Verdict",),
}
"""Where what is exported lives; all the rest is `client`'s."""


def __getattr__(name: str) -> Any:
    """Import what is exported when it is asked for (PEP 562): the minimal client alone needs no Hypothesis."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = next((home for home, names in _HOMES.items() if name in names), "client")
    return getattr(importlib.import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
