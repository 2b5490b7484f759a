"""Placeholders of a session with a service: snapshot ids and keys."""

from contract.model import KeyVariant, Owner, Placeholder, SnapshotState

OWN = Placeholder(Owner.OWN, 0)
SIBLING = Placeholder(Owner.OWN, 1)
DOOMED = Placeholder(Owner.OWN, 2)
"""The snapshot that the set-up creates and deletes."""
DELETED = DOOMED.deleted()
OTHER = Placeholder(Owner.OTHER, 0)
UNKNOWN = Placeholder(Owner.OWN, 0, SnapshotState.UNKNOWN)

SEQUENCE = tuple(Placeholder(owner, 10 + n) for owner in Owner for n in (1, 2))

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
    return values.get(variant, ([api], [app]))
