"""A run whose subject repeats every secret: none gets out, by whatever way."""

from pathlib import Path

import pytest

from contract.cli import main
from contract.redaction import Redactor, scan
from contract.sandbox import serving
from tests.unit.echoing import (
    KEYS,
    EchoingSandbox,
    environment,
    leaks_in,
    repeated,
    texts_of,
)

FEW_FORMS = ("plain", "JSON", "URL", "Base64 + 1")
SCENARIOS = ("valid-bodies", "keys", "snapshot-ids", "repeats")
OUTPUTS = {
    "stdout",
    "step.md",
    "v.json",
    "report/index.html",
    "report/verdict.json",
    "report/junit.xml",
    "report/summary.md",
    ".contract/verdict.json",
}


@pytest.fixture
def keys(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, value in environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "step.md")
    return elsewhere


def outputs_of(
    directory: Path,
    capsys: pytest.CaptureFixture[str],
    sandbox: EchoingSandbox,
    *words: str,
    status: int = 1,
) -> dict[str, str]:
    """Return all that a run of the command line prints and writes."""
    names = [word for name in SCENARIOS for word in ("--scenario", name)]
    words = ("--profile", "quick", "--verbose", "--report", "report", *words)
    with serving(sandbox) as url:
        assert main(["service", url, *words, "--json", "v.json", *names]) == status
    output = capsys.readouterr()
    return texts_of(directory) | {"stdout": output.out, "stderr": output.err}


def test_no_way_out_of_the_command_line_shows_a_secret(
    keys: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = outputs_of(keys, capsys, EchoingSandbox(repeated(FEW_FORMS)))
    assert outputs.keys() >= OUTPUTS
    assert leaks_in(outputs) == set()
    assert scan([keys], KEYS) == []
    assert "[DD_API_KEY]" in outputs["stdout"]


def test_each_way_out_has_words_of_the_service(
    keys: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Redactor, "_redacted", lambda self, text: text)
    monkeypatch.setattr(Redactor, "secrets_in", lambda self, data: [])
    outputs = outputs_of(keys, capsys, EchoingSandbox(repeated(["plain"])))
    assert leaks_in(outputs) >= OUTPUTS
