"""Eight sites are eight sites: what a verdict says about each."""

import json
from contextlib import ExitStack

import pytest

from contract import check_service
from contract.engine.verdict import Verdict
from contract.report.json_document import render_json
from contract.report.view import make_view, summary
from contract.sandbox import ORGS, Sandbox, serving
from contract.spec import load

QUICK_SCOPE = "each kind on one site"


def verdict_of_eight(profile: str, *scenarios: str) -> Verdict:
    """Return the verdict of eight sandboxes that are one service."""
    own, other = ORGS
    with ExitStack() as stack:
        urls = [stack.enter_context(serving(Sandbox())) for _ in range(8)]
        return check_service(
            *urls,
            keys=own.keys,
            other_keys=other.keys,
            profile=profile,
            scenarios=scenarios,
        )


def test_ci_judges_every_kind_on_each_of_eight_services() -> None:
    view = make_view(verdict_of_eight("ci", "keys", "organizations"), load())
    document = json.loads(render_json(view))
    cells = [cell for cell in document["grid"] if cell["of"]]
    assert len({cell["site"] for cell in cells}) == 8
    assert {cell["state"] for cell in cells} == {"holds"}
    assert all(cell["kinds"] == cell["of"] > 0 for cell in cells)
    assert document["scope"] == "each kind on every site, those that wait on one"


@pytest.mark.parametrize("sites", [1, 8])
def test_quick_says_on_how_many_sites_a_kind_was_played(sites: int) -> None:
    if sites == 8:
        verdict = verdict_of_eight("quick", "keys")
    else:
        verdict = check_service(profile="quick", scenarios=["keys"])
    view = make_view(verdict, load())
    document = json.loads(render_json(view))
    states = {cell["state"] for cell in document["grid"]}
    assert (f"profile quick ({QUICK_SCOPE})" in summary(verdict)) is (sites == 8)
    assert document["scope"] == (QUICK_SCOPE if sites == 8 else "")
    assert ("partial" in states) is (sites == 8)
