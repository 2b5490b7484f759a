"""Cost of a generated body and response, beside Schemathesis's strategy for the body.

    python -m tests.benchmarks.generation [EXAMPLES]

Processor time an example, as Hypothesis draws them, with all of its own work: the mean
of three rounds of 2,000 examples. The strategies take turns, so that other work of the
machine meets all of them alike. Nothing is asserted. The project's own limits are 1.5 ms
for a body and 2.5 ms for a response.
"""

import sys
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from schemathesis import GenerationMode

from contract.cases import drawing
from contract.cases.client import json_response
from contract.cases.documents import Documents
from contract.spec import load

ROUNDS = 3
WARM_UP = 20
DOCUMENT = Path(__file__).parents[2] / "spec" / "openapi.yaml"


def strategies() -> dict[str, Mapping[str, SearchStrategy[object]]]:
    """Return the strategies that are measured, in groups."""
    spec = load()
    bodies = Documents(spec.request.raw)
    snapshots = Documents(spec.success_schema.raw)
    errors = Documents(spec.error_schema.raw)
    operation = schemathesis.openapi.from_path(DOCUMENT)[spec.path][spec.method.upper()]
    # With path and headers Schemathesis draws nothing but the body either.
    fixed_parts = {"path_parameters": {"snapshot_id": "a"}, "headers": {}}
    return {
        "Hypothesis alone": {"an integer": st.integers()},
        "body": {"valid": bodies.strategy, "one violation": bodies.invalid_strategy},
        "response": {
            "valid snapshot": snapshots.strategy.map(json_response),
            "broken snapshot": snapshots.invalid_strategy.map(
                lambda broken: json_response(broken[1])
            ),
            "documented error": errors.strategy.map(
                lambda document: json_response(document, 429)
            ),
            "garbage": drawing.garbage,
        },
        f"body, by Schemathesis {schemathesis.__version__}": {
            "valid": operation.as_strategy(GenerationMode.POSITIVE, **fixed_parts),
            "violations": operation.as_strategy(GenerationMode.NEGATIVE, **fixed_parts),
        },
    }


def cost(strategy: SearchStrategy[object], examples: int) -> tuple[float, int]:
    """Return the seconds of processor time, and the number of examples."""
    drawn = 0

    @settings(
        max_examples=examples,
        database=None,
        deadline=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def draw(_: object) -> None:
        nonlocal drawn
        drawn += 1

    begin = time.process_time()
    draw()
    return time.process_time() - begin, drawn


def main(examples: int) -> None:
    """Measure, and print a table."""
    groups = strategies()
    rows = [
        (group, name, strategy)
        for group, members in groups.items()
        for name, strategy in members.items()
    ]
    seconds: dict[tuple[str, str], float] = defaultdict(float)
    drawn: dict[tuple[str, str], int] = defaultdict(int)
    for _, _, strategy in rows:
        cost(strategy, WARM_UP)
    for _ in range(ROUNDS):
        for group, name, strategy in rows:
            took, count = cost(strategy, examples)
            seconds[group, name] += took
            drawn[group, name] += count
    means = {row: 1000 * seconds[row] / drawn[row] for row in seconds}
    for group, members in groups.items():
        for name in members:
            print(
                f"{group:32} {name:18} {means[group, name]:6.2f} ms   {drawn[group, name]:6} examples"
            )
        if len(members) > 1:
            print(
                f"{group:32} {'mean':18} {sum(means[group, name] for name in members) / len(members):6.2f} ms"
            )
    *_, schemathesis_group = groups
    for name, other in zip(groups["body"], groups[schemathesis_group], strict=True):
        ratio = means[schemathesis_group, other] / means["body", name]
        print(f"Schemathesis costs {ratio:.1f} times as much: {other} beside {name}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000)
