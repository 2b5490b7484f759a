"""The workflows: what GitHub would refuse, and what a shell would, is found here."""

import json
import os
import re
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from contract.faults import SERVICE_FAULTS
from contract.sandbox import Sandbox
from contract.spec import load
from tests.checkout import ROOT, copied
from tests.tls_sandbox import tls_sandbox

FOLDER = ROOT / ".github" / "workflows"
NAMES = ["ci.yml", "gate.yml", "nightly.yml"]
BIN = Path(sys.executable).parent
ACTIONS = {
    "actions/checkout@v4",
    "actions/setup-python@v5",
    "actions/upload-artifact@v4",
}


def workflow(name: str) -> dict[str, Any]:
    text = re.sub(
        r"^on:",
        '"on":',
        (FOLDER / name).read_text(encoding="utf-8"),
        flags=re.MULTILINE,
    )  # no YAML 1.1 boolean
    read: dict[str, Any] = yaml.safe_load(text)
    return read


def steps(name: str) -> Iterator[dict[str, Any]]:
    for job in workflow(name)["jobs"].values():
        yield from job["steps"]


def step(name: str, title: str) -> dict[str, Any]:
    return next(each for each in steps(name) if each.get("name") == title)


RUNS = [
    (name, each.get("name", ""), each["run"])
    for name in NAMES
    for each in steps(name)
    if "run" in each
]


def test_there_are_three() -> None:
    assert sorted(path.name for path in FOLDER.iterdir()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_actionlint_finds_nothing(name: str) -> None:
    actionlint = shutil.which("actionlint")
    if actionlint is None:
        pytest.skip(
            "NOT CHECKED by actionlint: go install github.com/rhysd/actionlint/cmd/actionlint@v1.7.12"
        )
    ran = subprocess.run(  # noqa: S603
        [actionlint, "-no-color", FOLDER / name],
        check=False,
        capture_output=True,
        text=True,
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


@pytest.mark.parametrize("name", NAMES)
def test_a_workflow_has_the_least_rights_an_end_and_actions_that_are_known(
    name: str,
) -> None:
    read = workflow(name)
    assert read.keys() <= {"name", "on", "permissions", "concurrency", "jobs"}
    assert read["permissions"] == {"contents": "read"} | (
        {"issues": "write"} if name == "nightly.yml" else {}
    )
    for job in read["jobs"].values():
        assert job["timeout-minutes"] <= 90
        assert re.fullmatch(r"ubuntu-\d\d\.\d\d", job["runs-on"])
    for each in steps(name):
        assert ("run" in each) != ("uses" in each)
        assert each.keys() <= {"name", "id", "if", "env", "run", "uses", "with"}
        assert each.get("uses", "actions/checkout@v4") in ACTIONS


@pytest.mark.parametrize(
    ("name", "title", "run"), RUNS, ids=[f"{name} {title}" for name, title, _ in RUNS]
)
def test_a_run_line_is_shell_and_nothing_is_pasted_into_it(
    name: str, title: str, run: str
) -> None:
    assert "${{" not in run, (
        "an expression is given as a variable, or whoever writes its value writes the script"
    )
    checked = subprocess.run(
        ["bash", "-n"],  # noqa: S607
        input=run,
        check=False,
        capture_output=True,
        text=True,
    )
    assert (checked.returncode, checked.stderr) == (0, "")


def test_the_nightly_run_is_of_the_sites_of_the_contract() -> None:
    assert (
        tuple(workflow("nightly.yml")["jobs"]["site"]["strategy"]["matrix"]["site"])
        == load().sites
    )


def test_keys_are_secrets_and_reach_only_the_steps_that_need_them() -> None:
    using = [
        each["name"]
        for each in steps("nightly.yml")
        if "DD_APP_KEY" in each.get("env", {})
    ]
    assert using == ["Judge", "Sweep"]
    for name in NAMES:
        for each in steps(name):
            for variable, value in each.get("env", {}).items():
                secret = re.search(r"KEY|ORG_ID|TOKEN", variable)
                assert not secret or re.fullmatch(
                    r"\$\{\{ (secrets\.\w+|github\.token) \}\}", value
                )


def test_ci_runs_two_pythons_one_of_them_the_oldest_that_is_supported() -> None:
    versions = workflow("ci.yml")["jobs"]["test"]["strategy"]["matrix"]["python"]
    (oldest,) = re.findall(
        r'requires-python = ">=([\d.]+)"', (ROOT / "pyproject.toml").read_text()
    )
    assert len(versions) == 2
    assert oldest in versions


# -- what the steps do -------------------------------------------------------------------------------------


def played(
    run: str, directory: Path, *programs: Path, **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run a step as GitHub does: bash -e, pipefail, its variables, and these directories first on the PATH."""
    path = ":".join([*map(str, programs), os.environ["PATH"]])
    variables = {
        "PATH": path,
        "HOME": os.environ["HOME"],
        "GITHUB_OUTPUT": str(directory / "output"),
        **environ,
    }
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", run]
    return subprocess.run(  # noqa: S603
        command,
        cwd=directory,
        env=variables,
        check=False,
        capture_output=True,
        text=True,
    )


@pytest.fixture
def shell(tmp_path: Path) -> Any:
    """Return a function that runs a step with stand-ins for programs; its status, and how they were called."""
    programs = tmp_path / "bin"
    programs.mkdir()
    told = tmp_path / "told"
    told.touch()

    def play(
        run: str, stand_ins: dict[str, str], **environ: str
    ) -> tuple[int, list[list[str]]]:
        for name, script in stand_ins.items():
            record = f"python3 -c 'import json, sys; print(json.dumps(sys.argv[1:]))' {name} \"$@\" >> '{told}'"
            (programs / name).write_text(f"#!/usr/bin/env bash\n{record}\n{script}\n")
            (programs / name).chmod(0o755)
        ended = played(run, tmp_path, programs, **environ).returncode
        return ended, [json.loads(line) for line in told.read_text().splitlines()]

    return play


@pytest.mark.parametrize(
    ("script", "status", "times"),
    [("exit 0", 0, 1), ("exit 1", 1, 1), ("exit 2", 2, 2)],
)
def test_what_could_not_be_judged_is_tried_once_more(
    shell: Any, tmp_path: Path, script: str, status: int, times: int
) -> None:
    variables = {"SITE": "datadoghq.eu", "GITHUB_RUN_NUMBER": "7"}
    ended, called = shell(
        step("nightly.yml", "Judge")["run"], {"contract": script}, **variables
    )
    wanted = "contract service --live datadoghq.eu --profile nightly --seed 7 --report report"
    assert (
        called
        == [[*wanted.split(), "--max-requests", "2000", "--max-minutes", "20"]] * times
    )
    assert ended == status
    assert (tmp_path / "output").read_text() == f"status={status}\n"


@pytest.mark.parametrize(("known", "done"), [("", "create"), ("12", "comment")])
def test_a_breach_opens_an_issue_or_adds_to_the_one_that_is_open(
    shell: Any, tmp_path: Path, known: str, done: str
) -> None:
    (tmp_path / "report").mkdir()
    (tmp_path / "report" / "summary.md").write_text("## broken\n")
    each = step("nightly.yml", "Open or update the issue")
    assert each["if"] == "always() && steps.judge.outputs.status == '1'", (
        "none on unknown"
    )
    ended, called = shell(
        each["run"],
        {"gh": f'[ "$2" != list ] || echo "{known}"'},
        SITE="datadoghq.eu",
        RUN="there",
    )
    assert ended == 0
    title = (
        ["--title", "The contract is broken on datadoghq.eu"]
        if done == "create"
        else [known]
    )
    assert [words[:3] for words in called] == [
        ["gh", "issue", "list"],
        ["gh", "issue", done],
    ]
    assert called[1][3:] == [*title, "--body-file", "issue.md"]
    assert (
        tmp_path / "issue.md"
    ).read_text() == "## broken\n\nReport and recordings: there\n"


@pytest.mark.parametrize(("key", "output"), [("a key", "there=yes\n"), ("", None)])
def test_a_site_without_secrets_is_passed_over(
    shell: Any, tmp_path: Path, key: str, output: str | None
) -> None:
    ended, _ = shell(
        step("nightly.yml", "Is there an organization")["run"],
        {},
        DD_API_KEY=key,
        SITE="datadoghq.eu",
    )
    file = tmp_path / "output"
    assert (ended, file.read_text() if file.exists() else None) == (0, output)


@pytest.mark.parametrize("accepted", ["", "a file.yaml"])
def test_the_gate_gives_the_driver_and_what_is_accepted_as_they_are(
    shell: Any, accepted: str
) -> None:
    variables = {
        "COMMAND": "node 'my driver.js' && true",
        "ACCEPTED": accepted,
        "PROFILE": "ci",
    }
    ended, called = shell(
        step("gate.yml", "Judge")["run"], {"contract": "exit 1"}, **variables
    )
    wanted = ["contract", "client", "--profile", "ci", "--report", "report"]
    wanted += ["--accepted", accepted] if accepted else []
    assert called == [[*wanted, "--", "bash", "-c", "node 'my driver.js' && true"]]
    assert ended == 1


# -- the steps themselves: GitHub and the live service aside, nothing stands in ----------------------------


@pytest.mark.slow
@pytest.mark.parametrize(("fault", "status"), [("", 0), ("status-201", 1)])
def test_a_night_is_judged_swept_and_told(
    shell: Any, tmp_path: Path, fault: str, status: int
) -> None:
    app = (
        next(each.make() for each in SERVICE_FAULTS if each.id == fault)
        if fault
        else Sandbox()
    )
    with tls_sandbox(app) as stage:
        environ = {
            **stage.environment(),
            "SSL_CERT_FILE": stage.ca_file,
            "SITE": "datadoghq.eu",
        }
        judge = step("nightly.yml", "Judge")["run"]
        judged = played(judge, tmp_path, BIN, **environ, GITHUB_RUN_NUMBER="7")
        swept = played(step("nightly.yml", "Sweep")["run"], tmp_path, BIN, **environ)
    assert (judged.returncode, judged.stderr.count("Traceback")) == (status, 0), (
        judged.stdout + judged.stderr
    )
    assert (tmp_path / "output").read_text() == f"status={status}\n"
    assert (swept.returncode, swept.stdout, stage.app.rows) == (0, "nothing left\n", {})
    verdict = json.loads((tmp_path / "report" / "verdict.json").read_text())
    assert (verdict["verdict"], verdict["sites"]) == (
        "broken" if fault else "holds",
        ["datadoghq.eu"],
    )
    assert list((tmp_path / ".contract" / "recordings").iterdir())
    if fault:
        told = step("nightly.yml", "Open or update the issue")["run"]
        ended, called = shell(
            told, {"gh": ""}, SITE="datadoghq.eu", RUN="https://example.com/run"
        )
        assert (ended, [words[2] for words in called]) == (0, ["list", "create"])
        issue = (tmp_path / "issue.md").read_text()
        assert "S-STATUS" in issue
        assert issue.endswith("Report and recordings: https://example.com/run\n")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a copy of the project as git has it, and the programs of an environment in which nothing is installed."""
    environment = tmp_path_factory.mktemp("environment")
    venv.create(environment, with_pip=True)
    return copied(tmp_path_factory.mktemp("copy")), environment / "bin"


@pytest.mark.slow
def test_ci_leaves_a_verdict(checkout: tuple[Path, Path]) -> None:
    copy, programs = checkout
    ran = played(step("ci.yml", "The verdict")["run"], copy, programs)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (
        json.loads((copy / "report" / "verdict.json").read_text())["verdict"] == "holds"
    )


@pytest.mark.slow
def test_the_gate_installs_the_suite_and_judges_a_driver(
    checkout: tuple[Path, Path], tmp_path: Path
) -> None:
    copy, programs = checkout
    installed = played(
        step("gate.yml", "Install the suite")["run"],
        tmp_path,
        programs,
        SUITE=str(copy),
    )
    assert installed.returncode == 0, installed.stdout + installed.stderr
    setup = "printf 'exec python -m contract.drivers.minimal' > 'our driver'"
    assert (
        played(
            step("gate.yml", "Build the driver")["run"], tmp_path, programs, SETUP=setup
        ).returncode
        == 0
    )
    given = {"COMMAND": "bash 'our driver'", "ACCEPTED": "", "PROFILE": "quick"}
    ran = played(step("gate.yml", "Judge")["run"], tmp_path, programs, **given)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert (
        json.loads((tmp_path / "report" / "verdict.json").read_text())["verdict"]
        == "holds"
    )
