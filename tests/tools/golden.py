"""Write the golden record: which clauses judge how many cases, and which are broken.

    python -m tests.tools.golden record FILE [RUN ...]
    python -m tests.tools.golden compare OLD NEW

A record holds, for each run, the number of distinct cases that each clause judged and
the clauses that were broken. The runs are `client quick`, `client ci`, `service quick`,
`service ci`, and each fault by its id. `compare` prints what NEW judges or catches less
than OLD and exits with status 1 if there is any. It also prints what is newly broken.
"""

import json
import multiprocessing
import sys
import traceback
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

from contract.cases.client import client_scenarios
from contract.cases.service import service_scenarios
from contract.clauses import CLIENT_CLAUSES, SERVICE_CLAUSES
from contract.clauses.base import AnyClause
from contract.engine.ledger import Ledger
from contract.engine.runner import Runner
from contract.engine.schedule import PROFILES, make_schedule
from contract.model import AnyExchange, SubjectKind
from contract.sandbox import ORGS, Sandbox, serving
from contract.spec import load
from contract.subjects.in_process import minimal_subject
from contract.subjects.service import service_under_test

__all__ = ["compare", "record"]

Entry = dict[str, Any]
Record = dict[str, Entry]

CHECKS = ("client quick", "client ci", "service quick", "service ci")


def check(name: str) -> list[str]:
    """Check the minimal client or the sandbox. Return the ids of the breaches."""
    kind, profile = name.split()
    spec = load()
    with ExitStack() as stack:
        if kind == SubjectKind.CLIENT:
            subject = stack.enter_context(minimal_subject(spec))
            scenarios, clauses, sites = client_scenarios, CLIENT_CLAUSES, spec.sites
        else:
            url = stack.enter_context(serving(Sandbox()))
            keys, other_keys = ((org.api_key, org.app_key) for org in ORGS)
            service = service_under_test(url, keys=keys, other_keys=other_keys)
            subject = stack.enter_context(service)
            scenarios, clauses = service_scenarios, SERVICE_CLAUSES
            sites = subject.sites
        schedule = make_schedule(
            scenarios(spec),
            PROFILES[profile],
            sites,
            subject,
            spec.sites,
        )
        ledger = Runner(subject, schedule, clauses, spec).play_all()
    if ledger.stop_reason:
        sys.exit(f"{name}: {ledger.stop_reason}")
    return list(ledger.breaches)


@contextmanager
def counting() -> Iterator[dict[str, set[str]]]:
    """Collect the ids of the cases that each clause judges."""
    cases: dict[str, set[str]] = defaultdict(set)
    count_all = Ledger.count

    def count(
        ledger: Ledger, exchange: AnyExchange, clauses: Iterable[AnyClause]
    ) -> None:
        for clause in (concerned := list(clauses)):
            cases[clause.id].add(exchange.case.id)
        count_all(ledger, exchange, concerned)

    with patch.object(Ledger, "count", count):
        yield cases


def breaches_of(name: str) -> list[str]:
    """Play a check or a fault. Return the ids of the breaches."""
    if name in CHECKS:
        return check(name)
    from contract.faults import prove  # slow to import

    (kill,) = prove(None, [name], processes=1, until_caught=False)
    return list(kill.breach_ids)


def run_entry(name: str) -> tuple[str, Entry]:
    """Return the record of one run. A run that fails is recorded with its error."""
    breaches: list[str] = []
    error = ""
    with counting() as cases:
        try:
            breaches = breaches_of(name)
        except Exception as exception:
            error = "".join(traceback.format_exception(exception)[-4:])
            print(f"{name}: {error}", file=sys.stderr, flush=True)
    result = {
        "judged": {clause: len(ids) for clause, ids in sorted(cases.items())},
        "broken": sorted({breach.split("/")[0] for breach in breaches}),
        "breaches": sorted(breaches),
    }
    return name, {**result, "error": error} if error else result


def all_runs() -> list[str]:
    """Return the names of all runs: the checks and every fault."""
    try:
        from contract.faults import CLIENT_FAULTS, SERVICE_FAULTS
    except ImportError as error:
        print(f"no faults: {error}", file=sys.stderr)
        return list(CHECKS)
    return [*CHECKS, *(fault.id for fault in (*CLIENT_FAULTS, *SERVICE_FAULTS))]


def record(path: Path, names: Iterable[str] = ()) -> None:
    """Write the record of some runs, or of all."""
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        entries = pool.imap(run_entry, list(names) or all_runs(), chunksize=1)
        result: Record = dict(entries)
    path.write_text(json.dumps(result, indent=1, sort_keys=True) + "\n")


def compare(old: Record, new: Record) -> tuple[list[str], list[str]]:
    """Return what is lost, and what is new without being a loss. A line each."""
    losses: dict[str, list[str]] = {}
    gains: dict[str, list[str]] = {}
    for name in new.keys() - old.keys():
        gains.setdefault("not in OLD", []).append(name)
    for name, before in old.items():
        after = new.get(name)
        if after is None:
            losses.setdefault("not in NEW", []).append(name)
            continue
        for line in lost(before, after):
            losses.setdefault(line, []).append(name)
        for line in gained(before, after):
            gains.setdefault(line, []).append(name)
    return listed(losses), listed(gains)


def lost(before: Entry, after: Entry) -> Iterator[str]:
    """Yield what a run does not judge or catch any more."""
    for clause in sorted(set(before["broken"]) - set(after["broken"])):
        yield f"{clause} is no longer broken"
    for clause, count in before["judged"].items():
        number = after["judged"].get(clause, 0)
        if number < count:
            yield f"{clause} judges {number} cases, not {count}"
    if "error" in after:
        yield f"failed: {after['error'].strip().splitlines()[-1]}"


def gained(before: Entry, after: Entry) -> Iterator[str]:
    """Yield what a run newly judges or catches."""
    for clause in sorted(after["judged"].keys() - before["judged"].keys()):
        yield f"{clause} is newly judged"
    for clause in sorted(set(after["broken"]) - set(before["broken"])):
        ids = [id_ for id_ in after["breaches"] if id_.startswith(f"{clause}/")]
        yield f"{clause} is newly broken: {', '.join(ids[:4])}"


def listed(runs_by_line: dict[str, list[str]]) -> list[str]:
    """Return the lines with the runs that they are about."""
    return [
        f"{line}: {len(runs)} runs: {', '.join(sorted(runs)[:5])}"
        for line, runs in sorted(
            runs_by_line.items(), key=lambda item: ("judges" in item[0], item[0])
        )
    ]


def main(arguments: list[str]) -> int:
    """Run the command line. Return the exit status."""
    match arguments:
        case ["record", target, *names]:
            record(Path(target), names)
            return 0
        case ["compare", first, second]:
            old, new = (json.loads(Path(name).read_text()) for name in (first, second))
            losses, gains = compare(old, new)
            print(f"Lost: {len(losses)}", *losses, "", sep="\n")
            print(f"New: {len(gains)}", *gains, sep="\n")
            return int(bool(losses))
    print(__doc__, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
