"""
Other machines, asked through the programs that reach them: ssh, Slurm's srun and scontrol, kubectl.

Each is the system's own, with the user's configuration and keys as they are. Nothing is asked on a terminal, no host
key is accepted that is not known, and what runs over its time is ended with its children.
"""

import os
from pathlib import Path
from typing import NamedTuple

from llmprobe.facts.answer import Answer
from llmprobe.source.live import commands
from llmprobe.source.live.commands import Children
from llmprobe.source.opening import readable
from llmprobe.units import MIB

NO_PROGRAM = "llmprobe-fleet: no llmprobe"
OTHER_KIND = "llmprobe-fleet: the host is"
"""What is printed on stderr over there where nothing can be started."""

MOST_NODES_BYTES = 256 * MIB
"""What the nodes of a cluster may take as JSON: tens of KiB each, most of them names of images."""

_CONNECTING_S = 10
"""An address that answers nothing is given up after so long."""

_RECORD = "record -o -"
_HERE = (
    'for p in llmprobe "$HOME/.local/bin/llmprobe"; do '
    f'command -v "$p" >/dev/null 2>&1 && exec "$p" {_RECORD}; done'
)
# The folder is removed whatever becomes of the program; a shell that is told to end removes it, too.
# The program unpacks itself into TMPDIR.
_COPIED = (
    'd=$(mktemp -d) || exit 1; trap "rm -rf \\"$d\\"" EXIT HUP INT TERM; '
    f'cat >"$d/llmprobe" && chmod 700 "$d/llmprobe" && TMPDIR="$d" "$d/llmprobe" {_RECORD}'
)
_MISSING = f'echo "{NO_PROGRAM}" >&2; exit 127'


class Program(NamedTuple):
    """
    A single-file llmprobe, and the system and machine that it is for (``Linux x86_64``); empty is any.
    """

    path: Path
    made_for: str


def over_ssh(host: str, timeout_s: float, children: Children, *, program: Program | None = None) -> Answer:
    """
    What ``llmprobe record`` prints on a host: its own, or a single-file program, copied there for that and removed.

    An existing connection of the user is used (ControlMaster), and none is left.
    """
    wait = max(1, min(_CONNECTING_S, int(timeout_s)))
    script = f"{_HERE}; {_MISSING if program is None else _copied(program)}"
    argv = (
        *("ssh", "-T", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={wait}", "-o", "ControlMaster=no"),
        *("--", host, f"sh -c '{script}'"),
    )
    if program is None:
        return commands.run(argv, timeout_s, children, environment=os.environ)
    with readable(program.path) as content:
        return commands.run(argv, timeout_s, children, environment=os.environ, stdin=content)


def _copied(program: Program) -> str:
    if not program.made_for:
        return _COPIED
    # Looked at first, because a shell would read a program of another kind as a script.
    known = f'k=$(uname -sm); [ "$k" = "{program.made_for}" ]'
    return f'{known} || {{ echo "{OTHER_KIND} $k" >&2; exit 126; }}; {_COPIED}'


def on_slurm(node: str, timeout_s: float, children: Children) -> Answer:
    """
    What ``llmprobe record`` prints on a node of Slurm, within the user's allocation or one that srun asks for.
    """
    argv = ("srun", "--quiet", f"--nodelist={node}", "--nodes=1", "--ntasks=1", "llmprobe", *_RECORD.split())
    return commands.run(argv, timeout_s, children, environment=os.environ)


def slurm_nodes(expression: str, timeout_s: float, children: Children) -> Answer:
    """
    The names of nodes, one in a line, of an expression such as ``gpu[01-04]``.
    """
    argv = ("scontrol", "show", "hostnames", "--", expression)
    return commands.run(argv, timeout_s, children, environment=os.environ)


def kubernetes_nodes(timeout_s: float, children: Children) -> Answer:
    """
    The nodes of the user's cluster, as ``kubectl get nodes -o json`` prints them.
    """
    argv = ("kubectl", "get", "nodes", "-o", "json", f"--request-timeout={max(1, int(timeout_s))}s")
    return commands.run(argv, timeout_s, children, environment=os.environ, most_bytes=MOST_NODES_BYTES)
