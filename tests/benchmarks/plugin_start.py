"""Time that the installed plugin costs a suite that uses nothing of it.

    python -m tests.benchmarks.plugin_start [ROUNDS]

It runs a suite of no test, and one of 1,000 trivial tests, with and without the plugin,
in turn, without the plugin of Schemathesis. It prints the medians and their difference.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

OFF = ("-p", "no:replay_heatmap_contract")


def seconds(directory: Path, *options: str) -> float:
    begin_s = time.perf_counter()
    subprocess.run(  # noqa: S603
        [sys.executable, "-m", "pytest", "-q", "-p", "no:schemathesis", *options],
        cwd=directory,
        stdout=subprocess.DEVNULL,
        check=False,
    )
    return time.perf_counter() - begin_s


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    for number in (0, 1000):
        with tempfile.TemporaryDirectory() as name:
            directory = Path(name)
            tests = (f"def test_{index}(): pass\n" for index in range(number))
            (directory / "test_trivial.py").write_text("".join(tests))
            pairs = [
                (seconds(directory), seconds(directory, *OFF)) for _ in range(rounds)
            ]
        with_it, without = map(statistics.median, zip(*pairs, strict=True))
        difference_ms = 1000 * statistics.median(a - b for a, b in pairs)
        print(
            f"{number} tests: {with_it:.3f} s with the plugin, {without:.3f} s without, "
            f"{difference_ms:.0f} ms more"
        )


if __name__ == "__main__":
    main()
