"""Clients as subjects: a caller makes the call of a case, a stage plays the sites, together they make exchanges.

    with MockedSites(SITES) as stage:
        exchange = ClientSubject(MinimalClientAdapter(), stage).play(case.on("datadoghq.eu"))

Callers are the minimal client, any object of this process (`PythonClient`) and `contract.subjects.driver.Driver`; stages
are `contract.servers.mock.MockedSites` and `contract.servers.fake_sites.FakeSites`.
"""

import io
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Literal, Protocol

from contract.cases.parameters import keys
from contract.client import ApiError, BrokenAnswer, NoAnswer, Refused, SnapshotClient
from contract.errors import SubjectError
from contract.model import Case, Exchange, Json, Outcome, Request, Response

__all__ = [
    "ClientAdapter",
    "ClientSubject",
    "MinimalClientAdapter",
    "PythonClient",
    "SiteServer",
    "UpdateCall",
]


class ClientAdapter(Protocol):
    """Whatever makes the call of a case, with these keys (API key, application key)."""

    def update(self, case: Case, keys: tuple[str, str]) -> Outcome:
        """Make the call; return what the caller was told."""


class SiteServer(Protocol):
    """Whatever plays the sites."""

    def script(self, case: Case) -> None:
        """Answer requests from now on as this case says."""

    def recorded(self) -> tuple[tuple[Request, ...], tuple[Response | None, ...]]:
        """Return what was asked since `script`, and what each request was answered; None: not from the case."""

    def skip_reason(self, case: Case) -> str | None:
        """Return why the case cannot be played here, None if it can."""


class ClientSubject:
    """A client, on a stage that is already there, as the subject of a run."""

    kind: Literal["client"] = "client"

    def __init__(
        self,
        caller: ClientAdapter,
        stage: SiteServer,
        name: str = "minimal",
        version: str = "",
    ) -> None:
        self.caller, self.stage, self.name, self.version = caller, stage, name, version

    def skip_reason(self, case: Case) -> str | None:
        """Return why the stage cannot play a case, or None."""
        return self.stage.skip_reason(case)

    def play(self, case: Case, reference: Exchange | None = None) -> Exchange:
        """Play a case, placed on a site, and return what happened."""
        self.stage.script(case)
        pair = keys[case.keys]
        begin_s = time.monotonic()
        with _captured() as (stray, output):
            try:
                outcome = self.caller.update(case, pair)
            except SubjectError:
                raise
            except Exception as error:
                outcome = Outcome(
                    "crashed", type=type(error).__name__, message=str(error)
                )
            seconds = outcome.seconds or time.monotonic() - begin_s
        requests, answers = self.stage.recorded()
        told = stray.getvalue(), output.getvalue()
        if any(told) or not outcome.seconds:
            outcome = replace(
                outcome,
                seconds=seconds,
                stray=outcome.stray + told[0],
                output=outcome.output + told[1],
            )
        return Exchange(case, requests, answers, outcome, pair, reference)


class MinimalClientAdapter:
    """The minimal client; `make` may be a subclass of it.

    A client is kept per site, keys, time-out and retry, so that its connections are kept too.
    """

    def __init__(self, make: Callable[..., SnapshotClient] = SnapshotClient) -> None:
        self.make = make
        self._client = lru_cache(maxsize=32)(self._new)

    def update(self, case: Case, keys: tuple[str, str]) -> Outcome:
        """Make the call; return what the caller was told. Raises nothing."""
        try:
            client = self._client(case.site, *keys, case.timeout_s, case.retry)
            return Outcome(
                "snapshot",
                snapshot=client.update(case.snapshot_id, case.body).to_json(),
            )
        except Refused as error:
            return Outcome("refused", message=str(error))
        except ApiError as error:
            return Outcome(
                "api_error",
                status=error.status,
                errors=error.errors,
                message=str(error),
            )
        except BrokenAnswer as error:
            return Outcome("broken_answer", message=str(error))
        except NoAnswer as error:
            return Outcome("failed", message=str(error))
        except Exception as error:
            return Outcome("crashed", type=type(error).__name__, message=str(error))

    def _new(
        self, site: str, api_key: str, app_key: str, timeout_s: float, retry: bool
    ) -> SnapshotClient:
        return self.make(
            site=site,
            api_key=api_key,
            app_key=app_key,
            timeout=timeout_s,
            retries=3 if retry else 0,
        )


@dataclass(frozen=True)
class UpdateCall:
    """A call that a client of this process is to make: the fields of the driver protocol's `update`."""

    site: str
    api_key: str = field(repr=False)
    app_key: str = field(repr=False)
    snapshot_id: str
    body: Json
    timeout_s: float
    retry: bool


class PythonClient:
    """Any object with `update(asked) -> Outcome`: a client under test in this process.

    What it returns is an `Outcome`, or a dict in the words of the driver protocol.
    """

    def __init__(self, client: Any, read: Callable[[dict[str, Json]], Outcome]) -> None:
        if not callable(getattr(client, "update", None)):
            raise SubjectError(
                f"no client: {type(client).__name__} has no update(case); it must return an Outcome"
            )
        self._client, self._read = client, read

    def update(self, case: Case, keys: tuple[str, str]) -> Outcome:
        """Make the call; raises what the client raises, and what `read` raises on a result that is no outcome."""
        told = self._client.update(
            UpdateCall(
                case.site,
                *keys,
                case.snapshot_id,
                case.body,
                case.timeout_s,
                case.retry,
            )
        )
        return told if isinstance(told, Outcome) else self._read(told)


_FORMAT = logging.Formatter("%(levelname)s:%(name)s:%(message)s")


@contextmanager
def _captured() -> Iterator[tuple[io.StringIO, io.StringIO]]:
    """Take what is printed, and what is written to standard error or logged at any level."""
    stray, output, root = io.StringIO(), io.StringIO(), logging.getLogger()
    handlers, level, handler = root.handlers, root.level, logging.StreamHandler(output)
    handler.setFormatter(_FORMAT)
    with redirect_stdout(stray), redirect_stderr(output):
        root.handlers = [handler]
        root.setLevel(logging.DEBUG)
        try:
            yield stray, output
        finally:
            root.handlers = handlers
            root.setLevel(level)
