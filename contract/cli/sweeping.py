"""`contract sweep`."""

import click

from contract.live import sweep

__all__ = ["sweep_"]


@click.command()
@click.option(
    "--ca-file", metavar="FILE", help="PEM file of the authority that is to be trusted."
)
def sweep_(ca_file: str | None) -> int:
    """Remove what interrupted live runs have left behind; exit 1 where something could not be removed."""
    left = sweep(ca_file=ca_file)
    for line in left:
        print(line)
    print(f"{len(left) or 'nothing'} left")
    return 1 if left else 0
