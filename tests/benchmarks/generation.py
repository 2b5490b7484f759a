"""What a generated body and a generated answer cost, beside Schemathesis's own strategy for the same body.

    python tests/benchmarks/generation.py [EXAMPLES]

Processor time an example, as Hypothesis draws them (all of its own work too): the mean of three rounds of 2,000
examples, the strategies taking turns, so that whatever else the machine does meets all of them alike. Nothing is
asserted. The project's own limits are 1.5 ms for a body and 2.5 ms for an answer.
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

from contract.cases import responses
from contract.cases.documents import Documents
from contract.spec import load

ROUNDS = 3
WARM_UP = 20
DOCUMENT = Path(__file__).parents[2] / "spec" / "openapi.yaml"


def strategies() -> dict[str, Mapping[str, SearchStrategy[object]]]:
    """Return what is measured, in groups."""
    spec = load()
    bodies = Documents(spec.request.raw)
    snapshots, errors = (
        Documents(spec.documented[status].media["application/json"].raw)
        for status in (200, 429)
    )
    operation = schemathesis.openapi.from_path(DOCUMENT)[spec.path][spec.method.upper()]
    # Path and headers are given, so that Schemathesis draws nothing but the body either.
    given_parts = {"path_parameters": {"snapshot_id": "a"}, "headers": {}}
    return {
        "Hypothesis alone": {"an integer": st.integers()},
        "body": {"valid": bodies.strategy, "one violation": bodies.invalid_strategy},
        "answer": {
            "valid snapshot": snapshots.strategy.map(responses.answer),
            "broken snapshot": snapshots.invalid_strategy.map(
                lambda each: responses.answer(each[1])
            ),
            "documented error": errors.strategy.map(
                lambda each: responses.answer(each, 429)
            ),
            "garbage": responses.anything.map(lambda each: responses.texts(each, 500)),
        },
        f"body, by Schemathesis {schemathesis.__version__}": {
            "valid": operation.as_strategy(GenerationMode.POSITIVE, **given_parts),
            "violations": operation.as_strategy(GenerationMode.NEGATIVE, **given_parts),
        },
    }


def cost(strategy: SearchStrategy[object], examples: int) -> tuple[float, int]:
    """Return the seconds of processor time that drawing took, and how many examples came of it."""
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
    *_, theirs = groups
    for name, other in zip(groups["body"], groups[theirs], strict=True):
        ratio = means[theirs, other] / means["body", name]
        print(
            f"Schemathesis's own strategy costs {ratio:.1f} times as much: {other} beside {name}"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000)
