"""Bodies parsed as JSON, and why others are not."""

import gzip
import zlib

import pytest

from contract.clauses.base import Defect, ParsedBody, parse, parse_request
from contract.model import Request

DEFECTS: dict[str, tuple[bytes, Defect]] = {
    "nothing": (b"", Defect.EMPTY),
    "white space": (b" \r\n\t", Defect.EMPTY),
    "UTF-16": ("{}".encode("utf-16"), Defect.ENCODING),
    "byte order mark": (b"\xef\xbb\xbf{}", Defect.SYNTAX),
    "not UTF-8": (b'"\xff"', Defect.ENCODING),
    "open object": (b'{"a": 1', Defect.TRUNCATED),
    "open list": (b"[1,", Defect.TRUNCATED),
    "open text": (b'{"a": "b', Defect.TRUNCATED),
    "open text after an escape": (b'["a\\"', Defect.TRUNCATED),
    "open literal": (b"[tru", Defect.TRUNCATED),
    "white space at the end": (b"[1, \n", Defect.TRUNCATED),
    "two documents": (b"{}{}", Defect.TRAILING),
    "two documents, a comma between": (b"{}, {}", Defect.TRAILING),
    "comment": (b"{} // a", Defect.COMMENT),
    "block comment": (b"{} /* a */", Defect.COMMENT),
    "comment before": (b"// a\n{}", Defect.SYNTAX),
    "single quotes": (b"{'a': 1}", Defect.SYNTAX),
    "trailing comma": (b'{"a": 1,}', Defect.SYNTAX),
    "HTML": (b"<html>", Defect.SYNTAX),
    "NaN": (b"[NaN]", Defect.SYNTAX),
    "infinity": (b"[-Infinity]", Defect.SYNTAX),
    "a name twice": (b'{"a": 1, "a": 1}', Defect.SYNTAX),
    "nested too deep": (b"[" * 100_000, Defect.SYNTAX),
}


@pytest.mark.parametrize(("body", "defect"), DEFECTS.values(), ids=DEFECTS)
def test_defects(body: bytes, defect: Defect) -> None:
    parsed = parse(body)
    assert (parsed.value, parsed.defect) == (None, defect)
    assert parsed.error


def test_a_json_text_is_parsed() -> None:
    assert parse(b' {"a": [1.0, null]}\n') == ParsedBody({"a": [1.0, None]})


@pytest.mark.parametrize(
    ("coding", "body", "parsed"),
    [
        (None, b"1", ParsedBody(1)),
        ("identity", b"1", ParsedBody(1)),
        ("GZIP", gzip.compress(b"1", mtime=0), ParsedBody(1)),
        ("deflate", zlib.compress(b"1"), ParsedBody(1)),
        ("gzip", b"1", ParsedBody(None, Defect.ENCODING, "not gzip")),
        ("deflate", b"1", ParsedBody(None, Defect.ENCODING, "not deflate")),
        ("br", b"1", ParsedBody(None, Defect.ENCODING, "in an unknown coding")),
    ],
)
def test_request_codings(coding: str | None, body: bytes, parsed: ParsedBody) -> None:
    headers = (("Content-Encoding", coding),) if coding else ()
    assert parse_request(Request("PATCH", "https://a/", headers, body)) == parsed
