"""`contract service`."""

import shlex
from pathlib import Path

import click

from contract.check.choosing import secrets
from contract.check.services import check_service
from contract.cli.base import Options, part, run_options
from contract.errors import UsageError

__all__ = ["service"]


@click.command()
@click.argument("urls", metavar="[URL]...", nargs=-1)
@run_options
@click.option(
    "--live",
    metavar="SITE",
    help="A live site, in the sandbox organization CONTRACT_SANDBOX_ORG_ID.",
)
@click.option(
    "--max-requests", type=int, metavar="N", help="Of a live run: requests at most."
)
@click.option(
    "--max-minutes", type=float, metavar="N", help="Of a live run: minutes at most."
)
@click.option(
    "--recordings",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Of a live run: where exchanges go.",
)
@click.option(
    "--snapshot-id",
    metavar="ID",
    help="Of a service without create and list: the one to update.",
)
@click.option(
    "--header",
    "headers",
    multiple=True,
    metavar="'NAME: VALUE'",
    help="Sent with every request; repeatable.",
)
@click.option(
    "--ca-file", metavar="FILE", help="PEM file of the authority that is to be trusted."
)
def service(
    options: Options,
    urls: tuple[str, ...],
    live: str | None,
    max_requests: int | None,
    max_minutes: float | None,
    recordings: Path | None,
    snapshot_id: str | None,
    headers: tuple[str, ...],
    ca_file: str | None,
) -> int:
    """Judge a service by every clause for services: at URL, on a live SITE, else the embedded sandbox.

    Several URLs are several sites, which have to behave alike. Keys are those of DD_API_KEY and DD_APP_KEY, those of
    a second organization CONTRACT_OTHER_API_KEY and CONTRACT_OTHER_APP_KEY; HTTPS_PROXY is honoured.
    """
    if options.sites:
        raise UsageError("--site: a service is named by its URL, or by --live SITE")
    if live and (urls or snapshot_id or headers):
        raise UsageError("--live SITE: goes without URL, --snapshot-id and --header")
    if not live and (max_requests is not None or max_minutes is not None or recordings):
        raise UsageError(
            "--max-requests, --max-minutes, --recordings: need --live SITE"
        )
    if not (live or urls) and (snapshot_id or headers or ca_file):
        raise UsageError("--snapshot-id, --header, --ca-file: need a URL")
    known = options.known
    with options.progress() as watch:
        if live:
            kept = recordings or Path(".contract/recordings")
            verdict = part("live:check_live")(
                live,
                max_requests=max_requests,
                max_minutes=max_minutes,
                ca_file=ca_file,
                recordings=kept,
                watch=watch,
                **options.rules,
            )
        else:
            lines = tuple(_header(line) for line in headers)
            verdict = check_service(
                *urls,
                snapshot_id=snapshot_id,
                headers=lines,
                ca_file=ca_file,
                watch=watch,
                **options.rules,
            )
    asked = {
        "--live": live,
        "--max-requests": max_requests,
        "--max-minutes": max_minutes,
        "--snapshot-id": snapshot_id,
        "--ca-file": ca_file,
    }
    more = [
        f" {name} {shlex.quote(str(value))}"
        for name, value in asked.items()
        if value is not None
    ]
    more += [
        f" --header '{line.partition(':')[0]}: …'" for line in headers
    ]  # its value may be a secret
    where = "".join(f" {'' if more else '--service '}{url}" for url in urls) + "".join(
        more
    )
    return options.finish(
        verdict, watch, where, known, secrets() if live or urls else None
    )


def _header(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    word = name.replace("-", "").replace("_", "")
    if not (colon and word.isascii() and word.isalnum() and value.isprintable()):
        raise UsageError(
            f"--header: must be 'NAME: VALUE', is {name!r} and what follows it"
        )
    return name, value.strip()
