"""Ways to break the keywords of a schema, each of them one keyword only."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from hypothesis import strategies as st

from contract.cases.values import (
    NAMES_OF_TYPES,
    NOON,
    UNKNOWN_MEMBERS,
    date_values,
    text_values,
    unknown_leaves,
)
from contract.model import Json


@dataclass(frozen=True)
class Mutation:
    """A way to break a keyword."""

    keyword: str
    name: str
    strategy: st.SearchStrategy[Json]
    samples: tuple[Json, ...]


def mutation(
    keyword: str, name: str, strategy: st.SearchStrategy[Json], *samples: Json
) -> Mutation:
    """Return one row of a table."""
    return Mutation(keyword, name, strategy, samples)


def is_no_number(text: str) -> bool:
    """Return whether a lenient parser cannot take a text for an integer."""
    return not text.strip().lstrip("+-").isdecimal()


INT64, INT64S = 2**63, st.integers(-(2**63), 2**63 - 1)
FRACTIONS = st.integers(-(2**40), 2**40).map(lambda number: number + 0.5)
TRUTHS = st.sampled_from(("true", "false", "True", "FALSE", "yes"))

of_type = partial(mutation, "type")
OTHER_TYPES = (
    of_type("null", st.none(), None),
    of_type("boolean", st.booleans(), True, False),
    of_type("integer", INT64S, 0, 1, -1, 2**31),
    of_type("fraction", FRACTIONS, 0.5, -1.5, 1e-7),
    of_type("text", text_values.filter(is_no_number), "", "text"),
    of_type("array", st.lists(unknown_leaves, max_size=2), [], [None]),
    of_type("object", UNKNOWN_MEMBERS, {}, {"a": 1}),
)
NUMBER_AS_TEXT = of_type(
    "numeric text", st.integers().map(str), "0", "1", "-1", str(INT64 - 1)
)
BOOLEAN_AS_TEXT = of_type("boolean as text", TRUTHS, "true", "false", "True")

of_format = partial(mutation, "format")
OUT_OF_INT64 = (
    of_format("just above", st.integers(INT64, INT64 + 100), INT64),
    of_format("just below", st.integers(-INT64 - 100, -INT64 - 1), -INT64 - 1),
    of_format("far above", st.integers(2**64, 10**40), 2**64, 10**30),
    of_format("far below", st.integers(-(10**40), -(2**64)), -(2**64), -(10**30)),
)

ZONE = r"(Z|[+-]..:..)\Z"


def bad_date(name: str, pattern: str, replacement: str, *samples: str) -> Mutation:
    change = partial(re.sub, pattern, replacement)
    return of_format(name, date_values.map(change), *samples)


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
    of_format(
        "a number as text",
        st.integers(0, 2**40).map(str),
        *("1568887200", "1568887200.5"),
    ),
    of_format(
        "words",
        text_values.filter(lambda s: "T" not in s),
        *("", "yesterday", "null", "Thu, 19 Sep 2019 10:00:00 GMT"),
    ),
    bad_date(
        "short fields",
        *("^(....)-", r"\1"),
        *("2019-9-19T10:00:00Z", "19-09-19T10:00:00Z", "2019-09-19T10:00Z"),
    ),
)


def mutations(schema: Json) -> Iterator[Mutation]:
    """Yield every way to break the keywords of one schema, without its members."""
    own_type = NAMES_OF_TYPES.get(schema["type"], schema["type"])
    yield from (other for other in OTHER_TYPES if other.name != own_type)
    if own_type in ("integer", "boolean"):
        yield NUMBER_AS_TEXT
    if own_type == "boolean":
        yield BOOLEAN_AS_TEXT
    if "enum" in schema:
        yield from near_misses(schema["enum"])
    if schema.get("format") == "int64":
        yield from OUT_OF_INT64
    if schema.get("format") == "date-time":
        yield from BAD_DATES


def near_misses(allowed: list[str]) -> Iterator[Mutation]:
    for value in allowed:
        homoglyphs = value.replace("a", "а"), value.replace("s", "ѕ")
        misses = {
            "other case": (value.upper(), value.title(), value.swapcase()),
            "white space around": (
                f" {value}",
                f"{value} ",
                f"{value}\n",
                f"\t{value}",
            ),
            "cut short": (value[:-1], value[1:]),
            "lengthened": (f"{value}s", f"{value}/", f"{value}\0", f"{value},{value}"),
            "look-alike": (*homoglyphs, f"\u200b{value}"),
        }
        for name, texts in misses.items():
            distinct = [text for text in dict.fromkeys(texts) if text not in allowed]
            yield mutation("enum", name, st.sampled_from(distinct), *distinct)
    yield mutation("enum", "empty", st.just(""), "")
    folded = {value.lower() for value in allowed}
    other_texts = text_values.filter(lambda text: text.strip().lower() not in folded)
    yield mutation("enum", "other text", other_texts, "other", "null")
