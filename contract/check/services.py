"""Services under test: at URLs, or the embedded sandbox."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from contract.cases.scenarios import Scenario
from contract.cases.service import service_scenarios
from contract.check.choosing import (
    chosen_clauses,
    chosen_profile,
    chosen_scenarios,
    keys_of,
    our_version,
)
from contract.clauses import SERVICE
from contract.errors import UsageError
from contract.exchange import Headers
from contract.plan import plan
from contract.run import Watch, run
from contract.sandbox import ORGS, Sandbox, serving
from contract.service import SeveralSites, service_under_test
from contract.spec import load
from contract.verdict import Verdict

__all__ = ["check_service", "services_under_test"]


def check_service(
    *urls: str,
    keys: tuple[str, str] | None = None,
    other_keys: tuple[str, str] | None = None,
    snapshot_id: str | None = None,
    headers: Headers = (),
    ca_file: str | None = None,
    profile: str = "ci",
    seed: int = 1,
    clauses: Iterable[str] = (),
    scenarios: Iterable[Scenario | str] = (),
    watch: Watch | None = None,
) -> Verdict:
    """Judge a service by every clause for services, or by those named; without a URL the embedded sandbox.

    Several URLs are several sites of one service, which have to behave alike.

    `keys` are API key and application key (else of DD_API_KEY and DD_APP_KEY), `other_keys` those of a second
    organization (else of CONTRACT_OTHER_API_KEY and CONTRACT_OTHER_APP_KEY). With `snapshot_id` nothing is created
    or listed. Snapshots are created for the run and removed after it; `Verdict.left` names those that could not be.
    Raises UsageError on an argument that cannot be used, SubjectError where nothing can be judged.
    """
    spec = load()
    chosen, played = (
        chosen_clauses(clauses, SERVICE),
        chosen_scenarios(scenarios, service_scenarios(spec)),
    )
    rules: dict[str, Any] = {
        "profile": chosen_profile(profile),
        "seed": seed,
        "watch": watch,
    }
    given = {
        "keys": keys,
        "other_keys": other_keys,
        "snapshot_id": snapshot_id,
        "headers": headers,
        "ca_file": ca_file,
    }
    with services_under_test(*urls, **given) as subject:  # type: ignore[arg-type]
        verdict = run(
            subject,
            plan(played, rules["profile"])[0],
            chosen,
            spec,
            sites=subject.sites,
            **rules,
        )
        verdict.reasons.update(subject.reasons)
    verdict.left += subject.left
    return verdict


@contextmanager
def services_under_test(
    *urls: str,
    keys: tuple[str, str] | None = None,
    other_keys: tuple[str, str] | None = None,
    snapshot_id: str | None = None,
    headers: Headers = (),
    ca_file: str | None = None,
) -> Iterator[SeveralSites]:
    """Set up the services at these URLs, else the embedded sandbox, and remove what was made there at the end.

    The arguments are those of `check_service`.
    """
    with ExitStack() as stack:
        sandbox = not urls
        if sandbox:
            urls = (stack.enter_context(serving(Sandbox())),)
            keys, other_keys = ((org.api_key, org.app_key) for org in ORGS)
        keys = keys or keys_of("DD_API_KEY", "DD_APP_KEY")
        if keys is None:
            raise UsageError("no keys: set DD_API_KEY and DD_APP_KEY")
        other_keys = other_keys or keys_of(
            "CONTRACT_OTHER_API_KEY", "CONTRACT_OTHER_APP_KEY"
        )
        given: dict[str, Any] = {
            "snapshot_id": snapshot_id,
            "headers": headers,
            "ca_file": ca_file,
        }
        services = [
            stack.enter_context(
                service_under_test(url, keys=keys, other_keys=other_keys, **given)
            )
            for url in dict.fromkeys(urls)
        ]
        subject = SeveralSites(services)
        if sandbox:
            subject.name, subject.version = "sandbox", our_version()
        yield subject
