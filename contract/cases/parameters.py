"""Parameters of a call besides its body: snapshot ids, keys and sites."""

from collections.abc import Iterator
from functools import partial
from itertools import product

from contract.cases.scenario import Labels, Mark
from contract.cases.values import UUID, row
from contract.model import Credential, Label, Violation

EXAMPLE_ID = "00000000-0000-0000-0000-000000000001"
"""The id of the page's example, and of the cases that are not about ids."""

DOT_SEGMENTS = r"(^|/)\.\.?(/|\Z)"
ENCODED = ("%2F", "%2f", "%2E%2E", "%2e", "%25", "%00", "a%20b", "%C3%A9")
DELIMITED = (":", "a:b", "a;b=c", "a&b=c", "@", "a@b", *"!$'*,", "(a)", "[a]")
NOT_IN_URLS = ('"', "<a>", "a|b", "^", "`", "{a}", "{snapshot_id}")
PATHS = ("https://example.com", "//example.com/a", "api/v2")

IDS = (
    row("UUID", UUID, EXAMPLE_ID),
    row("plain", r"^[a-z0-9]+\Z", "a", "abc", "0", "123"),
    row("upper case", lambda s: s != s.lower(), "ABC", "aBcDeF", "0AF3"),
    row("unreserved marks", "[-._~]", "-", "_", "~", "a-b_c~d", "a.b"),
    row("slash", "/", "/", "a/b", "/a", "a/", "//", "a//b", "/a/b/"),
    row("backslash", r"\\", "\\", "a\\b", "..\\a"),
    row("dots", r"^\.|\.\Z", "...", ".a", "a.", "..a", "a.."),
    row("dot segments inside", DOT_SEGMENTS, "../a", "a/../b", "./a", "a/.", "a/.."),
    row("percent sign", "%", "%", "%%", "100%", "%zz", "a%b"),
    row("looks encoded", "%[0-9A-Fa-f]{2}", *ENCODED),
    row("question mark", r"\?", "?", "a?b=c", "?a"),
    row("hash", "#", "#", "a#b", "#a"),
    row("space", " ", " ", "a b", " a", "a "),
    row("plus", r"\+", "+", "a+b", "+a"),
    row("other delimiters", r"[:;&=@!$'()*,\[\]]", *DELIMITED),
    row("characters that no URL has", '["<>|^`{}]', *NOT_IN_URLS),
    row("control characters", r"[\0-\x1f\x7f]", *("\n", "a\r\nb", *"\t\x7f\0", "a\0b")),
    row("Latin", "[\x80-\u03ff]", "é", "Ünïcödé", "e\u0301"),
    row("other scripts", "[^\0-\u03ff\U00010000-\U0010ffff]", "日本語", "עברית"),
    row(
        "invisible characters",
        lambda s: not "".join(c for c in s if c > "\x7f").isprintable(),
        *("a\u200bb", "\ufeffa", "a\u2028b", "\x85"),
    ),
    row("astral", "[\U00010000-\U0010ffff]", "𝄞", "a😀b"),
    row("looks like a path of its own", "^api|//", *PATHS),
    row("very long", "(?s).{1000}", "a" * 8_192, "é" * 1_000),
)
"""Ids that can be one path segment (RFC 3986, section 3.3)."""

DOTS = "dot-segment"
LONE = "surrogate"
INVALID_IDS = {"": "empty", ".": DOTS, "..": DOTS, "\ud800": LONE, "a\udfffb": LONE}
"""Ids that no client can send as one segment, with the reason (RFC 3986, 5.2.4)."""


def id_labels(text: str) -> Labels:
    """Return what is special in an id."""
    return tuple(Label("snapshot_id", item.name) for item in IDS if item.matches(text))


def valid_ids() -> Iterator[tuple[Label, str]]:
    """Yield the samples of ids, each with its label."""
    for item in IDS:
        for sample in item.samples:
            yield Label("snapshot_id", item.name), sample


def all_ids() -> Iterator[tuple[Mark, str]]:
    yield from valid_ids()
    for snapshot_id, how in INVALID_IDS.items():
        yield Violation("snapshot_id", "format", how), snapshot_id


KEYS = {
    "api_key": "a9b8c7d6e5f40312a9b8c7d6e5f40312",
    "app_key": "f0e1d2c3b4a5968778695a4b3c2d1e0ff0e1d2c3",
}
SENDABLE_ENDS = {
    "punctuation": "!#$%&'*+-.^_`|~{}()<>@,;:/[]?=0",
    "base64": "+/Zm9vYmFy/+==0",
    "very long": "k" * 1_000 + "0",
}
UNSENDABLE_PARTS = {
    "CR": "\r",
    "LF": "\n",
    "CRLF and a header": "\r\nX-Injected: 1",
    "NUL": "\0",
}
POSITIONS = {"start": 0, "middle": 16, "end": 40}


def credential(place: str, name: str, key: str) -> Credential:
    return Credential(f"{place} {name}", **(KEYS | {place: key}))


def credentials() -> Iterator[tuple[Mark, Credential]]:
    yield Label("", "plain"), Credential("plain", **KEYS)
    for name, end in SENDABLE_ENDS.items():
        for place, key in KEYS.items():
            yield Label(place, name), credential(place, name, key + end)
    altered = product(UNSENDABLE_PARTS.items(), POSITIONS.items(), KEYS.items())
    for (part_name, part), (position, index), (place, key) in altered:
        name = f"{part_name} at the {position}"
        unsendable = key[:index] + part + key[index:]
        yield Violation(place, "format", name), credential(place, name, unsendable)


CREDENTIALS = {item.name: item for _, item in credentials()}

ODD_HOSTS = {
    "other domain": ("{site}.example", "{site}-contract.example", "{end}"),
    "other domain with the name at its end": ("contract{site}",),
    "path": ("{site}/", "contract.example/{site}"),
    "port": ("{site}:8443",),
    "user information": ("keys@{site}", "{site}@contract.example"),
    "scheme": ("https://{site}", "http://api.{site}"),
    "query": ("{site}?a=b", "contract.example?{site}"),
    "fragment": ("contract.example#.{site}",),
    "backslash": ("contract.example\\.{site}",),
    "encoded": ("contract.example%2F.{site}",),
    "not a host name": ("{name} .{domain}", ".{site}", "{name}..{domain}"),
    "line break": ("{site}\n", "{site}\r\nX-Injected: 1"),
    "NUL": ("{site}\0",),
}
"""Texts that cannot be a Datadog host, made of a documented site."""


def other_sites(sites: tuple[str, ...]) -> Iterator[tuple[Violation, str]]:
    """Yield sites that cannot be a Datadog host, and undocumented ones that can."""
    odd = partial(Violation, "site", "format")
    yield odd("empty"), ""
    yield odd("white space"), " "
    for site in sites:
        name, _, domain = site.partition(".")
        is_below = "." in domain
        end = f"{name}.contract.example" if is_below else f"contract.example.{domain}"
        parts = {"site": site, "name": name, "domain": domain, "end": end}
        for how, templates in ODD_HOSTS.items():
            for template in templates:
                yield odd(how), template.format(**parts)
        yield odd("look-alike"), site.replace("o", "о")
    yield odd("address"), "127.0.0.1"
    yield odd("address"), "[::1]"
    yield odd("not a host name"), "localhost"
    for domain in dict.fromkeys(".".join(site.split(".")[-2:]) for site in sites):
        for name in ("app", "api", "eu9"):
            yield Violation("site", "enum", "undocumented"), f"{name}.{domain}"
