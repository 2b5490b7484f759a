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
from contract.model import Exchange, Finding, Json, Level
from contract.spec import Spec

__all__ = ["STORED", "known_attributes", "lost"]


def known_attributes(exchange: Exchange, spec: Spec) -> dict[str, Json]:
    """Return the attributes that were sent and that the request model names."""
    named = spec.request.raw["properties"]["data"]["properties"]["attributes"][
        "properties"
    ]
    return {
        name: value
        for name, value in sent_attributes(exchange).items()
        if name in named
    }


def lost(expected: dict[str, Json], actual: Json, what: str) -> list[Finding]:
    """Return a problem for each expected attribute that is missing or another one."""
    found = []
    for name, value in expected.items():
        there = actual.get(name, MISSING) if isinstance(actual, dict) else MISSING
        for each in differences(value, there, pointer=f"/data/attributes/{name}"):
            found.append(Finding(f"{what}: {each}", each.pointer, each.how, ""))
    return found


@clause("page: 200 model; observed: list (official SDKs)")
def s_stored(exchange: Exchange, spec: Spec) -> list[Finding] | None:
    """A read after an update shows what it said; a read after a rejected one shows no change."""
    answer, role = decisive(exchange), role_of(exchange)
    if (
        exchange.before is None
        or exchange.after is None
        or answer is None
        or role == "open"
    ):
        return None
    if (
        wire_of(exchange).method == "GET"
        and role == "operation"
        and isinstance(exchange.case.body, dict)
    ):
        return _sequence(exchange)
    if wire_of(exchange).method == "POST":
        row = exchange.after.get(real_id(exchange))
        sent = without(sent_attributes(exchange), "view_name")
        return (
            lost(sent, member(row, "attributes"), "a read after create differs")
            if is_success(answer)
            else None
        )
    if wire_of(exchange).method == "DELETE":
        return None
    if role == "valid" and answer.status == 200:
        row = exchange.after.get(real_id(exchange))
        if row is None:
            return [
                Finding(
                    "the snapshot is not listed after its update", "/data", "lost", ""
                )
            ]
        return lost(
            known_attributes(exchange, spec),
            member(row, "attributes"),
            "a read after the update differs",
        )
    return (
        change(exchange, f"a rejected request ({status_of(exchange)})")
        if 400 <= answer.status < 500
        else None
    )


def _sequence(exchange: Exchange) -> list[Finding]:
    """Compare what is listed with what a sequence knows to be stored."""
    found: list[Finding] = []
    for name, attributes in exchange.case.body.items():
        row = (exchange.after or {}).get(exchange.ids.get(name, ""))
        if row is None:
            found.append(Finding(f"{name} is not listed", "/data", "lost", ""))
        else:
            found += lost(
                without(attributes, "view_name"),
                member(row, "attributes"),
                f"{name} differs from the dict",
            )
    return found


@clause("page: 200 model, created_at, modified_at; RFC 5789, 2")
def s_untouched(exchange: Exchange, spec: Spec) -> list[Finding] | None:
    """What the request does not name stays; created_* never change; modified_at never goes back, and should move."""
    answer = decisive(exchange)
    if (
        exchange.before is None
        or exchange.after is None
        or answer is None
        or answer.status != 200
    ):
        return None
    if role_of(exchange) != "valid":
        return None
    name = real_id(exchange)
    found = change(exchange, "the update of one snapshot", spared=name)
    before, after = (
        member(rows.get(name), "attributes")
        for rows in (exchange.before, exchange.after)
    )
    if not isinstance(before, dict) or not isinstance(after, dict):
        return found
    named = [
        "modified_at",
        *(
            name
            for name in sent_attributes(exchange)
            if not name.startswith("created_")
        ),
    ]
    for each in differences(without(before, *named), without(after, *named)):
        found.append(_touched(each, "a read after the update shows another value"))
    for each in differences(
        without(before, *named), without(attributes_of(answer), *named)
    ):
        found.append(_touched(each, "the answer shows another value"))
    return found + _moved(before.get("modified_at"), after.get("modified_at"))


def _touched(each: Difference, what: str) -> Finding:
    pointer = f"/data/attributes{each.pointer}"
    how = (
        each.how if each.how in ("lost", "added") else "changed"
    )  # the rest depends on what happened to be there
    return Finding(
        f"{what} of what was not named: /data/attributes{each}", pointer, how, ""
    )


def _moved(before: Json, after: Json) -> list[Finding]:
    pointer = "/data/attributes/modified_at"
    was, now = (
        instant(text) if isinstance(text, str) else None for text in (before, after)
    )
    if was is None or now is None:
        return []
    if now < was:
        return [
            Finding(
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
        else [Finding("modified_at did not move", pointer, "stood still", "", level)]
    )


@clause("RFC 5789, 2: a body that says the whole new value")
def s_repeat(exchange: Exchange, spec: Spec) -> list[Finding] | None:
    """The same update again gives the same attributes, modified_at aside."""
    answers = [
        each for each in exchange.responses if each is not None and each.status != 429
    ]
    if role_of(exchange) != "valid" or len(answers) < 2 or answers[-2].status != 200:
        return None
    first, second = answers[-2:]
    if second.status != 200:
        return [
            Finding(
                f"the same update again is answered with {second.status}",
                keyword="status",
            )
        ]
    before, after = (
        without(attributes_of(each), "modified_at") for each in (first, second)
    )
    return [
        Finding(
            f"the same update again differs: {each}",
            f"/data/attributes{each.pointer}",
            each.how,
            "",
        )
        for each in differences(before, after)
    ]


@clause("observed: 404 (overlay); RFC 9110, 15.5.5")
def s_unknown(exchange: Exchange, spec: Spec) -> list[Finding] | None:
    """A well-formed unknown id gets a 404, any other id that names nothing no success; neither creates anything."""
    role, answer = role_of(exchange), decisive(exchange)
    if role not in ("unknown", "odd") or answer is None:
        return None
    statuses = [
        each.status
        for each in exchange.responses
        if each is not None and each.status != 429
    ]
    wrong = [
        s for s in statuses if (s != 404 if role == "unknown" else s < 400) and s < 500
    ]
    found = [
        Finding(
            f"an id that names nothing is answered with {s}",
            "snapshot_id",
            f"status {s}",
        )
        for s in wrong[:1]
    ]
    return found + change(exchange, "an update of what does not exist")


@clause("observed: 404, 410 (overlay); RFC 9110, 15.5.5 and 15.5.11")
def s_gone(exchange: Exchange, spec: Spec) -> list[Finding] | None:
    """A deleted snapshot gets 404 or 410, and stays deleted."""
    role, answer, name = (
        role_of(exchange),
        decisive(exchange),
        exchange.case.snapshot_id,
    )
    if answer is None:
        return None
    if (
        role == "operation"
        and wire_of(exchange).method == "DELETE"
        and "<deleted" not in name
        and is_success(answer)
    ):
        owned = ("other" in name) == (exchange.case.keys == "other org")
        if exchange.after is None or not owned:
            return None
        there = real_id(exchange) in exchange.after
        return (
            [Finding("a deleted snapshot is still listed", "/data", "listed", "")]
            if there
            else []
        )
    if role != "gone" and name != DELETED:
        return None
    found = []
    statuses = [
        each.status
        for each in exchange.responses
        if each is not None and each.status != 429
    ]
    allowed = (
        (404, 410) if wire_of(exchange).method == "PATCH" else (200, 202, 204, 404, 410)
    )
    wrong = [status for status in statuses if status not in allowed and status < 500]
    if wrong:
        message = f"{wire_of(exchange).method} of a deleted snapshot is answered with {wrong[0]}"
        found.append(Finding(message, "snapshot_id", f"status {wrong[0]}"))
    if exchange.after is not None and real_id(exchange) in exchange.after:
        found.append(
            Finding("a deleted snapshot is listed again", "/data", "listed", "")
        )
    return found


@clause(
    "page: data.id beside the path's snapshot_id; observed: 400, 409, 422 (overlay)"
)
def s_path_id(exchange: Exchange, spec: Spec) -> list[Finding] | None:
    """Where data.id differs from the path, a 4xx changes nothing, or the path's snapshot alone changes."""
    answer = decisive(exchange)
    if role_of(exchange) != "other id" or answer is None or answer.status >= 500:
        return None
    if 400 <= answer.status < 500:
        return change(exchange, f"a refused data.id ({answer.status})")
    if answer.status != 200:
        return [
            Finding(
                f"another data.id is answered with {answer.status}",
                "/data/id",
                f"status {answer.status}",
                "",
            )
        ]
    return change(exchange, "an update with another data.id", spared=real_id(exchange))


@clause("page: authentication headers; RFC 9110, 15.5.2 and 15.5.4")
def s_auth(exchange: Exchange, spec: Spec) -> list[Finding] | None:
    """A missing, empty, wrong or swapped key gets 401 or 403, and changes nothing."""
    answer = decisive(exchange)
    if role_of(exchange) != "keys" or answer is None or answer.status >= 500:
        return None
    found = change(exchange, f"a request with {exchange.case.keys}")
    if answer.status not in (401, 403):
        found.append(
            Finding(
                f"keys: {exchange.case.keys}: answered with {answer.status}",
                "keys",
                f"status {answer.status}",
            )
        )
    return found


@clause("safety; observed: 403, 404 (overlay)")
def s_org(exchange: Exchange, spec: Spec) -> list[Finding] | None:
    """Another organization's keys can neither see nor change a snapshot."""
    answer, method = decisive(exchange), wire_of(exchange).method
    role, name = role_of(exchange), exchange.case.snapshot_id
    if (
        answer is None
        or role == "open"
        or exchange.case.keys not in ("own", "other org")
    ):
        return None
    if role == "operation" and method == "GET":
        return _seen(exchange) if exchange.case.keys == "other org" else None
    foreign = ("other" in name) == (
        exchange.case.keys == "own"
    ) and name in exchange.ids
    if (
        not foreign
        or (method not in ("PATCH", "DELETE"))
        or (role == "operation" and wire_of(exchange).path is not None)
    ):
        return None
    found = change(exchange, "another organization")
    if is_success(answer):
        found.append(
            Finding(
                f"another organization's {method} is answered with {answer.status}",
                "keys",
                method,
                "",
            )
        )
    elif exchange.ids.get(VIEW, "\0").encode() in answer.body:
        found.append(
            Finding(
                "the answer to another organization shows what is stored",
                "keys",
                "shown",
                "",
            )
        )
    return found


def _seen(exchange: Exchange) -> list[Finding]:
    text = (
        exchange.responses[-1].body.decode(errors="replace")
        if exchange.responses and exchange.responses[-1]
        else ""
    )
    ours = [name for name in exchange.ids if name.startswith("<own")]
    seen = [name for name in ours if f'"{exchange.ids[name]}"' in text]
    return (
        [Finding(f"another organization's list shows {seen[0]}", "keys", "listed", "")]
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
