"""Drift: the page, published documents and recordings, compared with the spec.

    witness ──> facts ──> compare with the spec's facts ──> Drift

`facts` is the common language. `page`, `operation` and `recordings` translate a witness
into it. `compare` finds the differences and whom each breaks, and shows them.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from contract.drift.compare import (
    KINDS,
    Contradiction,
    Difference,
    Drift,
    Row,
    Witness,
    differences,
)
from contract.drift.facts import EXISTENCE, Fact, Facts, Value
from contract.drift.operation import facts_of_openapi, facts_of_spec
from contract.drift.page import facts_of_page
from contract.drift.recordings import facts_of_recordings
from contract.drift.sources import read_source, upstream, without_credentials
from contract.errors import UsageError
from contract.spec import Spec

__all__ = ["KINDS", "Drift", "drift"]


def drift(
    pages: Sequence[str],
    openapis: Sequence[str],
    recordings: Sequence[Path],
    spec: Spec,
) -> Drift:
    """Compare witnesses with the spec.

    A page (Markdown) or an OpenAPI document (YAML or JSON) is a file or an address. The
    document `upstream` is the newest one of the official Python SDK. Recordings
    (directories of VCR cassettes) are compared with the spec and its overlay. Sentences
    are compared between witnesses only, since the spec has its own.

    Raises SpecError for a witness that cannot be read, SubjectError for one that cannot
    be reached, and UsageError for a directory of something else, or without a witness.
    """
    base = facts_of_spec(spec)
    observed = facts_of_spec(spec, observed=True)
    witnesses: dict[Witness, Facts] = {}
    items: list[Difference] = []
    contradictions: list[Contradiction] = []
    texts: dict[Fact, tuple[str, Value]] = {}
    numbers = Counter[str]()
    for kind, source, facts in read_all(pages, openapis, recordings, spec, observed):
        numbers[kind] += 1
        name = f"{kind} {numbers[kind]}" if numbers[kind] > 1 else kind
        witnesses[Witness(name, source, len(facts.values))] = facts
        items += differences(observed if kind == "recordings" else base, facts, name)
        for fact, text in facts.values.items():
            if fact.aspect == "text":
                first, old = texts.setdefault(fact, (name, text))
                if old != text:
                    items.append(Difference("editorial", fact, name, first, old, text))
        contradictions += [Contradiction(name, *item) for item in facts.contradictions]
    if not witnesses:
        options = "--page, --openapi or --recordings"
        raise UsageError(f"nothing to compare with the spec: give {options}")
    return Drift(
        tuple(witnesses),
        tuple(rows_of(base, observed, witnesses)),
        tuple(sorted(items, key=lambda item: KINDS.index(item.kind))),
        tuple(contradictions),
    )


def read_all(
    pages: Sequence[str],
    openapis: Sequence[str],
    recordings: Sequence[Path],
    spec: Spec,
    observed: Facts,
) -> Iterator[tuple[str, str, Facts]]:
    for address in pages:
        source = without_credentials(address)
        yield "page", source, facts_of_page(source, read_source(address))
    for address in openapis:
        if address == "upstream":
            version, content = upstream()
            kind, source = address, f"datadog-api-client {version}"
        else:
            kind, source = "openapi", without_credentials(address)
            content = read_source(address)
        yield kind, source, facts_of_openapi(source, content, spec)
    for directory in recordings:
        facts = facts_of_recordings(directory, spec, observed)
        yield "recordings", str(directory), facts


def rows_of(
    base: Facts, observed: Facts, witnesses: dict[Witness, Facts]
) -> Iterator[Row]:
    every = (base, observed, *witnesses.values())
    statements = chain.from_iterable(facts.values for facts in every)
    for fact in dict.fromkeys(statements):
        is_own = fact in observed.values and fact not in base.values
        spec = observed.values[fact] if is_own else base.get(fact)
        if is_own and fact.aspect in EXISTENCE:
            spec = "observed"  # only recordings can confirm it
        values = {}
        for witness, facts in witnesses.items():
            value = facts.values.get(fact) if is_own else facts.get(fact)
            if value is not None:
                values[witness.name] = value
        if values:
            yield Row(fact, spec, values)
