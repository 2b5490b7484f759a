"""Differences between two directories of recordings."""

from pathlib import Path

import pytest

from contract.model import Response
from contract.recordings.replay import changes
from contract.sandbox import Sandbox
from tests.unit.recorded_runs import exchange, json_reply, record, saved

ROW = json_reply({"data": {"id": "a", "attributes": {"start": 1}}})
OTHER_ROW = json_reply({"data": {"id": "b", "attributes": {"start": 2}}})
WIDER = json_reply({"data": {"id": "a", "attributes": {"start": 1, "color": "red"}}})
TYPED = json_reply({"data": {"id": "a", "attributes": {"start": "1"}}})
ACCEPTED = Response(202, ROW.headers, ROW.body)
ERROR = json_reply({"errors": ["a"]}, 400)
ERRORS = json_reply({"errors": ["b", "c"]}, 400)
OBJECTS = json_reply({"errors": [{"title": "a"}]}, 400)
HTML = Response(400, (("Content-Type", "text/html; charset=utf-8"),), b"<html>")


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        pytest.param(ROW, ROW, [], id="same"),
        pytest.param(ROW, OTHER_ROW, [], id="other values"),
        pytest.param(
            ROW,
            ACCEPTED,
            ["PATCH: new status 202", "valid-bodies: body: status 202, was 200"],
            id="status",
        ),
        pytest.param(
            ROW,
            WIDER,
            ["PATCH 200: /data/attributes/color: new field, string"],
            id="new field",
        ),
        pytest.param(
            WIDER,
            ROW,
            ["PATCH 200: /data/attributes/color: lost field"],
            id="lost field",
        ),
        pytest.param(
            ROW,
            TYPED,
            ["PATCH 200: /data/attributes/start: type string, was integer"],
            id="type",
        ),
        pytest.param(ERROR, ERRORS, [], id="same shape of error"),
        pytest.param(
            ERROR,
            OBJECTS,
            [
                "PATCH 400: new shape of error: application/json, / object, "
                "/errors array, /errors/{item} object, /errors/{item}/title string"
            ],
            id="objects",
        ),
        pytest.param(
            ERROR,
            HTML,
            ["PATCH 400: new shape of error: text/html, no JSON"],
            id="HTML",
        ),
    ],
)
def test_change(old: Response, new: Response, lines: list[str], tmp_path: Path) -> None:
    before = saved(tmp_path / "1", exchange(old))
    after = saved(tmp_path / "2", exchange(new))
    assert changes(before, after) == lines


def test_listings_are_compared(tmp_path: Path) -> None:
    before = saved(tmp_path / "1", exchange(ROW, after={"a": {"id": "a"}}))
    after = saved(tmp_path / "2", exchange(ROW, after={"a": {"id": "a", "b": None}}))
    assert changes(before, after) == ["GET (listing) 200: /{item}/b: new field, null"]


def test_two_runs_on_the_same_service_are_alike(tmp_path: Path) -> None:
    names = ("malformed-json", "body-ids", "keys", "organizations")
    for number in "12":
        record(tmp_path / number, Sandbox(), *names)
    assert changes(tmp_path / "1", tmp_path / "2") == []
