"""Secrets are replaced by value in every encoding, and the scan finds those that were not."""

import base64
import gzip
import json
import re
import sqlite3
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.errors import LeakError, UsageError
from contract.redaction import Leak, Redactor, guard, prove_scanner, scan, write
from tests.unit.secret_forms import FORMS, KEY, ODD

# -- stand-ins --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ("1000001", r"[1-9]\d{6}"),
        ("9223372036854775807", r"[1-8]\d{18}"),
        ("ada@one.example", r"[a-z]{3}@redacted\.example"),
        (
            "Ada.Love-Lace@one.example",
            r"[A-Z][a-z]{2}\.[A-Z][a-z]{3}-[A-Z][a-z]{3}@redacted\.example",
        ),
        (
            "9f0e8d7c-6b5a-4a39-8c27-16051403f2e1",
            r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}",
        ),
        (KEY, r"([0-9a-f]{8})\1{3}"),
        (KEY.upper() + "01234567", r"([0-9A-F]{8})\1{4}"),
        ("Ada Lovelace", r"[A-Z][a-z]{2} [A-Z][a-z]{7}"),
        ("Zoë", r"[A-Z][a-z]{2}"),
        ('k"%+/1', r"k?[a-z]{5}\d"),
    ],
)
def test_a_stand_in_keeps_kind_and_shape(value: str, shape: str) -> None:
    redactor = Redactor()
    redactor.learn(value)
    made = redactor.json({"created_by": value})["created_by"]
    assert made != value
    assert re.fullmatch(shape, made)


def test_numbers_stay_numbers_wherever_they_are() -> None:
    redactor = Redactor()
    redactor.learn(1000001)
    made = redactor.json(
        {
            "org_id": 1000001,
            "a": [1000001, -1000001, 10000010, 1000001.5, "of 1000001.", True],
        }
    )
    stand_in = made["org_id"]
    assert made["a"] == [
        stand_in,
        -stand_in,
        10000010,
        1000001.5,
        f"of {stand_in}.",
        True,
    ]
    assert (
        json.loads(redactor.bytes(b"[1000001, -1000001, 10000010, 1000001.5]"))
        == made["a"][:4]
    )


def test_the_same_value_has_the_same_stand_in_in_every_form() -> None:
    redactor = Redactor({"key": KEY})
    stand_in = redactor.text(KEY)
    assert redactor.bytes(FORMS["URL, all"](KEY)) == stand_in.encode()
    assert redactor.json({"a": [KEY], KEY: 1}) == {"a": [stand_in], stand_in: 1}
    assert (
        base64.b64decode(redactor.bytes(base64.b64encode(b"a" + KEY.encode())))
        == b"a" + stand_in.encode()
    )
    assert (
        gzip.decompress(redactor.bytes(gzip.compress(KEY.encode())))
        == stand_in.encode()
    )
    assert Redactor({"key": "x" + KEY[1:]}).text("x" + KEY[1:]) != "x" + KEY[1:]


def test_what_is_redacted_once_stays_as_it_is() -> None:
    redactor = Redactor({"key": KEY})
    text = redactor.text(f'{KEY} ada@one.example {{"created_by": "Bo", "org_id": 2}}')
    assert redactor.text(text) == text


def test_members_that_name_a_person_are_redacted_unasked() -> None:
    row = {
        "created_by": "Bo",
        "created_by_handle": "bo",
        "created_by_user_id": 7,
        "org_id": 2,
        "start": 2,
        "a": "Bo 2",
    }
    redactor = Redactor()
    made = redactor.json(row)
    assert {name for name in row if made[name] != row[name]} == {*row} - {"start", "a"}
    assert [type(value) for value in made.values()] == [
        type(value) for value in row.values()
    ]
    assert json.loads(redactor.bytes(json.dumps(row).encode())) == made


def test_what_an_answer_names_is_redacted_elsewhere_too() -> None:
    redactor = Redactor()
    redactor.learn_from(
        {"data": [{"attributes": {"created_by": "Ada", "org_id": 1000001}}]}
    )
    text = redactor.text(
        "Ada of 1000001, not Adam; %20Ada, \\nAda, \\u0041da, mail@x.example.com"
    )
    assert "Adam" in text
    assert not re.search(r"Ada\b|1000001|mail@|\\u0041", text)


def test_the_contracts_own_words_stay() -> None:
    redactor = Redactor()
    redactor.learn("data", "snapshots", "event")
    body = {
        "data": {
            "type": "snapshots",
            "attributes": {"event_id": "a", "created_by": "data"},
        }
    }
    made = redactor.json(body)
    assert made["data"]["attributes"].pop("created_by") != "data"
    assert made == {"data": {"type": "snapshots", "attributes": {"event_id": "a"}}}


def test_stand_ins_may_be_chosen() -> None:
    assert (
        Redactor({}, {"127.0.0.1:4711": "service.example"}).text(
            "http://127.0.0.1:4711/a"
        )
        == "http://service.example/a"
    )


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "secret", [KEY, ODD, "plain-secret"], ids=["hex", "odd", "plain"]
)
def test_no_form_of_a_secret_is_left(form: str, secret: str) -> None:
    written = FORMS[form](secret)
    made = Redactor({"key": secret}).bytes(written)
    assert made != written
    assert not holds(made, secret)


@settings(derandomize=True, deadline=None, max_examples=50)
@given(
    secret=st.text(min_size=8, max_size=20),
    form=st.sampled_from(sorted(FORMS)),
    around=st.binary(max_size=6),
)
def test_what_the_redactor_has_written_the_scan_does_not_find(
    secret: str, form: str, around: bytes
) -> None:
    written = around + b" " + FORMS[form](secret) + b" " + around
    if form not in (
        "gzip",
        "zlib",
    ):  # bytes in front of these are the scan's affair alone
        assert not holds(Redactor({"key": secret}).bytes(written), secret)


def holds(data: bytes, secret: str) -> bool:
    """Tell whether the scan finds a secret in bytes."""
    with TemporaryDirectory() as place:
        (Path(place) / "file").write_bytes(data)
        return bool(scan([Path(place)], {"secret": secret}))


# -- the scan ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "secret", [KEY, ODD, "plain-secret"], ids=["hex", "odd", "plain"]
)
def test_the_scan_finds_each_form_amid_other_things(
    form: str, secret: str, tmp_path: Path
) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file").write_bytes(
        b'{"a": "\xff\x78\x9c %2 \\u12 &',
    )
    (tmp_path / "deep" / "other").write_bytes(
        b"\x1f\x8b\x08 a/b: " + FORMS[form](secret) + b"\n100% & \\"
    )
    (leak,) = scan([tmp_path], {"api key": secret, "app key": "not there"})
    assert (leak.path, leak.secret) == (tmp_path / "deep" / "other", "api key")
    assert secret not in str(leak)


@settings(derandomize=True, deadline=None, max_examples=50)
@given(
    secret=st.text(min_size=6, max_size=20).filter(lambda text: not text.isdecimal()),
    outer=st.sampled_from(["JSON", "URL", "HTML", "Base64 + 1", "gzip"]),
    form=st.sampled_from(sorted(FORMS)),
)
def test_the_scan_finds_one_form_within_another(
    secret: str, outer: str, form: str
) -> None:
    assert holds(
        b"<" + FORMS[outer](FORMS[form](secret).decode("latin-1")) + b">", secret
    ) or not_text(form)


def not_text(form: str) -> bool:
    """What is no ASCII is spoilt where it is taken for Latin-1."""
    return form not in (
        "URL",
        "URL, lower case",
        "URL, all",
        "JSON",
        "JSON, all",
        "form",
        "Base64",
        "Base64 of gzip",
    )


def test_a_database_is_searched(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "kept.db") as database:
        database.execute("create table a (b blob)")
        database.execute("insert into a values (?)", (gzip.compress(KEY.encode()),))
    database.close()
    assert [leak.form for leak in scan([tmp_path], {"key": KEY})] == ["gzip or zlib"]


def test_a_number_is_not_found_in_a_longer_one(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("0.51000001, 10000010")
    assert scan([file, tmp_path / "not there"], {"org": "1000001", "short": "0"}) == []
    file.write_text('{"org_id":1000001}')
    assert scan([file], {"org": "1000001"}) == [Leak(file, "org", "plain")]


def test_a_file_with_a_secret_is_removed_and_the_error_names_no_secret(
    tmp_path: Path,
) -> None:
    (tmp_path / "good").write_text("nothing")
    (tmp_path / "bad.json").write_bytes(FORMS["Base64 + 1"](KEY))
    (tmp_path / f"of-{KEY}").write_text("")
    with pytest.raises(LeakError) as raised:
        guard([tmp_path], {"api key": KEY})
    assert KEY not in str(raised.value)
    assert str(raised.value) == (
        f"{tmp_path / 'bad.json'}: holds api key (Base64), removed; "
        f"{tmp_path}: holds api key (the name of a file), removed"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["good"]
    guard([tmp_path], {"api key": KEY})


def test_the_scanner_is_proved_and_leaves_nothing(tmp_path: Path) -> None:
    tried = prove_scanner(
        tmp_path,
        {"our writer": lambda place, canary: write(place / "a" / "b", f"<{canary}>")},
    )
    assert {"plain", "Base64 of gzip", "our writer"} <= set(tried)
    assert list(tmp_path.iterdir()) == []


def test_a_blind_scanner_is_found_out(tmp_path: Path) -> None:
    with pytest.raises(LeakError, match="it does not find the canary in rot13"):
        prove_scanner(
            tmp_path, {"rot13": lambda place, canary: write(place / "a", canary[::-1])}
        )
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b"
    assert write(path, "one", replace=False) == path
    with pytest.raises(UsageError, match="exists, and is not written over"):
        write(path, "two", replace=False)
    assert path.read_text() == "one"
    write(path, b"three")
    assert [(each.name, each.read_text()) for each in path.parent.iterdir()] == [
        ("b", "three")
    ]
    with pytest.raises(UsageError, match="cannot be written"):
        write(path / "c", "four")
