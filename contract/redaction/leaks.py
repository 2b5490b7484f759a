"""The last look at written files."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from contract.errors import LeakError
from contract.redaction.redactor import Redactor


@dataclass(frozen=True)
class Leak:
    """A file with a secret, by its name. Without one it cannot be read."""

    path: Path
    secret: str = ""

    def __str__(self) -> str:
        state = "not removed" if self.path.exists() else "removed"
        return f"{self.path}: holds {self.secret or 'unreadable data'}, {state}"


def scan(paths: Iterable[Path], secrets: Mapping[str, str]) -> list[Leak]:
    """Return the strong secrets in files, and under directories."""
    redactor = Redactor(secrets)
    leaks = []
    for path in sorted(set(chain(*map(files_in, paths)))):
        data = path.name.encode(errors="surrogateescape")
        try:
            data += b"\n" + path.read_bytes()
        except OSError:
            leaks.append(Leak(path))
        leaks += [Leak(path, name) for name in redactor.secrets_in(data)]
    return leaks


def files_in(path: Path) -> list[Path]:
    with suppress(OSError):
        paths = path.rglob("*") if path.is_dir() else [path]
        return list(filter(Path.is_file, paths))
    return []


def guard(paths: Iterable[Path], secrets: Mapping[str, str]) -> None:
    """Remove files with a secret. Raise LeakError if there are any."""
    leaks = scan(paths, secrets)
    for path in {leak.path for leak in leaks if leak.secret}:
        with suppress(OSError):
            path.unlink()
    if leaks:
        raise LeakError(Redactor(secrets).text("; ".join(map(str, leaks))))
