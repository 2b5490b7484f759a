"""What a live run keeps: its exchanges as recordings, redacted, compared with those of the run before, and scanned."""

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from contract.engine.recorder import new_directory, previous
from contract.engine.verdict import Verdict
from contract.model import Exchange
from contract.recordings import compare, redacted_verdict, save
from contract.redaction import Redactor, guard, prove_scanner
from contract.spec import Spec

__all__ = ["keep_recordings"]


def keep_recordings(
    verdict: Verdict,
    exchanges: Iterable[Exchange],
    root: Path,
    secrets: Mapping[str, str],
    run: str,
    spec: Spec,
    *,
    also: Iterable[Path] = (),
) -> Verdict:
    """Write the exchanges to ROOT/YYYY-MM-DD, redacted; return the verdict, redacted, with what is new since the last.

    `secrets` are the keys by name; `run` is the run id, which names a host. What was written, and the paths `also`,
    are scanned for the secrets, once it is proved that the scan finds one. Raises LeakError where it finds one, and
    the file is removed; UsageError where nothing can be written.
    """
    redactor = Redactor(secrets, {run: "contract-test"})
    directory = new_directory(root, datetime.datetime.now(datetime.UTC).date())
    save(exchanges, directory, "live", redactor, subject=verdict.name)
    last = previous(directory)
    verdict = redacted_verdict(verdict, redactor, spec)
    verdict.left = tuple(map(redactor.text, verdict.left))
    prove_scanner(directory)
    guard([directory, *also], redactor.secrets)
    return replace(
        verdict, changes=compare(last, directory) if last is not None else []
    )
