"""The last look at written files: they are searched for secrets."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from contract.errors import LeakError
from contract.redaction.redactor import Redactor


@dataclass(frozen=True)
class Leak:
    """A file with a secret, by its name. Without one the file cannot be read."""

    path: Path
    secret: str = ""


def scan(paths: Iterable[Path], secrets: Mapping[str, str]) -> list[Leak]:
    """Return the strong secrets in files, their names, and files under directories."""
    redactor = Redactor(secrets)
    leaks = []
    for path in sorted(set(files_under(paths))):
        data = path.name.encode(errors="surrogateescape")
        try:
            data += b"\n" + path.read_bytes()
        except OSError:
            leaks.append(Leak(path))
        leaks += [Leak(path, name) for name in redactor.secrets_in(data)]
    return leaks


def files_under(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        files = path.rglob("*") if path.is_dir() else [path]
        yield from (file for file in files if file.is_file())


def guard(paths: Iterable[Path], secrets: Mapping[str, str]) -> None:
    """Search all files, then remove those with a secret. Raise LeakError if any."""
    leaks = scan(paths, secrets)
    for path in {leak.path for leak in leaks if leak.secret}:
        with suppress(OSError):
            path.unlink()
    redactor = Redactor(secrets)
    lines = []
    for leak in leaks:
        problem = f"holds {leak.secret}" if leak.secret else "cannot be searched"
        state = "not removed" if leak.path.exists() else "removed"
        lines.append(f"{redactor.text(str(leak.path))}: {problem}, {state}")
    if lines:
        raise LeakError("; ".join(lines))
