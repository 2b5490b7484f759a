"""Rows of the sandbox, and replicas that show them late."""

from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass
from random import Random

from contract.model import Json


@dataclass(slots=True)
class StoredSnapshot:
    """A row of the sandbox. `modified_ms` is milliseconds since 1970."""

    id: str
    org_id: int
    attributes: dict[str, Json]
    modified_ms: int


class Replicas:
    """Copies of the rows, of which each read meets any one.

    Each has a lag of its own, the longest one is `lag_s`. So later reads may show older
    rows.
    """

    def __init__(self, lag_s: float, seed: int = 1) -> None:
        self.lags_s = [lag_s * number / 3 for number in (1, 2, 3)]
        self._random = Random(seed)  # noqa: S311 - no secret
        self._history: list[tuple[float, list[StoredSnapshot]]] = [(0.0, [])]

    def copy(self, rows: Iterable[StoredSnapshot], now_s: float) -> None:
        """Take the rows as they are from now on."""
        self._history.append((now_s, deepcopy(list(rows))))

    def rows(self, now_s: float) -> list[StoredSnapshot]:
        oldest_s = now_s - max(self.lags_s)
        while len(self._history) > 1 and self._history[1][0] <= oldest_s:
            del self._history[0]
        shown_s = now_s - self._random.choice(self.lags_s)
        return [rows for since_s, rows in self._history if since_s <= shown_s][-1]
