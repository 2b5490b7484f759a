"""Scenarios for clients: enumerated cases first, generated cases second."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import starmap
from typing import Any, TypeAlias

from hypothesis import strategies as st

from contract.cases import parameters, responses
from contract.cases.documents import Documents
from contract.cases.responses import json_response, raw_response
from contract.cases.scenario import Mark, Scenario, generated, marked, scenario_of
from contract.model import ClientCase, Json, Label, Response, Tls
from contract.spec import Spec

Cases: TypeAlias = Iterator[ClientCase]

SHORT_TIMEOUT_S = 0.2
ERROR_STATUSES = (429, 400, 403, 404, 500, 503)
ODD_STATUSES = (400, 403, 404, 429, 500, 502)


class ClientCatalogue:
    """All cases for clients, by scenario."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.bodies = Documents(spec.request.raw)
        # A document with errors is no success.
        self.snapshots = Documents(spec.success_schema.raw, reserved=("errors",))
        self.errors = Documents(spec.error_schema.raw)
        self.snapshot = self.snapshots.full()
        self.plain = ClientCase(
            snapshot_id=parameters.EXAMPLE_ID,
            credential=parameters.CREDENTIALS["plain"],
            body=self.bodies.full(),
            responses=(json_response(self.snapshot),),
        )

    def case(self, mark: Mark, **changes: Any) -> ClientCase:
        return replace(self.plain, **(marked(mark) | changes))

    def about(self, place: str | int, name: str, **changes: Any) -> ClientCase:
        return self.case(Label(str(place), name), **changes)

    def answered(self, place: str | int, name: str, response: Response) -> ClientCase:
        return self.about(place, name, responses=(response,))

    def with_json(self, mark: Mark, value: Json, status: int = 200) -> ClientCase:
        """Return a case with a response. Its violation is none of the call."""
        scripted = (json_response(value, status),)
        return self.case(mark, responses=scripted, violation=None)

    def with_error(self, mark: Mark, error: Json, status: int = 429) -> ClientCase:
        return self.with_json(mark, error, status)

    def with_garbage(self, body: bytes, status: int) -> ClientCase:
        return self.answered(status, "garbage", raw_response(body, status))

    def sites(self) -> Cases:
        for site in self.spec.sites:
            yield self.about("site", "documented", sites=(site,))
        for violation, site in parameters.other_sites(self.spec.sites):
            yield self.case(violation, sites=(site,))

    def odd_errors(self) -> Cases:
        yield from starmap(self.with_error, self.errors.invalid())
        yield from starmap(self.answered, responses.undocumented_errors())

    def retries(self) -> Cases:
        for place, name, retry, scripted in responses.retries(self.snapshot):
            yield self.about(place, name, retry=retry, responses=scripted)

    def redirects(self) -> Cases:
        path = self.spec.path_of("a")
        for name, sites, response in responses.redirects(path, self.spec.sites):
            scripted = (response, *self.plain.responses)
            yield self.about("redirect", name, responses=scripted, sites=sites)

    def slow_answers(self) -> Cases:
        for name, response in responses.slow_responses(self.snapshot):
            case = self.answered("delivery", name, response)
            yield replace(case, timeout_s=SHORT_TIMEOUT_S)

    def certificates(self) -> Cases:
        untrusted = (tls for tls in Tls if tls is not Tls.TRUSTED)
        return (self.about("tls", tls, tls=tls) for tls in untrusted)

    # -- scenarios --

    def calls(self, name: str, field: str, *rows: Any) -> Scenario:
        return scenario_of(
            name, lambda mark, value: self.case(mark, **{field: value}), *rows
        )

    def scenarios(self) -> Iterator[Scenario]:
        valid, invalid = self.bodies.labeled_strategy, self.bodies.invalid_strategy
        yield self.calls("valid-bodies", "body", self.bodies.valid, valid)
        yield self.calls("invalid-bodies", "body", self.bodies.invalid, invalid)
        ids = parameters.generated_ids
        yield self.calls("snapshot-ids", "snapshot_id", parameters.all_ids, ids)
        yield self.calls("keys", "credential", parameters.credentials)
        yield Scenario("sites", self.sites)
        snapshots, errors = self.snapshots, self.errors
        valid, broken = snapshots.labeled_strategy, snapshots.invalid_strategy
        yield scenario_of("snapshots", self.with_json, snapshots.valid, valid)
        media_types = partial(responses.media_types, self.snapshot)
        yield scenario_of("media-types", self.answered, media_types)
        rows = snapshots.invalid
        yield scenario_of("broken-snapshots", self.with_json, rows, broken)
        successes = partial(responses.invalid_successes, self.snapshot)
        yield scenario_of("false-successes", self.answered, successes)
        statuses = st.sampled_from(ERROR_STATUSES)
        drawn = st.builds(
            lambda row, status: (*row, status), errors.labeled_strategy, statuses
        )
        yield scenario_of("documented-errors", self.with_error, errors.valid, drawn)
        observed = partial(responses.observed_errors, self.spec)
        yield scenario_of("observed-errors", self.answered, observed)
        statuses = st.sampled_from(ODD_STATUSES)
        garbage = st.tuples(responses.generated_error_bodies, statuses)
        odd = generated(self.with_garbage, garbage)
        yield Scenario("odd-errors", self.odd_errors, odd)
        yield Scenario("retries", self.retries, waits=True)
        yield Scenario("redirects", self.redirects)
        yield Scenario("slow-answers", self.slow_answers, waits=True)
        yield Scenario("certificates", self.certificates)


def client_scenarios(spec: Spec) -> tuple[Scenario, ...]:
    """Return the scenarios for clients, in the order in which they are played."""
    return tuple(ClientCatalogue(spec).scenarios())
