"""Recordings: exchanges with a service as VCR cassettes.

    save(recorder.exchanges, directory, "live", redactor)
    rejudge(directory, spec).assert_holds()

`save` writes what `load` reads. `rejudge` checks it by the clauses of today, `changes`
compares two directories, and `recorded_scenarios` plays the responses to clients.
"""

from contract.recordings.cassette import load, save
from contract.recordings.changes import changes
from contract.recordings.redact import redacted_verdict
from contract.recordings.rejudge import rejudge
from contract.recordings.replay import (
    recorded_responses,
    recorded_scenarios,
    recorded_updates,
)

__all__ = [
    "changes",
    "load",
    "recorded_responses",
    "recorded_scenarios",
    "recorded_updates",
    "redacted_verdict",
    "rejudge",
    "save",
]
