"""An exchange, and a verdict, without what names a secret, a person or an organization."""

from collections import Counter
from dataclasses import replace

from contract.engine.verdict import Verdict
from contract.model import Breach, Exchange, Headers, Request, Response, Rows
from contract.redaction import Redactor
from contract.spec import Spec

__all__ = ["redacted", "redacted_verdict"]


def redacted_verdict(verdict: Verdict, redactor: Redactor, spec: Spec) -> Verdict:
    """Return the verdict with redacted exchanges, so that no report, whatever it cuts short, can show a secret.

    What a breach says is said again of the redacted exchange: a message may hold the beginning of a secret, which
    could not be found in it.
    """
    text = redactor.text
    return replace(
        verdict,
        name=text(verdict.name),
        version=text(verdict.version),
        sites=tuple(map(text, verdict.sites)),
        interrupted=text(verdict.interrupted),
        breaches={
            name: _breach(each, verdict, redactor, spec)
            for name, each in verdict.breaches.items()
        },
        notes=Counter(
            {(name, text(said)): count for (name, said), count in verdict.notes.items()}
        ),
        unplayed={name: text(reason) for name, reason in verdict.unplayed.items()},
        reasons={name: text(reason) for name, reason in verdict.reasons.items()},
        parts=[redacted_verdict(part, redactor, spec) for part in verdict.parts],
    )


def _breach(breach: Breach, verdict: Verdict, redactor: Redactor, spec: Spec) -> Breach:
    exchange = redacted(breach.exchange, redactor)
    if breach.exchange.reference is not None:
        exchange = replace(
            exchange, reference=redacted(breach.exchange.reference, redactor)
        )
    judge = next(
        clause.judge for clause in verdict.clauses if clause.id == breach.clause
    )
    said = [
        problem.message
        for problem in judge(exchange, spec) or []
        if problem.pointer == breach.pointer
    ]
    message = said[0] if said else redactor.text(breach.message)
    return replace(
        breach,
        exchange=exchange,
        message=message,
        sites=[redactor.text(site) for site in breach.sites],
    )


def redacted(exchange: Exchange, redactor: Redactor) -> Exchange:
    """Return the exchange with stand-ins, the same ones throughout, so that clauses judge it as they did.

    Times are left out. What our own cases say of themselves (scenario, kinds, violation, the name of the keys) stays.
    """
    case, text = exchange.case, redactor.text
    wire = case.override
    if wire is not None:
        wire = replace(
            wire,
            body=None if wire.body is None else redactor.bytes(wire.body),
            headers=_headers(wire.headers, redactor),
            path=None if wire.path is None else text(wire.path),
        )
    outcome = exchange.outcome
    return Exchange(
        replace(
            case,
            snapshot_id=text(case.snapshot_id),
            body=redactor.json(case.body),
            site=text(case.site),
            responses=tuple(_answer(each, redactor) for each in case.responses),
            override=wire,
        ),
        tuple(_request(each, redactor) for each in exchange.requests),
        tuple(
            None if each is None else _answer(each, redactor)
            for each in exchange.responses
        ),
        replace(
            outcome,
            snapshot=redactor.json(outcome.snapshot),
            errors=tuple(map(text, outcome.errors)),
            message=text(outcome.message),
            output=text(outcome.output),
            stray=text(outcome.stray),
            seconds=0.0,
        ),
        (text(exchange.keys[0]), text(exchange.keys[1])),
        None,
        _rows(exchange.before, redactor),
        _rows(exchange.after, redactor),
        {name: text(value) for name, value in exchange.ids.items()},
    )


def _rows(rows: Rows | None, redactor: Redactor) -> Rows | None:
    return (
        None
        if rows is None
        else {redactor.text(name): redactor.json(row) for name, row in rows.items()}
    )


def _headers(headers: Headers, redactor: Redactor) -> Headers:
    return tuple((redactor.text(name), redactor.text(value)) for name, value in headers)


def _request(request: Request, redactor: Redactor) -> Request:
    body = redactor.bytes(request.body)
    headers = _resized(_headers(request.headers, redactor), request.body, body)
    return Request(request.method, redactor.text(request.url), headers, body)


def _answer(answer: Response, redactor: Redactor) -> Response:
    body = redactor.bytes(answer.body)
    return replace(
        answer,
        headers=_resized(_headers(answer.headers, redactor), answer.body, body),
        body=body,
    )


def _resized(headers: Headers, old: bytes, new: bytes) -> Headers:
    """Let a Content-Length that was right be right again."""
    if len(old) == len(new):
        return headers
    was, now = str(len(old)), str(len(new))
    return tuple(
        (name, now if name.lower() == "content-length" and value == was else value)
        for name, value in headers
    )
