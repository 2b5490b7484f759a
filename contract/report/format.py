"""What every form of a report says in words: a breach explained, how to see it again, and no key in any of it."""

import base64
import json
import shlex
from functools import lru_cache
from itertools import zip_longest
from urllib.parse import quote

from contract.cases.placeholders import KEYS
from contract.cases.stateful import is_of_sequence
from contract.engine.verdict import Verdict
from contract.model import Breach, Case, Exchange, Response
from contract.spec import Spec

__all__ = [
    "again",
    "answered",
    "by_reason",
    "curl",
    "curl_of",
    "cut",
    "explain",
    "remarks",
    "seen",
    "sent",
    "shares",
    "state",
    "summed_up",
    "told",
    "visible",
    "without_keys",
]

SHOWN_TEXT = 200
"""So many characters of a text are shown where it is one of many."""

_OF_CURL = {
    "content-length",
    "host",
    "connection",
    "accept-encoding",
    "transfer-encoding",
}
"""Headers that curl writes itself."""

_LEAST_PIECE = 12


def without_keys(text: str, exchange: Exchange) -> str:
    """Return a text in which both keys are replaced: whole, in parts of letters and digits, and encoded."""
    for secret, name in _secrets(exchange.keys):
        text = text.replace(secret, name)
    return text


@lru_cache(maxsize=64)
def _secrets(keys: tuple[str, str]) -> list[tuple[str, str]]:
    found: dict[str, str] = {}
    for key, name in zip(keys, ("[api key]", "[app key]"), strict=True):
        pieces = "".join(char if char.isprintable() else "\n" for char in key).split(
            "\n"
        )
        pieces += "".join(char if char.isalnum() else "\n" for char in key).split(
            "\n"
        )  # a URL cuts one at "#"
        for piece in [key, *(piece for piece in pieces if len(piece) >= _LEAST_PIECE)]:
            encoded = (
                base64.b64encode(piece.encode("utf-8", "surrogatepass")).decode()
                if piece
                else ""
            )
            for form in (
                piece,
                quote(piece, safe="", errors="replace"),
                json.dumps(piece)[1:-1],
                encoded,
            ):
                found.setdefault(form, name)
    return sorted(
        ((form, name) for form, name in found.items() if form),
        key=lambda each: -len(each[0]),
    )


def visible(text: str) -> str:
    """Return the text with what a terminal or a browser would obey, and what cannot be written, escaped."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode()
        for char in text
    )


def cut(text: str) -> str:
    """Return the beginning of a text, and how long it is."""
    return (
        text
        if len(text) <= SHOWN_TEXT
        else f"{text[:SHOWN_TEXT]}… ({len(text)} characters)"
    )


def curl(case: Case, spec: Spec) -> str:
    """Return a command line that sends what the case asks; the keys are those of the environment."""
    try:
        segment = quote(case.snapshot_id, safe="")
    except UnicodeEncodeError:
        segment = "(no path can hold this id)"
    api, app = spec.auth_headers
    url = spec.url(case.site) + spec.path.replace("{snapshot_id}", segment)
    body = json.dumps(case.body, separators=(",", ":"))
    return (
        f"curl -X {spec.method} {shlex.quote(url)} -H 'Content-Type: application/json' "
        f'-H "{api}: $DD_API_KEY" -H "{app}: $DD_APP_KEY" -d {shlex.quote(body)}'
    )


def curl_of(breach: Breach, spec: Spec) -> str:
    """Return a command line for a breach: what the case asks of a client, what was really sent to a service."""
    exchange = breach.exchange
    if not breach.clause.startswith("S-") or not exchange.requests:
        return curl(exchange.case, spec)
    request, known = exchange.requests[-1], {name.lower() for name in spec.auth_headers}
    heads = [
        f"{name}: {value}"
        for name, value in request.headers
        if name.lower() not in known | _OF_CURL
    ]
    if request.header("Content-Type") is None:
        heads.append("Content-Type:")  # or curl adds one of its own
    words = [
        f"curl -X {shlex.quote(request.method)} {shlex.quote(visible(request.url))} --path-as-is"
    ]
    words += [f"-H {shlex.quote(visible(head))}" for head in heads]
    names = (
        ("DD_API_KEY", "DD_APP_KEY"),
        ("CONTRACT_OTHER_API_KEY", "CONTRACT_OTHER_APP_KEY"),
        ("wrong", "wrong"),
    )
    for name, values in zip(
        spec.auth_headers,
        KEYS.get(exchange.case.keys, KEYS["own"])(*names),
        strict=True,
    ):
        for value in values:
            shown = (
                f"${value}"
                if value in (*names[0], *names[1])
                else value
                if value in ("", "wrong")
                else "(a variant)"
            )
            words.append(f'-H "{name}: {shown}"' if shown else f'-H "{name};"')
    try:
        text = request.body.decode()
    except UnicodeDecodeError:
        text = "\0"
    if text.isprintable():
        return " ".join(
            [*words, f"--data-raw {shlex.quote(text)}" if text else ""]
        ).strip()
    return " ".join(
        [
            f"echo {base64.b64encode(request.body).decode()} | base64 -d |",
            *words,
            "--data-binary @-",
        ]
    )


def again(breach: Breach, verdict: Verdict) -> str:
    """Return the command line that shows a breach again: plays its case, or all of a run that says no less."""
    case = breach.exchange.case
    where = verdict.arguments
    if breach.clause.startswith("C-"):
        if where.startswith(" --example "):  # which `contract replay` does not take
            return f"contract client --clause {breach.clause}{where}"
    elif is_of_sequence(case) or (where and not where.startswith(" --service ")):
        # a step says little without those before it, and `contract replay` takes a URL alone
        rules = f"--clause {breach.clause} --scenario {case.scenario} --profile {verdict.profile} --seed {verdict.seed}"
        return f"contract service {rules}{where.replace(' --service ', ' ')}"
    return f"contract replay {case.id}{where}"


def explain(breach: Breach, verdict: Verdict) -> str:
    """Return what is wrong, where, and how to see it again, a line each; no key is in it."""
    exchange = breach.exchange
    case = exchange.case
    lines = [
        f"{breach.clause} ({breach.level}) {verdict.statement(breach.clause)}",
        f"wrong    {breach.message}",
    ]
    if breach.pointer:
        lines.append(f"pointer  {breach.pointer}")
    asked = (
        f"; retry {case.retry}, time-out {case.timeout_s:g} s"
        if case.retry or case.timeout_s < 1
        else ""
    )
    lines += [
        f"case     {case.scenario}: {case.kinds[0]}{asked}",
        f"asked    id {cut(case.snapshot_id)!r}, keys {case.keys!r}, body {cut(json.dumps(case.body))}",
    ]
    for request, answer in zip_longest(exchange.requests, exchange.responses):
        if request is not None:
            lines.append(
                f"sent     {sent(request.method, request.url, request.body, exchange)}"
            )
        if answer is not None:
            lines.append(f"answered {answered(answer, exchange)}")
    if not exchange.requests:
        lines.append("sent     nothing")
    lines += [
        f"told     {told(exchange)}",
        f"seen     {seen(breach)}; fingerprint {breach.fingerprint}{', accepted' if breach.accepted else ''}",
        f"again    {again(breach, verdict)}    # profile {verdict.profile}, seed {verdict.seed}",
    ]
    return "\n  ".join(visible(without_keys(line, exchange)) for line in lines)


def seen(breach: Breach) -> str:
    """Return how often a breach was seen, where, and whether it came again when it was tried again."""
    again_ = f"; tried again: {breach.confirmed}" if breach.confirmed else ""
    return f"{breach.count} times on {', '.join(breach.sites)}{again_}"


def sent(method: str, url: str, body: bytes, exchange: Exchange) -> str:
    """Return a request in one line; keys go before anything is cut, lest half of one stays."""
    text = without_keys(body.decode(errors="replace"), exchange)
    return f"{method} {cut(without_keys(url, exchange))} {cut(text)}"


def answered(answer: Response, exchange: Exchange) -> str:
    """Return an answer in one line."""
    how = "" if answer.delivery == "whole" else f" ({answer.delivery})"
    media = answer.header("Content-Type") or "no Content-Type"
    return f"{answer.status}{how} {media}: {cut(without_keys(answer.body.decode(errors='replace'), exchange))}"


def told(exchange: Exchange) -> str:
    """Return in one line what the caller was told."""
    outcome = exchange.outcome
    parts = [
        outcome.kind,
        str(outcome.status or ""),
        outcome.type,
        outcome.message,
        *outcome.errors[:3],
    ]
    if outcome.kind == "snapshot":
        parts.append(json.dumps(outcome.snapshot, ensure_ascii=False))
    return cut(without_keys(" ".join(part for part in parts if part), exchange))


def state(verdict: Verdict, clause_id: str, *sites: str) -> tuple[str, int, int]:
    """Return the state of a clause, how many breaches are new and how many accepted; on these sites, or on all.

    The state is `broken`, `should` (a `should` is), `accepted`, `holds` or `not judged`.
    """
    mine = [each for each in verdict.breaches.values() if each.clause == clause_id]
    found = [
        each for each in mine if not sites or not set(sites).isdisjoint(each.sites)
    ]
    new = [each for each in found if not each.accepted]
    worst = (
        "broken"
        if any(each.level == "must" for each in new)
        else "should"
        if new
        else ""
    )
    word = worst or ("accepted" if found else "holds")
    judged = (
        any(verdict.judged_on[clause_id, site] for site in sites)
        if sites
        else verdict.judged[clause_id]
    )
    return word if judged else "not judged", len(new), len(found) - len(new)


def shares(verdict: Verdict, name: str) -> tuple[int, int, int]:
    """Return how many keywords of a schema were satisfied, how many broken, and how many there are."""
    (satisfied, keywords), (broken, _) = (
        verdict.coverage.share(name, way) for way in ("satisfied", "broken")
    )
    return satisfied, broken, keywords


def by_reason(verdict: Verdict) -> dict[str, list[str]]:
    """Return the clauses that were not judged, by the reason."""
    reasons: dict[str, list[str]] = {}
    for name, reason in verdict.not_judged.items():
        reasons.setdefault(reason, []).append(name)
    return reasons


def remarks(verdict: Verdict) -> list[str]:
    """Return what else is to be known of the run, a line each."""
    found = (
        [f"{verdict.share:.1%} of what was planned has been played"]
        if verdict.share < 1
        else []
    )
    found += (
        [f"left behind, remove by hand: {', '.join(verdict.left)}"]
        if verdict.left
        else []
    )
    found += [f"changed since the run before: {each}" for each in verdict.changes]
    return found + [
        f"accepted, but not seen any more (prune it): {each}" for each in verdict.pruned
    ]


def summed_up(verdict: Verdict) -> str:
    """Return the run in one line."""
    return (
        f"{verdict.name} {verdict.version}".strip()
        + f", {len(verdict.cases)} cases, {verdict.exchanges} exchanges on "
        f"{len(verdict.sites)} site{'s' * (len(verdict.sites) != 1)} in {verdict.seconds:.1f} s, "
        f"profile {verdict.profile}, seed {verdict.seed}"
    )
