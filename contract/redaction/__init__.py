"""Secrets and personal values are kept out of files."""

from contract.redaction.exchanges import redacted
from contract.redaction.leaks import Leak, guard, scan
from contract.redaction.quoting import quoted, quoting, without_commands
from contract.redaction.redactor import Redactor, safe_line, without_secrets
from contract.redaction.search import is_strong
from contract.redaction.secrets import (
    KEY_VARIABLES,
    OTHER_KEY_VARIABLES,
    proxies,
    refuse_weak_keys,
    secrets_from_environment,
    secrets_of_headers,
    secrets_of_keys,
)

__all__ = [
    "KEY_VARIABLES",
    "OTHER_KEY_VARIABLES",
    "Leak",
    "Redactor",
    "guard",
    "is_strong",
    "proxies",
    "quoted",
    "quoting",
    "redacted",
    "refuse_weak_keys",
    "safe_line",
    "scan",
    "secrets_from_environment",
    "secrets_of_headers",
    "secrets_of_keys",
    "without_commands",
    "without_secrets",
]
