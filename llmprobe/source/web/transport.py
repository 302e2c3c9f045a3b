"""
urllib as the transport: proxies, certificates, and the socket of each connection handed over.
"""

import functools
import http.client
import ipaddress
import os
import socket
import ssl
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.parse import SplitResult, urlsplit

from llmprobe.errors import ModelError
from llmprobe.words.message import Message, message

Keep = Callable[[socket.socket], None]
_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Where a company's certificates lie for other programs. SSL_CERT_FILE and SSL_CERT_DIR are OpenSSL's own."""


def opener(keep: Keep, proxies: urllib.request.ProxyHandler) -> urllib.request.OpenerDirector:
    """
    What opens http and https by way of these proxies, and neither follows nor judges an answer.
    """

    certificates = functools.cache(_context)

    class Plain(http.client.HTTPConnection):
        def connect(self) -> None:
            super().connect()
            keep(self.sock)

    class Secure(http.client.HTTPSConnection):
        def connect(self) -> None:
            super().connect()
            keep(self.sock)

    class PlainHandler(urllib.request.HTTPHandler):
        def http_open(self, request: urllib.request.Request) -> Any:
            return self.do_open(Plain, request)

    class SecureHandler(urllib.request.HTTPSHandler):
        def https_open(self, request: urllib.request.Request) -> Any:
            return self.do_open(Secure, request, context=certificates())

    director = urllib.request.OpenerDirector()
    for handler in (proxies, PlainHandler(), SecureHandler(), urllib.request.UnknownHandler()):
        director.add_handler(handler)
    return director


def _context() -> ssl.SSLContext:
    """
    The system's certificates, and those that other programs of a company are told of.
    """
    context = ssl.create_default_context()
    for name in _BUNDLES:
        bundle = os.environ.get(name)
        if bundle:
            try:
                context.load_verify_locations(bundle)
            except (OSError, ssl.SSLError) as error:
                raise ModelError(
                    message("web.certificates-unreadable", variable=name, reason=plain(error))
                ) from error
    return context


def is_here(place: SplitResult) -> bool:
    """
    Whether an address is on this machine, which is never asked through a proxy.
    """
    host = place.hostname or ""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _proxy_of(place: SplitResult) -> str | None:
    """
    The host of the proxy that an address is asked through, without what may be secret in it.
    """
    if is_here(place) or urllib.request.proxy_bypass(place.netloc):
        return None
    proxy = urllib.request.getproxies().get(place.scheme)
    return None if not proxy else urlsplit(proxy if "://" in proxy else f"//{proxy}").hostname


def network_hint(place: SplitResult) -> Message | None:
    """
    What to think of where a host can't be reached: the proxy that it was asked through.
    """
    proxy = _proxy_of(place)
    if proxy is None:
        return None
    return message("hint.proxy", proxy=plain(proxy), variable=f"{place.scheme.upper()}_PROXY")


def plain(text: object) -> str:
    """
    Text without signs that a terminal obeys.
    """
    return "".join(letter if letter.isprintable() else "?" for letter in str(text))
