"""Each writer of files: what it writes of a redacted exchange holds no secret."""

import io
import json
import urllib.parse
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

from contract.cases.placeholders import OWN
from contract.engine.conclusion import redacted_verdict
from contract.engine.verdict import Verdict
from contract.model import (
    Label,
    Outcome,
    OutcomeKind,
    Request,
    Response,
    ServiceCase,
    ServiceExchange,
)
from contract.recordings.cassette import save, write
from contract.redaction import Redactor, scan
from contract.report.rendering import write_report
from contract.report.terminal import show
from contract.report.view import make_view
from contract.spec import load
from tests.unit.recorded_runs import check_exchanges
from tests.unit.secret_forms import ALPHABETS, FORMS, odd_secrets

SPEC = load()
FORMS_OF_A_BODY = ("JSON", "URL, all", "HTML", "Base64 + 1")
ATTRIBUTES = {"event_id": "a", "is_device_type_selected_by_user": True, "start": 1}

Writer = Callable[[Path, ServiceExchange, Redactor], object]


def echoing(text: str, keys: tuple[str, ...] = ()) -> ServiceExchange:
    """Return an exchange that repeats a text everywhere and breaks several clauses."""
    attributes = {**ATTRIBUTES, "unknown_property": text}
    row = {"data": {"id": text, "type": "snapshots", "attributes": {"event_id": text}}}
    spellings = "".join(FORMS[form](text) for form in FORMS_OF_A_BODY)
    request = Request(
        "PATCH",
        f"https://sandbox.example/api?k={urllib.parse.quote(text)}",
        (("DD-API-KEY", "[own]"),),
        b"{}",
    )
    response = Response(
        200,
        (("Content-Type", "application/json"), ("X-Debug", ascii(text))),
        json.dumps({**row, "more": spellings}).encode(),
    )
    unanswered = Request("PATCH", request.url, request.headers, text.encode())
    return ServiceExchange(
        case=ServiceCase(
            scenario="valid-bodies",
            labels=(Label("", "body"),),
            snapshot_id=(OWN,),
            body={"data": {"type": "snapshots", "attributes": attributes}},
        ),
        site="sandbox.example",
        requests=(request, unanswered),
        responses=(response, None),
        outcome=Outcome(
            OutcomeKind.FAILED, message=f"no response to {text}", type="closed"
        ),
        before={text: row},
        after={text: row},
        ids={OWN: text},
        keys=keys,
    )


def redacted(exchange: ServiceExchange, redactor: Redactor) -> Verdict:
    """Return the redacted verdict of one exchange."""
    verdict = check_exchanges([exchange], "service", SPEC)
    assert verdict.breaches
    return redacted_verdict(verdict, redactor, SPEC)


def write_recording(place: Path, exchange: ServiceExchange, redactor: Redactor) -> None:
    save([exchange], place, "sandbox", redactor)


def write_reports(place: Path, exchange: ServiceExchange, redactor: Redactor) -> None:
    write_report(make_view(redacted(exchange, redactor), SPEC), place)


def write_terminal(place: Path, exchange: ServiceExchange, redactor: Redactor) -> None:
    stream = io.StringIO()
    view = make_view(redacted(exchange, redactor), SPEC)
    show(view, Console(file=stream, width=100), verbose=True)
    write(place / "output.txt", stream.getvalue())


WRITERS: dict[str, Writer] = {
    "recordings": write_recording,
    "reports": write_reports,
    "terminal": write_terminal,
}


def write_unredacted(name: str, place: Path, text: str) -> None:
    WRITERS[name](place, echoing(text), Redactor())


@pytest.mark.slow
def test_no_writer_leaves_one_of_200_odd_secrets(tmp_path: Path) -> None:
    secrets = {f"secret {n}": secret for n, secret in enumerate(odd_secrets())}
    names = list(secrets)
    assert len(set(secrets.values())) == 200
    for first in range(0, 200, 20):
        some = {name: secrets[name] for name in names[first : first + 20]}
        redactor = Redactor(some)
        exchange = echoing("  ".join(some.values()), tuple(some.values())[:2])
        for name, writer in WRITERS.items():
            writer(tmp_path / str(first) / name, exchange, redactor)
        assert scan([tmp_path / str(first)], some) == []
    suffixes = {path.suffix for path in tmp_path.rglob("*") if path.is_file()}
    assert suffixes == {".yaml", ".html", ".json", ".xml", ".md", ".txt"}


@pytest.mark.parametrize("name", WRITERS)
def test_scan_finds_what_is_not_redacted(name: str, tmp_path: Path) -> None:
    # A terminal gets control characters in a form of its own.
    secrets = [s for s in odd_secrets() if s.isprintable() or name != "terminal"]
    for number, secret in enumerate(secrets[:: len(ALPHABETS) - 1]):
        write_unredacted(name, tmp_path / str(number), secret)
        assert scan([tmp_path / str(number)], {"secret": secret}), secret
