"""Whether the contract has moved: its documentation page, published OpenAPI document and recordings against the spec.

    witness ──> facts ──> compare with the spec's facts ──> Drift

`facts` is the common language; `page` (with `markdown`), `openapi` (with `text`, `operation`, `normal`), `upstream` and
`recordings` each translate one kind of witness into it; `compare` says what differs and whom that breaks; `result`
shows it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from contract.drift.compare import KINDS, Difference, differences
from contract.drift.facts import EXISTENCE, Contradiction, Fact, Facts
from contract.drift.fetch import read_source, without_credentials
from contract.drift.openapi import facts_of_openapi
from contract.drift.operation import facts_of_spec
from contract.drift.page import facts_of_page
from contract.drift.recordings import facts_of_recordings
from contract.drift.report import Drift, Row, Witness
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

    A page (Markdown) or an OpenAPI document (YAML or JSON) is a file or an `http(s)://` address; the OpenAPI document
    `upstream` is the newest one that the official Python SDK's source package carries. Recordings, directories
    of VCR cassettes, are compared with the spec and its overlay. Sentences are compared between witnesses only, with
    the first that has one: the spec has its own.

    Raises UsageError where there is no witness, SpecError where one cannot be read, SubjectError where it
    cannot be reached (exit status 2).
    """
    base, observed = facts_of_spec(spec), facts_of_spec(spec, observed=True)
    read: list[tuple[Witness, Facts]] = []
    found: list[Difference] = []
    for kind, source, facts in _witnesses(pages, openapis, recordings, spec, observed):
        same = sum(each.name.split()[0] == kind for each, _ in read)
        name = f"{kind} {same + 1}" if same else kind
        found += differences(observed if kind == RECORDINGS else base, facts, name)
        doubts = tuple(replace(each, witness=name) for each in facts.contradictions)
        read.append(
            (
                Witness(name, source, len(facts.values)),
                replace(facts, contradictions=doubts),
            )
        )
    if not read:
        raise UsageError(
            "nothing to compare with the spec: give --page, --openapi or --recordings"
        )
    found += _texts(read)
    return Drift(
        tuple(witness for witness, _ in read),
        tuple(_rows(base, observed, [facts for _, facts in read])),
        tuple(sorted(found, key=lambda each: KINDS.index(each.kind))),
        tuple(each for _, facts in read for each in facts.contradictions),
    )


def _witnesses(
    pages: Sequence[str],
    openapis: Sequence[str],
    recordings: Sequence[Path],
    spec: Spec,
    observed: Facts,
) -> Iterator[tuple[str, str, Facts]]:
    """Yield kind, source and facts."""
    for source in pages:
        shown = without_credentials(source)
        yield "page", shown, facts_of_page(shown, text_of(shown, read_source(source)))
    for source in openapis:
        if source == UPSTREAM:
            version, content = upstream()
            shown = f"datadog-api-client {version}"
            yield UPSTREAM, shown, facts_of_openapi(shown, content, spec)
        else:
            shown = without_credentials(source)
            yield "openapi", shown, facts_of_openapi(shown, read_source(source), spec)
    for directory in recordings:
        yield RECORDINGS, str(directory), facts_of_recordings(directory, spec, observed)


def _texts(read: list[tuple[Witness, Facts]]) -> Iterator[Difference]:
    first: dict[Fact, tuple[str, object]] = {}
    for witness, facts in read:
        for fact, value in facts.values.items():
            if fact.aspect == "text":
                against, old = first.setdefault(fact, (witness.name, value))
                if old != value:
                    yield Difference(
                        "editorial", fact, witness.name, against, str(old), value
                    )


def _rows(base: Facts, observed: Facts, witnesses: list[Facts]) -> Iterator[Row]:
    """Yield every fact of which a witness says something."""
    for fact in dict.fromkeys(
        fact for facts in (base, observed, *witnesses) for fact in facts.values
    ):
        values = tuple(facts.get(fact) for facts in witnesses)
        if fact in base.values or fact not in observed.values:
            said = base.get(fact)
        else:  # only recordings know it
            said = "observed" if fact.aspect in EXISTENCE else observed.values[fact]
            values = tuple(facts.values.get(fact) for facts in witnesses)
        if any(each is not None for each in values):
            yield Row(fact, said, values)
