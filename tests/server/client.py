"""
A server of a recorded machine, asked without a socket.
"""

from typing import Any

from starlette.testclient import TestClient

from llmprobe.server.answers import Answers
from llmprobe.server.app import Workers, application
from llmprobe.server.machine import Watched
from llmprobe.words.render import Words
from tests.machine_fixtures import replayed

MACHINE = "linux-4090-64g"
HOST = "http://localhost:8642"


def answers(machine: str = MACHINE, *, said_in: Words | None = None) -> Answers:
    """
    The answers for a recorded machine.
    """
    return Answers(Watched(lambda: replayed(machine)), this_machine=False, said_in=said_in)


def client(made: Answers | None = None, *, workers: Workers | None = None, **options: Any) -> TestClient:
    """
    A client of such a server; what it raises is answered, as it is to a program.
    """
    app = application(made or answers(), workers=workers, **options)
    return TestClient(app, base_url=HOST, raise_server_exceptions=False)
