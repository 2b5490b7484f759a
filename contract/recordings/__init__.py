"""Recordings: exchanges of a service, kept as VCR cassettes, judged again, compared, played to clients.

    recorder = Recorder(subject)
    run(recorder, …)
    directory = new_directory(Path(".contract/recordings"), today)
    save(recorder.exchanges, directory, "live", redactor)
    rejudge(directory, spec).assert_holds()

save ─> load ─> compare, replay
"""

from contract.recordings.compare import compare, rejudge
from contract.recordings.load import load
from contract.recordings.redact import redacted_verdict
from contract.recordings.replay import recorded_answers, recorded_scenarios
from contract.recordings.save import MadeFrom, save

__all__ = [
    "MadeFrom",
    "compare",
    "load",
    "recorded_answers",
    "recorded_scenarios",
    "redacted_verdict",
    "rejudge",
    "save",
]
