"""The Python API: put a client or a service under test and get a verdict.

    contract.check_client(["node", "driver.js"], profile="quick").assert_holds()
    contract.check_service("http://127.0.0.1:8080", keys=(api_key, app_key))

pytest and the command line call the same functions.
"""

import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from typing import Any, Unpack

from contract import live
from contract.cases.client import client_scenarios
from contract.cases.service import service_scenarios
from contract.clauses import CLIENT_CLAUSES, SERVICE_CLAUSES
from contract.endpoint import create_body
from contract.engine.job import RunOptions, spec_of
from contract.engine.selection import select, select_scenarios
from contract.engine.verdict import Verdict, merge_parts
from contract.errors import UsageError
from contract.processes import beside, call_each
from contract.report.files import writing
from contract.runs.clients import Client as Client
from contract.runs.clients import check_client as check_client
from contract.runs.clients import check_example as check_example
from contract.runs.clients import client_under_test as client_under_test
from contract.runs.services import ServiceOptions as ServiceOptions
from contract.runs.services import check_service as check_service
from contract.runs.services import services_under_test as services_under_test
from contract.sandbox import ORGS, Sandbox, sandboxes_for, serving
from contract.spec import load
from contract.version import suite_version

check_live = writing(live.check_live)

RATE_LIMIT = (3, 1.0)
"""Requests and seconds of the sandbox on which a rate limit is met."""


@writing
def check_all(*, sites: Iterable[str] = (), **options: Unpack[RunOptions]) -> Verdict:
    """Check the minimal client and the embedded sandbox: the main job.

    Two sandboxes must behave alike. A third one has a rate limit. With 2 or more `jobs`
    they play beside the client, whose exchanges `progress` hears of. Raise UsageError.
    """
    spec, begin_s = spec_of(options), time.monotonic()
    sides = CLIENT_CLAUSES, SERVICE_CLAUSES
    by_id = {clause.id: clause for side in sides for clause in side}
    chosen = select("clause", options.get("clauses", ()), by_id)
    catalogues = client_scenarios(spec), service_scenarios(spec)
    items = select_scenarios(options.get("scenarios", ()), chain(*catalogues))
    names = {scenario.name for scenario in items}
    client, service = (
        options
        | RunOptions(
            clauses=[clause.id for clause in clauses if clause in chosen],
            scenarios=[item.name for item in cases if item.name in names],
        )
        for cases, clauses in zip(catalogues, sides, strict=True)
    )
    has_client = client["clauses"] and client["scenarios"]
    has_service = service["clauses"] and service["scenarios"]
    jobs, parts = options.get("jobs") or 1, list[Verdict]()
    with ExitStack() as stack:
        checks: Any = ()
        if has_service:
            urls = stack.enter_context(sandboxes_for(options, Sandbox(), Sandbox()))
            checks = partial(check_sandboxes, urls), check_rate_limit
        others: Any = partial(call_each, checks, service)
        if has_client and has_service and jobs > 1:
            client["jobs"], service["jobs"] = jobs - 1, 1
            others = stack.enter_context(beside(checks, service))
        if has_client:
            parts.append(check_client(**client, sites=sites))
        for verdicts in others(any(part.interrupted for part in parts)):
            parts += verdicts
    if not parts:
        raise UsageError("no clause is judged in any of these scenarios")
    return replace(merge_parts(parts), seconds=time.monotonic() - begin_s)


def check_sandboxes(
    urls: Sequence[str], options: RunOptions, is_stopped: bool = False
) -> list[Verdict]:
    if is_stopped:
        return []
    own, other = ORGS
    settings: Any = {**options, "names": ("sandbox-1", "sandbox-2")}
    settings |= {"keys": own.keys, "other_keys": other.keys}
    return [as_sandbox(check_service(*urls, **settings))]


def as_sandbox(verdict: Verdict) -> Verdict:
    return replace(verdict, name="sandbox", version=suite_version())


def check_rate_limit(options: RunOptions, is_stopped: bool = False) -> list[Verdict]:
    """Play a few cases on a sandbox with a rate limit and judge S-RATE only.

    Nothing but the cases is sent, so that one of them meets the limit.
    """
    is_first = (options.get("shard") or "1/1").startswith("1/")
    is_chosen = "S-RATE" in options["clauses"] and "repeats" in options["scenarios"]
    if is_stopped or not (is_first and is_chosen):
        return []
    begin_s = time.time()  # a period begins now, not by the calendar
    sandbox = Sandbox(
        rate_limit=RATE_LIMIT, clock=lambda: int(begin_s) + time.time() - begin_s
    )
    data = create_body("contract", "contract")["data"]
    row = sandbox.insert(ORGS[0], data["attributes"])
    (scenario,) = select_scenarios(["repeats"], service_scenarios(load()))
    few = replace(scenario, cases=lambda: islice(scenario.cases(), 3), strategy=None)
    options = {**options, "clauses": ["S-RATE"], "scenarios": [few], "shard": None}
    with serving(sandbox) as url:
        settings: Any = {**options, "names": ("sandbox-3",)}
        settings |= {"keys": ORGS[0].keys, "snapshot_id": row.id}
        return [as_sandbox(check_service(url, **settings))]
