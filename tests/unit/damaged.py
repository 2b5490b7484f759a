"""Documents with a wrong or missing value at every key."""

import json
from collections.abc import Iterator
from typing import Any

from contract.model import Json

WRONG: tuple[Json, ...] = (None, 5, -1, "x", [], {}, True, [None], {"x": [1]}, 10**30)


def places_in(value: Json, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every member, and to the first items of lists."""
    yield at
    if isinstance(value, dict):
        for name, member in value.items():
            yield from places_in(member, (*at, name))
    elif isinstance(value, list):
        for number, item in enumerate(value[:2]):
            yield from places_in(item, (*at, number))


def damaged(document: Json, most: int = 60) -> Iterator[Json]:
    """Yield copies with one wrong or missing value, at most so many."""
    places = list(places_in(document))
    step = max(1, len(places) * 3 // most)
    text = json.dumps(document)
    for number, place in enumerate(places[::step]):
        for offset in range(3):
            copy = json.loads(text)
            if not place:
                yield WRONG[offset]
                continue
            *way, last = place
            node = copy
            for key in way:
                node = node[key]
            if offset == 2 and isinstance(node, dict):
                del node[last]
            else:
                node[last] = WRONG[(number + offset * 7) % len(WRONG)]
            yield copy
