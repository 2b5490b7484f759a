"""Faults for tests in plain pytest: a client with `update(snapshot_id, body)`.

A fault that reads more of a case than body and responses cannot be shown like this.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any, NoReturn

from contract.client import (
    ApiError,
    BrokenAnswer,
    NoAnswer,
    Refused,
    SnapshotUpdate,
)
from contract.faults import Fault
from contract.faults.harness import ClientMutation
from contract.model import ClientCase, Json, Outcome, OutcomeKind, Response


def altered(response: Response, change: Callable[[Json], Json]) -> Response:
    """Return a response whose JSON is changed at every place, another as it is."""

    def walk(value: Json) -> Json:
        if isinstance(value, dict):
            value = {name: walk(member) for name, member in value.items()}
        elif isinstance(value, list):
            value = [walk(item) for item in value]
        return change(value)

    try:
        document = walk(json.loads(response.body))
    except (ValueError, RecursionError):
        return response
    return replace(response, body=json.dumps(document).encode())


def number_as_text(value: Json) -> Json:
    return str(value) if type(value) is int else value


def list_as_text(value: Json) -> Json:
    return json.dumps(value) if isinstance(value, list) else value


RECORDING_FAULTS: Mapping[str, Callable[[Response], Response]] = {
    "numbers-as-texts": partial(altered, change=number_as_text),
    "lists-as-texts": partial(altered, change=list_as_text),
}
"""Changes of the responses that the sites play."""


class PlainFaultyClient:
    """The minimal client with a fault, used as a SnapshotClient is used.

    `case_of` makes a case of an id and a body, with the responses that it gets.
    """

    def __init__(
        self, fault: Fault, case_of: Callable[[str, Json], ClientCase], site: str
    ) -> None:
        self._client = in_each_call(fault).make_client()
        self._case_of, self._site = case_of, site

    def update(self, snapshot_id: str, body: Mapping[str, Any] | SnapshotUpdate) -> Any:
        """Make the call, wrongly. Returns and raises as the minimal client does."""
        body = body.to_json() if isinstance(body, SnapshotUpdate) else body
        outcome = self._client.update(self._case_of(snapshot_id, body), self._site)
        if outcome.kind is OutcomeKind.SNAPSHOT:
            return SimpleNamespace(to_json=lambda: outcome.snapshot)
        raise_error(outcome)


def in_each_call(fault: Fault) -> Fault:
    """Return a fault that needs no violation of its case to show itself."""
    mutation = fault.mutation
    if not isinstance(mutation, ClientMutation):
        return fault
    careless = mutation.careless
    if isinstance(careless, partial):
        careless = partial(careless.func, lambda case: True, **careless.keywords)
    return replace(fault, mutation=replace(mutation, careless=careless))


def raise_error(outcome: Outcome) -> NoReturn:
    match outcome.kind:
        case OutcomeKind.REFUSED:
            raise Refused(outcome.message)
        case OutcomeKind.API_ERROR:
            raise ApiError(outcome.status or 0, outcome.errors)
        case OutcomeKind.BROKEN_ANSWER:
            raise BrokenAnswer(outcome.message)
    raise NoAnswer(outcome.message)
