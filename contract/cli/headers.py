"""`--header`: a value, or where it is, so that no list of processes shows it."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from contract.errors import UsageError
from contract.model import Headers
from contract.redaction import secrets_of_headers

ACCEPTED = "'NAME: VALUE', NAME:@FILE or NAME:$VARIABLE"


class HeaderOption(NamedTuple):
    """A header of every request. `source` is where its value is, else empty."""

    name: str
    value: str
    source: str

    @property
    def word(self) -> str:
        """The option, for a command line that all may see."""
        return f"--header '{self.name}:{self.source or ' …'}'"


def read_header(line: str) -> HeaderOption:
    """Read an option. Raise UsageError, whose message has no value."""
    name, colon, value = line.partition(":")
    value, source = value.strip(), ""
    if value[:1] == "@" or re.fullmatch(r"\$\w+", value):
        source = value
        value = value_of(f"--header {name}:{source}", source)
    word = name.replace("-", "").replace("_", "")
    if not (colon and word.isascii() and word.isalnum() and value.isprintable()):
        raise UsageError(f"--header: must be {ACCEPTED}, is {name!r} and what follows")
    return HeaderOption(name, value, source)


def value_of(option: str, source: str) -> str:
    """Return the value in a file or a variable. Raise UsageError."""
    try:
        if source[0] == "$":
            value = os.environ[source[1:]].strip()
        else:
            value = Path(source[1:]).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise UsageError(f"{option}: cannot be read: {error.strerror}") from None
    except KeyError:
        raise UsageError(f"{option}: the variable is not set") from None
    except UnicodeDecodeError:
        value = ""
    if not value or not value.isprintable():
        raise UsageError(f"{option}: must hold one line of text")
    return value


def secrets_of(options: Sequence[HeaderOption]) -> dict[str, str]:
    """Return the secrets by their names. A value from elsewhere is one."""
    fields: Headers = tuple(option[:2] for option in options)
    own = {f"header {name}": value for name, value, source in options if source}
    return own | secrets_of_headers(fields)
