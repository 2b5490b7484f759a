"""Clauses about the snapshots of a service: ids, stored values, deletion."""

from contract.clauses.base import (
    ALTERED_RULES,
    CHANGE_RULES,
    CHANGED_ALTHOUGH_REFUSED,
    LIE,
    LOSS,
    SHOULD,
    Findings,
)
from contract.clauses.bodies import parse
from contract.clauses.service_context import (
    ATTRIBUTES,
    REMOVED_STATUSES,
    Role,
    ServiceContext,
    attributes_of,
    omit,
    own_values,
    service_clause,
)
from contract.endpoint import CREATED_ATTRIBUTES, MODIFIED_ATTRIBUTE
from contract.jsondiff import MISSING, Change, exact_timestamp, value_at
from contract.model import Json, Operation, Rule, SnapshotState

# -- S-ID --

NEW_ID_UNKNOWN = Rule("new-id-unknown", "The id of a new snapshot is not found.")
ID_MISSING = Rule("id-missing", "A 200 has no id.")
ID_OTHER = Rule("id-other", "A 200 has another id than the path.", LOSS)


def concerns_id(context: ServiceContext) -> bool:
    is_readable = context.status == 200 and not context.body.defect
    is_judged = is_readable or context.status in REMOVED_STATUSES
    return is_judged and context.role in (Role.VALID, Role.OTHER_ID)


@service_clause(
    "S-ID",
    "The answer names the path's snapshot; an id that create just returned is known.",
    "page: 200 model, data.id",
    (NEW_ID_UNKNOWN, ID_MISSING, ID_OTHER),
    concerns_id,
)
def ID(context: ServiceContext) -> Findings:
    returned_id = value_at(context.body.value, "/data/id")
    if context.status != 200:
        yield NEW_ID_UNKNOWN.at()
    elif returned_id in (None, MISSING):
        yield ID_MISSING.at("/data/id")
    elif returned_id != context.snapshot_id:
        message = f"{context.snapshot_id} is in the path, {returned_id!r} in the 200."
        yield ID_OTHER.at("/data/id", message[:300])


# -- S-ECHO --


@service_clause(
    "S-ECHO",
    "The answer carries the values sent, exactly.",
    "page: request and 200 models",
    ALTERED_RULES,
    lambda context: context.is_readable_update,
)
def ECHO(context: ServiceContext) -> Findings:
    for difference in context.missing_values(context.sent_updates, context.body.value):
        places = context.places_at(difference.pointer)
        message = f"The response differs from the request: {difference}"
        yield CHANGE_RULES[difference.change].at_any(places, message)


# -- S-STORED --

NOT_LISTED = Rule("snapshot-not-listed", "A stored snapshot is not listed.", LOSS)
OLD_VALUE = Rule("old-value-listed", "The list shows the value before an update.", LOSS)
SEQUENCE_DIFFERS = Rule("sequence-differs", "A sequence ends in other values.", LOSS)


def concerns_stored(context: ServiceContext) -> bool:
    is_judged = context.was_listed and context.is_decided
    operation, role = context.case.operation, context.role
    if role is Role.UNSPECIFIED or operation is Operation.DELETE or not is_judged:
        return False
    if operation is Operation.CREATE:
        return context.is_success
    is_updated = role is Role.VALID and context.status == 200
    return is_updated or context.is_refused or is_sequence_list(context)


def is_sequence_list(context: ServiceContext) -> bool:
    is_list = context.case.operation is Operation.LIST
    has_expected = context.case.expected is not None
    return is_list and has_expected and context.role is Role.NOT_UPDATE


@service_clause(
    "S-STORED",
    "A read after an update shows what it said; a read after a rejected one "
    "shows no change.",
    "page: 200 model; observed: list (official SDKs)",
    (
        NOT_LISTED,
        OLD_VALUE,
        SEQUENCE_DIFFERS,
        CHANGED_ALTHOUGH_REFUSED,
        *CHANGE_RULES.values(),
    ),
    concerns_stored,
)
def STORED(context: ServiceContext) -> Findings:
    if is_sequence_list(context):
        for placeholder, attributes in (context.case.expected or {}).items():
            listed_id = context.exchange.ids.get(placeholder, "")
            yield from check_listed(context, listed_id, own_values(attributes))
    elif context.is_refused:
        yield from context.forbidden_change(CHANGED_ALTHOUGH_REFUSED)
    else:
        is_create = context.case.operation is Operation.CREATE
        sent = context.sent_attributes if is_create else context.sent_updates
        yield from check_listed(context, context.snapshot_id, sent)


def check_listed(
    context: ServiceContext, snapshot_id: str, expected: dict[str, Json]
) -> Findings:
    before, after = context.listed(snapshot_id)
    if after["data"] is None:
        yield NOT_LISTED.at(message=f"The snapshot {snapshot_id[:80]} is not listed.")
        return
    for difference in context.missing_values(expected, after):
        pointer = difference.pointer
        message = f"The list differs from what was stored: {difference}"
        old_value = value_at(before, pointer)
        if is_sequence_list(context):
            yield SEQUENCE_DIFFERS.at(message=message)
        elif any(context.compare(old_value, difference.actual, pointer)):
            places = context.places_at(pointer)
            yield CHANGE_RULES[difference.change].at_any(places, message)
        else:
            yield OLD_VALUE.at(context.place(pointer), message)


# -- S-UNTOUCHED --

OTHER_CHANGED = Rule("other-snapshot-changed", "Another snapshot changes.", LOSS)
UNNAMED_LOST = Rule("unnamed-lost", "An attribute that no request named is lost.", LOSS)
UNNAMED_ADDED = Rule("unnamed-added", "An attribute that no request named appears.")
UNNAMED_ALTERED = Rule(
    "unnamed-altered", "An attribute that no request named is altered.", LOSS
)
MODIFIED_BACK = Rule("modified-back", "The time of the last change goes back.")
MODIFIED_STILL = Rule(
    "modified-still", "The time of the last change stays.", level=SHOULD
)
UNNAMED_RULES = {Change.MEMBER_LOST: UNNAMED_LOST, Change.MEMBER_ADDED: UNNAMED_ADDED}


@service_clause(
    "S-UNTOUCHED",
    "What the request does not name stays; created_* never change; "
    "modified_at never goes back, and should move.",
    "page: 200 model, created_at, modified_at; RFC 5789, 2",
    (
        OTHER_CHANGED,
        UNNAMED_LOST,
        UNNAMED_ADDED,
        UNNAMED_ALTERED,
        MODIFIED_BACK,
        MODIFIED_STILL,
    ),
    lambda context: context.was_listed and context.is_readable_update,
)
def UNTOUCHED(context: ServiceContext) -> Findings:
    snapshot_id = context.snapshot_id
    yield from context.forbidden_change(OTHER_CHANGED, except_id=snapshot_id)
    before, after = map(attributes_of, context.listed(snapshot_id))
    if before is None or after is None:
        return
    named = (MODIFIED_ATTRIBUTE, *omit(context.sent_attributes, *CREATED_ATTRIBUTES))
    returned = attributes_of(context.body.value)
    for source, attributes in {"list": after, "response": returned}.items():
        actual = MISSING if attributes is None else omit(attributes, *named)
        for difference in context.compare(omit(before, *named), actual, ATTRIBUTES):
            rule = UNNAMED_RULES.get(difference.change, UNNAMED_ALTERED)
            message = f"The {source} differs where nothing was named: {difference}"
            yield rule.at(context.place(difference.pointer), message)
    texts = [str(attributes.get(MODIFIED_ATTRIBUTE)) for attributes in (before, after)]
    old, new = map(exact_timestamp, texts)
    if old is not None and new is not None and new <= old:
        rule = MODIFIED_BACK if new < old else MODIFIED_STILL
        yield rule.at(message=f"{MODIFIED_ATTRIBUTE}: {' became '.join(texts)}.")


# -- S-REPEAT --

REPEAT_REFUSED = Rule("repeat-refused", "The same update again is no success.")
REPEAT_DIFFERS = Rule("repeat-differs", "The same update again differs.", LOSS)


def concerns_repeat(context: ServiceContext) -> bool:
    responses = context.unlimited_responses
    is_repeated = len(responses) > 1 and responses[-2].status == 200
    return context.role is Role.VALID and is_repeated


@service_clause(
    "S-REPEAT",
    "The same update again gives the same attributes, modified_at aside.",
    "RFC 5789, 2: a body that says the whole new value",
    (REPEAT_REFUSED, REPEAT_DIFFERS),
    concerns_repeat,
)
def REPEAT(context: ServiceContext) -> Findings:
    responses = context.unlimited_responses[-2:]
    if responses[1].status != 200:
        yield REPEAT_REFUSED.at(str(responses[1].status))
        return
    attributes = (attributes_of(parse(response.body).value) for response in responses)
    first, second = (omit(values or {}, MODIFIED_ATTRIBUTE) for values in attributes)
    for difference in context.compare(first, second, ATTRIBUTES):
        message = f"The same update again differs: {difference}"
        yield REPEAT_DIFFERS.at(context.place(difference.pointer), message)


# -- S-UNKNOWN --

UNKNOWN_ACCEPTED = Rule("unknown-id-accepted", "An unknown id is a success.", LIE)
UNKNOWN_STATUS = Rule("unknown-id-status", "An unknown id gets no 404.")
UNKNOWN_STORED = Rule(
    "changed-by-unknown-id", "An unknown id changes what is stored.", LOSS
)


@service_clause(
    "S-UNKNOWN",
    "A well-formed unknown id gets a 404, any other id that names nothing no "
    "success; neither creates anything.",
    "observed: 404 (overlay); RFC 9110, 15.5.5",
    (UNKNOWN_ACCEPTED, UNKNOWN_STATUS, UNKNOWN_STORED),
    lambda context: (
        context.role in (Role.UNKNOWN_ID, Role.MALFORMED_ID) and context.is_decided
    ),
)
def UNKNOWN(context: ServiceContext) -> Findings:
    is_well_formed = context.role is Role.UNKNOWN_ID
    for status in context.distinct_statuses:
        if status < 300:
            message = f"An id that names nothing gets {status}."
            yield UNKNOWN_ACCEPTED.at_any(context.label_places, message)
        elif status < 400 or (is_well_formed and status < 500 and status != 404):
            yield UNKNOWN_STATUS.at(str(status))
    yield from context.forbidden_change(UNKNOWN_STORED)


# -- S-GONE --

STILL_LISTED = Rule("still-listed", "A snapshot is listed after its deletion.")
LISTED_AGAIN = Rule("listed-again", "A request brings a deleted snapshot back.", LOSS)
GONE_ACCEPTED = Rule("deleted-id-accepted", "A deleted snapshot is updated.", LIE)
GONE_STATUS = Rule("deleted-id-status", "A deleted snapshot gets no 404 or 410.")

DELETED_STATUSES = (200, 202, 204)
"""Successes of a deletion (RFC 9110, section 9.3.5)."""


def is_first_deletion(context: ServiceContext) -> bool:
    is_delete = context.case.operation is Operation.DELETE
    return is_delete and not has_deleted_target(context) and context.is_owner


def has_deleted_target(context: ServiceContext) -> bool:
    target = context.case.target
    return target is not None and target.state is SnapshotState.DELETED


def concerns_gone(context: ServiceContext) -> bool:
    if not context.is_decided or context.role is not Role.NOT_UPDATE:
        return context.is_decided and context.role is Role.DELETED
    if is_first_deletion(context):
        return context.is_success and context.exchange.after is not None
    return has_deleted_target(context)


@service_clause(
    "S-GONE",
    "A deleted snapshot gets 404 or 410, and stays deleted.",
    "observed: 404, 410 (overlay); RFC 9110, 15.5.5 and 15.5.11",
    (STILL_LISTED, LISTED_AGAIN, GONE_ACCEPTED, GONE_STATUS),
    concerns_gone,
)
def GONE(context: ServiceContext) -> Findings:
    is_delete = context.case.operation is Operation.DELETE
    allowed = REMOVED_STATUSES + (DELETED_STATUSES if is_delete else ())
    for status in () if is_first_deletion(context) else context.distinct_statuses:
        if status in allowed or status >= 500:
            continue
        if status < 300:
            yield GONE_ACCEPTED.at()
        elif not context.case.is_step:  # the body of a step may be refused
            yield GONE_STATUS.at(str(status))
    before, after = context.listed(context.snapshot_id)
    if after["data"] is not None:
        yield (STILL_LISTED if before["data"] is not None else LISTED_AGAIN).at()


# -- S-PATH-ID --

OTHER_ID_STATUS = Rule("other-id-status", "Another data.id is neither 200 nor 4xx.")
BODY_ID_WINS = Rule("body-id-wins", "Only the snapshot of data.id changes.", LOSS)
BOTH_CHANGED = Rule("both-changed", "An update changes two snapshots.", LOSS)
ID_REPLACED = Rule("id-replaced", "A snapshot takes the id of the body.", LOSS)


@service_clause(
    "S-PATH-ID",
    "Where data.id differs from the path, a 4xx changes nothing, or the "
    "path's snapshot alone changes.",
    "page: data.id beside the path's snapshot_id; observed: 400, 409, 422 (overlay)",
    (
        OTHER_ID_STATUS,
        CHANGED_ALTHOUGH_REFUSED,
        BODY_ID_WINS,
        BOTH_CHANGED,
        ID_REPLACED,
    ),
    lambda context: context.role is Role.OTHER_ID and 0 < context.status < 500,
)
def PATH_ID(context: ServiceContext) -> Findings:
    snapshot_id, status = context.snapshot_id, context.status
    if context.is_refused:
        yield from context.forbidden_change(CHANGED_ALTHOUGH_REFUSED)
    elif status != 200:
        yield OTHER_ID_STATUS.at(str(status))
    else:
        before, after = context.listed(snapshot_id)
        rule = ID_REPLACED if after["data"] is None else BOTH_CHANGED
        if not any(context.compare(before, after)):
            rule = BODY_ID_WINS
        yield from context.forbidden_change(rule, except_id=snapshot_id)


SERVICE_STATE_CLAUSES = (ID, ECHO, STORED, UNTOUCHED, REPEAT, UNKNOWN, GONE, PATH_ID)
