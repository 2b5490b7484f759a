"""Secrets and personal values are replaced, and files with secrets are removed."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.endpoint import PERSONAL_ATTRIBUTES
from contract.errors import LeakError, UsageError
from contract.model import Json
from contract.recordings.cassette import write
from contract.redaction import Leak, Redactor, guard, is_strong, scan
from contract.redaction.search import PATTERNS, forms, views
from contract.redaction.stand_ins import ATTEMPTS, StandIns
from tests.unit.secret_forms import FORMS, KEY, ODD, decoded

SECRETS = {"hex": KEY, "odd": ODD, "plain": "plain-secret-of-a-test"}
PROPERTY = settings(derandomize=True, deadline=None, max_examples=100, database=None)


def holds(text: str, secret: str) -> bool:
    return any(secret.lower() in view for view in decoded(text))


# -- secrets ---------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_each_form_of_a_secret_is_replaced(form: str, secret: str) -> None:
    written = FORMS[form](secret)
    redacted = Redactor({"key": secret}).text(f'{{"a": "{written}"}} & so on')
    assert redacted.startswith('{"a": "')
    assert redacted.endswith('"} & so on')
    assert written not in redacted
    assert not holds(redacted, secret)


STRONG = st.text(st.characters(codec="ascii", categories=("L", "N", "P", "S")))
STRONG = STRONG.map(lambda text: f"s3cret-{text}-zY").filter(is_strong)
AROUND = st.text("ab /.:{}\"'<é日𝄞", max_size=20)


@PROPERTY
@given(secret=STRONG, form=st.sampled_from(sorted(FORMS)), before=AROUND, after=AROUND)
def test_a_secret_disappears_and_other_text_stays(
    secret: str, form: str, before: str, after: str
) -> None:
    if form in ("prefix", "suffix") and len(secret) < 19:
        return
    if form.startswith("Base64"):
        before, after = f"{before} ", f" {after}"
    redacted = Redactor({"key": secret}).text(before + FORMS[form](secret) + after)
    assert redacted.startswith(before)
    assert redacted.endswith(after)
    assert not holds(redacted, secret)


@PROPERTY
@given(text=st.text() | st.text('\\u0041%5C&#;amp{}": ab'))
def test_text_without_secrets_stays(text: str) -> None:
    redactor = Redactor(SECRETS)
    assert redactor.text(text) == text
    data = text.encode("utf-16", "replace")
    assert redactor.bytes(data) == data


@PROPERTY
@given(data=st.binary(), end=st.binary())
def test_bytes_around_a_secret_stay(data: bytes, end: bytes) -> None:
    redacted = Redactor({"key": KEY}).bytes(data + b" " + KEY.encode() + b" " + end)
    assert redacted.startswith(data + b" ")
    assert redacted.endswith(b" " + end)
    assert KEY.encode() not in redacted


def test_no_character_is_cut() -> None:
    secret = f"{'a' * 15}é{'b' * 15}é{KEY}"
    redactor = Redactor({"key": secret})
    for text in (secret[:20], secret[10:], secret[:31] + "è", "è" + secret[16:]):
        assert not holds(redactor.text(f"日{text}日"), text[1:])
        assert redactor.text(f"日{text}日").endswith("日")


def test_the_longest_of_similar_secrets_is_replaced() -> None:
    redactor = Redactor({"one": f"{KEY}-1", "two": f"{KEY}-2"})
    two = redactor.value(f"{KEY}-2")
    assert redactor.text(f"<{KEY}-2><{KEY[3:]}-2>") == f"<{two}><{two[3:]}>"


def test_the_same_secret_has_the_same_stand_in() -> None:
    redactor = Redactor({"key": KEY})
    stand_in = redactor.value(KEY)
    assert redactor.text(FORMS["URL, all"](KEY)) == stand_in
    assert redactor.json({"a": [KEY], KEY: 1}) == {"a": [stand_in], stand_in: 1}
    assert redactor.text(FORMS["Base64"](KEY)) == FORMS["Base64"](stand_in)


def test_weak_secrets_are_replaced_only_by_structure() -> None:
    weak = ("short-1", "abcdefabcdefabcdef")
    redactor = Redactor(dict(zip("ab", weak, strict=True)))
    for secret in weak:
        assert redactor.text(f"a {secret}") == f"a {secret}"
        assert redactor.value(f"a {secret}") == f"a {secret}"
        assert redactor.value(secret) != secret


def test_redacted_text_stays() -> None:
    redactor = Redactor({"key": KEY})
    text = redactor.text(f'{KEY} ada@one.example {{"created_by": "Bo", "org_id": 2}}')
    assert redactor.text(text) == text


# -- linear work -----------------------------------------------------------------------


def test_forms_of_a_secret_are_few() -> None:
    assert len(forms(KEY, KEY)) == 4
    assert len(forms(ODD, ODD)) <= 21


@PROPERTY
@given(text=st.text("\\u0041%5C&#x;amp/", max_size=200))
def test_a_text_has_few_views_that_are_no_longer(text: str) -> None:
    data = text.encode()
    some = views(data)
    assert len(some) <= 1 + len(PATTERNS)
    for view in some:
        assert len(view.data) <= len(data)
        assert len(view.offsets[0]) <= 1 + 2 * len(data)


# -- personal values -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        ("1000001", r"[1-9]\d{6}"),
        ("9223372036854775807", r"[1-8]\d{18}"),
        ("ada@one.example", r"person-\d@redacted\.example"),
        ("9f0e8d7c-6b5a-4a39", r"[0-9a-z]{8}-[0-9a-z]{4}-[0-9a-z]{4}"),
        ("Ada Lovelace", r"[A-Z][a-z]{2} [A-Z][a-z]{7}"),
        ("Zoë", r"[A-Z][a-z]{2}"),
        ('k"%+/1', r"[a-z]{5}\d"),
    ],
)
def test_a_stand_in_keeps_the_shape(value: str, shape: str) -> None:
    stand_in = Redactor().json({"created_by": value})["created_by"]
    assert stand_in != value
    assert re.fullmatch(shape, stand_in)


@pytest.mark.parametrize("value", ["-", "a", "", "--", "é", "0", "\\", "x" * 100_000])
def test_any_personal_value_has_a_stand_in(value: str) -> None:
    redactor = Redactor()
    redactor.learn_from({"created_by": value})
    stand_in = redactor.json({"created_by": value})["created_by"]
    assert len(stand_in) == len(value)
    assert stand_in != value or not any(map(str.isalnum, value))


def test_a_choice_is_bounded_and_values_may_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[str] = []

    def shaped(value: str, seed: str) -> str:
        calls.append(seed)
        return "1"

    monkeypatch.setattr("contract.redaction.stand_ins.shaped", shaped)
    stand_ins = StandIns({})
    assert [stand_ins.of(value) for value in "234"] == ["1", "1", "1"]
    assert len(calls) == 1 + 2 * ATTEMPTS
    assert stand_ins.shared == {"3", "4"}


def test_sixty_organizations_of_two_digits_have_stand_ins() -> None:
    rows = [{"org_id": number} for number in range(10, 70)]
    redactor = Redactor()
    redactor.learn_from(rows)
    for row in redactor.json(rows):
        assert 10 <= row["org_id"] < 100


def test_snapshot_ids_stay_apart() -> None:
    rows: Json = [
        {"id": f"id{n}", "attributes": {"created_by": f"id{n}"}} for n in range(10)
    ]
    redactor = Redactor()
    redactor.learn_from(rows)
    redacted = redactor.json(rows)
    assert [row["id"] for row in redacted] == [row["id"] for row in rows]


def test_numbers_stay_numbers() -> None:
    redactor = Redactor()
    redactor.learn_from({"org_id": 1000001})
    redacted = redactor.json({"a": [1000001, -1000001, 10000010, 1000001.5, True]})
    stand_in, *others = redacted["a"]
    assert others == [-stand_in, 10000010, 1000001.5, True]
    data = b"[1000001, -1000001, 10000010, 1000001.5, true]"
    assert json.loads(redactor.bytes(data)) == redacted["a"]
    assert redactor.text("of 1000001.") == f"of {stand_in}."


def test_members_for_persons_are_replaced_in_values_and_bytes() -> None:
    row = {
        "created_by": "Bö",
        "created_by_handle": "bo",
        "created_by_user_id": 7,
        "org_id": 2,
        "start": 2,
        "a": "Bo 2",
    }
    redactor = Redactor()
    redacted = redactor.json(row)
    changed = {name for name in row if redacted[name] != row[name]}
    assert changed == set(PERSONAL_ATTRIBUTES)
    assert list(map(type, redacted.values())) == list(map(type, row.values()))
    assert json.loads(redactor.bytes(json.dumps(row).encode())) == redacted


def test_learned_values_are_replaced_everywhere() -> None:
    redactor = Redactor()
    redactor.learn_from({"data": [{"created_by": "Ada", "org_id": 1000001}]})
    text = redactor.text("Ada of 1000001, not Adam; %20Ada, \\nAda, a.b@x.example.com")
    assert "Adam" in text
    assert not re.search(r"Ada\b|1000001|a\.b@", text)


def test_words_of_the_contract_stay() -> None:
    body: Json = {"data": {"type": "snapshots", "created_by": "data"}}
    redactor = Redactor()
    redactor.learn_from(body)
    redacted = redactor.json(body)
    assert redacted["data"].pop("created_by") != "data"
    assert redacted == {"data": {"type": "snapshots"}}


def test_stand_ins_may_be_chosen() -> None:
    redactor = Redactor({}, {"127.0.0.1:4711": "service.example"})
    assert redactor.text("http://127.0.0.1:4711/a") == "http://service.example/a"


# -- files -----------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
def test_each_form_is_found_in_a_file(form: str, secret: str, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "good").write_bytes(b'{"a": "\xff\x78\x9c %2 \\u12 &')
    path = tmp_path / "deep" / "bad"
    path.write_bytes(b"\x1f\x8b a: " + FORMS[form](secret).encode() + b"\n100% & \\")
    secrets = {"api key": secret, "app key": "not there 123"}
    assert scan([tmp_path], secrets) == [Leak(path, "api key")]


def test_files_with_secrets_are_removed_and_named(tmp_path: Path) -> None:
    other = "other-key-of-a-test"
    (tmp_path / "good").write_text("nothing")
    (tmp_path / "bad").write_text(FORMS["Base64 + 1"](KEY) + other)
    (tmp_path / f"of-{KEY}").write_text("")
    (tmp_path / "worse").write_text(KEY)
    paths = [tmp_path, tmp_path / "bad", tmp_path / "not there"]
    with pytest.raises(LeakError) as raised:
        guard(paths, {"api key": KEY, "app key": other})
    assert KEY not in str(raised.value)
    lines = str(raised.value).split("; ")
    assert lines[:2] == [
        f"{tmp_path / 'bad'}: holds api key, removed",
        f"{tmp_path / 'bad'}: holds app key, removed",
    ]
    assert len(lines) == 4
    assert [path.name for path in tmp_path.iterdir()] == ["good"]
    guard(paths, {"api key": KEY})


def test_guard_goes_on_where_a_file_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, unlink = Path.read_bytes, Path.unlink

    def failing_read(path: Path) -> bytes:
        if path.name == "unreadable":
            raise PermissionError
        return read(path)

    def failing_unlink(path: Path, missing_ok: bool = False) -> None:
        if path.name == "fixed":
            raise PermissionError
        unlink(path, missing_ok)

    for name in ("fixed", "later", "unreadable"):
        (tmp_path / name).write_text(KEY)
    monkeypatch.setattr(Path, "read_bytes", failing_read)
    monkeypatch.setattr(Path, "unlink", failing_unlink)
    with pytest.raises(LeakError) as raised:
        guard([tmp_path], {"key": KEY})
    assert str(raised.value).replace(f"{tmp_path}/", "") == (
        "fixed: holds key, not removed; later: holds key, removed; "
        "unreadable: holds unreadable data, not removed"
    )


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b"
    assert write(path, "one") == path
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(UsageError, match="exists, and is not written over"):
        write(path, "two")
    assert [(p.name, p.read_text()) for p in path.parent.iterdir()] == [("b", "one")]
    with pytest.raises(UsageError, match="cannot be written"):
        write(path / "c", "four")
