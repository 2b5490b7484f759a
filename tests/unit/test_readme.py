"""Commands of the README: each is understood, and each is run as a reader would."""

import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from contract.cli import main
from contract.cli.entry import cli
from contract.sandbox import ORGS, Sandbox, serving
from tests.checkout import ROOT
from tests.drift.sources import PAGE
from tests.tls_sandbox import tls_sandbox

BIN = Path(sys.executable).parent
KEYS = {"DD_API_KEY": ORGS[0].api_key, "DD_APP_KEY": ORGS[0].app_key}
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = sorted(set(re.findall(r"`(contract [a-z][^`]*)`", TEXT)))
QUICK = ("--profile", "quick")
PYTHON_SDK = "contract client --driver python"
RUNS: dict[str, tuple[tuple[str, ...], int]] = {
    "contract check": ((), 0),
    "contract client": ((), 0),
    "contract client -- node driver.js": (QUICK, 0),
    PYTHON_SDK: (QUICK, 1),
    f"{PYTHON_SDK} --accepted spec/accepted/python.yaml": (QUICK, 0),
    "contract client --example curl --page page.md": ((), 0),
    "contract client --profile nightly": (("--scenario", "keys"), 0),
    "contract client --profile quick": ((), 0),
    "contract drift --page page.md --openapi upstream": ((), 0),
    "contract gate --driver python --old-version 2.51.0 --new-version 2.62.0": (
        QUICK,
        0,
    ),
    "contract list rules": ((), 0),
    "contract prove": (
        ("--fault", "body-text-trimmed", "--fault", "accepts-no-type"),
        0,
    ),
    "contract prove client": (("--fault", "body-text-trimmed"), 0),
    "contract prove service": (("--fault", "accepts-no-type"), 0),
    "contract service": ((), 0),
    "contract service --live datadoghq.eu --max-requests 2000": ((), 0),
    "contract service http://127.0.0.1:8080": (QUICK, 0),
    "contract sweep": ((), 0),
}
"""Commands with further words, and their exit status. The port is another one."""

FOUND = {
    f"{PYTHON_SDK} --driver-version 2.51.0 --site us2.ddog-gov.com "
    "--scenario media-types",
    "contract gate --driver typescript --old-version 1.58.0 --new-version 1.59.0 "
    "--profile quick",
    "contract client --driver java --profile quick --scenario redirects",
}
"""Commands that show what was found: they need other SDKs, or minutes."""

NOT_RUN = {
    "contract client --driver ruby --driver-source DIR",
    "contract merge FILE…",
    "contract replay ID",
    "contract serve --port 8080",
    *FOUND,
}
"""Commands that need a checkout, a breach or files, or have to be stopped.

They have tests of their own.
"""


def test_every_command_is_run() -> None:
    assert len(COMMANDS) >= 12
    assert set(COMMANDS) == {*RUNS, *NOT_RUN}


@pytest.mark.parametrize("line", COMMANDS)
def test_command_is_understood(line: str) -> None:
    words = shlex.split(line.replace("COMMAND", "check"))[1:]
    if words == ["check", "--help"]:
        assert main(words) == 0
        return
    name, *rest = words
    command = cli.get_command(click.Context(cli), name)
    assert command is not None, f"no command {name}"
    command.make_context(name, list(rest), resilient_parsing=False)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return a directory that has what the commands of the README name."""
    (tmp_path / "spec").symlink_to(ROOT / "spec")
    (tmp_path / "page.md").write_text(PAGE, encoding="utf-8")
    (tmp_path / "driver.js").write_text(
        "require('child_process')"
        ".spawn('python', ['-m', 'contract.drivers.minimal'], {stdio: 'inherit'})"
        ".on('exit', process.exit)\n"
    )
    return tmp_path


def run_line(line: str, place: Path, *more: str, **variables: str) -> tuple[int, str]:
    """Run a command as a shell would. `more` comes behind the name of the command."""
    program, name, *rest = shlex.split(line)
    path = f"{BIN}:{os.environ['PATH']}"
    process = subprocess.run(  # noqa: S603
        [BIN / program, name, *more, *rest],
        cwd=place,
        env={**os.environ, "PATH": path, **variables},
        check=False,
        capture_output=True,
        text=True,
    )
    return process.returncode, process.stdout + process.stderr


@pytest.mark.slow
@pytest.mark.parametrize("line", RUNS)
def test_command_does_what_the_readme_says(line: str, place: Path) -> None:
    more, status = RUNS[line]
    with tls_sandbox() as live, serving(Sandbox()) as url:
        variables = KEYS
        if "live" in line or "sweep" in line:
            variables = {**live.environment(), "SSL_CERT_FILE": live.ca_file}
        line = line.replace("http://127.0.0.1:8080", url)
        ended, output = run_line(line, place, *more, **variables)
    assert ended == status, output
    assert "Traceback" not in output
    assert output


@pytest.mark.slow
def test_reported_breach_is_replayed(place: Path) -> None:
    faulty = f"-- '{sys.executable}' -m contract.faults.driver body-text-trimmed"
    line = f"contract client --clause C-BODY {faulty}"
    ended, output = run_line(line, place, *QUICK)
    assert ended == 1, output
    (breach,) = set(re.findall(r"'(C-BODY/[^']+)'", output)[:1])
    assert run_line(f"contract replay '{breach}' {faulty}", place)[0] == 1
    assert run_line(f"contract replay '{breach}'", place)[0] == 0


@pytest.mark.slow
def test_sandbox_is_served_until_it_is_stopped() -> None:
    command = [BIN / "contract", "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603
        try:
            assert server.stdout
            first_line = server.stdout.readline()
            assert first_line.startswith("listening on http://127.0.0.1:")
            server.send_signal(signal.SIGINT)
            assert server.wait(timeout=60) == 0
        finally:
            server.kill()


def test_two_commands_set_up_everything() -> None:
    lines = [line.strip() for line in TEXT.splitlines() if "python3 -m venv" in line]
    setup = (
        "python3 -m venv .venv && .venv/bin/pip install -q -e '.[test]' && .venv/bin/"
    )
    assert lines == [f"{setup}contract check", f"{setup}pytest -n 2"]


BROKEN_CLIENT = """\
class ApiError(Exception): ...
class BrokenAnswer(Exception): ...
class NoAnswer(Exception): ...

class Client:
    def __init__(self, site, api_key, app_key, timeout): ...
    async def __aenter__(self):
        return self
    async def __aexit__(self, *_): ...
    async def update(self, snapshot_id, body):
        raise OSError('on purpose')
"""


def python_example() -> str:
    """Return the example of a client of one's own."""
    code = re.search(r"^    import contract\n(?:    .*\n|\n)+", TEXT, re.MULTILINE)
    assert code
    return "\n".join(line[4:] for line in code[0].splitlines())


def test_python_example_finds_a_broken_client(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "our_readme_client.py").write_text(BROKEN_CLIENT)
    source = python_example().replace("our_client import", "our_readme_client import")
    scope: dict[str, object] = {}
    exec(compile(source, "README.md", "exec"), scope)  # noqa: S102 - the README's own
    test = scope["test_our_client_keeps_the_contract"]
    assert callable(test)
    with pytest.raises(AssertionError, match=r"C-ALIVE/exception-on-.*on purpose"):
        test()


@pytest.mark.parametrize(
    "name", ["requests", "urllib3", "httpx", "async_httpx", "aiohttp"]
)
def test_python_example_is_that_of_each_library(name: str) -> None:
    example = python_example().replace("our_client", f"tests.examples.{name}_client", 1)
    if name not in ("async_httpx", "aiohttp"):
        example = example.replace("async ", "").replace("await ", "")
    six = [line for line in example.splitlines() if line][:6]
    file = (ROOT / "tests" / "examples" / f"{name}_tested.py").read_text()
    assert [line for line in file.splitlines() if line] == six


ROUNDING_CLIENT = """\
from contract import SnapshotClient

class Client:
    def __init__(self, site):
        self.client = SnapshotClient(site=site)

    def update(self, snapshot_id, body):
        attributes = body["data"].get("attributes")
        if attributes:
            rounded = {**attributes, "start": int(float(attributes["start"]))}
            body = {**body, "data": {**body["data"], "attributes": rounded}}
        self.client.update(snapshot_id, body)
"""


def test_property_test_finds_the_smallest_body(pytester: pytest.Pytester) -> None:
    code = re.search(r"^    import json\n(?:    .*\n|\n)+", TEXT, re.MULTILINE)
    assert code
    lines = [line[4:] for line in code[0].rstrip().splitlines()]
    assert len([line for line in lines if line]) <= 10
    pytester.makepyfile(our_client=ROUNDING_CLIENT, test_own="\n".join(lines))
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    result.assert_outcomes(failed=1)
    falsifying = result.stdout.str().partition("test_the_body_is_sent_unchanged(")[2]
    assert str(2**53 + 1) in falsifying
    assert "session_id" not in falsifying
