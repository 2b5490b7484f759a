"""What a caller gives besides the body: snapshot ids, keys and sites, in good and in bad forms."""

import re
from collections.abc import Iterator

from hypothesis import strategies as st

from contract.cases.values import ValueClass

__all__ = [
    "IDS",
    "REFUSED_IDS",
    "SNAPSHOT_ID",
    "bad_sites",
    "id_traits",
    "ids",
    "keys",
    "other_sites",
]

SNAPSHOT_ID = "00000000-0000-0000-0000-000000000001"
"""The id that a case has where ids are not what it is about."""

IDS = (
    ValueClass("UUID", (SNAPSHOT_ID,), lambda s: len(s) == 36 and s.count("-") == 4),
    ValueClass(
        "plain",
        ("a", "abc", "0", "123"),
        lambda s: s.isascii() and s.isalnum() and s == s.lower(),
    ),
    ValueClass("upper case", ("ABC", "aBcDeF", "0AF3"), lambda s: s != s.lower()),
    ValueClass(
        "unreserved marks",
        ("-", "_", "~", "a-b_c~d", "a.b"),
        lambda s: bool(set(s) & set("-._~")),
    ),
    ValueClass(
        "slash", ("/", "a/b", "/a", "a/", "//", "a//b", "/a/b/"), lambda s: "/" in s
    ),
    ValueClass("backslash", ("\\", "a\\b", "..\\a"), lambda s: "\\" in s),
    ValueClass(
        "dots",
        ("...", ".a", "a.", "..a", "a.."),
        lambda s: s.startswith(".") or s.endswith("."),
    ),
    ValueClass(
        "dot segments inside",
        ("../a", "a/../b", "./a", "a/.", "a/.."),
        lambda s: bool({".", ".."} & {*s.split("/")}),
    ),
    ValueClass("percent sign", ("%", "%%", "100%", "%zz", "a%b"), lambda s: "%" in s),
    ValueClass(
        "looks encoded",
        ("%2F", "%2f", "%2E%2E", "%2e", "%25", "%00", "a%20b", "%C3%A9"),
        lambda s: bool(re.search("%[0-9A-Fa-f]{2}", s)),
    ),
    ValueClass("question mark", ("?", "a?b=c", "?a"), lambda s: "?" in s),
    ValueClass("hash", ("#", "a#b", "#a"), lambda s: "#" in s),
    ValueClass("space", (" ", "a b", " a", "a "), lambda s: " " in s),
    ValueClass("plus", ("+", "a+b", "+a"), lambda s: "+" in s),
    ValueClass(
        "other delimiters",
        (
            ":",
            "a:b",
            "a;b=c",
            "a&b=c",
            "@",
            "a@b",
            "!",
            "$",
            "'",
            "(a)",
            "*",
            ",",
            "[a]",
        ),
        lambda s: bool(set(s) & set(":;&=@!$'()*,[]")),
    ),
    ValueClass(
        "characters that no URL has",
        ('"', "<a>", "a|b", "^", "`", "{a}", "{snapshot_id}"),
        lambda s: bool(set(s) & set('"<>|^`{}')),
    ),
    ValueClass(
        "control characters",
        ("\n", "a\r\nb", "\t", "\x7f", "\0", "a\0b"),
        lambda s: any(c < " " or c == "\x7f" for c in s),
    ),
    ValueClass(
        "Latin",
        ("é", "Ünïcödé", "e\u0301"),
        lambda s: any("\x7f" < c < "\u0400" for c in s),
    ),
    ValueClass(
        "other scripts",
        ("日本語", "עברית"),
        lambda s: any("\u0400" <= c <= "\uffff" for c in s),
    ),
    ValueClass("astral", ("𝄞", "a😀b"), lambda s: any(c > "\uffff" for c in s)),
    ValueClass(
        "looks like a path of its own",
        ("https://example.com", "//example.com/a", "api/v2"),
        lambda s: "//" in s or s.startswith("api"),
    ),
    ValueClass("very long", ("a" * 8_192, "é" * 1_000), lambda s: len(s) >= 1_000),
)
"""Ids that can be one path segment (RFC 3986, section 3.3)."""

REFUSED_IDS = (
    ("empty", ""),
    ("dot segment", "."),
    ("dot segment", ".."),
    ("not encodable", "\ud800"),
    ("not encodable", "a\udfffb"),
)
"""Ids that no client can send as one segment: empty, dot segments (RFC 3986, 5.2.4), lone surrogates."""

_REFUSED = {value for _, value in REFUSED_IDS}
_samples = [sample for form in IDS for sample in form.samples if len(sample) < 100]
_marks = st.text("ab/.%?#+ ;=é𝄞\\~:@2Ff", min_size=1, max_size=12)
ids = (
    _marks
    | st.sampled_from(_samples)
    | st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
).filter(lambda value: value not in _REFUSED)
"""A strategy for ids that can be one path segment."""


def id_traits(value: str) -> tuple[str, ...]:
    """Describe an id in the words of `IDS`."""
    return tuple(f"id: {form.how}" for form in IDS if form.matches(value))


_API_KEY = "a9b8c7d6e5f40312a9b8c7d6e5f40312"
_APP_KEY = "f0e1d2c3b4a5968778695a4b3c2d1e0ff0e1d2c3"
_SENDABLE = {
    "punctuation": "!#$%&'*+-.^_`|~{}()<>@,;:/[]?=",
    "base64": "+/Zm9vYmFy/+==",
    "very long": "k" * 1_000,
}
_UNSENDABLE = {
    "CR": "\r",
    "LF": "\n",
    "CRLF and a header": "\r\nX-Injected: 1",
    "NUL": "\0",
}


def _keys() -> dict[str, tuple[str, str]]:
    """Return the pairs of keys (API key, application key) by name; all are made up."""
    made = {"plain": (_API_KEY, _APP_KEY)}
    for how, part in _SENDABLE.items():
        made[f"api key: {how}"] = (_API_KEY + part + "0", _APP_KEY)
        made[f"app key: {how}"] = (_API_KEY, _APP_KEY + part + "0")
    for how, part in _UNSENDABLE.items():
        for where in ("start", "middle", "end"):
            cut = {"start": 0, "middle": 16, "end": 40}[where]
            made[f"api key: {how} at the {where}"] = (
                _API_KEY[:cut] + part + _API_KEY[cut:],
                _APP_KEY,
            )
            made[f"app key: {how} at the {where}"] = (
                _API_KEY,
                _APP_KEY[:cut] + part + _APP_KEY[cut:],
            )
    return made


keys = _keys()
"""Pairs of keys (API key, application key) for clients under test, by name; all are made up."""


def bad_sites(sites: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield (kind, site) for sites that cannot be a Datadog host; each of the documented ones is twisted."""
    yield "empty", ""
    yield "white space", " "
    for site in sites:
        name, _, domain = site.partition(".")
        yield "other domain", f"{site}.example"
        yield "other domain", f"{site}-contract.example"
        yield (
            "other domain",
            f"contract.example.{domain}"
            if domain in ("com", "eu")
            else f"{name}.contract.example",
        )
        yield "other domain with the name at its end", f"contract{site}"
        yield "path", f"{site}/"
        yield "path", f"contract.example/{site}"
        yield "port", f"{site}:8443"
        yield "user information", f"keys@{site}"
        yield "user information", f"{site}@contract.example"
        yield "scheme", f"https://{site}"
        yield "scheme", f"http://api.{site}"
        yield "query", f"{site}?a=b"
        yield "query", f"contract.example?{site}"
        yield "fragment", f"contract.example#.{site}"
        yield "backslash", f"contract.example\\.{site}"
        yield "encoded", f"contract.example%2F.{site}"
        yield "not a host name", f"{name} .{domain}"
        yield "not a host name", f".{site}"
        yield "not a host name", f"{name}..{domain}"
        yield "line break", f"{site}\n"
        yield "line break", f"{site}\r\nX-Injected: 1"
        yield "NUL", f"{site}\0"
        yield "look-alike", site.replace("o", "о")
    yield "address", "127.0.0.1"
    yield "address", "[::1]"
    yield "not a host name", "localhost"


def other_sites(sites: tuple[str, ...]) -> Iterator[str]:
    """Yield hosts of Datadog's domains that the contract doesn't list."""
    domains = dict.fromkeys(".".join(site.split(".")[-2:]) for site in sites)
    for domain in domains:
        for name in ("app", "api", "eu9"):
            yield f"{name}.{domain}"
