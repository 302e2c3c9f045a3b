"""
``llmprobe serve``: the answers over HTTP, for programs of this machine.
"""

import gc
import ipaddress
import os
import socket

import click

from llmprobe.cli import YOUNG_OBJECTS, say
from llmprobe.cli.command import Command, option
from llmprobe.cli.language import written
from llmprobe.cli.options import at_least
from llmprobe.cli.target import Target
from llmprobe.errors import LlmprobeError, UsageError
from llmprobe.source.opening import readable
from llmprobe.words.message import message

TOKEN = "LLMPROBE_TOKEN"  # noqa: S105 - a name
_LEAST_TOKEN = 16
_MOST_TOKEN_FILE = 4096
_LAST_PORT = 65535
_SERVED_OBJECTS = 20_000
"""New objects that set off a search for garbage here: some milliseconds of an answer, not 60 of every twentieth."""


@click.command(
    "serve",
    cls=Command,
    help="help.serve",
    short_help="help.short.serve",
    examples=(
        "llmprobe serve",
        "curl -s localhost:8642/v1/snapshot",
        "llmprobe serve --host 0.0.0.0 --token-file token --allow-host box.lan",
    ),
)
@option("--host", default="127.0.0.1", metavar="ADDRESS", help="help.serve.host")
@option("--port", callback=at_least(0), default="8642", metavar="N", help="help.serve.port")
@option("--token-file", metavar="FILE", help="help.serve.token-file")
@option("--allow-host", "allowed", multiple=True, metavar="NAME", help="help.serve.allow-host")
@click.pass_obj
def command(target: Target, /, host: str, port: int, token_file: str | None, allowed: tuple[str, ...]) -> int:
    """
    Answer until it is interrupted.
    """
    address = _address(host)
    if port > _LAST_PORT:
        raise UsageError(
            message("error.port", port=port), hint=message("hint.such-as", example="--port 8642")
        )
    token = _token(token_file)
    if not address.is_loopback and token is None:
        raise UsageError(message("error.token-needed", host=host), hint=message("hint.token", variable=TOKEN))
    try:
        import uvicorn

        from llmprobe.server.access import LOOPBACK_NAMES
        from llmprobe.server.answers import Answers
        from llmprobe.server.app import application
        from llmprobe.server.machine import Watched
    except ImportError as error:
        raise LlmprobeError(
            message("error.extra-missing", package=error.name or "starlette"),
            hint=message("hint.install-extra", extra="serve"),
        ) from None
    listening = _listen(address, port)
    names = (*LOOPBACK_NAMES, _in_url(address), *allowed)
    answers = Answers(Watched(target.snapshot), this_machine=target.is_live, said_in=written())
    app = application(answers, names=names, token=token)
    url = f"http://{_in_url(address)}:{listening.getsockname()[1]}"
    say.warn([message("serve.listens", url=url)], "note")
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, lifespan="off", timeout_keep_alive=10
    )
    search_little()
    uvicorn.Server(config).run(sockets=[listening])
    # It ends by a signal alone. The loop's own handler may only cancel what has just ended, and then none is raised.
    raise KeyboardInterrupt


def search_little() -> None:
    """
    Let no answer wait long for a search for garbage, in a process that is ours: what is there by now stays.
    """
    if gc.get_threshold()[0] == YOUNG_OBJECTS:
        gc.collect()
        gc.freeze()
        gc.set_threshold(_SERVED_OBJECTS)


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """
    The address to listen at; ``localhost`` is IPv4's.

    Raises:
        UsageError: it is no address.
    """
    try:
        return ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        raise UsageError(
            message("error.no-address", given=host), hint=message("hint.such-as", example="--host 127.0.0.1")
        ) from None


def _in_url(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> str:
    return f"[{address}]" if address.version == 6 else str(address)


def _token(file: str | None) -> str | None:
    """
    The token of a file or the environment: options can be read by every user of a machine.

    Raises:
        UsageError: it is too short to be one.
        LlmprobeError: the file cannot be read.
    """
    token = os.environ.get(TOKEN)
    if file is not None:
        try:
            with readable(file) as opened:
                token = opened.read(_MOST_TOKEN_FILE).decode("ascii").strip()
        except (OSError, ValueError) as error:
            why = (getattr(error, "strerror", None) or "it is no text").lower()
            raise LlmprobeError(message("error.token-unread", path=file, why=why)) from None
    if token is None:
        return None
    if len(token) < _LEAST_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise UsageError(
            message("error.token-weak", least=_LEAST_TOKEN), hint=message("hint.token", variable=TOKEN)
        )
    return token


def _listen(address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int) -> socket.socket:
    """
    A socket that listens.

    Raises:
        LlmprobeError: the port is taken, or the address is not this machine's.
    """
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((str(address), port))
        listening.listen(128)
    except OSError as error:
        listening.close()
        why = (error.strerror or type(error).__name__).lower()
        raise LlmprobeError(
            message("error.cannot-listen", address=str(address), port=port, why=why),
            hint=message("hint.such-as", example=f"--port {port + 1 if port < _LAST_PORT else 8642}"),
        ) from None
    return listening
