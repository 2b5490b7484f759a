"""`contract drift`."""

import json
import sys
from pathlib import Path

import click
from rich.console import Console

from contract.cli.base import write_json
from contract.drift import drift
from contract.spec import load

__all__ = ["drift_"]


@click.command()
@click.option(
    "--page",
    "pages",
    multiple=True,
    metavar="FILE|URL",
    help="The documentation page, as Markdown.",
)
@click.option(
    "--openapi",
    "openapis",
    multiple=True,
    metavar="FILE|URL|upstream",
    help="A published OpenAPI document.",
)
@click.option(
    "--recordings",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Recorded exchanges.",
)
@click.option(
    "--all", "every", is_flag=True, help="Show the facts on which all agree, too."
)
@click.option(
    "--json",
    "json_file",
    metavar="FILE",
    help="Write what was found as JSON; '-' is standard output.",
)
def drift_(
    pages: tuple[str, ...],
    openapis: tuple[str, ...],
    recordings: tuple[Path, ...],
    every: bool,
    json_file: str | None,
) -> int:
    """Compare the spec with other witnesses of the contract; exit 1 where a difference breaks clients or services."""
    found = drift(pages, openapis, recordings, load())
    text = json.dumps(found.to_json(), indent=1) + "\n"
    if json_file == "-":
        sys.stdout.write(text)
    else:
        found.show(Console(), every=every)
        if json_file is not None:
            write_json(json_file, text)
    return found.status
