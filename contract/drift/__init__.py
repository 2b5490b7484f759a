"""Drift: the page, published documents and recordings, compared with the spec.

    witness ──> facts ──> compare with the spec's facts ──> Drift

`facts` is the common language. `page`, `operation` and `recordings` translate a witness
into it. `compare` finds the differences and whom each breaks, `report` shows them.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from contract.drift.compare import KINDS, Difference, differences
from contract.drift.facts import EXISTENCE, Fact, Facts
from contract.drift.fetch import read_source, without_credentials
from contract.drift.operation import facts_of_openapi, facts_of_spec
from contract.drift.page import facts_of_page
from contract.drift.recordings import facts_of_recordings
from contract.drift.report import Contradiction, Drift, Row, Witness
from contract.drift.upstream import upstream
from contract.errors import UsageError
from contract.spec import Spec
from contract.spec.text import text_of

__all__ = [
    "KINDS",
    "Contradiction",
    "Difference",
    "Drift",
    "Fact",
    "Row",
    "Witness",
    "drift",
]

UPSTREAM, RECORDINGS = "upstream", "recordings"


def drift(
    pages: Sequence[str],
    openapis: Sequence[str],
    recordings: Sequence[Path],
    spec: Spec,
) -> Drift:
    """Compare witnesses with the spec.

    A page (Markdown) or an OpenAPI document (YAML or JSON) is a file or an address. The
    document `upstream` is the newest one of the official Python SDK. Recordings,
    directories of VCR cassettes, are compared with the spec and its overlay. Sentences
    are compared between witnesses only, since the spec has its own.

    Raises UsageError without a witness, SpecError for one that cannot be read, and
    SubjectError for one that cannot be reached.
    """
    base, observed = facts_of_spec(spec), facts_of_spec(spec, observed=True)
    witnesses: list[Witness] = []
    all_facts: list[Facts] = []
    items: list[Difference] = []
    for kind, source, facts in _read(pages, openapis, recordings, spec, observed):
        same = sum(witness.name.split()[0] == kind for witness in witnesses)
        name = f"{kind} {same + 1}" if same else kind
        items += differences(observed if kind == RECORDINGS else base, facts, name)
        witnesses.append(Witness(name, source, len(facts.values)))
        all_facts.append(facts)
    if not witnesses:
        options = "--page, --openapi or --recordings"
        raise UsageError(f"nothing to compare with the spec: give {options}")
    items += _texts(witnesses, all_facts)
    return Drift(
        tuple(witnesses),
        tuple(_rows(base, observed, all_facts)),
        tuple(sorted(items, key=lambda item: KINDS.index(item.kind))),
        tuple(
            Contradiction(witness.name, *item)
            for witness, facts in zip(witnesses, all_facts, strict=True)
            for item in facts.contradictions
        ),
    )


def _read(
    pages: Sequence[str],
    openapis: Sequence[str],
    recordings: Sequence[Path],
    spec: Spec,
    observed: Facts,
) -> Iterator[tuple[str, str, Facts]]:
    """Yield kind, source and facts of every witness."""
    for address in pages:
        source = without_credentials(address)
        text = text_of(source, read_source(address))
        yield "page", source, facts_of_page(source, text)
    for address in openapis:
        if address == UPSTREAM:
            kind, (version, content) = UPSTREAM, upstream()
            source = f"datadog-api-client {version}"
        else:
            kind, content = "openapi", read_source(address)
            source = without_credentials(address)
        yield kind, source, facts_of_openapi(source, content, spec)
    for directory in recordings:
        facts = facts_of_recordings(directory, spec, observed)
        yield RECORDINGS, str(directory), facts


def _texts(
    witnesses: list[Witness],
    all_facts: list[Facts],
) -> Iterator[Difference]:
    """Compare the sentences of witnesses with the first one that has them."""
    first: dict[Fact, tuple[str, str]] = {}
    for witness, facts in zip(witnesses, all_facts, strict=True):
        for fact, text in facts.values.items():
            if fact.aspect == "text":
                against, old = first.setdefault(fact, (witness.name, str(text)))
                if old != text:
                    names = (witness.name, against)
                    yield Difference("editorial", fact, *names, old, text)


def _rows(
    base: Facts,
    observed: Facts,
    witnesses: list[Facts],
) -> Iterator[Row]:
    """Yield every fact about which a witness says something."""
    every = (base, observed, *witnesses)
    for fact in dict.fromkeys(fact for facts in every for fact in facts.values):
        values = tuple(facts.get(fact) for facts in witnesses)
        expected = base.get(fact)
        if fact in observed.values and fact not in base.values:
            # the overlay's own facts, which only recordings can confirm
            values = tuple(facts.values.get(fact) for facts in witnesses)
            expected = observed.values[fact]
            if fact.aspect in EXISTENCE:
                expected = "observed"
        if any(value is not None for value in values):
            yield Row(fact, expected, values)
