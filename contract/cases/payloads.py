"""Raw bodies and headers for services: spellings of JSON, broken JSON, other media."""

import json
import re
import string
from collections.abc import Iterator
from functools import partial

from contract.cases.placeholders import MARKS, RANDOM_TEXT, placeholder_of
from contract.endpoint import (
    INTEGER_ATTRIBUTE,
    OPTIONAL_TEXT_ATTRIBUTE,
    RESOURCE_TYPE,
    TEXT_ATTRIBUTE,
)
from contract.model import Json, Placeholder, RequestOverride, Template

DEPTH = 100_000
MEGABYTE = 1 << 20
NEW_ATTRIBUTE = "unknown_property"
MARK = re.compile(MARKS.pattern.encode())


def compact(value: Json) -> bytes:
    """Return a value as JSON without white space, its placeholders as marks."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    return text.encode()


def template(text: bytes) -> Template:
    """Return a raw body in which the marks of placeholders are placeholders."""
    parts: list[bytes | Placeholder] = []
    end = 0
    for match in MARK.finditer(text):
        parts += (text[end : match.start()], placeholder_of(match[0].decode()))
        end = match.end()
    return (*parts, text[end:])


def with_attribute(body: Json, name: str, value: Json) -> Json:
    """Return a copy of a body with another value of an attribute."""
    data = body["data"]
    return {**body, "data": {**data, "attributes": {**data["attributes"], name: value}}}


def with_raw(body: Json, name: str, text: bytes) -> bytes:
    return compact(with_attribute(body, name, "X")).replace(b'"X"', text)


def spellings(body: Json) -> Iterator[tuple[str, Json, bytes]]:
    """Yield JSON values with their text, written in all ways of RFC 8259."""
    value = with_attribute(body, TEXT_ATTRIBUTE, "é𝄞\t/日")
    whole, name = compact(value), INTEGER_ATTRIBUTE
    spaced = json.dumps(value, indent=3, default=str)
    yield "white space", value, f" \t\r\n{spaced}\r\n \t".encode()
    yield "no white space", value, whole
    yield "escapes", value, json.dumps(value, default=str).replace("/", "\\/").encode()
    escaped_name = f"\\u{ord(name[0]):04x}{name[1:]}".encode()
    yield "escapes in names", value, whole.replace(name.encode(), escaped_name)
    reordered = {"data": dict(reversed(value["data"].items()))}
    yield "other order", reordered, compact(reordered)
    zero = with_attribute(body, name, 0)
    yield "negative zero", zero, with_raw(body, name, b"-0")


NOT_UTF8 = (
    *(b"\xff", b"\xfe", b"\xc3", b"\xc0\xaf"),
    *(b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\x80"),
)
RAW_TEXTS = {
    "raw line feed": b"a\nb",
    "raw tab": b"a\tb",
    "raw NUL": b"a\0b",
    "hexadecimal escape": b"\\x41",
    "short Unicode escape": b"\\u12",
    "lone backslash": b"\\",
    "escaped apostrophe": b"a\\'b",
}


def malformed(body: Json) -> Iterator[tuple[str, bytes]]:
    """Yield texts that are no JSON by any reading of RFC 8259."""
    whole = compact(body)
    inner = whole[:-1]
    yield "empty", b""
    yield "white space only", b" \r\n"
    for end in (1, 8, len(whole) // 2, len(whole) - 1):
        yield "truncated", whole[:end]
    yield "trailing comma", inner + b",}"
    yield "trailing comma in attributes", inner[:-2] + b",}}}"
    yield "leading comma", b"{," + whole[1:]
    yield "missing comma", whole.replace(b',"', b' "', 1)
    yield "missing colon", whole.replace(b":", b" ", 1)
    yield "trailing text", whole + b"}"
    yield "trailing text", whole + b" x"
    yield "two documents", whole + whole
    yield "line comment", b"// comment\n" + whole
    yield "block comment", b"/* comment */" + whole
    yield "hash comment", whole + b"\n# comment"
    for name in ("NaN", "Infinity", "-Infinity", "undefined", "True", "None"):
        member = f',"{NEW_ATTRIBUTE}":{name}}}'
        yield f"literal {name}", inner + member.encode()
        text = with_raw(body, INTEGER_ATTRIBUTE, name.encode())
        yield f"{INTEGER_ATTRIBUTE} is {name}", text
    yield "single quotes", whole.replace(b'"', b"'")
    yield "names without quotes", whole.replace(b'"data"', b"data")
    for number in ("01", "+1", "1.", ".5", "0x10", "1e", "1_000"):
        yield f"number {number}", with_raw(body, INTEGER_ATTRIBUTE, number.encode())
    for name, raw in RAW_TEXTS.items():
        yield name, with_raw(body, TEXT_ATTRIBUTE, b'"%s"' % raw)
    for raw in NOT_UTF8:
        yield "not UTF-8", with_raw(body, TEXT_ATTRIBUTE, b'"a%sb"' % raw)
    yield "UTF-16", whole.decode().encode("utf-16-le")
    yield "XML", b"<data/>"
    yield "a form", b"data=1"
    yield "random bytes", bytes(range(256))


def other_media(body: Json) -> Iterator[tuple[str, bytes]]:
    """Yield media types that are no JSON, each with a body."""
    whole, form_type = compact(body), "application/x-www-form-urlencoded"
    xml = f"<data><type>{RESOURCE_TYPE}</type></data>".encode()
    part = b'Content-Disposition: form-data; name="data"\r\n\r\n{}'
    yield "text/plain", whole
    yield "text/plain; charset=utf-8", whole
    yield "text/html", whole
    yield "application/octet-stream", whole
    yield "image/png", whole
    yield "application/xml", xml
    yield "text/xml", xml
    yield form_type, f"data[type]={RESOURCE_TYPE}".encode()
    yield form_type, whole
    yield "multipart/form-data; boundary=b", b"--b\r\n%s\r\n--b--\r\n" % part


def left_open(body: Json) -> Iterator[tuple[str, str, RequestOverride]]:
    """Yield requests that RFC 8259 or RFC 9110 let a service accept or refuse."""
    override = partial(RequestOverride, is_open=True)
    plain = (compact(body),)
    for name, text in open_bodies(body):
        yield "body", name, override(body=template(text))
    for name, media_type in OPEN_MEDIA_TYPES.items():
        yield "Content-Type", name, override(body=plain, content_type=media_type)
    for header, name, value in OPEN_HEADERS:
        yield header, name, override(body=plain, headers=((header, value),))


NESTED = b"[" * DEPTH + b"]" * DEPTH
LONG_TEXT = b'"' + b"x" * MEGABYTE + b'"'
LONG_ESCAPES = b'"' + b"\\u0000" * (MEGABYTE // 6) + b'"'


def open_bodies(body: Json) -> Iterator[tuple[str, bytes]]:
    whole = compact(body)
    yield "byte order mark", b"\xef\xbb\xbf" + whole
    yield "duplicate names", whole[:-1] + b"," + whole[1:]
    for name, attribute, text in OPEN_VALUES:
        yield name, with_raw(body, attribute, text)
    surrogate_id = f'"id":"\\ud800{RANDOM_TEXT}","type"'.encode()
    yield "lone surrogate in the id", whole.replace(b'"type"', surrogate_id)
    yield "arrays 10^5 deep", NESTED
    yield "arrays 10^5 deep, never closed", b"[" * DEPTH
    yield "objects 10^5 deep", b'{"a":' * DEPTH + b"1" + b"}" * DEPTH
    yield "arrays 10^5 deep in a member", with_raw(body, NEW_ATTRIBUTE, NESTED)
    yield "a megabyte of text", with_raw(body, TEXT_ATTRIBUTE, LONG_TEXT)
    yield "a megabyte of escapes", with_raw(body, OPTIONAL_TEXT_ATTRIBUTE, LONG_ESCAPES)
    yield "a megabyte of white space", b" " * MEGABYTE + whole
    numbers = str([*range(DEPTH)])[1:-1].replace(", ", '":0,"p')
    yield "10^5 members", whole[:-1] + f',"p{numbers}":0}}'.encode()


TEXT_TWICE = f'"a","{TEXT_ATTRIBUTE}":"b"'.encode()
OPEN_VALUES = (
    ("duplicate names in attributes", TEXT_ATTRIBUTE, TEXT_TWICE),
    ("lone surrogate", TEXT_ATTRIBUTE, b'"\\ud800"'),
    ("lone low surrogate", TEXT_ATTRIBUTE, b'"a\\udc00b"'),
    ("lone surrogate in a name", NEW_ATTRIBUTE, b'1,"\\ud800":1'),
    ("integer with a point", INTEGER_ATTRIBUTE, b"1.0"),
    ("integer with an exponent", INTEGER_ATTRIBUTE, b"1e3"),
    ("huge number", NEW_ATTRIBUTE, b"1e400"),
    ("huge negative number", NEW_ATTRIBUTE, b"-1e400"),
    ("number of 5,000 digits", NEW_ATTRIBUTE, b"1" + b"0" * 5_000),
    (f"huge number as {INTEGER_ATTRIBUTE}", INTEGER_ATTRIBUTE, b"1e400"),
    (f"5,000 digits as {INTEGER_ATTRIBUTE}", INTEGER_ATTRIBUTE, b"9" * 5_000),
)
OPEN_MEDIA_TYPES = {
    "none": None,
    "empty": "",
    "json": "json",
    "UTF-16": "application/json; charset=utf-16",
    "JSON:API": "application/vnd.api+json",
    "range": "application/*",
    "senseless": ";;;",
}
OPEN_HEADERS = (
    ("Content-Encoding", "gzip, but it is not", "gzip"),
    ("Content-Encoding", "unknown", "x-unknown"),
    ("Accept", "HTML", "text/html"),
    ("Accept", "nothing", "*/*;q=0"),
    ("Accept", "XML or plain text", "application/xml, text/plain"),
    ("Content-Type", "doubled", "text/plain"),
    ("Expect", "unknown", "something"),
    ("If-Match", "another tag", '"none"'),
    ("X-HTTP-Method-Override", "DELETE", "DELETE"),
    ("X-Long", "very long", string.ascii_letters * 1_000),
)
