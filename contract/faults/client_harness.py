"""The minimal client with a fault: what it is asked, sends, tells or trusts is altered, or it takes no care at all."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter

from contract.client import SnapshotClient
from contract.model import Case, Outcome
from contract.subjects.in_process import MinimalClientAdapter

__all__ = ["Fault", "Faulty", "OutcomeMutator", "RequestMutator"]

_PATH = "/api/v2/replay/heatmap/snapshots/"

RequestMutator = Callable[[requests.PreparedRequest, Case], None]
OutcomeMutator = Callable[[Outcome, Case, tuple[str, str]], Outcome]


@dataclass(frozen=True)
class Fault:
    """One way to be wrong, and the id of the clause that must catch it."""

    id: str
    clause: str
    ask: Callable[[Case], Case] | None = None
    wire: RequestMutator | None = None
    tell: OutcomeMutator | None = None
    careless: Callable[[Case], bool] | None = None
    how: dict[str, Any] | None = None
    trust: Callable[[], HTTPAdapter] | None = None


class _Adapter(HTTPAdapter):
    """Alters a request just before it is sent."""

    def __init__(self, wire: RequestMutator, case: Callable[[], Case]) -> None:
        super().__init__()
        self._wire, self._case = wire, case

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        self._wire(request, self._case())
        return super().send(request, *args, **kwargs)


class Faulty:
    """The minimal client with one fault."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self._case: Case | None = None
        self._minimal = MinimalClientAdapter(self._make)

    def _make(self, **settings: Any) -> SnapshotClient:
        client = SnapshotClient(**settings)
        if self.fault.wire is not None:
            client._session.mount("https://", _Adapter(self.fault.wire, self._asked))
        if self.fault.trust is not None:
            client._session.mount("https://", self.fault.trust())
        return client

    def _asked(self) -> Case:
        if self._case is None:
            raise RuntimeError("a request before any case")
        return self._case

    def update(self, case: Case, keys: tuple[str, str]) -> Outcome:
        """Make the call, wrongly; raises what the fault raises."""
        self._case, fault = case, self.fault
        asked = fault.ask(case) if fault.ask else case
        if fault.careless is not None and fault.careless(case):
            outcome = _carelessly(asked, keys, **(fault.how or {}))
        else:
            outcome = self._minimal.update(asked, keys)
        return fault.tell(outcome, case, keys) if fault.tell else outcome


def _carelessly(
    case: Case,
    keys: tuple[str, str],
    redirects: bool = False,
    again: tuple[int, ...] = (),
    mend: bool = False,
) -> Outcome:
    """Make the call as a hasty script would: no check of anything."""
    if mend:
        keys = (
            keys[0].translate({10: None, 13: None, 0: None}),
            keys[1].translate({10: None, 13: None, 0: None}),
        )
    headers = {
        "DD-API-KEY": keys[0],
        "DD-APPLICATION-KEY": keys[1],
        "Accept": "application/json",
    }
    url = f"https://api.{case.site}{_PATH}{quote(case.snapshot_id, safe='', errors='replace')}"
    try:
        for _ in range(20):
            answer = requests.patch(
                url,
                json=case.body,
                headers=headers,
                timeout=case.timeout_s,
                allow_redirects=redirects,
            )
            if answer.status_code not in again:
                break
        value = answer.json()
    except requests.JSONDecodeError:
        return Outcome("broken_answer", message="no JSON")
    except (requests.RequestException, ValueError) as error:
        return Outcome("failed", message=type(error).__name__)
    if answer.status_code >= 300:
        errors = value.get("errors", []) if isinstance(value, dict) else []
        return Outcome(
            "api_error", status=answer.status_code, errors=tuple(map(str, errors))
        )
    return Outcome("snapshot", snapshot=value)
