"""`contract serve`: the sandbox as a program of its own."""

import re
import signal
import sys

import click

from contract.cli.base import value_option
from contract.errors import SubjectError, UsageError
from contract.faults import service_fault
from contract.sandbox import ORGS, Sandbox, serving
from contract.spec import load

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def serve_sandbox(
    port: int = 0, fault: str | None = None, rate_limit: str | None = None
) -> None:
    """Serve the sandbox on 127.0.0.1 until SIGINT or SIGTERM. Raise UsageError.

    `rate_limit` is N/SECONDS, for an organization in a calendar period. Standard output
    has address and keys once the sandbox listens. Call it in the main thread.
    """
    make = Sandbox if fault is None else service_fault(fault).make_sandbox
    sandbox = make() if rate_limit is None else make(rate_limit=parse_limit(rate_limit))
    # The server's threads inherit the mask.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        with serving(sandbox, port) as url:
            sys.stdout.write(banner(url, fault, rate_limit))
            sys.stdout.flush()
            signal.sigwait(STOP_SIGNALS)
    except SubjectError as error:
        raise UsageError(f"--port {port}: {error}") from None
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def parse_limit(text: str) -> tuple[int, float]:
    match = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9}(?:\.[0-9]{1,3})?)", text, re.ASCII)
    if match is None or float(match[2]) == 0:
        raise UsageError(
            f"--rate-limit {text!r}: must be N/SECONDS, such as 100/60. SECONDS is "
            "above 0."
        )
    return int(match[1]), float(match[2])


def banner(url: str, fault: str | None, rate_limit: str | None) -> str:
    spec = load()
    lines = [f"listening on {url}, snapshots are at {spec.collection_path}"]
    for org in ORGS:
        headers = zip(spec.auth_headers, (org.api_key, org.app_key), strict=True)
        keys = ", ".join(f"{name}: {key}" for name, key in headers)
        lines.append(f"organization {org.org_id}: {keys}")
    lines += [f"wrong on purpose: {fault}"] if fault else []
    lines += [f"rate limit: {rate_limit} s for each organization"] if rate_limit else []
    return "\n".join([*lines, "stops on Ctrl-C", ""])


@click.command()
@click.option(
    "--port", type=int, default=0, help="Port on 127.0.0.1. 0 is any free port."
)
@value_option("--fault", "ID", "Be wrong on purpose: see `contract list faults`.")
@value_option("--rate-limit", "N/SECONDS", "Requests of one organization in a period.")
def serve(port: int, fault: str | None, rate_limit: str | None) -> int:
    """Serve the sandbox, a strict reference service, until SIGINT or SIGTERM."""
    serve_sandbox(port, fault, rate_limit)
    return 0
