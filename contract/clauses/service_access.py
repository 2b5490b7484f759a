"""Clauses about access to a service: keys, organizations, rate limits and sites."""

import json
import re
from collections.abc import Callable, Sequence

from contract.clauses.base import (
    AT_RISK,
    SHOULD,
    Findings,
    SiteFindings,
    SitesClause,
    outliers,
    secrets_of,
    slug,
)
from contract.clauses.bodies import parse
from contract.clauses.service_context import (
    RATE_LIMITED,
    Role,
    ServiceFacts,
    service_clause,
)
from contract.endpoint import RateLimitHeader
from contract.model import (
    Json,
    KeyVariant,
    Operation,
    Owner,
    Response,
    Rule,
    SnapshotState,
)

UNCHECKED = Rule("key-unchecked", "Keys that open nothing are accepted.", AT_RISK)
OTHER_STATUS = Rule("wrong-key-status", "Wrong keys get another 4xx than 401 or 403.")
KEY_CHANGED = Rule("changed-without-key", "Wrong keys change what is stored.", AT_RISK)


@service_clause(
    "S-AUTH",
    "A missing, empty, wrong or swapped key gets 401 or 403, and changes nothing.",
    "page: authentication headers; RFC 9110, 15.5.2 and 15.5.4",
    (UNCHECKED, OTHER_STATUS, KEY_CHANGED),
    lambda facts: facts.role is Role.WRONG_KEYS and 0 < facts.status < 500,
)
def AUTH(facts: ServiceFacts) -> Findings:
    variant, status = facts.case.credential.variant, facts.status
    message = f"A request with keys that are {variant} gets {status}."
    if status < 400:
        yield UNCHECKED.at(slug(variant), message)
        return
    if status not in (401, 403):
        yield OTHER_STATUS.at(str(status), message)
    yield from facts.forbidden_change(KEY_CHANGED, slug(variant))


ACCEPTED = Rule("other-tenant-accepted", "Another tenant's request succeeds.", AT_RISK)
CHANGED = Rule("changed-by-other-tenant", "Another tenant changes a snapshot.", AT_RISK)
REVEALED = Rule("shown-to-other-tenant", "A refusal shows a snapshot.", AT_RISK)
LISTED = Rule("listed-for-other-tenant", "Another tenant sees a snapshot.", AT_RISK)


def concerns_org(facts: ServiceFacts) -> bool:
    case, role = facts.case, facts.role
    is_plain = case.credential.variant is KeyVariant.PLAIN
    if role is Role.UNSPECIFIED or not is_plain or not facts.is_decided:
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


KEY_IN_BODY = Rule("key-in-body", "The body of a response has a key.", AT_RISK)
KEY_IN_HEADER = Rule("key-in-header", "A header of a response has a key.", AT_RISK)


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
                yield KEY_IN_BODY.at(str(response.status))
            for name, value in response.headers:
                if secret in value:
                    yield KEY_IN_HEADER.at(name)


MISSING = Rule("header-missing", "A 429 lacks a rate-limit header.")
NO_NUMBER = Rule("header-no-number", "A rate-limit header is no number.")
TOO_SMALL = Rule("header-too-small", "A rate-limit header is too small.")
TOO_LARGE = Rule("header-too-large", "A rate-limit header is too large.")
LARGEST = {
    RateLimitHeader.LIMIT: 10**19,
    RateLimitHeader.PERIOD: 366 * 86_400,
    RateLimitHeader.REMAINING: 0,
}
"""The largest number that makes sense in a header. The period bounds the reset."""


def limited_responses(facts: ServiceFacts) -> list[Response]:
    return [r for r in facts.responses if r.status == RATE_LIMITED]


@service_clause(
    "S-RATE",
    "A 429 has rate-limit headers that make sense.",
    "observed: X-RateLimit headers (overlay)",
    (MISSING, NO_NUMBER, TOO_SMALL, TOO_LARGE),
    lambda facts: bool(limited_responses(facts)),
    level=SHOULD,
)
def RATE(facts: ServiceFacts) -> Findings:
    for response in limited_responses(facts):
        period_s = LARGEST[RateLimitHeader.PERIOD]
        for name in RateLimitHeader:
            text = response.header(name)
            if text is None:
                yield MISSING.at(name)
                continue
            if not re.fullmatch(r"[0-9]{1,19}", text):
                yield NO_NUMBER.at(name, f"{name} is {text[:40]!r}.")
                continue
            number, largest = int(text), LARGEST.get(name, period_s)
            if name is RateLimitHeader.PERIOD:
                period_s = max(number, 1)
            if number < min(largest, 1):
                yield TOO_SMALL.at(name, f"{name} is {number}.")
            elif number > largest:
                yield TOO_LARGE.at(name, f"{name} is {number}, over {largest}.")


STATUS_DIFFERS = Rule("status-differs", "A site answers with another status.")
MEDIA_DIFFERS = Rule("media-type-differs", "A site answers with another media type.")
SHAPE_DIFFERS = Rule("shape-differs", "A site answers with other members or types.")


def shape_of(value: Json) -> Json:
    """Return the members and types of a value. The items of a list are one."""
    match value:
        case dict():
            return {name: shape_of(member) for name, member in value.items()}
        case list():
            return [shape_of(item) for item in value[:1]]
    return type(value).__name__


def body_shape(response: Response) -> str:
    return json.dumps(shape_of(parse(response.body).value), sort_keys=True)


PARITY_FACTS: dict[Rule, Callable[[Response], str]] = {
    STATUS_DIFFERS: lambda response: str(response.status),
    MEDIA_DIFFERS: lambda response: response.media_type or "no media type",
    SHAPE_DIFFERS: body_shape,
}


def concerns_parity(all_facts: Sequence[ServiceFacts]) -> bool:
    is_open = all_facts[0].role is Role.UNSPECIFIED
    return sum(facts.is_decided for facts in all_facts) > 1 and not is_open


@SitesClause[ServiceFacts](
    "S-PARITY",
    "The sites that are reachable behave alike.",
    "page: the site table",
    (STATUS_DIFFERS, MEDIA_DIFFERS, SHAPE_DIFFERS),
    concerns_parity,
)
def PARITY(all_facts: Sequence[ServiceFacts]) -> SiteFindings:
    """Compare the sites. Each one has one finding at most."""
    indices = [i for i, facts in enumerate(all_facts) if facts.is_decided]
    for rule, fact_of in PARITY_FACTS.items():
        facts = [fact_of(all_facts[index].response) for index in indices]
        usual, others, is_tie = outliers(facts)
        for other in others:
            site = all_facts[indices[other]].exchange.site
            message = f"{site} answers with {facts[other]}, not {facts[usual]}."
            yield indices[other], rule.at("" if is_tie else site, message[:300])
        if is_tie:
            return
        indices = [index for i, index in enumerate(indices) if i not in others]


SERVICE_ACCESS_CLAUSES = (AUTH, ORG, SECRET, RATE, PARITY)
