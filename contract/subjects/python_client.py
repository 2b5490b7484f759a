"""A client of this process that the user gives: `MODULE:FACTORY` or a factory."""

import importlib
import inspect
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import fields, replace
from types import SimpleNamespace
from typing import Any

from contract.errors import SubjectError, UsageError
from contract.model import ClientCase, Outcome
from contract.subjects.driver import GRACE_S, outcome_of, patience_s
from contract.subjects.event_loop import EventLoop
from contract.subjects.process import ProtocolError
from contract.subjects.watchdog import START_S, CallHangs, UserError, call_user

NO_LOOP = "no running event loop"
"""The words of asyncio for what only a coroutine can make, such as a session."""

POSITIONAL = inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
OUTPUT = ("printed", "logged", "seconds")
"""The fields of an outcome that no driver writes."""


def split_path(path: str) -> tuple[str, str]:
    """Return the module and the name in MODULE:FACTORY. Raise UsageError."""
    module, _, name = path.partition(":")
    if not (module and name):
        raise UsageError(f"--python {path!r}: must be MODULE:FACTORY")
    return module, name


def load_factory(path: str) -> Callable[[], Any]:
    """Import the factory that MODULE:FACTORY names. Raise UsageError."""
    module, name = split_path(path)
    sys.path.insert(0, "")
    try:
        factory = call_user(
            lambda: getattr(importlib.import_module(module), name), START_S
        )
    except (UserError, CallHangs) as error:
        raise UsageError(f"--python {path}: {error}") from error.__cause__
    finally:
        with suppress(ValueError):
            sys.path.remove("")
    if not callable(factory):
        raise UsageError(f"--python {path}: {name} cannot be called, it is {factory!r}")
    return factory  # type: ignore[no-any-return]


def takes_call(factory: Callable[..., Any]) -> bool:
    """Return whether a function is no factory, but `update(call)` itself."""
    if inspect.isclass(factory):
        return False
    with suppress(TypeError, ValueError):  # a function of C may have no signature
        parameters = inspect.signature(factory).parameters.values()
        required = [p for p in parameters if p.default is p.empty]
        return sum(p.kind in POSITIONAL for p in required) == 1
    return False


@contextmanager
def running_client(factory: Callable[..., Any]) -> Iterator["PythonClient"]:
    """Make a client and close it at the end. An exception of `aclose` is ignored.

    A class with an asynchronous `update` is called in the event loop. Raise
    SubjectError if there is no client.
    """
    with (
        EventLoop() as loop,
        closing(PythonClient(object_of(factory, loop), loop)) as client,
    ):
        yield client


def object_of(factory: Callable[..., Any], loop: EventLoop) -> Any:
    if takes_call(factory):
        return SimpleNamespace(update=factory)
    make = factory
    update = getattr(factory, "update", None)
    if inspect.iscoroutinefunction(update and inspect.unwrap(update)):

        async def make() -> Any:
            return factory()

    try:
        return awaited(make, START_S, loop)
    except UserError as error:
        problem = f"its factory raised {error}"
        if str(error.__cause__) == NO_LOOP:
            problem += "; accepted: an asynchronous factory"
    except CallHangs:
        problem = f"its factory did not end within {START_S:g} s"
    raise SubjectError(f"no client: {problem}")


def awaited(function: Callable[[], Any], limit_s: float, loop: EventLoop) -> Any:
    """Return the result of the user's function, which may be asynchronous.

    Raise CallHangs, UserError.
    """
    result = call_user(function, limit_s)
    if inspect.isawaitable(result):
        return loop.run(result, limit_s)
    return result


class PythonClient:
    """Adapter for any object with `update(call)`, which may be asynchronous.

    That returns an `Outcome`, or a dict like an outcome of the driver protocol. Raise
    SubjectError for another object.
    """

    def __init__(self, client: Any, loop: EventLoop | None = None) -> None:
        update, name = getattr(client, "update", None), type(client).__name__
        if not callable(update):
            message = f"{name} has no update(call)"
            raise SubjectError(f"no client: {message}; it must return an Outcome")
        with suppress(ValueError):  # a function of C may have no signature
            try:
                inspect.signature(update).bind("call")
            except TypeError as error:
                message = f"update must take one argument, the call: {error}"
                raise SubjectError(f"no client: {name}.{message}") from None
        self._client, self.name = client, name
        self._loop = loop or EventLoop()

    def update(self, case: ClientCase, site: str) -> Outcome:
        """Make the call. Raise CallHangs, UserError, SubjectError."""
        call = case.call(site)
        limit_s = patience_s(case, GRACE_S)
        result = awaited(lambda: self._client.update(call), limit_s, self._loop)
        try:
            return checked(result)
        except ProtocolError as error:
            return error.outcome

    def close(self) -> None:
        aclose = getattr(self._client, "aclose", None)
        if callable(aclose):
            with suppress(CallHangs, UserError):
                awaited(aclose, START_S, self._loop)


def checked(result: Any) -> Outcome:
    """Return an outcome as a driver would write it. Raise ProtocolError."""
    output: dict[str, Any] = {}
    if isinstance(result, Outcome):
        output = {name: getattr(result, name) for name in OUTPUT}
        result = {item.name: getattr(result, item.name) for item in fields(result)}
        result["outcome"] = result.pop("kind")
    for name in ("errors", "trace"):
        if isinstance(result, dict) and isinstance(result.get(name), tuple):
            result = {**result, name: [*result[name]]}
    try:
        reply = json.loads(json.dumps(result))
    except (TypeError, ValueError, RecursionError) as error:
        raise ProtocolError("garbled", f"the reply is no JSON: {error}") from None
    return replace(outcome_of(reply), **output)
