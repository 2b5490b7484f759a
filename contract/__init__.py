"""The documented contract of "Update replay heatmap snapshot", made executable.

    spec ──> cases ──> subject ──> exchanges ──> clauses ──> verdict ──> report

The main path: `spec` reads the OpenAPI document, `cases` enumerates and generates what to ask from it, one of the
`subjects` turns each case into an exchange, `clauses` judge exchanges, `engine` drives all of it and returns a
verdict, `report` shows it.

Around it: `model` and `errors` hold the words, `client` is the minimal client, which knows nothing of `spec`.
`servers` and `drivers` are where clients are played, `sandbox` is the reference service. `faults` proves that
clauses can fail. `live` makes a run safe in a real organization, `recordings` and `redaction` keep what was seen,
`drift` compares the spec with other witnesses. `api`, `plugin` and `cli` are the three ways in: Python, pytest and
the command line.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contract.api import check_all, check_client, check_service
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
    from contract.engine.verdict import Verdict
    from contract.errors import ContractError, SpecError, SubjectError, UsageError
    from contract.model import Outcome
    from contract.subjects.in_process import UpdateCall

__all__ = [
    "ApiError",
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
    "UpdateCall",
    "UsageError",
    "Verdict",
    "check_all",
    "check_client",
    "check_service",
]

_HOMES = {
    "api": ("check_all", "check_client", "check_service"),
    "errors": ("ContractError", "SpecError", "SubjectError", "UsageError"),
    "model": ("Outcome",),
    "subjects.in_process": ("UpdateCall",),
    "engine.verdict": ("Verdict",),
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
