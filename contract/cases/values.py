"""Classes of valid JSON values by type, and mutations that break one keyword.

A `ValueClass` recognizes its members, so that a generated value gets the name of an
enumerated one.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from operator import eq, not_
from typing import Literal
from unicodedata import category, normalize

from contract.endpoint import RESOURCE_TYPE
from contract.jsondiff import MISSING
from contract.model import Json


@dataclass(frozen=True)
class ValueClass:
    """A class of values. `matches` recognizes its members."""

    name: str
    matches: Callable[[Json], object]
    samples: tuple[Json, ...]


def type_name(name: str) -> str:
    return {"string": "text", "number": "fraction"}.get(name, name)


def row(name: str, test: str | Callable[[Json], object], *samples: Json) -> ValueClass:
    """Return a class. A pattern is searched for in texts."""
    matches = re.compile(test).search if isinstance(test, str) else test
    return ValueClass(name, matches, samples)


def changes_in(form: Literal["NFC", "NFD", "NFKC"]) -> Callable[[str], bool]:
    return lambda text: normalize(form, text) != text


def folds_oddly(text: str) -> bool:
    return len(text.lower()) != len(text) or text.casefold() != text.lower()


UUID = r"^.{8}-.{4}-.{4}-.{4}-.{12}\Z"
LITERAL = (
    r"(?i)^(null|true|false|nan|-?infinity|undefined|none"
    r"|-?\d+\.?\d*e[+-]?\d+|-\d+|0x[0-9a-f]+)\Z"
)

TEXTS = (
    row("plain", r"^[A-Za-z]+\Z", "a", "string"),
    row("UUID", UUID, "11111111-2222-3333-4444-555555555555"),
    row("empty", r"^\Z", ""),
    row("very long", "(?s).{1000}", "x" * 10_000, "é" * 5_000),
    row("leading white space", r"^\s", " a", "\ta", "\n a", "\u00a0a"),
    row("trailing white space", r"\s\Z", "a ", "a\t", "a\r\n", "a\u3000"),
    row("white space only", r"^\s+\Z", " ", "\t\n"),
    row("inner white space", r"(?s)\S.*  .*\S", "a  b"),
    row("mixed case", lambda s: s != s.lower(), "aBcD", "ABC"),
    row("case that folds oddly", folds_oddly, "İ", "ß", "ſ"),
    row("digits only", r"^\d+\Z", "0", "007", str(2**53 + 1), str(2**64)),
    row("looks like a literal", LITERAL, "null", "true", "NaN", "1e5", "-1", "0x1F"),
    row("looks like a date", r"^\d{4}-", "2019-09-19", "2019-09-19T10:00:00Z"),
    row("NUL", "\0", "\0", "a\0b"),
    row("control characters", "[\x01-\x1f\x7f]", "\x01", "a\x1fb", "\x7f"),
    row(
        "line breaks",
        lambda s: len(s.splitlines()) > 1,
        *("a\nb", "a\r\nb", "a\u2028b", "a\u0085b"),
    ),
    row("quotes and backslashes", "[\"'\\\\]", '"', "\\", "a'b", "\\u0041", '\\"'),
    row("markup", "[<>&]", "<a href='x'>&amp;</a>", "</script>"),
    row("format characters", "[%{}$]", "%s%d", "{0}", "${x}", "$1"),
    row("URL characters", "[/?#+;%]", "a/b?c=d#e", "a+b", "%41"),
    row("composed", changes_in("NFD"), "é", "Å"),
    row("decomposed", changes_in("NFC"), "e\u0301", "A\u030a"),
    row("compatibility characters", changes_in("NFKC"), "ﬁ", "①", "ｆ"),
    row("other scripts", "[^\0-\u02ff]", "日本語", "עברית", "हिन्दी"),
    row("astral", "[\U00010000-\U0010ffff]", "𝄞", "😀", "\U0010fffd"),
    row(
        "invisible characters",
        lambda s: "Cf" in map(category, s),
        *("\ufeffa", "a\u200bb", "a\u202eb"),
    ),
    row(
        "noncharacters",
        lambda s: any(ord(c) & 0xFFFE == 0xFFFE for c in s),
        *("\ufffe", "\uffff", "\U0010ffff"),
    ),
    row("replacement character", "\ufffd", "\ufffd"),
)

INT32, INT53, INT64 = 2**31, 2**53, 2**63
INTEGERS = (
    row("zero", lambda n: n == 0, 0),
    row("small", lambda n: 0 < n < INT32, 1, 2, 127, 128, 255, 256, 65_535, 65_536),
    row("negative", lambda n: -INT32 <= n < 0, -1, -128, -129, -INT32 + 1, -INT32),
    row("largest 32 bits", lambda n: n == INT32 - 1, INT32 - 1),
    row(
        "beyond 2^31",
        lambda n: INT32 <= n <= INT53,
        *(INT32, INT32 + 1, 2**32 - 1, 2**32, 2**32 + 1),
    ),
    row("below -2^31", lambda n: -INT53 <= n < -INT32, -INT32 - 1, -(2**32)),
    row("a time in milliseconds", lambda n: 10**12 <= n < 10**13, 1_568_887_200_000),
    row("about 2^53", lambda n: INT53 - 1 <= n <= INT53, INT53 - 1, INT53),
    row("beyond 2^53", lambda n: n > INT53, INT53 + 1, 2**62 + 1, INT64 - 2, INT64 - 1),
    row(
        "below -2^53", lambda n: n < -INT53, -INT53 - 1, -(2**62) - 1, 1 - INT64, -INT64
    ),
)

BOOLEANS = (row("true", bool, True), row("false", not_, False))

NOON = "2019-09-19T10:00:00"

DATES = (
    row("milliseconds", r"\.\d{3}\D", f"{NOON}.000Z", f"{NOON}.123Z"),
    row("no fraction", "^[^.]+$", f"{NOON}Z", "1970-01-01T00:00:00Z"),
    row("one or two digits", r"\.\d{1,2}\D", f"{NOON}.1Z", f"{NOON}.10Z"),
    row("microseconds", r"\.\d{4,6}\D", f"{NOON}.123456Z", f"{NOON}.000001Z"),
    row("nanoseconds", r"\.\d{7,9}\D", f"{NOON}.123456789Z", f"{NOON}.1234567Z"),
    row("beyond nanoseconds", r"\.\d{10}", f"{NOON}.123456789012Z"),
    row("offset", r"\d\Z", f"{NOON}+02:00", f"{NOON}.5-09:30"),
    row("zero offset", r"[+-]00:00\Z", f"{NOON}+00:00", f"{NOON}-00:00"),
    row("extreme offset", r"[+-]23:59\Z", f"{NOON}+23:59", f"{NOON}-23:59"),
    row("leap day", "-02-29T", "2020-02-29T23:59:59Z", "2000-02-29T00:00:00Z"),
    row("year of one digit", "^000", "0001-01-01T00:00:00Z"),
    row(
        "far past",
        lambda s: "0010" <= s < "1970",
        *("1582-10-10T00:00:00Z", "1899-12-31T23:59:59Z"),
    ),
    row(
        "far future",
        lambda s: s > "2038",
        *("2038-01-19T03:14:08Z", "2262-04-11T23:47:17Z", "9999-12-31T23:59:59Z"),
    ),
)

CLASSES = {"date": DATES, "string": TEXTS, "integer": INTEGERS, "boolean": BOOLEANS}


def type_or_date(schema: Json) -> str:
    """Return the type of a schema, `date` for a date-time."""
    return "date" if schema.get("format") == "date-time" else schema["type"]


def value_classes(schema: Json) -> tuple[ValueClass, ...]:
    """Return the classes of valid values, none for objects and arrays."""
    if "enum" in schema:
        return tuple(row(f"value {v}", partial(eq, v), v) for v in schema["enum"])
    return CLASSES.get(type_or_date(schema), ())


UNKNOWN_VALUES: dict[str, tuple[Json, ...]] = {
    "null": (None,),
    "boolean": (True, False),
    "integer": (0, -1, 2**53 - 1),
    "fraction": (0.5, -1e-7, 1.5e300),
    "text": ("", "text", "日本語 𝄞\0"),
    "array": ([], [[], {}, None], [1, "a", {"b": [None]}]),
    "object": ({}, {"a": None}, {"type": RESOURCE_TYPE, "a": {"b": [{"c": 0.5}]}}),
}
"""Values for members that no schema names, by type. No honest parser alters them."""

UNKNOWN_NAMES = {
    "unknown_property": "plain name",
    "": "empty name",
    'a b/c~d.e"f\\g\n\0': "odd name",
    "名前𝄞": "name of another script",
    "__proto__": "name with a meaning in JavaScript",
    "constructor": "name with a meaning in JavaScript",
    "$ref": "name with a meaning in JSON Schema",
    "additionalProperties": "name that SDKs use themselves",
}


def unknown_members(documented: Iterable[str]) -> Iterator[tuple[str, dict[str, Json]]]:
    for type_name, values in UNKNOWN_VALUES.items():
        for value in values:
            yield f"unknown {type_name}", {"unknown_property": value}
    for name, class_name in UNKNOWN_NAMES.items():
        yield class_name, {name: "unknown"}
    for name in documented:
        if "_" in name:
            first, *rest = name.split("_")
            camel_case = first + "".join(map(str.title, rest))
            yield "known name in camel case", {camel_case: "unknown"}
            yield "known name in upper case", {name.upper(): "unknown"}


@dataclass(frozen=True)
class Mutation:
    """A way to break a keyword. `change` makes a bad date of a good one."""

    keyword: str
    name: str
    samples: tuple[Json, ...]
    change: Callable[[str], str] | None = None


def mutation(keyword: str, name: str, *samples: Json) -> Mutation:
    return Mutation(keyword, name, samples)


of_type = partial(mutation, "type")
OTHER_TYPES = (
    of_type("null", None),
    of_type("boolean", True, False),
    of_type("integer", 0, 1, -1, 2**31),
    of_type("fraction", 0.5, -1.5, 1e-7),
    of_type("text", "", "text"),
    of_type("array", [], [None]),
    of_type("object", {}, {"a": 1}),
)
of_format = partial(mutation, "format")
OUT_OF_INT64 = (
    of_format("just above", INT64),
    of_format("just below", -INT64 - 1),
    of_format("far above", 2**64, 10**30),
    of_format("far below", -(2**64), -(10**30)),
)

ZONE = r"(Z|[+-]..:..)\Z"


def bad_date(name: str, pattern: str, replacement: str, *samples: str) -> Mutation:
    change = partial(re.sub, pattern, replacement)
    return Mutation("format", name, samples, change)


BAD_DATES = (
    bad_date("no zone", ZONE, "", NOON, f"{NOON}.000"),
    bad_date("date only", "T.*", "", "2019-09-19"),
    bad_date("time only", ".*T", "", "10:00:00Z"),
    bad_date("space for T", "T", " ", "2019-09-19 10:00:00Z"),
    bad_date(
        "no such day",
        *("..-..T", "02-30T"),
        *("2019-02-29T10:00:00Z", "2019-04-31T10:00:00Z", "2019-00-01T10:00:00Z"),
    ),
    bad_date(
        "no such hour", "T..", "T24", "2019-09-19T24:00:00Z", "2019-09-19T10:60:00Z"
    ),
    bad_date("no such offset", ZONE, "+24:00", f"{NOON}+24:00", f"{NOON}+02:60"),
    bad_date("offset without colon", ZONE, "+0200", f"{NOON}+0200", f"{NOON}+02"),
    bad_date(
        "comma or empty fraction",
        "(:..):(..).*",
        r"\1:\2,5Z",
        f"{NOON},5Z",
        f"{NOON}.Z",
    ),
    bad_date("white space around", "(.+)", r" \1 ", f" {NOON}Z", f"{NOON}Z\n"),
    bad_date(
        "other digits",
        *("^....", "２０１９"),
        *("２０１９-09-19T10:00:00Z", "٢٠١٩-09-19T10:00:00Z"),
    ),
    of_format("a number as text", "1568887200", "1568887200.5"),
    of_format("words", "", "yesterday", "null", "Thu, 19 Sep 2019 10:00:00 GMT"),
    bad_date(
        "short fields",
        *("^(....)-", r"\1"),
        *("2019-9-19T10:00:00Z", "19-09-19T10:00:00Z", "2019-09-19T10:00Z"),
    ),
)


def mutations(schema: Json, is_required: bool | None) -> Iterator[Mutation]:
    """Yield every way to break the keywords of one schema, without its members."""
    if is_required:
        yield mutation("required", "absent", MISSING)
    own_type = type_name(schema["type"])
    yield from (other for other in OTHER_TYPES if other.name != own_type)
    if own_type in ("integer", "boolean"):
        yield of_type("numeric text", "0", "1", "-1", str(INT64 - 1))
    if own_type == "boolean":
        yield of_type("boolean as text", "true", "false", "True")
    if "enum" in schema:
        yield from near_misses(schema["enum"])
    if schema.get("format") == "int64":
        yield from OUT_OF_INT64
    if schema.get("format") == "date-time":
        yield from BAD_DATES


def near_misses(allowed: list[str]) -> Iterator[Mutation]:
    for item in allowed:
        homoglyphs = item.replace("a", "а"), item.replace("s", "ѕ")
        misses = {
            "other case": (item.upper(), item.title(), item.swapcase()),
            "white space around": (f" {item}", f"{item} ", f"{item}\n", f"\t{item}"),
            "cut short": (item[:-1], item[1:]),
            "lengthened": (f"{item}s", f"{item}/", f"{item}\0", f"{item},{item}"),
            "look-alike": (*homoglyphs, f"\u200b{item}"),
        }
        for name, texts in misses.items():
            distinct = [text for text in dict.fromkeys(texts) if text not in allowed]
            yield mutation("enum", name, *distinct)
    yield mutation("enum", "empty", "")
    yield mutation("enum", "other text", "other", "null")
