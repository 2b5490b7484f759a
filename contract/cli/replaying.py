"""`contract replay`."""

import json
from pathlib import Path
from typing import Any

import click

from contract.cases.inputs import keys
from contract.cases.scenarios import Scenario
from contract.cases.targets import KEYS
from contract.check.clients import check_client
from contract.check.services import check_service
from contract.cli.base import KEPT, Options
from contract.cli.subject import subject_options
from contract.errors import UsageError
from contract.exchange import Case

__all__ = ["replay"]


@click.command()
@click.argument("case", metavar="FILE|ID")
@click.option(
    "--service",
    "urls",
    multiple=True,
    metavar="URL",
    help="A case for services: here; repeatable.",
)
@click.option(
    "--json",
    "json_file",
    metavar="FILE",
    help="Write the verdict as JSON; '-' is standard output.",
)
@subject_options
def replay(
    case: str, urls: tuple[str, ...], json_file: str | None, client: Any, arguments: str
) -> int:
    """Play one reported case again, on the site where it was seen."""
    kind, known = _kept(case)
    scenarios = (Scenario(known.scenario, "one case", lambda: iter((known,))),)
    options = Options("quick", 1, (), (), (), False, None, None, json_file)
    with options.progress() as watch:
        if kind == "service":
            if client:
                raise UsageError(
                    f"{case} is a case for services: --service URL, or nothing for the embedded sandbox"
                )
            verdict = check_service(*urls, profile="quick", scenarios=scenarios)
            arguments = "".join(f" --service {url}" for url in urls)
        elif urls:
            raise UsageError(
                f"{case} is a case for clients: --python, --driver, -- COMMAND, or nothing"
            )
        else:
            verdict = check_client(client, profile="quick", scenarios=scenarios)
    return options.finish(verdict, watch, arguments)


def _kept(name: str) -> tuple[str, Case]:
    path = Path(name) if Path(name).suffix == ".json" else KEPT / f"{name}.json"
    try:
        kept = json.loads(path.read_text())
        kind, case = str(kept["kind"]), Case.from_json(kept["case"])
    except FileNotFoundError:
        raise UsageError(
            f"no case {name!r}: {path} is not there (a breach prints the line that replays it)"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} is no case that the suite wrote: {error!r}") from None
    pairs = KEYS if kind == "service" else keys
    if case.keys not in pairs:
        raise UsageError(
            f"{path}: unknown keys {case.keys!r} (one of: {', '.join(pairs)})"
        )
    return kind, case if kind == "client" else case.on("")
