"""
The names that this machine and its user go by: what a recording must not hold.
"""

import os
import sys

_HOST = ("HOSTNAME", "COMPUTERNAME", "USERDOMAIN")
_USER = ("USER", "LOGNAME", "USERNAME", "SUDO_USER")


def identity() -> dict[str, tuple[str, ...]]:
    """
    The ``host`` names and the ``user`` names (login, full name, last part of the home path).
    """
    hosts = [os.environ.get(name, "") for name in _HOST]
    users = [os.environ.get(name, "") for name in _USER]
    users.append(os.path.basename(os.path.expanduser("~")))  # noqa: PTH111, PTH119 - as text only
    if sys.platform != "win32":
        import pwd

        hosts.append(os.uname().nodename)
        try:
            entry = pwd.getpwuid(os.getuid())
        except KeyError:  # a container's user without a name
            pass
        else:
            users += [entry.pw_name, entry.pw_gecos.partition(",")[0]]
    return {"host": _known(hosts), "user": _known(users)}


def _known(names: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if name))
