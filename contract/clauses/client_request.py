"""The clauses that judge what a client sends."""

from functools import lru_cache
from urllib.parse import unquote_to_bytes

from contract.clauses.base import Clause, clause, differences
from contract.clauses.client_context import (
    documented_success,
    is_sendable,
    kind_of,
    origin_of,
    own_requests,
    read_sent,
    told_to_caller,
)
from contract.model import Exchange, Finding
from contract.spec import Spec

__all__ = ["REQUEST"]


@clause("page: the operation's method")
def c_method(exchange: Exchange, spec: Spec) -> list[Finding] | None:
    """One call is one PATCH; more requests only where a retry is allowed."""
    told, wrong = told_to_caller(exchange), exchange.case.violation
    if wrong is not None and wrong.pointer == "site":
        return None
    sent = (
        bool(exchange.requests) or exchange.case.timeout_s < 1
    )  # so short a time-out may end a call before it begins
    if not exchange.requests and (
        sent or not is_sendable(exchange) or not told or told.kind == "refused"
    ):
        return None
    found = (
        []
        if sent
        else [
            Finding(
                f"nothing was sent: {told and told.message[:200]}",
                keyword="none",
                kind="",
            )
        ]
    )
    found += [
        Finding(
            f"the method is {request.method}, not {spec.method}",
            keyword="method",
            kind="",
        )
        for request in own_requests(exchange)
        if request.method != spec.method
    ]
    extra = len(own_requests(exchange)) - 1
    if extra > 0 and not exchange.case.retry:
        asked = (
            exchange.case.responses[0].status if exchange.case.responses else "nothing"
        )
        found.append(
            Finding(
                f"{extra + 1} requests for one call; its answer was {asked}",
                keyword="count",
            )
        )
    return found


@clause("page: the site table", per_site=True)
def c_host(exchange: Exchange, spec: Spec) -> list[Finding] | None:
    """A call goes to https://api.{site}, for each of the eight, and to nothing else."""
    if not exchange.requests or exchange.case.site not in spec.sites:
        return None
    ours = spec.url(exchange.case.site)
    return [
        Finding(
            f"sent to {origin_of(request.url)}, not to {ours}", keyword="host", kind=""
        )
        for request in own_requests(exchange)
        if origin_of(request.url) != ours
    ]


@clause("page: path parameter snapshot_id; RFC 3986, 2.1 and 3.3")
def c_path(exchange: Exchange, spec: Spec) -> list[Finding] | None:
    """The path is the documented one, its id one percent-encoded segment that decodes once to the caller's."""
    bad = (
        exchange.case.violation is not None
        and exchange.case.violation.pointer == "snapshot_id"
    )
    if bad:
        if told_to_caller(exchange) is None and not exchange.requests:
            return None
        return (
            [
                Finding(
                    "an id that cannot be a path segment was sent",
                    "snapshot_id",
                    "refused",
                )
            ]
            if exchange.requests
            else []
        )
    if not exchange.requests or exchange.case.violation is not None:
        return None
    before, _, after = spec.path.partition("{snapshot_id}")
    found = []
    for request in own_requests(exchange):
        target = request.url.split("://", 1)[-1].partition("/")[2]
        path, mark, _ = f"/{target}".partition("?")
        path, hash_, _ = path.partition("#")
        segment = path.removeprefix(before).removesuffix(after)
        whole = path.startswith(before) and path == before + segment + after
        if mark or hash_ or not whole or "/" in segment:
            found.append(
                Finding(
                    f"the path is {path[:200]!r}, not {spec.path}",
                    "snapshot_id",
                    "path",
                )
            )
        elif unquote_to_bytes(segment) != exchange.case.snapshot_id.encode(
            errors="surrogatepass"
        ):
            message = f"the id {exchange.case.snapshot_id[:80]!r} was sent as {segment[:120]!r}"
            found.append(Finding(message, "snapshot_id", "decoded"))
    return found


@clause("page: authentication headers; RFC 9110, 5.1")
def c_auth(exchange: Exchange, spec: Spec) -> list[Finding] | None:
    """Both keys are sent, each in its own header, once, and nowhere else."""
    if not exchange.requests or not is_sendable(exchange):
        return None
    found, names = [], {name.lower() for name in spec.auth_headers}
    for request in own_requests(exchange):
        for name, key in zip(spec.auth_headers, exchange.keys, strict=True):
            given = request.all_headers(name)
            if given != [key]:
                how = (
                    "missing"
                    if not given
                    else "twice"
                    if len(given) > 1
                    else "another value"
                )
                found.append(
                    Finding(
                        f"{name}: {how}",
                        name,
                        how,
                        kind="" if exchange.case.keys == "plain" else None,
                    )
                )
        rest = [value for name, value in request.headers if name.lower() not in names]
        elsewhere = {
            "url": request.url,
            "body": request.body.decode(errors="replace"),
            "header": "\n".join(rest),
        }
        for place, text in elsewhere.items():
            if any(key in text for key in exchange.keys):
                found.append(
                    Finding(f"a key is in the {place}", place, "key elsewhere", kind="")
                )
    return found


@clause("page: request headers and media types; RFC 9110, 8.3 and 12.5.1")
def c_media(exchange: Exchange, spec: Spec) -> list[Finding] | None:
    """Content-Type is application/json; Accept admits it; the answer's Content-Type never decides about success."""
    if not exchange.requests or not is_sendable(exchange):
        return None
    found = []
    for request in own_requests(exchange):
        sent = request.all_headers("Content-Type")
        if [value.split(";")[0].strip().lower() for value in sent] != [
            "application/json"
        ]:
            found.append(
                Finding(
                    f"Content-Type is {sent or 'missing'}",
                    "Content-Type",
                    "media type",
                    kind="",
                )
            )
        accept = request.all_headers("Accept")
        if accept and not _admits(",".join(accept)):
            found.append(
                Finding(f"Accept is {accept}", "Accept", "media type", kind="")
            )
    answer, told = documented_success(exchange, spec), told_to_caller(exchange)
    if (
        answer
        and told
        and (answer.header("Content-Type") or "") != "application/json"
        and told.kind != "snapshot"
    ):
        media = answer.header("Content-Type")
        found.append(
            Finding(
                f"a documented success as {media!r} was reported as {kind_of(told)}",
                keyword="answer",
            )
        )
    return found


@lru_cache
def _admits(accept: str) -> bool:
    ranges = [
        part.strip().lower().replace(" ", "").partition(";")
        for part in accept.split(",")
    ]
    return any(
        media in ("application/json", "application/*", "*/*")
        and not set(rest.split(";")) & {"q=0", "q=0.0", "q=0.000"}
        for media, _, rest in ranges
    )


@clause("page: request body; RFC 8259")
def c_body(exchange: Exchange, spec: Spec) -> list[Finding] | None:
    """The body on the wire equals the caller's as JSON: every number, character and absence."""
    if not exchange.requests or not (
        is_sendable(exchange)
        or (_is_invalid(exchange) and exchange.case.tls == "trusted")
    ):
        return None
    found = []
    for request in own_requests(exchange):
        sent = read_sent(request)
        if _is_invalid(exchange) and (
            sent.trouble or not spec.request.is_valid(sent.value)
        ):
            continue  # C-VALID says so
        if sent.trouble:
            found.append(Finding(f"the body is {sent.trouble}", keyword="JSON"))
            continue
        found += [
            Finding(
                f"the body was altered at {each}",
                spec.request.place(each.pointer),
                each.how,
                kind="",
            )
            for each in differences(exchange.case.body, sent.value)
        ]
    return found


def _is_invalid(exchange: Exchange) -> bool:
    """Tell whether the caller's body breaks the schema."""
    wrong = exchange.case.violation
    return wrong is not None and (wrong.pointer == "" or wrong.pointer.startswith("/"))


@clause("page: request model")
def c_valid(exchange: Exchange, spec: Spec) -> list[Finding] | None:
    """No body that breaks the request schema reaches the wire."""
    wrong = exchange.case.violation
    if wrong is None or not _is_invalid(exchange):
        return None
    if not exchange.requests:
        return None if exchange.outcome.kind == "unsupported" else []
    for request in own_requests(exchange):
        sent = read_sent(request)
        if sent.trouble or not spec.request.is_valid(sent.value):
            return [
                Finding(
                    f"a body that breaks {wrong} was sent", wrong.pointer, wrong.keyword
                )
            ]
    return []  # what was sent is not what the caller said: that is C-BODY's


@clause("page: request model")
def c_accept(exchange: Exchange, spec: Spec) -> list[Finding] | None:
    """No valid input is refused."""
    told = told_to_caller(exchange)
    if (
        not is_sendable(exchange)
        or told is None
        or exchange.case.site not in spec.sites
    ):
        return None
    if told.kind == "refused":
        return [
            Finding(f"valid input was refused: {told.message[:200]}", keyword="refused")
        ]
    return []


REQUEST: tuple[Clause, ...] = (
    c_method,
    c_host,
    c_path,
    c_auth,
    c_media,
    c_body,
    c_valid,
    c_accept,
)
