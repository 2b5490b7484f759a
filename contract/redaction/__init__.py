"""Secrets and personal values are kept out of files."""

from contract.redaction.leaks import Leak, guard, scan
from contract.redaction.redactor import Redactor
from contract.redaction.search import is_strong

__all__ = ["Leak", "Redactor", "guard", "is_strong", "scan"]
