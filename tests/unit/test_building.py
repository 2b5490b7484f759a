"""The drivers that come with the suite: the cache in which they are built, and what they tell of their clients."""

import json
import re
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from contract.drivers import building
from contract.drivers.building import (
    RECIPES,
    Recipe,
    build,
    driver_command,
    pinned_version,
)
from contract.errors import SubjectError, UsageError
from contract.model import Case, Outcome, Response
from contract.servers.fake_sites import FakeSites
from contract.subjects.driver import Driver

pytestmark = pytest.mark.slow

KEYS = ("api-key", "app-key")
ROOT = Path(__file__).parents[2]
DRIVERS = ROOT / "contract" / "drivers"
COUNT = "import pathlib; pathlib.Path('count').open('a').write('.')"
FAKE = Recipe(
    files=("manifest", "inner/program.py"),
    pin=r"sdk==(\S+)",
    build=(
        (sys.executable, "-c", "import shutil; shutil.copy('manifest', 'built')"),
        (sys.executable, "-c", COUNT),
    ),
    run=(sys.executable, "{dir}/inner/program.py"),
)


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a driver `fake` into the table; return the directory of its files, below which is the cache, too."""
    sources = tmp_path / "fake"
    (sources / "inner").mkdir(parents=True)
    (sources / "manifest").write_text("other==7\nsdk==1.2.3\n")
    (sources / "inner" / "program.py").write_text("print('hello')\n")
    monkeypatch.setattr(building, "_SOURCES", tmp_path)
    monkeypatch.setitem(RECIPES, "fake", FAKE)  # type: ignore[arg-type]
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


def test_what_goes_into_a_driver_is_part_of_its_place(
    fake: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = {build("fake")}
    (fake / "inner" / "program.py").write_text("print('goodbye')\n")
    places.add(build("fake"))
    monkeypatch.setitem(RECIPES, "fake", replace(FAKE, build=FAKE.build[:1]))  # type: ignore[arg-type]
    places.add(build("fake"))
    assert len(places) == 3


def test_the_cache_can_be_chosen(
    fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = build("fake", cache=tmp_path / "given")
    by_variable = build("fake")
    monkeypatch.delenv("CONTRACT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    by_xdg = build("fake")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    by_default = build("fake")
    places = [
        place.parent.relative_to(tmp_path)
        for place in (given, by_variable, by_xdg, by_default)
        if place
    ]
    ours = Path("replay-heatmap-contract", "drivers")
    assert places == [
        Path("given"),
        Path("a cache"),
        Path("xdg", ours),
        Path("home", ".cache", ours),
    ]


def test_a_build_that_fails_leaves_nothing_and_says_what_the_tool_said(
    fake: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saying = "import sys; print('many'); print('words\\n\\n of the tool', file=sys.stderr); print('end'); sys.exit(3)"
    broken = replace(FAKE, build=(*FAKE.build, (sys.executable, "-u", "-c", saying)))
    monkeypatch.setitem(RECIPES, "fake", broken)  # type: ignore[arg-type]
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
        import pathlib, sys
        from dataclasses import replace
        from contract.drivers import building
        from contract.drivers.building import Recipe
        building._SOURCES = pathlib.Path({str(tmp_path)!r})
        fake = {FAKE!r}
        sleep = (sys.executable, "-c", "print('x', flush=True); import time; time.sleep(2)")
        building.RECIPES["fake"] = replace(fake, build=(*fake.build, sleep))
        building.driver_command("fake")
    """)
    with subprocess.Popen([sys.executable, "-c", slow], cwd=ROOT) as process:  # noqa: S603
        end = time.monotonic() + 20
        while (
            not list((tmp_path / "a cache").glob(".fake-*/fake/count"))
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
    slow = replace(FAKE, build=((sys.executable, "-c", slowly),))
    monkeypatch.setitem(RECIPES, "fake", slow)  # type: ignore[arg-type]
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
        RECIPES, "fake", replace(FAKE, tools=("no-such-tool", "sh", "nor-this"))
    )  # type: ignore[arg-type]
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


def test_a_version_that_does_not_exist_is_said_in_the_words_of_the_tool(
    tmp_path: Path,
) -> None:
    with pytest.raises(
        SubjectError,
        match=r"^the driver python cannot be built: .*No matching distribution found",
    ):
        driver_command("python", "0.0.0", cache=tmp_path)
    assert built_in(tmp_path) == []


@pytest.mark.parametrize(
    "name", [name for name, recipe in RECIPES.items() if recipe.files]
)
def test_every_file_of_a_driver_goes_into_it_and_its_manifest_pins_one_version(
    name: str,
) -> None:
    there = {
        path.relative_to(DRIVERS / name)
        for path in (DRIVERS / name).rglob("*")
        if path.is_file()
    }
    assert {str(path) for path in there if "__pycache__" not in path.parts} == set(
        RECIPES[name].files
    )
    assert pinned_version(name)[0].isdecimal()


BODY = {
    "data": {
        "type": "snapshots",
        "id": "i",
        "more": {"event_id": [1.5]},
        "attributes": {
            "event_id": "\U0001f600",
            "start": -(2**53),
            "is_device_type_selected_by_user": True,
            "other": None,
        },
    }
}
SNAPSHOT = {
    "data": {
        "type": "snapshots",
        "id": "x",
        "attributes": {
            "created_by_user_id": 2**53,
            "event_id": "\U0001f600",
            "is_device_type_selected_by_user": False,
            "more": {"a_b": 1},
        },
    }
}
ASKED = Case("test", ("test",), "a/b", BODY, site="us5.datadoghq.com", timeout_s=5)
JSON = (("Content-Type", "application/json"),)


@pytest.mark.parametrize("name", ["minimal", "curl", "python", "typescript"])
def test_each_driver_tells_what_its_client_did(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    success = Response(200, JSON, json.dumps(SNAPSHOT).encode())
    limited = Response(429, JSON, b'{"errors": ["one", "two"]}')
    with subject(name) as told:
        good, requests = told(replace(ASKED, responses=(success,)))
        error, _ = told(replace(ASKED, responses=(limited,)))
        stalled, _ = told(
            replace(
                ASKED, responses=(replace(success, delivery="stall"),), timeout_s=0.3
            )
        )
        untrusted, none = told(
            replace(ASKED, responses=(success,), tls="unknown authority")
        )
    assert (good.kind, good.snapshot, good.stray) == ("snapshot", SNAPSHOT, "")
    assert [json.loads(body) for body in requests] == [BODY]
    assert (error.kind, error.status, error.errors) == (
        "api_error",
        429,
        ("one", "two"),
    )
    no_answer = (
        "crashed" if name == "python" else "failed"
    )  # it lets the errors of urllib3 through
    assert (stalled.kind, untrusted.kind, none) == (no_answer, no_answer, [])


Told = Callable[[Case], tuple[Outcome, list[bytes]]]


@contextmanager
def subject(name: str) -> Iterator[Told]:
    """Run a driver; yield what plays a case and returns the outcome and the bodies of the requests.

    It is built in the cache of the user who runs the tests.
    """
    with (
        FakeSites([ASKED.site]) as impostor,
        Driver(driver_command(name), impostor.environment()) as driver,
    ):
        assert driver.lost == set()

        def told(case: Case) -> tuple[Outcome, list[bytes]]:
            impostor.script(case)
            outcome = driver.update(case, KEYS)
            return outcome, [request.body for request in impostor.recorded()[0]]

        yield told


@pytest.fixture(scope="module")
def typescript() -> Iterator[Told]:
    """Keep one driver for the tests of this module: Node takes seconds to load the SDK."""
    with subject("typescript") as told:
        yield told


def answered(attributes: dict[str, object]) -> Case:
    document = {"data": {"type": "snapshots", "attributes": attributes}}
    return replace(
        ASKED, responses=(Response(200, JSON, json.dumps(document).encode()),)
    )


@pytest.mark.parametrize(
    ("start", "kind", "sent"),
    [
        (0, "snapshot", b"0"),
        (2**53, "snapshot", b"9007199254740992"),
        (2**53 + 1, "unsupported", None),
        (2**63 - 1, "unsupported", None),
        (
            -(2**63),
            "snapshot",
            b"-9223372036854776000",
        ),  # a number, handed over exactly; the rest is the SDK's
    ],
)
def test_typescript_is_not_asked_for_a_number_that_it_cannot_express(
    typescript: Told, start: int, kind: str, sent: bytes | None
) -> None:
    attributes = {
        "event_id": "",
        "start": start,
        "is_device_type_selected_by_user": True,
    }
    body = {"data": {"type": "snapshots", "attributes": attributes}}
    outcome, bodies = typescript(replace(answered({}), body=body))
    assert (outcome.kind, outcome.message) == (
        kind,
        "" if sent else f"no number is {start}",
    )
    assert [re.findall(rb'"start":([^,}]+)', body) for body in bodies] == (
        [[sent]] if sent else []
    )


def test_typescript_numbers_come_back_digit_by_digit(typescript: Told) -> None:
    outcome, _ = typescript(
        answered({"org_id": -(2**63), "created_by_user_id": 2**53 + 1})
    )
    # the SDK's JSON.parse has rounded the second
    assert outcome.snapshot["data"]["attributes"] == {
        "org_id": -(2**63),
        "created_by_user_id": 2**53,
    }


def test_a_typescript_error_other_than_429_is_one_text(typescript: Told) -> None:
    outcome, _ = typescript(
        replace(ASKED, responses=(Response(404, JSON, b'{"errors": ["none such"]}'),))
    )
    assert (outcome.kind, outcome.status) == ("api_error", 404)
    [text] = outcome.errors  # the SDK's own words around the body of the answer
    assert '{"errors": ["none such"]}' in text


def test_typescript_dates_are_what_a_date_holds(typescript: Told) -> None:
    outcome, _ = typescript(
        answered(
            {"created_at": "2024-05-06T07:08:09.123456+02:00", "modified_at": "soon"}
        )
    )
    assert outcome.snapshot["data"]["attributes"] == {
        "created_at": "2024-05-06T05:08:09.123Z",
        "modified_at": None,
    }


@pytest.mark.parametrize(
    ("body", "answer", "kind", "type_"),
    [
        ({}, b"{}", "refused", ""),
        (None, b"{}", "refused", ""),
        ({"data": {"type": "others"}}, b"{}", "crashed", "TypeError"),
        (BODY, b'{"data": {}}', "broken_answer", ""),
        (BODY, b'{"data": {"type": "snapshots", "id": 1}}', "crashed", "TypeError"),
    ],
    ids=["required", "null", "enum", "answer required", "answer type"],
)
def test_typescript_errors_are_told_apart_by_class_and_time(
    typescript: Told, body: object, answer: bytes, kind: str, type_: str
) -> None:
    outcome, _ = typescript(
        replace(ASKED, body=body, responses=(Response(200, JSON, answer),))
    )
    assert (outcome.kind, outcome.type) == (kind, type_)
