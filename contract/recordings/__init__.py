"""Recordings: exchanges of a service, kept as VCR cassettes, judged again, compared, played to clients.

    recorder = Recorder(subject)
    run(recorder, …)
    directory = new_directory(Path(".contract/recordings"), today)
    save(recorder.exchanges, directory, "live", redactor)
    rejudge(directory, spec).assert_holds()

saving ─> loading ─> nights, playing; recorder, saving ─> sandboxed
"""

from contract.recordings.loading import load
from contract.recordings.nights import compare, rejudge
from contract.recordings.playing import recorded_answers, recorded_scenarios
from contract.recordings.recorder import Recorder, new_directory, previous
from contract.recordings.redacted import redacted_verdict
from contract.recordings.sandboxed import record_sandbox
from contract.recordings.saving import MadeFrom, save

__all__ = [
    "MadeFrom",
    "Recorder",
    "compare",
    "load",
    "new_directory",
    "previous",
    "record_sandbox",
    "recorded_answers",
    "recorded_scenarios",
    "redacted_verdict",
    "rejudge",
    "save",
]
