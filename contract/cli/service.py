"""`contract service`."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from contract.cli.base import (
    FILE,
    SANDBOX,
    Options,
    is_given,
    option,
    run_options,
    setting,
    show_wait,
)
from contract.engine.job import cores
from contract.errors import UsageError
from contract.live import check_live
from contract.report.files import check_writable
from contract.runs.services import (
    HeaderOption,
    check_service,
    check_service_options,
    is_missing,
    read_header,
    secrets_in,
    service_arguments,
    service_options,
    without_login,
)


@click.command()
@click.argument("urls", metavar="[URL]...", nargs=-1)
@run_options("service")
@option("--recordings", "DIR", "Directory for live recordings.", type=FILE)
def service(
    options: Options,
    urls: tuple[str, ...],
    live: str | None,
    recordings: Path | None,
    **values: Any,
) -> int:
    """Check a service by the clauses for services.

    The service is at URL, or on a live SITE, or it is the embedded sandbox. Several
    URLs are several sites that must behave alike. Keys are read from DD_API_KEY and
    DD_APP_KEY, those of a second organization from CONTRACT_OTHER_API_KEY and
    CONTRACT_OTHER_APP_KEY. HTTPS_PROXY is honored.
    """
    if is_given("sites"):
        raise UsageError("--site: a service is named by its URL, or by --live SITE")
    if recordings and not live:
        raise UsageError("--recordings: needs --live SITE")
    if not (urls and is_given("urls")):
        urls = tuple(() if live else setting("urls") or ())
    values = {name: v for name, v in values.items() if not is_missing(v)}
    check_service_options(urls, live, set(filter(is_given, values)))
    recordings = recordings or Path(".contract/recordings")
    if live:
        check_writable("--recordings", recordings / "new.yaml")
    fields = read_headers(values.pop("headers", ()))
    names = ", ".join(map(without_login, urls)) or SANDBOX
    names = f"the live site {live}" if live else names
    with options.running(names, is_late=not live) as run:
        own = service_options(values, fields, is_live=bool(live))
        settings: Any = {**run, **own, "on_wait": show_wait}
        if live:
            verdict = check_live(live, recordings=recordings, **settings)
        else:
            settings["jobs"] = cores() if run["jobs"] is None else run["jobs"]
            verdict = check_service(*urls, **settings)
    arguments = service_arguments(urls, {"live": live, **values}, fields)
    return options.finish(replace(verdict, arguments=arguments))


def read_headers(lines: Iterable[str]) -> list[HeaderOption]:
    """Return the values of `--header`. Messages of this run have none of them."""
    fields = list(map(read_header, lines))
    click.get_current_context().ensure_object(dict).update(secrets_in(fields))
    return fields
