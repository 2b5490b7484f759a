"""Checks of services, and how the command line and pytest name them."""

import os
import re
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Unpack

from contract.cases.placeholders import KeyPair
from contract.engine.job import RunOptions, make_job
from contract.engine.verdict import Verdict, merge_parts
from contract.errors import UsageError
from contract.live import Bounds, LiveOptions, check_remote
from contract.live.access import are_remote, by_owner, chosen_keys
from contract.model import Headers, SubjectKind
from contract.options import parameters_of
from contract.redaction import Redactor, secrets_of_headers, secrets_of_keys
from contract.report.files import writing
from contract.spec import load
from contract.subjects.http import TlsFiles, tls_files
from contract.subjects.service import MultiSiteService, service_under_test
from contract.version import suite_version

REMOTE_ONLY = ("max_requests", "max_minutes", "clean_up_s", "snapshot_view")
"""Options of `check_service` that mean nothing on loopback."""


class ServiceOptions(RunOptions, Bounds, TlsFiles, total=False):
    """Options of `check_service`. The bounds are for services that are remote.

    Sites have `names` instead of their URLs. `keys` are API key and application key
    (default: DD_API_KEY and DD_APP_KEY), `other_keys` those of a second organization
    (CONTRACT_OTHER_API_KEY and _APP_KEY). With `snapshot_id` nothing is created or
    listed. No report shows keys, a header whose name speaks of a secret, or one of the
    `secrets`. Without `collection` no case changes that of a service on loopback.
    `max_lag_s` bounds the seconds until a list shows an update (default: 3 on loopback,
    else 5), `max_rate` the requests in a second. A service is remote if it is neither
    on loopback nor `disposable`: its user may lose it.
    """

    keys: tuple[str, str] | None
    other_keys: tuple[str, str] | None
    snapshot_id: str | None
    snapshot_view: str | None
    headers: Headers
    secrets: Mapping[str, str]
    collection: bool
    max_rate: float | None
    max_lag_s: float | None
    disposable: bool
    names: tuple[str, ...]


@writing
def check_service(*urls: str, **options: Unpack[ServiceOptions]) -> Verdict:
    """Check a service by the clauses for services. No URL means the embedded sandbox.

    Several URLs are sites of one service, which must behave alike. Remote ones are
    checked in turn, as live sites are. `Verdict.leftovers` names snapshots of the run
    that could not be removed. Raise UsageError for an option that cannot be used,
    SubjectError if nothing could be judged.
    """
    if are_remote(urls, disposable=options.get("disposable", False)):
        return check_remotes(urls, options)
    job = make_job(SubjectKind.SERVICE, load(), options)
    with ExitStack() as stack:
        drawn = None
        if urls:
            drawn = stack.enter_context(job.drawing_beside())
            # Its thread would prevent a fork before.
            getattr(options.get("progress"), "start", lambda: None)()
        subject = stack.enter_context(services_under_test(*urls, **options))
        verdict = job.run(subject, subject.sites, drawn)
        reasons, notes = subject.reasons, {**verdict.notes, **subject.notes}
    return replace(verdict, reasons=reasons, notes=notes, leftovers=subject.leftovers)


def check_remotes(urls: Sequence[str], options: ServiceOptions) -> Verdict:
    """Check remote services one after the other, and join the verdicts."""
    pairs, secrets = by_owner(*keys_of(options)), secrets_of(options)
    left_out = {"keys", "other_keys", "secrets", "disposable", "collection"}
    settings: Any = {k: v for k, v in options.items() if k not in left_out}
    check = partial(check_remote, keys=pairs, secrets=secrets, **settings)
    with Redactor.of_environment(secrets).errors():
        parts = list(map(check, dict.fromkeys(urls)))
    return parts[0] if len(parts) == 1 else merge_parts(parts)


def keys_of(options: ServiceOptions) -> tuple[KeyPair, KeyPair | None]:
    """Return the keys of both organizations. Raise UsageError without any."""
    return chosen_keys(options.get("keys"), options.get("other_keys"))


def secrets_of(options: ServiceOptions) -> dict[str, str]:
    """Return the secrets of a service by their names."""
    return {
        **secrets_of_keys(*keys_of(options)),
        **secrets_of_headers(options.get("headers", ())),
        **options.get("secrets", {}),
    }


@contextmanager
def services_under_test(
    *urls: str, **options: Unpack[ServiceOptions]
) -> Iterator[MultiSiteService]:
    """Set up the services at some URLs, else the embedded sandbox. Clean up after."""
    is_sandbox = not urls
    if bounds := [name for name in REMOTE_ONLY if options.get(name) is not None]:
        raise UsageError(f"{', '.join(bounds)}: only for a service that is remote")
    with ExitStack() as stack:
        if is_sandbox:
            # Most services are at a URL.
            from contract.sandbox import ORGS, Sandbox
            from contract.sandbox.serving import sandboxes_for

            urls = tuple(stack.enter_context(sandboxes_for(options, Sandbox())))
            own, other = ORGS
            options = {**options, "keys": own.keys, "other_keys": other.keys}
        keys, other_keys = keys_of(options)
        secrets = secrets_of(options)
        stack.enter_context(Redactor.of_environment(secrets).errors())
        service = service_under_test(
            *dict.fromkeys(urls),
            keys=keys,
            other_keys=other_keys,
            snapshot_id=options.get("snapshot_id"),
            headers=options.get("headers", ()),
            max_rate=options.get("max_rate"),
            **tls_files(options),
            collection=options.get("collection", True),
            is_loopback=options.get("disposable") or None,
            max_lag_s=options.get("max_lag_s"),
            names=options.get("names", ("sandbox",) if is_sandbox else ()),
        )
        subject = stack.enter_context(service)
        subject.secrets = secrets
        if is_sandbox:
            subject.name, subject.version = "sandbox", suite_version()
        yield subject


# -- names --

ACCEPTED = "'NAME: VALUE', NAME:@FILE or NAME:$VARIABLE"


class HeaderOption(NamedTuple):
    """A header of every request. `source` is where its value is, else empty."""

    name: str
    value: str
    source: str

    @property
    def word(self) -> str:
        """The option, for a command line that all may see."""
        return f"--header '{self.name}:{self.source or ' …'}'"


def read_header(line: str) -> HeaderOption:
    """Read an option. Raise UsageError, whose message has no value."""
    name, colon, value = line.partition(":")
    value, source = value.strip(), ""
    if value[:1] == "@" or re.fullmatch(r"\$\w+", value):
        source = value
        value = value_of(f"--header {name}:{source}", source)
    word = name.replace("-", "").replace("_", "")
    if not (colon and word.isascii() and word.isalnum() and value.isprintable()):
        raise UsageError(f"--header: must be {ACCEPTED}, is {name!r} and what follows")
    return HeaderOption(name, value, source)


def value_of(option: str, source: str) -> str:
    try:
        if source[0] == "$":
            value = os.environ[source[1:]].strip()
        else:
            value = Path(source[1:]).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise UsageError(f"{option}: cannot be read: {error.strerror}") from None
    except KeyError:
        raise UsageError(f"{option}: the variable is not set") from None
    except UnicodeDecodeError:
        value = ""
    if not value or not value.isprintable():
        raise UsageError(f"{option}: must hold one line of text")
    return value


def secrets_in(options: Sequence[HeaderOption]) -> dict[str, str]:
    """Return the secrets by their names. A value from elsewhere is one."""
    fields: Headers = tuple(option[:2] for option in options)
    own = {f"header {name}": value for name, value, source in options if source}
    return own | secrets_of_headers(fields)


CONNECTION = ("snapshot-id", "header", "ca-file", "cert", "key")
BOUNDS = ("requests", "minutes", "clean-up", "pause", "unconfirmed")


def check_service_options(
    urls: Sequence[str], live: str | None, names: Collection[str]
) -> None:
    """Raise UsageError for options that do not go together, by their parameters."""
    chosen = [o.name for o in parameters_of("service") if o.parameter in names]
    if "snapshot-view" in chosen and "snapshot-id" not in chosen:
        raise UsageError("--snapshot-view: needs --snapshot-id")
    if live and (urls or {"snapshot-id", "header"} & {*chosen}):
        raise UsageError("--live SITE: goes without URL, --snapshot-id and --header")
    bounds = [f"--{name}" for name in chosen if name.removeprefix("max-") in BOUNDS]
    if bounds and not (live or urls):
        raise UsageError(f"{', '.join(bounds)}: need --live SITE or a URL")
    if not (live or urls) and {*CONNECTION} & {*chosen}:
        raise UsageError(f"--{', --'.join(CONNECTION)}: need a URL")


def is_missing(value: Any) -> bool:
    """Return whether an option was not given. 0 is a value."""
    return value is None or value is False or value in ((), [])


def service_options(
    values: Mapping[str, Any], fields: Sequence[HeaderOption], *, is_live: bool = False
) -> dict[str, Any]:
    """Return the arguments of `check_service`, or those of a live run."""
    kind = LiveOptions if is_live else ServiceOptions
    own = {k: v for k, v in values.items() if k in kind.__annotations__}
    if not is_live:
        own["collection"] = not values.get("no_collection")
        own["headers"] = tuple(field[:2] for field in fields)
        own["secrets"] = secrets_in(fields)
    return own


def without_login(url: str) -> str:
    """Return a URL without user information and query."""
    return re.sub("//[^/?#]*@", "//", url).partition("?")[0]


def service_arguments(
    urls: Sequence[str], values: Mapping[str, Any], fields: Sequence[HeaderOption]
) -> str:
    """Return the words that name a service on a command line, without secrets."""
    words = [
        f" --{item.name}" + ("" if value is True else f" {shlex.quote(str(value))}")
        for item in parameters_of("service")
        if (value := values.get(item.parameter)) is not None
    ]
    words += [f" {header.word}" for header in fields]
    prefix = "" if words else "--service "
    return "".join([*(f" {prefix}{url}" for url in urls), *words])
