"""The templates of reports."""

from functools import cache
from pathlib import Path
from typing import Any

from contract.report import example
from contract.report import view as views
from contract.report.format import code_span

HERE = Path(__file__).parent


@cache
def environment() -> Any:
    """Return that of Jinja."""
    # Jinja is slow to import.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    templates = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=select_autoescape(("html.j2", "xml.j2")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.globals |= {"example": example, "views": views}
    templates.filters["code"] = code_span
    return templates


def render(name: str, **values: Any) -> str:
    """Return a text made of a template. Values are escaped in HTML and XML."""
    return str(environment().get_template(name).render(values)).rstrip() + "\n"
