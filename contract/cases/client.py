"""The scenarios for clients: named groups of cases, enumerated first, generated second."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine
from hypothesis.strategies import SearchStrategy

from contract.cases import responses as made
from contract.cases.documents import Documents
from contract.cases.parameters import (
    IDS,
    REFUSED_IDS,
    SNAPSHOT_ID,
    bad_sites,
    id_traits,
    ids,
    keys,
    other_sites,
)
from contract.model import Case, Exchange, Response, Violation
from contract.spec import Spec

__all__ = ["Scenario", "client_scenarios"]

_JSON = "application/json"
_SLOW_TIMEOUT_S = 0.2


@dataclass(frozen=True)
class Scenario:
    """A named group of cases: `boundary` enumerates, `strategy` generates more of the same.

    `machine` makes a Hypothesis state machine of the function that plays a case: sequences.
    """

    name: str
    about: str
    boundary: Callable[[], Iterator[Case]]
    strategy: SearchStrategy[Case] | None = None
    machine: (
        Callable[[Callable[[Case], Exchange | None]], type[RuleBasedStateMachine]]
        | None
    ) = None


def client_scenarios(spec: Spec) -> tuple[Scenario, ...]:
    """Return the scenarios for clients, in the order in which they are played."""
    bodies = Documents(spec.request.raw)
    snapshots = Documents(spec.documented[200].media[_JSON].raw, reserved=("errors",))
    errors = Documents(spec.documented[429].media[_JSON].raw)
    body, full = bodies.full(), snapshots.full()
    good = made.answer(full)

    def case(kind: str, *traits: str, answer: Response = good, **more: object) -> Case:
        asked = {
            "snapshot_id": SNAPSHOT_ID,
            "body": body,
            "responses": (answer,),
            **more,
        }
        return Case("", (kind, *traits), **asked)

    def valid_bodies() -> Iterator[Case]:
        return (case(f"body {kind}", body=each) for kind, each in bodies.valid())

    def invalid_bodies() -> Iterator[Case]:
        return (
            case(f"body {wrong}", body=each, violation=wrong)
            for wrong, each in bodies.invalid()
        )

    def snapshot_ids() -> Iterator[Case]:
        for form in IDS:
            for sample in form.samples:
                yield case(f"id: {form.how}", snapshot_id=sample)
        for how, sample in REFUSED_IDS:
            yield case(
                f"id: {how}",
                snapshot_id=sample,
                violation=Violation("snapshot_id", "format", how),
            )

    def key_pairs() -> Iterator[Case]:
        for name, pair in keys.items():
            bad = any(char in key for key in pair for char in "\r\n\0")
            yield case(
                name,
                keys=name,
                violation=Violation("keys", "format", name) if bad else None,
            )

    def sites() -> Iterator[Case]:
        for site in spec.sites:
            yield case("a documented site", site=site)
        for how, site in bad_sites(spec.sites):
            yield case(
                f"site: {how}", site=site, violation=Violation("site", "format", how)
            )
        for site in other_sites(spec.sites):
            yield case(
                "site: undocumented",
                site=site,
                violation=Violation("site", "enum", "undocumented"),
            )

    def valid_snapshots() -> Iterator[Case]:
        for kind, each in snapshots.valid():
            yield case(f"snapshot {kind}", answer=made.answer(each))

    def media_types() -> Iterator[Case]:
        for media in (
            "application/vnd.api+json",
            "application/json; charset=utf-8",
            "text/plain",
            "text/html",
            None,
        ):
            yield case(f"a success as {media}", answer=made.answer(full, media=media))

    def broken_snapshots() -> Iterator[Case]:
        for wrong, each in snapshots.invalid():
            yield case(f"snapshot {wrong}", answer=made.answer(each))

    def false_successes() -> Iterator[Case]:
        return (case(f"2xx: {kind}", answer=each) for kind, each in made.not_json(full))

    def documented_errors() -> Iterator[Case]:
        return (
            case(f"error {kind}", answer=made.answer(each, 429))
            for kind, each in errors.valid()
        )

    def observed_errors() -> Iterator[Case]:
        return (case(kind, answer=each) for kind, each in made.observed(spec))

    def odd_errors() -> Iterator[Case]:
        for wrong, each in errors.invalid():
            yield case(f"error {wrong}", answer=made.answer(each, 429))
        for kind, answer in made.garbage():
            yield case(f"error: {kind}", answer=answer)

    def retries() -> Iterator[Case]:
        return (
            case(kind, retry=retry, responses=each)
            for kind, retry, each in made.retries(full)
        )

    def redirects() -> Iterator[Case]:
        for kind, answer in made.redirects():
            yield case(kind, responses=(answer, good))
        for site in spec.sites:
            place = f"http://api.{site}/api/v2/replay/heatmap/snapshots/a"
            answer = Response(307, (("Location", place),))
            yield case("307 to plain http", site=site, responses=(answer, good))

    def slow_answers() -> Iterator[Case]:
        for kind, answer in made.deliveries(full):
            yield case(f"delivery: {kind}", answer=answer, timeout_s=_SLOW_TIMEOUT_S)

    def certificates() -> Iterator[Case]:
        for tls in ("unknown authority", "wrong name", "expired", "plain http"):
            yield case(f"host: {tls}", tls=tls)

    some_bodies = bodies.strategy.map(
        lambda each: case("body, generated", *_of("body", bodies, each), body=each)
    )
    wrong_bodies = bodies.invalid_strategy.map(
        lambda each: case(f"body {each[0]}", body=each[1], violation=each[0])
    )
    some_snapshots = snapshots.strategy.map(
        lambda each: case(
            "snapshot, generated",
            *_of("snapshot", snapshots, each),
            answer=made.answer(each),
        )
    )
    wrong_snapshots = snapshots.invalid_strategy.map(
        lambda each: case(f"snapshot {each[0]}", answer=made.answer(each[1]))
    )
    some_errors = st.builds(
        lambda each, status: case(
            "error, generated",
            *_of("error", errors, each),
            answer=made.answer(each, status),
        ),
        errors.strategy,
        st.sampled_from((429, 400, 403, 404, 500, 503)),
    )
    some_garbage = st.builds(
        lambda each, status: case("error: garbage", answer=made.texts(each, status)),
        made.anything,
        st.sampled_from((400, 403, 404, 429, 500, 502)),
    )
    some_ids = ids.map(
        lambda each: case("id, generated", *id_traits(each), snapshot_id=each)
    )
    return (
        Scenario(
            "valid-bodies",
            "every way to satisfy the request model",
            valid_bodies,
            some_bodies,
        ),
        Scenario(
            "invalid-bodies",
            "every way to break the request model",
            invalid_bodies,
            wrong_bodies,
        ),
        Scenario(
            "snapshot-ids",
            "ids that a URL makes hard, and ids that no path can hold",
            snapshot_ids,
            some_ids,
        ),
        Scenario(
            "keys", "keys that a header can hold, and keys that none can", key_pairs
        ),
        Scenario("sites", "the eight sites, and what is none of them", sites),
        Scenario(
            "snapshots",
            "every way to satisfy the 200 model",
            valid_snapshots,
            some_snapshots,
        ),
        Scenario(
            "media-types", "a documented success under other media types", media_types
        ),
        Scenario(
            "broken-snapshots",
            "every way to break the 200 model",
            broken_snapshots,
            wrong_snapshots,
        ),
        Scenario(
            "false-successes", "a 2xx that is no documented success", false_successes
        ),
        Scenario(
            "documented-errors", "errors as documented", documented_errors, some_errors
        ),
        Scenario(
            "observed-errors", "errors as real answers have them", observed_errors
        ),
        Scenario("odd-errors", "errors of no known shape", odd_errors, some_garbage),
        Scenario("retries", "rate limits and other reasons to try again", retries),
        Scenario("redirects", "redirects to another origin", redirects),
        Scenario("slow-answers", "answers that stall, drip or break off", slow_answers),
        Scenario("certificates", "hosts that must not be trusted", certificates),
    )


def _of(what: str, documents: Documents, document: object) -> tuple[str, ...]:
    return tuple(f"{what} {trait}" for trait in documents.traits(document))
