"""The workflows: what GitHub or a shell would refuse, and what each step does."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from contract.faults import service_fault
from contract.sandbox import Sandbox
from contract.spec import Spec
from tests.checkout import ROOT, copied
from tests.tls_sandbox import tls_sandbox

FOLDER = ROOT / ".github" / "workflows"
NAMES = ("ci.yml", "gate.yml", "nightly.yml", "service.yml")
BIN = Path(sys.executable).parent
ACTIONS = {
    "actions/checkout@v4",
    "actions/download-artifact@v4",
    "actions/setup-python@v5",
    "actions/upload-artifact@v4",
}
ACTIONLINT = "github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"

Step = dict[str, Any]
Shell = Callable[..., tuple[int, list[list[str]]]]


def workflow(name: str) -> dict[str, Any]:
    """Return a workflow. Its `on` is no boolean, as YAML 1.1 would have it."""
    text = (FOLDER / name).read_text(encoding="utf-8")
    document: dict[str, Any] = yaml.safe_load(re.sub("^on:", '"on":', text, flags=re.M))
    return document


def steps(name: str) -> Iterator[Step]:
    for job in workflow(name)["jobs"].values():
        yield from job["steps"]


def step(name: str, title: str) -> Step:
    return next(item for item in steps(name) if item.get("name") == title)


SCRIPTS = [
    pytest.param(item["run"], id=f"{name} {item.get('name', '')}")
    for name in NAMES
    for item in steps(name)
    if "run" in item
]


def test_there_are_four_workflows() -> None:
    assert sorted(path.name for path in FOLDER.iterdir()) == list(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_actionlint_finds_nothing(name: str) -> None:
    actionlint = shutil.which("actionlint")
    if actionlint is None:
        pytest.skip(f"NOT CHECKED by actionlint: go install {ACTIONLINT}")
    process = subprocess.run(  # noqa: S603
        [actionlint, "-no-color", FOLDER / name],
        check=False,
        capture_output=True,
        text=True,
    )
    assert (process.returncode, process.stdout, process.stderr) == (0, "", "")


@pytest.mark.parametrize("name", NAMES)
def test_workflow_has_least_rights_a_time_limit_and_known_actions(name: str) -> None:
    document = workflow(name)
    assert document.keys() <= {"name", "on", "permissions", "concurrency", "jobs"}
    rights = {"contents": "read"}
    if name == "nightly.yml":
        rights |= {"actions": "read", "issues": "write"}
    assert document["permissions"] == rights
    for job in document["jobs"].values():
        assert job["timeout-minutes"] <= 90
        assert re.fullmatch(r"ubuntu-\d\d\.\d\d", job["runs-on"])
    for item in steps(name):
        assert ("run" in item) != ("uses" in item)
        assert item.keys() <= {"name", "id", "if", "env", "run", "uses", "with"}
        assert item.get("uses", "actions/checkout@v4") in ACTIONS


@pytest.mark.parametrize("script", SCRIPTS)
def test_script_is_shell_without_expressions(script: str) -> None:
    # An expression in a script would run what its value says. It must be a variable.
    assert "${{" not in script
    process = subprocess.run(
        ["bash", "-n"],  # noqa: S607
        input=script,
        check=False,
        capture_output=True,
        text=True,
    )
    assert (process.returncode, process.stderr) == (0, "")


def test_nightly_run_has_all_sites(spec: Spec) -> None:
    matrix = workflow("nightly.yml")["jobs"]["site"]["strategy"]["matrix"]
    assert tuple(matrix["site"]) == spec.sites


def test_keys_are_secrets_for_the_steps_that_need_them() -> None:
    with_keys = [
        item["name"]
        for item in steps("nightly.yml")
        if "DD_APP_KEY" in item.get("env", {})
    ]
    assert with_keys == ["Judge", "Sweep"]
    assert [
        item["name"]
        for item in steps("service.yml")
        if "DD_APP_KEY" in item.get("env", {})
    ] == ["Judge"]
    secret = re.compile(r"\$\{\{ (secrets\.\w+|github\.token) \}\}")
    for name in NAMES:
        for item in steps(name):
            for variable, value in item.get("env", {}).items():
                is_secret = re.search(r"KEY|ORG_ID|TOKEN", variable)
                assert not is_secret or secret.fullmatch(value)


def test_ci_runs_two_pythons_with_the_oldest_supported_one() -> None:
    versions = workflow("ci.yml")["jobs"]["test"]["strategy"]["matrix"]["python"]
    settings = (ROOT / "pyproject.toml").read_text()
    (oldest,) = re.findall(r'requires-python = ">=([\d.]+)"', settings)
    assert len(versions) == 2
    assert oldest in versions


# -- what the steps do -----------------------------------------------------------------


def run_step(
    script: str, directory: Path, *programs: Path, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a step as GitHub does. These directories come first on the PATH."""
    environment = {
        "PATH": ":".join([*map(str, programs), os.environ["PATH"]]),
        "HOME": os.environ["HOME"],
        "GITHUB_OUTPUT": str(directory / "output"),
        **variables,
    }
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    return subprocess.run(  # noqa: S603
        command,
        cwd=directory,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Return a function that runs a step with artificial programs.

    It returns the exit status, and the words of each call of such a program.
    """
    programs = tmp_path / "bin"
    programs.mkdir()
    log = tmp_path / "calls"
    log.touch()
    dump = "import json, sys; print(json.dumps(sys.argv[1:]))"

    def play(
        script: str, stand_ins: dict[str, str], **variables: str
    ) -> tuple[int, list[list[str]]]:
        for name, body in stand_ins.items():
            record = f"python3 -c '{dump}' {name} \"$@\" >> '{log}'"
            (programs / name).write_text(f"#!/usr/bin/env bash\n{record}\n{body}\n")
            (programs / name).chmod(0o755)
        status = run_step(script, tmp_path, programs, **variables).returncode
        return status, [json.loads(line) for line in log.read_text().splitlines()]

    return play


@pytest.mark.parametrize(
    ("body", "status", "times"),
    [("exit 0", 0, 1), ("exit 1", 0, 1), ("exit 2", 1, 2)],
)
def test_unknown_verdict_is_tried_once_more(
    shell: Shell, body: str, status: int, times: int
) -> None:
    variables = {"SITE": "datadoghq.eu", "GITHUB_RUN_NUMBER": "7"}
    script = step("nightly.yml", "Judge")["run"]
    ended, calls = shell(script, {"contract": body}, **variables)
    expected = (
        "contract service --live datadoghq.eu --profile nightly --seed 7 "
        "--report report --max-requests 2000 --max-minutes 20"
    )
    assert calls == [expected.split()] * times
    assert ended == status, "a breach is judged by the last job"


@pytest.mark.parametrize(
    ("sites", "accepted", "status"),
    [([], False, 0), (["datadoghq.eu"], True, 1), (["ap1", "us3"], False, 0)],
)
def test_the_last_job_merges_the_verdicts_of_the_sites(
    shell: Shell, tmp_path: Path, sites: list[str], accepted: bool, status: int
) -> None:
    for site in sites:
        (tmp_path / "verdicts" / f"verdict-{site}").mkdir(parents=True)
        (tmp_path / "verdicts" / f"verdict-{site}" / "verdict.json").touch()
    if accepted:
        (tmp_path / "spec" / "accepted").mkdir(parents=True)
        (tmp_path / "spec" / "accepted" / "live.yaml").touch()
    script = step("nightly.yml", "Merge")["run"]
    ended, calls = shell(script, {"contract": f"exit {status}"})
    files = [f"verdicts/verdict-{site}/verdict.json" for site in sites]
    options = ["--accepted", "spec/accepted/live.yaml"] if accepted else []
    words = ["contract", "merge", *files, *options, "--report", "report"]
    assert calls == ([words] if sites else [])
    assert ended == status
    if sites:
        assert (tmp_path / "output").read_text() == f"status={status}\n"


def test_the_last_job_runs_after_all_sites_whatever_they_say() -> None:
    *_, (name, last) = workflow("nightly.yml")["jobs"].items()
    assert (name, last["needs"], last["if"]) == ("merge", "site", "always()")


@pytest.mark.parametrize(
    ("number", "action", "words"),
    [
        ("", "create", ["--title", "The contract is broken on a live site"]),
        ("12", "comment", ["12"]),
    ],
)
def test_breach_opens_an_issue_or_adds_to_the_open_one(
    shell: Shell, tmp_path: Path, number: str, action: str, words: list[str]
) -> None:
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "summary.md").write_text("## broken\n")
    item = step("nightly.yml", "Open or update the issue")
    assert item["if"] == "always() && steps.merge.outputs.status == '1'"
    gh = f'[ "$2" != list ] || echo "{number}"'
    variables = {"RUN": "there"}
    ended, calls = shell(item["run"], {"gh": gh}, **variables)
    assert ended == 0
    assert [call[:3] for call in calls] == [
        ["gh", "issue", "list"],
        ["gh", "issue", action],
    ]
    assert calls[1][3:] == [*words, "--body-file", "issue.md"]
    text = (tmp_path / "issue.md").read_text()
    assert text == "## broken\n\nReports and recordings: there\n"


@pytest.mark.parametrize(("key", "output"), [("a key", "there=yes\n"), ("", "")])
def test_site_without_secrets_is_left_out(
    shell: Shell, tmp_path: Path, key: str, output: str
) -> None:
    script = step("nightly.yml", "Is there an organization")["run"]
    (tmp_path / "output").touch()
    ended, _ = shell(script, {}, DD_API_KEY=key, SITE="datadoghq.eu")
    assert ended == 0
    assert (tmp_path / "output").read_text() == output


@pytest.mark.parametrize("accepted", ["", "a file.yaml"])
@pytest.mark.parametrize(
    ("driver", "base", "words"),
    [
        ("", True, ["client", "--", "bash", "-c", "node 'my driver.js' && true"]),
        ("go", False, ["client", "--driver", "go", "--driver-source", "."]),
        (
            "go",
            True,
            ["gate", "--driver", "go", "--old-source", "{}/base", "--new-source", "."],
        ),
    ],
)
def test_gate_passes_driver_and_accepted_file(
    shell: Shell,
    tmp_path: Path,
    accepted: str,
    driver: str,
    base: bool,
    words: list[str],
) -> None:
    if base:
        (tmp_path / "base").mkdir()
    variables = {
        "COMMAND": "node 'my driver.js' && true",
        "DRIVER": driver,
        "ACCEPTED": accepted,
        "PROFILE": "ci",
        "RUNNER_TEMP": str(tmp_path),
    }
    script = step("gate.yml", "Judge")["run"]
    ended, calls = shell(script, {"contract": "exit 1"}, **variables)
    name, *rest = (word.format(tmp_path) for word in words)
    expected = ["contract", name, "--profile", "ci", "--report", "report"]
    expected += ["--accepted", accepted] if accepted else []
    assert calls == [[*expected, *rest]]
    assert ended == 1


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"ACCEPTED": "", "RATE": ""}, []),
        (
            {"ACCEPTED": "a file.yaml", "RATE": "5"},
            ["--accepted", "a file.yaml", "--max-rate", "5"],
        ),
    ],
)
def test_service_workflow_passes_url_accepted_file_and_rate(
    shell: Shell, variables: dict[str, str], words: list[str]
) -> None:
    url = "http://127.0.0.1:8080"
    script = step("service.yml", "Judge")["run"]
    own = {"URL": url, "PROFILE": "ci", **variables}
    ended, calls = shell(script, {"contract": "exit 1"}, **own)
    expected = ["contract", "service", url, "--profile", "ci", "--report", "report"]
    assert calls == [[*expected, *words]]
    assert ended == 1


def test_service_workflow_waits_for_the_service(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    start = f"python3 -m http.server --bind 127.0.0.1 {port} & echo $! > pid"
    script = step("service.yml", "Start the service")["run"]
    variables = {"START": f"({start}) > log 2>&1", "URL": f"http://127.0.0.1:{port}/"}
    try:
        ended = run_step(script, tmp_path, **variables)
    finally:
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGTERM)
    assert ended.returncode == 0, ended.stderr


# -- the steps themselves: only GitHub and the live service are artificial --------------


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "status"), [("", 0), ("status-201", 1)])
def test_night_is_judged_swept_and_reported(
    shell: Shell, tmp_path: Path, fault: str, status: int
) -> None:
    sandbox = service_fault(fault).make_sandbox() if fault else Sandbox()
    with tls_sandbox(sandbox) as stage:
        variables = {
            **stage.environment(),
            "SSL_CERT_FILE": stage.ca_file,
            "SITE": "datadoghq.eu",
            "GITHUB_RUN_NUMBER": "7",
        }
        script = step("nightly.yml", "Judge")["run"]
        judged = run_step(script, tmp_path, BIN, **variables)
        (tmp_path / "verdicts" / "one").mkdir(parents=True)
        shutil.copy(tmp_path / "report" / "verdict.json", tmp_path / "verdicts" / "one")
        script = step("nightly.yml", "Merge")["run"]
        merged = run_step(script, tmp_path, BIN, **variables)
        script = step("nightly.yml", "Sweep")["run"]
        swept = run_step(script, tmp_path, BIN, **variables)
    assert judged.returncode == 0, judged.stdout + judged.stderr
    assert merged.returncode == status, merged.stdout + merged.stderr
    assert "Traceback" not in judged.stderr + merged.stderr
    assert (tmp_path / "output").read_text() == f"status={status}\n"
    assert (swept.returncode, swept.stdout) == (0, "nothing left\n")
    assert stage.app.rows == {}
    verdict = json.loads((tmp_path / "report" / "verdict.json").read_text())
    assert verdict["verdict"] == ("broken" if fault else "holds")
    assert verdict["sites"] == ["datadoghq.eu"]
    assert list((tmp_path / ".contract" / "recordings").iterdir())
    if fault:
        script = step("nightly.yml", "Open or update the issue")["run"]
        url = "https://example.com/run"
        ended, calls = shell(script, {"gh": ""}, RUN=url)
        assert (ended, [call[2] for call in calls]) == (0, ["list", "create"])
        issue = (tmp_path / "issue.md").read_text()
        assert "S-STATUS" in issue
        assert issue.endswith(f"Reports and recordings: {url}\n")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a copy of the project, and the programs of an empty environment."""
    environment = tmp_path_factory.mktemp("environment")
    venv.create(environment, with_pip=True)
    return copied(tmp_path_factory.mktemp("copy")), environment / "bin"


@pytest.mark.slow
def test_ci_leaves_a_verdict(checkout: tuple[Path, Path]) -> None:
    copy, programs = checkout
    process = run_step(step("ci.yml", "The verdict")["run"], copy, programs)
    assert process.returncode == 0, process.stdout + process.stderr
    verdict = json.loads((copy / "report" / "verdict.json").read_text())
    assert verdict["verdict"] == "holds"


@pytest.mark.slow
def test_gate_installs_the_suite_and_judges_a_driver(
    checkout: tuple[Path, Path], tmp_path: Path
) -> None:
    copy, programs = checkout
    variables = {
        "SUITE": str(copy),
        "SETUP": "printf 'exec python -m contract.drivers.minimal' > 'our driver'",
        "COMMAND": "bash 'our driver'",
        "DRIVER": "",
        "ACCEPTED": "",
        "PROFILE": "quick",
    }
    for title in ("Install the suite", "Build the driver", "Judge"):
        script = step("gate.yml", title)["run"]
        process = run_step(script, tmp_path, programs, **variables)
        assert process.returncode == 0, process.stdout + process.stderr
    verdict = json.loads((tmp_path / "report" / "verdict.json").read_text())
    assert verdict["verdict"] == "holds"
