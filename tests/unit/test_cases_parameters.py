"""Parameters of calls: ids, keys and sites, and the key values of a service."""

import re

import pytest
from hypothesis import given, settings

from contract.cases.drawing import snapshot_ids
from contract.cases.parameters import (
    CREDENTIALS,
    IDS,
    INVALID_IDS,
    credentials,
    id_labels,
    other_sites,
)
from contract.cases.placeholders import (
    DELETED,
    DOOMED,
    OTHER,
    OWN,
    SEQUENCE,
    SIBLING,
    UNKNOWN,
    key_values,
)
from contract.cases.scenario import Mark, marked
from contract.cases.values import ValueClass
from contract.model import Credential, KeyVariant, Label, Violation
from contract.spec import load

SPEC = load()
PAIRS = {
    "own": ("ownApi", "ownApp"),
    "other": ("otherApi", "otherApp"),
    "wrong": ("wrongApi", "wrongApp"),
}


@settings(max_examples=200, derandomize=True, deadline=None, database=None)
@given(drawn=snapshot_ids)
def test_generated_ids_can_be_one_segment(drawn: tuple[object, str]) -> None:
    _, snapshot_id = drawn
    assert snapshot_id not in INVALID_IDS
    assert snapshot_id.encode()


@pytest.mark.parametrize("value_class", IDS, ids=lambda item: item.name)
def test_a_sample_id_is_in_its_own_class(value_class: ValueClass) -> None:
    label = Label("snapshot_id", value_class.name)
    assert [s for s in value_class.samples if label not in id_labels(s)] == []
    assert not set(value_class.samples) & set(INVALID_IDS)


def test_invalid_ids_name_their_reason() -> None:
    assert set(INVALID_IDS.values()) == {"empty", "dot-segment", "surrogate"}


@pytest.mark.parametrize(
    ("mark", "credential"),
    [pytest.param(*row, id=row[1].name) for row in credentials()],
)
def test_keys_with_control_characters_are_invalid(
    mark: Mark, credential: Credential
) -> None:
    (label,) = marked(mark)["labels"]
    plain = CREDENTIALS["plain"]
    keys = {"api_key": credential.api_key, "app_key": credential.app_key}
    plain_keys = {"api_key": plain.api_key, "app_key": plain.app_key}
    altered = {name for name in keys if keys[name] != plain_keys[name]}
    assert "".join(keys.values()).isascii()
    assert altered == ({label.place} if label.place else set())
    assert credential.name == str(label)
    assert CREDENTIALS[credential.name] == credential
    is_unsendable = any(re.search(r"[\r\n\0]", key) for key in keys.values())
    assert is_unsendable == isinstance(mark, Violation)


def test_no_other_site_is_a_documented_one() -> None:
    sites = [site for _, site in other_sites(SPEC.sites)]
    assert not set(sites) & set(SPEC.sites)
    keywords = {violation.keyword for violation, _ in other_sites(SPEC.sites)}
    assert keywords == {"format", "enum"}


def test_placeholders_are_distinct() -> None:
    placeholders = (OWN, SIBLING, DOOMED, DELETED, OTHER, UNKNOWN, *SEQUENCE)
    assert len(set(placeholders)) == len(placeholders)
    assert DOOMED.deleted() == DELETED


@pytest.mark.parametrize("variant", KeyVariant)
def test_key_values_are_the_own_pair_for_valid_variants_only(
    variant: KeyVariant,
) -> None:
    api_keys, app_keys = key_values(variant, **PAIRS)
    is_own_pair = (api_keys, app_keys) == (["ownApi"], ["ownApp"])
    assert is_own_pair == variant.is_valid
    assert (len(api_keys) == 2 and len(app_keys) == 2) == variant.is_doubled


def test_key_values_of_two_organizations() -> None:
    foreign = KeyVariant.FOREIGN_APP_KEY
    assert key_values(foreign, **PAIRS) == (["ownApi"], ["otherApp"])
    assert key_values(KeyVariant.MISSING_API_KEY, **PAIRS) == ([], ["ownApp"])
