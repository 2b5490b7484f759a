"""Exceptions that the suite raises.

    ContractError        base class: one line for the user, exit status 2
    ├── UsageError       an option, an id or an environment variable is wrong
    ├── SpecError        the OpenAPI document or the overlay cannot be used
    ├── SubjectError     the subject cannot be started, reached or identified
    └── LeakError        a secret is in a written file, or one cannot be searched

Exceptions of the minimal client are its own: see `contract.client`.
"""


def visible(text: str) -> str:
    """Return a text in which characters that do something are escaped."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode()
        for char in text
    )


class ContractError(Exception):
    """Base class. The message names what is wrong, accepted and given.

    It may quote others, so that it is made one line without control characters.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(visible(str(message)))


class UsageError(ContractError):
    """An option, an id or an environment variable is wrong."""


class SpecError(ContractError):
    """The OpenAPI document or its overlay is missing, unreadable or unsupported."""


class SubjectError(ContractError):
    """The client or service under test cannot be started, reached or identified."""


class LeakError(ContractError):
    """A secret is in a written file, or one cannot be searched."""
