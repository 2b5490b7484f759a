"""`contract gate`: two versions of a client play the same cases."""

import shlex
from dataclasses import replace

import click
from rich.console import Console

from contract.api import client_under_test
from contract.cli.base import Options, run_options, value_option
from contract.cli.client_options import split_command
from contract.drivers.building import DRIVERS, driver_command
from contract.engine.comparison import compare
from contract.engine.job import make_job
from contract.engine.selection import select_sites
from contract.errors import UsageError
from contract.model import SubjectKind
from contract.report import show_gate
from contract.spec import load


@click.command()
@run_options
@value_option("--driver", "NAME", f"A built-in driver: {', '.join(sorted(DRIVERS))}.")
@value_option("--old-version", "V", "SDK version in use.")
@value_option("--new-version", "V", "SDK version to judge.")
@value_option("--old-command", "C", "Command line of the client in use.")
@value_option("--new-command", "C", "Command line of the client to judge.")
def gate(
    options: Options,
    driver: str | None,
    old_version: str | None,
    new_version: str | None,
    old_command: str | None,
    new_command: str | None,
) -> int:
    """Compare two versions of a client. Exit 1 if the new one breaks a clause."""
    spec = load()
    if driver and old_version and new_version and not (old_command or new_command):
        old_words = driver_command(driver, old_version)
        new_words = driver_command(driver, new_version)
    elif old_command and new_command and not (driver or old_version or new_version):
        old_words = split_command("--old-command", old_command)
        new_words = split_command("--new-command", new_command)
    else:
        raise UsageError(
            "give two clients: --driver NAME --old-version V --new-version V, or "
            "--old-command C --new-command C"
        )
    with options.running() as run:
        job = make_job(SubjectKind.CLIENT, spec, run)
        sites = select_sites(options.sites, spec)
        with (
            client_under_test(old_words, spec) as old,
            client_under_test(new_words, spec) as new,
        ):
            result = compare(old, new, job, sites)
    if options.json_file != "-":
        show_gate(result, Console())
    verdict = replace(result.new, arguments=f" -- {shlex.join(new_words)}")
    return options.finish(verdict, is_last=False)
