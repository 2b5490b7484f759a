"""The templates of reports."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from contract.report import example
from contract.report import view as views
from contract.report.format import code_span

HERE = Path(__file__).parent
TEMPLATES = Environment(
    loader=FileSystemLoader(HERE),
    autoescape=select_autoescape(("html.j2", "xml.j2")),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
TEMPLATES.globals |= {"example": example, "views": views}
TEMPLATES.filters["code"] = code_span


def render(name: str, **values: Any) -> str:
    """Return a text made of a template. Values are escaped in HTML and XML."""
    return TEMPLATES.get_template(name).render(values).rstrip() + "\n"
