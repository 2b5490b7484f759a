"""Secrets kept out of files: replaced by value before anything is written, searched for once it is.

The redactor matches what a secret looks like in each encoding, the scan undoes the encodings: two readings, so that
a slip of one is found by the other.

    redactor = Redactor({"api key": api_key, "app key": app_key})
    write(path, redactor.text(report))
    guard([directory], redactor.secrets)     # LeakError
"""

from contract.redaction.leaks import SHORTEST, Leak, guard, prove_scanner, scan
from contract.redaction.redactor import PERSONAL, Redactor
from contract.redaction.writing import write

__all__ = ["PERSONAL", "SHORTEST", "Leak", "Redactor", "guard", "prove_scanner", "scan", "write"]
