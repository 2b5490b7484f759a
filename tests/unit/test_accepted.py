"""The accepted files of the checkout: every entry is explained and names a real cause."""

from pathlib import Path

import pytest

from contract.clauses import CLIENT_CLAUSES
from contract.engine.baseline import read_baseline

FILES = sorted((Path(__file__).parents[2] / "spec" / "accepted").glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_committed_file_can_be_read_and_every_entry_has_a_reason(path: Path) -> None:
    entries = read_baseline(path).entries
    assert entries
    assert all(entry.reason for entry in entries)
    assert {entry.clause for entry in entries} <= {c.id for c in CLIENT_CLAUSES}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_entry_of_a_committed_file_has_at_most_twelve_lines(path: Path) -> None:
    entries = path.read_text().split("\n- ")[1:]
    assert entries
    assert max(len(entry.rstrip().splitlines()) for entry in entries) <= 12
