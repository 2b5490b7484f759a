"""The first line of a run: what is judged."""

import json
import shlex
from pathlib import Path

import pytest

from contract.cli import main
from contract.runs.services import without_login

pytestmark = pytest.mark.usefixtures("elsewhere")

Capture = pytest.CaptureFixture[str]
QUICK = ("--profile", "quick")
CLIENT = "class make:\n    def update(self, call):\n        raise OSError(call.site)\n"


@pytest.mark.parametrize(
    ("arguments", "subject"),
    [
        ("client --scenario keys", "the minimal client of this package"),
        ("service --scenario keys", "the embedded sandbox of this package"),
        (
            "check --scenario keys",
            "the minimal client of this package and the embedded sandbox of this "
            "package",
        ),
        (
            "client --scenario keys --python named_clients:make",
            "the client --python named_clients:make",
        ),
        ("replay keys/plain", "the minimal client of this package"),
    ],
    ids=["client", "service", "check", "own client", "replay"],
)
def test_the_first_line_names_what_is_judged(
    arguments: str,
    subject: str,
    capsys: Capture,
    elsewhere: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.syspath_prepend(elsewhere)
    (elsewhere / "named_clients.py").write_text(CLIENT)
    words = shlex.split(arguments)
    main(words if words[0] == "replay" else [*words, *QUICK])
    assert capsys.readouterr().out.split("\n")[0] == f"judging {subject}"


def test_with_json_on_standard_output_the_first_line_is_on_standard_error(
    capsys: Capture,
) -> None:
    assert main(["client", *QUICK, "--scenario", "certificates", "--json", "-"]) == 0
    captured = capsys.readouterr()
    assert captured.err == "judging the minimal client of this package\n"
    assert json.loads(captured.out)["scope"] == "each kind on one site"


def test_a_url_is_named_without_its_secrets() -> None:
    url = f"https://{'me:word'}@example.com/a?token=word"
    assert without_login(url) == "https://example.com/a"
