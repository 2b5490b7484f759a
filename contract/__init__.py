"""The contract of "Update replay heatmap snapshot", executable.

    spec ──> cases ──> subject ──> exchanges ──> clauses ──> verdict ──> report

`.github/ARCHITECTURE.md` is the map of the code. Names are imported on first use
(PEP 562), so that the minimal client alone needs no Hypothesis. pytest leaves this
module as it is: PYTEST_DONT_REWRITE.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from contract.api import check_all, check_live
    from contract.cases.parameters import EXAMPLE_ID
    from contract.client import (
        SITES,
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
    from contract.drivers.building import driver_command
    from contract.engine.verdict import Verdict
    from contract.errors import ContractError, SpecError, SubjectError, UsageError
    from contract.jsondiff import same_json
    from contract.model import Call, Outcome
    from contract.recordings.replay import recorded_updates
    from contract.runs.clients import check_client
    from contract.runs.services import check_service
    from contract.spec import overlaid_document
    from contract.subjects.mapping import outcomes

__all__ = [
    "EXAMPLE_ID",
    "SITES",
    "ApiError",
    "BrokenAnswer",
    "Call",
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
    "check_live",
    "check_service",
    "driver_command",
    "outcomes",
    "overlaid_document",
    "recorded_updates",
    "same_json",
]

MODULES = {
    "cases.parameters": ("EXAMPLE_ID",),
    "api": ("check_all", "check_live"),
    "drivers.building": ("driver_command",),
    "engine.verdict": ("Verdict",),
    "errors": ("ContractError", "SpecError", "SubjectError", "UsageError"),
    "jsondiff": ("same_json",),
    "model": ("Call", "Outcome"),
    "recordings.replay": ("recorded_updates",),
    "runs.clients": ("check_client",),
    "runs.services": ("check_service",),
    "spec": ("overlaid_document",),
    "subjects.mapping": ("outcomes",),
}
"""The public names of each module. All others are those of `client`."""


def __getattr__(name: str) -> Any:
    """Import a public name on first use."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    homes = (module for module, names in MODULES.items() if name in names)
    module = importlib.import_module(f"{__name__}.{next(homes, 'client')}")
    return getattr(module, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
