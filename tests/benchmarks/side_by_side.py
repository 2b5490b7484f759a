"""`check` and `prove` in one process and in two: seconds, and their ratio.

python tests/benchmarks/side_by_side.py
"""

import time
from collections.abc import Callable

from contract import check_all
from contract.faults import FAULTS, prove

SHARE = 8
"""One fault in so many is played."""


def seconds(function: Callable[[], object]) -> float:
    begin_s = time.perf_counter()
    function()
    return time.perf_counter() - begin_s


def main() -> None:
    names = [fault.id for fault in FAULTS[::SHARE]]
    for title, play in {
        "check, profile ci": lambda n: check_all(jobs=n),
        f"prove, {len(names)} of {len(FAULTS)} faults": lambda n: list(
            prove(None, names, processes=n)
        ),
    }.items():
        one_s, two_s = (seconds(lambda n=n, play=play: play(n)) for n in (1, 2))
        print(f"{title}: 1 process {one_s:.1f} s, 2 processes {two_s:.1f} s", end="")
        print(f" ({two_s / one_s:.2f} of it)")


if __name__ == "__main__":
    main()
