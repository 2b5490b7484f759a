"""Every command that the README shows is understood, and is run, in a directory like that of whoever reads it."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from contract.cli import main
from contract.cli.base import cli
from contract.faults import CLIENT_FAULTS, SERVICE_FAULTS
from contract.sandbox import ORGS, Sandbox, serving
from tests.checkout import ROOT
from tests.tls_sandbox import tls_sandbox

BIN = Path(sys.executable).parent
KEYS = {"DD_API_KEY": ORGS[0].api_key, "DD_APP_KEY": ORGS[0].app_key}
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
SHOWN = sorted(set(re.findall(r"`(contract [a-z][^`]*)`", TEXT)))
QUICK = ("--profile", "quick")
RUNS: dict[str, tuple[tuple[str, ...], int]] = {
    "contract check": ((), 0),
    "contract client": ((), 0),
    "contract client -- node driver.js": (QUICK, 0),
    "contract client --driver python": (QUICK, 1),
    "contract client --driver python --accepted spec/accepted/python.yaml": (QUICK, 0),
    "contract client --example curl --page page.md": ((), 0),
    "contract client --profile quick": ((), 0),
    "contract drift --page page.md --openapi upstream": ((), 0),
    "contract gate --driver python --old-version 2.51.0 --new-version 2.62.0": (
        QUICK,
        1,
    ),
    "contract list clauses": ((), 0),
    "contract prove": (
        ("--fault", "body-text-trimmed", "--fault", "accepts-no-type"),
        0,
    ),
    "contract prove client": (("--fault", "body-text-trimmed"), 0),
    "contract prove service": (("--fault", "accepts-no-type"), 0),
    "contract service": ((), 0),
    "contract service --live datadoghq.eu --max-requests 600": ((), 0),
    "contract service http://127.0.0.1:8080": (QUICK, 0),
    "contract sweep": ((), 0),
}
"""What is run as it is shown, with these words more, and how it must end. An SDK has breaches, which are accepted.

The port is another one, and beside these there are `replay`, which needs a case, and `serve`, which has to be stopped.
"""


def test_every_command_is_run() -> None:
    assert len(SHOWN) >= 12
    assert set(SHOWN) == {*RUNS, "contract replay ID", "contract serve --port 8080"}


@pytest.mark.parametrize("line", SHOWN)
def test_a_command_is_understood(line: str) -> None:
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
    """Return a directory that has what the README's commands name."""
    (tmp_path / "spec").symlink_to(ROOT / "spec")
    shutil.copy(ROOT / "tests" / "drift" / "page.md", tmp_path)
    start = "require('child_process').spawn('python', ['-m', 'contract.drivers.minimal'], {stdio: 'inherit'})"
    (tmp_path / "driver.js").write_text(f"{start}.on('exit', process.exit)\n")
    return tmp_path


def ran(line: str, place: Path, *more: str, **environ: str) -> tuple[int, str]:
    """Run a command as a shell would; what is to come right behind the name of the command is `more`."""
    program, name, *rest = shlex.split(line)
    variables = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", **environ}
    done = subprocess.run(  # noqa: S603
        [BIN / program, name, *more, *rest],
        cwd=place,
        env=variables,
        check=False,
        capture_output=True,
        text=True,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("line", RUNS)
def test_a_command_does_what_it_says(line: str, place: Path) -> None:
    more, status = RUNS[line]
    with tls_sandbox() as live, serving(Sandbox()) as url:
        environ = (
            {**live.environment(), "SSL_CERT_FILE": live.ca_file}
            if "live" in line or "sweep" in line
            else KEYS
        )
        ended, said = ran(
            line.replace("http://127.0.0.1:8080", url), place, *more, **environ
        )
    assert ended == status, said
    assert "Traceback" not in said
    assert said


@pytest.mark.slow
def test_a_case_that_was_reported_is_replayed(place: Path) -> None:
    client = f"contract client --clause C-BODY -- '{sys.executable}' -m contract.faults.driver body-text-trimmed"
    ended, said = ran(client, place, *QUICK)
    assert ended == 1, said
    (case, *_) = (place / ".contract" / "cases").iterdir()
    assert ran(f"contract replay {case.stem}", place)[0] == 0, (
        "the minimal client is right"
    )


@pytest.mark.slow
def test_the_reference_service_is_served_until_it_is_stopped() -> None:
    command = [BIN / "contract", "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603
        try:
            assert server.stdout
            assert server.stdout.readline().startswith("listening on http://127.0.0.1:")
            server.send_signal(signal.SIGINT)
            assert server.wait(timeout=60) == 0
        finally:
            server.kill()


def test_the_proofs_have_as_many_faults_as_there_are() -> None:
    client, service = len(CLIENT_FAULTS), len(SERVICE_FAULTS)
    assert f"| {client} of {client} faults caught by the clause they name, " in TEXT
    assert f"| {service} of {service}, " in TEXT
    assert f"| {service} of {service} | " in TEXT


def test_the_two_commands_set_up_everything_themselves() -> None:
    lines = [
        line.strip()
        for line in TEXT.splitlines()
        if line.startswith("    python3 -m venv")
    ]
    setup = (
        "python3 -m venv .venv && .venv/bin/pip install -q -e '.[test]' && .venv/bin/"
    )
    assert lines == [f"{setup}contract check", f"{setup}pytest -n 2"]


def test_the_python_example_is_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = re.search(r"^    import contract\n(?:    .*\n|\n)+", TEXT, re.MULTILINE)
    assert code
    source = "\n".join(line[4:] for line in code[0].splitlines()).replace(
        "our_client.testing", "our_readme_client"
    )
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "our_readme_client.py").write_text(
        "def factory():\n"
        "    class Broken:\n"
        "        def update(self, asked):\n"
        "            raise OSError('on purpose')\n"
        "    return Broken()\n"
    )
    scope: dict[str, object] = {}
    exec(compile(source, "README.md", "exec"), scope)  # noqa: S102 - the README's own example
    test = scope["test_our_client_keeps_the_contract"]
    assert callable(test)
    with pytest.raises(AssertionError, match="C-ALIVE: crashed: OSError: on purpose"):
        test()
