"""The proxy that the environment names for a service."""

import base64
import re
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from contract.errors import UsageError
from contract.redaction import proxies

ACCEPTED = "accepted: http://[user:password@]host[:port]"


@dataclass(frozen=True)
class Proxy:
    """A proxy that is asked to connect in plain HTTP. `login` is in Base64."""

    host: str
    port: int
    login: str = field(default="", repr=False)


def proxy_for(scheme: str, host: str) -> Proxy | None:
    """Return the proxy for a host, or None. Raise UsageError for an unusable one.

    HTTPS_PROXY, else ALL_PROXY. NO_PROXY has exceptions. No message has a password.
    """
    addresses = proxies()
    names = [name for name in (scheme, "all") if addresses.get(name)]
    if not names:
        return None
    # Slow to import, and few machines have a proxy.
    from urllib.request import proxy_bypass

    if proxy_bypass(host):
        return None
    variable = f"{names[0].upper()}_PROXY"
    address = addresses[names[0]]
    own = re.match(r"(?i)([a-z][a-z0-9+.-]*)://", address)
    if own and own[1].lower() != "http":
        raise UsageError(f"{variable}: {own[1]}:// is not supported; {ACCEPTED}")
    try:
        parts = urlsplit(address if own else f"http://{address}")
        login = ""
        if parts.username is not None:
            text = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            login = base64.b64encode(text.encode()).decode()
        proxy = Proxy(parts.hostname or "", parts.port or 80, login)
    except ValueError:
        proxy = Proxy("", 0)
    if not proxy.host:
        raise UsageError(f"{variable}: is no address of a proxy; {ACCEPTED}")
    return proxy
