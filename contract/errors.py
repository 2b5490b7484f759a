"""Every error that the suite itself raises.

    ContractError                 base: one clear line for the user, exit status 2
    ├── UsageError                an option, an id or an environment variable is wrong
    ├── SpecError                 the OpenAPI document or the overlay cannot be used
    ├── SubjectError              what is under test cannot be started or reached
    └── LeakError                 a secret is in what a run has written, or the scan for secrets is blind

What a *client* raises is its own affair: the minimal client's errors live in `contract.client`.
"""

__all__ = ["ContractError", "LeakError", "SpecError", "SubjectError", "UsageError"]


class ContractError(Exception):
    """The suite cannot do what was asked; the message says what is wrong, accepted and given."""


class UsageError(ContractError):
    """An option, an id or an environment variable is wrong."""


class SpecError(ContractError):
    """The OpenAPI document or its overlay is missing, unreadable or uses what we don't handle."""


class SubjectError(ContractError):
    """The client or service under test cannot be started, reached or identified."""


class LeakError(ContractError):
    """A secret is in what a run has written, or the scan for secrets is blind; no message holds a secret."""
