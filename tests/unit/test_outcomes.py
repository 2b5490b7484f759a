"""Outcomes of what ordinary clients return and raise."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

import pytest
import requests

import contract
from contract.api import client_under_test
from contract.cases.client import catalogue
from contract.errors import SubjectError, UsageError
from contract.model import Outcome, OutcomeKind
from contract.spec import load
from contract.subjects.python_client import takes_call


class ApiError(Exception):
    """An error with everything that a caller needs."""

    def __init__(self, message: str, **members: Any) -> None:
        super().__init__(message)
        vars(self).update(members)


class Invalid(ApiError):
    """An error of a body that was not sent."""


class Text(Exception):
    """An error without members."""


MAPPED = contract.outcomes(
    refused=(Invalid, TypeError),
    api_error=(ApiError, Text, requests.HTTPError),
    broken_answer=ValueError,
    failed=OSError,
    unsupported=NotImplementedError,
)


def response(status: int, content: bytes) -> Any:
    answer = requests.Response()
    answer.status_code, answer._content = status, content
    return answer


def http_error(status: int, content: bytes) -> Exception:
    return requests.HTTPError("4xx", response=response(status, content))


def api_error(status: int, *errors: str, message: str = "m") -> Outcome:
    return Outcome("api_error", status=status, errors=errors, message=message)


RAISED = {
    "refused": (TypeError("m"), Outcome("refused", message="m")),
    "nearest class": (Invalid("m"), Outcome("refused", message="m")),
    "broken": (ValueError("m"), Outcome("broken_answer", message="m")),
    "subclass": (UnicodeError("m"), Outcome("broken_answer", message="m")),
    "failed": (TimeoutError("m"), Outcome("failed", message="m")),
    "unsupported": (NotImplementedError("m"), Outcome("unsupported", message="m")),
    "status": (ApiError("m", status=403, errors=["a", "b"]), api_error(403, "a", "b")),
    "status_code": (ApiError("m", status_code=403, errors=("a",)), api_error(403, "a")),
    "code": (ApiError("m", code=HTTPStatus.FORBIDDEN), api_error(403, "m")),
    "text": (ApiError("m", status=403, errors="a"), api_error(403, "a")),
    "other errors": (
        ApiError("m", status=1, errors=[{"a": 1}]),
        api_error(1, "{'a': 1}"),
    ),
    "no errors": (ApiError("m", status=403, errors=[]), api_error(403, "m")),
    "no answer": (ApiError("m", status=None), Outcome("failed", message="m")),
    "status 0": (ApiError("m", status=0), Outcome("failed", message="m")),
    "None, then a response": (
        ApiError("m", code=None, response=SimpleNamespace(status=500, text="a")),
        api_error(500, "a"),
    ),
    "response": (
        http_error(429, '{"errors": ["ä", "b"]}'.encode()),
        api_error(429, "ä", "b", message="4xx"),
    ),
    "page": (http_error(502, b"<p>a"), api_error(502, "<p>a", message="4xx")),
    "list": (http_error(502, b"[1]"), api_error(502, "[1]", message="4xx")),
}


def failing(error: Exception, *, is_async: bool) -> Callable[[object], Any]:
    def update(call: object) -> Any:
        raise error

    async def async_update(call: object) -> Any:
        raise error

    return async_update if is_async else update


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize(("error", "outcome"), RAISED.values(), ids=RAISED.keys())
def test_an_exception_has_the_outcome_of_its_class(
    error: Exception, outcome: Outcome, is_async: bool
) -> None:
    assert result(MAPPED(failing(error, is_async=is_async))) == outcome


def result(update: Callable[[object], Any]) -> Any:
    value = update("call")
    return asyncio.run(value) if asyncio.iscoroutine(value) else value


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_another_exception_is_a_crash(is_async: bool) -> None:
    with pytest.raises(KeyError):
        result(MAPPED(failing(KeyError("data"), is_async=is_async)))


@pytest.mark.parametrize(
    ("value", "outcome"),
    [
        ({"data": {}}, Outcome("snapshot", snapshot={"data": {}})),
        (None, Outcome("snapshot")),
        (Outcome("failed", message="m"), Outcome("failed", message="m")),
    ],
    ids=["snapshot", "nothing", "outcome"],
)
def test_a_value_is_the_snapshot(value: Any, outcome: Outcome) -> None:
    async def update(call: object) -> Any:
        return value

    assert result(MAPPED(lambda call: value)) == outcome
    assert result(MAPPED(update)) == outcome


def test_methods_are_mapped_too() -> None:
    class Client:
        @MAPPED
        def update(self, call: object) -> Any:
            """Update."""
            raise OSError(call)

    assert Client().update("call") == Outcome("failed", message="call")
    assert Client.update.__doc__ == "Update."


@dataclass
class Snapshot:
    """A snapshot that is no JSON."""

    id: str


def test_a_model_is_no_snapshot() -> None:
    problem = "must return the snapshot as JSON, such as a dict; it returned an object of Snapshot"
    with pytest.raises(SubjectError, match=problem):
        result(MAPPED(lambda call: Snapshot("a")))


@pytest.mark.parametrize("error", [Text("a"), ApiError("m", status="403")])
def test_an_error_without_status_is_named(error: Exception) -> None:
    problem = (
        f"{type(error).__name__} has no status; accepted: an integer as its status, "
        "status_code, code or as that of its response; else return contract.Outcome"
    )
    with pytest.raises(SubjectError, match=problem):
        result(MAPPED(failing(error, is_async=False)))


@pytest.mark.parametrize(
    ("classes", "problem"),
    [
        (
            {"refused": 5},
            "refused must be a class of exceptions or a tuple of them; is 5",
        ),
        ({"failed": [OSError]}, "failed must be a class of exceptions or a tuple"),
        ({"failed": OSError("a")}, "failed must be a class of exceptions"),
        ({"failed": (OSError, "a")}, "failed must be a class of exceptions"),
        ({"failed": KeyboardInterrupt}, "failed must be a class of exceptions"),
        ({"refused": OSError, "failed": OSError}, "OSError is both refused and failed"),
    ],
)
def test_a_wrong_class_is_named(classes: Any, problem: str) -> None:
    with pytest.raises(UsageError, match=f"outcomes: {problem}"):
        contract.outcomes(**classes)


def test_what_is_no_function_is_not_decorated() -> None:
    with pytest.raises(UsageError, match=r"outcomes: decorates update\(call\); is 5"):
        MAPPED(5)  # type: ignore[arg-type]


def test_a_class_that_gets_every_exception_lets_a_lost_subject_pass() -> None:
    update = contract.outcomes(failed=Exception)(
        failing(SubjectError("lost"), is_async=False)
    )
    with pytest.raises(SubjectError, match="lost"):
        update("call")


def test_a_crash_keeps_the_trace_of_the_client() -> None:
    @MAPPED
    async def update(call: object) -> Any:
        raise KeyError("data")

    with client_under_test(update, load()) as subject:
        outcome = subject.play(catalogue().plain, "datadoghq.eu").outcome
    assert (outcome.kind, outcome.type) == (OutcomeKind.CRASHED, "KeyError")
    assert [frame.rpartition(" ")[2] for frame in outcome.trace] == ["update"]


# -- functions of the call -------------------------------------------------------------


class OneArgument:
    def __init__(self, call: object) -> None: ...


@pytest.mark.parametrize(
    ("factory", "is_update"),
    [
        (lambda: None, False),
        (lambda call: None, True),
        (lambda call, retries=3: None, True),
        (lambda site="": None, False),
        (lambda *arguments: None, False),
        (lambda call, body: None, False),
        (MAPPED(lambda call: None), True),
        (MAPPED(failing(OSError(), is_async=True)), True),
        (OneArgument, False),
        (dict, False),
    ],
)
def test_a_function_of_the_call_is_the_update(factory: Any, is_update: bool) -> None:
    assert takes_call(factory) is is_update


def test_a_function_that_returns_nothing_cannot_be_tested() -> None:
    problem = (
        "cannot be tested: its first update returned no snapshot: None; expected: an"
    )
    with (
        pytest.raises(SubjectError, match=problem),
        client_under_test(MAPPED(lambda call: None), load()),
    ):
        pass
