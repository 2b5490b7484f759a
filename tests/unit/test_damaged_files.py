"""Every file that the suite reads, with the same list of damaged contents."""

import json
import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import islice, product
from pathlib import Path

import pytest
import yaml

from contract.cases.client import client_scenarios
from contract.cases.codec import case_to_json
from contract.cases.scenario import Scenario
from contract.cases.service import service_scenarios
from contract.cli import main
from contract.cli.run import find_cases
from contract.drift import drift
from contract.drift.operation import facts_of_openapi
from contract.engine.baseline import read_baseline
from contract.errors import ContractError
from contract.live.journal import file_name, read_journals
from contract.model import AnyCase, Json
from contract.recordings.replay import changes, recorded_updates
from contract.spec import Spec, load
from contract.spec.text import parsed
from tests.drift.sources import OPENAPI, PAGE
from tests.unit.damaged import damaged
from tests.unit.recorded_runs import rejudge

pytestmark = pytest.mark.usefixtures("elsewhere")

Capture = pytest.CaptureFixture[str]

SPEC_FILES = Path(__file__).parents[2] / "spec"
DOCUMENT = (SPEC_FILES / "openapi.yaml").read_bytes()
OVERLAY = (SPEC_FILES / "observed.overlay.yaml").read_bytes()
RECORDING = (SPEC_FILES / "recordings" / "sandbox" / "keys.yaml").read_bytes()

ACCEPTED = {
    "format": 2,
    "client": "x",
    "version": "1",
    "accepted": [
        {
            "clause": "C-VALID",
            "rule": "null-sent",
            "places": ["/data/id"],
            "kinds": ["keys/**"],
            "reason": "Known.",
            "expires": "2099-01-01",
        }
    ],
}
CASSETTE = {
    "version": 1,
    "interactions": [
        {
            "request": {
                "method": "PATCH",
                "uri": "https://api.datadoghq.eu/api/v2/replay/heatmap/snapshots/a",
                "headers": {"Accept": ["a"]},
                "body": None,
            },
            "response": {
                "status": {"code": 429, "message": "x"},
                "headers": {"Content-Type": ["application/json"]},
                "body": {"string": '{"errors": ["x"]}'},
            },
        }
    ],
}
RUN = "contract-test 2026-11-23 host 1f3a9c00"
JOURNAL = [
    {"event": "run", "run": RUN, "site": "x", "keys": {"own": "a"}, "at": "b"},
    {"event": "create", "org": "own"},
    {"event": "answered", "org": "own", "id": "a"},
    {"event": "removed", "id": "a"},
]


def verdict_file(spec: Spec, side: str) -> dict[str, Json]:
    """Return a JSON verdict with a case of each sort."""
    scenarios = client_scenarios(spec) if side == "C" else service_scenarios(spec)
    cases = (case.in_scenario(s.name) for s in scenarios for case in first(s))
    causes = [
        {
            "clause": f"{side}-ONE",
            "rule": f"x{number}",
            "breach": f"{side}-ONE/x{number}@",
            "case": case_to_json(case),
        }
        for number, case in enumerate(cases)
        if number % 5 == 0
    ]
    breaches = [{"id": f"{side}-ONE/x0@", "kinds": "0"}]
    return {
        "format": 2,
        "causes": causes,
        "breaches": breaches,
        "kinds": ["keys/plain"],
    }


def first(scenario: Scenario) -> Iterator[AnyCase]:
    """Yield the first case of a scenario that can be played alone."""
    cases = (c for c in scenario.cases() if not getattr(c, "is_step", False))
    return islice(cases, 1)


# -- damaged contents ------------------------------------------------------------------

Damage = Callable[[Path, bytes], object]


def write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def replace_by(content: bytes, path: Path, good: bytes) -> None:
    write(path, content)


def make_large(path: Path, good: bytes) -> None:
    with path.open("wb") as file:
        file.truncate(50 * 2**20)


DAMAGES: dict[str, Damage] = {
    "missing": lambda path, good: None,
    "empty": partial(replace_by, b""),
    "truncated": lambda path, good: write(path, good[: len(good) // 2]),
    "not UTF-8": lambda path, good: write(path, good[:9] + b"\xff\xfe" + good[9:]),
    "UTF-16": lambda path, good: write(path, good.decode().encode("utf-16")),
    "NUL": lambda path, good: write(path, good[:9] + b"\0" + good[9:]),
    "nested lists": partial(replace_by, b"[" * 100_000),
    "nested objects": partial(replace_by, b'{"a":' * 100_000),
    "nested blocks": partial(replace_by, b"- " * 100_000),
    "a text": partial(replace_by, b"text"),
    "a number": partial(replace_by, b"1" * 5_000),
    "a directory": lambda path, good: path.mkdir(),
    "a FIFO": lambda path, good: os.mkfifo(path),
    "50 MB": make_large,
    "a loop of links": lambda path, good: path.symlink_to(path),
}

FILES: dict[str, tuple[str, bytes, str]] = {
    "accepted": ("f", yaml.safe_dump(ACCEPTED).encode(), "client --accepted f"),
    "verdict": ("f.json", b'{"format": 2, "causes": []}', "replay f.json"),
    "cassette": ("c/f.yml", yaml.safe_dump(CASSETTE).encode(), "client --recordings c"),
    "JSON": ("c/f.json", json.dumps(CASSETTE).encode(), "drift --recordings c"),
    "page": ("f", PAGE.encode(), "drift --page f"),
    "example": ("f", PAGE.encode(), "client --example python --page f"),
    "OpenAPI": ("f", OPENAPI.encode(), "drift --openapi f"),
    "spec": ("s/openapi.yaml", DOCUMENT, "list sites"),
    "overlay": ("s/observed.overlay.yaml", OVERLAY, "list sites"),
    "manifest": ("d/python/requirements.txt", b"datadog-api-client==2", "list drivers"),
    "CA file": ("f", b"-----BEGIN", "service https://localhost:9 --ca-file f"),
    "journal": (
        f".contract/live/{file_name(RUN)}",
        "".join(f"{json.dumps(line)}\n" for line in JOURNAL).encode(),
        "sweep",
    ),
}
"""File, a good content, and a command that reads it."""

HARMLESS = {
    *(("manifest", name) for name in ("truncated", "NUL", "UTF-16")),
    *(("journal", name) for name in ("missing", "empty", "truncated")),
    *((name, "NUL") for name in ("page", "example")),
    ("page", "truncated"),
}
"""What is left can be read, or is not read."""


@pytest.fixture
def surroundings(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a spec, drivers and keys where the commands look for them."""
    for name, content in (("openapi", DOCUMENT), ("observed.overlay", OVERLAY)):
        path = elsewhere / "s" / f"{name}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    monkeypatch.setenv("DD_API_KEY", "0a" * 16)
    monkeypatch.setenv("DD_APP_KEY", "0b" * 20)


@pytest.mark.parametrize(
    ("name", "damage"),
    [pair for pair in product(FILES, DAMAGES) if pair not in HARMLESS],
)
def test_a_damaged_file_is_one_line(
    name: str,
    damage: str,
    surroundings: None,
    capsys: Capture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file, good, command = FILES[name]
    path = Path(file)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    DAMAGES[damage](path, good)
    if name in ("spec", "overlay"):
        monkeypatch.setenv("CONTRACT_SPEC", "s")
    if name == "manifest":
        monkeypatch.setattr("contract.drivers.building.SOURCES", Path("d"))
    status = main(command.split())
    captured = capsys.readouterr()
    lines = (captured.out if name == "journal" else captured.err).splitlines()
    assert status == (1 if name == "journal" else 2), captured
    assert len(lines) == (2 if name == "journal" else 1), captured
    assert len(lines[0]) < 1_000
    assert not any(word in lines[0] for word in ("Error", "internal", "Traceback"))


@pytest.mark.parametrize("name", ["accepted", "cassette", "JSON", "page", "OpenAPI"])
def test_a_byte_order_mark_is_no_damage(name: str, capsys: Capture) -> None:
    file, good, command = FILES[name]
    path = Path(file)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"\xef\xbb\xbf" + good)
    if "client" in command:
        command += " --scenario keys --profile quick --site datadoghq.eu"
    if name == "cassette":
        command = "drift --recordings c"
    assert main(command.split()) == 0, capsys.readouterr()


# -- a wrong type at every key ---------------------------------------------------------


def read_spec(name: str, text: str) -> None:
    directory = Path(f"s{hash(text)}")
    directory.mkdir(exist_ok=True)
    for other, content in (("openapi", DOCUMENT), ("observed.overlay", OVERLAY)):
        (directory / f"{other}.yaml").write_bytes(content)
    (directory / name).write_text(text)
    load(directory)


def read_own_recording(text: str) -> None:
    Path("r").mkdir(exist_ok=True)
    Path("r/a.yaml").write_text(text)
    rejudge(Path("r"), load())
    changes(Path("r"), Path("r"))


def read_cassette(text: str) -> None:
    Path("r").mkdir(exist_ok=True)
    Path("r/a.json").write_text(text)
    recorded_updates("r")
    drift([], [], [Path("r")], load())


def read_accepted(text: str) -> None:
    Path("a").write_text(text)
    read_baseline(Path("a"))


def read_verdict(text: str) -> None:
    Path("v.json").write_text(text)
    find_cases("v.json")


def read_openapi(text: str) -> None:
    facts_of_openapi("a", text.encode(), load())


def shortened_recording() -> Json:
    """Return a recording of this suite with its first exchange only."""
    document = yaml.safe_load(RECORDING)
    own = document["x-contract"]
    own["exchanges"] = own["exchanges"][:1]
    count = json.loads(own["exchanges"][0])["sent"].count(None)
    document["interactions"] = document["interactions"][:count]
    return document


DOCUMENTS: Mapping[str, tuple[Callable[[], Json], Callable[[str], None]]] = {
    "accepted": (lambda: ACCEPTED, read_accepted),
    "cassette": (lambda: CASSETTE, read_cassette),
    "own recording": (shortened_recording, read_own_recording),
    "verdict of a client": (lambda: verdict_file(load(), "C"), read_verdict),
    "verdict of a service": (lambda: verdict_file(load(), "S"), read_verdict),
    "OpenAPI": (lambda: parsed("", OPENAPI), read_openapi),
    "spec": (lambda: yaml.safe_load(DOCUMENT), partial(read_spec, "openapi.yaml")),
    "overlay": (
        lambda: yaml.safe_load(OVERLAY),
        partial(read_spec, "observed.overlay.yaml"),
    ),
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_wrong_value_at_any_key_is_read_or_refused_in_one_line(name: str) -> None:
    make, read = DOCUMENTS[name]
    read(json.dumps(make()))
    refused = 0
    for document in damaged(make()):
        message = refusal(read, json.dumps(document))
        refused += bool(message)
        assert "\n" not in message
        assert len(message) < 1_500
    assert refused > 10


def refusal(read: Callable[[str], None], text: str) -> str:
    """Return the message of the error, or an empty text if there is none."""
    try:
        read(text)
    except ContractError as error:
        return str(error)
    return ""


def test_a_journal_with_a_wrong_value_is_named_and_the_others_are_read() -> None:
    directory = Path("journals")
    directory.mkdir()
    other = RUN.replace("host", "other")
    lines = [{**JOURNAL[0], "run": other}, *JOURNAL[1:3]]
    good = "".join(f"{json.dumps(line)}\n" for line in lines)
    (directory / file_name(other)).write_text(good)
    for number, line in enumerate(JOURNAL):
        for wrong in damaged(line):
            bad = [*map(json.dumps, JOURNAL)]
            bad[number] = json.dumps(wrong)
            (directory / file_name(RUN)).write_text("\n".join(bad) + "\n")
            with read_journals(directory) as (journals, damages):
                pending = {entries.run: entries.answered for entries in journals}
                assert pending[other] == {"a": "own"}
                assert len(journals) + len(damages) == 2
                assert all("line" in text for text in damages)
