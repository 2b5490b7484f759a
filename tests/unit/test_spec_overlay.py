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
        {"target": "$.a.b", "update": {"an": "item"}},
        {"target": "$['a'][\"/e f\"]", "update": {"y": 2}},
        {"target": "$.a.c.e", "remove": True, "update": {"ignored": 1}},
        {"target": "$", "update": {"top": None}},
    )
    assert after == {
        "a": {"b": [1, 2, {"an": "item"}], "c": {"d": 3}, "/e f": {"x": 1, "y": 2}},
        "top": None,
    }
    assert before == {"a": {"b": [1], "c": {"d": 1}, "/e f": {"x": 1}}}


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ({"target": "$.b", "update": {}}, "overlay#/actions/0/target: matches nothing"),
        (
            {"target": "$.a.b", "remove": True},
            "overlay#/actions/0/target: matches nothing",
        ),
        ({"target": "$..a", "update": {}}, "unsupported target"),
        ({"target": "$.*", "update": {}}, "unsupported target"),
        ({"target": "$.a[0]", "update": {}}, "unsupported target"),
        ({"target": "a", "update": {}}, "unsupported target"),
        ({"update": {}}, "unsupported target"),
        ({"target": "$.a", "remove": False}, "not an action"),
        ("$.a", "not an action"),
        ({"target": "$", "remove": True}, "the whole document cannot be removed"),
        ({"target": "$.a", "update": {}}, "the update does not fit its target"),
        ({"target": "$", "update": []}, "the update does not fit its target"),
    ],
)
def test_an_action_that_is_not_handled_is_refused(action: Any, message: str) -> None:
    with pytest.raises(SpecError) as error:
        overlay({"a": 1}, action)
    assert message in str(error.value)
