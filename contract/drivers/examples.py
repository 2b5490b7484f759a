"""The programs of the documentation page, run unchanged and put under test.

A program is compiled once, in a directory of its own, and runs there with site and keys
in the environment. Proxy and authority are set from outside: curl, Go and Rust honor
variables, Python gets a `sitecustomize`, Node and Ruby a file to load, Java properties.
"""

import json
import re
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from contract.drivers.building import (
    ADD_OPENS,
    ROWS,
    build,
    last_lines,
    recipe_in,
    run_command,
    words_of,
)
from contract.errors import MissingError, SpecError
from contract.model import ClientCase, Json, Outcome, OutcomeKind
from contract.servers.fake_sites import client_environment

START_S = 20.0
"""Seconds to start an interpreter that loads an SDK on a busy machine."""

PREPARE_S = 1800.0
"""Seconds to compile a program. Rust compiles the SDK the first time."""

ALL = "all"

RUNNERS = {
    name: recipe_in(row["example"]) for name, row in ROWS.items() if "example" in row
}
"""Recipes of the programs, by language. `{dir}` is where the driver was built."""

LANGUAGES = tuple(RUNNERS)
FROM_REGISTRY = "go", "rust"  # built with the SDK, which no checkout keeps

STACK_FRAME = re.compile(r"^\s+(at .+\)|\.\.\. \d+ more)$", re.MULTILINE)
"""A line of a Java stack trace that is not about an exception."""

CLOSED = "InaccessibleObjectException"


def program_of(page: str, language: str) -> str:
    """Return the page's program in a language.

    Raises SpecError if there is no program, MissingError if none in that language.
    """
    _, heading, section = page.partition("\n### Code Example\n")
    programs: dict[str, str] = {}
    for part in re.split(r"^##### *$", section, flags=re.MULTILINE)[1:]:
        fence = re.search(r"^```(\w+)\n(.*?)^```", part, re.MULTILINE | re.DOTALL)
        if fence is not None:
            programs[fence[1]] = fence[2]
        elif "curl -X" in part:
            programs.setdefault("curl", unescaped(part))
    if not programs:
        missing = "program below" if heading else "section"
        raise SpecError(f"the page has no {missing} “Code Example”")
    if language not in programs:
        names = ", ".join(sorted(programs))
        raise MissingError(f"the page has no example for {language!r}; it has {names}")
    return programs[language]


def unescaped(command: str) -> str:
    """Return the curl command with comments on lines of their own."""
    title = r"\s*\\# (Path parameters|Curl command) "
    lines = re.sub(title, r"\n# \1\n", command.strip()).removeprefix("\\")
    if "\\#" in lines:
        problem = "an escaped comment of an unknown title"
        raise SpecError(f"the page's curl command has {problem}")
    return f"{lines}\n"


def shown_call(page: str) -> tuple[str, Json]:
    """Return the snapshot id and the body of the page's curl command.

    Raises SpecError if they cannot be read.
    """
    command = program_of(page, "curl")
    snapshot_id = re.search(r'^export snapshot_id="([^"]*)"$', command, re.MULTILINE)
    body = re.search(r"<< EOF\n(.*)\nEOF\n", command, re.DOTALL)
    if snapshot_id is None or body is None:
        missing = "exports no snapshot_id, or has no here-document EOF"
        raise SpecError(f"the page's curl command {missing}")
    try:
        return snapshot_id[1], json.loads(body[1])
    except ValueError as error:
        problem = f"is not JSON: {error}"
        raise SpecError(f"the body of the page's curl command {problem}") from None


class Example:
    """A program of the page as an adapter, to be used as a context manager.

    `environment` is that of the fake sites. `site` is the one that the program names
    itself, or empty. `sdk` is a built driver. Raises as `program_of` and `build`.
    """

    def __init__(
        self,
        page: str,
        language: str,
        environment: dict[str, str],
        sdk: Path | None = None,
    ) -> None:
        self._text = program_of(page, language)
        self._recipe = RUNNERS[language]
        self._driver = sdk or build(language)
        self._environment = client_environment(environment)
        site = re.search(r"https://api\.([\w.-]+)/", self._text)
        self.site = site[1] if site else ""
        self._defect = ""

    def __enter__(self) -> Self:
        self._temporary = tempfile.TemporaryDirectory(prefix="contract-example-")
        self._directory = Path(self._temporary.name)
        program = self._directory / self._recipe.files[0]
        program.parent.mkdir(exist_ok=True)
        program.write_text(self._text, "utf-8")
        (self._directory / ".curlrc").touch()  # the user's own is not read
        for command in self._recipe.build:
            status, output = self._run(command, {}, PREPARE_S)
            if status:
                self._defect = failure_of(output, status)
                break
        return self

    def __exit__(self, *_: object) -> None:
        self._temporary.cleanup()

    def update(self, case: ClientCase, site: str) -> Outcome:
        """Run the program on a site. Its snapshot id and body are its own.

        Exit status 0 is a `snapshot` without a document: some programs print an error
        and end so. Else the outcome is `failed`, with the line that says why.
        """
        variables = {
            "DD_SITE": site,
            "DD_API_KEY": case.credential.api_key,
            "DD_APP_KEY": case.credential.app_key,
        }
        message = ""
        if self.site and site != self.site:
            message = f"the program names its site itself: {self.site}"
        elif any("\0" in value for value in variables.values()):
            message = "no environment variable holds a NUL"
        if message:
            return Outcome(OutcomeKind.UNSUPPORTED, message=message)
        if self._defect:
            return Outcome(OutcomeKind.FAILED, message=self._defect)
        begin_s = time.monotonic()
        limit_s = case.timeout_s + START_S
        status, output = self._run(self._recipe.run, variables, limit_s)
        return Outcome(
            OutcomeKind.FAILED if status else OutcomeKind.SNAPSHOT,
            message=failure_of(output, status) if status else "",
            logged=output,
            seconds=time.monotonic() - begin_s,
        )

    def _run(
        self, command: str, variables: Mapping[str, str], limit_s: float
    ) -> tuple[int, str]:
        words = words_of(command, self._driver)
        environment = {**self._environment, **variables}
        return run_command(words, self._directory, environment, limit_s)


@dataclass(frozen=True)
class NotRun:
    """The adapter of a program that cannot be run here, with the reason."""

    reason: str
    site = ""

    def update(self, case: ClientCase, site: str) -> Outcome:
        return Outcome(OutcomeKind.UNSUPPORTED, message=self.reason)


def failure_of(output: str, status: int) -> str:
    """Return why a program failed: its last line, after what a user can do.

    Of a Java stack trace that is the line with the last exception.
    """
    line = last_lines(STACK_FRAME.sub("", output)) or f"exit status {status}"
    return f"{CLOSED}: it needs java {ADD_OPENS}: {line}" if CLOSED in line else line
