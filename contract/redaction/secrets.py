"""The secrets of a run: keys, passwords of proxies, values of headers."""

import os
import re
import sys
from urllib.parse import unquote

from contract.errors import UsageError
from contract.model import Headers
from contract.redaction.search import SHORTEST, is_strong

KEY_VARIABLES = ("DD_API_KEY", "DD_APP_KEY")
OTHER_KEY_VARIABLES = ("CONTRACT_OTHER_API_KEY", "CONTRACT_OTHER_APP_KEY")

KeyPair = tuple[str, str]
"""API key and application key."""

SECRET_NAME = re.compile("auth|cookie|key|token|secret", re.IGNORECASE)
"""Part of the name of a header whose value is a secret."""


def secrets_from_environment() -> dict[str, str]:
    """Return keys by the name of their variable, and passwords of proxies."""
    names = (*KEY_VARIABLES, *OTHER_KEY_VARIABLES)
    secrets = {name: value for name in names if (value := os.environ.get(name))}
    for scheme, address in proxies().items():
        login, at, _ = address.rpartition("@")
        _, _, password = login.rpartition("//")[2].partition(":")
        if at and password:
            secrets[f"password of the {scheme} proxy"] = unquote(password)
    return secrets


def proxies() -> dict[str, str]:
    """Return the proxies of the environment, or of the system, by their schemes."""
    names = (name.lower() for name in os.environ)
    if sys.platform == "linux" and not any(n.endswith("_proxy") for n in names):
        return {}
    # Slow to import, and few machines have a proxy.
    from urllib.request import getproxies

    return getproxies()


def secrets_of_headers(headers: Headers) -> dict[str, str]:
    """Return the secrets in headers whose names speak of them."""
    secrets: dict[str, str] = {}
    for name, value in headers:
        if not SECRET_NAME.search(name):
            continue
        parts = [value]
        if name.lower().endswith("authorization"):
            parts = [value.partition(" ")[2].strip() or value]
        elif name.lower() == "cookie":
            parts += [cookie.partition("=")[2].strip() for cookie in value.split(";")]
        for number, part in enumerate(filter(None, parts)):
            secrets[f"header {name}{f' {number}' if number else ''}"] = part
    return secrets


def secrets_of_keys(own: KeyPair, other: KeyPair | None) -> dict[str, str]:
    """Return the keys of one or two organizations by their names."""
    secrets: dict[str, str] = {}
    for owner, keys in ("own", own), ("other", other or ("", "")):
        secrets |= {f"{owner} api key": keys[0], f"{owner} app key": keys[1]}
    return {name: key for name, key in secrets.items() if key}


def refuse_weak_keys(own: KeyPair, other: KeyPair | None) -> None:
    """Raise UsageError for keys that cannot be told from ordinary words in texts."""
    for name, key in secrets_of_keys(own, other).items():
        if not is_strong(key):
            raise UsageError(
                f"the {name} is too weak for a remote run, since it cannot be hidden "
                f"in texts; accepted: {SHORTEST} characters or more of two kinds "
                f"(letters, digits, others); it has {len(key)} characters"
            )
