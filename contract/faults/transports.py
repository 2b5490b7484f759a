"""Transports that alter requests, trust what nobody should trust, or need no TLS."""

import ssl
import warnings
from collections.abc import Callable
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import InsecureRequestWarning

NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL, which Python does not name."""


class MutatingTransport(HTTPAdapter):
    """Alters each request just before it is sent."""

    def __init__(self, mutate: Callable[[Any], object]) -> None:
        super().__init__()
        self._mutate = mutate

    def send(self, request: Any, *args: Any, **settings: Any) -> requests.Response:
        self._mutate(request)
        return super().send(request, *args, **settings)


class AnyAuthority(HTTPAdapter):
    """Verifies nothing."""

    def send(self, *args: Any, **settings: Any) -> requests.Response:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", InsecureRequestWarning)
            return super().send(*args, **settings | {"verify": False})


class Lenient(HTTPAdapter):
    """Connects with other TLS settings of urllib3."""

    def __init__(self, **tls: Any) -> None:
        super().__init__()
        self._tls = tls

    def build_connection_pool_key_attributes(self, *args: Any) -> tuple[Any, Any]:
        host, pool = super().build_connection_pool_key_attributes(*args)
        return host, pool | self._tls


def any_name() -> Lenient:
    return Lenient(assert_hostname=False)


def any_date() -> Lenient:
    context = ssl.create_default_context()
    context.verify_flags |= NO_CHECK_TIME
    return Lenient(ssl_context=context)


class PlainInstead(HTTPAdapter):
    """Tries plain http if TLS fails."""

    def send(self, request: Any, *args: Any, **settings: Any) -> requests.Response:
        try:
            return super().send(request, *args, **settings)
        except requests.ConnectionError:
            request.url = request.url.replace("https://", "http://", 1)
            return super().send(request, *args, **settings)
