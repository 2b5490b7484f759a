"""Further drivers: seconds, CPU and memory of an SDK by --jobs and --waiting.

    python tests/benchmarks/jobs.py python --profile quick

Each row is one run of the whole check. Memory is the largest proportional set size of
the suite's own processes together, without drivers, sampled every 0.3 s.
"""

import argparse
import os
import resource
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from contract.api import check_client
from contract.drivers.building import driver_command

OWN = (b"contract.subjects.workers", b"launcher.py", b"heartbeat.py")


def below(pid: int) -> Iterator[int]:
    """Yield the processes below one."""
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, path.read_text().split()):
            yield child
            yield from below(child)


def memory_mb() -> float:
    """Return the PSS of this process and those of the suite below it, in MB."""
    total = 0
    for pid in (os.getpid(), *below(os.getpid())):
        try:
            line = Path(f"/proc/{pid}/cmdline").read_bytes()
            if pid != os.getpid() and not any(word in line for word in OWN):
                continue
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += int(rollup.partition("\nPss:")[2].split()[0])
    return total / 1024


def cpu_s() -> float:
    """Return the CPU seconds of this process and of those that ended below it."""
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def main() -> None:
    """Print a row for each number of drivers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("driver")
    parser.add_argument("--profile", default="quick")
    parser.add_argument("--pairs", nargs="*", default=["1,0", "1,8", "2,8"])
    arguments = parser.parse_args()
    command = driver_command(arguments.driver, None)
    peak = [0.0]

    def sample() -> None:
        while True:
            peak[0] = max(peak[0], memory_mb())
            time.sleep(0.3)

    threading.Thread(target=sample, daemon=True).start()
    for pair in arguments.pairs:
        jobs, waiting = map(int, pair.split(","))
        peak[0], begin_s, begin_cpu_s = 0.0, time.perf_counter(), cpu_s()
        verdict = check_client(
            command, profile=arguments.profile, jobs=jobs, waiting=waiting
        )
        sys.stdout.write(
            f"--jobs {jobs} --waiting {waiting}: "
            f"{time.perf_counter() - begin_s:.1f} s, CPU {cpu_s() - begin_cpu_s:.1f} s, "
            f"{peak[0]:.0f} MB, {verdict.exchanges} exchanges, "
            f"{len(verdict.breaches)} breaches\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main()
