"""Seconds and memory to compare a published OpenAPI document of 9 MB.

    python -m tests.benchmarks.drift_large [MEGABYTES]

The document has the operation in the middle of artificial ones. Each form is compared in
a process of its own, three times, and the slowest counts: YAML in block style (as it is
published), the same with an alias, and JSON. The project's own limits are 15 s and 2 GB.
"""

import json
import multiprocessing
import re
import sys
import tempfile
import time
from pathlib import Path

from contract.drift import drift
from contract.spec import load
from contract.spec.text import parsed
from tests.drift.sources import OPENAPI

ROUNDS = 3

_PATH = """\
  /api/v2/made-up/{n}/things/{{thing_id}}:
    get:
      description: |-
        Returns thing {n}.

        schemas: this is text, and so is
        paths: this.
      operationId: GetThing{n}
      responses:
        "200":
          content:
            application/json:
              schema:
                $ref: "#/components/schemas/Thing{n}"
          description: OK
"""
_SCHEMA = """\
    Thing{n}:
      description: Thing {n}, of which there are many.
      properties:
        name:
          description: What it is called.
          example: thing {n}
          type: string
        next:
          $ref: "#/components/schemas/Thing{n}"
        size:
          format: int64
          type: integer
      required:
        - name
      type: object
"""


def large(size: int) -> str:
    """Return a document of that many bytes, or a little more."""
    text = OPENAPI
    count = size // len(_PATH.format(n=10_000) + _SCHEMA.format(n=10_000)) + 1
    paths = [_PATH.format(n=number) for number in range(count)]
    schemas = [_SCHEMA.format(n=number) for number in range(count)]
    for key, parts in (("paths:\n", paths), ("  schemas:\n", schemas)):
        before, after = text.split(f"\n{key}", 1)
        end = (
            after.index("\nservers:" if key.startswith("paths") else "\n    Unneeded:")
            + 1
        )
        first, second = ("".join(parts[: count // 2]), "".join(parts[count // 2 :]))
        text = f"{before}\n{key}{first}{after[:end]}{second}{after[end:]}"
    return text


def measure(file: str, results: "multiprocessing.Queue[tuple[float, float]]") -> None:
    """Compare one document; put seconds of wall time and MB at the peak (Linux)."""
    spec, started = load(), time.perf_counter()
    result = drift([], [file], [], spec)
    seconds = time.perf_counter() - started
    assert (result.differences, result.contradictions) == ((), ())
    # ru_maxrss would count the memory of the parent when it started this process.
    status = Path("/proc/self/status").read_text()
    results.put((seconds, int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1000))  # type: ignore[index]


def main(megabytes: float) -> None:
    """Make the documents, measure each, print a line each."""
    context = multiprocessing.get_context("spawn")
    text = large(int(megabytes * 1e6))
    anchored = text.replace(
        "session_id:\n          type: string",
        "session_id: &text\n          type: string",
        1,
    )
    aliased = anchored.replace(
        "id:\n          type: string\n        type:", "id: *text\n        type:", 1
    )
    forms = {
        "YAML": text,
        "with alias": aliased,
        "JSON": json.dumps(parsed("made", text)),
    }
    with tempfile.TemporaryDirectory() as directory:
        for name, content in forms.items():
            file = Path(directory) / "openapi"
            file.write_text(content, encoding="utf-8")
            measured = []
            for _ in range(ROUNDS):
                queue = context.Queue()
                process = context.Process(target=measure, args=(str(file), queue))
                process.start()
                process.join()
                if process.exitcode:
                    sys.exit(f"{name}: failed")
                measured.append(queue.get())
            seconds, memory = (max(values) for values in zip(*measured, strict=True))
            size = file.stat().st_size / 1e6
            figures = f"{size:5.1f} MB  {seconds:6.2f} s  {memory:6.0f} MB peak"
            print(f"{name:12} {figures}", flush=True)


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 9.0)
