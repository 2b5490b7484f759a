"""A verdict, shown: on the terminal, as JSON, as a page, as JUnit XML and as Markdown. No key is in any of them."""

from contract.report.document import keep, to_json
from contract.report.terminal import show, show_gate, show_matrix
from contract.report.text import again, curl, explain, without_keys

__all__ = [
    "again", "curl", "explain", "keep", "show", "show_gate", "show_matrix", "to_json", "without_keys",
]  # fmt: skip
