"""The drivers that come with the suite: how they are built, and their cache."""

import shlex
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from contract.drivers import building
from contract.drivers.building import (
    DRIVERS,
    Recipe,
    build,
    driver_command,
    pinned_version,
)
from contract.errors import SubjectError, UsageError

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "contract" / "drivers"


def python(program: str) -> str:
    """Return the command that runs a program."""
    return shlex.join((sys.executable, "-u", "-c", program))


COUNT = "import pathlib; pathlib.Path('count').open('a').write('.')"
FAKE = Recipe(
    files=("manifest", "inner/program.py"),
    pin=r"sdk==(\S+)",
    build=(python("import shutil; shutil.copy('manifest', 'built')"), python(COUNT)),
    run=shlex.join((sys.executable, "{dir}/inner/program.py")),
)


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a driver `fake` into the table. Return the directory of its files."""
    sources = tmp_path / "fake"
    (sources / "inner").mkdir(parents=True)
    (sources / "manifest").write_text("other==7\nsdk==1.2.3\n")
    (sources / "inner" / "program.py").write_text("print('hello')\n")
    monkeypatch.setattr(building, "SOURCES", tmp_path)
    monkeypatch.setitem(DRIVERS, "fake", FAKE)
    monkeypatch.setenv("CONTRACT_CACHE", str(tmp_path / "a cache"))
    return sources


def built_in(cache: Path) -> list[str]:
    return sorted(
        path.name for path in cache.iterdir() if not path.name.startswith(".")
    )


def test_a_driver_is_built_once_and_its_command_runs(fake: Path) -> None:
    command = driver_command("fake")
    assert (
        subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603
        == "hello\n"
    )
    assert driver_command("fake") == command
    directory = build("fake")
    assert directory is not None
    assert directory.name.startswith("fake-1.2.3-")
    assert (directory / "count").read_text() == "."


def test_another_version_replaces_the_pinned_one_alone(fake: Path) -> None:
    directory = build("fake", "2.0.0-rc.1")
    assert directory is not None
    assert (directory / "built").read_text() == "other==7\nsdk==2.0.0-rc.1\n"
    assert directory != build("fake")
    assert build("fake") == build("fake", "1.2.3")


def test_the_directory_depends_on_everything_that_is_built(
    fake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = {build("fake")}
    (fake / "inner" / "program.py").write_text("print('goodbye')\n")
    places.add(build("fake"))
    monkeypatch.setitem(DRIVERS, "fake", replace(FAKE, build=FAKE.build[:1]))
    places.add(build("fake"))
    assert len(places) == 3


def test_the_cache_can_be_chosen(
    fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_variable = build("fake")
    monkeypatch.delenv("CONTRACT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    by_xdg = build("fake")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    by_default = build("fake")
    places = [
        place.parent.relative_to(tmp_path)
        for place in (by_variable, by_xdg, by_default)
        if place
    ]
    name = Path("replay-heatmap-contract", "drivers")
    assert places == [
        Path("a cache"),
        Path("xdg", name),
        Path("home", ".cache", name),
    ]


def test_a_build_that_fails_leaves_nothing_and_says_what_the_tool_said(
    fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saying = "import sys; print('many'); print('words\\n\\n of the tool', file=sys.stderr); print('end'); sys.exit(3)"
    broken = replace(FAKE, build=(*FAKE.build, python(saying)))
    monkeypatch.setitem(DRIVERS, "fake", broken)
    with pytest.raises(SubjectError) as raised:
        driver_command("fake")
    assert (
        str(raised.value)
        == f"the driver fake cannot be built: {sys.executable}: words | of the tool | end"
    )
    assert built_in(tmp_path / "a cache") == []


def test_a_build_that_is_killed_leaves_nothing_that_looks_whole(
    fake: Path, tmp_path: Path
) -> None:
    slow = textwrap.dedent(f"""
        import pathlib
        from dataclasses import replace
        from contract.drivers import building
        from contract.drivers.building import Recipe
        building.SOURCES = pathlib.Path({str(tmp_path)!r})
        fake = {FAKE!r}
        sleep = {python("import time; time.sleep(2)")!r}
        building.DRIVERS["fake"] = replace(fake, build=(*fake.build, sleep))
        building.driver_command("fake")
    """)
    with subprocess.Popen([sys.executable, "-c", slow], cwd=ROOT) as process:  # noqa: S603
        end = time.monotonic() + 20
        while (
            not list((tmp_path / "a cache").glob(".fake-*/driver/count"))
            and time.monotonic() < end
        ):
            time.sleep(0.02)
        process.kill()
    assert built_in(tmp_path / "a cache") == []
    assert driver_command("fake")


def test_of_two_builds_at_once_the_second_waits_for_the_first(
    fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    slowly = f"import pathlib, time; pathlib.Path({str(log)!r}).open('a').write('.'); time.sleep(0.5)"
    slow = replace(FAKE, build=(python(slowly),))
    monkeypatch.setitem(DRIVERS, "fake", slow)
    places: list[Path | None] = []
    threads = [
        threading.Thread(target=lambda: places.append(build("fake"))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(places) == 3
    assert len(set(places)) == 1
    assert log.read_text() == "."


def test_an_unknown_driver_is_named_with_those_that_there_are() -> None:
    with pytest.raises(
        UsageError,
        match=r"^no driver 'perl'; there are curl, .*minimal, python, .*typescript",
    ):
        driver_command("perl")


def test_a_missing_tool_is_named(fake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        DRIVERS, "fake", replace(FAKE, tools=("no-such-tool", "sh", "nor-this"))
    )
    with pytest.raises(
        UsageError,
        match=r"^the driver fake needs what is not on the PATH: no-such-tool, nor-this$",
    ):
        driver_command("fake")


@pytest.mark.parametrize(
    "version", ["latest", "", "1.0; import os", "../1", "v2.51.0", " 1"]
)
def test_a_version_is_no_other_text(version: str) -> None:
    with pytest.raises(
        UsageError, match=r"^a version of the driver python has the form [0-9.]+, not '"
    ):
        driver_command("python", version)


@pytest.mark.parametrize("name", ["curl", "minimal"])
def test_a_driver_of_what_is_installed_has_no_version_to_choose(name: str) -> None:
    with pytest.raises(
        UsageError,
        match=f"^the driver {name} runs what is installed, no version can be chosen: 1.0$",
    ):
        driver_command(name, "1.0")


@pytest.mark.slow
def test_a_version_that_does_not_exist_cannot_be_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONTRACT_CACHE", str(tmp_path))
    with pytest.raises(
        SubjectError,
        match=r"^the driver python cannot be built: ",
    ):
        driver_command("python", "0.0.0")
    assert built_in(tmp_path) == []


@pytest.mark.parametrize(
    "name", [name for name, recipe in DRIVERS.items() if recipe.files]
)
def test_every_file_of_a_driver_goes_into_it_and_its_manifest_pins_one_version(
    name: str,
) -> None:
    folder = FOLDER / name.partition("-")[0]  # java-apache has the files of java
    files = {path.relative_to(folder) for path in folder.rglob("*") if path.is_file()}
    assert {str(path) for path in files if "__pycache__" not in path.parts} == set(
        DRIVERS[name].files
    )
    assert pinned_version(name)[0].isdecimal()
