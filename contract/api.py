"""The Python API: put a client or a service under test, run the suite, get a verdict.

contract.check_client(["node", "driver.js"], profile="quick").assert_holds()
contract.check_client("our_client.testing:factory", sites=["datadoghq.eu"]).assert_holds()
contract.check_service("http://127.0.0.1:8080", keys=(api_key, app_key)).assert_holds()
"""

import importlib
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from contract.cases.client import Scenario, client_scenarios
from contract.cases.documents import Documents
from contract.cases.responses import answer
from contract.cases.service import service_scenarios
from contract.clauses import CLIENT, SERVICE
from contract.drivers.examples import Example, shown
from contract.engine.runner import PROFILES, Watch, run
from contract.engine.schedule import plan
from contract.engine.selection import (
    chosen_clauses,
    chosen_profile,
    chosen_scenarios,
    chosen_sites,
    keys_of,
    our_version,
)
from contract.engine.verdict import Verdict, merged
from contract.errors import SubjectError, UsageError
from contract.model import Case, Headers
from contract.sandbox import ORGS, Sandbox, serving
from contract.servers.fake_sites import FakeSites
from contract.servers.mock import MockedSites
from contract.spec import Spec, load
from contract.subjects.driver import Driver, environment_with_fake_sites, outcome_of
from contract.subjects.in_process import (
    ClientSubject,
    MinimalClientAdapter,
    PythonClient,
)
from contract.subjects.multi_site import SeveralSites
from contract.subjects.service import service_under_test

__all__ = [
    "check_all",
    "check_client",
    "check_example",
    "check_service",
    "client_under_test",
    "services_under_test",
]

Client = Sequence[str] | str | Callable[[], Any] | None
"""A command that speaks the driver protocol, `MODULE:FACTORY` or a factory; None is the minimal client."""


def check_client(
    client: Client = None,
    *,
    profile: str = "ci",
    seed: int = 1,
    sites: Iterable[str] = (),
    clauses: Iterable[str] = (),
    scenarios: Iterable[Scenario | str] = (),
    watch: Watch | None = None,
) -> Verdict:
    """Judge a client by every clause for clients, or by those named, in every scenario, or in those named or given.

    A command (a list of words) and a factory of this process play on the impostor sites, over real TLS; the
    minimal client on mocked ones. Raises UsageError on an unknown profile, site or clause, SubjectError where
    the client cannot be started, SpecError where the contract cannot be read.
    """
    spec = load()
    rules: dict[str, Any] = {
        "profile": chosen_profile(profile),
        "seed": seed,
        "sites": chosen_sites(sites, spec),
    }
    chosen = chosen_clauses(clauses, CLIENT)
    with client_under_test(client, spec) as subject:
        return run(
            subject,
            chosen_scenarios(scenarios, client_scenarios(spec)),
            chosen,
            spec,
            watch=watch,
            **rules,
        )


def check_example(
    page: str, language: str, *, sites: Iterable[str] = (), clauses: Iterable[str] = ()
) -> Verdict:
    """Judge what a program of the documentation page puts on the wire; `page` is the page's text.

    It plays on each of the sites that the program can be pointed at, once. What the program tells its caller is
    not judged: it has no caller. Raises UsageError, SpecError on a page without it, SubjectError.
    """
    spec = load()
    names = chosen_sites(sites, spec)
    chosen = chosen_clauses(
        clauses, tuple(clause for clause in CLIENT if clause.id in _ON_THE_WIRE)
    )
    snapshot_id, body = shown(page)
    good = answer(Documents(spec.documented[200].media["application/json"].raw).full())
    with (
        FakeSites(spec.sites) as stage,
        Example(page, language, stage.environment()) as program,
    ):
        playable = [site for site in names if program.site in ("", site)]
        wrong = next(iter(spec.request.errors(body)), None)
        case = Case(
            "example",
            (f"the page's {language} example",),
            snapshot_id,
            body,
            violation=wrong,
            responses=(good,),
        )
        scenario = Scenario("example", "the page's own program", lambda: iter((case,)))
        subject = ClientSubject(program, stage, f"the page's {language} example")
        verdict = run(
            subject,
            (scenario,),
            chosen,
            spec,
            profile=PROFILES["quick"],
            sites=tuple(playable) or names,
        )
    if program.site:
        verdict.unplayed["sites"] = f"the program names its site itself: {program.site}"
    return verdict


_ON_THE_WIRE = (
    "C-METHOD",
    "C-HOST",
    "C-PATH",
    "C-AUTH",
    "C-MEDIA",
    "C-BODY",
    "C-VALID",
    "C-PARITY",
)


@contextmanager
def client_under_test(client: Client, spec: Spec) -> Iterator[ClientSubject]:
    """Start a client, and the sites that it will meet; nothing is left of either afterwards."""
    if client is None:
        with MockedSites(spec.sites) as mock:
            yield ClientSubject(MinimalClientAdapter(), mock, "minimal", our_version())
    elif isinstance(client, str) or callable(client):
        with environment_with_fake_sites(spec) as stage:
            made = _made(_factory(client) if isinstance(client, str) else client)
            name = (
                client
                if isinstance(client, str)
                else getattr(client, "__qualname__", type(made).__name__)
            )
            yield ClientSubject(PythonClient(made, outcome_of), stage, name)
    else:
        with (
            FakeSites(spec.sites) as stage,
            Driver(list(client), stage.environment()) as driver,
        ):
            yield ClientSubject(
                driver, stage, driver.about.client, driver.about.version
            )


def _factory(path: str) -> Callable[[], Any]:
    module, colon, name = path.partition(":")
    if not (module and colon and name):
        raise UsageError(f"--python {path!r}: must be MODULE:FACTORY")
    sys.path.insert(0, "")
    try:
        factory = getattr(importlib.import_module(module), name)
    except Exception as error:
        raise UsageError(f"--python {path}: {type(error).__name__}: {error}") from None
    finally:
        sys.path.remove("")
    if not callable(factory):
        raise UsageError(f"--python {path}: {name} cannot be called, it is {factory!r}")
    return factory  # type: ignore[no-any-return]


def _made(factory: Callable[[], Any]) -> Any:
    try:
        return factory()
    except Exception as error:
        raise SubjectError(
            f"no client: its factory raised {type(error).__name__}: {error}"
        ) from error


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


def check_all(
    *,
    profile: str = "ci",
    seed: int = 1,
    sites: Iterable[str] = (),
    clauses: Iterable[str] = (),
    scenarios: Iterable[str] = (),
    watch: Watch | None = None,
) -> Verdict:
    """Judge both halves: the minimal client on the mocked sites, the embedded sandbox; raises UsageError."""
    spec = load()
    judged = {clause.id for clause in chosen_clauses(clauses, CLIENT + SERVICE)}
    played = chosen_scenarios(
        scenarios, client_scenarios(spec) + service_scenarios(spec)
    )
    names = {each.name for each in played}
    parts: list[Verdict] = []
    rules: dict[str, Any] = {"profile": profile, "seed": seed, "watch": watch}
    ours: dict[str, Any] = {
        "clauses": [each.id for each in CLIENT if each.id in judged],
        "scenarios": [each for each in client_scenarios(spec) if each.name in names],
    }
    if all(ours.values()):
        parts.append(check_client(sites=sites, **rules, **ours))
    theirs: dict[str, Any] = {
        "clauses": [each.id for each in SERVICE if each.id in judged],
        "scenarios": [each for each in service_scenarios(spec) if each.name in names],
    }
    if all(theirs.values()) and not any(part.interrupted for part in parts):
        parts.append(check_service(**rules, **theirs))
    if not parts:
        raise UsageError("no clause is judged in any of these scenarios")
    return merged(parts)
