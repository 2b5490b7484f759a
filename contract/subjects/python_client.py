"""A client of this process that the user gives: `MODULE:FACTORY` or a factory."""

import importlib
import inspect
import json
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import fields, replace
from typing import Any

from contract.errors import SubjectError, UsageError
from contract.model import ClientCase, Outcome
from contract.subjects.driver import GRACE_S, outcome_of, patience_s
from contract.subjects.process import ProtocolError
from contract.subjects.watchdog import START_S, CallHangs, UserError, call_user

ASYNC = (
    "its update(call) is asynchronous, which is not supported yet: let it return "
    "asyncio.run(…)"
)
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


def make_client(factory: Callable[[], Any]) -> "PythonClient":
    """Call a factory. Raise SubjectError if it makes no client."""
    try:
        client = call_user(factory, START_S)
    except UserError as error:
        problem = f"its factory raised {error}"
    except CallHangs:
        problem = f"its factory did not end within {START_S:g} s"
    else:
        return PythonClient(client)
    raise SubjectError(f"no client: {problem}")


class PythonClient:
    """Adapter for any object with `update(call)`.

    That returns an `Outcome`, or a dict like an outcome of the driver protocol. Raise
    SubjectError for another object, and for an asynchronous client.
    """

    def __init__(self, client: Any) -> None:
        update, name = getattr(client, "update", None), type(client).__name__
        if not callable(update):
            message = f"{name} has no update(call)"
            raise SubjectError(f"no client: {message}; it must return an Outcome")
        if inspect.iscoroutinefunction(update) or inspect.isasyncgenfunction(update):
            raise SubjectError(f"no client: {ASYNC}")
        with suppress(ValueError):  # a function of C may have no signature
            try:
                inspect.signature(update).bind("call")
            except TypeError as error:
                message = f"update must take one argument, the call: {error}"
                raise SubjectError(f"no client: {name}.{message}") from None
        self._client, self.name = client, name

    def update(self, case: ClientCase, site: str) -> Outcome:
        """Make the call. Raise CallHangs, UserError, SubjectError."""
        call = case.call(site)
        limit_s = patience_s(case, GRACE_S)
        result = call_user(lambda: self._client.update(call), limit_s)
        if inspect.isawaitable(result):
            if inspect.iscoroutine(result):
                result.close()
            raise SubjectError(f"no client: {ASYNC}")
        try:
            return checked(result)
        except ProtocolError as error:
            return error.outcome


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
