"""One plain update before a run: a client that cannot be tested ends it.

A client that talks past the proxy would make every case a breach, and would meet the
real sites.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace

from contract.errors import SubjectError
from contract.model import ClientCase, ClientExchange, OutcomeKind
from contract.servers.fake_sites import FakeSites
from contract.servers.guard import guarded_sockets
from contract.subjects.in_process import ClientSubject
from contract.subjects.process import excerpt
from contract.subjects.python_client import PythonClient

TIMEOUT_S = 10.0
"""Longer than that of a case: the first call of a client may have to load much."""

NO_PROTOCOL = ("garbled", "wrong seq")
"""The types of outcomes without a reply of the protocol."""

EXPECTED = (
    'expected: an outcome, such as {"outcome": "failed", "message": "…"}, '
    "and nothing else on standard output"
)
EXPECTED_HERE = (
    "expected: an Outcome, or the snapshot from a function with @contract.outcomes(…)"
)
JUDGED = (OutcomeKind.REFUSED, OutcomeKind.CRASHED, OutcomeKind.UNSUPPORTED)
HTTP_2 = b"PRI * HTTP/2.0"
"""Begin of every connection of HTTP/2 (RFC 9113, section 3.4)."""

REMEDIES = {
    "aiohttp": "trust_env=True",
    "Node's fetch": "NODE_USE_ENV_PROXY=1 or undici's EnvHttpProxyAgent",
    "http.client": "set_tunnel",
    "Go": "http.ProxyFromEnvironment",
    "Java": "ProxySelector",
}
REMEDY = (
    "Either it sends nothing, or it talks past the proxy. "
    f"Let it use HTTPS_PROXY ({'; '.join(map(': '.join, REMEDIES.items()))}), "
    "or let it connect to CONTRACT_SITES_ADDRESS"
)
NO_TRUST = (
    "It began to talk to the proxy and sent no request. Let it trust the authority in "
    "CONTRACT_CA_FILE"
)


@contextmanager
def no_way_out() -> Iterator[list[str]]:
    """Let no socket leave the machine. Yield the targets."""
    targets: list[str] = []

    def refuse(target: str, is_local: bool) -> None:
        if not is_local:
            targets.append(target)
            raise OSError(f"no way out of this machine in the first call: {target}")

    with guarded_sockets(refuse):
        yield targets


def preflight(subject: ClientSubject, case: ClientCase, site: str) -> ClientExchange:
    """Play a plain case. Return the exchange.

    Raise SubjectError if the client speaks no protocol, or does not reach the sites.
    """
    is_python = isinstance(subject.adapter, PythonClient)
    with no_way_out() if is_python else nullcontext(list[str]()) as targets:
        exchange = subject.play(replace(case, timeout_s=TIMEOUT_S), site)
    server = subject.server
    is_reached = not isinstance(server, FakeSites) or server.is_reached
    expected = EXPECTED_HERE if is_python else EXPECTED
    if problem := problem_of(exchange, targets, expected, is_reached=is_reached):
        for key in (case.credential.api_key, case.credential.app_key):
            problem = problem.replace(key, "[key]")
        problem = " ".join(problem.split())
        raise SubjectError(f"{subject.name} cannot be tested: {problem}")
    return exchange


def problem_of(
    exchange: ClientExchange, targets: list[str], expected: str, *, is_reached: bool
) -> str:
    outcome, requests = exchange.outcome, exchange.requests
    if any(request.body.startswith(HTTP_2) for request in requests):
        return "it speaks HTTP/2 only, HTTP/1.1 is what is supported here"
    if outcome.kind is OutcomeKind.CRASHED and outcome.type in NO_PROTOCOL:
        return f"its first update: {outcome.message}; {expected}"
    is_nothing = outcome.kind is OutcomeKind.SNAPSHOT and outcome.snapshot is None
    if is_nothing and expected == EXPECTED_HERE:
        return f"its first update returned no snapshot: None; {expected}"
    if requests:
        return ""
    reported = f"It reported {outcome.summary}"
    if outcome.message:
        reported += f": {excerpt(outcome.message)}"
    if targets and not is_reached:
        tried = ", ".join(dict.fromkeys(targets))
        return f"it tried to reach {tried}, past the proxy. {reported}. {REMEDY}"
    if outcome.kind in JUDGED:
        return ""
    if not is_reached:
        return f"no byte reached the sites. {reported}. {REMEDY}"
    return f"{NO_TRUST}. {reported}" if outcome.kind is OutcomeKind.FAILED else ""
