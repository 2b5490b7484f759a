"""Every command that the README shows is one that the suite understands; the quick ones are run."""

import re
import shlex
from pathlib import Path

import click
import pytest

from contract.cli import main
from contract.cli.base import cli

TEXT = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
SHOWN = sorted(set(re.findall(r"`(contract [a-z][^`]*)`", TEXT)))
RUN = [each for each in SHOWN if each.startswith("contract list ")]


def test_commands_are_found() -> None:
    assert len(SHOWN) >= 12
    assert RUN


@pytest.mark.parametrize("line", SHOWN)
def test_a_command_is_understood(line: str) -> None:
    words = shlex.split(line.replace("COMMAND", "check"))[1:]
    if words == ["check", "--help"]:
        assert main(words) == 0
        return
    name, *rest = words
    command = cli.get_command(click.Context(cli), name)
    assert command is not None, f"no command {name}"
    command.make_context(name, list(rest), resilient_parsing=False)


@pytest.mark.parametrize("line", RUN)
def test_a_quick_command_is_run(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(shlex.split(line)[1:]) == 0
    assert capsys.readouterr().out


def test_the_two_commands_set_up_everything_themselves() -> None:
    lines = [line.strip() for line in TEXT.splitlines() if line.startswith("    python3 -m venv")]
    setup = "python3 -m venv .venv && .venv/bin/pip install -q -e '.[test]' && .venv/bin/"
    assert lines == [f"{setup}contract check", f"{setup}pytest -n 2"]


def test_the_python_example_is_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = re.search(r"^    import contract\n(?:    .*\n|\n)+", TEXT, re.MULTILINE)
    assert code
    source = "\n".join(line[4:] for line in code[0].splitlines()).replace("our_client.testing", "our_readme_client")
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "our_readme_client.py").write_text(
        "def factory():\n"
        "    class Broken:\n"
        "        def update(self, asked):\n"
        "            raise OSError('on purpose')\n"
        "    return Broken()\n"
    )
    scope: dict[str, object] = {}
    exec(compile(source, "README.md", "exec"), scope)  # noqa: S102 - the README's own example
    test = scope["test_our_client_keeps_the_contract"]
    assert callable(test)
    with pytest.raises(AssertionError, match="C-ALIVE: crashed: OSError: on purpose"):
        test()
