"""`contract serve`."""

import click

from contract.serve import serve

__all__ = ["serve_"]


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
