"""Placeholders of a session with a service: snapshot ids, random texts and keys.

A service may hold snapshots of others under any id that can be guessed. So an id that
must name nothing holds 96 random bits, and so does each part of it that a lenient
service might take for an id.
"""

import re
import secrets
from collections.abc import Container, Iterator
from itertools import count
from math import log2
from string import digits
from uuid import uuid4

from contract.cases.values import UUID
from contract.model import (
    Composite,
    Json,
    KeyVariant,
    Owner,
    Placeholder,
    SnapshotRef,
    SnapshotState,
)

OWN = Placeholder(Owner.OWN, 0)
SIBLING = Placeholder(Owner.OWN, 1)
DOOMED = Placeholder(Owner.OWN, 2)
"""The snapshot that the set-up creates and deletes."""
DELETED = DOOMED.deleted()
OTHER = Placeholder(Owner.OTHER, 0)
UNKNOWN = Placeholder(Owner.OWN, 0, SnapshotState.UNKNOWN)

CUT = Placeholder(Owner.OWN, 0, SnapshotState.CUT)
RANDOM_UUID = Placeholder(Owner.OWN, 0, SnapshotState.RANDOM)
RANDOM_TEXT = Placeholder(Owner.OWN, 0, SnapshotState.RANDOM_TEXT)


def with_id(body: Json, snapshot_id: Json = OWN) -> Json:
    """Return a body with an id, if it had one."""
    match body:
        case {"data": {"id": _} as data}:
            return {**body, "data": {**data, "id": snapshot_id}}
    return body


MARKS = re.compile(f"<({'|'.join(SnapshotState)}) ({'|'.join(Owner)}) ([0-9]+)>")


def placeholder_of(mark: str) -> Placeholder:
    """Return the placeholder that a text stands for. Raise ValueError."""
    if not (match := MARKS.fullmatch(mark)):
        raise ValueError(mark)
    state, owner, number = match.groups()
    return Placeholder(Owner(owner), int(number), SnapshotState(state))


SEQUENCE = tuple(Placeholder(owner, 10 + n) for owner in Owner for n in (1, 2))

# -- ids that name nothing --

MIN_BITS = 96
"""Random bits that nobody guesses."""

LONG_RUN = 64
"""Length from which the length of a part of an id matters."""

UUID_ONLY = "[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}"
HEXADECIMAL = "[0-9a-f-]+|[0-9A-F-]+"
LETTERS = "abcdefghjkmnpqrstvwxyz"
PART = re.compile("(%[0-9A-Fa-f]{2})|[A-Za-z0-9]+")
"""An escape, or letters and digits that a service may take for an id."""


def unguessable(text: str) -> SnapshotRef:
    """Return an id of the same form in which each part is random."""
    if re.search(UUID, text):
        return (RANDOM_UUID,)
    numbers = count()
    parts: list[str | Placeholder] = []
    end = 0
    for match in PART.finditer(text):
        if match[1]:
            continue
        parts.append(text[end : match.start()])
        parts.append(Placeholder(Owner.OWN, next(numbers), form_of(match[0])))
        parts.append(match[0] if len(match[0]) > LONG_RUN else "")
        end = match.end()
    return tuple(part for part in (*(parts or [RANDOM_TEXT]), text[end:]) if part)


def form_of(text: str) -> SnapshotState:
    if text.isdecimal():
        return SnapshotState.RANDOM_DIGITS
    is_lower = text == text.lower()
    return SnapshotState.RANDOM_TEXT if is_lower else SnapshotState.RANDOM_UPPER


def unguessable_text(text: str) -> Json:
    """Return an id for a body. An empty text names nothing, and stays."""
    return Composite(unguessable(text)) if text else text


def random_text(state: SnapshotState) -> str:
    """Return a new random text.

    Its first letter is no hexadecimal digit, so that it is no number to a lenient
    parser, and no escape after a percent sign.
    """
    match state:
        case SnapshotState.RANDOM_TEXT:
            return secrets.choice("ghjkmnpqrstvwyz") + secrets.token_hex(12)
        case SnapshotState.RANDOM_UPPER:
            return random_text(SnapshotState.RANDOM_TEXT).upper()
        case SnapshotState.RANDOM_DIGITS:
            return str(10**29 + secrets.randbelow(9 * 10**29))
    return str(uuid4())


def similar_id(snapshot_id: str, taken: Container[str] = ()) -> str:
    """Return a random id of the same form, or nothing if that is too short.

    Version and variant of a UUID stay, and so does what stands in front of the random
    part of an id.
    """
    for tail in tails(snapshot_id):
        choices = alphabets(tail)
        if sum(map(log2, map(len, choices))) >= MIN_BITS:
            candidate = snapshot_id
            while candidate == snapshot_id or candidate in taken:
                drawn = "".join(map(secrets.choice, choices))
                candidate = snapshot_id.removesuffix(tail) + drawn
            return candidate
    return ""


def tails(snapshot_id: str) -> Iterator[str]:
    """Yield the ends of an id that may be its random part, the likeliest first.

    The first character is kept if it may be bounded, as that of a ULID is.
    """
    match = re.search(rf"(?:{UUID_ONLY}|[A-Za-z0-9]*)\Z", snapshot_id)
    tail = match[0] if match else ""
    if tail == snapshot_id and not re.fullmatch(HEXADECIMAL, tail):
        yield tail[1:]
    yield tail
    yield snapshot_id


def alphabets(text: str) -> list[str]:
    """Return the characters that may stand in the place of each character.

    Those that some alphabets leave out, as Crockford's Base32, are not drawn.
    """
    has_lower, has_upper = text != text.upper(), text != text.lower()
    if text.isdecimal():
        symbols = digits
    elif re.fullmatch(HEXADECIMAL, text):
        symbols = "0123456789ABCDEF" if has_upper else "0123456789abcdef"
    else:
        symbols = "23456789" + LETTERS * has_lower + LETTERS.upper() * has_upper
    result = [symbols if re.match("[A-Za-z0-9]", char) else char for char in text]
    if re.fullmatch(UUID_ONLY, text):
        result[14] = text[14]
        result[19] = "89ab" if text[19] in "89abAB" else text[19]
    return result


KeyPair = tuple[str, str]
"""API key and application key."""

HeaderValues = tuple[list[str], list[str]]
"""All values of the header of each key."""


def key_values(
    variant: KeyVariant, own: KeyPair, other: KeyPair, wrong: KeyPair
) -> HeaderValues:
    """Return the values of both key headers.

    `own` is the pair of the credential's owner. `wrong` opens nothing.
    """
    api, app = own
    if variant.is_valid:
        return [api], [app]
    values: dict[KeyVariant, HeaderValues] = {
        KeyVariant.MISSING: ([], []),
        KeyVariant.MISSING_API_KEY: ([], [app]),
        KeyVariant.MISSING_APP_KEY: ([api], []),
        KeyVariant.EMPTY: ([""], [""]),
        KeyVariant.EMPTY_API_KEY: ([""], [app]),
        KeyVariant.EMPTY_APP_KEY: ([api], [""]),
        KeyVariant.WRONG: ([wrong[0]], [wrong[1]]),
        KeyVariant.WRONG_API_KEY: ([wrong[0]], [app]),
        KeyVariant.WRONG_APP_KEY: ([api], [wrong[1]]),
        KeyVariant.SWAPPED: ([app], [api]),
        KeyVariant.API_KEY_TWICE: ([api], [api]),
        KeyVariant.APP_KEY_TWICE: ([app], [app]),
        KeyVariant.CUT_API_KEY: ([api[:-1]], [app]),
        KeyVariant.CUT_APP_KEY: ([api], [app[:-1]]),
        KeyVariant.LENGTHENED_APP_KEY: ([api], [app + "0"]),
        KeyVariant.OTHER_CASE: ([api.swapcase()], [app.swapcase()]),
        KeyVariant.FOREIGN_API_KEY: ([other[0]], [app]),
        KeyVariant.FOREIGN_APP_KEY: ([api], [other[1]]),
        KeyVariant.DOUBLED_SAME: ([api, api], [app, app]),
        KeyVariant.DOUBLED_OWN_FIRST: ([api, wrong[0]], [app, wrong[1]]),
        KeyVariant.DOUBLED_WRONG_FIRST: ([wrong[0], api], [wrong[1], app]),
    }
    return values[variant]
