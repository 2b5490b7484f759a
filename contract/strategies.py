"""Hypothesis strategies for the contract: what callers send and what services answer.

    @given(body=valid_bodies())
    def test_the_body_is_sent_unchanged(contract_mock, contract_client, body): ...

They are the ones that the suite itself plays. Each shrinks towards the smallest
documented value. `with_examples` adds the boundary cases of the catalogue.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from hypothesis import example
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from contract.cases import client, drawing, parameters
from contract.cases.client import catalogue
from contract.model import Json, Response, Violation
from contract.spec import load

Test = TypeVar("Test", bound=Callable[..., Any])

TEXT_MEMBERS = ("errors", "error", "title", "detail", "message")
"""Members of error documents whose texts are for people."""


@dataclass(frozen=True)
class Invalid:
    """A document that breaks the model in one place, and what is wrong in it."""

    document: Json
    violation: Violation


@dataclass(frozen=True)
class ErrorResponse:
    """An error of a documented or an observed shape. `texts` are for people."""

    status: int
    media_type: str
    body: bytes
    texts: tuple[str, ...]


def valid_bodies() -> SearchStrategy[Json]:
    """Return request bodies that satisfy the model (page: Request, Model)."""
    return catalogue().bodies.strategy


def invalid_bodies() -> SearchStrategy[Invalid]:
    """Return request bodies that break one keyword of the model."""
    return catalogue().bodies.invalid_strategy.map(as_invalid)


def snapshots() -> SearchStrategy[Json]:
    """Return bodies of a documented success (page: Response, 200, Model)."""
    return catalogue().snapshots.strategy


def invalid_snapshots() -> SearchStrategy[Invalid]:
    """Return bodies of a 200 that break one keyword of the model."""
    return catalogue().snapshots.invalid_strategy.map(as_invalid)


def error_responses() -> SearchStrategy[ErrorResponse]:
    """Return errors of the documented shape and of every observed one."""
    documented = st.builds(
        client.json_response,
        catalogue().errors.strategy,
        st.sampled_from(client.ERROR_STATUSES),
    ).map(as_error)
    return documented | st.sampled_from(tuple(observed_errors()))


def snapshot_ids() -> SearchStrategy[str]:
    """Return ids that can be one path segment (RFC 3986, section 3.3)."""
    generated = drawing.snapshot_ids.map(lambda labeled: labeled[1])
    return st.just(parameters.EXAMPLE_ID) | generated


def sites() -> SearchStrategy[str]:
    """Return the documented sites (page: the table of sites)."""
    return st.sampled_from(load().sites)


# -- boundary cases --


def with_examples(**strategies: Callable[[], SearchStrategy[Any]]) -> Any:
    """Return a decorator that adds the boundary cases as explicit examples.

        @with_examples(body=valid_bodies)
        @given(body=valid_bodies())

    It takes the one argument that `given` has.
    """
    ((name, strategy),) = strategies.items()
    values = tuple(BOUNDARIES[strategy]())

    def decorate(test: Test) -> Test:
        # Hypothesis plays the one that was added last first.
        for value in reversed(values):
            test = example(**{name: value})(test)
        return test

    return decorate


def observed_errors() -> Iterator[ErrorResponse]:
    for *_, response in client.observed_errors(load()):
        yield as_error(response)


def one_each(pairs: Iterable[tuple[Any, Json]]) -> list[tuple[Any, Json]]:
    """Return the first document of each label."""
    return list({label: (label, value) for label, value in reversed([*pairs])}.values())


def documents(pairs: Iterable[tuple[Any, Json]]) -> list[Json]:
    return [document for _, document in one_each(pairs)]


BOUNDARIES: dict[Callable[[], SearchStrategy[Any]], Callable[[], Iterable[Any]]] = {
    valid_bodies: lambda: documents(catalogue().bodies.valid()),
    invalid_bodies: lambda: map(as_invalid, one_each(catalogue().bodies.invalid())),
    snapshots: lambda: documents(catalogue().snapshots.valid()),
    invalid_snapshots: lambda: map(
        as_invalid, one_each(catalogue().snapshots.invalid())
    ),
    error_responses: observed_errors,
    snapshot_ids: lambda: documents(parameters.valid_ids()),
    sites: lambda: load().sites,
}


def as_invalid(labeled: tuple[Violation, Json]) -> Invalid:
    violation, document = labeled
    return Invalid(document, violation)


def as_error(response: Response) -> ErrorResponse:
    texts = tuple(error_texts(json.loads(response.body)))
    return ErrorResponse(response.status, response.media_type, response.body, texts)


def error_texts(value: Json) -> Iterator[str]:
    """Yield the texts of an error document, also those of its items."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from error_texts(item)
    elif isinstance(value, dict):
        for name in TEXT_MEMBERS:
            yield from error_texts(value.get(name))
