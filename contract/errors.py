"""Exceptions that the suite raises.

    ContractError: one line for the user, exit status 2
    ├── UsageError
    │   └── MissingError
    ├── SpecError
    ├── SubjectError
    ├── RecordedError
    └── LeakError

Exceptions of the minimal client are its own: see `contract.client`. Any other exception
that ends a run is an internal error, a defect of the suite.
"""

import traceback
from pathlib import Path

PACKAGE = Path(__file__).parent


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


class MissingError(UsageError):
    """A tool, or a program of the page, that an option needs is not here."""


class SpecError(ContractError):
    """The OpenAPI document or its overlay is missing, unreadable or unsupported."""


class SubjectError(ContractError):
    """The client or service under test cannot be started, reached or identified."""


class RecordedError(ContractError):
    """The internal error of a run, of its JSON verdict or of another process."""


class LeakError(ContractError):
    """A secret is in a written file, or one cannot be searched."""


def internal_error(error: BaseException) -> str:
    """Return type and place of an internal error, without words of others."""
    if isinstance(error, RecordedError):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if PACKAGE in Path(frame.filename).parents]
    place = ""
    if own:
        file = Path(own[-1].filename).relative_to(PACKAGE.parent)
        place = f" in {file}, line {own[-1].lineno}"
    return f"internal error: {type(error).__name__}{place}"
