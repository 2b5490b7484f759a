"""Exchanges and verdicts without secrets, persons and organizations."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any

from contract.clauses import context_of
from contract.clauses.base import Clause
from contract.engine.verdict import Verdict
from contract.model import (
    Breach,
    Finding,
    Headers,
    Label,
    Placeholder,
    Request,
    Response,
    ServiceExchange,
    Violation,
)
from contract.redaction import Redactor
from contract.spec import Spec

OWN_WORDS = (Enum, Label, Placeholder, Violation)
"""Types with words of the suite only."""

TEXTS = ("name", "version", "interrupted", "skipped", "reasons", "leftovers")
"""Fields of a verdict with texts of others."""


def redacted_verdict(verdict: Verdict, redactor: Redactor, spec: Spec) -> Verdict:
    """Return the verdict of a service with stand-ins for secrets and persons.

    No report of it can show a secret, even if it cuts texts.
    """
    texts = {name: redacted(getattr(verdict, name), redactor) for name in TEXTS}
    notes = {
        (clause_id, redactor.text(note)): count
        for (clause_id, note), count in verdict.notes.items()
    }
    breaches = [redacted_breach(b, verdict, redactor, spec) for b in verdict.breaches]
    parts = [redacted_verdict(part, redactor, spec) for part in verdict.parts]
    return replace(
        verdict, **texts, notes=notes, breaches=tuple(breaches), parts=tuple(parts)
    )


def redacted_breach(
    breach: Breach, verdict: Verdict, redactor: Redactor, spec: Spec
) -> Breach:
    """Return a breach with a redacted example, and the message for that.

    A message may hold a part of a secret, which the redactor would not find.
    """
    example = redacted(breach.example, redactor)
    messages = (
        finding.message
        for clause in verdict.clauses
        if clause.id == breach.clause_id and isinstance(clause, Clause)
        for finding in clause.check(context_of(example, spec))
        if isinstance(finding, Finding)
        if (finding.rule.name, finding.place) == (breach.rule.name, breach.place)
    )
    message = next(messages, redactor.text(breach.message))
    return replace(breach, example=example, message=message)


def redacted(value: Any, redactor: Redactor) -> Any:
    """Return an exchange, or a part of one, with the same stand-ins throughout.

    Clauses find in it what they find in the original. The names that the suite itself
    has for a case stay.
    """
    match value:
        case str() if not isinstance(value, Enum):
            return redactor.text(value)
        case bytes():
            return redactor.bytes(value)
        case tuple():
            return tuple(redacted(item, redactor) for item in value)
        case Mapping() if any(isinstance(key, Placeholder) for key in value):
            return {key: redacted(value[key], redactor) for key in value}
        case list() | Mapping():
            return redactor.json(value)
    if not is_dataclass(value) or isinstance(value, (type, *OWN_WORDS)):
        return value
    members = {
        f.name: redacted(getattr(value, f.name), redactor) for f in fields(value)
    }
    match value:
        case Request() | Response():
            headers = tuple((name, redactor.value(v)) for name, v in value.headers)
            members["headers"] = resized(headers, value.body, members["body"])
        case ServiceExchange():
            members["keys"] = tuple(map(redactor.value, value.keys))
    return replace(value, **members)


def resized(headers: Headers, old: bytes, new: bytes) -> Headers:
    """Return headers in which a Content-Length that was right is right again."""
    was = "content-length", str(len(old))
    return tuple(
        (name, str(len(new)) if (name.lower(), value) == was else value)
        for name, value in headers
    )
