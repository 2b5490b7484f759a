"""`contract prove`, `gate`, `drift`, `sweep` and `serve`: beside the checks."""

import datetime
import json
import re
import signal
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import track

from contract.api import check_all
from contract.cli.base import (
    FILE,
    Options,
    number,
    option,
    options_of,
    run_options,
    show_wait,
)
from contract.cli.entry import warn
from contract.cli.finish import Outputs
from contract.cli.service import read_headers
from contract.drift import drift as find_drift
from contract.drivers.building import DRIVERS, split_command
from contract.engine.baseline import read_baseline
from contract.engine.comparison import compare
from contract.engine.job import check_processes, make_job, spec_of
from contract.engine.selection import select_sites
from contract.errors import SubjectError, UsageError
from contract.faults import FAULTS, Kill, indistinguishable, service_fault
from contract.faults import prove as play_faults
from contract.live import JOURNALS
from contract.live import forget as forget_run
from contract.live import sweep as remove_leftovers
from contract.merge import merge as merge_verdicts
from contract.model import SubjectKind
from contract.processes import SIGNALS
from contract.redaction import safe_line, without_commands, without_secrets
from contract.report.files import RunFiles, check_writable, write_text
from contract.report.rendering import RENDERERS, write_report
from contract.report.terminal import show_drift, show_gate, show_matrix
from contract.report.view import make_view
from contract.runs.clients import (
    Chosen,
    check_client,
    chosen_client,
    client_under_test,
)
from contract.sandbox import ORGS, Replicas, Sandbox, serving
from contract.spec import load

AGES = ("old", "new")
SIDES = ("version", "source", "command")


@click.command()
@click.argument("what", type=click.Choice(["client", "service"]), required=False)
@option("--fault", "names", "ID", "One fault. Repeatable.", multiple=True)
@click.option("--rules", is_flag=True, help="Show the breach ids of each fault.")
@option("--report", "DIR", "Write the matrix and a quick verdict.", type=FILE)
@options_of("prove")
def prove(
    what: str | None,
    names: tuple[str, ...],
    rules: bool,
    report: Path | None,
    jobs: int | None,
) -> int:
    """Show that the clauses can fail: each fault must be caught by its clause.

    Without `client` or `service` it plays the faults of both. With --rules, two faults
    of one clause must also differ in their breach ids.
    """
    check_processes({"jobs": jobs})
    if report:
        for name in RENDERERS:
            check_writable("--report", report / name)
    outputs, kills = Outputs(), list[Kill]()
    errors = Console(stderr=True)
    progress = track(
        play_faults(what, names, jobs),
        "faults",
        len(names) or sum(what in (None, fault.side) for fault in FAULTS),
        auto_refresh=False,  # its thread would prevent a fork
        console=errors,
        transient=True,
        disable=not errors.is_terminal,
    )
    try:
        kills.extend(progress)
    finally:  # after an internal error, too
        if kills:
            outputs.write(partial(show_matrix, kills, Console(), rules=rules))
    alike = indistinguishable(kills) if rules else []
    for one, other in alike:
        line = f"{one} and {other} break the same rules at the same places"
        outputs.write(partial(print, line))
    if report:
        view = make_view(check_all(profile="quick"), load(), kills)
        outputs.write(partial(write_report, view, report))
    outputs.raise_error()
    return 1 if alike or not all(kill.is_caught for kill in kills) else 0


@click.command()
@run_options("gate")
@option("--driver", "NAME", f"A built-in driver: {', '.join(sorted(DRIVERS))}.")
@option("--old-version", "V", "SDK version in use.")
@option("--new-version", "V", "SDK version to judge.")
@option("--old-source", "DIR", "Checkout of the SDK in use.", type=FILE)
@option("--new-source", "DIR", "Checkout of the SDK to judge.", type=FILE)
@option("--old-command", "C", "Command line of the client in use.")
@option("--new-command", "C", "Command line of the client to judge.")
def gate(options: Options, driver: str | None, **words: Any) -> int:
    """Compare two versions of a client. Exit 1 if the new one breaks a clause.

    An old checkout that cannot be built is named, and the new client is judged alone.
    """
    spec = spec_of(options.run)
    sides = [{kind: words[f"{age}_{kind}"] for kind in SIDES} for age in AGES]
    needs_driver = not all(side["command"] for side in sides)
    is_clear = all(sum(map(bool, side.values())) == 1 for side in sides)
    if not is_clear or needs_driver != bool(driver):
        raise UsageError(
            "give two clients: --old-version V, --old-source DIR or --old-command C, "
            "and likewise the new one; versions and sources need --driver NAME"
        )
    old_name, name = (
        side["command"] or f"{driver} {side['version'] or side['source']}"
        for side in sides
    )
    new = one_side("new", driver, **sides[1])
    try:
        old = one_side("old", driver, **sides[0])
    except SubjectError as problem:
        if not words["old_source"]:
            raise
        warn(f"warning: {problem}; the new client is judged alone")
        with options.running(name) as run:
            verdict = check_client(new.client, sites=options.sites, **run)
        return options.finish(new.name(verdict))
    with options.running(f"{name}, compared with {old_name}") as run:
        job = make_job(SubjectKind.CLIENT, spec, run)
        sites = select_sites(options.sites, spec)
        with (
            client_under_test(old.client, spec, sites) as before,
            client_under_test(new.client, spec, sites) as after,
        ):
            result = compare(before, after, job, sites)
    result = replace(result, old=old.name(result.old), new=new.name(result.new))
    outputs = Outputs()
    if options.json != "-":
        outputs.show(partial(show_gate, result, Console(), verbose=options.verbose))
    error = result.old.error or result.new.error or outputs.error
    return options.finish(replace(result.new, error=error), comparison=result)


def one_side(age: str, driver: str | None, **side: Any) -> Chosen:
    if line := side["command"]:
        return chosen_client(command=split_command(f"--{age}-command", line))
    return chosen_client(None, driver, side["version"], side["source"])


@click.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=FILE)
@run_options("merge")
def merge(options: Options, files: tuple[Path, ...]) -> int:
    """Make one verdict of those of several machines.

    FILEs are all parts of a run (--shard), or runs on single sites, or both. Services
    on single sites are compared by S-PARITY.
    """
    with options.running(f"{len(files)} verdicts") as run:
        verdict = merge_verdicts(files, load())
        run_options: Any = {**options.run, "profile": verdict.profile}
        RunFiles(run_options)  # whether --prune is refused depends on the profile
        is_strict = run.get("strict", False) or verdict.is_strict
        verdict = replace(verdict, is_strict=is_strict)
        if path := run.get("accepted"):
            verdict = read_baseline(path).apply(verdict, datetime.date.today())
    return options.finish(verdict)


@click.command()
@option(
    "--page", "pages", "FILE|URL", "The documentation page, as Markdown.", multiple=True
)
@option(
    "--openapi",
    "openapis",
    "FILE|URL|upstream",
    "A published OpenAPI document.",
    multiple=True,
)
@option("--recordings", "DIR", "Recorded exchanges.", multiple=True, type=FILE)
@click.option("--all", "every", is_flag=True, help="Show facts without a difference.")
@option(
    "--json", "json_file", "FILE", "Write the result as JSON. '-' is standard output."
)
def drift(
    pages: tuple[str, ...],
    openapis: tuple[str, ...],
    recordings: tuple[Path, ...],
    every: bool,
    json_file: str | None,
) -> int:
    """Compare the spec with other sources. Exit 1 if a difference breaks callers."""
    if json_file not in (None, "-"):
        check_writable("--json", Path(str(json_file)))
    result = find_drift(pages, openapis, recordings, load())
    document = without_secrets(json.dumps(result.to_json(), indent=1))
    text = without_commands(document) + "\n"
    outputs = Outputs()
    if json_file == "-":
        outputs.write(partial(print, text, end=""))
    else:
        outputs.show(partial(show_drift, result, Console(), every=every))
        if json_file is not None:
            outputs.write(partial(write_text, "--json", Path(json_file), text))
    outputs.raise_error()
    return result.status


@click.command()
@options_of("sweep")
@click.option("--dry-run", "is_dry", is_flag=True, help="Only say what is left.")
@option("--forget", "RUN", "Give a run up: delete its journal, and nothing else.")
def sweep(forget: str | None, headers: tuple[str, ...], **settings: Any) -> int:
    """Remove what interrupted runs left. Exit 1 if something is left."""
    if forget is not None:
        forget_run(JOURNALS, forget)
        return 0
    fields = tuple(item[:2] for item in read_headers(headers))
    chosen: Any = {name: v for name, v in settings.items() if v is not None}
    leftovers = remove_leftovers(on_wait=show_wait, headers=fields, **chosen)
    lines = (*map(safe_line, leftovers), f"{len(leftovers) or 'nothing'} left")
    outputs = Outputs()
    outputs.show(partial(print, *lines, sep="\n"))
    return 1 if leftovers else 0


@click.command()
@click.option(
    "--port", type=int, default=0, help="Port on 127.0.0.1. 0 is any free port."
)
@option("--fault", "ID", "Be wrong on purpose: see `contract list faults`.")
@option("--rate-limit", "N/SECONDS", "Requests of one organization in a period.")
@option(
    "--lag",
    "lag_s",
    "S",
    "Read lists from three replicas that are up to S seconds behind.",
    type=click.FloatRange(min=0),
    callback=number,
)
def serve(
    port: int, fault: str | None, rate_limit: str | None, lag_s: float | None = None
) -> int:
    """Serve the sandbox, a strict reference service, until SIGINT or SIGTERM."""
    make = Sandbox if fault is None else service_fault(fault).make_sandbox
    settings: dict[str, Any] = {"replicas": Replicas(lag_s) if lag_s else None}
    if rate_limit is not None:
        settings["rate_limit"] = parse_limit(rate_limit)
    sandbox = make(**settings)
    # The server's threads inherit the mask.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        with serving(sandbox, port) as url:
            print(*banner(url, fault, rate_limit), sep="\n", flush=True)
            signal.sigwait(SIGNALS)
    except SubjectError as error:
        raise UsageError(f"--port {port}: {error}") from None
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    return 0


def parse_limit(text: str) -> tuple[int, float]:
    match = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9}(?:\.[0-9]{1,3})?)", text, re.ASCII)
    if match is None or float(match[2]) == 0:
        raise UsageError(
            f"--rate-limit {text!r}: must be N/SECONDS, such as 100/60. SECONDS is "
            "above 0."
        )
    return int(match[1]), float(match[2])


def banner(url: str, fault: str | None, rate_limit: str | None) -> Iterator[str]:
    spec = load()
    api, app = spec.auth_headers
    yield f"listening on {url}, snapshots are at {spec.collection_path}"
    for org in ORGS:
        keys = f"{api}: {org.api_key}, {app}: {org.app_key}"
        yield f"organization {org.org_id}: {keys}"
    if fault:
        yield f"wrong on purpose: {fault}"
    if rate_limit:
        yield f"rate limit: {rate_limit} s for each organization"
    yield "stops on Ctrl-C"
