"""Options that several commands have: bounds of a run, parts, accepted breaches."""

from pathlib import Path
from typing import Any

import click

from contract.cli.base import Options, number, option, print_lines, with_options
from contract.errors import UsageError

BOUNDS = {
    "max_requests": "max-requests",
    "max_minutes": "max-minutes",
    "clean_up_s": "max-clean-up",
    "longest_pause_s": "max-pause",
    "unconfirmed_s": "max-unconfirmed",
}
"""Bounds of a run away from loopback, and their options."""


def check_service_options(
    options: Options,
    urls: tuple[str, ...],
    live: str | None,
    recordings: Path | None,
    bounds: dict[str, Any],
    settings: dict[str, Any],
    headers: tuple[str, ...],
) -> None:
    """Raise UsageError for options that do not go together."""
    if options.sites:
        raise UsageError("--site: a service is named by its URL, or by --live SITE")
    if settings["snapshot_view"] and not settings["snapshot_id"]:
        raise UsageError("--snapshot-view: needs --snapshot-id")
    if live and (urls or settings["snapshot_id"] or headers):
        raise UsageError("--live SITE: goes without URL, --snapshot-id and --header")
    if recordings and not live:
        raise UsageError("--recordings: needs --live SITE")
    if bounds and not (live or urls):
        names = ", ".join(f"--{BOUNDS[name]}" for name in bounds)
        raise UsageError(f"{names}: need --live SITE or a URL")
    if not (live or urls) and (headers or any(settings.values())):
        raise UsageError("--snapshot-id, --header, --ca-file: need a URL")


accepted_options = with_options(
    click.option(
        "--update-accepted",
        is_flag=True,
        help="Add new breaches to the file of --accepted, without a reason.",
    ),
    click.option(
        "--prune",
        is_flag=True,
        help="With --update-accepted: drop entries that are no longer seen.",
    ),
)

shard_option = option(
    "--shard", "K/N", "Play the Kth of N parts. `contract merge` joins their verdicts."
)

budget_options = with_options(
    option("--max-requests", "N", "Largest number of remote requests.", type=int),
    option(
        "--max-minutes",
        "N",
        "Longest time of a remote run, without the clean-up.",
        type=float,
        callback=number,
    ),
    option(
        "--max-clean-up",
        "clean_up_s",
        "S",
        "Longest time of the clean-up in seconds. Default: 120.",
        type=click.FloatRange(min=0),
        callback=number,
    ),
)

wait_options = with_options(
    option(
        "--max-pause",
        "longest_pause_s",
        "S",
        "Longest wait for a rate limit, in seconds. Default: 300.",
        type=click.FloatRange(min=0),
        callback=number,
    ),
    option(
        "--max-unconfirmed",
        "unconfirmed_s",
        "S",
        "Seconds in which a create without an answer may show. Default: 60.",
        type=click.FloatRange(min=0),
        callback=number,
    ),
)


def show_wait(seconds: float) -> None:
    """Show that a run waits."""
    print_lines(f"contract: waiting for {seconds:.0f} s")
