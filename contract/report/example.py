"""The smallest example of a breach: an excerpt, and command lines that repeat it."""

import base64
import json
import shlex
from collections.abc import Iterator
from urllib.parse import quote, unquote

from contract.cases.placeholders import key_values
from contract.clauses.base import parse
from contract.engine.verdict import Verdict
from contract.jsondiff import MISSING, unescape, value_at
from contract.model import (
    AnyCase,
    AnyExchange,
    Breach,
    ClientExchange,
    Danger,
    Delivery,
    Headers,
    Json,
    OutcomeKind,
    Owner,
    Request,
    Response,
    ServiceCase,
    ServiceExchange,
)
from contract.report.format import CLOSE, OPEN, around, clean, cut, keys_of
from contract.spec import Spec

WIDTH = 120
"""Columns of a line. Only a line that is to be copied may be longer."""

LABEL_WIDTH = 9
LINE = WIDTH - LABEL_WIDTH - 2
LEAST_BODY = 40
LONGEST_ID = 50
LONGEST_VALUE = 60
MARK = "@@value@@"

WRITTEN_BY_CURL = {"host", "content-length", "connection"}
OWN_VARIABLES = ("$DD_API_KEY", "$DD_APP_KEY")
OTHER_VARIABLES = ("$CONTRACT_OTHER_API_KEY", "$CONTRACT_OTHER_APP_KEY")
WRONG = ("wrong", "wrong")


def example_lines(breach: Breach, spec: Spec) -> tuple[tuple[str, str], ...]:
    """Return the example as at most four lines, each with its label."""
    if breach.lines:
        return breach.lines[:-1]
    lines = Excerpt(breach, spec).lines()
    return tuple((label, around(text, LINE)) for label, text in lines)


KEY_PLACES = ("api_key", "app_key")
"""Places of violations of a key, in the order of the headers for keys."""


class Excerpt:
    """The example of a breach, with the value or key that matters marked."""

    def __init__(self, breach: Breach, spec: Spec) -> None:
        self.breach, self.exchange, self.spec = breach, breach.example, spec
        self.keys = keys_of(self.exchange)
        self.is_about_keys = breach.rule.danger is Danger.KEYS_AT_RISK

    def lines(self) -> Iterator[tuple[str, str]]:
        exchange, outcome = self.exchange, self.exchange.outcome
        response = exchange.final_response
        yield "example", f"{title_of(exchange.case)}: {self.clean(self.breach.message)}"
        if not exchange.requests:
            yield "call", self.call()
        elif response is None or not outcome.trace:
            yield "request", self.request()
        if response is not None:
            yield "response", self.response(response)
        if response is None or not isinstance(exchange, ServiceExchange):
            yield "outcome", self.outcome()
        if outcome.trace:
            yield "trace", self.clean(" < ".join(outcome.trace))

    def clean(self, text: str) -> str:
        text = clean(text, self.keys)
        names = [name for _, name in self.keys if name in text]
        if not self.is_about_keys or not names or OPEN in text:
            return text
        name = min(names, key=text.index)
        return text.replace(name, f"{OPEN}{name}{CLOSE}", 1)

    def call(self) -> str:
        snapshot_id = clean(repr(snapshot_id_of(self.exchange)), self.keys)
        head = f"nothing was sent for id {cut(snapshot_id, LONGEST_ID)}, body "
        return self.joined(head, self.json(self.exchange.case.body))

    def request(self) -> str:
        *earlier, request = self.exchange.requests
        number = f"{len(earlier) + 1} requests, the last: " if earlier else ""
        head = f"{number}{request.method} {self.short_url(request.url)}"
        head += f"{self.header(request.headers)} "
        text = self.body(request.body, self.exchange.case.body)
        return self.joined(self.clean(head), text)

    def response(self, response: Response) -> str:
        media = response.header("Content-Type") or "no Content-Type"
        head = f"{status_of(response)} {media}{self.header(response.headers)} "
        is_service = isinstance(self.exchange, ServiceExchange)
        model = self.exchange.case.body if is_service else MISSING
        return self.joined(self.clean(head), self.body(response.body, model))

    def outcome(self) -> str:
        outcome = self.exchange.outcome
        if outcome.kind is OutcomeKind.SNAPSHOT:
            response = self.exchange.final_response
            model = parse(response.body).value if response else MISSING
            return self.joined("snapshot ", self.json(outcome.snapshot, model))
        texts = [self.clean(text) for text in messages(self.exchange) if text]
        texts.sort(key=lambda text: OPEN not in text)
        head = clean(f"{outcome.summary} {outcome.type}".strip(), self.keys)
        return f"{head}: {' '.join(texts)}" if texts else head

    def joined(self, head: str, text: str) -> str:
        if OPEN not in head:
            text = around(text, max(LEAST_BODY, LINE - len(head)))
        return (head + text).rstrip()

    def short_url(self, url: str) -> str:
        origin, path, segment = url.partition(f"{self.spec.collection_path}/")
        if self.breach.clause_id == "C-PATH" and path:
            return f"{origin}/…/{OPEN}{cut(segment, LONGEST_ID)}{CLOSE}"
        if self.breach.clause_id in ("C-PATH", "C-HOST", "C-SITE"):
            return f"{OPEN}{origin}{CLOSE}{'/…' if path else ''}"
        path = path_of(self.exchange, self.spec)
        if url.endswith(path):
            return f"{url.removesuffix(path)}/…"
        return url.replace(self.spec.collection_path, "/…", 1)

    def header(self, headers: Headers) -> str:
        """Return the header that the place names, else one that holds a key."""
        own = [name.lower() for name in self.spec.auth_headers]
        violation = self.exchange.case.violation
        key_headers = dict(zip(KEY_PLACES, own, strict=True))
        # the other key is right
        wrong_key = key_headers.get(violation.place) if violation else None
        place = wrong_key or unquote(self.breach.place).lower()
        named = [item for item in headers if item[0].lower() == place]
        if self.is_about_keys and not named and not wrong_key:
            named = [item for item in headers if clean(item[1], self.keys) != item[1]]
            named.sort(key=lambda item: item[0].lower() in own)
        return f" {': '.join(named[0])}" if named else ""

    def body(self, body: bytes, model: Json) -> str:
        parsed = parse(body)
        if parsed.defect is not None:
            return self.clean(body.decode(errors="replace"))
        return self.json(parsed.value, model)

    def json(self, document: Json, model: Json = MISSING) -> str:
        """Return the object around the place, with the value there marked.

        A member that is missing is marked if the model has it.
        """
        parent, name, value = around_place(document, self.breach.place)
        if value is not MISSING:
            marked = clean(dump(with_mark(parent, name)), self.keys)
            text = cut(clean(dump(value), self.keys), LONGEST_VALUE)
            return marked.replace(f'"{MARK}"', f"{OPEN}{text}{CLOSE}")
        text = self.clean(dump(parent))
        wanted = around_place(model, self.breach.place)[2]
        if wanted is MISSING or text[:1] != "{":
            return text
        comma = ", " if parent else ""
        return f"{{{OPEN}no {dump(name)}{CLOSE}{comma}{text[1:]}"


def title_of(case: AnyCase) -> str:
    """Return the kind of a case, or of a generated one the labels."""
    return clean(str(case.kind or f"{case.scenario}/{case.title}"))


def around_place(document: Json, place: str) -> tuple[Json, str, Json]:
    """Return the innermost container on the way to a place, a token, its value."""
    start, *tokens = unquote(place).replace("{item}", "0").split("/")
    for token in tokens if tokens and not start else [""]:
        parent, value = document, value_at(document, f"/{token}")
        if not isinstance(value, dict | list):
            break
        document = value
    return parent, token, value


def with_mark(document: Json, token: str) -> Json:
    if isinstance(document, dict):
        return document | {unescape(token): MARK}
    index = int(token)
    return [*document[:index], MARK, *document[index + 1 :]]


def status_of(response: Response) -> str:
    is_whole = response.delivery is Delivery.WHOLE
    return f"{response.status}{'' if is_whole else f' ({response.delivery})'}"


def messages(exchange: AnyExchange) -> tuple[str, ...]:
    outcome = exchange.outcome
    return outcome.message, *outcome.errors, outcome.printed, outcome.logged


def dump(value: Json) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except (TypeError, ValueError, RecursionError):
        return repr(value)


def path_of(exchange: AnyExchange, spec: Spec) -> str:
    segment = quote(snapshot_id_of(exchange), safe="", errors="replace")
    return f"{spec.collection_path}/{segment}"


def snapshot_id_of(exchange: AnyExchange) -> str:
    if not isinstance(exchange, ServiceExchange):
        return exchange.case.snapshot_id
    return "".join(
        part if isinstance(part, str) else exchange.ids.get(part, str(part))
        for part in exchange.case.snapshot_id
    )


def replay_line(breach: Breach, verdict: Verdict) -> str:
    """Return the command line that plays a breach again.

    `contract replay` takes no `--example` and only URLs of services, and a step of a
    sequence needs those before it. All these repeat a part of the run instead.
    """
    case, parts = breach.example.case, verdict.parts
    own = (p.arguments for p in parts if breach.example.site in p.sites)
    arguments = (next(filter(None, own), "") or verdict.arguments).strip()
    option = arguments.partition(" ")[0]
    line = f"contract replay '{breach.id}'"
    if option == "--example":
        line = f"contract client --clause {breach.clause_id}"
    elif isinstance(case, ServiceCase) and (
        case.is_step or option not in ("", "--service")
    ):
        line = f"contract service --clause {breach.clause_id} --scenario "
        line += f"{case.scenario} --profile {verdict.profile} --seed {verdict.seed}"
        arguments = arguments.replace("--service ", "")
    return clean(f"{line} {arguments}".strip())


def curl_line(breach: Breach, spec: Spec) -> str:
    """Return a curl command line. Keys are those of the environment.

    It sends what the case asks of a client, and what was really sent to a service.
    """
    if breach.lines:
        return breach.lines[-1][1]
    exchange = breach.example
    if isinstance(exchange, ClientExchange):
        url = spec.url(exchange.site) + path_of(exchange, spec)
        body = dump(exchange.case.body).encode(errors="replace")
        request = Request(spec.method, url, body=body)
        keys = zip(spec.auth_headers, OWN_VARIABLES, strict=True)
        options = [f'-H "{name}: {variable}"' for name, variable in keys]
        options.append(f"-H 'Content-Type: {spec.json_media_type}'")
    elif exchange.requests:
        request = exchange.requests[-1]
        options = [*header_options(request, spec), *key_options(exchange, spec)]
    else:
        return "nothing was sent"
    return clean(curl(request, options), keys_of(exchange))


def curl(request: Request, options: list[str]) -> str:
    target = f"{shlex.quote(request.method)} {shlex.quote(request.url)}"
    line = " ".join(["curl -X", target, "--path-as-is", *options])
    text = request.body.decode(errors="replace")
    if text.isprintable() and text.encode() == request.body:
        return f"{line} --data-raw {shlex.quote(text)}" if text else line
    encoded = base64.b64encode(request.body).decode()
    return f"echo {encoded} | base64 -d | {line} --data-binary @-"


def header_options(request: Request, spec: Spec) -> Iterator[str]:
    left_out = WRITTEN_BY_CURL | {name.lower() for name in spec.auth_headers}
    for name, value in request.headers:
        if name.lower() not in left_out:
            yield f"-H {shlex.quote(f'{name}: {value}')}"
    if request.header("Content-Type") is None:
        yield "-H Content-Type:"  # curl would add one


def key_options(exchange: ServiceExchange, spec: Spec) -> Iterator[str]:
    credential = exchange.case.credential
    own, other = OWN_VARIABLES, OTHER_VARIABLES
    if credential.owner is Owner.OTHER:
        own, other = other, own
    literals = {"", *WRONG, *own, *other}
    headers = key_values(credential.variant, own, other, WRONG)
    for name, values in zip(spec.auth_headers, headers, strict=True):
        for value in values:
            text = value if value in literals else "(a variant)"
            yield f'-H "{name}: {text}"' if text else f'-H "{name};"'
