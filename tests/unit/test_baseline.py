"""Accepted breaches: patterns, overlaps, expiry, reading and writing."""

import datetime
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from contract.engine.baseline import (
    Baseline,
    Entry,
    fold_kinds,
    may_meet,
    read_baseline,
    write_baseline,
)
from contract.errors import UsageError
from contract.model import Breach, Kind
from tests.unit.verdicts import breach, verdict_of

TODAY = datetime.date(2026, 11, 26)
LAST_DAY = datetime.date(2027, 5, 27)
CAUSE = "C-VALID/null-sent"


def entry(*places: str, **fields: Any) -> Entry:
    """Return an entry with a reason."""
    values = {
        "clause": "C-VALID",
        "rule": "null-sent",
        "reason": "The SDK does so.",
        "expires": LAST_DAY,
        "places": places,
        **fields,
    }
    return Entry(**values)


def kinds(*texts: str) -> tuple[Kind, ...]:
    """Return kinds of `scenario/label` texts."""
    return tuple(Kind(*text.split("/", 1)) for text in texts)


def apply(*entries: Entry, breaches: tuple[Breach, ...], **fields: Any):
    """Return a verdict with these entries applied."""
    verdict = verdict_of(*breaches, clauses=["C-VALID"], **fields)
    return Baseline(entries).apply(verdict, TODAY)


# -- entries ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "place", "is_covered"),
    [
        ("/data/id", "/data/id", True),
        ("/data/id", "/data/idx", False),
        ("/data/*", "/data/id", True),
        ("/data/*", "/data/attributes/start", False),
        ("/data/**", "/data/attributes/start", True),
        ("**", "", True),
        ("*", "anything", True),
        ("*", "a/b", False),
        ("/data/{any}", "/data/{any}", True),
        ("/data/.", "/data/x", False),
        ("%2A", "%2A", True),
    ],
)
def test_a_place_is_covered_by_a_pattern(
    pattern: str, place: str, is_covered: bool
) -> None:
    assert entry(pattern).covers(CAUSE, place) is is_covered


def test_an_entry_without_places_covers_every_place_of_its_cause() -> None:
    assert entry().covers(CAUSE, "/data/id")
    assert entry().covers(CAUSE, "")
    assert not entry().covers("C-VALID/type-unchecked", "/data/id")


def test_kinds_that_no_pattern_covers_are_new() -> None:
    covered = entry(kinds=("valid-bodies/**", "sites/odd *"))
    items = kinds("valid-bodies/a b", "sites/odd host", "sites/other", "keys/x")
    assert covered.new_kinds(items) == items[2:]
    assert entry().new_kinds(items) == ()


def test_a_breach_is_accepted_with_its_reason_and_new_kinds() -> None:
    item = breach(kinds=kinds("valid-bodies/a", "keys/b"))
    result = apply(entry("/data/id", kinds=("keys/*",)), breaches=(item,))
    (accepted,) = result.breaches
    assert (accepted.is_accepted, accepted.reason) == (True, "The SDK does so.")
    assert accepted.new_kinds == kinds("valid-bodies/a")
    assert (result.verdict, result.stale, result.unexplained) == ("holds", (), ())


def test_a_new_place_is_a_new_breach() -> None:
    items = breach(place="/data/id"), breach(place="/data/type")
    result = apply(entry("/data/id"), breaches=items)
    assert [item.is_accepted for item in result.breaches] == [True, False]
    assert result.verdict == "broken"


def test_a_cause_may_have_several_entries_with_disjoint_places() -> None:
    items = breach(place="/data/id"), breach(place="/data/type")
    two = entry("/data/type", reason="Another one.")
    result = apply(entry("/data/id"), two, breaches=items)
    assert [item.reason for item in result.breaches] == [
        "The SDK does so.",
        "Another one.",
    ]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("/data/id", "/data/id", True),
        ("/data/*", "/*/id", True),
        ("**", "", True),
        ("/a/**", "/a/b/c", True),
        ("a*", "*b", True),
        ("/data/*", "/data", False),
        ("/data/*", "/data/a/b", False),
        ("a*", "b*", False),
        ("", "*/a", False),
    ],
)
def test_two_patterns_may_match_one_place(one: str, other: str, expected: bool) -> None:
    assert may_meet(one, other) is may_meet(other, one) is expected


def test_an_entry_without_a_reason_does_not_count_and_is_named() -> None:
    result = apply(entry("/data/id", reason=""), breaches=(breach(),))
    assert result.verdict == "broken"
    assert result.unexplained == ("C-VALID/null-sent at /data/id",)


@pytest.mark.parametrize(
    ("expires", "word", "expiring"),
    [
        (TODAY - datetime.timedelta(days=1), "broken", 0),
        (TODAY, "holds", 1),
        (TODAY + datetime.timedelta(days=14), "holds", 1),
        (TODAY + datetime.timedelta(days=15), "holds", 0),
    ],
    ids=["yesterday", "today", "in 14 days", "in 15 days"],
)
def test_an_entry_counts_until_its_last_day(
    expires: datetime.date, word: str, expiring: int
) -> None:
    result = apply(entry(expires=expires), breaches=(breach(),))
    assert (result.verdict, len(result.expiring)) == (word, expiring)


def test_a_breach_whose_entry_expired_says_so_once() -> None:
    old = Baseline((entry(expires=datetime.date(2026, 1, 31)),))
    result = verdict_of(breach(message="A null."))
    for _ in range(2):
        result = old.apply(result, TODAY)
    message = "A null. (It was accepted until 2026-01-31.)"
    assert result.breaches[0].message == message


def test_entries_that_are_no_longer_seen_are_stale_if_they_could_be() -> None:
    gone = entry("/data/type")
    assert apply(gone, breaches=(breach(),)).stale == (
        "C-VALID/null-sent at /data/type",
    )
    assert apply(gone, breaches=(breach(),), judged_kinds={}).stale == ()
    elsewhere = replace(gone, kinds=("redirects/**",))
    assert apply(elsewhere, breaches=(breach(),)).stale == (), "not played"
    other_clause = replace(gone, clause="C-BODY")
    assert apply(other_clause, breaches=(breach(),)).stale == ()


@pytest.mark.parametrize(
    ("patterns", "left_out", "is_stale"),
    [
        ((), (), True),
        ((), ("redirects",), False),
        (("valid-bodies/**",), ("redirects",), True),
        (("valid-bodies/**",), ("valid-bodies",), False),
        (("valid-bodies/**", "redirects/**"), ("redirects",), False),
        (("**/data/id *",), ("redirects",), False),
    ],
    ids=str,
)
def test_an_entry_is_stale_only_if_all_that_it_is_about_was_played(
    patterns: tuple[str, ...], left_out: tuple[str, ...], is_stale: bool
) -> None:
    gone = entry("/data/type", kinds=patterns)
    result = apply(gone, breaches=(breach(),), left_out=frozenset(left_out))
    assert bool(result.stale) is is_stale


def test_a_timed_finding_is_accepted_by_place_reason_and_date() -> None:
    def accepts(item: Entry, place: str = "/data/id") -> bool:
        return Baseline((item,)).accepts(TODAY, CAUSE, place)

    assert accepts(entry("/data/id"))
    assert not accepts(entry("/data/id"), "/data/type")
    assert not accepts(entry(reason=""))
    assert not accepts(entry(expires=TODAY - datetime.timedelta(days=1)))


# -- kinds as patterns -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "patterns"),
    [
        (["keys/plain"], ("keys/plain",)),
        (["bodies/data/id null"], ("bodies/data/id null",)),
        (["bodies/data/id null", "bodies/data/type null"], ("bodies/** null",)),
        (
            ["bodies/data/id null", "bodies/data/id empty", "keys/x"],
            ("bodies/data/id empty", "bodies/data/id null", "keys/x"),
        ),
        ([f"bodies/a class-{number}" for number in range(7)], ("bodies/**",)),
    ],
    ids=["one word", "one place", "one class", "two scenarios", "many classes"],
)
def test_kinds_are_folded_to_value_classes(
    texts: list[str], patterns: tuple[str, ...]
) -> None:
    items = kinds(*texts)
    assert fold_kinds(items) == patterns
    assert entry(kinds=patterns).new_kinds(items) == ()


# -- writing ---------------------------------------------------------------------------


def write(path: Path, *breaches: Breach, prune: bool = False, **fields: Any) -> str:
    """Write the accepted file for some breaches. Return what was done."""
    verdict = verdict_of(*breaches, clauses=["C-VALID"], **fields)
    baseline = read(path) if path.exists() else Baseline()
    return write_baseline(path, verdict, baseline, TODAY, prune=prune)


def read(path: Path) -> Baseline:
    """Read an accepted file."""
    return read_baseline(path)


def test_new_breaches_are_written_without_a_reason_one_entry_a_cause(
    tmp_path: Path,
) -> None:
    path = tmp_path / "new" / "client.yaml"
    items = [breach(place=place) for place in ("/data/type", "/data/id")]
    summary = write(path, *items)
    assert summary == (f"{path}: 1 entries added without a reason, 0 dropped, 0 left.")
    assert path.read_text() == (
        "# Accepted breaches of client. Entries are added by\n"
        "# `--accepted FILE --update-accepted`. An entry counts once it has a reason.\n"
        "format: 2\n"
        "client: client\n"
        "version: '1.0'\n"
        "accepted:\n"
        "- clause: C-VALID\n"
        "  rule: null-sent\n"
        "  places: [/data/id, /data/type]\n"
        "  kinds: [valid-bodies/data/id null]\n"
        "  reason: ''\n"
        "  expires: 2027-05-27\n"
    )
    (item,) = read(path).entries
    assert (item.reason, item.expires) == ("", LAST_DAY)


def test_reasons_and_dates_stay_and_new_kinds_are_added(tmp_path: Path) -> None:
    path = tmp_path / "client.yaml"
    write(path, breach())
    path.write_text(
        path.read_text()
        .replace("reason: ''", "reason: Known.")
        .replace("2027-05-27", "2026-12-31")
    )
    summary = write(path, breach(kinds=kinds("keys/x")), breach(place="/data/type"))
    assert summary.endswith("0 dropped, 1 left. 1 of them got new kinds.")
    first, added = read(path).entries
    assert (first.reason, str(first.expires)) == ("Known.", "2026-12-31")
    assert first.kinds == ("valid-bodies/data/id null", "keys/x")
    assert (added.reason, added.places) == ("", ("/data/type",))


def test_entries_without_a_reason_are_joined(tmp_path: Path) -> None:
    path = tmp_path / "client.yaml"
    write(path, breach(place="/data/id"))
    write(path, breach(place="/data/id"), breach(place="/data/type"))
    (item,) = read(path).entries
    assert item.places == ("/data/id", "/data/type")


def test_prune_drops_entries_and_places_that_were_not_seen(tmp_path: Path) -> None:
    path = tmp_path / "client.yaml"
    text = (
        "format: 2\naccepted:\n"
        "- {clause: C-VALID, rule: null-sent, places: [/a, /b/*, /c],"
        " reason: One., expires: 2027-01-01}\n"
        "- {clause: C-VALID, rule: null-sent, places: [/d],"
        " reason: Two., expires: 2027-01-01}\n"
    )
    path.write_text(text)
    seen = [breach(place="/a"), breach(place="/b/x")]
    write(path, *seen)
    assert [item.places for item in read(path).entries] == [
        ("/a", "/b/*", "/c"),
        ("/d",),
    ]
    summary = write(path, *seen, prune=True)
    assert summary.endswith(
        "0 entries added without a reason, 1 dropped, 1 left. 1 of them lost places."
    )
    assert [item.places for item in read(path).entries] == [("/a", "/b/*")]


def test_prune_keeps_what_the_run_could_not_see(tmp_path: Path) -> None:
    """A client without retries, a service without a second organization."""
    path = tmp_path / "client.yaml"
    path.write_text(
        document({**ENTRY, "clause": "C-SITE", "rule": "invalid-site-sent"})
    )
    assert "0 dropped, 1 left" in write(path, prune=True)
    path.write_text(document({**ENTRY, "kinds": ["retries/**"]}))
    assert "0 dropped, 1 left" in write(path, prune=True)


def test_the_file_of_a_service_names_it(tmp_path: Path) -> None:
    path = tmp_path / "service.yaml"
    write(path, kind="service", name="127.0.0.1:80")
    assert "service: 127.0.0.1:80\n" in path.read_text()
    assert read(path).entries == ()


def test_a_file_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"--accepted .*/a.yaml: cannot be written: "):
        write(tmp_path / "file" / "a.yaml", breach())


# -- reading ---------------------------------------------------------------------------

ENTRY = {
    "clause": "C-VALID",
    "rule": "null-sent",
    "reason": "known",
    "expires": datetime.date(2027, 1, 1),
}


def document(*entries: object) -> str:
    """Return an accepted file with such entries."""
    return yaml.safe_dump({"format": 2, "accepted": list(entries)})


BAD_FILES = {
    "missing": (None, "cannot be read: No such file"),
    "no YAML": ("a: [", ""),
    "a key twice": (
        document(ENTRY) + "format: 2\n",
        ", line 7: not YAML; accepted: YAML 1.2 or JSON, no key twice, "
        "at most 200 levels deep; given: the key format twice",
    ),
    "a list": ("- 1", "must be a mapping with 'format: 2'"),
    "old format": ("accepted: []", "has format None. Write it anew with"),
    "no list": ("format: 2\naccepted: {}", "'accepted' must be a list, is {}"),
    "no mapping": (document("x"), "entry 1: must be a mapping, is 'x'"),
    "no clause": (document({"rule": "x"}), "entry 1: clause must be a text, is None"),
    "unknown rule": (
        document({**ENTRY, "rule": "x"}),
        "entry 1: unknown rule C-VALID/x (see `contract list rules`)",
    ),
    "reason": (
        document({**ENTRY, "reason": [1]}),
        "entry 1: reason must be a text, is [1]",
    ),
    "no date": (
        document(ENTRY, {**ENTRY, "expires": "soon"}),
        "entry 2: expires must be a date (YYYY-MM-DD), is 'soon'",
    ),
    "places": (
        document({**ENTRY, "places": "/a"}),
        "entry 1: places must be a list of texts, is '/a'",
    ),
    "no places": (
        document({**ENTRY, "places": []}),
        "entry 1: places must be a list of texts, is []",
    ),
    "kinds": (
        document({**ENTRY, "kinds": [1]}),
        "entry 1: kinds must be a list of texts, is [1]",
    ),
    "unknown key of the file": (
        "format: 2\naccepted: []\nreasons: []",
        "unknown key 'reasons' (one of: format, client, service, version, accepted)",
    ),
    "unknown key": (
        document({**ENTRY, "owner": "me"}),
        "entry 1: unknown key 'owner' (one of: clause, rule, places, kinds, reason, ",
    ),
    "overlap": (
        document({**ENTRY, "places": ["/data/id"]}, {**ENTRY, "places": ["/data/*"]}),
        "entries overlap: 'C-VALID/null-sent at /data/id' and "
        "'C-VALID/null-sent at /data/*'. Give them disjoint places.",
    ),
    "overlap of patterns": (
        document({**ENTRY, "places": ["/data/*"]}, {**ENTRY, "places": ["/*/id"]}),
        "entries overlap: 'C-VALID/null-sent at /data/*' and ",
    ),
    "overlap everywhere": (document(ENTRY, ENTRY), "at every place' and "),
}


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_file_that_cannot_be_used_is_one_clear_line(
    name: str, tmp_path: Path
) -> None:
    content, message = BAD_FILES[name]
    path = tmp_path / "accepted.yaml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UsageError) as error:
        read(path)
    assert str(error.value).startswith(f"--accepted {path}")
    assert message in str(error.value)
    assert "\n" not in str(error.value)
