"""YAML and JSON texts: their values, and those that cannot be read."""

import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import SpecError
from contract.spec.text import parsed


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("{a: 1, b: -2.5, c: 1e3, d: .5}", {"a": 1, "b": -2.5, "c": 1000.0, "d": 0.5}),
        ("[~, null, true, False]", [None, None, True, False]),
        ("[yes, 2025-01-01, 1_0, 0o7]", ["yes", "2025-01-01", "1_0", "0o7"]),
        ("a:\nb: -x", {"a": None, "b": "-x"}),
        ("['1', \"true\", !!str 5, !!int '5']", ["1", "true", "5", 5]),
        ("200: {true: no}", {"200": {"true": "no"}}),
        (
            "a: &x {b: [1]}\nc: *x",
            {"a": {"b": [1]}, "c": {"b": [1]}},
        ),
        ('{"a": "\\u00e9\\/"}', {"a": "é/"}),
        ("{'<<': {a: 1}}", {"<<": {"a": 1}}),
    ],
)
def test_values_of_a_text(text: str, value: object) -> None:
    assert json.dumps(parsed("a text", text)) == json.dumps(value)


def test_a_binary_scalar_of_pyyaml_is_bytes() -> None:
    text = "a: !!binary AAE="
    assert (parsed("a text", text), parsed("a text", text, by_pyyaml=True)) == (
        {"a": "AAE="},
        {"a": b"\0\1"},
    )
    with pytest.raises(SpecError, match="line 1: not YAML"):
        parsed("a text", "a: !!binary A", by_pyyaml=True)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text()
        | st.binary()
        | st.text("0123456789.eE+-_:xo~")
        | st.sampled_from(["08", "1e5", "1.5e5", "-.5", "yes", "2025-01-01"]),
        lambda inner: (
            st.lists(inner) | st.dictionaries(st.text() | st.just("<<"), inner)
        ),
    )
)
def test_every_value_that_pyyaml_writes_is_read(value: object) -> None:
    written = yaml.dump(value, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper))
    assert parsed("a text", written, by_pyyaml=True) == value


ALIASES = "".join(f"b{n}: &x [{'*x, ' * 9}*x]\n" for n in range(8))
CHAIN = "".join(f"a{n + 1}: &a{n + 1} [*a{n}]\n" for n in range(500))
DEEP = "accepted: YAML 1.2 or JSON, no key twice, at most 200 levels deep"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: *x", "line 2: not YAML; .* given: undefined alias x"),
        ("a: &x [*x]", "given: undefined alias x"),
        ("{[1]: 2}", "given: a key that is no text"),
        ("a: 1\n---\nb: 2", "not one document"),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "given: the key c twice"),
        ("a: 1\na: 2", "given: the key a twice"),
        ("a: &x {}\nb: {<<: *x}", "given: a merge key, which YAML 1.2 does not have"),
        ("[" + "0," * 2_000_000 + "0]", "given: more than 2,000,000 nodes"),
        ("a: &x [1, 1]\n" + ALIASES, "given: more than 2,000,000 nodes"),
        ("{a: " * 600, "given: nested deeper than 200 levels"),
        ("a0: &a0 [1]\n" + CHAIN, "given: nested deeper than 200 levels"),
        ("[" * 600, DEEP),
        ("[" * 100_000, DEEP),
        ("- " * 100_000, DEEP),
        ("a: [\n", "not YAML; .* given: the end of the text"),
        ("a: 1\nb: ]c", "line 2: not YAML; .* given: 'b: ]c'"),
        ("a\x00b", "line 1: not YAML; .* given: 'a.x00b'"),
    ],
    ids=[
        "undefined alias",
        "alias of an open anchor",
        "list as a key",
        "two documents",
        "key twice in JSON",
        "key twice",
        "merge key",
        "too many nodes in JSON",
        "too many nodes by aliases",
        "too deep mappings",
        "too deep by aliases",
        "too deep lists",
        "too deep for the library's scanner",
        "too deep for the library's blocks",
        "cut short",
        "stray bracket",
        "control character",
    ],
)
def test_texts_that_cannot_be_read(text: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        parsed("a text", text)


@pytest.mark.parametrize(
    "text", ["[" * 199 + "]" * 199, "# YAML\n" + "[" * 199 + "]" * 199]
)
def test_the_deepest_text_that_is_read(text: str) -> None:
    value = parsed("a text", text)
    for _ in range(198):
        (value,) = value
    assert value == []
