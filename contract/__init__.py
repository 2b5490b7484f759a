"""The documented contract of "Update replay heatmap snapshot", made executable.

    spec ──> cases ──> subject ──> exchanges ──> clauses ──> verdict ──> report

The main path: `spec` reads the OpenAPI document, `cases` enumerates and generates what to ask from it, a subject
(`subjects` for clients, `service` for services) turns each case into an exchange, `clauses` judge exchanges, `run`
drives all of it and returns a `verdict`, `report` shows it.

Around it: `exchange` and `errors` hold the words, `client` is the minimal client, which knows nothing of `spec`.
`mock`, `impostor` and `drivers` are where clients are played, `sandbox` is the reference service. `faults` proves
that clauses can fail, `accepted` and `gate` decide what stops a change, `coverage` knows which keywords were
exercised. `check`, `plugin` and `cli` are the three ways in: Python, pytest and the command line.
"""

from contract.check import check_all, check_client, check_service
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
    "ApiError", "Asked", "BrokenAnswer", "ContractError", "NoAnswer", "Outcome", "RateLimited", "Refused", "Snapshot",
    "SnapshotAttributes", "SnapshotClient", "SnapshotData", "SnapshotError", "SnapshotUpdate", "SpecError",
    "SubjectError", "Timestamp", "UsageError", "Verdict", "check_all", "check_client",
    "check_service",
]  # fmt: skip
