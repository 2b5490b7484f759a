"""Recordings: exchanges with a service as VCR cassettes.

    save(recorder.exchanges, directory, "live", redactor)
    rejudge(directory, spec).assert_holds()

`save` writes what `load` reads. `rejudge` checks it by the clauses of today, `changes`
compares two directories, and `recorded_scenarios` plays the responses to clients.
"""
