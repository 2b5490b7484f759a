"""Scenarios for clients: enumerated cases first, generated cases second."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, partial
from itertools import starmap
from typing import Any, TypeAlias

from hypothesis import strategies as st

from contract.cases import parameters, responses
from contract.cases.documents import Documents
from contract.cases.responses import json_response, raw_response
from contract.cases.scenario import Labels, Scenario, generated, label_of, scenario_of
from contract.model import ClientCase, Json, Label, Response, Tls, Violation
from contract.spec import Spec

Cases: TypeAlias = Iterator[ClientCase]

SHORT_TIMEOUT_S = 0.2
ERROR_STATUSES = (429, 400, 403, 404, 500, 503)
ODD_STATUSES = (400, 403, 404, 429, 500, 502)


@dataclass(frozen=True)
class ClientCatalogue:
    """All cases for clients, by scenario."""

    spec: Spec

    @cached_property
    def bodies(self) -> Documents:
        return Documents(self.spec.request.raw)

    @cached_property
    def snapshots(self) -> Documents:
        # A document with errors is no success.
        return Documents(self.spec.success_schema.raw, reserved=("errors",))

    @cached_property
    def errors(self) -> Documents:
        return Documents(self.spec.error_schema.raw)

    @cached_property
    def plain(self) -> ClientCase:
        return ClientCase(
            snapshot_id=parameters.EXAMPLE_ID,
            credential=parameters.CREDENTIALS["plain"],
            body=self.bodies.full(),
            responses=(json_response(self.snapshots.full()),),
        )

    def case(self, *labels: Label, **changes: Any) -> ClientCase:
        """Return the plain case with labels and changes."""
        return replace(self.plain, labels=labels, **changes)

    def invalid(self, violation: Violation, **changes: Any) -> ClientCase:
        return self.case(label_of(violation), violation=violation, **changes)

    def answered(self, label: Label, *scripted: Response) -> ClientCase:
        return self.case(label, responses=scripted)

    def with_snapshot(self, labels: Labels, snapshot: Json) -> ClientCase:
        return self.case(*labels, responses=(json_response(snapshot),))

    def with_broken_snapshot(self, violation: Violation, snapshot: Json) -> ClientCase:
        return self.answered(label_of(violation), json_response(snapshot))

    def with_error(self, labels: Labels, error: Json, status: int = 429) -> ClientCase:
        return self.case(*labels, responses=(json_response(error, status),))

    def with_garbage(self, body: bytes, status: int) -> ClientCase:
        label = Label(str(status), "garbage")
        return self.answered(label, raw_response(body, status))

    def with_id(self, labels: Labels, snapshot_id: str) -> ClientCase:
        return self.case(*labels, snapshot_id=snapshot_id)

    def snapshot_ids(self) -> Cases:
        yield from starmap(self.with_id, parameters.valid_ids())
        for snapshot_id, how in parameters.INVALID_IDS.items():
            violation = Violation("snapshot_id", "format", how)
            yield self.invalid(violation, snapshot_id=snapshot_id)

    def sites(self) -> Cases:
        for site in self.spec.sites:
            yield self.case(Label("site", "documented"), sites=(site,))
        for violation, site in parameters.other_sites(self.spec.sites):
            yield self.invalid(violation, sites=(site,))

    def odd_errors(self) -> Cases:
        for violation, error in self.errors.invalid():
            yield self.answered(label_of(violation), json_response(error, 429))
        yield from starmap(self.answered, responses.undocumented_errors())

    def redirects(self) -> Cases:
        path = self.spec.path_of("a")
        for label, sites, response in responses.redirects(path, self.spec.sites):
            scripted = (response, *self.plain.responses)
            yield self.case(label, responses=scripted, sites=sites)

    def certificates(self) -> Cases:
        untrusted = (tls for tls in Tls if tls is not Tls.TRUSTED)
        return (self.case(Label("tls", tls), tls=tls) for tls in untrusted)

    # -- scenarios --

    def call_scenarios(self) -> tuple[Scenario, ...]:
        return (
            scenario_of(
                "valid-bodies",
                lambda labels, body: self.case(*labels, body=body),
                self.bodies.valid,
                self.bodies.labeled_strategy,
            ),
            scenario_of(
                "invalid-bodies",
                lambda violation, body: self.invalid(violation, body=body),
                self.bodies.invalid,
                self.bodies.invalid_strategy,
            ),
            Scenario(
                "snapshot-ids",
                self.snapshot_ids,
                generated(self.with_id, parameters.generated_ids()),
            ),
            scenario_of(
                "keys",
                lambda label, credential, violation: self.case(
                    label, credential=credential, violation=violation
                ),
                parameters.credentials,
            ),
            Scenario("sites", self.sites),
        )

    def response_scenarios(self) -> tuple[Scenario, ...]:
        full = self.snapshots.full()
        return (
            scenario_of(
                "snapshots",
                self.with_snapshot,
                self.snapshots.valid,
                self.snapshots.labeled_strategy,
            ),
            scenario_of(
                "media-types", self.answered, partial(responses.media_types, full)
            ),
            scenario_of(
                "broken-snapshots",
                self.with_broken_snapshot,
                self.snapshots.invalid,
                self.snapshots.invalid_strategy,
            ),
            scenario_of(
                "false-successes",
                self.answered,
                partial(responses.invalid_successes, full),
            ),
            *self.error_scenarios(),
        )

    def error_scenarios(self) -> tuple[Scenario, ...]:
        statuses, odd_statuses = map(st.sampled_from, (ERROR_STATUSES, ODD_STATUSES))
        errors = self.errors.labeled_strategy
        return (
            scenario_of(
                "documented-errors",
                self.with_error,
                self.errors.valid,
                st.builds(lambda error, status: (*error, status), errors, statuses),
            ),
            scenario_of(
                "observed-errors",
                self.answered,
                partial(responses.observed_errors, self.spec),
            ),
            Scenario(
                "odd-errors",
                self.odd_errors,
                generated(
                    self.with_garbage,
                    st.tuples(responses.generated_error_bodies(), odd_statuses),
                ),
            ),
        )

    def connection_scenarios(self) -> tuple[Scenario, ...]:
        full = self.snapshots.full()
        return (
            scenario_of(
                "retries",
                lambda label, retry, scripted: self.case(
                    label, retry=retry, responses=scripted
                ),
                partial(responses.retries, full),
                waits=True,
            ),
            Scenario("redirects", self.redirects),
            scenario_of(
                "slow-answers",
                lambda label, response: self.case(
                    label, responses=(response,), timeout_s=SHORT_TIMEOUT_S
                ),
                partial(responses.slow_responses, full),
                waits=True,
            ),
            Scenario("certificates", self.certificates),
        )


def client_scenarios(spec: Spec) -> tuple[Scenario, ...]:
    """Return the scenarios for clients, in the order in which they are played."""
    catalogue = ClientCatalogue(spec)
    return (
        *catalogue.call_scenarios(),
        *catalogue.response_scenarios(),
        *catalogue.connection_scenarios(),
    )
