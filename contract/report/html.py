"""The view as one page. It asks no network and obeys nothing that it quotes."""

import base64
import hashlib
import json
from collections.abc import Iterator
from itertools import zip_longest

from markupsafe import Markup

from contract.cases.codec import case_to_json
from contract.model import Breach, Request, Response
from contract.report import example
from contract.report.format import clean, cut, keys_of
from contract.report.templates import HERE, render
from contract.report.view import View

LONGEST = 4_000


def render_html(view: View) -> str:
    """Return the view as a page."""
    style, script = (
        Markup((HERE / name).read_text(encoding="utf-8"))  # noqa: S704 - our own file
        for name in ("page.css", "page.js")
    )
    return render(
        "page.html.j2",
        view=view,
        details=details,
        digest=digest,
        clauses={clause.id: clause for clause in view.run.clauses},
        first={cause.clause_id: cause.id for cause in reversed(view.run.causes)},
        style=style,
        script=script,
    )


def digest(text: str) -> str:
    value = base64.b64encode(hashlib.sha256(text.encode()).digest())
    return f"sha256-{value.decode()}"


def details(breach: Breach, view: View) -> Iterator[tuple[str, str]]:
    yield "breach", breach.id
    yield "sites", ", ".join(breach.sites)
    yield "accepted", breach.reason
    yield "new kinds", ", ".join(map(str, breach.new_kinds))
    yield "played again", breach.reproducibility
    yield "replay", example.replay_line(breach, view.run)
    yield "curl", cut(example.curl_line(breach, view.spec), LONGEST)
    keys = keys_of(breach.example)
    for title, text in wire_texts(breach):
        yield title, cut(clean(text, keys, keeps_lines=True), LONGEST)
    case = json.dumps(case_to_json(breach.example.case), indent=1)
    yield "case", cut(case, LONGEST)


def wire_texts(breach: Breach) -> Iterator[tuple[str, str]]:
    yield from breach.lines[:-1]
    exchange = breach.example
    for request, response in zip_longest(exchange.requests, exchange.responses):
        if request is not None:
            yield "request", message(f"{request.method} {request.url}", request)
        if response is not None:
            yield "response", message(example.status_of(response), response)
    outcome = exchange.outcome
    if breach.lines:
        return
    head = f"{outcome.summary} {outcome.type}"
    lines = [head, *example.messages(exchange), *outcome.trace]
    yield "outcome", "\n".join(filter(None, lines))


def message(head: str, item: Request | Response) -> str:
    fields = [f"{name}: {value}".replace("\n", "\\n") for name, value in item.headers]
    text = item.body.decode("utf-8", "backslashreplace")
    return "\n".join([head, *fields, "", text]).rstrip("\n")
