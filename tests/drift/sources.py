"""A page and a published document that agree with the spec, and edits of them.

The page has the form of the real one, and its own words. A line with SITE stands for
one line of each site of the spec.
"""

import re
from pathlib import Path
from typing import NamedTuple

from contract.drift import KINDS, Drift
from contract.spec import load

CLIENTS, SERVICES, COMPATIBLE, EDITORIAL = KINDS

FOLDER = Path(__file__).parent


def with_sites(file: Path) -> str:
    """Return a text with the sites of the spec: one that joins the spec is in it."""
    text = file.read_text(encoding="utf-8")
    (line,) = (item for item in text.splitlines(keepends=True) if "SITE" in item)
    lines = [
        line.replace("SITE", site).replace(
            "LOGIN", site if site.count(".") > 1 else f"app.{site}"
        )
        for site in load().sites
    ]
    return text.replace(line, "".join(lines))


PAGE = with_sites(FOLDER / "page.md")
OPENAPI = with_sites(FOLDER / "openapi.yaml")


class Edit(NamedTuple):
    """An edit (a regular expression and its replacement), and the expected difference.

    `contradictions` are the places at which the edited text contradicts itself.
    """

    name: str
    old: str
    new: str
    kind: str
    fact: str
    contradictions: tuple[str, ...] = ()

    def apply(self, text: str) -> str:
        """Return a text with the first match replaced."""
        changed, count = re.subn(self.old, self.new, text, count=1)
        assert (count, changed != text) == (1, True), "the edit does nothing"
        return changed


def differences(result: Drift) -> list[tuple[str, str]]:
    """Return the kind and the fact of every difference."""
    return [
        (difference.kind, str(difference.fact).removesuffix(" field"))
        for difference in result.differences
    ]
