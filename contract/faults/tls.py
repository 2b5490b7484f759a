"""Transports that trust a host that nobody should trust, or need no TLS."""

import ssl
import warnings
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import InsecureRequestWarning

NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL, which Python does not name."""


class AnyAuthority(HTTPAdapter):
    """Verifies nothing."""

    def send(
        self, request: requests.PreparedRequest, *args: Any, **settings: Any
    ) -> requests.Response:
        """Send a request with `verify=False`."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InsecureRequestWarning)
            return super().send(request, *args, **settings | {"verify": False})


class AnyName(HTTPAdapter):
    """Accepts a certificate of any host."""

    def cert_verify(self, conn: Any, *args: Any) -> None:
        """Set up the connection without a comparison of host names."""
        super().cert_verify(conn, *args)  # type: ignore[no-untyped-call]
        conn.assert_hostname = False


class AnyDate(HTTPAdapter):
    """Accepts a certificate that has expired."""

    def build_connection_pool_key_attributes(
        self, *args: Any, **settings: Any
    ) -> tuple[Any, Any]:
        """Return settings with a TLS context that ignores dates."""
        host, pool = super().build_connection_pool_key_attributes(*args, **settings)
        context = ssl.create_default_context()
        context.verify_flags |= NO_CHECK_TIME
        return host, {**pool, "ssl_context": context}


class PlainInstead(HTTPAdapter):
    """Tries plain http if TLS fails."""

    def send(
        self, request: requests.PreparedRequest, *args: Any, **settings: Any
    ) -> requests.Response:
        """Send a request, once more over http after a failure."""
        try:
            return super().send(request, *args, **settings)
        except requests.ConnectionError:
            request.url = str(request.url).replace("https://", "http://", 1)
            return super().send(request, *args, **settings)
