"""Sequences: a Hypothesis state machine over create, update, list and delete by two organizations.

The machine keeps a plain dict of what the service acknowledged. A list step carries that dict as its body, which
is not sent: the clauses compare it with what the service shows.
"""

import copy
from collections.abc import Callable, Iterable

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from contract.cases.documents import Documents
from contract.cases.placeholders import gone, stand_in
from contract.model import Case, Exchange, Json, RequestOverride

__all__ = ["Play", "is_of_sequence", "sequences"]

Play = Callable[[Case], Exchange | None]

_KEYS = {"own": "own", "other": "other org"}
_NAMES = tuple(stand_in(org, number) for org in _KEYS for number in (1, 2))
_orgs = st.sampled_from(tuple(_KEYS))
_picks = st.integers(0, len(_NAMES) - 1)


def sequences(
    bodies: Documents, view: str
) -> Callable[[Play], type[RuleBasedStateMachine]]:
    """Return what makes a state machine of the function that plays a case.

    Its bodies are the boundary ones: it draws the order of things, generated bodies have scenarios of their own.
    """
    updates = [body for _, body in bodies.valid() if "attributes" in body["data"]]
    some = st.integers(0, len(updates) - 1)

    def make(play: Play) -> type[RuleBasedStateMachine]:
        class Sequence(RuleBasedStateMachine):
            def __init__(self) -> None:
                super().__init__()
                self.rows: dict[str, dict[str, Json]] = {}
                self.deleted: set[str] = set()

            def step(
                self,
                what: str,
                name: str,
                org: str,
                body: Json,
                wire: RequestOverride | None = None,
            ) -> bool:
                played = play(
                    Case(
                        "",
                        (f"in a sequence: {what}",),
                        name,
                        body,
                        keys=_KEYS[org],
                        override=wire,
                    )
                )
                answer = played.response if played else None
                return answer is not None and 200 <= answer.status < 300

            @precondition(lambda self: len(self.rows) < len(_NAMES))
            @rule(pick=_picks, which=some)
            def create(self, pick: int, which: int) -> None:
                """Make a snapshot under a name that is free."""
                name = _picked(pick, (name for name in _NAMES if name not in self.rows))
                made = {
                    "application_id": "application",
                    "device_type": "desktop",
                    "snapshot_name": name,
                    "view_name": view,
                }
                known = {**_documented(bodies, updates[which]), **made}
                asked = {"data": {"type": "snapshots", "attributes": known}}
                if self.step(
                    "create", name, _org(name), asked, RequestOverride(method="POST")
                ):
                    self.rows[name] = {**known, "view_name": view}
                    self.deleted.discard(name)

            @precondition(lambda self: self.rows or self.deleted)
            @rule(pick=_picks, org=_orgs, which=some)
            def update(self, pick: int, org: str, which: int) -> None:
                """Change a snapshot, or try to: by its own organization or by the other one, there or deleted."""
                name = _picked(
                    pick,
                    (
                        name
                        for name in _NAMES
                        if name in self.rows or name in self.deleted
                    ),
                )
                there = name if name in self.rows else gone(name)
                asked = copy.deepcopy(updates[which])
                if "id" in asked["data"]:
                    asked["data"]["id"] = there
                done = self.step("update", there, org, asked)
                if done and there == name and org == _org(name):
                    self.rows[name] |= _documented(bodies, asked)

            @precondition(lambda self: self.rows)
            @rule(pick=_picks, org=_orgs)
            def delete(self, pick: int, org: str) -> None:
                """Remove a snapshot, or try to."""
                self.remove(_picked(pick, self.rows), org)

            def remove(self, name: str, org: str) -> None:
                done = self.step(
                    "delete", name, org, None, RequestOverride(method="DELETE")
                )
                if done and org == _org(name):
                    del self.rows[name]
                    self.deleted.add(name)

            @rule(org=_orgs)
            def list_(self, org: str) -> None:
                """Compare what the service shows with the dict."""
                known = {
                    name: row for name, row in self.rows.items() if _org(name) == org
                }
                self.step(
                    "list", "", org, copy.deepcopy(known), RequestOverride(method="GET")
                )

            def teardown(self) -> None:
                """Compare once more, and remove what is left."""
                for org in sorted({_org(name) for name in self.rows}):
                    self.list_(org)
                for name in tuple(self.rows):
                    self.remove(name, _org(name))

        return Sequence

    return make


def _picked(pick: int, names: Iterable[str]) -> str:
    known = tuple(names)
    return known[pick % len(known)]


def _org(name: str) -> str:
    return "own" if name.startswith("<own") else "other"


def _documented(bodies: Documents, body: Json) -> dict[str, Json]:
    """Return the attributes of a body that the contract names."""
    known = next(
        place.schema["properties"]
        for place in bodies.places
        if place.pointer == "/data/attributes"
    )
    return {
        name: value
        for name, value in body["data"]["attributes"].items()
        if name in known
    }


def is_of_sequence(case: Case) -> bool:
    """Tell whether a case is a step of a sequence."""
    return case.kinds[0].startswith("in a sequence")
