"""Cases that another process draws: asked for early, and after that process ended."""

import subprocess
import sys

import pytest

PROGRAM = """
import multiprocessing
import sys
import time
from contract.engine import drawing
from contract.model import SubjectKind

names, arguments = ["snapshot-ids", "malformed-json"], (SubjectKind.SERVICE, (), 7, 5)
drawing.HEAD_START_S = float(sys.argv[1])
with drawing.draw_beside(names, *arguments) as drawn:
    deadline_s = time.monotonic() + 30
    while not drawing.HEAD_START_S and multiprocessing.active_children():
        assert time.monotonic() < deadline_s
        time.sleep(0.01)
    cases = [drawn(name) for name in (*names, "another")]
assert cases == [drawing.draw_cases(name, *arguments) for name in names] + [()]
print(*map(bool, cases))
"""


@pytest.mark.parametrize("head_start_s", [0, 600])
def test_drawn_cases_are_those_of_this_process(head_start_s: int) -> None:
    command = [sys.executable, "-c", PROGRAM, str(head_start_s)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)  # noqa: S603
    assert (done.stdout, done.stderr) == ("True True False\n", "")
