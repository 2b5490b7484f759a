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
from contract.model import Exchange, Problem
from contract.spec import Spec

__all__ = ["REQUEST"]


@clause("page: the operation's method")
def c_method(x: Exchange, spec: Spec) -> list[Problem] | None:
    """One call is one PATCH; more requests only where a retry is allowed."""
    told, wrong = told_to_caller(x), x.case.violation
    if wrong is not None and wrong.pointer == "site":
        return None
    sent = (
        bool(x.requests) or x.case.timeout_s < 1
    )  # so short a time-out may end a call before it begins
    if not x.requests and (
        sent or not is_sendable(x) or not told or told.kind == "refused"
    ):
        return None
    found = (
        []
        if sent
        else [
            Problem(
                f"nothing was sent: {told and told.message[:200]}",
                keyword="none",
                kind="",
            )
        ]
    )
    found += [
        Problem(
            f"the method is {request.method}, not {spec.method}",
            keyword="method",
            kind="",
        )
        for request in own_requests(x)
        if request.method != spec.method
    ]
    extra = len(own_requests(x)) - 1
    if extra > 0 and not x.case.retry:
        asked = x.case.answers[0].status if x.case.answers else "nothing"
        found.append(
            Problem(
                f"{extra + 1} requests for one call; its answer was {asked}",
                keyword="count",
            )
        )
    return found


@clause("page: the site table", per_site=True)
def c_host(x: Exchange, spec: Spec) -> list[Problem] | None:
    """A call goes to https://api.{site}, for each of the eight, and to nothing else."""
    if not x.requests or x.case.site not in spec.sites:
        return None
    ours = spec.url(x.case.site)
    return [
        Problem(
            f"sent to {origin_of(request.url)}, not to {ours}", keyword="host", kind=""
        )
        for request in own_requests(x)
        if origin_of(request.url) != ours
    ]


@clause("page: path parameter snapshot_id; RFC 3986, 2.1 and 3.3")
def c_path(x: Exchange, spec: Spec) -> list[Problem] | None:
    """The path is the documented one, its id one percent-encoded segment that decodes once to the caller's."""
    bad = x.case.violation is not None and x.case.violation.pointer == "snapshot_id"
    if bad:
        if told_to_caller(x) is None and not x.requests:
            return None
        return (
            [
                Problem(
                    "an id that cannot be a path segment was sent",
                    "snapshot_id",
                    "refused",
                )
            ]
            if x.requests
            else []
        )
    if not x.requests or x.case.violation is not None:
        return None
    before, _, after = spec.path.partition("{snapshot_id}")
    found = []
    for request in own_requests(x):
        target = request.url.split("://", 1)[-1].partition("/")[2]
        path, mark, _ = f"/{target}".partition("?")
        path, hash_, _ = path.partition("#")
        segment = path.removeprefix(before).removesuffix(after)
        whole = path.startswith(before) and path == before + segment + after
        if mark or hash_ or not whole or "/" in segment:
            found.append(
                Problem(
                    f"the path is {path[:200]!r}, not {spec.path}",
                    "snapshot_id",
                    "path",
                )
            )
        elif unquote_to_bytes(segment) != x.case.snapshot_id.encode(
            errors="surrogatepass"
        ):
            message = (
                f"the id {x.case.snapshot_id[:80]!r} was sent as {segment[:120]!r}"
            )
            found.append(Problem(message, "snapshot_id", "decoded"))
    return found


@clause("page: authentication headers; RFC 9110, 5.1")
def c_auth(x: Exchange, spec: Spec) -> list[Problem] | None:
    """Both keys are sent, each in its own header, once, and nowhere else."""
    if not x.requests or not is_sendable(x):
        return None
    found, names = [], {name.lower() for name in spec.auth_headers}
    for request in own_requests(x):
        for name, key in zip(spec.auth_headers, x.keys, strict=True):
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
                    Problem(
                        f"{name}: {how}",
                        name,
                        how,
                        kind="" if x.case.keys == "plain" else None,
                    )
                )
        rest = [value for name, value in request.headers if name.lower() not in names]
        elsewhere = {
            "url": request.url,
            "body": request.body.decode(errors="replace"),
            "header": "\n".join(rest),
        }
        for place, text in elsewhere.items():
            if any(key in text for key in x.keys):
                found.append(
                    Problem(f"a key is in the {place}", place, "key elsewhere", kind="")
                )
    return found


@clause("page: request headers and media types; RFC 9110, 8.3 and 12.5.1")
def c_media(x: Exchange, spec: Spec) -> list[Problem] | None:
    """Content-Type is application/json; Accept admits it; the answer's Content-Type never decides about success."""
    if not x.requests or not is_sendable(x):
        return None
    found = []
    for request in own_requests(x):
        sent = request.all_headers("Content-Type")
        if [value.split(";")[0].strip().lower() for value in sent] != [
            "application/json"
        ]:
            found.append(
                Problem(
                    f"Content-Type is {sent or 'missing'}",
                    "Content-Type",
                    "media type",
                    kind="",
                )
            )
        accept = request.all_headers("Accept")
        if accept and not _admits(",".join(accept)):
            found.append(
                Problem(f"Accept is {accept}", "Accept", "media type", kind="")
            )
    answer, told = documented_success(x, spec), told_to_caller(x)
    if (
        answer
        and told
        and (answer.header("Content-Type") or "") != "application/json"
        and told.kind != "snapshot"
    ):
        media = answer.header("Content-Type")
        found.append(
            Problem(
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
def c_body(x: Exchange, spec: Spec) -> list[Problem] | None:
    """The body on the wire equals the caller's as JSON: every number, character and absence."""
    if not x.requests or not (
        is_sendable(x) or (_is_invalid(x) and x.case.tls == "trusted")
    ):
        return None
    found = []
    for request in own_requests(x):
        sent = read_sent(request)
        if _is_invalid(x) and (sent.trouble or not spec.request.is_valid(sent.value)):
            continue  # C-VALID says so
        if sent.trouble:
            found.append(Problem(f"the body is {sent.trouble}", keyword="JSON"))
            continue
        found += [
            Problem(
                f"the body was altered at {each}",
                spec.request.place(each.pointer),
                each.how,
                kind="",
            )
            for each in differences(x.case.body, sent.value)
        ]
    return found


def _is_invalid(x: Exchange) -> bool:
    """Tell whether the caller's body breaks the schema."""
    wrong = x.case.violation
    return wrong is not None and (wrong.pointer == "" or wrong.pointer.startswith("/"))


@clause("page: request model")
def c_valid(x: Exchange, spec: Spec) -> list[Problem] | None:
    """No body that breaks the request schema reaches the wire."""
    wrong = x.case.violation
    if wrong is None or not _is_invalid(x):
        return None
    if not x.requests:
        return None if x.outcome.kind == "unsupported" else []
    for request in own_requests(x):
        sent = read_sent(request)
        if sent.trouble or not spec.request.is_valid(sent.value):
            return [
                Problem(
                    f"a body that breaks {wrong} was sent", wrong.pointer, wrong.keyword
                )
            ]
    return []  # what was sent is not what the caller said: that is C-BODY's


@clause("page: request model")
def c_accept(x: Exchange, spec: Spec) -> list[Problem] | None:
    """No valid input is refused."""
    told = told_to_caller(x)
    if not is_sendable(x) or told is None or x.case.site not in spec.sites:
        return None
    if told.kind == "refused":
        return [
            Problem(f"valid input was refused: {told.message[:200]}", keyword="refused")
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
