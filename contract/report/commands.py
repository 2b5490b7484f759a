"""Command lines to copy: one that plays a breach again, one that sends its request."""

import base64
import shlex
from collections.abc import Iterator

from contract.cases.placeholders import key_values
from contract.engine.verdict import Verdict
from contract.model import (
    Breach,
    ClientExchange,
    Owner,
    Request,
    ServiceCase,
    ServiceExchange,
)
from contract.report.example import dump, path_of
from contract.report.format import clean, keys_of
from contract.spec import Spec

WRITTEN_BY_CURL = {"host", "content-length", "connection"}
OWN_VARIABLES = ("$DD_API_KEY", "$DD_APP_KEY")
OTHER_VARIABLES = ("$CONTRACT_OTHER_API_KEY", "$CONTRACT_OTHER_APP_KEY")
WRONG = ("wrong", "wrong")


def replay_line(breach: Breach, verdict: Verdict) -> str:
    """Return the command line that plays a breach again.

    `contract replay` takes no `--example` and only URLs of services, and a step of a
    sequence needs those before it. All these repeat a part of the run instead.
    """
    case, arguments = breach.example.case, verdict.arguments.strip()
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
