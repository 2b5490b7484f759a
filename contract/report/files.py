"""Files that a run writes for its owner: the accepted file and the report."""

import datetime
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec

from contract.engine.baseline import Baseline, read_baseline, write_baseline
from contract.engine.job import RunOptions
from contract.engine.verdict import Verdict
from contract.errors import UsageError
from contract.redaction import guard
from contract.spec import load

REPORT = ("index.html", "verdict.json", "junit.xml", "summary.md")
"""The files of a report."""

OWN_OPTIONS = ("report", "update_accepted", "prune")

Parameters = ParamSpec("Parameters")


class RunFiles:
    """The files of a run. Raise UsageError for options that do not go together."""

    def __init__(self, options: RunOptions, sites: Iterable[str] = ()) -> None:
        report, accepted = options.get("report"), options.get("accepted")
        self.report = Path(report) if report else None  # a text is a path, too
        self.accepted = Path(accepted) if accepted else None
        is_updated = options.get("update_accepted", False)
        self.updated = self.accepted if is_updated else None
        self.is_pruned = options.get("prune", False)
        self.run_options: Any = {
            name: value for name, value in options.items() if name not in OWN_OPTIONS
        }
        if is_updated and not self.updated:
            raise UsageError("--update-accepted: needs --accepted FILE")
        if self.updated and not self.updated.exists():
            self.run_options["accepted"] = None
        if self.is_pruned and not is_updated:
            raise UsageError("--prune: needs --update-accepted")
        parts = sites, *map(options.get, ("clauses", "scenarios", "shard"))
        if self.is_pruned and (any(parts) or options.get("profile") == "quick"):
            raise UsageError(
                "--prune: needs a whole run, without --site, --clause, --scenario, "
                "--shard and --profile quick"
            )

    @property
    def paths(self) -> list[Path]:
        return [path for path in (self.report, self.updated) if path]

    def check(self) -> None:
        """Raise UsageError if a file could not be written after the run."""
        if self.report:
            for name in REPORT:
                check_writable("--report", self.report / name)
        if self.updated:
            check_writable("--accepted", self.updated)

    def update(self, verdict: Verdict) -> tuple[Verdict, str]:
        """Update the accepted file, if it is to be, and apply it.

        Return the verdict, and what was done. Raise UsageError if nothing may be
        dropped, since the run was cut off.
        """
        if (path := self.updated) is None:
            return verdict, ""
        is_cut_off = verdict.interrupted or verdict.cut_off or verdict.share < 1
        if self.is_pruned and is_cut_off:
            raise UsageError(
                "--prune: needs a whole run, this one was cut off; the accepted file "
                "is as it was"
            )
        today = datetime.date.today()
        baseline = read_baseline(path) if path.exists() else Baseline()
        text = write_baseline(path, verdict, baseline, today, prune=self.is_pruned)
        return read_baseline(path).apply(verdict, today), text

    def write(self, verdict: Verdict) -> tuple[Verdict, str]:
        """Update the accepted file, and write the report. Raise also LeakError."""
        verdict, text = self.update(verdict)
        if self.report:
            # Reports are slow to import, and needed at the end.
            from contract.report.rendering import write_report
            from contract.report.view import make_view

            write_report(make_view(verdict, load()), self.report)
        guard(self.paths, verdict.redactor.secrets)
        return verdict, text


def writing(check: Callable[Parameters, Verdict]) -> Callable[Parameters, Verdict]:
    """Return a check that also writes the files that its options name."""

    @wraps(check)
    def wrapper(*args: Parameters.args, **options: Parameters.kwargs) -> Verdict:
        settings: Any = options
        files = RunFiles(settings, settings.get("sites", ()))
        files.check()
        return files.write(check(*args, **files.run_options))[0]

    return wrapper


def write_text(
    what: str, path: Path, text: str, mode: str = "w", *, is_private: bool = False
) -> None:
    """Write a file, and its directory. Raise UsageError if it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open(mode, encoding="utf-8") as file:
            if is_private:
                path.chmod(0o600)
            file.write(text)
    except OSError as error:
        raise UsageError(
            f"{what} {path}: cannot be written: {error.strerror}"
        ) from None


def check_writable(what: str, path: Path) -> None:
    """Raise UsageError if a file cannot be written. None is left that was not there."""
    is_new = not path.exists()
    if not (path.is_fifo() or path.is_char_device()):
        write_text(what, path, "", mode="a")
    if is_new:
        path.unlink(missing_ok=True)
