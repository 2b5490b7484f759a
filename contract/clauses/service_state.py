"""The clauses about what a service keeps, for whom, and under which id."""

from contract.cases.placeholders import DELETED, VIEW
from contract.clauses.base import (
    MISSING,
    Clause,
    Difference,
    clause,
    differences,
    instant,
)
from contract.clauses.service_context import (
    attributes_of,
    change,
    decisive,
    is_success,
    member,
    real_id,
    role_of,
    sent_attributes,
    status_of,
    wire_of,
    without,
)
from contract.model import Exchange, Json, Level, Problem
from contract.spec import Spec

__all__ = ["STORED", "known_attributes", "lost"]


def known_attributes(x: Exchange, spec: Spec) -> dict[str, Json]:
    """Return the attributes that were sent and that the request model names."""
    named = spec.request.raw["properties"]["data"]["properties"]["attributes"][
        "properties"
    ]
    return {name: value for name, value in sent_attributes(x).items() if name in named}


def lost(expected: dict[str, Json], actual: Json, what: str) -> list[Problem]:
    """Return a problem for each expected attribute that is missing or another one."""
    found = []
    for name, value in expected.items():
        there = actual.get(name, MISSING) if isinstance(actual, dict) else MISSING
        for each in differences(value, there, pointer=f"/data/attributes/{name}"):
            found.append(Problem(f"{what}: {each}", each.pointer, each.how, ""))
    return found


@clause("page: 200 model; observed: list (official SDKs)")
def s_stored(x: Exchange, spec: Spec) -> list[Problem] | None:
    """A read after an update shows what it said; a read after a rejected one shows no change."""
    answer, role = decisive(x), role_of(x)
    if x.before is None or x.after is None or answer is None or role == "open":
        return None
    if (
        wire_of(x).method == "GET"
        and role == "operation"
        and isinstance(x.case.body, dict)
    ):
        return _sequence(x)
    if wire_of(x).method == "POST":
        row = x.after.get(real_id(x))
        sent = without(sent_attributes(x), "view_name")
        return (
            lost(sent, member(row, "attributes"), "a read after create differs")
            if is_success(answer)
            else None
        )
    if wire_of(x).method == "DELETE":
        return None
    if role == "valid" and answer.status == 200:
        row = x.after.get(real_id(x))
        if row is None:
            return [
                Problem(
                    "the snapshot is not listed after its update", "/data", "lost", ""
                )
            ]
        return lost(
            known_attributes(x, spec),
            member(row, "attributes"),
            "a read after the update differs",
        )
    return (
        change(x, f"a rejected request ({status_of(x)})")
        if 400 <= answer.status < 500
        else None
    )


def _sequence(x: Exchange) -> list[Problem]:
    """Compare what is listed with what a sequence knows to be stored."""
    found: list[Problem] = []
    for name, attributes in x.case.body.items():
        row = (x.after or {}).get(x.ids.get(name, ""))
        if row is None:
            found.append(Problem(f"{name} is not listed", "/data", "lost", ""))
        else:
            found += lost(
                without(attributes, "view_name"),
                member(row, "attributes"),
                f"{name} differs from the dict",
            )
    return found


@clause("page: 200 model, created_at, modified_at; RFC 5789, 2")
def s_untouched(x: Exchange, spec: Spec) -> list[Problem] | None:
    """What the request does not name stays; created_* never change; modified_at never goes back, and should move."""
    answer = decisive(x)
    if x.before is None or x.after is None or answer is None or answer.status != 200:
        return None
    if role_of(x) != "valid":
        return None
    name = real_id(x)
    found = change(x, "the update of one snapshot", spared=name)
    before, after = (
        member(rows.get(name), "attributes") for rows in (x.before, x.after)
    )
    if not isinstance(before, dict) or not isinstance(after, dict):
        return found
    named = [
        "modified_at",
        *(name for name in sent_attributes(x) if not name.startswith("created_")),
    ]
    for each in differences(without(before, *named), without(after, *named)):
        found.append(_touched(each, "a read after the update shows another value"))
    for each in differences(
        without(before, *named), without(attributes_of(answer), *named)
    ):
        found.append(_touched(each, "the answer shows another value"))
    return found + _moved(before.get("modified_at"), after.get("modified_at"))


def _touched(each: Difference, what: str) -> Problem:
    pointer = f"/data/attributes{each.pointer}"
    how = (
        each.how if each.how in ("lost", "added") else "changed"
    )  # the rest depends on what happened to be there
    return Problem(
        f"{what} of what was not named: /data/attributes{each}", pointer, how, ""
    )


def _moved(before: Json, after: Json) -> list[Problem]:
    pointer = "/data/attributes/modified_at"
    was, now = (
        instant(text) if isinstance(text, str) else None for text in (before, after)
    )
    if was is None or now is None:
        return []
    if now < was:
        return [
            Problem(
                f"modified_at went back from {before} to {after}",
                pointer,
                "went back",
                "",
            )
        ]
    level: Level = "should"
    return (
        []
        if now > was
        else [Problem("modified_at did not move", pointer, "stood still", "", level)]
    )


@clause("RFC 5789, 2: a body that says the whole new value")
def s_repeat(x: Exchange, spec: Spec) -> list[Problem] | None:
    """The same update again gives the same attributes, modified_at aside."""
    answers = [each for each in x.answers if each is not None and each.status != 429]
    if role_of(x) != "valid" or len(answers) < 2 or answers[-2].status != 200:
        return None
    first, second = answers[-2:]
    if second.status != 200:
        return [
            Problem(
                f"the same update again is answered with {second.status}",
                keyword="status",
            )
        ]
    before, after = (
        without(attributes_of(each), "modified_at") for each in (first, second)
    )
    return [
        Problem(
            f"the same update again differs: {each}",
            f"/data/attributes{each.pointer}",
            each.how,
            "",
        )
        for each in differences(before, after)
    ]


@clause("observed: 404 (overlay); RFC 9110, 15.5.5")
def s_unknown(x: Exchange, spec: Spec) -> list[Problem] | None:
    """A well-formed unknown id gets a 404, any other id that names nothing no success; neither creates anything."""
    role, answer = role_of(x), decisive(x)
    if role not in ("unknown", "odd") or answer is None:
        return None
    statuses = [
        each.status for each in x.answers if each is not None and each.status != 429
    ]
    wrong = [
        s for s in statuses if (s != 404 if role == "unknown" else s < 400) and s < 500
    ]
    found = [
        Problem(
            f"an id that names nothing is answered with {s}",
            "snapshot_id",
            f"status {s}",
        )
        for s in wrong[:1]
    ]
    return found + change(x, "an update of what does not exist")


@clause("observed: 404, 410 (overlay); RFC 9110, 15.5.5 and 15.5.11")
def s_gone(x: Exchange, spec: Spec) -> list[Problem] | None:
    """A deleted snapshot gets 404 or 410, and stays deleted."""
    role, answer, name = role_of(x), decisive(x), x.case.snapshot_id
    if answer is None:
        return None
    if (
        role == "operation"
        and wire_of(x).method == "DELETE"
        and "<deleted" not in name
        and is_success(answer)
    ):
        owned = ("other" in name) == (x.case.keys == "other org")
        if x.after is None or not owned:
            return None
        there = real_id(x) in x.after
        return (
            [Problem("a deleted snapshot is still listed", "/data", "listed", "")]
            if there
            else []
        )
    if role != "gone" and name != DELETED:
        return None
    found = []
    statuses = [
        each.status for each in x.answers if each is not None and each.status != 429
    ]
    allowed = (404, 410) if wire_of(x).method == "PATCH" else (200, 202, 204, 404, 410)
    wrong = [status for status in statuses if status not in allowed and status < 500]
    if wrong:
        message = (
            f"{wire_of(x).method} of a deleted snapshot is answered with {wrong[0]}"
        )
        found.append(Problem(message, "snapshot_id", f"status {wrong[0]}"))
    if x.after is not None and real_id(x) in x.after:
        found.append(
            Problem("a deleted snapshot is listed again", "/data", "listed", "")
        )
    return found


@clause(
    "page: data.id beside the path's snapshot_id; observed: 400, 409, 422 (overlay)"
)
def s_path_id(x: Exchange, spec: Spec) -> list[Problem] | None:
    """Where data.id differs from the path, a 4xx changes nothing, or the path's snapshot alone changes."""
    answer = decisive(x)
    if role_of(x) != "other id" or answer is None or answer.status >= 500:
        return None
    if 400 <= answer.status < 500:
        return change(x, f"a refused data.id ({answer.status})")
    if answer.status != 200:
        return [
            Problem(
                f"another data.id is answered with {answer.status}",
                "/data/id",
                f"status {answer.status}",
                "",
            )
        ]
    return change(x, "an update with another data.id", spared=real_id(x))


@clause("page: authentication headers; RFC 9110, 15.5.2 and 15.5.4")
def s_auth(x: Exchange, spec: Spec) -> list[Problem] | None:
    """A missing, empty, wrong or swapped key gets 401 or 403, and changes nothing."""
    answer = decisive(x)
    if role_of(x) != "keys" or answer is None or answer.status >= 500:
        return None
    found = change(x, f"a request with {x.case.keys}")
    if answer.status not in (401, 403):
        found.append(
            Problem(
                f"keys: {x.case.keys}: answered with {answer.status}",
                "keys",
                f"status {answer.status}",
            )
        )
    return found


@clause("safety; observed: 403, 404 (overlay)")
def s_org(x: Exchange, spec: Spec) -> list[Problem] | None:
    """Another organization's keys can neither see nor change a snapshot."""
    answer, method = decisive(x), wire_of(x).method
    role, name = role_of(x), x.case.snapshot_id
    if answer is None or role == "open" or x.case.keys not in ("own", "other org"):
        return None
    if role == "operation" and method == "GET":
        return _seen(x) if x.case.keys == "other org" else None
    foreign = ("other" in name) == (x.case.keys == "own") and name in x.ids
    if (
        not foreign
        or (method not in ("PATCH", "DELETE"))
        or (role == "operation" and wire_of(x).path is not None)
    ):
        return None
    found = change(x, "another organization")
    if is_success(answer):
        found.append(
            Problem(
                f"another organization's {method} is answered with {answer.status}",
                "keys",
                method,
                "",
            )
        )
    elif x.ids.get(VIEW, "\0").encode() in answer.body:
        found.append(
            Problem(
                "the answer to another organization shows what is stored",
                "keys",
                "shown",
                "",
            )
        )
    return found


def _seen(x: Exchange) -> list[Problem]:
    text = (
        x.answers[-1].body.decode(errors="replace")
        if x.answers and x.answers[-1]
        else ""
    )
    ours = [name for name in x.ids if name.startswith("<own")]
    seen = [name for name in ours if f'"{x.ids[name]}"' in text]
    return (
        [Problem(f"another organization's list shows {seen[0]}", "keys", "listed", "")]
        if seen
        else []
    )


STORED: tuple[Clause, ...] = (
    s_stored,
    s_untouched,
    s_repeat,
    s_unknown,
    s_gone,
    s_path_id,
    s_auth,
    s_org,
)
