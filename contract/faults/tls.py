"""Known ways to trust whom no one should: adapters of requests, one of which a faulty client mounts for https."""

import ssl
import warnings
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import InsecureRequestWarning

__all__ = ["AnyAuthority", "AnyDate", "AnyName", "PlainInstead"]

_NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL, which Python does not name."""


class AnyAuthority(HTTPAdapter):
    """Verifies nothing, as `verify=False` has it."""

    def send(
        self, request: requests.PreparedRequest, *args: Any, **settings: Any
    ) -> requests.Response:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", InsecureRequestWarning
            )  # this client was not careful enough to hear it
            return super().send(request, *args, **settings | {"verify": False})


class AnyName(HTTPAdapter):
    """Takes a certificate of any host."""

    def cert_verify(self, conn: Any, *given: Any) -> None:
        super().cert_verify(conn, *given)  # type: ignore[no-untyped-call]
        conn.assert_hostname = False


class AnyDate(HTTPAdapter):
    """Takes a certificate that has expired."""

    def build_connection_pool_key_attributes(
        self, *given: Any, **more: Any
    ) -> tuple[Any, Any]:
        host, pool = super().build_connection_pool_key_attributes(*given, **more)
        context = ssl.create_default_context()
        context.verify_flags |= _NO_CHECK_TIME
        return host, {**pool, "ssl_context": context}


class PlainInstead(HTTPAdapter):
    """Tries plain http where TLS fails."""

    def send(
        self, request: requests.PreparedRequest, *args: Any, **settings: Any
    ) -> requests.Response:
        try:
            return super().send(request, *args, **settings)
        except requests.ConnectionError:
            request.url = str(request.url).replace("https://", "http://", 1)
            return super().send(request, *args, **settings)
