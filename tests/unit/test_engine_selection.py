"""Names that a user may give, and keys from the environment."""

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from contract.cases.client import client_scenarios
from contract.engine.job import make_job
from contract.engine.selection import (
    keys_from_environment,
    select,
    select_scenarios,
    select_sites,
)
from contract.errors import UsageError
from contract.model import SubjectKind
from contract.redaction import KEY_VARIABLES, secrets_from_environment
from contract.spec import Spec

NUMBERS = {"one": 1, "two": 2, "three": 3}


@pytest.mark.parametrize(
    ("names", "selected"),
    [((), (1, 2, 3)), (("two",), (2,)), (("three", "one", "three"), (3, 1))],
    ids=["all", "one", "each once, in order"],
)
def test_names_select_items(names: tuple[str, ...], selected: tuple[int, ...]) -> None:
    assert select("number", names, NUMBERS) == selected


def test_an_unknown_name_is_named_with_those_that_are_accepted(spec: Spec) -> None:
    calls: Mapping[str, Callable[[], object]] = {
        "unknown number 'x' (one of: one, two, three)": lambda: select(
            "number", ["one", "x"], NUMBERS
        ),
        "unknown profile 'x' (one of: quick, ci, nightly)": lambda: make_job(
            SubjectKind.CLIENT, spec, {"profile": "x"}
        ),
        "unknown site 'x' (one of: datadoghq.com, ": lambda: select_sites(["x"], spec),
        "unknown site 'app.datadoghq.eu'; did you mean datadoghq.eu? ": lambda: (
            select_sites(["app.datadoghq.eu"], spec)
        ),
        "unknown scenario 'x' (one of: valid-bodies, ": lambda: select_scenarios(
            ["x"], client_scenarios(spec)
        ),
        "--max-wait: must be 0 or more seconds, is nan": lambda: make_job(
            SubjectKind.CLIENT, spec, {"max_wait_s": float("nan")}
        ),
    }
    for message, call in calls.items():
        with pytest.raises(UsageError) as error:
            call()
        assert str(error.value).startswith(message)


def test_scenarios_are_selected_by_name_or_given_as_such(spec: Spec) -> None:
    catalogue = client_scenarios(spec)
    own = replace(catalogue[0], name="own")
    names = [s.name for s in select_scenarios([own, "keys"], catalogue)]
    assert names == ["own", "keys"]
    assert select_scenarios([], catalogue) == catalogue


def test_all_documented_sites_are_the_default(spec: Spec) -> None:
    assert select_sites([], spec) == spec.sites
    assert select_sites(["datadoghq.eu"], spec) == ("datadoghq.eu",)


@pytest.mark.parametrize(
    ("api_key", "app_key", "result"),
    [
        ("", "", None),
        ("one", "two", ("one", "two")),
        ("one", "", "DD_APP_KEY: is missing, its partner DD_API_KEY is set"),
        ("", "two", "DD_API_KEY: is missing, its partner DD_APP_KEY is set"),
        ("one", "t wo", "DD_APP_KEY: must be visible ASCII, without white space"),
        ("one\n", "two", "DD_API_KEY: must be visible ASCII, without white space"),
        ("öne", "two", "DD_API_KEY: must be visible ASCII, without white space"),
    ],
)
def test_keys_come_from_the_environment(
    api_key: str, app_key: str, result: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in zip(KEY_VARIABLES, (api_key, app_key), strict=True):
        monkeypatch.setenv(name, value)
    if not isinstance(result, str):
        assert keys_from_environment(KEY_VARIABLES) == result
        return
    with pytest.raises(UsageError) as error:
        keys_from_environment(KEY_VARIABLES)
    assert str(error.value).startswith(result)
    assert "one" not in str(error.value)


def test_the_secrets_of_the_environment_have_the_names_of_their_variables(
    elsewhere: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert secrets_from_environment() == {}
    monkeypatch.setenv("CONTRACT_OTHER_APP_KEY", "x")
    assert secrets_from_environment() == {"CONTRACT_OTHER_APP_KEY": "x"}
