"""Recordings: exchanges with a service as VCR cassettes.

    save(recorder.exchanges, directory, "live", redactor)
    rejudge(directory, spec).assert_holds()

`save` and `read_cassette` are in `cassette.py`. In `replay.py`, `rejudge` checks by the
clauses of today, `changes` compares two directories, and `recorded_scenarios` plays the
responses to clients.
"""
