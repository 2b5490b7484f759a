"""The suite against Schemathesis: python -m tests.benchmarks.versus_schemathesis [--faults N] [--tenfold N] [--help].

For the right server and for each fault, one server process (`contract serve`) is judged by `contract service`, by
`schemathesis run` at its defaults and at ten times its examples, each in a process of its own, one after the other.
Schemathesis gets the overlaid document, one pair of keys and all four operations, so that it can create what
it updates. Times are seconds of the wall and start with the process. Nothing is asserted.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from contract.engine.schedule import PROFILES
from contract.faults import SERVICE_FAULTS
from contract.sandbox import ORGS
from contract.spec import load
from tests.benchmarks.bare_loop import requests_of_run, run, send_all

KEYS, OTHER_KEYS = ((org.api_key, org.app_key) for org in ORGS)
NEVER = float("inf")
SCHEMATHESIS = str(Path(sys.executable).parent / "schemathesis")
TIMED = str(Path(__file__).parent / "timed_service.py")
SEVERAL = {fault.id for fault in SERVICE_FAULTS if fault.clause == "S-PARITY"}
"""What shows beside another site alone: the command gets the right server's URL, too."""

SCHEMA = "schemathesis run"
TIMES_TEN = ("--max-examples", "1000")


@dataclass
class Judged:
    """What one tool did to one server: cases, breaches, seconds in all and until the first breach."""

    cases: int
    breaches: int
    seconds: float
    first_s: float = NEVER

    @property
    def rate(self) -> float:
        return self.cases / self.seconds


@dataclass
class Tool:
    name: str
    right: Judged
    first_s: dict[str, float] = field(default_factory=dict)


# -- contract service ---------------------------------------------------------------------------------------


def contract_service(
    *urls: str, profile: str, seed: int = 1, stop: bool = False
) -> Judged:
    """Run the command in a process of its own; `stop` ends at the first breach."""
    words = [
        TIMED,
        repr(time.time()),
        str(int(stop)),
        *urls,
        "--profile",
        profile,
        "--seed",
        str(seed),
    ]
    names = (
        "DD_API_KEY",
        "DD_APP_KEY",
        "CONTRACT_OTHER_API_KEY",
        "CONTRACT_OTHER_APP_KEY",
    )
    keys = dict(zip(names, (*KEYS, *OTHER_KEYS), strict=True))
    with tempfile.TemporaryDirectory() as directory:
        ran = subprocess.run(  # noqa: S603
            [sys.executable, *words],
            cwd=directory,
            env=os.environ | keys,
            capture_output=True,
            text=True,
            check=False,
        )
    if not ran.stdout:
        raise SystemExit(ran.stderr)
    cases, breaches, seconds, first_s = json.loads(ran.stdout)
    return Judged(cases, breaches, seconds, NEVER if first_s is None else first_s)


# -- a bare loop --------------------------------------------------------------------------------------------


def bare_share(url: str, profile: str) -> float:
    """Return the share of the time of `check_service` that a bare loop takes for the same requests."""
    requests = requests_of_run(url, profile)
    begin = time.perf_counter()
    run(url, profile)
    middle_s = time.perf_counter()
    send_all(url, requests)
    return (time.perf_counter() - middle_s) / (middle_s - begin)


# -- schemathesis run ---------------------------------------------------------------------------------------


def schemathesis_run(url: str, document: Path, *options: str, seed: int = 1) -> Judged:
    keys = [
        word
        for name, key in zip(load().auth_headers, KEYS, strict=True)
        for word in ("-H", f"{name}: {key}")
    ]
    began = time.perf_counter()
    ran = subprocess.run(  # noqa: S603
        [
            SCHEMATHESIS,
            "run",
            document.name,
            "--url",
            url,
            *keys,
            "--seed",
            str(seed),
            "--no-color",
            *options,
        ],
        cwd=document.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    wall_s = time.perf_counter() - began
    generated = re.search(r"(\d+) generated", ran.stdout)
    inside = re.search(r"in ([0-9.]+)s =+\s*$", ran.stdout)
    if generated is None or inside is None:
        raise SystemExit(f"{ran.stdout[-2000:]}{ran.stderr[-2000:]}")
    found = sum(
        int(number) for number in re.findall(r"ST\d+ .*: (\d+)$", ran.stdout, re.M)
    ) or int(ran.returncode != 0)
    return Judged(
        int(generated[1]), found, float(inside[1]), wall_s if ran.returncode else NEVER
    )


# -- the comparison -----------------------------------------------------------------------------------------


@contextmanager
def served(fault: str | None) -> Iterator[str]:
    options = ["--fault", fault] if fault else []
    command = [sys.executable, "-m", "contract", "serve", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603
        try:
            yield re.search(r"http://[0-9.:]+", next(iter(server.stdout)))[0]
        finally:
            server.terminate()


def compare(
    faults: list[str], tenfold_faults: list[str], profile: str, seeds: int, rounds: int
) -> None:
    with tempfile.TemporaryDirectory() as directory:
        document = Path(directory) / "openapi.json"
        document.write_text(json.dumps(load().overlaid))
        with served(None) as url:
            mine, all_four, update, shares = [], [], [], []
            for _ in range(
                rounds
            ):  # in turn, since a machine has better and worse minutes
                mine.append(contract_service(url, profile=profile))
                shares.append(bare_share(url, profile))
                update.append(
                    schemathesis_run(
                        url,
                        document,
                        "--include-operation-id",
                        "UpdateReplayHeatmapSnapshot",
                    )
                )
                all_four.append(schemathesis_run(url, document))
            ours, theirs = (
                Tool(f"contract service --profile {profile}", middle(mine)),
                Tool(SCHEMA, middle(all_four)),
            )
            others = [
                contract_service(url, profile=profile, seed=seed)
                for seed in range(2, seeds + 1)
            ]
            tenfold = None
            if tenfold_faults:
                tenfold = Tool(
                    f"{SCHEMA}, ten times", schemathesis_run(url, document, *TIMES_TEN)
                )
        for number, fault in enumerate(faults, 1):
            with served(None) as right, served(fault) as url:
                urls = [right, url] if fault in SEVERAL else [url]
                ours.first_s[fault] = contract_service(
                    *urls, profile=profile, stop=True
                ).first_s
                theirs.first_s[fault] = schemathesis_run(
                    url, document, "--max-failures", "1"
                ).first_s
                if tenfold is not None and fault in tenfold_faults:
                    tenfold.first_s[fault] = schemathesis_run(
                        url, document, "--max-failures", "1", *TIMES_TEN
                    ).first_s
            sys.stderr.write(f"\r{number}/{len(faults)} {fault:40}")
    sys.stderr.write("\n")
    tools = [ours, theirs, *([tenfold] if tenfold else [])]
    print(
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {len(faults)} of {len(SERVICE_FAULTS)} faults\n"
    )
    show("", [tool.name for tool in tools])
    show("right server: cases", [f"{tool.right.cases}" for tool in tools])
    show("right server: seconds", [f"{tool.right.seconds:.1f}" for tool in tools])
    show("judged cases a second", [f"{tool.right.rate:.0f}" for tool in tools])
    show("false alarms", [f"{tool.right.breaches}" for tool in tools])
    if faults:
        medians = [statistics.median(tool.first_s.values()) for tool in tools]
        show("faults found", [found(tool) for tool in tools])
        show(
            "median seconds to the first breach",
            [f"{median:.2f}" for median in medians],
        )
    pairs = [one.rate / two.rate for one, two in zip(mine, update, strict=True)]
    print(
        f"\n{SCHEMA} on the update alone: {', '.join(f'{each.rate:.0f}' for each in update)} cases a second"
    )
    print(
        f"contract service, beside it: {', '.join(f'{each.rate:.0f}' for each in mine)}"
    )
    print(
        f"ratio: {', '.join(f'{each:.1f}' for each in pairs)}, median {statistics.median(pairs):.1f}"
    )
    print(
        f"of a bare http.client loop, same requests, reads included: {', '.join(f'{each:.0%}' for each in shares)}"
    )
    if seeds > 1:
        print(
            f"false alarms over {seeds} seeds: {ours.right.breaches + sum(each.breaches for each in others)}"
        )
    for tool in tools:
        print(
            f"\n{tool.name}: not found: {', '.join(name for name, at in tool.first_s.items() if at == NEVER) or '-'}"
        )


def middle(runs: list[Judged]) -> Judged:
    return sorted(runs, key=lambda each: each.rate)[len(runs) // 2]


def found(tool: Tool) -> str:
    number = sum(at < NEVER for at in tool.first_s.values())
    return f"{number} of {len(tool.first_s)} ({number / len(tool.first_s):.0%})"


def show(name: str, cells: list[str]) -> None:
    print(f"{name:36}", *(f"{cell:>30}" for cell in cells))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--faults",
        type=int,
        default=len(SERVICE_FAULTS),
        metavar="N",
        help="so many, evenly spread",
    )
    parser.add_argument(
        "--fault", action="append", metavar="ID", help="this one; repeatable"
    )
    parser.add_argument(
        "--rounds",
        type=int,
        default=3,
        metavar="N",
        help="judge the right server so often",
    )
    parser.add_argument("--profile", default="ci", choices=list(PROFILES))
    parser.add_argument(
        "--seeds",
        type=int,
        default=1,
        metavar="N",
        help="look for false alarms with so many",
    )
    parser.add_argument(
        "--tenfold",
        type=int,
        metavar="N",
        help="ten times the examples for so many of them; 0: none",
    )
    given = parser.parse_args()
    chosen = given.fault or spread([fault.id for fault in SERVICE_FAULTS], given.faults)
    tenfold = chosen if given.tenfold is None else spread(chosen, given.tenfold)
    return compare(chosen, tenfold, given.profile, given.seeds, given.rounds)


def spread(names: list[str], number: int) -> list[str]:
    """Return so many of the names, evenly spread."""
    number = max(0, min(number, len(names)))
    return [names[len(names) * step // number] for step in range(number)]


if __name__ == "__main__":
    main()
