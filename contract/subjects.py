"""What makes calls in this process: a case goes in, an outcome comes out. Above all the minimal client."""

import io
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import lru_cache
from typing import Protocol

from contract.client import ApiError, BrokenAnswer, NoAnswer, Refused, SnapshotClient
from contract.exchange import Case, Outcome

__all__ = ["Caller", "Minimal", "captured"]


class Caller(Protocol):
    """Whatever makes the call of a case, with these keys (API key, application key)."""

    def update(self, case: Case, keys: tuple[str, str]) -> Outcome:
        """Make the call; return what the caller was told."""


class Minimal:
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
            return Outcome("snapshot", snapshot=client.update(case.snapshot_id, case.body).to_json())
        except Refused as error:
            return Outcome("refused", message=str(error))
        except ApiError as error:
            return Outcome("api_error", status=error.status, errors=error.errors, message=str(error))
        except BrokenAnswer as error:
            return Outcome("broken_answer", message=str(error))
        except NoAnswer as error:
            return Outcome("failed", message=str(error))
        except Exception as error:
            return Outcome("crashed", type=type(error).__name__, message=str(error))

    def _new(self, site: str, api_key: str, app_key: str, timeout_s: float, retry: bool) -> SnapshotClient:
        return self.make(site=site, api_key=api_key, app_key=app_key, timeout=timeout_s, retries=3 if retry else 0)


@contextmanager
def captured() -> Iterator[tuple[io.StringIO, io.StringIO]]:
    """Take what is printed, and what is written to standard error or logged at any level."""
    stray, output, root = io.StringIO(), io.StringIO(), logging.getLogger()
    handlers, level, handler = root.handlers, root.level, logging.StreamHandler(output)
    handler.setFormatter(logging.Formatter("%(levelname)s:%(name)s:%(message)s"))
    with redirect_stdout(stray), redirect_stderr(output):
        root.handlers = [handler]
        root.setLevel(logging.DEBUG)
        try:
            yield stray, output
        finally:
            root.handlers = handlers
            root.setLevel(level)
