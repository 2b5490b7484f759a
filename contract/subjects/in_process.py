"""Clients as subjects: an adapter makes the call, a server plays the sites."""

import io
import logging
import os
import sys
import sysconfig
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Protocol, Self

from contract.client import (
    ApiError,
    BrokenAnswer,
    Refused,
    SnapshotClient,
    SnapshotError,
)
from contract.model import (
    ClientCase,
    ClientExchange,
    Outcome,
    OutcomeKind,
    SubjectKind,
    Tls,
)
from contract.servers import REAL_TIME, Clock
from contract.servers.fake_sites import FakeSites
from contract.servers.mock import LocalSites, MockedSites
from contract.spec import Spec
from contract.subjects.driver import DRIVER_FAILURES, GRACE_S, patience_s
from contract.subjects.heartbeat import Watcher, outer_watcher
from contract.subjects.watchdog import CallHangs, UserError, passes
from contract.version import suite_version

TRACE_LENGTH = 5
SUITE = Path(__file__).parent
STANDARD_LIBRARY = sysconfig.get_path("stdlib")
LATENCIES = 6
"""Round trips that the shortest time-out must allow."""

LATE_S = 1.0
"""Seconds beyond its time-out after which a call counts as waiting."""

NOT_OPENED = Outcome(
    OutcomeKind.UNSUPPORTED, message="the request of its first call did not come"
)

KINDS = {Refused: OutcomeKind.REFUSED, BrokenAnswer: OutcomeKind.BROKEN_ANSWER}


class ThreadText(threading.local):
    """Text stream of which each thread has its own."""

    def __init__(self) -> None:
        text = io.StringIO()
        self.write, self.getvalue, self.flush = text.write, text.getvalue, text.flush
        self.seek, self.truncate = text.seek, text.truncate


class Output:
    """Captures standard output, and standard error with log records of any level."""

    def __init__(self, stream: Callable[[], Any] = io.StringIO) -> None:
        self._printed, self._logged = stream(), stream()
        self._handler = logging.StreamHandler(self._logged)
        self._handler.setFormatter(logging.Formatter(logging.BASIC_FORMAT))

    def __enter__(self) -> None:
        root = logging.getLogger()
        self._outer = sys.stdout, sys.stderr, root.handlers, root.level
        sys.stdout, sys.stderr = self._printed, self._logged
        root.handlers = [self._handler]
        if root.level != logging.DEBUG:
            root.setLevel(logging.DEBUG)

    def __exit__(self, *error: object) -> None:
        root = logging.getLogger()
        sys.stdout, sys.stderr, root.handlers, level = self._outer
        if root.level != level:
            root.setLevel(level)

    def take(self) -> list[str]:
        """Return what was printed and what was logged since the last time."""
        texts = []
        for stream in (self._printed, self._logged):
            if text := stream.getvalue():
                stream.seek(0)
                stream.truncate()
            texts.append(text)
        return texts


@contextmanager
def every_level() -> Iterator[None]:
    """Let loggers make records of any level. To change it twice a call is slow."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        root.setLevel(level)


class ClientAdapter(Protocol):
    """Makes the call of a case and returns what its caller gets."""

    def update(self, case: ClientCase, site: str) -> Outcome: ...


@dataclass
class ClientSubject:
    """A client on a running server, as the subject of a run.

    `watcher` notes when the suite stands still. `restart` starts a driver anew.
    `captures` says whether the output of this process, captured in a call, is the
    client's. `workers` play on copies of it.
    """

    kind = SubjectKind.CLIENT
    adapter: ClientAdapter
    server: MockedSites | FakeSites | LocalSites
    name: str = "minimal"
    version: str = ""
    watcher: Watcher | None = None
    restart: Callable[[], object] = lambda: None
    is_repeatable, overlaps = True, False
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    captures: bool = True
    output: Output = field(default_factory=Output)
    workers: Any = None

    def __post_init__(self) -> None:
        self.is_real_time = self.server.is_real_time

    def skip_reason(self, case: ClientCase) -> str:
        return self.server.skip_reason(case)

    def play(self, case: ClientCase, site: str) -> ClientExchange:
        """Play a case on a site. A first call may end it with the driver."""
        case = with_patience(case, self.server.latency_s)
        gaps = self.gaps()
        self.server.script(case, site)
        outcome = self._open(case, site) or self._call(case, site)
        late = 0
        if outcome.lacks_answer:
            late = self.server.end_call(is_due=is_sendable(case))
        sent, answers = self.server.recorded()
        return ClientExchange(
            case=case,
            site=site,
            requests=sent,
            responses=answers,
            outcome=outcome,
            is_disturbed=self.gaps() > gaps,
            late_requests=late,
        )

    def _open(self, case: ClientCase, site: str) -> Outcome | None:
        """Make the first call of a case. Return why the case ends there.

        A request that has not come may still come, and would be taken for one of the
        next call.
        """
        if case.opening is None:
            return None
        outcome = self._call(case.opening, site)
        if outcome.kind is OutcomeKind.UNSUPPORTED or outcome.type in DRIVER_FAILURES:
            return outcome
        if outcome.kind is OutcomeKind.FAILED and not self.server.recorded()[0]:
            return NOT_OPENED
        self.server.follow(case)
        return None

    def _call(self, case: ClientCase, site: str) -> Outcome:
        begin_s = self.server.clock.now()
        with self.output if self.captures else nullcontext():
            try:
                outcome = self.adapter.update(case, site)
            except CallHangs as error:
                kind = OutcomeKind.CRASHED
                outcome = Outcome(kind, type="hang", message=str(error))
            except UserError as error:
                outcome = crash_of(error.__cause__ or error)
            except Exception as error:
                if passes(error):
                    raise
                outcome = crash_of(error)  # of a built-in fault
        printed, logged = self.output.take()
        return replace(
            outcome,
            seconds=outcome.seconds or self.server.clock.now() - begin_s,
            printed=outcome.printed + printed,
            logged=outcome.logged + logged,
        )

    def gaps(self) -> float:
        return self.watcher.gaps() if self.watcher else 0.0

    def while_waiting(self, work: Callable[[], object]) -> bool:
        return False

    def renewed(self) -> Self:
        self.restart()
        return self

    def replayed(self, *, is_end: bool = False) -> tuple[ClientExchange, ...]:
        return ()

    def waiting_cost_s(self, exchange: ClientExchange) -> float:
        """Return the case's time-out if the call came late, its limit if it hung."""
        case, outcome = exchange.case, exchange.outcome
        if not self.is_real_time:
            return 0.0
        if outcome.is_hang:
            return patience_s(case, GRACE_S)
        return case.timeout_s if outcome.seconds > patience_s(case, LATE_S) else 0.0


def is_sendable(case: ClientCase) -> bool:
    """Return whether a right client sends a request."""
    return case.violation is None and case.tls is Tls.TRUSTED


def with_patience(case: ClientCase, latency_s: float) -> ClientCase:
    """Return a case whose time-out is long enough for TCP, CONNECT, TLS and a reply."""
    shortest_s = LATENCIES * latency_s
    first = case.first_call
    if first is not None and first.timeout_s < shortest_s:
        case = replace(case, first_call=replace(first, timeout_s=shortest_s))
    return case if case.timeout_s >= shortest_s else replace(case, timeout_s=shortest_s)


@contextmanager
def minimal_subject(spec: Spec, workers: Any = None) -> Iterator[ClientSubject]:
    """Start the minimal client with the sites of this process."""
    with LocalSites(spec.sites) as server, outer_watcher() as watcher, every_level():
        make = partial(SnapshotClient, own_sites=spec.own_sites)
        adapter = MinimalClientAdapter(make, clock=server.clock)
        yield ClientSubject(
            adapter,
            server,
            version=suite_version(),
            watcher=watcher,
            workers=workers,
        )


@dataclass
class MinimalClientAdapter:
    """Adapter for the minimal client. `make` creates a client.

    Clients are reused, so that their connections stay open. They take their proxy
    from the environment when they are created.
    """

    make: Callable[..., SnapshotClient] = SnapshotClient
    clock: Clock = REAL_TIME

    def __post_init__(self) -> None:
        self._client = lru_cache(maxsize=32)(self._new_client)

    def update(self, case: ClientCase, site: str) -> Outcome:
        try:
            client = self._client(
                os.environ.get("HTTPS_PROXY"),
                site=site,
                api_key=case.credential.api_key,
                app_key=case.credential.app_key,
                timeout=case.timeout_s,
                retries=3 if case.retry else 0,
            )
            snapshot = client.update(case.snapshot_id, case.body)
            return Outcome(OutcomeKind.SNAPSHOT, snapshot=snapshot.to_json())
        except ApiError as error:
            status, errors, message = error.status, error.errors, str(error)
            return Outcome(OutcomeKind.API_ERROR, None, status, errors, message)
        except SnapshotError as error:
            kind = KINDS.get(type(error), OutcomeKind.FAILED)
            return Outcome(kind, message=str(error))
        except Exception as error:
            return crash_of(error)

    def _new_client(self, _: str | None, **settings: Any) -> SnapshotClient:
        return self.make(**settings, clock=self.clock.now, sleep=self.clock.sleep)


def crash_of(error: BaseException) -> Outcome:
    """Return the outcome for an exception that the client let through."""
    stack = traceback.extract_tb(error.__traceback__)
    frames = [frame for frame in stack if Path(frame.filename).parent != SUITE]
    own = [
        frame
        for frame in frames
        if "site-packages" in frame.filename
        or not frame.filename.startswith((STANDARD_LIBRARY, "<"))
    ]
    trace = tuple(
        f"{short_path(frame.filename)}:{frame.lineno} {frame.name}"
        for frame in reversed((own or frames)[-TRACE_LENGTH:])
    )
    name = type(error).__name__
    return Outcome(OutcomeKind.CRASHED, type=name, message=str(error), trace=trace)


def short_path(file: str) -> str:
    """Return the path of a source file without the directories of this machine."""
    path = Path(file)
    with suppress(ValueError):
        return str(path.relative_to(Path.cwd()))
    _, packages, rest = file.rpartition("site-packages/")
    return rest if packages else path.name
