"""Overlays: the actions that are applied, and those that are refused."""

from typing import Any

import pytest

from contract.errors import SpecError
from contract.spec.document import overlay


def test_updates_merge_deeply_append_and_leave_the_original_alone() -> None:
    before = {"a": {"b": [1], "c": {"d": 1}, "/e f": {"x": 1}}}
    after = overlay(
        before,
        {"target": "$.a", "update": {"b": [2], "c": {"e": 2, "d": 3}}},
        {"target": "$['a']['/e f']", "update": {"y": 2}},
        {"target": "$", "update": {"top": None, "a": {"c": {"f": {}}}}},
        {"target": "$.a.c.f", "update": {"g": 1}},
    )
    assert after == {
        "a": {
            "b": [1, 2],
            "c": {"d": 3, "e": 2, "f": {"g": 1}},
            "/e f": {"x": 1, "y": 2},
        },
        "top": None,
    }
    assert before == {"a": {"b": [1], "c": {"d": 1}, "/e f": {"x": 1}}}


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (
            {"target": "$.b", "update": {}},
            "overlay#/actions/0/target: matches no object",
        ),
        ({"target": "$.a.b", "update": {}}, "matches no object"),
        ({"target": "$.a", "update": {}}, "matches no object"),
        ({"target": "$..a", "update": {}}, "unsupported target"),
        ({"target": "$.*", "update": {}}, "unsupported target"),
        ({"target": "$.a[0]", "update": {}}, "unsupported target"),
        ({"target": "a", "update": {}}, "unsupported target"),
        ({"update": {}}, "unsupported target"),
        ({"target": "$.a", "remove": False}, "not an action"),
        ("$.a", "not an action"),
        ({"target": "$.a", "remove": True}, "not an action"),
        ({"target": "$", "update": []}, "not an action"),
    ],
)
def test_an_action_that_is_not_handled_is_refused(action: Any, message: str) -> None:
    with pytest.raises(SpecError) as error:
        overlay({"a": 1}, action)
    assert message in str(error.value)
