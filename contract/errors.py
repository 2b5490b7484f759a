"""Exceptions that the suite raises.

    ContractError        base class: one line for the user, exit status 2
    ├── UsageError       an option, an id or an environment variable is wrong
    ├── SpecError        the OpenAPI document or the overlay cannot be used
    ├── SubjectError     the subject cannot be started, reached or identified
    └── LeakError        a secret is in a written file, or one cannot be searched

Exceptions of the minimal client are its own: see `contract.client`.
"""


class ContractError(Exception):
    """Base class. The message names what is wrong, accepted and given."""


class UsageError(ContractError):
    """An option, an id or an environment variable is wrong."""


class SpecError(ContractError):
    """The OpenAPI document or its overlay is missing, unreadable or unsupported."""


class SubjectError(ContractError):
    """The client or service under test cannot be started, reached or identified."""


class LeakError(ContractError):
    """A secret is in a written file, or one cannot be searched."""
