"""`contract check`."""

import click

from contract.check.both import check_all
from contract.cli.base import Options, run_options

__all__ = ["check"]


@click.command()
@run_options
def check(options: Options) -> int:
    """Judge the minimal client on eight mocked sites and the embedded sandbox: the main job."""
    known = options.known
    with options.progress() as watch:
        verdict = check_all(sites=options.sites, watch=watch, **options.rules)
    return options.finish(verdict, watch, known=known)
