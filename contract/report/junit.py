"""A verdict as JUnit XML: a test suite a part, a test case a clause."""

from xml.etree import ElementTree as Xml

from contract.engine.verdict import Verdict
from contract.model import Breach
from contract.report.format import explain, visible, without_keys

__all__ = ["to_junit"]

_MOST_SHOWN = 50
"""So many breaches of one clause are explained; the rest are counted."""


def to_junit(verdict: Verdict) -> str:
    """Return the verdict as JUnit XML: a clause that counts fails, one that was not judged is skipped.

    What breaks a clause without counting (accepted, or a `should`) is in its output. A run that ended early, and a
    snapshot that was left behind, is an error of its own.
    """
    root = Xml.Element("testsuites", name="contract")
    totals = {"tests": 0, "failures": 0, "errors": 0, "skipped": 0}
    for part in verdict.parts or [verdict]:
        suite = _suite(part, verdict.strict, Xml.SubElement(root, "testsuite"))
        for name in totals:
            totals[name] += suite[name]
    for name, count in totals.items():
        root.set(name, str(count))
    root.set("time", f"{verdict.seconds:.3f}")
    Xml.indent(root, " ")
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        + Xml.tostring(root, encoding="unicode")
        + "\n"
    )


def _suite(part: Verdict, strict: bool, suite: Xml.Element) -> dict[str, int]:
    name = visible(f"{part.kind} {part.name} {part.version}".strip())
    found = {"tests": len(part.clauses), "failures": 0, "errors": 0, "skipped": 0}
    properties = Xml.SubElement(suite, "properties")
    for key, value in (
        ("profile", part.profile),
        ("seed", part.seed),
        ("sites", ", ".join(part.sites)),
    ):
        Xml.SubElement(properties, "property", name=key, value=visible(str(value)))
    for clause in part.clauses:
        case = Xml.SubElement(suite, "testcase", classname=name, name=clause.id)
        breaches = part.found(clause)
        wrong = [
            each
            for each in breaches
            if not each.accepted and (strict or each.level == "must")
        ]
        known = [
            each
            for each in breaches
            if each.accepted or not (strict or each.level == "must")
        ]
        if wrong:
            found["failures"] += 1
            message = visible(without_keys(wrong[0].message, wrong[0].exchange))
            Xml.SubElement(
                case, "failure", type=clause.level, message=message
            ).text = _explained(wrong, part)
        elif not part.judged[clause.id]:
            found["skipped"] += 1
            Xml.SubElement(case, "skipped", message=visible(part.not_judged[clause.id]))
        if known:
            Xml.SubElement(case, "system-out").text = _explained(known, part)
    reasons = [f"ended early: {part.interrupted}"] if part.interrupted else []
    reasons += [f"left behind: {', '.join(part.left)}"] if part.left else []
    for reason in reasons:
        found["errors"] += 1
        found["tests"] += 1
        case = Xml.SubElement(suite, "testcase", classname=name, name="the run")
        Xml.SubElement(case, "error", type="run", message=visible(reason))
    suite.set("name", name)
    suite.set("timestamp", part.started.strftime("%Y-%m-%dT%H:%M:%SZ"))
    suite.set("time", f"{part.seconds:.3f}")
    for key, count in found.items():
        suite.set(key, str(count))
    return found


def _explained(breaches: list[Breach], part: Verdict) -> str:
    shown = [explain(each, part) for each in breaches[:_MOST_SHOWN]]
    more = len(breaches) - len(shown)
    return "\n\n".join([*shown, *([f"and {more} more"] if more else [])])
