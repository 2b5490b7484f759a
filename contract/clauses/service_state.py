"""Clauses about the snapshots of a service: ids, stored values, deletion, access."""

from contract.clauses.base import (
    ALTERED_RULES,
    ATTRIBUTES,
    CHANGE_RULES,
    CHANGED_REFUSED,
    FALSE_SUCCESS,
    LOSS,
    RISK,
    SHOULD,
    Findings,
    attributes_of,
    own_values,
    parse,
    secrets_of,
    slug,
)
from contract.clauses.service_facts import REMOVED, Role, ServiceFacts, service_clause
from contract.endpoint import CREATED_ATTRIBUTES, MODIFIED_ATTRIBUTE
from contract.jsondiff import (
    MISSING,
    Change,
    exact_timestamp,
    resolution_of,
    value_at,
)
from contract.model import (
    Json,
    KeyVariant,
    Note,
    Operation,
    Owner,
    Rule,
    SnapshotState,
)

NOT_FOUND = Rule("new-id-unknown", "The id of a new snapshot is not found.")
ID_MISSING = Rule("id-missing", "A 200 has no id.")
ID_OTHER = Rule("id-other", "A 200 has another id than the path.", LOSS)


@service_clause(
    "S-ID",
    "The answer names the path's snapshot; an id that create just returned is known.",
    "page: 200 model, data.id",
    (NOT_FOUND, ID_MISSING, ID_OTHER),
    lambda facts: (
        facts.role in (Role.VALID, Role.OTHER_ID)
        and facts.status in (200, *REMOVED)
        and not (facts.status == 200 and facts.body.defect)
    ),
)
def ID(facts: ServiceFacts) -> Findings:
    returned_id = value_at(facts.body.value, "/data/id")
    if facts.status != 200:
        yield NOT_FOUND.at()
    elif returned_id in (None, MISSING):
        yield ID_MISSING.at("/data/id")
    elif str(returned_id) != facts.snapshot_id:
        message = f"{facts.snapshot_id} is in the path, {returned_id!r} in the 200."
        yield ID_OTHER.at("/data/id", message[:300])


@service_clause(
    "S-ECHO",
    "The answer carries the values sent, exactly.",
    "page: request and 200 models",
    ALTERED_RULES,
    lambda facts: facts.is_readable_update,
)
def ECHO(facts: ServiceFacts) -> Findings:
    for difference in facts.missing_values(facts.sent_updates, facts.body.value):
        yield facts.altered(difference, "The response differs from the request")


NOT_LISTED = Rule("snapshot-not-listed", "A stored snapshot is not listed.", LOSS)
LATE = Rule("listed-late", "Only a later list shows an update.", level=SHOULD)
OLD_VALUE = Rule("old-value-listed", "The list shows the value before an update.", LOSS)
SEQUENCE = Rule("sequence-differs", "A sequence ends in other values.", LOSS)


def concerns_stored(facts: ServiceFacts) -> bool:
    is_judged = facts.was_listed and facts.is_decided
    operation, role = facts.case.operation, facts.role
    if role is Role.OPEN or operation is Operation.DELETE or not is_judged:
        return False
    if operation is Operation.CREATE:
        return facts.is_success
    is_updated = role is Role.VALID and facts.status == 200
    return is_updated or facts.is_refused or is_sequence_list(facts)


def is_sequence_list(facts: ServiceFacts) -> bool:
    is_list = facts.case.operation is Operation.LIST
    has_expected = facts.case.expected is not None
    return is_list and has_expected and facts.role is Role.NOT_UPDATE


@service_clause(
    "S-STORED",
    "A read after an update shows what it said; a read after a rejected one "
    "shows no change.",
    "page: 200 model; observed: list (official SDKs)",
    (NOT_LISTED, LATE, OLD_VALUE, SEQUENCE, CHANGED_REFUSED, *CHANGE_RULES.values()),
    concerns_stored,
    compares_reads=True,
)
def STORED(facts: ServiceFacts) -> Findings:
    if is_sequence_list(facts):
        for placeholder, attributes in (facts.case.expected or {}).items():
            listed_id = facts.exchange.ids.get(placeholder, "")
            expected = own_values(facts.real(attributes))
            yield from check_listed(facts, listed_id, expected)
    elif facts.is_refused:
        yield from facts.forbidden_change(CHANGED_REFUSED)
    else:
        is_create = facts.case.operation is Operation.CREATE
        sent = facts.sent_attributes if is_create else facts.sent_updates
        yield from check_listed(facts, facts.snapshot_id, sent)
        if lag_s := facts.exchange.lag_s:
            yield LATE.at(message=f"The list shows an update {lag_s:.3g} s later.")


def check_listed(
    facts: ServiceFacts, snapshot_id: str, expected: dict[str, Json]
) -> Findings:
    """Judge what the list says of a snapshot.

    One that was never listed may be on a page that is not shown. In a list at the end
    of a sequence only new differences count: each step has judged its own.
    """
    before, after = facts.listed(snapshot_id)
    if after["data"] is None:
        if before["data"] is None and facts.exchange.after:
            yield Note("not judged: a new snapshot is not listed, but others are")
        else:
            message = f"The snapshot {snapshot_id[:80]} is not listed."
            yield NOT_LISTED.at(message=message, is_read=True)
        return
    for difference in facts.missing_values(expected, after):
        pointer = difference.pointer
        message = "The list differs from what was stored"
        old_value = value_at(before, pointer)
        is_new = any(facts.compare(old_value, difference.actual, pointer))
        if not is_sequence_list(facts):
            if is_new:
                yield facts.altered(difference, message, is_read=True)
            else:
                text = f"{message}: {difference}"
                yield OLD_VALUE.at(facts.place(pointer), text, is_read=True)
        elif is_new:
            yield SEQUENCE.at(message=f"{message}: {difference}", is_read=True)


def omit(attributes: dict[str, Json], *names: str) -> dict[str, Json]:
    return {name: value for name, value in attributes.items() if name not in names}


OTHER_CHANGED = Rule("other-snapshot-changed", "Another snapshot changes.", LOSS)
LOST = Rule("unnamed-lost", "An attribute that no request named is lost.", LOSS)
ADDED = Rule("unnamed-added", "An attribute that no request named appears.")
EDITED = Rule("unnamed-altered", "An attribute that no request named is altered.", LOSS)
UNNAMED_RULES = {Change.MEMBER_LOST: LOST, Change.MEMBER_ADDED: ADDED}
MODIFIED_BACK = Rule("modified-back", "The time of the last change goes back.")
NOT_MOVED = Rule("modified-still", "The time of the last change stays.", level=SHOULD)


@service_clause(
    "S-UNTOUCHED",
    "What the request does not name stays; created_* never change; "
    "modified_at never goes back, and should move.",
    "page: 200 model, created_at, modified_at; RFC 5789, 2",
    (OTHER_CHANGED, LOST, ADDED, EDITED, MODIFIED_BACK, NOT_MOVED),
    lambda facts: facts.was_listed and facts.is_readable_update,
    compares_reads=True,
)
def UNTOUCHED(facts: ServiceFacts) -> Findings:
    snapshot_id = facts.snapshot_id
    yield from facts.forbidden_change(OTHER_CHANGED, except_id=snapshot_id)
    before, after = map(attributes_of, facts.listed(snapshot_id))
    if before is None or after is None:
        return
    named = (MODIFIED_ATTRIBUTE, *omit(facts.sent_attributes, *CREATED_ATTRIBUTES))
    returned = attributes_of(facts.body.value)
    for source, attributes in {"list": after, "response": returned}.items():
        actual = MISSING if attributes is None else omit(attributes, *named)
        for difference in facts.compare(omit(before, *named), actual, ATTRIBUTES):
            has_null = None in (difference.expected, difference.actual)
            if source == "response" and has_null:
                continue  # S-SCHEMA judges nulls, and only a list may write them
            rule = UNNAMED_RULES.get(difference.change, EDITED)
            message = f"The {source} differs where nothing was named: {difference}"
            is_read = source == "list"
            yield rule.at(facts.place(difference.pointer), message, is_read=is_read)
    texts = [str(attributes.get(MODIFIED_ATTRIBUTE)) for attributes in (before, after)]
    old, new = map(exact_timestamp, texts)
    if old is None or new is None or new > old:
        return
    is_past_tick = facts.exchange.since_update_s > max(map(resolution_of, texts))
    if new < old or is_past_tick:
        rule = MODIFIED_BACK if new < old else NOT_MOVED
        message = f"{MODIFIED_ATTRIBUTE}: {' became '.join(texts)}."
        yield rule.at(message=message, is_read=True)


REFUSED = Rule("repeat-refused", "The same update again is no success.")
DIFFERS = Rule("repeat-differs", "The same update again differs.", LOSS)


@service_clause(
    "S-REPEAT",
    "The same update again gives the same attributes, modified_at aside.",
    "RFC 5789, 2: a body that says the whole new value",
    (REFUSED, DIFFERS),
    lambda facts: (
        facts.role is Role.VALID
        and any(r.status == 200 for r in facts.unlimited_responses[-2:-1])
    ),
)
def REPEAT(facts: ServiceFacts) -> Findings:
    responses = facts.unlimited_responses[-2:]
    if responses[1].status != 200:
        yield REFUSED.at(responses[1].status)
        return
    bodies = [parse(response.body) for response in responses]
    if any(body.defect for body in bodies):
        return  # S-SCHEMA judges it
    attributes = (attributes_of(body.value) for body in bodies)
    first, second = (omit(values or {}, MODIFIED_ATTRIBUTE) for values in attributes)
    for difference in facts.compare(first, second, ATTRIBUTES):
        message = f"The same update again differs: {difference}"
        yield DIFFERS.at(facts.place(difference.pointer), message)


UNKNOWN_ACCEPTED = Rule(
    "unknown-id-accepted", "An unknown id is a success.", FALSE_SUCCESS
)
UNKNOWN_STATUS = Rule("unknown-id-status", "An unknown id gets no 404.")
STORED_ID = Rule("changed-by-unknown-id", "An unknown id changes what is stored.", LOSS)


@service_clause(
    "S-UNKNOWN",
    "A well-formed unknown id gets a 404, any other id that names nothing neither "
    "a success nor a redirect, but one with /, . or % may be redirected to another "
    "form of its path; nothing is created.",
    "observed: 404 (overlay); RFC 9110, 15.5.5; RFC 3986, 6.2.2",
    (UNKNOWN_ACCEPTED, UNKNOWN_STATUS, STORED_ID),
    lambda facts: facts.role in (Role.UNKNOWN, Role.MALFORMED) and facts.is_decided,
    compares_reads=True,
)
def UNKNOWN(facts: ServiceFacts) -> Findings:
    """Judge all responses, a 429 aside."""
    is_well_formed = facts.role is Role.UNKNOWN
    for status in facts.statuses:
        if status < 300:
            message = f"An id that names nothing gets {status}."
            yield UNKNOWN_ACCEPTED.at_any(facts.label_places, message)
        elif status < 400 or (is_well_formed and status < 500 and status != 404):
            yield UNKNOWN_STATUS.at(status)
    yield from facts.forbidden_change(STORED_ID)


STILL_LISTED = Rule("still-listed", "A snapshot is listed after its deletion.")
LISTED_AGAIN = Rule("listed-again", "A request brings a deleted snapshot back.", LOSS)
GONE_ACCEPTED = Rule(
    "deleted-id-accepted", "A deleted snapshot is updated.", FALSE_SUCCESS
)
GONE_STATUS = Rule("deleted-id-status", "A deleted snapshot gets no 404 or 410.")

DELETED_STATUSES = (200, 202, 204)
"""Successes of a deletion (RFC 9110, section 9.3.5)."""


def is_first_deletion(facts: ServiceFacts) -> bool:
    is_first = facts.target_state is not SnapshotState.DELETED
    return facts.case.operation is Operation.DELETE and is_first and facts.is_owner


def concerns_gone(facts: ServiceFacts) -> bool:
    if not facts.is_decided or facts.role is not Role.NOT_UPDATE:
        return facts.is_decided and facts.role is Role.DELETED
    if is_first_deletion(facts):
        return facts.is_success and facts.exchange.after is not None
    return facts.target_state is SnapshotState.DELETED


@service_clause(
    "S-GONE",
    "A deleted snapshot gets 404 or 410, and stays deleted.",
    "observed: 404, 410 (overlay); RFC 9110, 15.5.5 and 15.5.11",
    (STILL_LISTED, LISTED_AGAIN, GONE_ACCEPTED, GONE_STATUS),
    concerns_gone,
    compares_reads=True,
)
def GONE(facts: ServiceFacts) -> Findings:
    is_delete = facts.case.operation is Operation.DELETE
    allowed = REMOVED + (DELETED_STATUSES if is_delete else ())
    for status in () if is_first_deletion(facts) else facts.statuses:
        if status in allowed or status >= 500:
            continue
        if status < 300:
            yield GONE_ACCEPTED.at()
        elif not facts.case.is_step:  # the body of a step may be refused
            yield GONE_STATUS.at(status)
    before, after = facts.listed(facts.snapshot_id)
    if after["data"] is not None:
        rule = STILL_LISTED if before["data"] is not None else LISTED_AGAIN
        yield rule.at(is_read=True)


OTHER_ID_STATUS = Rule("other-id-status", "Another data.id is neither 200 nor 4xx.")
BODY_ID_WINS = Rule("body-id-wins", "Only the snapshot of data.id changes.", LOSS)
BOTH_CHANGED = Rule("both-changed", "An update changes two snapshots.", LOSS)
ID_REPLACED = Rule("id-replaced", "A snapshot takes the id of the body.", LOSS)


@service_clause(
    "S-PATH-ID",
    "Where data.id differs from the path, a 4xx changes nothing, or the "
    "path's snapshot alone changes.",
    "page: data.id beside the path's snapshot_id; observed: 400, 409, 422 (overlay)",
    (OTHER_ID_STATUS, CHANGED_REFUSED, BODY_ID_WINS, BOTH_CHANGED, ID_REPLACED),
    lambda facts: facts.role is Role.OTHER_ID and 0 < facts.status < 500,
    compares_reads=True,
)
def PATH_ID(facts: ServiceFacts) -> Findings:
    snapshot_id, status = facts.snapshot_id, facts.status
    if facts.is_refused:
        yield from facts.forbidden_change(CHANGED_REFUSED)
    elif status != 200:
        yield OTHER_ID_STATUS.at(status)
    else:
        before, after = facts.listed(snapshot_id)
        rule = ID_REPLACED if after["data"] is None else BOTH_CHANGED
        if not any(facts.compare(before, after)):
            rule = BODY_ID_WINS
        yield from facts.forbidden_change(rule, except_id=snapshot_id)


UNCHECKED = Rule("key-unchecked", "Keys that open nothing are accepted.", RISK)
OTHER_STATUS = Rule("wrong-key-status", "Wrong keys get neither 401 nor 403.")
KEY_CHANGED = Rule("changed-without-key", "Wrong keys change what is stored.", RISK)


@service_clause(
    "S-AUTH",
    "A missing, empty, wrong or swapped key gets 401 or 403, and changes nothing.",
    "page: authentication headers; RFC 9110, 15.5.2 and 15.5.4",
    (UNCHECKED, OTHER_STATUS, KEY_CHANGED),
    lambda facts: facts.role is Role.WRONG_KEYS and 0 < facts.status < 500,
    compares_reads=True,
)
def AUTH(facts: ServiceFacts) -> Findings:
    variant, status = facts.case.credential.variant, facts.status
    message = f"A request with keys that are {variant} gets {status}."
    if status < 300:
        yield UNCHECKED.at(slug(variant), message)
        return
    if status not in (401, 403):
        yield OTHER_STATUS.at(status, message)
    yield from facts.forbidden_change(KEY_CHANGED, slug(variant))


ACCEPTED = Rule("other-tenant-accepted", "Another tenant's request succeeds.", RISK)
CHANGED = Rule("changed-by-other-tenant", "Another tenant changes a snapshot.", RISK)
REVEALED = Rule("shown-to-other-tenant", "A refusal shows a snapshot.", RISK)
LISTED = Rule("listed-for-other-tenant", "Another tenant sees a snapshot.", RISK)


def concerns_org(facts: ServiceFacts) -> bool:
    case, role = facts.case, facts.role
    is_plain = case.credential.variant is KeyVariant.PLAIN
    if role is Role.OPEN or not is_plain or not facts.is_decided:
        return False
    if case.operation is Operation.LIST:
        return role is Role.NOT_UPDATE and case.credential.owner is Owner.OTHER
    is_foreign = case.target in facts.exchange.ids and not facts.is_owner
    is_deletion = case.operation is Operation.DELETE and case.override.path is None
    return is_foreign and (facts.is_update or is_deletion)


@service_clause(
    "S-ORG",
    "Another organization's keys can neither see nor change a snapshot.",
    "safety; observed: 403, 404 (overlay)",
    (ACCEPTED, CHANGED, REVEALED, LISTED),
    concerns_org,
    compares_reads=True,
)
def ORG(facts: ServiceFacts) -> Findings:
    operation, view = facts.case.operation, facts.exchange.view
    body = facts.response.body.decode(errors="replace")
    if operation is Operation.LIST:
        for placeholder, snapshot_id in facts.exchange.ids.items():
            is_present = placeholder.state is SnapshotState.PRESENT
            is_own = placeholder.owner is Owner.OWN and is_present
            if is_own and f'"{snapshot_id}"' in body:
                yield LISTED.at(message=f"Another tenant sees {placeholder}.")
    elif facts.is_success:
        yield ACCEPTED.at(operation)
    else:
        yield from facts.forbidden_change(CHANGED, operation)
        if view and view in body:
            yield REVEALED.at(operation)


KEY_IN_BODY = Rule("key-in-body", "The body of a response has a key.", RISK)
KEY_IN_HEADER = Rule("key-in-header", "A header of a response has a key.", RISK)


@service_clause(
    "S-SECRET",
    "No key is echoed.",
    "safety",
    (KEY_IN_BODY, KEY_IN_HEADER),
    lambda facts: bool(facts.responses and secrets_of(*facts.exchange.keys)),
)
def SECRET(facts: ServiceFacts) -> Findings:
    for response in facts.responses:
        body = response.body.decode(errors="replace")
        for secret in secrets_of(*facts.exchange.keys):
            if secret in body:
                yield KEY_IN_BODY.at(response.status)
            for name, value in response.headers:
                if secret in value:
                    yield KEY_IN_HEADER.at(name)


STATE_CLAUSES = (ID, ECHO, STORED, UNTOUCHED, REPEAT, UNKNOWN, GONE, PATH_ID)
ACCESS_CLAUSES = (AUTH, ORG, SECRET)
