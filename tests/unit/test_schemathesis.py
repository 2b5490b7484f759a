"""The clauses as checks of Schemathesis, and the boundary cases as its examples.

The registration is global, so that each test module that needs it takes it back.
"""

import copy
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import schemathesis
from schemathesis.checks import CHECKS
from schemathesis.core.failures import FailureGroup

from contract.clauses import SERVICE_CLAUSES
from contract.faults import service_fault
from contract.sandbox import ORGS, PATH, Sandbox, serving
from contract.spec import load, overlaid_document

SPEC = load()
KEYS = dict(zip(SPEC.auth_headers, ORGS[0].keys, strict=True))
HOOKS = (
    "before_load_schema",
    "before_add_examples",
    "before_call",
    "after_call",
    "filter_failure",
)


@pytest.fixture(scope="module")
def module() -> Iterator[Any]:
    """Register the checks and hooks, and take them back."""
    from contract import schemathesis as registered

    for hook in HOOKS:
        if getattr(registered, hook) not in schemathesis.hooks.get_all_by_name(hook):
            schemathesis.hook(getattr(registered, hook))
    for clause in registered.CLAUSES:
        registered.register(clause)
    yield registered
    for hook in HOOKS:
        schemathesis.hooks.unregister(getattr(registered, hook))
    for clause in registered.CLAUSES:
        CHECKS.unregister(clause.id)


class Update:
    """The update of a document, with the boundary cases of one test."""

    def __init__(self, module: Any, document: dict[str, Any], **config: Any) -> None:
        self.module = module
        self.schema = schemathesis.openapi.from_dict(document)
        self.schema.config.update(**config)
        self.operation = self.schema[SPEC.path]["PATCH"]
        self.examples: list[Any] = []
        context = SimpleNamespace(operation=self.operation)
        module.before_add_examples(context, self.examples)

    def titles(self, *kinds: str) -> list[str]:
        """Play the boundary cases of some kinds. Return the titles of all failures."""
        cases = {
            str(self.module.EXAMPLES[example.id][0].kind): example
            for example in self.examples
        }
        titles: list[str] = []
        for kind in kinds or cases:
            titles += failures(cases[kind])
        return titles


def failures(case: Any, **options: Any) -> list[str]:
    """Play a case. Return the titles of its failures, in order."""
    try:
        case.call_and_validate(headers=KEYS, **options)
    except FailureGroup as group:
        return sorted(failure.title for failure in group.exceptions)
    return []


@pytest.fixture(scope="module")
def right(module: Any) -> Iterator[Update]:
    with serving(Sandbox()) as url:
        yield Update(module, overlaid_document(), base_url=url, headers=KEYS)


# -- which clauses --


def test_each_clause_is_judged_or_named(module: Any) -> None:
    """One request with its response decides these and no others."""
    assert [clause.id for clause in module.CLAUSES] == [
        *("S-ACCEPT", "S-REJECT", "S-NO-5XX", "S-STATUS", "S-SCHEMA", "S-MEDIA"),
        *("S-ERROR", "S-ID", "S-ECHO", "S-UNKNOWN", "S-GONE", "S-PATH-ID"),
        *("S-AUTH", "S-SECRET", "S-RATE"),
    ]
    judged = {clause.id for clause in module.CLAUSES}
    assert judged | module.NOT_JUDGED.keys() == {c.id for c in SERVICE_CLAUSES}
    assert not judged & module.NOT_JUDGED.keys()
    assert judged <= set(CHECKS.get_all_names())


def test_the_clauses_that_are_not_judged_are_named_once(
    module: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    module.name_others.cache_clear()
    for _ in range(2):
        module.before_load_schema(None, overlaid_document())
    assert capsys.readouterr().err.splitlines() == [
        "contract: judged by `contract service` alone: "
        "S-STORED, S-UNTOUCHED, S-REPEAT, S-ORG, S-PARITY"
    ]


# -- which document --


def other_document() -> dict[str, Any]:
    document = overlaid_document()
    document["info"] = {"title": "Another API", "version": "1"}
    return document


def test_the_document_of_the_contract_gets_the_overlay(module: Any) -> None:
    schema = schemathesis.openapi.from_dict(copy.deepcopy(SPEC.document))
    assert schema.raw_schema == SPEC.overlaid
    file = "spec/openapi.yaml"
    assert schemathesis.openapi.from_path(file).raw_schema == SPEC.overlaid


def test_another_document_stays_as_it_is(module: Any) -> None:
    document = other_document()
    schema = schemathesis.openapi.from_dict(copy.deepcopy(document))
    assert schema.raw_schema == document
    assert not module.is_own({"openapi": "3.1.0", "info": None})


def test_another_document_gets_no_check_and_no_hook(module: Any) -> None:
    """Checks and hooks are global: they meet every schema of a process."""
    with serving(service_fault("status-201").make_sandbox()) as url:
        update = Update(module, other_document(), base_url=url, headers=KEYS)
        assert update.examples == []
        created = update.schema[PATH]["POST"].Case(body=creation(), media_type=MEDIA)
        snapshot_id = created.call(headers=KEYS).json()["data"]["id"]
        case = update.operation.Case(
            path_parameters={"snapshot_id": snapshot_id}, body=BODY, media_type=MEDIA
        )
        response = case.call(headers=KEYS)
        assert not hasattr(response.request, "contract_sending")
        assert not any("S-" in title for title in failures(case))
        kwargs: dict[str, Any] = {}
        module.before_call(None, case, kwargs)
        assert kwargs == {}


# -- boundary cases --

MEDIA = "application/json"
REQUIRED = {
    "event_id": "e",
    "is_device_type_selected_by_user": True,
    "start": 2**53 + 1,
}
BODY = {"data": {"type": "snapshots", "attributes": REQUIRED}}


def creation() -> dict[str, Any]:
    names = ("application_id", "device_type", "snapshot_name", "view_name")
    attributes = {**REQUIRED, **dict.fromkeys(names, "a")}
    return {"data": {"type": "snapshots", "attributes": attributes}}


def test_a_right_service_breaks_nothing(right: Update) -> None:
    count = len(right.examples)
    assert count > 850
    some = [right.examples[index] for index in range(0, count, 15)]
    assert [title for case in some for title in failures(case)] == []


@pytest.mark.parametrize(
    ("fault", "kind", "title"),
    [
        (
            "echo-old-start",
            "valid-bodies/data/attributes/start a time in milliseconds",
            "S-ECHO/number-altered@/data/attributes/start",
        ),
        (
            "accepts-trailing-comma",
            "malformed-json/$ trailing comma",
            "S-REJECT/malformed-json-accepted@trailing-comma",
        ),
        (
            "accepts-text-plain",
            "media-types/Content-Type text/plain",
            "S-REJECT/media-type-accepted@text/plain",
        ),
        (
            "auth-app-key-optional",
            "keys/keys missing app key",
            "S-AUTH/key-unchecked@missing-app-key",
        ),
        ("auth-prefix", "keys/keys cut app key", "S-AUTH/key-unchecked@cut-app-key"),
        (
            "unknown-400",
            "snapshot-ids/snapshot_id unknown",
            "S-UNKNOWN/unknown-id-status@400",
        ),
        (
            "gone-still-updated",
            "deleted/snapshot_id deleted",
            "S-GONE/deleted-id-accepted@",
        ),
        (
            "fails-on-deep-nesting",
            "left-open/body arrays 10%5E5 deep",
            "S-NO-5XX/server-error@",
        ),
    ],
)
def test_a_boundary_case_shows_a_fault(
    module: Any, fault: str, kind: str, title: str
) -> None:
    with serving(service_fault(fault).make_sandbox()) as url:
        update = Update(module, overlaid_document(), base_url=url, headers=KEYS)
        kind = kind.replace("%5E", "^")
        assert any(item.startswith(title) for item in update.titles(kind))


def test_keys_and_url_may_be_given_with_the_call(module: Any) -> None:
    update = Update(module, overlaid_document())
    with serving(service_fault("status-201").make_sandbox()) as url:
        titles = failures(update.examples[-1], base_url=url)
    assert titles == ["S-ACCEPT/status-not-200@201", "S-STATUS/status-unknown@201"]


def test_a_snapshot_that_somebody_deletes_is_replaced(
    module: Any, right: Update
) -> None:
    case = right.examples[-1]
    response = case.call(headers=KEYS)
    delete = right.schema[SPEC.path]["DELETE"].Case(
        path_parameters={"snapshot_id": response.json()["data"]["id"]}
    )
    assert delete.call(headers=KEYS).status_code == 204
    case.validate_response(response)  # it may be too late, and is not judged
    again = case.call(headers=KEYS)
    assert again.status_code == 200
    case.validate_response(again)


def test_the_authentication_of_a_user_is_kept(module: Any, right: Update) -> None:
    case = right.operation.Case(
        path_parameters={"snapshot_id": "a"}, body=BODY, media_type=MEDIA
    )
    response = case.call(auth=("user", "password"), headers=KEYS)
    assert response.request.headers["Authorization"].startswith("Basic ")


def test_a_service_without_create_is_one_clear_failure(module: Any) -> None:
    attempts: list[Any] = []

    class NoCreate(Sandbox):
        def create(self, *arguments: Any) -> Any:
            attempts.append(arguments)
            return self.reply(404, {"errors": ["no"]})

    with serving(NoCreate()) as url:
        update = Update(module, overlaid_document(), base_url=url, headers=KEYS)
        for example in update.examples[-2:]:
            with pytest.raises(FailureGroup) as caught:
                example.call_and_validate(headers=KEYS)
            (failure,) = caught.value.exceptions
            assert failure.title == "No boundary case is played"
            assert "cannot create a snapshot: POST" in str(failure)
    assert len(attempts) == 1


# -- cases of Schemathesis --


def test_its_own_cases_are_judged_by_what_was_created(module: Any) -> None:
    with serving(service_fault("rejects-zero-start").make_sandbox()) as url:
        update = Update(module, overlaid_document(), base_url=url, headers=KEYS)
        create = update.schema[PATH]["POST"].Case(body=creation(), media_type=MEDIA)
        snapshot_id = create.call(headers=KEYS).json()["data"]["id"]
        attributes = {**REQUIRED, "start": 0}
        body = {"data": {"type": "snapshots", "attributes": attributes}}

        def titles(snapshot_id: str) -> list[str]:
            case = update.operation.Case(
                path_parameters={"snapshot_id": snapshot_id},
                body=body,
                media_type=MEDIA,
            )
            return [title for title in failures(case) if title.startswith("S-")]

        assert titles(snapshot_id) == ["S-ACCEPT/valid-body-refused@"]
        assert titles("unknown") == []


@pytest.mark.parametrize(
    "fault", ["secret-in-error", "secret-in-header", "secret-in-answer"]
)
def test_no_message_holds_a_key(module: Any, fault: str) -> None:
    with serving(service_fault(fault).make_sandbox()) as url:
        update = Update(module, overlaid_document(), base_url=url, headers=KEYS)
        texts = []
        for example in update.examples:
            if module.EXAMPLES[example.id][0].scenario in ("keys", "repeats"):
                try:
                    example.call_and_validate(headers=KEYS)
                except FailureGroup as group:
                    texts += [str(failure) for failure in group.exceptions]
    assert any(text.startswith("S-SECRET/") for text in texts)
    assert all("curl -X PATCH" in text for text in texts)
    assert not [text for text in texts for key in KEYS.values() if key in text]
