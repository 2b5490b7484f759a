"""The programs that the documentation page shows, run as they are and put under test.

    snapshot_id, body = shown(page)
    with FakeSites(SITES) as impostor, Example(page, "python", impostor.environment()) as caller:
        impostor.script(case)
        outcome = caller.update(case, keys)

The page gives a program for each of several languages; curl, Python and TypeScript can be run here. Each runs in a
directory of its own, with the site and the keys in the environment, as the page says. Where a connection goes and
which authority is trusted is set from outside: curl honours the proxy variables, Python is given a `sitecustomize`,
Node a module to load first. What the examples are to send is read from the page's curl command, not from the wire.
"""

import json
import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from contract.drivers.building import build
from contract.errors import SpecError, UsageError
from contract.model import Case, Json, Outcome
from contract.subjects.driver import inherited_with

__all__ = ["LANGUAGES", "Example", "example", "shown"]

_START_S = (
    20.0  # beyond a case's time-out: an interpreter that loads an SDK on a busy machine
)


@dataclass(frozen=True)
class _Program:
    """How a program of the page is run; `{dir}` is where the driver of that language was built."""

    file: str
    run: tuple[str, ...]
    prepare: tuple[tuple[str, ...], ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


_PROGRAMS: Mapping[str, _Program] = {
    "curl": _Program(
        "example.sh", run=("sh", "example.sh"), environment={"CURL_HOME": "."}
    ),
    "python": _Program(
        "example.py",
        run=("{dir}/venv/bin/python", "example.py"),
        environment={"PYTHONPATH": "{dir}/outside"},
    ),
    "typescript": _Program(
        "example.ts",
        prepare=(
            ("ln", "-s", "{dir}/node_modules", "node_modules"),
            ("{dir}/node_modules/.bin/tsc", "--skipLibCheck", "example.ts"),
        ),
        run=("node", "--require", "{dir}/outside.js", "example.js"),
    ),
}
LANGUAGES = tuple(_PROGRAMS)
"""The languages whose programs can be run."""


def example(page: str, language: str) -> str:
    """Return the page's program in a language, as it is; of curl's command, which the page escapes, the original.

    Raises SpecError on a page without code examples, UsageError on a language that it has none for.
    """
    _, heading, section = page.partition("\n### Code Example\n")
    parts = re.split(r"^##### *$", section, flags=re.MULTILINE)[1:]
    fences = [
        re.search(r"^```(\w+)\n(.*?)^```", part, re.MULTILINE | re.DOTALL)
        for part in parts
    ]
    programs = {fence[1]: fence[2] for fence in fences if fence}
    commands = [
        part
        for part, fence in zip(parts, fences, strict=True)
        if fence is None and "curl -X" in part
    ]
    if commands:
        programs["curl"] = _unescaped(commands[0])
    if not programs:
        raise SpecError(
            f"the page has no {'program below' if heading else 'section'} “Code Example”"
        )
    if language not in programs:
        raise UsageError(
            f"the page has no example for {language!r}; it has {', '.join(sorted(programs))}"
        )
    return programs[language]


def shown(page: str) -> tuple[str, Json]:
    """Return the snapshot id and the body of the page's curl command, which all its examples are to send.

    Raises SpecError if they cannot be read from it.
    """
    command = example(page, "curl")
    snapshot_id = re.search(r'^export snapshot_id="([^"]*)"$', command, re.MULTILINE)
    body = re.search(r"<< EOF\n(.*)\nEOF\n", command, re.DOTALL)
    if snapshot_id is None or body is None:
        raise SpecError(
            "the page's curl command exports no snapshot_id, or has no here-document EOF"
        )
    try:
        return snapshot_id[1], json.loads(body[1])
    except ValueError as error:
        raise SpecError(
            f"the body of the page's curl command is not JSON: {error}"
        ) from None


class Example:
    """A program of the page as what makes the call of a case (`contract.subjects.in_process.ClientAdapter`); a context manager.

    `environment` is that of the impostor. `site` is the one that the program names itself, or "": any.
    `version` and `cache` are those of `contract.drivers.building.build`. Raises what `example` and `build`
    raise, and UsageError on a language whose programs cannot be run.
    """

    def __init__(
        self,
        page: str,
        language: str,
        environment: Mapping[str, str],
        *,
        version: str | None = None,
        cache: Path | None = None,
    ) -> None:
        if language not in _PROGRAMS:
            raise UsageError(
                f"examples of {language!r} cannot be run; those of {', '.join(LANGUAGES)} can"
            )
        self._text, self._program = example(page, language), _PROGRAMS[language]
        self._built = build(language, version, cache=cache)
        own = {
            name: self._placed(value)
            for name, value in self._program.environment.items()
        }
        self._environment = inherited_with({**environment, **own})
        named = re.search(r"https://api\.([\w.-]+)/", self._text)
        self.site = named[1] if named else ""
        self._broken = ""

    def __enter__(self) -> Self:
        self._directory = tempfile.TemporaryDirectory(prefix="contract-example-")
        try:
            directory = Path(self._directory.name)
            (directory / self._program.file).write_text(self._text, encoding="utf-8")
            (directory / ".curlrc").touch()  # the user's own is not read then
            for command in self._program.prepare:
                status, output = self._run(command, self._environment, 300)
                self._broken = self._broken or (_last_line(output) if status else "")
        except BaseException:
            self._directory.cleanup()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._directory.cleanup()

    def update(self, case: Case, keys: tuple[str, str]) -> Outcome:
        """Run the program on the case's site with these keys; its snapshot id and body are its own.

        The outcome is `snapshot`, without one, where it ended with exit status 0 (some print an error and end
        so all the same), else `failed` with the last line of what it wrote; `output` is all of that.
        """
        if self.site and case.site != self.site:
            return Outcome(
                "unsupported", message=f"the program names its site itself: {self.site}"
            )
        if any("\0" in text for text in (case.site, *keys)):
            return Outcome("unsupported", message="no environment variable holds a NUL")
        if self._broken:
            return Outcome("failed", message=self._broken)
        given = {"DD_SITE": case.site, "DD_API_KEY": keys[0], "DD_APP_KEY": keys[1]}
        begin_s = time.monotonic()
        status, output = self._run(
            self._program.run, self._environment | given, case.timeout_s + _START_S
        )
        seconds = time.monotonic() - begin_s
        if status:
            message = _last_line(output) or f"exit status {status}"
            return Outcome("failed", message=message, output=output, seconds=seconds)
        return Outcome("snapshot", output=output, seconds=seconds)

    def _placed(self, part: str) -> str:
        return part.replace("{dir}", str(self._built))

    def _run(
        self, command: tuple[str, ...], environment: Mapping[str, str], limit_s: float
    ) -> tuple[int, str]:
        """Run a command in the program's directory; return its exit status and what it wrote."""
        with subprocess.Popen(  # noqa: S603 - a command of the table
            [self._placed(part) for part in command],
            cwd=self._directory.name,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process:
            try:
                output, _ = process.communicate(timeout=limit_s)
                late = ""
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                output, _ = process.communicate()
                late = f"\nno end within {limit_s:g} s"
            except BaseException:  # Ctrl-C
                os.killpg(process.pid, signal.SIGKILL)
                raise
        return process.returncode, output.decode(errors="replace") + late


def _unescaped(command: str) -> str:
    """Undo what the page does to curl's command: comments joined to the next line, their # escaped."""
    lines = re.sub(
        r"\s*\\# (Path parameters|Curl command) ", r"\n# \1\n", command.strip()
    )
    lines = lines.removeprefix("\\")
    if "\\#" in lines:
        raise SpecError(
            "the page's curl command has an escaped comment of an unknown title"
        )
    return f"{lines}\n"


def _last_line(output: str) -> str:
    return next(
        (line.strip() for line in reversed(output.splitlines()) if line.strip()), ""
    )
