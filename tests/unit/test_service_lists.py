"""Lists of services with pages and filters, and lists that never show something."""

import json
from dataclasses import replace
from typing import Any

import pytest

from contract.cases.placeholders import OWN, SIBLING
from contract.errors import SubjectError
from contract.model import Owner
from contract.sandbox import Environ, Org, Reply, Sandbox
from tests.unit.lagging import case, ids, staged

# -- lists with pages, filters and others ----------------------------------------------


class Pages(Sandbox):
    """A list with one snapshot a page. It ignores the filter."""

    next_url = "{path}?offset={offset}"

    def list_(self, org: Org, path: str, environ: Environ) -> Reply:
        query = environ["QUERY_STRING"]
        offset = int(query.rpartition("=")[2]) if query.startswith("offset") else 0
        rows = [self.render(row) for row in self.visible(org)]
        rows.append({"type": "snapshots", "id": "foreign", "attributes": {}})
        value: dict[str, Any] = {"data": rows[offset : offset + 1]}
        if offset + 1 < len(rows):
            value["links"] = {
                "next": self.next_url.format(
                    path=environ["PATH_INFO"], offset=offset + 1
                )
            }
        return self.reply(200, value)


def test_the_next_page_is_read_and_other_rows_are_left_out() -> None:
    with staged(Pages) as stage:
        verdict = stage.judge("sequences", "keys", "organizations")
        listing = stage.subject.play(case()).after
        assert listing.keys() == {stage.subject.session.ids[n] for n in (OWN, SIBLING)}
    assert verdict.verdict == "holds"
    assert ids(verdict) == set()


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/api/v2/replay/heatmap/snapshots?offset={offset}",
        "https://other.example{path}?offset={offset}",
        "//other.example{path}?offset={offset}",
        "{path}/other?offset={offset}",
        "http://[",
        "{path}?",
    ],
)
def test_a_next_page_elsewhere_is_never_followed(url: str) -> None:
    class Elsewhere(Pages):
        next_url = url

    with staged(Elsewhere) as stage:
        verdict = stage.judge("keys")
        assert stage.subject.session.has_others
    assert verdict.verdict == "holds"
    assert not stage.app.rows


def test_an_id_that_only_the_list_shows_accuses_of_no_change() -> None:
    """The list that showed the id of a snapshot is not one of after its deletion."""

    class Silent(Sandbox):
        def create(self, org: Org, path: str, environ: Environ) -> Reply:
            return replace(super().create(org, path, environ), value=None)

    with staged(Silent) as stage:
        verdict = stage.judge("valid-bodies")
    assert (verdict.verdict, ids(verdict)) == ("holds", set())


def test_at_most_fifty_pages_are_read() -> None:
    class Endless(Pages):
        def list_(self, org: Org, path: str, environ: Environ) -> Reply:
            reply = super().list_(org, path, environ)
            text = environ["QUERY_STRING"].rpartition("=")[2]
            link = f"{environ['PATH_INFO']}?offset={int(text) % 1000 + 1}"
            reply.value["links"] = {"next": link}
            return reply

    with staged(Endless) as stage:
        session = stage.subject.session
        read = stage.methods["GET"]
        assert session.resource.list_rows(Owner.OWN).has_others
        assert stage.methods["GET"] - read == 50


def test_the_list_asks_for_a_page_limit() -> None:
    queries = []

    class Queries(Sandbox):
        def list_(self, org: Org, path: str, environ: Environ) -> Reply:
            queries.append(environ["QUERY_STRING"])
            return super().list_(org, path, environ)

    with staged(Queries):
        pass
    assert queries
    assert all("page%5Blimit%5D=" in query for query in queries)


class Others(Sandbox):
    """A list that has only rows of others: it ignores the filter and has one page."""

    def list_(self, org: Org, path: str, environ: Environ) -> Reply:
        row = {"type": "snapshots", "id": "a", "attributes": {"view_name": "other"}}
        return self.reply(200, {"data": [row]})


def test_snapshots_that_were_never_listed_among_others_are_not_judged() -> None:
    with staged(Others) as stage:
        verdict = stage.judge("keys", "repeats", "sequences")
        reason = stage.service.reasons["S-STORED"]
    assert verdict.verdict == "holds"
    assert reason == "the list has others, but not the new snapshots"
    assert not verdict.judged_total["S-STORED"]


class Two(Sandbox):
    def list_(self, org: Org, path: str, environ: Environ) -> Reply:
        reply = super().list_(org, path, environ)
        return self.reply(200, {"data": reply.value["data"][:2]})


def test_a_list_that_is_cut_short_is_noted() -> None:
    with staged(Two) as stage:
        verdict = stage.judge("sequences")
    assert ids(verdict) == set()
    note = "not judged: a new snapshot is not listed, but others are"
    assert verdict.notes["S-STORED", note]


class Empty(Sandbox):
    def list_(self, org: Org, path: str, environ: Environ) -> Reply:
        return self.reply(200, {"data": []})


def test_a_list_that_stays_empty_is_a_breach_on_loopback() -> None:
    with staged(Empty) as stage:
        verdict = stage.judge("repeats")
    assert ids(verdict) == {"S-STORED/snapshot-not-listed@"}


@pytest.mark.parametrize("make", [Empty, Others])
def test_a_remote_list_that_shows_nothing_new_cannot_be_judged(make: Any) -> None:
    with (
        pytest.raises(SubjectError, match="which no list shows as new"),
        staged(make, is_loopback=False),
    ):
        pass


class Frozen(Sandbox):
    """A list that shows what it showed at its tenth read, from then on."""

    reads = 0

    def list_(self, org: Org, path: str, environ: Environ) -> Reply:
        self.reads += 1
        key = org.org_id, environ["QUERY_STRING"]
        replies = self.__dict__.setdefault("replies", {})
        if self.reads > 10 and key in replies:
            return self.reply(200, json.loads(replies[key]))
        reply = super().list_(org, path, environ)
        replies[key] = json.dumps(reply.value)
        return reply


def test_a_frozen_list_is_not_judged_remotely_with_its_length() -> None:
    with staged(Frozen, is_loopback=False) as stage:
        verdict = stage.judge("repeats", "valid-bodies")
        notes = stage.service.notes
    assert ids(verdict) == set()
    texts = [text for clause, text in notes if clause == "S-STORED"]
    start = "not judged: the list showed nothing newer for "
    assert all(text.startswith(start) for text in texts)
    assert sum(notes.values()) == 3  # then the list is left alone
    assert stage.seconds < 150


def test_a_frozen_list_is_a_breach_on_loopback() -> None:
    with staged(Frozen) as stage:
        verdict = stage.judge("repeats", "valid-bodies")
    assert "S-STORED" in {breach.clause_id for breach in verdict.breaches}
    assert verdict.verdict == "broken"
