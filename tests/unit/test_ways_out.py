"""All ways out of the package, and what keeps secrets out of each."""

import ast
import dataclasses
from collections.abc import Iterator
from typing import get_type_hints

import pytest

from contract.engine.verdict import OTHERS, Verdict
from contract.errors import ContractError
from contract.redaction import Redactor
from contract.report.rendering import RENDERERS
from contract.report.view import View
from tests.tools.layers import Function, Module, package_modules
from tests.unit.secret_forms import KEY
from tests.unit.verdicts import breach, verdict_of

VERDICT = "texts of a verdict, which holds no secret"
ERROR = "the redactor of the command line"
REDACTED = "calls the redactor itself"
OWN = "words of the suite and of its user only"
SUBJECT = "for a subject, not for a reader"

WAYS_OUT = {
    "contract/__main__.py run": OWN,
    "contract/cli/entry.py format_commands": OWN,
    "contract/cli/entry.py print_lines": "the text of its caller",
    "contract/cli/finish.py show": "the output of its caller",
    "contract/cli/entry.py show_internal_error": REDACTED,
    "contract/cli/finish.py write": ERROR,
    "contract/cli/client.py client": ERROR,
    "contract/faults/client_behavior.py print_outcome": SUBJECT,
    "contract/model/bodies.py inflated": SUBJECT,
    "contract/report/files.py check_writable": OWN,
    "contract/report/progress.py draw": OWN,
    "contract/report/terminal.py print_differences": REDACTED,
    "contract/report/terminal.py show_drift": REDACTED,
    "contract/report/terminal.py show_line": REDACTED,
    "contract/report/progress.py write_title": OWN,
    "contract/servers/framing.py chunks": SUBJECT,
    "contract/servers/framing.py lines": SUBJECT,
    "contract/subjects/heartbeat.py outer_watcher": SUBJECT,
    "contract/subjects/launcher.py reap": SUBJECT,
    "contract/subjects/process.py _send": SUBJECT,
    "contract/subjects/process.py end": SUBJECT,
    "contract/subjects/watchdog.py end_process": OWN,
    "contract/cli/entry.py main": ERROR,
    "contract/cli/finish.py finish": VERDICT,
    "contract/cli/lists.py list_": OWN,
    "contract/cli/tools.py gate": ERROR,
    "contract/cli/tools.py prove": OWN,
    "contract/cli/tools.py drift": REDACTED,
    "contract/cli/tools.py serve": OWN,
    "contract/drivers/building.py build_in": SUBJECT,
    "contract/drivers/examples.py __enter__": SUBJECT,
    "contract/drivers/loop.py serve": SUBJECT,
    "contract/engine/ahead.py _lead": REDACTED,
    "contract/engine/baseline.py write_baseline": VERDICT,
    "contract/engine/verdict.py assert_holds": VERDICT,
    "contract/faults/driver.py update": SUBJECT,
    "contract/fixtures.py refuse": OWN,
    "contract/live/journal.py begin": OWN,
    "contract/live/journal.py write": REDACTED,
    "contract/subjects/creations.py record": "the events of its caller",
    "contract/plugin.py run_options": OWN,
    "contract/plugin.py started_client": "quoted errors without secrets",
    "contract/plugin.py write_files": "quoted errors without secrets",
    "contract/report/files.py wrapper": VERDICT,
    "contract/plugin.py fail_unless_holds": VERDICT,
    "contract/plugin.py fail": "texts of a verdict, and errors without secrets",
    "contract/plugin.py show_proofs": OWN,
    "contract/recordings/cassette.py save": REDACTED,
    "contract/recordings/cassette.py write": "the text of its caller",
    "contract/redaction/quoting.py quoting": OWN,
    "contract/replay_heatmap_contract.py package": OWN,
    "contract/report/rendering.py write_report": VERDICT,
    "contract/sandbox/service.py answer": SUBJECT,
    "contract/report/files.py write_text": "the text of its caller",
    "contract/report/ci.py announce": VERDICT,
    "contract/report/terminal.py show": VERDICT,
    "contract/report/terminal.py show_matrix": OWN,
    "contract/report/terminal.py show_gate": REDACTED,
    "contract/report/progress.py __exit__": OWN,
    "contract/report/progress.py write": "the text of its caller",
    "contract/schemathesis.py name_others": OWN,
    "contract/subjects/launcher.py main": SUBJECT,
}
"""Each function that prints, writes a file or fails a test, and what it writes."""

METHODS = {
    *("write", "write_text", "write_bytes", "writelines", "print", "section", "line"),
    *("warn", "debug", "info", "warning", "error", "exception", "critical", "log"),
    *("print_exc", "print_exception", "echo", "secho"),
}
FUNCTIONS = {"print", "write", "write_text", "print_exc", "warn", "echo"}
FAILURES = {"fail", "skip", "xfail", "exit"}


def is_way_out(node: ast.AST) -> bool:
    """Return whether a node writes or shows a text."""
    match node:
        case ast.Raise(exc=ast.Call(func=ast.Name(id="AssertionError"))):
            return True
        case ast.Call(func=ast.Name(id=name)):
            return name in FUNCTIONS
        case ast.Call(func=ast.Attribute(value=ast.Name(id="pytest"), attr=name)):
            return name in FAILURES
        case ast.Call(func=ast.Attribute(attr=name)):
            return name in METHODS
        case ast.Raise(exc=ast.Call(func=ast.Attribute(attr="Exception"))):
            return True
    return False


def ways_out(module: Module) -> Iterator[str]:
    """Yield the functions of a module that write or show a text."""
    functions = [node for node in ast.walk(module.tree) if isinstance(node, Function)]
    for node in ast.walk(module.tree):
        if is_way_out(node):
            around = (
                function
                for function in functions
                if function.lineno <= node.lineno <= (function.end_lineno or 0)
            )
            inner = max(around, key=lambda function: function.lineno, default=None)
            yield f"{module.path} {inner.name if inner else '<module>'}"


def test_every_way_out_is_known() -> None:
    found = {way for module in package_modules() for way in ways_out(module)}
    assert found == WAYS_OUT.keys()


def test_a_new_way_out_is_found() -> None:
    text = (
        "import pytest\ndef one(v):\n print(v)\ndef two(v):\n pytest.fail(v)\n"
        "def three(v, path):\n path.write_text(v)\ndef four(v):\n raise AssertionError(v)\n"
        "def five(log, v):\n log.warning(v)\ndef six(v):\n return v\n"
    )
    names = [way.split()[1] for way in ways_out(Module("contract/x.py", text))]
    assert sorted(names) == ["five", "four", "one", "three", "two"]


def test_renderers_get_a_view_and_nothing_else() -> None:
    for render in RENDERERS.values():
        assert get_type_hints(render) == {"view": View, "return": str}


NO_TEXTS = {
    *("kind", "profile", "seed", "sites", "clauses", "coverage", "started", "seconds"),
    *("cases", "exchanges", "judged", "kinds", "judged_kinds", "own_site_kinds"),
    "own_sites",
    *("cause_counts", "share", "unplayed_kinds", "is_strict", "redactor"),
    *("left_out", "shard", "scenarios", "outcomes", "candidates"),
}
"""Fields of a verdict without words of others."""

ELSEWHERE = ("notes", "breaches", "not_confirmed", "parts", "error")
"""Fields that are redacted part by part, the error where it is shown."""


def test_the_texts_of_a_verdict_are_known() -> None:
    names = {field.name for field in dataclasses.fields(Verdict)}
    assert names == {*NO_TEXTS, *OTHERS, *ELSEWHERE}


@pytest.mark.parametrize(
    "fields",
    [
        {"name": KEY},
        {"arguments": f" -- client {KEY}"},
        {"interrupted": KEY},
        {"reasons": {"C-X": KEY}},
        {"skipped": {"kind": KEY}},
        {"notes": {("C-X", KEY): 1}},
        {"leftovers": (KEY,)},
        {"changes": (KEY,)},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_a_verdict_holds_no_secret_whoever_made_it(
    fields: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DD_API_KEY", KEY)
    verdict = verdict_of(breach(clause="C-X"), **fields)
    (name,) = fields
    assert KEY not in repr(getattr(verdict, name))
    assert "[DD_API_KEY]" in repr(getattr(verdict, name))


def test_an_error_that_passes_loses_its_secrets() -> None:
    redactor = Redactor({"key": KEY}, labelling=True)
    with pytest.raises(ContractError) as error, redactor.errors():
        raise ContractError(f"{KEY}\n\x1b")
    assert str(error.value) == r"[key]\n\x1b"
