"""The minimal client (`contract.client`) under driver protocol 1: `python -m contract.drivers.minimal`.

Proxy and authority are those of the environment. An example of a driver that imports nothing of the suite, loop
included, is `python/driver.py`.
"""

from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from contract.drivers.loop import serve
from contract.model import Case, Outcome
from contract.subjects.in_process import MinimalClientAdapter

__all__ = ["hello", "outcome_of", "reply_of"]

_TOLD = ("snapshot", "status", "errors", "message", "type")


def outcome_of(minimal: MinimalClientAdapter, asked: dict[str, Any]) -> dict[str, Any]:
    """Make the call; return the outcome as the protocol names it."""
    settings = {name: asked[name] for name in ("site", "timeout_s", "retry")}
    case = Case("", (), asked["snapshot_id"], asked["body"], **settings)
    return reply_of(minimal.update(case, (asked["api_key"], asked["app_key"])))


def reply_of(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as the protocol names it."""
    told = {name: getattr(outcome, name) for name in _TOLD}
    return {"outcome": outcome.kind} | {
        name: value for name, value in told.items() if value not in (None, "", ())
    }


def hello() -> dict[str, Any]:
    """Return who this is."""
    try:
        ours = version("replay-heatmap-contract")
    except PackageNotFoundError:  # a checkout that is not installed
        ours = "0"
    return {
        "protocol": 1,
        "client": "minimal",
        "version": ours,
        "language": "python",
        "features": ["retry", "timeout"],
    }


if __name__ == "__main__":
    serve(hello, partial(outcome_of, MinimalClientAdapter()))
