"""Log of the snapshots that a run created.

    create ──> answered ──> made ──> removed
                            (a list shows it under the view name of the run)

Only a snapshot that is *made* may be changed or deleted. An id that create answered,
and that no list shows, may be one of others. A create without an answer is
*unconfirmed*: its snapshot may exist, and may be listed late.
"""

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum

from contract.model import Json, Owner


class Event(StrEnum):
    """A change of the log. `create` stands there before the request is sent."""

    CREATE = "create"
    REFUSED = "refused"
    ANSWERED = "answered"
    LISTED = "made"
    REMOVED = "removed"
    ABSENT = "absent"  # unconfirmed creates came to nothing
    UNKNOWN = "unknown"  # an id that names nothing is about to be sent
    TOUCHED = "touched"  # an update of such an id succeeded
    ROW = "row"  # the snapshot of --snapshot-id, as it was listed
    RESTORED = "restored"


class CreationLog:
    """Log of the snapshots of a run. This one is in memory only.

    `own` (what is made) and `answered` have the owner by id, `unconfirmed` counts
    creates. `org_ids` has the ids of the organizations as they are shown. `rows` has
    what the list showed of a snapshot that is not of the run.
    """

    def __init__(self) -> None:
        self.own: dict[str, Owner] = {}
        self.answered: dict[str, Owner] = {}
        self.unconfirmed: Counter[Owner] = Counter()
        self.org_ids: dict[Owner, str] = {}
        self.rows: dict[str, Json] = {}

    def record(self, event: Event, **details: Json) -> None:
        entry = {"event": event.value, **details}
        self.write(entry)
        self.apply(entry)

    def write(self, entry: Mapping[str, Json]) -> None:
        """Write an entry before it applies."""

    def of(self, snapshots: Mapping[str, Owner], owner: Owner) -> list[str]:
        return [name for name, item in snapshots.items() if item is owner]

    @property
    def is_open(self) -> bool:
        return bool(self.own or self.answered or +self.unconfirmed or self.rows)

    def apply(self, entry: Json) -> None:
        """Apply an entry. Raise ValueError for one that is none."""
        match entry:
            case {"event": "create", "org": org}:
                self.unconfirmed[Owner(org)] += 1
            case {"event": "refused", "org": org}:
                self._confirm(Owner(org))
            case {"event": "answered" | "created", "org": org, "id": str(name)}:
                self._confirm(Owner(org))
                if name not in self.own:
                    self.answered[name] = Owner(org)
            case {"event": "touched", "org": org, "id": str(name)}:
                self.answered[name] = Owner(org)
            case {"event": "made", "org": org, "id": str(name)}:
                if name not in self.own and self.answered.pop(name, None) is None:
                    self._confirm(Owner(org))
                self.own[name] = Owner(org)
                if isinstance(org_id := entry.get("org_id"), str):
                    self.org_ids.setdefault(Owner(org), org_id)
            case {"event": "removed", "id": str(name)}:
                self.own.pop(name, None)
            case {"event": "absent", "org": org}:
                del self.unconfirmed[Owner(org)]
            case {"event": "row", "id": str(name), "row": row}:
                self.rows[name] = row
            case {"event": "restored", "id": str(name)}:
                self.rows.pop(name, None)
            case {"event": "unknown", "id": str()}:
                pass
            case _:
                raise ValueError(entry)

    def _confirm(self, owner: Owner) -> None:
        if self.unconfirmed[owner]:
            self.unconfirmed[owner] -= 1
