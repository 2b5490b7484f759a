"""Clients under test: the minimal one, a driver's command, a factory of this process, a page's example."""

import importlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from contract.cases.answers import answer
from contract.cases.documents import Documents
from contract.cases.scenarios import Scenario, client_scenarios
from contract.check.choosing import (
    chosen_clauses,
    chosen_profile,
    chosen_scenarios,
    chosen_sites,
    our_version,
)
from contract.clauses import CLIENT
from contract.drivers import Driver, inherited_with, outcome_of
from contract.drivers.examples import Example, shown
from contract.errors import SubjectError, UsageError
from contract.exchange import Case
from contract.impostor import Impostor
from contract.mock import Mock
from contract.run import PROFILES, Watch, run
from contract.spec import Spec, load
from contract.subjects import ClientUnderTest, Minimal, PythonClient
from contract.verdict import Verdict

__all__ = ["check_client", "check_example", "client_under_test", "impersonated"]

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
        Impostor(spec.sites) as stage,
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
            answers=(good,),
        )
        scenario = Scenario("example", "the page's own program", lambda: iter((case,)))
        subject = ClientUnderTest(program, stage, f"the page's {language} example")
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
def client_under_test(client: Client, spec: Spec) -> Iterator[ClientUnderTest]:
    """Start a client, and the sites that it will meet; nothing is left of either afterwards."""
    if client is None:
        with Mock(spec.sites) as mock:
            yield ClientUnderTest(Minimal(), mock, "minimal", our_version())
    elif isinstance(client, str) or callable(client):
        with impersonated(spec) as stage:
            made = _made(_factory(client) if isinstance(client, str) else client)
            name = (
                client
                if isinstance(client, str)
                else getattr(client, "__qualname__", type(made).__name__)
            )
            yield ClientUnderTest(PythonClient(made, outcome_of), stage, name)
    else:
        with (
            Impostor(spec.sites) as stage,
            Driver(list(client), stage.environment()) as driver,
        ):
            yield ClientUnderTest(
                driver, stage, driver.about.client, driver.about.version
            )


@contextmanager
def impersonated(spec: Spec) -> Iterator[Impostor]:
    """Have a client of this process meet the impostor sites, as the environment tells it."""
    with (
        Impostor(spec.sites) as stage,
        patch.dict(os.environ, inherited_with(stage.environment()), clear=True),
    ):
        yield stage


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
