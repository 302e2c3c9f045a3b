"""
Networks of companies: proxies, and certificates of their own.
"""

import shutil
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from llmprobe.errors import ModelError
from llmprobe.source.web.client import Client
from tests.web_server import Exchange, WebServer, serving

pytestmark = pytest.mark.live

VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


REQUEST = (
    *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
    *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def server() -> Iterator[WebServer]:
    """
    A server that answers everything, as a proxy does too.
    """

    def answer(exchange: Exchange) -> None:
        exchange.whole(b"a model")

    with serving(answer) as served:
        yield served


def fetched(url: str) -> bytes:
    client = Client()
    try:
        return client.get(url).read_all(100)
    finally:
        client.close()


def test_another_host_is_asked_through_the_proxy(server: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy is told the whole address, and its name is looked up by nobody here."""
    monkeypatch.setenv("HTTP_PROXY", server.url(""))

    assert fetched("http://models.invalid/m.gguf") == b"a model"
    assert [path for path, _ in server.questions] == ["http://models.invalid/m.gguf"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_this_machine_is_never_asked_through_a_proxy(
    host: str, server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy that is not there is no obstacle to a server that is here."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

    assert fetched(server.url("/m.gguf", host)) == b"a model"
    assert [path for path, _ in server.questions] == ["/m.gguf"]


def test_a_host_of_no_proxy_is_asked_directly(server: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proxy sees nothing of it."""
    monkeypatch.setenv("HTTP_PROXY", server.url(""))
    monkeypatch.setenv("NO_PROXY", "models.invalid")
    with pytest.raises(ModelError, match=r"there is no host models\.invalid"):
        fetched("http://models.invalid/m.gguf")

    assert server.questions == []


def test_a_proxy_that_refuses_is_named(server: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the password that may be in its address."""
    monkeypatch.setenv("HTTPS_PROXY", f"http://me:secret@127.0.0.1:{server.port}")
    with pytest.raises(ModelError) as caught:
        fetched("https://models.invalid/m.gguf")

    assert "models.invalid cannot be reached: Tunnel connection failed: 501" in str(caught.value)
    assert "through the proxy 127.0.0.1 (HTTPS_PROXY)" in str(caught.value.hint)
    assert "secret" not in str(caught.value) + str(caught.value.hint)


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """
    The address of a server with a certificate that nobody else vouches for, and that certificate.
    """
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl makes the certificate")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        (openssl, *REQUEST, "-keyout", str(key), "-out", str(certificate)),
        check=True,
        capture_output=True,
    )

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"a model")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the library calls it
            return

    class Server(HTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            return

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with Server(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"https://localhost:{server.server_address[1]}/m.gguf", certificate
        server.shutdown()


def test_an_unknown_certificate_is_refused_with_what_to_do(secure: tuple[str, Path]) -> None:
    """A company's proxy looks like this."""
    with pytest.raises(ModelError, match="the certificate of localhost cannot be verified") as caught:
        fetched(secure[0])

    assert "set SSL_CERT_FILE" in str(caught.value.hint)


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_companys_certificate_is_taken(
    variable: str, secure: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the variables that other programs are told of it with."""
    monkeypatch.setenv(variable, str(secure[1]))

    assert fetched(secure[0]) == b"a model"


def test_certificates_that_are_not_there_are_said(
    secure: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the variable that names them."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/at/all.pem")
    with pytest.raises(ModelError, match="the certificates of REQUESTS_CA_BUNDLE cannot be read"):
        fetched(secure[0])


def test_a_closed_client_leaves_no_thread(server: WebServer) -> None:
    """Whoever asks for many models has not a thread for each."""
    # Other tests of this process leave threads that hang on purpose.
    before = _waiting()
    for _ in range(5):
        fetched(server.url("/m.gguf"))
    until = time.monotonic() + 5
    while _waiting() - before and time.monotonic() < until:
        time.sleep(0.01)

    assert _waiting() - before == set()


def _waiting() -> set[str]:
    return {thread.name for thread in threading.enumerate() if "(_work)" in thread.name}
