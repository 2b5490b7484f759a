"""`[tool.contract]` in pyproject.toml, and the one list of options behind all places."""

import re
from pathlib import Path
from typing import Any

import pytest
from replay_heatmap_contract import TAKEN

import contract.options
from contract.api import ServiceOptions, check_client, check_service
from contract.cli import main
from contract.cli.entry import cli
from contract.engine.job import WAITING, RunOptions
from contract.engine.runner import MAX_WAIT_S
from contract.engine.schedule import PROFILES
from contract.live import LiveOptions
from contract.options import (
    DEFAULTS,
    OPTIONS,
    SETTINGS,
    SHOWN_AS,
    read_settings,
)
from tests.checkout import ROOT

Capture = pytest.CaptureFixture[str]

pytestmark = pytest.mark.usefixtures("elsewhere")

WITHOUT_ARGUMENT = (
    *("json", "verbose", "python", "driver", "driver-version", "driver-source"),
    *("live", "no-collection"),
)
"""Options that Python does not have."""


def write(text: str, directory: Path = Path()) -> Path:
    """Write the settings, and return their file."""
    file = directory.absolute() / "pyproject.toml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


# -- one list --------------------------------------------------------------------------


def places() -> list[tuple[str, ...]]:
    """Return the row of each option in the table of the README."""
    return [
        tuple(
            f"`{text}`" if text else ""
            for text in (
                SHOWN_AS.get(item.name, f"--{item.name}"),
                f"--contract-{item.name}" if item.in_pytest else "",
                "" if item.name in WITHOUT_ARGUMENT else item.parameter,
                item.setting,
            )
        )
        for item in OPTIONS
    ]


def test_the_table_of_the_readme_is_that_of_the_list() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    _, table = text.split("| command line | pytest | Python | `[tool.contract]` |\n")
    lines = table.partition("\n\n")[0].splitlines()[1:]
    rows = [
        tuple(cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1])
        for line in lines
    ]
    assert rows == places()


def test_an_argument_of_the_list_is_one_of_python() -> None:
    names = {*RunOptions.__annotations__, *ServiceOptions.__annotations__}
    names |= {"client", "recordings", "sites"}
    names |= {"urls"}
    for item in OPTIONS:
        assert item.name in WITHOUT_ARGUMENT or item.parameter in names, item.name
    clients = check_client.__wrapped__.__annotations__  # type: ignore[attr-defined]
    assert {"client", "recordings", "sites"} <= {*clients}


def test_every_option_of_python_is_in_the_list() -> None:
    in_code = {"keys", "other_keys", "secrets", "progress", "on_wait", "clock"}
    in_code |= {"journals", "timeout_s", "collection", "names"}
    names = {item.parameter for item in OPTIONS}
    kinds: tuple[Any, ...] = RunOptions, ServiceOptions, LiveOptions
    for kind in kinds:
        assert {*kind.__annotations__} - in_code <= names


def test_the_list_is_that_of_the_code() -> None:
    assert tuple(PROFILES) == contract.options.PROFILES
    assert DEFAULTS == {
        "profile": "ci",
        "seed": 1,
        "max-wait": MAX_WAIT_S,
        "waiting": WAITING,
    }
    taken = {item.name for item in OPTIONS if item.in_pytest}
    assert TAKEN.keys() == taken | {"fault", "prove"}


def test_what_may_be_secret_or_dangerous_is_no_setting() -> None:
    names = {"header", "live", "disposable", "snapshot-id", "update-accepted", "prune"}
    assert not names & {*SETTINGS}


# -- the file --------------------------------------------------------------------------


def test_the_nearest_file_with_the_table_counts(tmp_path: Path) -> None:
    write("[tool.contract]\nprofile = 'quick'\nseed = 7\n")
    write("[tool.other]\nname = 'contract'\n", tmp_path / "a")
    write("[tool.contract]\nseed = 8\n", tmp_path / "a" / "b")
    inner = tmp_path / "a" / "b" / "c"
    inner.mkdir()
    assert read_settings(inner) == {"seed": 8}
    assert read_settings(tmp_path / "a") == {"profile": "quick", "seed": 7}


def test_relative_paths_begin_at_the_file(tmp_path: Path) -> None:
    write(
        "[tool.contract]\naccepted = 'our/accepted.yaml'\nkey = '/key.pem'\n"
        "client = 'node driver.js --driver.js none.js'\n"
    )
    (tmp_path / "driver.js").touch()
    (tmp_path / "node").touch()
    inner = tmp_path / "inner"
    inner.mkdir()
    assert read_settings(inner) == {
        "accepted": tmp_path / "our" / "accepted.yaml",
        "key": Path("/key.pem"),
        "client": f"node {tmp_path}/driver.js --driver.js none.js",
    }
    assert read_settings(tmp_path)["client"].startswith("node driver.js ")


def test_one_text_is_a_list_of_one() -> None:
    write("[tool.contract]\nservice = 'http://127.0.0.1:1'\n")
    assert read_settings(Path.cwd()) == {"service": ["http://127.0.0.1:1"]}


WRONG = {
    "[tool.contract": "pyproject.toml: Expected ']'",
    "[tool]\ncontract = 1": "pyproject.toml: [tool.contract] must be a table",
    "[tool.contract]\ncolor = 1": "[tool.contract]: unknown key 'color' (one of: profile, ",
    "[tool.contract]\nheader = 'a: b'": "unknown key 'header'",
    "[tool.contract]\nsites = 'a'\nsite = 'a'": "unknown key 'site'",
    "[tool.contract]\nprofile = 3": ": profile must be quick|ci|nightly, is 3",
    "[tool.contract]\nprofile = 'slow'": ": profile must be quick|ci|nightly, is 'slow'",
    "[tool.contract]\nprofile = ''": ": profile must be quick|ci|nightly, is ''",
    "[tool.contract]\nseed = true": ": seed must be an integer, is True",
    "[tool.contract]\nseed = 1.5": ": seed must be an integer, is 1.5",
    "[tool.contract]\nstrict = 1": ": strict must be true or false, is 1",
    "[tool.contract]\nmax-wait = 'x'": ": max-wait must be a number from 0, is 'x'",
    "[tool.contract]\nmax-wait = nan": ": max-wait must be a number from 0, is nan",
    "[tool.contract]\nmax-rate = true": ": max-rate must be a number from 0, is True",
    "[tool.contract]\nsites = [1]": ": sites must be a list of texts, is [1]",
    "[tool.contract]\nsites = []": ": sites must be a list of texts, is []",
    "[tool.contract]\nsites = ['mars']": "not a site: 'mars' (accepted: a host name",
    "[tool.contract]\nsites = ['app.datadoghq.eu']": "did you mean datadoghq.eu?",
    "[tool.contract]\nsites = ['api.uk1.datadoghq.com']": "not a site: 'api.uk1",
    "[tool.contract]\nsites = ['https://a.example']": "not a site: 'https://a.example'",
    "[tool.contract]\nsites = ['10.0.0.1']": "not a site: '10.0.0.1'",
    "[tool.contract]\nclient = '\"'": "No closing quotation",
    "[tool.contract]\naccepted = 'none.yaml'": "none.yaml: cannot be read",
    "[tool.contract]\nclient = ''": ": client must be some text, is ''",
    '[tool.contract]\nreport = "a\\u0000b"': ": report must be some text, is 'a\\x00b'",
    "[tool.contract]\npython = 'a:b'\ndriver = 'go'": "one client at a time",
    "[tool.contract]\n# \xff": "pyproject.toml: 'utf-8' codec",
}


@pytest.mark.parametrize("text", WRONG)
def test_wrong_settings_are_one_line_and_status_2(text: str, capsys: Capture) -> None:
    Path("pyproject.toml").write_bytes(text.encode("latin-1"))
    assert main(["client"]) == 2
    captured = capsys.readouterr()
    assert (captured.out, captured.err.count("\n")) == ("", 1)
    assert WRONG[text] in captured.err
    assert main(["list", "sites"]) == 0


NO_TOML = {text for text in WRONG if WRONG[text].startswith("pyproject.toml: ")}
"""Files that pytest itself refuses, in one line."""


@pytest.mark.parametrize("text", [text for text in WRONG if text not in NO_TOML])
def test_wrong_settings_are_a_usage_error_of_pytest(
    text: str, pytester: pytest.Pytester
) -> None:
    (pytester.path / "pyproject.toml").write_bytes(text.encode("latin-1"))
    (pytester.path / "pytest.ini").write_text("[pytest]\n")
    result = pytester.runpytest_inprocess("-p", "no:schemathesis")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    lines = [line for line in result.stderr.lines if line]
    assert len(lines) == 1
    assert WRONG[text] in lines[0]


# -- the command line ------------------------------------------------------------------


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any, dict[str, Any]]]:
    """Return what the commands give to the Python API, which then ends the run."""
    called: list[tuple[str, Any, dict[str, Any]]] = []

    def note(name: str) -> Any:
        def check(*args: Any, **options: Any) -> None:
            called.append((name, args, options))
            raise contract.UsageError("enough")

        return check

    for name in ("check_client", "check_service", "check_live", "check_example"):
        module = "service" if name in ("check_service", "check_live") else "client"
        monkeypatch.setattr(f"contract.cli.{module}.{name}", note(name))
    return called


ALL = """
[tool.contract]
profile = "quick"
seed = 5
sites = ["datadoghq.eu", "uk1.datadoghq.com"]
strict = true
accepted = "accepted.yaml"
max-wait = 7
client = "node driver.js"
service = ["http://127.0.0.1:9", "http://127.0.0.1:8"]
max-rate = 3
max-lag = 2
no-collection = true
ca-file = "ca.pem"
cert = "cert.pem"
key = "key.pem"
"""


def test_settings_reach_the_client(calls: Any, tmp_path: Path) -> None:
    write(ALL)
    assert main(["client"]) == 2
    ((name, (client,), options),) = calls
    assert (name, client) == ("check_client", ["node", "driver.js"])
    assert (
        options["sites"]
        == options["own_sites"]
        == ("datadoghq.eu", "uk1.datadoghq.com")
    )
    assert options["profile"] == "quick"
    assert (options["seed"], options["strict"], options["max_wait_s"]) == (5, True, 7)
    assert options["accepted"] == tmp_path / "accepted.yaml"


def test_the_command_line_wins_over_settings(calls: Any) -> None:
    write(ALL)
    words = "client --profile ci --seed 6 --site datadoghq.com --max-wait 8"
    assert main([*words.split(), "--accepted", "b.yaml", "--", "go", "run"]) == 2
    ((_, (client,), options),) = calls
    assert client == ["go", "run"]
    assert options["sites"] == ("datadoghq.com",)
    assert options["own_sites"] == ("datadoghq.eu", "uk1.datadoghq.com")
    assert (options["profile"], options["seed"], options["max_wait_s"]) == ("ci", 6, 8)
    assert options["accepted"] == Path("b.yaml")


@pytest.mark.parametrize(
    ("settings", "words", "client"),
    [
        ("python = 'a:b'", "", "a:b"),
        ("python = 'a:b'", "--python c:d", "c:d"),
        ("python = 'a:b'", "-- c", ["c"]),
        ("client = 'c'", "--python a:b", "a:b"),
        ("driver = 'no'\ndriver-version = '2'", "--python a:b", "a:b"),
    ],
)
def test_a_client_of_the_command_line_replaces_all_settings_of_clients(
    calls: Any, settings: str, words: str, client: Any
) -> None:
    write(f"[tool.contract]\n{settings}\n")
    assert main(["client", *words.split()]) == 2
    assert calls[0][1] == (client,)


def test_settings_reach_the_service(calls: Any, tmp_path: Path) -> None:
    write(ALL)
    assert main(["service"]) == 2
    ((name, urls, options),) = calls
    assert (name, urls) == (
        "check_service",
        ("http://127.0.0.1:9", "http://127.0.0.1:8"),
    )
    assert options["ca_file"] == tmp_path / "ca.pem"
    assert (options["cert"], options["key"]) == (
        tmp_path / "cert.pem",
        tmp_path / "key.pem",
    )
    assert (options["max_rate"], options["max_lag_s"]) == (3, 2)
    assert options["collection"] is False


def test_a_url_or_a_live_site_replaces_the_service_of_the_settings(calls: Any) -> None:
    write(ALL)
    assert main(["service", "http://127.0.0.1:7"]) == 2
    assert main(["service", "--live", "datadoghq.eu"]) == 2
    assert [call[:2] for call in calls] == [
        ("check_service", ("http://127.0.0.1:7",)),
        ("check_live", ("datadoghq.eu",)),
    ]


def test_settings_of_a_service_do_not_ask_for_a_url(calls: Any) -> None:
    write("[tool.contract]\ncert = 'cert.pem'\nsites = ['datadoghq.eu']\n")
    assert main(["service"]) == 2
    assert calls[0][:2] == ("check_service", ())


def test_a_replay_and_a_program_of_the_page_take_no_client_of_the_settings(
    calls: Any, capsys: Capture
) -> None:
    write("[tool.contract]\npython = 'a:b'\n")
    Path("page.md").write_text("a page")
    assert main(["client", "--example", "curl", "--page", "page.md"]) == 2
    assert main(["replay", "C-METHOD/method-wrong"]) == 2
    assert [call[0] for call in calls] == ["check_example"]
    assert "no case" in capsys.readouterr().err


def test_commands_that_check_nothing_read_no_settings() -> None:
    readers = {name for item in OPTIONS for name in item.commands.split()}
    checks = {"check", "client", "service", "gate", "prove"}
    assert readers == checks | {"merge", "replay", "sweep"}
    assert readers < {*cli.list_commands(None)}  # type: ignore[arg-type]


def test_the_processes_of_a_proof_are_a_setting(capsys: Capture) -> None:
    write("[tool.contract]\njobs = 0\n")
    assert main(["prove", "--fault", "accepts-no-type"]) == 2
    assert "jobs: must be 1 or more, is 0" in capsys.readouterr().err
    assert main(["prove", "--fault", "accepts-no-type", "--jobs", "1"]) == 0


# -- Python ----------------------------------------------------------------------------


def test_python_reads_no_settings() -> None:
    write("[tool.contract]\nprofile = 'nightly'\nsites = ['mars']\nclient = 'no'\n")
    verdict = check_client(scenarios=["keys"], profile="quick")
    assert (verdict.name, len(verdict.sites)) == ("minimal", 8)
    assert check_service(scenarios=["keys"], profile="quick").name == "sandbox"
