"""A decorator that makes outcomes of what an ordinary client returns and raises."""

import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from functools import partial, wraps
from inspect import isawaitable
from typing import Any, TypeAlias

from contract.errors import SubjectError, UsageError
from contract.model import Json, Outcome, OutcomeKind
from contract.subjects.watchdog import passes

Exceptions: TypeAlias = type[Exception] | tuple[type[Exception], ...]
Update: TypeAlias = Callable[..., Any]
Kinds: TypeAlias = dict[type[Exception], OutcomeKind]

STATUS = ("status", "status_code", "code")
"""Names that exceptions, or the responses in them, have for the status."""

INSTEAD = "return contract.Outcome('api_error', status=…, errors=[…]) instead"


def outcomes(
    *,
    refused: Exceptions = (),
    api_error: Exceptions = (),
    broken_answer: Exceptions = (),
    failed: Exceptions = (),
    unsupported: Exceptions = (),
) -> Callable[[Update], Update]:
    """Decorate `update(call)`, which may be asynchronous, with classes of exceptions.

    It returns the snapshot as JSON, or an `Outcome`. The class that is nearest to an
    exception decides. An `api_error` has a status, else it is `failed`. Without a class
    the client has crashed. Raise UsageError for a class that cannot be used.
    """
    kinds: Kinds = {}
    for kind, classes in {
        OutcomeKind.REFUSED: refused,
        OutcomeKind.API_ERROR: api_error,
        OutcomeKind.BROKEN_ANSWER: broken_answer,
        OutcomeKind.FAILED: failed,
        OutcomeKind.UNSUPPORTED: unsupported,
    }.items():
        for item in classes if isinstance(classes, tuple) else (classes,):
            add_class(kinds, item, kind)
    return partial(mapped, kinds)


def add_class(kinds: Kinds, item: Any, kind: OutcomeKind) -> None:
    if not (isinstance(item, type) and issubclass(item, Exception)):
        accepted = "a class of exceptions or a tuple of them"
        raise UsageError(f"outcomes: {kind} must be {accepted}; is {item!r}")
    other = kinds.setdefault(item, kind)
    if other is not kind:
        raise UsageError(f"outcomes: {item.__name__} is both {other} and {kind}")


def mapped(kinds: Kinds, update: Update) -> Update:
    if not callable(update):
        raise UsageError(f"outcomes: decorates update(call); is {update!r}")

    async def later(result: Awaitable[Any]) -> Outcome:
        try:
            return returned(await result)
        except Exception as error:
            return raised(error, kinds)

    @wraps(update)
    def call(*arguments: Any) -> Outcome | Awaitable[Outcome]:
        try:
            result = update(*arguments)
            return later(result) if isawaitable(result) else returned(result)
        except Exception as error:
            return raised(error, kinds)

    return call


def returned(result: Any) -> Outcome:
    """Return the outcome for a snapshot. Raise SubjectError if it is no JSON."""
    if isinstance(result, Outcome):
        return result
    try:
        with suppress(ValueError, RecursionError):  # the client has crashed
            json.dumps(result)
    except TypeError:
        raise SubjectError(
            "update(call) must return the snapshot as JSON, such as a dict; "
            f"it returned an object of {type(result).__name__}"
        ) from None
    return Outcome(OutcomeKind.SNAPSHOT, snapshot=result)


def raised(error: Exception, kinds: Kinds) -> Outcome:
    """Return the outcome for an exception. Raise it if no class of it has one."""
    kind = next((kinds[item] for item in type(error).__mro__ if item in kinds), None)
    if kind is None or passes(error):
        raise error
    message = str(error)
    if kind is not OutcomeKind.API_ERROR:
        return Outcome(kind, message=message)
    statuses = list(statuses_of(error))
    status = next((item for item in statuses if isinstance(item, int)), None)
    if status:
        return Outcome(kind, None, int(status), tuple(texts_of(error)), message)
    if statuses and not any(statuses):
        return Outcome(OutcomeKind.FAILED, message=message)
    raise SubjectError(
        f"{type(error).__name__} has no status; accepted: an integer as its "
        f"{', '.join(STATUS)} or as that of its response; else {INSTEAD}"
    )


def statuses_of(error: Exception) -> Iterator[Any]:
    for owner in (error, getattr(error, "response", None)):
        for name in STATUS:
            if hasattr(owner, name):
                yield getattr(owner, name)


def texts_of(error: Exception) -> list[str]:
    errors: Json = getattr(error, "errors", None)
    response = getattr(error, "response", None)
    if errors is None and response is not None:
        try:
            errors = response.json()["errors"]
        except Exception:  # of any library, for a body of any kind
            errors = getattr(response, "text", None)
    items = errors if isinstance(errors, list | tuple) else [errors]
    texts = [item if isinstance(item, str) else repr(item) for item in items if item]
    return texts or [str(error)]
