"""
Whether a Linux system is a container, by one rule for every probe that needs it.

Questions, in order, until one of them shows it:

    list:/                                             for .dockerenv
    read:/run/.containerenv
    env:container
    read:/proc/1/cgroup

Who keeps it, asked in a container:

    env:KUBERNETES_SERVICE_HOST
    env:container
"""

import re
from typing import Literal

from llmprobe.machine.asking import Asker, as_text, items_of

_IN_CONTAINER = r"docker|kubepods|containerd|libpod|lxc|garden"


def sign_of_container(ask: Asker) -> str | None:
    """
    The question whose answer shows that this is a container, or None.
    """
    if ".dockerenv" in items_of(ask.list("/")):
        return "list:/"
    if ask.read("/run/.containerenv").ok:
        return "read:/run/.containerenv"
    if as_text(ask.env("container")):
        return "env:container"
    if re.search(_IN_CONTAINER, ask.text("/proc/1/cgroup") or ""):
        return "read:/proc/1/cgroup"
    return None


def keeper(ask: Asker) -> Literal["kubernetes", "lxc"] | None:
    """
    What started this container, where that is not Docker or a relative of it, whose commands do not apply then.

    Kubernetes gives each pod the address of its server; LXC, which Proxmox and Incus use, the variable of systemd.
    """
    if as_text(ask.env("KUBERNETES_SERVICE_HOST")):
        return "kubernetes"
    return "lxc" if as_text(ask.env("container")) == "lxc" else None
