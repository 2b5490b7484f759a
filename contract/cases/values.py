"""The forms that a JSON value can take: what tends to break software, by type, whatever the field.

A `ValueClass` names a class of values, gives samples for the boundary cases, and recognises its members, so that a
generated value is described in the same words as an enumerated one. A `Mutation` names a way to break a
keyword, and gives samples and a strategy for the broken values.
"""

import copy
import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial
from operator import eq

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from contract.model import Json

__all__ = [
    "NOT_PLAYED",
    "Mutation",
    "ValueClass",
    "json_type",
    "mutations",
    "names",
    "unknown_values",
    "value_classes",
    "values",
]

NOT_PLAYED = {
    "1.0 where an integer is documented": "JSON Schema calls it an integer, many parsers do not",
    "year 0000": "RFC 3339 allows it, most date types cannot hold it",
    "leap seconds": "RFC 3339 allows :60, most date types cannot hold it",
    "lower-case t and z in dates": "RFC 3339 section 5.6 lets applications refuse them",
    "lone surrogates in bodies": "RFC 8259 section 8.2 calls the behaviour unpredictable",
    "numbers beyond a double in unknown properties": "RFC 8259 section 6 leaves precision to the software",
    "request bodies nested over 100 deep": "RFC 8259 section 9 lets parsers limit the depth",
    "1xx answers": "clients must skip them; few HTTP libraries let a server send one at will",
    "gzip that was not asked for": "RFC 9110 section 12.5.3 lets a server, no library agrees what follows",
    "same-origin redirects": "RFC 9110 section 15.4 lets a client follow them or not",
    "byte order marks and duplicate names in answers": "RFC 8259 lets parsers ignore, keep or refuse them",
}
"""What no case holds, since JSON Schema, RFCs and practice disagree about it, each with the reason."""


@dataclass(frozen=True)
class ValueClass:
    """A class of valid values: its name, samples of it, and how to recognise a member."""

    how: str
    samples: tuple[Json, ...]
    matches: Callable[[Json], bool]


@dataclass(frozen=True)
class Mutation:
    """A way to break a keyword: its name, samples, and a strategy for more."""

    how: str
    samples: tuple[Json, ...]
    strategy: SearchStrategy[Json]


def json_type(value: Json) -> str:
    """Name the JSON type of a value; a number with a fraction is a `fraction`."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "fraction"
        case str():
            return "text"
        case list():
            return "array"
        case _:
            return "object"


_CONTROL = re.compile(r"[\x01-\x1f\x7f]")
_LITERAL = re.compile(
    r"(?i)null|true|false|nan|-?infinity|undefined|none|-?\d+\.?\d*e[+-]?\d+|-\d+|0x[0-9a-f]+"
)

_TEXTS = (
    ValueClass("plain", ("a", "string"), lambda s: s.isascii() and s.isalpha()),
    ValueClass(
        "UUID",
        ("11111111-2222-3333-4444-555555555555",),
        lambda s: len(s) == 36 and s.count("-") == 4,
    ),
    ValueClass("empty", ("",), lambda s: s == ""),
    ValueClass("very long", ("x" * 10_000, "é" * 5_000), lambda s: len(s) >= 1_000),
    ValueClass(
        "leading white space",
        (" a", "\ta", "\n a", "\u00a0a"),
        lambda s: s != s.lstrip(),
    ),
    ValueClass(
        "trailing white space",
        ("a ", "a\t", "a\r\n", "a\u3000"),
        lambda s: s != s.rstrip(),
    ),
    ValueClass("white space only", (" ", "\t\n"), lambda s: s.isspace()),
    ValueClass("inner white space", ("a  b",), lambda s: "  " in s.strip()),
    ValueClass("mixed case", ("aBcD", "ABC"), lambda s: s != s.lower()),
    ValueClass(
        "case that folds oddly",
        ("İ", "ß", "ſ"),
        lambda s: len(s.lower()) != len(s) or s.casefold() != s.lower(),
    ),
    ValueClass(
        "digits only",
        ("0", "007", "9007199254740993", "18446744073709551616"),
        lambda s: s.isdecimal(),
    ),
    ValueClass(
        "looks like a literal",
        ("null", "true", "NaN", "1e5", "-1", "0x1F"),
        lambda s: bool(_LITERAL.fullmatch(s)),
    ),
    ValueClass(
        "looks like a date",
        ("2019-09-19", "2019-09-19T10:00:00Z"),
        lambda s: s[:4].isdecimal() and s[4:5] == "-",
    ),
    ValueClass("NUL", ("\0", "a\0b"), lambda s: "\0" in s),
    ValueClass(
        "control characters",
        ("\x01", "a\x1fb", "\x7f"),
        lambda s: bool(_CONTROL.search(s)),
    ),
    ValueClass(
        "line breaks",
        ("a\nb", "a\r\nb", "a\u2028b", "a\u0085b"),
        lambda s: len(s.splitlines()) > 1,
    ),
    ValueClass(
        "quotes and backslashes",
        ('"', "\\", "a'b", "\\u0041", '\\"'),
        lambda s: bool(set(s) & set("\"\\'")),
    ),
    ValueClass(
        "markup",
        ("<a href='x'>&amp;</a>", "</script>"),
        lambda s: bool(set(s) & set("<>&")),
    ),
    ValueClass(
        "format characters",
        ("%s%d", "{0}", "${x}", "$1"),
        lambda s: bool(set(s) & set("%{}$")),
    ),
    ValueClass(
        "URL characters",
        ("a/b?c=d#e", "a+b", "%41"),
        lambda s: bool(set(s) & set("/?#+;%")),
    ),
    ValueClass("composed", ("é", "Å"), lambda s: unicodedata.normalize("NFD", s) != s),
    ValueClass(
        "decomposed",
        ("e\u0301", "A\u030a"),
        lambda s: unicodedata.normalize("NFC", s) != s,
    ),
    ValueClass(
        "compatibility characters",
        ("ﬁ", "①", "ｆ"),
        lambda s: unicodedata.normalize("NFKC", s) != s,
    ),
    ValueClass(
        "other scripts",
        ("日本語", "עברית", "हिन्दी"),
        lambda s: any(c > "\u02ff" for c in s),
    ),
    ValueClass(
        "astral", ("𝄞", "😀", "\U0010fffd"), lambda s: any(c > "\uffff" for c in s)
    ),
    ValueClass(
        "invisible characters",
        ("\ufeffa", "a\u200bb", "a\u202eb"),
        lambda s: any(_cat(c) == "Cf" for c in s),
    ),
    ValueClass(
        "noncharacters",
        ("\ufffe", "\uffff", "\U0010ffff"),
        lambda s: any(ord(c) & 0xFFFE == 0xFFFE for c in s),
    ),
    ValueClass("replacement character", ("\ufffd",), lambda s: "\ufffd" in s),
)

_INT64S = (
    ValueClass("zero", (0,), lambda n: n == 0),
    ValueClass(
        "small", (1, 2, 127, 128, 255, 256, 65_535, 65_536), lambda n: 0 < n < 2**31
    ),
    ValueClass(
        "negative",
        (-1, -128, -129, -(2**31) + 1, -(2**31)),
        lambda n: -(2**31) <= n < 0,
    ),
    ValueClass("largest 32 bits", (2**31 - 1,), lambda n: n == 2**31 - 1),
    ValueClass(
        "beyond 2^31",
        (2**31, 2**31 + 1, 2**32 - 1, 2**32, 2**32 + 1),
        lambda n: 2**31 <= n <= 2**53,
    ),
    ValueClass(
        "below -2^31", (-(2**31) - 1, -(2**32)), lambda n: -(2**53) <= n < -(2**31)
    ),
    ValueClass(
        "a time in milliseconds", (1_568_887_200_000,), lambda n: 10**12 <= n < 10**13
    ),
    ValueClass("about 2^53", (2**53 - 1, 2**53), lambda n: 2**53 - 1 <= n <= 2**53),
    ValueClass(
        "beyond 2^53", (2**53 + 1, 2**62 + 1, 2**63 - 2, 2**63 - 1), lambda n: n > 2**53
    ),
    ValueClass(
        "below -2^53",
        (-(2**53) - 1, -(2**62) - 1, -(2**63) + 1, -(2**63)),
        lambda n: n < -(2**53),
    ),
)

_DATES = (
    ValueClass(
        "milliseconds",
        ("2019-09-19T10:00:00.000Z", "2019-09-19T10:00:00.123Z"),
        lambda s: _digits(s) == 3,
    ),
    ValueClass(
        "no fraction",
        ("2019-09-19T10:00:00Z", "1970-01-01T00:00:00Z"),
        lambda s: _digits(s) == 0,
    ),
    ValueClass(
        "one or two digits",
        ("2019-09-19T10:00:00.1Z", "2019-09-19T10:00:00.10Z"),
        lambda s: 0 < _digits(s) < 3,
    ),
    ValueClass(
        "microseconds",
        ("2019-09-19T10:00:00.123456Z", "2019-09-19T10:00:00.000001Z"),
        lambda s: 3 < _digits(s) < 7,
    ),
    ValueClass(
        "nanoseconds",
        ("2019-09-19T10:00:00.123456789Z", "2019-09-19T10:00:00.1234567Z"),
        lambda s: 6 < _digits(s) < 10,
    ),
    ValueClass(
        "beyond nanoseconds",
        ("2019-09-19T10:00:00.123456789012Z",),
        lambda s: _digits(s) > 9,
    ),
    ValueClass(
        "offset",
        ("2019-09-19T10:00:00+02:00", "2019-09-19T10:00:00.5-09:30"),
        lambda s: s[-1] != "Z",
    ),
    ValueClass(
        "zero offset",
        ("2019-09-19T10:00:00+00:00", "2019-09-19T10:00:00-00:00"),
        lambda s: s.endswith("00:00"),
    ),
    ValueClass(
        "extreme offset",
        ("2019-09-19T10:00:00+23:59", "2019-09-19T10:00:00-23:59"),
        lambda s: s.endswith("23:59"),
    ),
    ValueClass(
        "leap day",
        ("2020-02-29T23:59:59Z", "2000-02-29T00:00:00Z"),
        lambda s: s[5:10] == "02-29",
    ),
    ValueClass("year of one digit", ("0001-01-01T00:00:00Z",), lambda s: s < "0010"),
    ValueClass(
        "far past",
        ("1582-10-10T00:00:00Z", "1899-12-31T23:59:59Z"),
        lambda s: "0010" <= s < "1970",
    ),
    ValueClass(
        "far future",
        ("2038-01-19T03:14:08Z", "2262-04-11T23:47:17Z", "9999-12-31T23:59:59Z"),
        lambda s: s > "2038",
    ),
)


def _cat(character: str) -> str:
    return unicodedata.category(character)


def _digits(date: str) -> int:
    fraction = re.search(r"\.(\d+)", date)
    return len(fraction[1]) if fraction else 0


def value_classes(schema: Json) -> tuple[ValueClass, ...]:
    """Return the forms of valid values for a schema without members (text, number, boolean, enum, date)."""
    if "enum" in schema:
        return tuple(
            ValueClass(f"value {value!r}", (value,), partial(eq, value))
            for value in schema["enum"]
        )
    match schema["type"], schema.get("format"):
        case "string", "date-time":
            return _DATES
        case "string", _:
            return _TEXTS
        case "integer", _:
            return _INT64S
        case "boolean", _:
            return (
                ValueClass("true", (True,), lambda v: v is True),
                ValueClass("false", (False,), lambda v: v is False),
            )
        case _:
            return ()


_text = st.text(st.characters(codec="utf-8"), max_size=12)
_dates = st.builds(
    lambda stamp, digits, zone: (
        f"{stamp.isoformat()}{'.' + digits if digits else ''}{zone}"
    ),
    # A day from the ends, since an offset must not lead out of the years 1 to 9999.
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(
        lambda stamp: stamp.replace(microsecond=0)
    ),
    st.text("0123456789", max_size=9),
    st.sampled_from(("Z", "+00:00", "-09:30", "+14:00", "+23:59")),
)
_fractions = st.integers(-(2**40), 2**40).map(lambda n: n + 0.5)


@cache
def _samples(kind: tuple[ValueClass, ...]) -> SearchStrategy[Json]:
    return st.sampled_from(
        [sample for form in kind for sample in form.samples if len(str(sample)) < 1_000]
    )


def values(schema: Json) -> SearchStrategy[Json]:
    """Return a strategy for the valid values of a schema without members."""
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    match schema["type"], schema.get("format"):
        case "string", "date-time":
            return _samples(_DATES) | _dates
        case "string", _:
            return _text | _samples(_TEXTS)
        case "integer", _:
            return st.integers(-(2**63), 2**63 - 1) | _samples(_INT64S)
        case _:
            return st.booleans()


_UNKNOWN: dict[str, tuple[Json, ...]] = {
    "null": (None,),
    "boolean": (True, False),
    "integer": (0, -1, 2**53 - 1),
    "fraction": (0.5, -1e-7, 1.5e300),
    "text": ("", "text", "日本語 𝄞\0"),
    "array": ([], [[], {}, None], [1, "a", {"b": [None]}]),
    "object": ({}, {"a": None}, {"type": "snapshots", "a": {"b": [{"c": 0.5}]}}),
}
"""Values for properties that the contract doesn't name: nothing that an honest parser may alter."""

_unknown_leaf = (
    st.sampled_from([value for kind in _UNKNOWN.values() for value in kind]).map(
        copy.deepcopy
    )
    | _text
)


def unknown_values() -> tuple[tuple[str, tuple[Json, ...]], ...]:
    """Return the samples for unknown properties, by JSON type."""
    return tuple(_UNKNOWN.items())


def names(known: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield odd names for unknown properties of an object, each with what is odd in it."""
    yield "plain name", "unknown_property"
    yield "empty name", ""
    yield "odd name", 'a b/c~d.e"f\\g\n\0'
    yield "name of another script", "名前𝄞"
    yield "name with a meaning in JavaScript", "__proto__"
    yield "name with a meaning in JavaScript", "constructor"
    yield "name with a meaning in JSON Schema", "$ref"
    yield "name that SDKs use themselves", "additionalProperties"
    for name in known:
        if "_" in name:
            first, *rest = name.split("_")
            yield (
                "known name in camel case",
                first + "".join(part.title() for part in rest),
            )
            yield "known name in upper case", name.upper()


UNKNOWN = st.dictionaries(
    st.sampled_from(("unknown", "x", "名前", "a.b")) | _text, _unknown_leaf, max_size=2
)
"""Unknown properties of an object."""


_ANY: dict[str, Mutation] = {
    "null": Mutation("null", (None,), st.none()),
    "boolean": Mutation("boolean", (True, False), st.booleans()),
    "integer": Mutation("integer", (0, 1, -1, 2**31), st.integers(-(2**63), 2**63 - 1)),
    "fraction": Mutation("fraction", (0.5, -1.5, 1e-7), _fractions),
    "text": Mutation(
        "text",
        ("", "text"),
        _text.filter(lambda s: not s.strip().lstrip("+-").isdecimal()),
    ),
    "array": Mutation("array", ([], [None]), st.lists(_unknown_leaf, max_size=2)),
    "object": Mutation("object", ({}, {"a": 1}), UNKNOWN),
}
_NUMERIC = Mutation(
    "numeric text", ("0", "1", "-1", "9223372036854775807"), st.integers().map(str)
)
_WORDS = Mutation(
    "boolean as text",
    ("true", "false", "True"),
    st.sampled_from(("true", "false", "True", "FALSE", "yes")),
)
_OWN = {"string": "text", "number": "fraction"}

_ZONE = re.compile("(Z|[+-]..:..)$")


def _zone(text: str) -> SearchStrategy[Json]:
    return _dates.map(lambda date: _ZONE.sub(text, date))


_BAD_DATES = (
    Mutation("no zone", ("2019-09-19T10:00:00", "2019-09-19T10:00:00.000"), _zone("")),
    Mutation("date only", ("2019-09-19",), _dates.map(lambda s: s[:10])),
    Mutation("time only", ("10:00:00Z",), _dates.map(lambda s: s[11:])),
    Mutation(
        "space for T",
        ("2019-09-19 10:00:00Z",),
        _dates.map(lambda s: s.replace("T", " ")),
    ),
    Mutation(
        "no such day",
        ("2019-02-29T10:00:00Z", "2019-04-31T10:00:00Z", "2019-00-01T10:00:00Z"),
        _dates.map(lambda s: f"{s[:5]}02-30{s[10:]}"),
    ),
    Mutation(
        "no such hour",
        ("2019-09-19T24:00:00Z", "2019-09-19T10:60:00Z"),
        _dates.map(lambda s: f"{s[:11]}24{s[13:]}"),
    ),
    Mutation(
        "no such offset",
        ("2019-09-19T10:00:00+24:00", "2019-09-19T10:00:00+02:60"),
        _zone("+24:00"),
    ),
    Mutation(
        "offset without colon",
        ("2019-09-19T10:00:00+0200", "2019-09-19T10:00:00+02"),
        _zone("+0200"),
    ),
    Mutation(
        "comma or empty fraction",
        ("2019-09-19T10:00:00,5Z", "2019-09-19T10:00:00.Z"),
        _dates.map(lambda s: f"{s[:19]},5Z"),
    ),
    Mutation(
        "white space around",
        (" 2019-09-19T10:00:00Z", "2019-09-19T10:00:00Z\n"),
        _dates.map(lambda s: f" {s} "),
    ),
    Mutation(
        "other digits",
        ("２０１９-09-19T10:00:00Z", "٢٠١٩-09-19T10:00:00Z"),
        _dates.map(lambda s: "２０１９" + s[4:]),
    ),
    Mutation(
        "a number as text",
        ("1568887200", "1568887200.5"),
        st.integers(0, 2**40).map(str),
    ),
    Mutation(
        "words",
        ("", "yesterday", "null", "Thu, 19 Sep 2019 10:00:00 GMT"),
        _text.filter(lambda s: "T" not in s),
    ),
    Mutation(
        "short fields",
        ("2019-9-19T10:00:00Z", "19-09-19T10:00:00Z", "2019-09-19T10:00Z"),
        _dates.map(lambda s: s[:4] + s[5:]),
    ),
)


def mutations(schema: Json) -> Iterator[tuple[str, Mutation]]:
    """Yield every way to break the keywords of one schema node, its own members aside: (keyword, how).

    Nothing on the list `NOT_PLAYED` is among them.
    """
    own = _OWN.get(schema["type"], schema["type"])
    for kind, wrong in _ANY.items():
        if kind != own:
            yield "type", wrong
    if own == "integer":
        yield "type", _NUMERIC
    if own == "boolean":
        yield "type", _NUMERIC
        yield "type", _WORDS
    if "enum" in schema:
        yield from (("enum", wrong) for wrong in _near_misses(schema["enum"]))
    if schema.get("format") == "int64":
        yield (
            "format",
            Mutation("just above", (2**63,), st.integers(2**63, 2**63 + 100)),
        )
        yield (
            "format",
            Mutation(
                "just below", (-(2**63) - 1,), st.integers(-(2**63) - 100, -(2**63) - 1)
            ),
        )
        yield (
            "format",
            Mutation("far above", (2**64, 10**30), st.integers(2**64, 10**40)),
        )
        yield (
            "format",
            Mutation(
                "far below", (-(2**64), -(10**30)), st.integers(-(10**40), -(2**64))
            ),
        )
    if schema.get("format") == "date-time":
        yield from (("format", wrong) for wrong in _BAD_DATES)


def _near_misses(allowed: list[str]) -> Iterator[Mutation]:
    """Yield texts that are close to an allowed one, and texts that are not."""

    folded = {value.lower() for value in allowed}

    def miss(how: str, *samples: str) -> Mutation:
        left = tuple(
            dict.fromkeys(sample for sample in samples if sample not in allowed)
        )
        return Mutation(how, left, st.sampled_from(left))

    for value in allowed:
        yield miss("other case", value.upper(), value.title(), value.swapcase())
        yield miss(
            "white space around", f" {value}", f"{value} ", f"{value}\n", f"\t{value}"
        )
        yield miss("cut short", value[:-1], value[1:])
        yield miss(
            "drawn out", f"{value}s", f"{value}/", f"{value}\0", f"{value},{value}"
        )
        yield miss(
            "look-alike",
            value.replace("a", "а"),
            value.replace("s", "ѕ"),
            f"\u200b{value}",
        )
    yield miss("empty", "")
    yield Mutation(
        "other text",
        ("other", "null"),
        _text.filter(lambda s: s.strip().lower() not in folded),
    )
