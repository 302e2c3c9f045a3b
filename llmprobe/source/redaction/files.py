"""
Files whose lines are rewritten in a recording, because what is secret in them has no shape of its own.

Only what a probe can use of them is kept: kernel parameters about memory and devices, mounts of control groups,
names of well-known programs.
"""

import re
from collections.abc import Callable

from llmprobe.source.redaction.names import Names
from llmprobe.source.redaction.placeholders import Placeholders

_KNOWN_PROGRAMS = re.compile(
    r"""(?ix)
    python[\d.]*|pythonw?\.exe|node|java|ollama(?:_llama_server|-runner|\ app)?|llama-(?:server|cli|bench|box)|llama
    |lms?|lmstudio|lm[- ]studio|koboldcpp|vllm(?:::\w+)?|VLLM::\w+|sglang\S*|text-generation\S*|tritonserver|jan|comfyui
    |Xorg|Xwayland|X|gnome-shell|gnome-remote-de\w*|mutter\S*|kwin_x11|kwin_wayland|plasmashell|sway|Hyprland|cinnamon
    |mate-panel|xfwm4|compiz|picom|weston|gdm\S*|sddm\S*|lightdm|nautilus|dolphin
    |firefox\S*|chrome\S*|chromium\S*|brave|msedge\S*|opera|Isolated\ Web\ Co|Web\ Content|WebExtensions
    |code|electron|slack|discord|teams|zoom|obs(?:64)?|steam\S*|gameoverlayui|blender|gimp\S*|vlc|mpv|ffmpeg
    |nvidia-\S+|dcgm\S*|nv-hostengine|nvitop|nvtop|gpustat|btop|amdgpu_top|rocm\S*
    |explorer\.exe|dwm\.exe|csrss\.exe|SearchHost\.exe|System|Idle|systemd|dockerd|containerd\S*|bash|sh|zsh|sleep
    """
)
_KERNEL_PARAMETERS = re.compile(
    r"(?:amdgpu|ttm|i915|xe|nvidia\S*|nouveau|rd\.driver\S*|modprobe\S*|iommu|amd_iommu|intel_iommu|pci|pcie_\w+"
    r"|mem|memmap|memory\S*|hugepages\S*|default_hugepagesz|transparent_hugepage|isolcpus|nohz_full|maxcpus|nr_cpus"
    r"|cgroup\S*|systemd\.unified_cgroup\S*|mitigations|nosmt|numa\S*|zswap\S*|swapaccount|cma|quiet|ro|rw)(?:\.\w+)?"
)
_CONTROL_GROUPS = frozenset({"cgroup", "cgroup2"})
_PLAIN_SOURCE = re.compile(
    r"none|tmpfs|proc|sysfs|devtmpfs|devpts|udev|overlay|shm|mqueue|rootfs|drivers|cgroup2?"
)
_NAMES = {
    "/dev": re.compile(
        r"nvidia\S*|nvhost\S*|nvmap|nvgpu\S*|dri|dxg|kfd|accel\S*|card\d+|render\S*|kvm|shm|null|vfio|udmabuf|fuse"
    ),
    "/": re.compile(
        r"\.dockerenv|\.containerenv|bin|boot|dev|etc|home|init|lib(?:32|64|x32)?|media|mnt|opt|proc|root|run|sbin|snap"
        r"|srv|sys|tmp|usr|var|Applications|Library|System|Users|Volumes|cores|private"
    ),
}
_GENERIC_GROUP = re.compile(
    r"|\.\.|[a-z]+\.slice|init\.scope|docker|podman|kubepods\S{0,20}(?:\.slice)?|lxc(?:\.\w+)?|lxc\.payload|libpod\S*"
    r"|user-\d+\.slice|user@\d+\.service|session-\w+\.scope|user\.slice|buildkit|ecs|machine|system|user"
    r"|(?:docker|cri-containerd|crio|libpod|podman)-[0-9a-f]+\.scope|[0-9a-f]{32,}"
    r"|\S*[0-9a-f]{8}([-_])[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{12}\S*"
)
_COMM = re.compile(r"/proc/[^/]+(?:/task/[^/]+)?/comm")
_CMDLINE = re.compile(r"/proc/[^/]+/(?:cmdline|environ)")
_CGROUP = re.compile(r"/proc/[^/]+/cgroup")
_SERIAL_FILE = re.compile(
    r".*/(?:\w*serial(?:_number)?|serial-number|unique_id|\w*_asset_tag|\w*_uuid|uuid|guid)"
)
_KFD_NODE = re.compile(r"/sys/class/kfd/kfd/topology/nodes/[^/]+/properties")
_UNIQUE_ID = re.compile(r"^(unique_id )([1-9]\d{0,19})$", re.MULTILINE)
"""Of an AMD GPU: its UUID for ROCm in decimal digits."""

_HOST_FILE = re.compile(r".*/(?:hostname|domainname)")
_SERIAL_LINE = re.compile(
    r"(?:serial(?:[ _]?(?:number|no))?|asset[ _]?tag|\bsn)\"?\s*[:=]\s*\"?([\w./-]{4,})", re.IGNORECASE
)


def program(name: str, secrets: Placeholders) -> str:
    """
    The name of a program if it is well known, else a placeholder. Of a path, only the last part is kept.
    """
    line = name.rstrip("\n")
    base = re.split(r"[/\\]", line)[-1] if re.match(r"/|[A-Za-z]:\\", line) else line
    kept = (
        base
        if _KNOWN_PROGRAMS.fullmatch(base) or _is_placeholder(base)
        else secrets.of("process", line, "process{}")
    )
    return kept + name[len(line) :]


def rewritten(path: str, text: str, secrets: Placeholders, names: Names) -> str:
    """
    What is kept of a file's text, before secrets that have a shape are looked for.
    """
    for pattern, rewrite in _REWRITES:
        if pattern.fullmatch(path):
            return rewrite(text, secrets, names)
    return text


def learn(path: str, text: str, secrets: Placeholders) -> None:
    """
    Make secrets of the host's name, serial numbers and control groups that a file holds.
    """
    if _HOST_FILE.fullmatch(path):
        secrets.add_word("host", text)
    elif _SERIAL_FILE.fullmatch(path):
        secrets.add_serial(text)
    elif _KFD_NODE.fullmatch(path):
        for match in _UNIQUE_ID.finditer(text):
            secrets.id_number(int(match[2]))
    elif _CGROUP.fullmatch(path):
        for line in text.splitlines():
            learn_groups(line.split(":", 2)[-1], secrets)
    elif path.endswith("/mountinfo"):
        for line in text.splitlines():
            mount, _, kind = line.partition(" - ")
            if kind.partition(" ")[0] in _CONTROL_GROUPS:
                learn_groups(" ".join(mount.split(" ")[3:4]), secrets)
    learn_serials(text, secrets)


def learn_serials(text: str, secrets: Placeholders) -> None:
    """
    Make secrets of what text itself calls a serial number.
    """
    for match in _SERIAL_LINE.finditer(text):
        secrets.add_serial(match.group(1))


def learn_groups(path: str, secrets: Placeholders) -> None:
    """
    Make secrets of the names of control groups that a user or an administrator chose.
    """
    for name in path.split("/"):
        if not _GENERIC_GROUP.fullmatch(name):
            kind = re.search(r"\.(?:service|slice|scope|mount)$", name)
            secrets.add_word("group", name, "group{}" + (kind.group() if kind else ""))


def kept_names(path: str, found: list[str], names: Names) -> list[str]:
    """
    The names in a directory as their own paths have them; of / and /dev, where people name things, only the known.
    """
    known = _NAMES.get(path)
    if known is not None:
        return [name for name in found if known.fullmatch(name)]
    below = path.rstrip("/")
    return sorted({names.path(f"{below}/{name}")[len(names.path(below)) + 1 :] for name in found})


def _is_placeholder(name: str) -> bool:
    return re.fullmatch(r"process\d+", name) is not None


def _command_line(text: str, secrets: Placeholders, names: Names) -> str:  # noqa: ARG001 - the shape of all rules
    first = text.split("\0", 1)[0]
    return program(first, secrets) if first else ""


def _kernel_command_line(text: str, secrets: Placeholders, names: Names) -> str:  # noqa: ARG001 - the shape of all rules
    kept = [word for word in text.split() if _KERNEL_PARAMETERS.fullmatch(word.partition("=")[0])]
    return " ".join(kept) + "\n"


def _kernel_version(text: str, secrets: Placeholders, names: Names) -> str:  # noqa: ARG001 - the shape of all rules
    return re.sub(r"\([^()@\s]+@[^()\s]+\)", "(builder@host)", text)


def _kfd_node(text: str, secrets: Placeholders, names: Names) -> str:  # noqa: ARG001 - the shape of all rules
    return _UNIQUE_ID.sub(lambda match: f"{match[1]}{secrets.id_number(int(match[2]))}", text)


def _mountinfo(text: str, secrets: Placeholders, names: Names) -> str:
    lines = []
    for line in text.splitlines():
        words = line.split(" ")
        if len(words) < 10 or "-" not in words[6:]:
            continue
        separator = words.index("-", 6)
        kind, source = words[separator + 1], words[separator + 2]
        if kind not in _CONTROL_GROUPS:
            words[3] = "/"
            words[4] = _mount_point(words[4], names)
            words[separator + 2 :] = [_mount_source(source, secrets), "rw"]
        lines.append(" ".join(words))
    return "".join(f"{line}\n" for line in lines)


def _mounts(text: str, secrets: Placeholders, names: Names) -> str:
    lines = []
    for line in text.splitlines():
        words = line.split(" ")
        if len(words) < 4:
            continue
        if words[2] not in _CONTROL_GROUPS:
            words[:2] = [_mount_source(words[0], secrets), _mount_point(words[1], names)]
            words[3] = words[3].partition(",")[0]
        lines.append(" ".join(words))
    return "".join(f"{line}\n" for line in lines)


def _mount_point(path: str, names: Names) -> str:
    """
    Where something is mounted, redacted as every path is, so that what is under it is found there again.
    """
    return names.path(path.replace("\\040", " ")).replace(" ", "\\040")


def _mount_source(source: str, secrets: Placeholders) -> str:
    plain = _PLAIN_SOURCE.fullmatch(source) or re.fullmatch(r"source\d+", source)
    return source if plain else secrets.of("source", source, "source{}")


_REWRITES: tuple[tuple[re.Pattern[str], Callable[[str, Placeholders, Names], str]], ...] = (
    (_COMM, lambda text, secrets, _: program(text, secrets)),
    (re.compile(r"/proc/cmdline"), _kernel_command_line),
    (_CMDLINE, _command_line),
    (_KFD_NODE, _kfd_node),
    (re.compile(r"/proc/version"), _kernel_version),
    (re.compile(r"/proc/(?:[^/]+/)?mountinfo"), _mountinfo),
    (re.compile(r"/proc/(?:[^/]+/)?mounts|/etc/(?:mtab|fstab)"), _mounts),
)
