"""The clauses that judge clients."""

import base64
import gzip
import json
import zlib
from functools import lru_cache
from urllib.parse import unquote_to_bytes, urlsplit

from contract.clauses.base import Clause, clause, differences, read, strict_json
from contract.exchange import Answer, Exchange, Json, Level, Outcome, Problem, Request
from contract.spec import Schema, Spec

__all__ = ["CLIENT"]

_TOLERANCE_S = 0.05
_MOST_RETRIES = 10
_LONGEST_RESET_S = 86_400


# -- what several of them ask ----------------------------------------------------------------------------


def _redirect(answer: Answer | None) -> str | None:
    """Return where an answer redirects to, or None."""
    if answer is None or not 300 <= answer.status < 400:
        return None
    return answer.header("Location")


def _own(x: Exchange) -> tuple[Request, ...]:
    """Return the requests that the client made for the call, those after a redirect aside."""
    for index, answer in enumerate(x.answers):
        if _redirect(answer) is not None:
            return x.requests[: index + 1]
    return x.requests


def _sendable(x: Exchange) -> bool:
    """Tell whether nothing in the case forbids a request: body, id, key, site and certificate are good."""
    return x.case.violation is None and x.case.tls == "trusted"


def _told(x: Exchange) -> Outcome | None:
    """Return what the caller was told, or None where another clause is the one to judge: a crash, no support."""
    return None if x.outcome.kind in ("crashed", "unsupported") else x.outcome


def _served(x: Exchange) -> Answer | None:
    """Return the answer that decides the call, or None where it is not the one that the case had in store."""
    if not x.requests or not x.answers or x.answers[-1] is None or _redirect(x.answers[0]) is not None:
        return None
    answer = x.answers[-1]
    return answer if answer.delivery == "whole" else None


@lru_cache(maxsize=4096)
def _is_snapshot(body: bytes, schema: Schema) -> bool:
    reading = read(Answer(200, (), body))
    return not reading.trouble and schema.is_valid(reading.value) and "errors" not in reading.value


def _good(x: Exchange, spec: Spec) -> Answer | None:
    """Return the answer if it is a documented success."""
    answer = _served(x)
    if answer is None or answer.status != 200:
        return None
    return answer if _is_snapshot(answer.body, spec.documented[200].media["application/json"]) else None


def _pieces(x: Exchange) -> list[str]:
    """Return the parts of both keys that no text may hold: whole, or between control characters."""
    parts = (part for key in x.keys for part in "".join(c if c >= " " else "\n" for c in key).split("\n"))
    return [part for part in parts if len(part) >= 12]


def _kind(outcome: Outcome) -> str:
    return f"{outcome.kind} {outcome.status}" if outcome.status is not None else outcome.kind


# -- the request -----------------------------------------------------------------------------------------


@clause("page: the operation's method")
def c_method(x: Exchange, spec: Spec) -> list[Problem] | None:
    """One call is one PATCH; more requests only where a retry is allowed."""
    if not x.requests:
        return None
    found = [
        Problem(f"the method is {request.method}, not {spec.method}", keyword="method", kind="")
        for request in _own(x)
        if request.method != spec.method
    ]
    extra = len(_own(x)) - 1
    if extra and not x.case.retry:
        asked = x.case.answers[0].status if x.case.answers else "nothing"
        found.append(Problem(f"{extra + 1} requests for one call; its answer was {asked}", keyword="count"))
    return found


@clause("page: the site table", per_site=True)
def c_host(x: Exchange, spec: Spec) -> list[Problem] | None:
    """A call goes to https://api.{site}, for each of the eight, and to nothing else."""
    if not x.requests or x.case.site not in spec.sites:
        return None
    ours = spec.url(x.case.site)
    return [
        Problem(f"sent to {_origin(request.url)}, not to {ours}", keyword="host", kind="")
        for request in _own(x)
        if _origin(request.url) != ours
    ]


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".removesuffix(":443")


@clause("page: path parameter snapshot_id; RFC 3986, 2.1 and 3.3")
def c_path(x: Exchange, spec: Spec) -> list[Problem] | None:
    """The path is the documented one, its id one percent-encoded segment that decodes once to the caller's."""
    bad = x.case.violation is not None and x.case.violation.pointer == "snapshot_id"
    if bad:
        if _told(x) is None and not x.requests:
            return None
        return [Problem("an id that cannot be a path segment was sent", "snapshot_id", "refused")] if x.requests else []
    if not x.requests or x.case.violation is not None:
        return None
    before, _, after = spec.path.partition("{snapshot_id}")
    found = []
    for request in _own(x):
        target = request.url.split("://", 1)[-1].partition("/")[2]
        path, mark, _ = f"/{target}".partition("?")
        path, hash_, _ = path.partition("#")
        segment = path.removeprefix(before).removesuffix(after)
        whole = path.startswith(before) and path == before + segment + after
        if mark or hash_ or not whole or "/" in segment:
            found.append(Problem(f"the path is {path[:200]!r}, not {spec.path}", "snapshot_id", "path"))
        elif unquote_to_bytes(segment) != x.case.snapshot_id.encode(errors="surrogatepass"):
            message = f"the id {x.case.snapshot_id[:80]!r} was sent as {segment[:120]!r}"
            found.append(Problem(message, "snapshot_id", "decoded"))
    return found


@clause("page: authentication headers; RFC 9110, 5.1")
def c_auth(x: Exchange, spec: Spec) -> list[Problem] | None:
    """Both keys are sent, each in its own header, once, and nowhere else."""
    if not x.requests or not _sendable(x):
        return None
    found = []
    for request in _own(x):
        for name, key in zip(spec.auth_headers, x.keys, strict=True):
            given = request.all_headers(name)
            if given != [key]:
                how = "missing" if not given else "twice" if len(given) > 1 else "another value"
                found.append(Problem(f"{name}: {how}", name, how, kind="" if x.case.keys == "plain" else None))
        rest = [value for name, value in request.headers if name.lower() not in map(str.lower, spec.auth_headers)]
        elsewhere = {"url": request.url, "body": request.body.decode(errors="replace"), "header": "\n".join(rest)}
        for place, text in elsewhere.items():
            if any(key in text for key in x.keys):
                found.append(Problem(f"a key is in the {place}", place, "key elsewhere", kind=""))
    return found


@clause("page: request headers and media types; RFC 9110, 8.3 and 12.5.1")
def c_media(x: Exchange, spec: Spec) -> list[Problem] | None:
    """Content-Type is application/json; Accept admits it; the answer's Content-Type never decides about success."""
    if not x.requests or not _sendable(x):
        return None
    found = []
    for request in _own(x):
        sent = request.all_headers("Content-Type")
        if [value.split(";")[0].strip().lower() for value in sent] != ["application/json"]:
            found.append(Problem(f"Content-Type is {sent or 'missing'}", "Content-Type", "media type", kind=""))
        accept = request.all_headers("Accept")
        if accept and not _admits(",".join(accept)):
            found.append(Problem(f"Accept is {accept}", "Accept", "media type", kind=""))
    answer, told = _good(x, spec), _told(x)
    if answer and told and (answer.header("Content-Type") or "") != "application/json" and told.kind != "snapshot":
        media = answer.header("Content-Type")
        found.append(Problem(f"a documented success as {media!r} was reported as {_kind(told)}", keyword="answer"))
    return found


def _admits(accept: str) -> bool:
    ranges = [part.strip().lower().replace(" ", "").partition(";") for part in accept.split(",")]
    return any(
        media in ("application/json", "application/*", "*/*") and not set(rest.split(";")) & {"q=0", "q=0.0", "q=0.000"}
        for media, _, rest in ranges
    )


@clause("page: request body; RFC 8259")
def c_body(x: Exchange, spec: Spec) -> list[Problem] | None:
    """The body on the wire equals the caller's as JSON: every number, character and absence."""
    if not x.requests or not _sendable(x):
        return None
    found = []
    for request in _own(x):
        try:
            sent = strict_json(_decoded(request))
        except (ValueError, OSError, zlib.error, EOFError) as error:
            found.append(Problem(f"the body is no JSON: {error}", keyword="JSON"))
            continue
        found += [
            Problem(f"the body was altered at {difference}", _known(difference.pointer), difference.how, kind="")
            for difference in differences(x.case.body, sent)
        ]
    return found


def _decoded(request: Request) -> bytes:
    match (request.header("Content-Encoding") or "identity").lower():
        case "gzip":
            return gzip.decompress(request.body)
        case "deflate":
            return zlib.decompress(request.body)
        case "identity":
            return request.body
        case other:
            raise ValueError(f"Content-Encoding {other} cannot be read here")


def _known(pointer: str, depth: int = 4) -> str:
    """Return a pointer that is stable over seeds: what is below a documented place counts as the place's."""
    return "/".join(pointer.split("/")[:depth])


@clause("page: request model")
def c_valid(x: Exchange, spec: Spec) -> list[Problem] | None:
    """No body that breaks the request schema reaches the wire."""
    wrong = x.case.violation
    if wrong is None or not (wrong.pointer == "" or wrong.pointer.startswith("/")):
        return None
    if not x.requests:
        return None if x.outcome.kind == "unsupported" else []
    return [Problem(f"a body that breaks {wrong} was sent", wrong.pointer, wrong.keyword)]


@clause("page: request model")
def c_accept(x: Exchange, spec: Spec) -> list[Problem] | None:
    """No valid input is refused."""
    told = _told(x)
    if not _sendable(x) or told is None or x.case.site not in spec.sites:
        return None
    if told.kind == "refused":
        return [Problem(f"valid input was refused: {told.message[:200]}", keyword="refused")]
    return []


# -- the answer ------------------------------------------------------------------------------------------


@clause("page: 200 model")
def c_snapshot(x: Exchange, spec: Spec) -> list[Problem] | None:
    """A valid 200 reaches the caller losslessly: nothing documented is added, lost or altered."""
    answer, told = _good(x, spec), _told(x)
    if answer is None or told is None or answer.header("Content-Type") != "application/json":
        return None
    if told.kind == "refused":
        return None
    if told.kind != "snapshot":
        return [Problem(f"a valid 200 was reported as {_kind(told)}: {told.message[:200]}", keyword="not a success")]
    known, dates = _documented(spec)
    found = []
    for difference in differences(strict_json(answer.body), told.snapshot, dates):
        documented = difference.pointer in known
        level: Level | None = None if documented else "should"
        pointer = difference.pointer if documented else f"{_parent(difference.pointer, known)}/*"
        found.append(Problem(f"the caller's snapshot differs at {difference}", pointer, difference.how, "", level))
    return found


@lru_cache(maxsize=4)
def _documented(spec: Spec) -> tuple[frozenset[str], frozenset[str]]:
    constraints = spec.documented[200].media["application/json"].constraints()
    dates = (each.pointer for each in constraints if each.schema.get("format") == "date-time")
    return frozenset(each.pointer for each in constraints), frozenset(dates)


def _parent(pointer: str, known: frozenset[str]) -> str:
    while pointer and pointer not in known:
        pointer = pointer.rpartition("/")[0]
    return pointer


@clause("page: responses; safety")
def c_answer(x: Exchange, spec: Spec) -> list[Problem] | None:
    """A 2xx that is not a documented success is never reported as one."""
    answer, told = _served(x), _told(x)
    if answer is None or told is None or not 200 <= answer.status < 300 or _good(x, spec) is not None:
        return None
    if told.kind == "snapshot":
        return [Problem(f"a broken {answer.status} was reported as a success", keyword="success")]
    return []


def _error_texts(answer: Answer, spec: Spec) -> list[str] | None:
    """Return the texts of an error document of the documented shape, or None for any other shape."""
    reading = read(answer)
    if reading.trouble or not spec.documented[429].media["application/json"].is_valid(reading.value):
        return None
    texts: list[str] = reading.value["errors"]
    return texts


@clause("page: 429 model")
def c_error(x: Exchange, spec: Spec) -> list[Problem] | None:
    """An error answer reaches the caller as an error with its status and every documented error text."""
    answer, told = _served(x), _told(x)
    if answer is None or told is None or answer.status < 400:
        return None
    texts = _error_texts(answer, spec)
    if texts is None:
        return None
    if told.kind != "api_error" or told.status != answer.status:
        return [Problem(f"an error {answer.status} was reported as {_kind(told)}", keyword="status", kind=None)]
    lost = [text for text in texts if not any(text in heard for heard in told.errors)]
    return [Problem(f"the error text {text[:80]!r} did not reach the caller", "/errors/*", "lost") for text in lost[:1]]


@clause("observed: errors of other shapes (overlay); RFC 9110, 15")
def c_error_odd(x: Exchange, spec: Spec) -> list[Problem] | None:
    """An error of any other shape reaches the caller as an error with its status."""
    answer, told = _served(x), _told(x)
    if answer is None or told is None or answer.status < 400 or _error_texts(answer, spec) is not None:
        return None
    if told.kind == "api_error" and told.status == answer.status:
        return []
    return [Problem(f"an error {answer.status} was reported as {_kind(told)}: {told.message[:200]}", keyword="status")]


# -- behaviour -------------------------------------------------------------------------------------------


@clause("safety")
def c_alive(x: Exchange, spec: Spec) -> list[Problem] | None:
    """No input and no answer makes the client crash, hang, or write where it should not."""
    found = []
    if x.outcome.kind == "crashed":
        message = f"crashed: {x.outcome.type}: {x.outcome.message[:300]}"
        found.append(Problem(message, keyword=x.outcome.type))
    if x.outcome.stray:
        found.append(Problem(f"wrote {x.outcome.stray[:80]!r} to standard output", keyword="stray output", kind=""))
    return found


@clause("observed: X-RateLimit-Reset (overlay); RFC 9110, 9.2.2: PATCH is not idempotent")
def c_retry(x: Exchange, spec: Spec) -> list[Problem] | None:
    """Only a 429, 408 or 5xx is sent again, asked for, at most 10 times, the same bytes, after the Reset."""
    requests = _own(x)
    if not requests or x.outcome.kind == "unsupported" or not any(answer for answer in x.answers):
        return None
    found = []
    if len(requests) - 1 > _MOST_RETRIES:
        found.append(Problem(f"sent again {len(requests) - 1} times", keyword="too often"))
    for before, after, answer in zip(requests, requests[1:], x.answers, strict=False):
        status = answer.status if answer else None
        if not x.case.retry:
            found.append(Problem(f"sent again after {status}, unasked", keyword="unasked"))
        elif status is not None and status not in (408, 429) and status < 500:
            found.append(Problem(f"sent again after {status}", keyword="status"))
        if (before.method, before.url, before.body) != (after.method, after.url, after.body):
            found.append(Problem("what was sent again differs", keyword="other bytes", kind=""))
        reset = _reset(answer)
        waited = after.at_s - before.answered_s
        if status == 429 and reset is not None and waited < reset - _TOLERANCE_S:
            found.append(Problem(f"sent again after {waited:.2f} s, the Reset was {reset} s", keyword="too early"))
    return found


def _reset(answer: Answer | None) -> int | None:
    text = (answer and answer.header("X-RateLimit-Reset")) or ""
    return int(text) if text.isascii() and text.isdecimal() and 0 < int(text) <= _LONGEST_RESET_S else None


@clause("safety; RFC 9110, 15.4")
def c_redirect(x: Exchange, spec: Spec) -> list[Problem] | None:
    """Keys never reach another origin; a redirect to one is not a success."""
    if not x.requests or not any(_redirect(answer) is not None for answer in x.answers):
        return None
    found = []
    for request in x.requests[len(_own(x)) :]:
        carried = "\n".join([request.url, *(value for _, value in request.headers)]) + request.body.decode("latin-1")
        if _origin(request.url) != spec.url(x.case.site) and any(key in carried for key in x.keys):
            found.append(Problem(f"keys were sent to {_origin(request.url)}", keyword="keys"))
    if x.outcome.kind == "snapshot":
        found.append(Problem("a redirect to another origin was reported as a success", keyword="success"))
    return found


@clause("page: the site table; safety")
def c_site(x: Exchange, spec: Spec) -> list[Problem] | None:
    """A site that cannot be a Datadog host is refused and nothing is sent; so should be every other one."""
    wrong = x.case.violation
    if wrong is None or wrong.pointer != "site" or x.outcome.kind == "unsupported":
        return None
    level: Level | None = "should" if wrong.keyword == "enum" else None
    sent = [Problem(f"the site {x.case.site!r} was sent a request", "site", "sent", level=level)] if x.requests else []
    told = x.outcome.kind != "refused" and not x.requests and x.outcome.kind != "crashed"
    if told:
        sent.append(
            Problem(f"the site {x.case.site!r} was reported as {_kind(x.outcome)}", "site", "told", level="should")
        )
    return sent


@clause("page: the site table", per_site=True)
def c_parity(x: Exchange, spec: Spec) -> list[Problem] | None:
    """The eight sites get the same request, host aside, and the same answer gives the same outcome."""
    other = x.reference
    if other is None:
        return None
    found = []
    if [_request(request, spec) for request in x.requests] != [_request(request, spec) for request in other.requests]:
        found.append(Problem(f"{x.case.site} gets another request than {other.case.site}", keyword="request", kind=""))
    ours, theirs = x.outcome, other.outcome
    if (ours.kind, ours.status, ours.errors, ours.snapshot) != (
        theirs.kind,
        theirs.status,
        theirs.errors,
        theirs.snapshot,
    ):
        message = f"{x.case.site} ends as {_kind(ours)}, {other.case.site} as {_kind(theirs)}"
        found.append(Problem(message, keyword="outcome", kind=""))
    return found


def _request(request: Request, spec: Spec) -> Json:
    try:
        body: Json = json.loads(request.body)
    except (ValueError, RecursionError):
        body = request.body
    documented = (*spec.auth_headers, "Content-Type", "Accept")
    target = request.url.split("://", 1)[-1].partition("/")[2]
    return request.method, target, [request.all_headers(name) for name in documented], body


@clause("safety")
def c_time(x: Exchange, spec: Spec) -> list[Problem] | None:
    """A stalled or dripping answer ends within the caller's time-out and 1 s; one cut short is no success."""
    slow = next((answer for answer in x.answers if answer is not None and answer.delivery != "whole"), None)
    if slow is None or x.outcome.kind == "unsupported":
        return None
    found = []
    if x.outcome.seconds > x.case.timeout_s + 1:
        message = f"the call took {x.outcome.seconds:.1f} s, its time-out was {x.case.timeout_s} s"
        found.append(Problem(message, keyword=slow.delivery))
    if x.outcome.kind == "snapshot" and slow.delivery != "drip":
        found.append(Problem(f"an answer that was {slow.delivery} was reported as a success", keyword="success"))
    return found


@clause("safety; RFC 9110, 4.3.4")
def c_tls(x: Exchange, spec: Spec) -> list[Problem] | None:
    """Over plain http, or to a host whose certificate is not trusted, no key is sent."""
    if x.case.tls == "trusted" or x.outcome.kind == "unsupported":
        return None
    for request in x.requests:
        carried = request.url + "".join(value for _, value in request.headers) + request.body.decode("latin-1")
        if any(key in carried for key in x.keys):
            return [Problem(f"keys were sent to a host with: {x.case.tls}", keyword=x.case.tls)]
    return []


@clause("safety; RFC 9110, 5.5")
def c_secret(x: Exchange, spec: Spec) -> list[Problem] | None:
    """No key is in any message, log line or output; with a key that holds CR, LF or NUL nothing is sent."""
    found = []
    if x.case.violation is not None and x.case.violation.pointer == "keys" and x.requests:
        found.append(Problem("a key that no header can hold was sent", "keys", "sent"))
    told = x.outcome
    text = "\n".join((told.message, told.output, told.stray, *told.errors))
    encoded = [base64.b64encode(piece.encode()).decode() for piece in _pieces(x)]
    if any(piece in text for piece in (*_pieces(x), *encoded)):
        found.append(Problem(f"a key is in what the client says ({told.kind})", keyword="said"))
    return found


CLIENT: tuple[Clause, ...] = (
    c_method, c_host, c_path, c_auth, c_media, c_body, c_valid, c_accept, c_snapshot, c_answer, c_error,
    c_error_odd, c_alive, c_retry, c_redirect, c_site, c_parity, c_time, c_tls, c_secret,
)  # fmt: skip
