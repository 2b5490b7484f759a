"""Drivers that are built from a checkout of their SDK, and the gate on two of them."""

import json
import os
import re
import shlex
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from contract.cli import main
from contract.drivers import building
from contract.drivers.building import (
    DRIVERS,
    FromSource,
    Recipe,
    build,
    checkout_of,
    driver_command,
)
from contract.drivers.checkouts import read_checkout
from contract.errors import SubjectError, UsageError
from contract.runs.clients import place_of

pytestmark = pytest.mark.usefixtures("elsewhere")

Capture = pytest.CaptureFixture[str]

SDKS = [name for name, recipe in DRIVERS.items() if recipe.source]
MINIMAL = f"{shlex.quote(sys.executable)} -m contract.drivers.minimal"
FAKE = Recipe(
    run=MINIMAL,
    tools=("fake-tool",),
    files=("manifest",),
    pin=r"sdk==(\S+)",
    build=("cp manifest built",),
    source=FromSource(
        "lib/operation", "fake-tool --version", ("fake-tool build",), "../sdk"
    ),
)
TOOL = """#!/bin/sh
[ "$1" != --version ] || { echo "tool 1"; exit; }
[ ! -e ../sdk/broken ] || { echo "no network"; echo "gave up" >&2; exit 1; }
cat manifest ../sdk/lib/operation > built
touch ../sdk/lib/generated
"""


def tool(name: str, text: str = TOOL) -> None:
    path = Path("bin", name)
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)


@pytest.fixture
def fake(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a driver `fake` into the table. Return the directory of a checkout."""
    (elsewhere / "drivers" / "fake").mkdir(parents=True)
    (elsewhere / "drivers" / "fake" / "manifest").write_text("a\nsdk==1.2\n")
    tool("fake-tool")
    monkeypatch.setenv("PATH", f"{elsewhere / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setattr(building, "SOURCES", elsewhere / "drivers")
    monkeypatch.setitem(DRIVERS, "fake", FAKE)
    monkeypatch.setenv("CONTRACT_CACHE", str(elsewhere / "cache"))
    return checkout("new")


def checkout(name: str, text: str = "source\n") -> Path:
    (Path(name) / "lib").mkdir(parents=True)
    (Path(name) / "lib" / "operation").write_text(text)
    return Path(name)


def built(directory: Path) -> Path:
    """Build the driver `fake` from a checkout."""
    place = build("fake", None, checkout_of("fake", directory))
    assert place is not None
    return place


def test_a_driver_is_built_in_a_copy(fake: Path) -> None:
    for path in (fake / "lib", fake / "lib" / "operation", fake):
        path.chmod(0o555)
    place = built(fake)
    assert re.fullmatch("fake-source-[0-9a-f]{16}", place.name)
    assert (place / "built").read_text() == "a\n../sdk\nsource\n"
    assert [path.name for path in fake.rglob("*")] == ["lib", "operation"]
    assert {path.name for path in place.parent.iterdir()} == {".fake.lock", place.name}
    for path in (fake, fake / "lib"):
        path.chmod(0o755)


def test_what_is_built_depends_on_the_files_and_the_compiler(fake: Path) -> None:
    place = built(fake)
    for folder in (".git", "tests", "lib/node_modules"):
        (fake / folder).mkdir()
        (fake / folder / "file").touch()
    (fake / "link").symlink_to("nowhere")
    os.mkfifo(fake / "pipe")
    assert built(fake) == place
    places = {place}
    tool("fake-tool", TOOL.replace("tool 1", "tool 2"))
    places.add(built(fake))
    (fake / "lib" / "operation").write_text("changed\n")
    places.add(built(fake))
    (fake / "lib" / "other").touch()
    places.add(built(fake))
    (fake / "lib" / "other").rename(fake / "other")
    places.add(built(fake))
    assert len(places) == 5


def test_a_checkout_that_changes_while_it_is_copied_is_not_built(fake: Path) -> None:
    before = read_checkout(fake)
    (fake / "lib" / "operation").write_text("changed\n")
    with pytest.raises(UsageError, match=r"^new: has changed while it was copied$"):
        build("fake", None, before)


def test_a_driver_without_sources_of_its_own_has_no_checkout(fake: Path) -> None:
    with pytest.raises(UsageError, match=r"^the driver curl is not built from source$"):
        checkout_of("curl", fake)


def test_an_sdk_without_the_operation_is_no_mistake_of_the_user(fake: Path) -> None:
    (fake / "lib" / "operation").unlink()
    with pytest.raises(
        SubjectError, match=r"^new: its SDK does not have the operation"
    ):
        checkout_of("fake", fake)


# -- the command line ------------------------------------------------------------------


@pytest.mark.parametrize("name", SDKS)
def test_a_directory_that_is_no_such_sdk_is_one_line(
    name: str, elsewhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    for word in DRIVERS[name].tools:
        tool(word)
    monkeypatch.setenv("PATH", str(elsewhere / "bin"))
    assert main(["client", "--driver", name, "--driver-source", "."]) == 2
    message = capsys.readouterr().err
    assert message.startswith(f"contract: .: is no source of the {name} SDK: ")
    assert message.count("\n") == 1


@pytest.mark.parametrize("name", SDKS)
def test_a_registry_that_is_not_reached_is_one_line(
    name: str, elsewhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    source = DRIVERS[name].source
    assert source is not None
    for word in (*DRIVERS[name].tools, "npx", "env", "sh"):
        tool(word, "#!/bin/sh\necho a; echo b; echo could not reach it >&2; exit 1\n")
    broken = replace(source, build=tuple(c for c in source.build if "venv" not in c))
    broken = replace(broken, build=broken.build or (f"{sys.executable} -c 1/0",))
    monkeypatch.setitem(DRIVERS, name, replace(DRIVERS[name], source=broken))
    monkeypatch.setenv("PATH", f"{elsewhere / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("CONTRACT_CACHE", str(elsewhere / "cache"))
    path = Path("sdk", source.operation)
    path.parent.mkdir(parents=True)
    path.touch()
    assert main(["client", "--driver", name, "--driver-source", "sdk"]) == 2
    message = capsys.readouterr().err
    assert message.startswith(f"contract: the driver {name} cannot be built: ")
    assert message.count("\n") == 1


SHORT = ("--profile", "quick", "--scenario", "certificates", "--json", "v.json")


def test_a_verdict_names_the_source_and_no_place_of_this_machine(
    fake: Path, elsewhere: Path
) -> None:
    words = ["client", "--driver", "fake", "--driver-source", str(fake.absolute())]
    assert main([*words, *SHORT]) == 0
    text = Path("v.json").read_text()
    subject = json.loads(text)["subject"]
    assert subject["version"].endswith(f"+source.{read_checkout(fake).digest[:8]}")
    assert str(elsewhere) not in text


@pytest.mark.parametrize(
    ("directory", "word"),
    [("new", "new"), ("a b", "'a b'"), ("{here}/new", "new"), (".", ".")]
    + [(text, "DIR") for text in ("..", "new/../..", "/", "{here}/../new")],
)
def test_a_replay_line_has_a_path_below_this_directory_only(
    elsewhere: Path, directory: str, word: str
) -> None:
    assert place_of(Path(directory.format(here=elsewhere))) == word


def test_two_checkouts_are_compared_and_sides_can_be_mixed(
    fake: Path, capsys: Capture
) -> None:
    checkout("old", "older\n")
    arguments = ["gate", "--driver", "fake", "--new-source", "new", *SHORT]
    for old in (["--old-source", "old"], ["--old-command", MINIMAL]):
        assert main([*arguments, *old]) == 0
        assert "no difference" in capsys.readouterr().out


def test_of_a_base_that_does_not_build_the_head_is_judged_alone(
    fake: Path, capsys: Capture
) -> None:
    (checkout("old") / "broken").touch()
    arguments = ["gate", "--driver", "fake", "--new-source", "new", *SHORT]
    assert main([*arguments, "--old-source", "old"]) == 0
    captured = capsys.readouterr()
    assert (
        "contract: warning: the driver fake cannot be built: fake-tool: no network | "
        "gave up; the new client is judged alone\n"
    ) in captured.err
    assert "difference" not in captured.out
    swapped = ["--old-source", "new", "--new-source", "old"]
    assert main(["gate", "--driver", "fake", *swapped, *SHORT]) == 2


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("--driver-source new", "--driver-source: needs --driver NAME"),
        ("--driver fake --driver-version 1 --driver-source new", "one SDK: give "),
        ("--driver fake --driver-source none", "--driver-source none: is no directory"),
    ],
)
def test_a_source_that_cannot_be_used_is_one_line(
    fake: Path, words: str, problem: str, capsys: Capture
) -> None:
    assert main(["client", *words.split()]) == 2
    message = capsys.readouterr().err
    assert message.startswith(f"contract: {problem}")
    assert message.count("\n") == 1


def test_the_list_of_drivers_says_what_is_here(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    for name in ("curl", "mvn", "ruby", "gem"):
        tool(name)
    monkeypatch.setenv("PATH", str(elsewhere / "bin"))
    assert main(["list", "drivers"]) == 0
    lines = [line.split(None, 1) for line in capsys.readouterr().out.splitlines()]
    states = {name: text.partition("needs ")[2] for name, text in lines}
    assert states == {
        "minimal": "python; here",
        "curl": "curl; here",
        "python": "python; here",
        "typescript": "node, npm; not here: node, npm",
        "go": "go; not here: go",
        **dict.fromkeys(
            ("java", "java-apache"), "mvn, javac, java; not here: javac, java"
        ),
        "rust": "cargo; not here: cargo",
        "ruby": "ruby, gem; here",
    }


# -- the SDKs themselves ---------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("name", SDKS)
def test_a_driver_of_a_real_checkout_runs(name: str, capsys: Capture) -> None:
    """CONTRACT_SDK_SOURCES is a directory with a checkout of each SDK, by its name."""
    directory = Path(os.environ.get("CONTRACT_SDK_SOURCES", "none"), name)
    if not directory.is_dir():
        pytest.skip(f"NOT TESTED: CONTRACT_SDK_SOURCES has no checkout of {name}")
    if missing := DRIVERS[name].missing:
        pytest.skip(f"NOT TESTED: {name} needs {', '.join(missing)}")
    before = read_checkout(directory)
    words = ["client", "--driver", name, "--driver-source", str(directory)]
    main([*words, *SHORT[:2], "--scenario", "sites", "--json", "v.json"])
    assert read_checkout(directory) == before
    verdict = json.loads(Path("v.json").read_text())
    assert verdict["exchanges"] > 8
    assert verdict["subject"]["version"].endswith(before.mark)
    command = driver_command(name, None, before)
    assert shutil.which(command[0])
