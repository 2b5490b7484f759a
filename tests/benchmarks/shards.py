"""Four shards of a run, merged, against one run.

    python -m tests.benchmarks.shards [PROFILE] [SHARDS] [FAULT...]

The minimal client, the sandbox and subjects with faults, by default at ci. Each line
names what the merged verdict has otherwise than the one of a single run: nothing. Last
are the seconds of the single run and of the slowest shard.
"""

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from contract.api import check_client, check_service
from contract.engine.job import RunOptions, make_job
from contract.engine.verdict import Verdict
from contract.faults import FAULTS, find_fault, subject_of
from contract.merge import merge
from contract.report.json_document import render_json
from contract.report.view import make_view
from contract.spec import load

SPEC = load()
FAULTY = (
    "body-start-as-double",
    "snapshot-of-earlier-call",
    "accepts-empty-body",
    "echo-escaped",
    "org-refused-yet-changed",
    "gone-not-at-all",
)


def play_faulty(name: str, options: RunOptions) -> Verdict:
    """Return the verdict of a subject with a fault."""
    fault = find_fault(FAULTS, name)
    with subject_of(fault) as (subject, sites):
        return make_job(fault.side, SPEC, options).run(subject, sites)


def subjects(names: list[str]) -> Iterator[tuple[str, Callable[[Any], Verdict]]]:
    """Yield subjects with their names."""
    yield "minimal client", lambda options: check_client(**options)
    yield "sandbox", lambda options: check_service(**options)
    for name in names:
        yield name, lambda options, name=name: play_faulty(name, options)


def facts(verdict: Verdict) -> dict[str, Any]:
    """Return what must be the same."""
    found = json.loads(render_json(make_view(verdict, SPEC)))
    return {
        "verdict": found["verdict"],
        "cases": found["cases"],
        "exchanges": found["exchanges"],
        "judged": {c["id"]: c["judged"] for c in found["clauses"]},
        "breaches": {b["id"]: sorted(b["sites"]) for b in found["breaches"]},
        "causes": sorted(f"{c['clause']}/{c['rule']}" for c in found["causes"]),
        "counts": {b["id"]: b["count"] for b in found["breaches"]},
        "grid": {
            (c["clause"], c["site"]): [c["state"], c["kinds"], c["of"], c["exchanges"]]
            for c in found["grid"]
        },
        "gaps": found["gaps"],
    }


def main(profile: str = "ci", total: str = "4", *names: str) -> None:
    """Print a line for each subject."""
    head = f"{'subject':28} {'verdict':8} {'exchanges':>9} {'breaches':>8}"
    print(f"{head} {'one run':>8} {'slowest':>8} differs in")
    for name, play in subjects([*names] or [*FAULTY]):
        options: RunOptions = {"profile": profile}
        one = play(options)
        shards = [
            play({**options, "shard": f"{part}/{total}"})
            for part in range(1, int(total) + 1)
        ]
        with tempfile.TemporaryDirectory() as directory:
            paths = []
            for number, shard in enumerate(shards):
                paths.append(Path(directory, f"{number}.json"))
                paths[-1].write_text(render_json(make_view(shard, SPEC)))
            merged = facts(merge(paths, SPEC))
        single = facts(one)
        differing = [fact for fact in single if single[fact] != merged[fact]]
        slowest_s = max(shard.seconds for shard in shards)
        row = f"{name:28} {one.verdict:8} {one.exchanges:9} {len(one.breaches):8}"
        times = f"{one.seconds:6.1f} s {slowest_s:6.1f} s"
        print(f"{row} {times} {', '.join(differing) or 'nothing'}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
