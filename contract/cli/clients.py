"""`contract client`."""

import datetime
import shlex
from pathlib import Path
from typing import Any

import click

from contract.accepted import write_accepted
from contract.check.choosing import chosen_scenarios
from contract.check.clients import check_client, check_example
from contract.cli.base import Options, run_options
from contract.cli.subject import subject_options
from contract.drivers.examples import LANGUAGES
from contract.errors import UsageError
from contract.recordings import recorded_scenarios

__all__ = ["client"]


@click.command()
@subject_options
@run_options
@click.option(
    "--update-accepted",
    is_flag=True,
    help="Write what was found to the file of --accepted.",
)
@click.option(
    "--recordings",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Play recorded answers.",
)
@click.option(
    "--example",
    metavar="LANGUAGE",
    help=f"The page's own program: {', '.join(LANGUAGES)}; needs --page.",
)
@click.option(
    "--page",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The documentation page, as Markdown.",
)
def client(
    options: Options,
    client: Any,
    arguments: str,
    update_accepted: bool,
    recordings: Path | None,
    example: str | None,
    page: Path | None,
) -> int:
    """Judge a client by every clause for clients.

    Without a COMMAND it is the minimal client on eight mocked sites; a COMMAND that speaks the driver protocol, a
    driver of ours and a Python object meet the sites over real TLS.
    """
    if update_accepted and options.accepted is None:
        raise UsageError("--update-accepted: needs --accepted FILE")
    known = () if update_accepted else options.known
    rules = options.rules | {"sites": options.sites}
    if recordings:
        recorded = recorded_scenarios(recordings)
        rules["scenarios"] = chosen_scenarios(options.scenarios, recorded)
    with options.progress() as watch:
        if example or page:
            if not (example and page) or client:
                raise UsageError(
                    "--example LANGUAGE and --page FILE: give both, and no other client"
                )
            verdict = check_example(
                _text(page), example, sites=options.sites, clauses=options.clauses
            )
            arguments = f" --example {example} --page {shlex.quote(str(page))}"
        else:
            verdict = check_client(client, watch=watch, **rules)
    if update_accepted and options.accepted:
        write_accepted(options.accepted, verdict, datetime.date.today())
        known = options.known
    return options.finish(verdict, watch, arguments, known)


def _text(page: Path) -> str:
    try:
        return page.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--page {page}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"--page {page}: is not UTF-8") from None
