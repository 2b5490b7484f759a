"""The sandbox as a program of its own: `contract serve`."""

import re
import signal
import sys
from collections.abc import Callable

import click

from contract.errors import SubjectError, UsageError
from contract.faults.service import SERVICE_FAULTS
from contract.sandbox import ORGS, PATH, Sandbox, serving
from contract.spec import load

__all__ = ["serve", "serve_"]

_STOP = (signal.SIGINT, signal.SIGTERM)


def serve(
    port: int = 0, fault: str | None = None, rate_limit: str | None = None
) -> None:
    """Serve the sandbox on 127.0.0.1 until SIGINT or SIGTERM comes; port 0 takes any free one.

    `fault` is the id of a built-in fault, `rate_limit` is N/SECONDS: the requests of one organization in a period
    of the calendar. Standard output says where it listens, and with which keys, once it does. Call it
    in the main thread. Raises UsageError where an argument cannot be used.
    """
    make = Sandbox if fault is None else _fault(fault)
    sandbox = make() if rate_limit is None else make(rate_limit=_limit(rate_limit))
    before = signal.pthread_sigmask(
        signal.SIG_BLOCK, _STOP
    )  # the server's threads inherit it
    try:
        with serving(sandbox, port) as url:
            sys.stdout.write(_about(url, fault, rate_limit))
            sys.stdout.flush()
            signal.sigwait(_STOP)
    except SubjectError as error:
        raise UsageError(f"--port {port}: {error}") from None
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _fault(name: str) -> Callable[..., Sandbox]:
    for fault in SERVICE_FAULTS:
        if fault.id == name:
            return fault.make
    raise UsageError(
        f"unknown fault {name!r} (one of: {', '.join(fault.id for fault in SERVICE_FAULTS)})"
    )


def _limit(text: str) -> tuple[int, float]:
    match = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9}(?:\.[0-9]{1,3})?)", text, re.ASCII)
    if match is None or float(match[2]) == 0:
        raise UsageError(
            f"--rate-limit {text!r}: must be N/SECONDS, such as 100/60 (seconds above 0)"
        )
    return int(match[1]), float(match[2])


def _about(url: str, fault: str | None, rate_limit: str | None) -> str:
    names = load().auth_headers
    lines = [f"listening on {url}, snapshots are at {PATH}"]
    for org in ORGS:
        pair = zip(names, (org.api_key, org.app_key), strict=True)
        lines.append(
            f"organization {org.org_id}: {', '.join(f'{name}: {key}' for name, key in pair)}"
        )
    lines += [f"wrong on purpose: {fault}"] if fault else []
    lines += [f"rate limit: {rate_limit} s for each organization"] if rate_limit else []
    return "\n".join([*lines, "stops on Ctrl-C", ""])


@click.command()
@click.option(
    "--port",
    type=int,
    default=0,
    help="Where to listen on 127.0.0.1; 0 takes any free port.",
)
@click.option(
    "--fault",
    metavar="ID",
    help="Be wrong in this way on purpose: `contract list faults`.",
)
@click.option(
    "--rate-limit",
    metavar="N/SECONDS",
    help="Requests of one organization in a period.",
)
def serve_(port: int, fault: str | None, rate_limit: str | None) -> int:
    """Serve the sandbox, a strict reference service, until SIGINT or SIGTERM."""
    serve(port, fault, rate_limit)
    return 0
