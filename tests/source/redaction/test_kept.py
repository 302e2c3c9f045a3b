"""
What is kept of files, answers of servers and names of programs, line by line and field by field.
"""

from typing import Any

import pytest

from llmprobe.facts.answer import Answer, Platform
from llmprobe.source.recording import Recording
from llmprobe.source.redaction import redact
from llmprobe.source.redaction.documents import kept_body, kept_file
from llmprobe.source.redaction.files import kept_names, learn, program, rewritten
from llmprobe.source.redaction.names import Names
from llmprobe.source.redaction.placeholders import Placeholders

CGROUP = "31 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw"
DISK = "32 23 8:1 /exports /data/payroll rw,noatime shared:7 master:1 - ext4 /dev/payroll rw,errors=continue"


def names() -> Names:
    return Names(Placeholders())


def of_file(path: str, text: str) -> str:
    secrets = Placeholders()
    return rewritten(path, text, secrets, Names(secrets))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (CGROUP, f"{CGROUP}\n"),
        (DISK, "32 23 8:1 / /data/name1 rw,noatime shared:7 master:1 - ext4 source1 rw\n"),
        ("33 23 0:5 / /tmp rw - tmpfs tmpfs rw", "33 23 0:5 / /tmp rw - tmpfs tmpfs rw\n"),
        ("33 23 0:5 / /a\\040payroll rw - tmpfs tmpfs rw", "33 23 0:5 / /a\\040name1 rw - tmpfs tmpfs rw\n"),
        ("33 23 0:5 / /tmp rw - tmpfs tmpfs", ""),
        ("33 23 0:5 / /tmp rw shared:1 x tmpfs tmpfs rw", ""),
        ("33 - 0:5 / /tmp rw shared:1 x tmpfs tmpfs rw", ""),
        ("", ""),
    ],
)
def test_a_mount_keeps_its_kind_and_numbers(line: str, expected: str) -> None:
    """
    What is too short to be one is left out; that of control groups stays as it is.
    """
    for path in ("/proc/self/mountinfo", "/proc/mountinfo"):
        assert of_file(path, f"{line}\n") == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("/dev/payroll /data/payroll ext4 rw,noatime 0 0", "source1 /data/name1 ext4 rw 0 0\n"),
        ("cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0", "cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid 0 0\n"),
        ("tmpfs /tmp tmpfs rw", "tmpfs /tmp tmpfs rw\n"),
        ("tmpfs /tmp tmpfs", ""),
    ],
)
def test_a_line_of_mounts_keeps_its_kind(line: str, expected: str) -> None:
    """
    In each file that has such lines.
    """
    for path in ("/proc/mounts", "/proc/self/mounts", "/etc/mtab", "/etc/fstab"):
        assert of_file(path, f"{line}\n") == expected


@pytest.mark.parametrize(
    ("path", "text", "secret"),
    [
        ("/proc/sys/kernel/hostname", "enginehouse\n", "enginehouse"),
        ("/proc/sys/kernel/domainname", "enginehouse", "enginehouse"),
        ("/sys/class/dmi/id/product_serial", "X1234\n", "X1234"),
        ("/sys/class/dmi/id/chassis_asset_tag", "X1234", "X1234"),
        ("/proc/device-tree/serial-number", "X1234", "X1234"),
        ("/proc/self/cgroup", "0::/a.slice/payroll\n", "payroll"),
        ("/proc/self/cgroup", "4:memory:/payroll\n", "payroll"),
        ("/proc/self/mountinfo", "31 23 0:26 /payroll /sys/fs/cgroup rw - cgroup cgroup rw\n", "payroll"),
        (
            "/proc/self/mountinfo",
            "31 23 0:26 /payroll /sys/fs/cgroup rw a:1 b:2 - cgroup2 cgroup2 rw\n",
            "payroll",
        ),
        ("/proc/self/mountinfo", "31 23 0:26 /payroll /x rw - ext4 /dev/x rw\n", None),
        ("/proc/self/mountinfo", "31 23 0:26 /payroll /x rw cgroup\n- cgroup\n -\n", None),
        ("/proc/cpuinfo", "Serial\t\t: X1234\n", "X1234"),
        ("/proc/cpuinfo", 'asset tag = "X1234"\n', "X1234"),
        ("/etc/motd", "of the enginehouse", None),
    ],
)
def test_a_file_tells_a_secret_by_its_place(path: str, text: str, secret: str | None) -> None:
    """
    Lines that are not as such a file has them tell none, and are no error.
    """
    secrets = Placeholders()
    learn(path, text, secrets)

    assert [word for word in ("enginehouse", "X1234", "payroll") if secrets.knows(word)] == (
        [] if secret is None else [secret]
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ollama", "ollama"),
        ("/usr/bin/ollama", "ollama"),
        ("C:\\x\\ollama", "ollama"),
        ("ollama\n", "ollama\n"),
        ("payroll", "process1"),
        ("/opt/payroll\n", "process1\n"),
        ("process7", "process7"),
        ("x/ollama", "process1"),
    ],
)
def test_a_program_is_the_last_part_of_its_path(name: str, expected: str) -> None:
    """
    A line without a root is a name as it stands.
    """
    assert program(name, Placeholders()) == expected


def test_one_folder_has_one_order_of_names() -> None:
    """
    Names that are redacted are sorted anew, and equal ones told once.
    """
    found = kept_names("/data/x/", ["zeta", "acme", "llama", "acme"], names())

    assert found == ["llama", "name1", "name2"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a" * 100, "a" * 100),
        ("a" * 101, "redacted, 101 characters"),
        ("redacted, 101 characters", "redacted, 101 characters"),
    ],
)
def test_a_long_text_of_a_server_is_only_counted(text: str, expected: str) -> None:
    """
    No version, state or type is longer than 100 signs.
    """
    assert kept_body({"version": text}, names()) == {"version": expected}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"secret": 1, "size": 5}, {"size": 5}),
        ({"size": "five"}, {"size": "redacted, 4 characters"}),
        ({"name": "acme/llama"}, {"name": "name1/llama"}),
        ({"models": [{"size": 5, "x": 1}, "text", 3]}, {"models": [{"size": 5}, None, 3]}),
        ({"details": None}, {"details": None}),
        ("<html>", "redacted, 6 characters"),
        ([], []),
    ],
)
def test_only_known_fields_of_an_answer_are_kept(value: Any, expected: Any) -> None:
    """
    Of a text elsewhere its length.
    """
    assert kept_body(value, names()) == expected


@pytest.mark.parametrize(("levels", "kept"), [(12, 1), (13, None), (40, None)])
def test_a_very_deep_answer_is_kept_in_part(levels: int, kept: int | None) -> None:
    """
    No server nests its fields by more than twelve levels; what lies deeper is left out.
    """
    value: Any = 1
    for _ in range(levels):
        value = {"details": value}
    found = kept_body(value, names())
    for _ in range(min(levels, 13)):
        found = found["details"]

    assert found == kept


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ("/u/x.json", '{"port": 1, "key": "acme", "secret": 2}', '{"port":1,"key":"name1"}'),
        ("/u/x.json", '[{"port": 1, "secret": 2}]', '[{"port":1}]'),
        ("/u/x.json", "3", "3"),
        ("/u/pointer", "/data/acme", "/data/name1"),
        ("/u/pointer", "{", "{"),
        ("/proc/x", '{"secret": 2}', '{"secret": 2}'),
        ("/etc/x", '{"secret": 2}', '{"secret": 2}'),
        (
            "/etc/systemd/system/x.service",
            '[Service]\nUser=ada\nEnvironment="OLLAMA_MODELS=/data/acme"\nEnvironment="KEY=x"\n# OLLAMA_HOST\n',
            '[Service]\nEnvironment="OLLAMA_MODELS=/data/name1"\n',
        ),
        ("/u/x.conf", "[A]\nx=1\n", "[A]\n"),
    ],
)
def test_a_file_keeps_what_a_probe_can_use(path: str, text: str, expected: str) -> None:
    """
    JSON by its fields, a unit by its sections and Ollama's variables, the system's own as it is.
    """
    assert kept_file(path, text, names()) == expected


def redacted(answers: dict[tuple[str, ...], Answer]) -> dict[tuple[str, ...], Answer]:
    recording = Recording(platform=Platform(system="linux", machine="x86_64"), answers=answers)
    return redact(recording).answers


@pytest.mark.parametrize(
    "question",
    [
        ("env", "USER"),
        ("env", "HOSTNAME"),
        ("env", "HF_TOKEN"),
        ("env", "OLLAMA_MODELS"),
        ("sysctl", "kern.hostname"),
        ("nvml", "nvmlDeviceGetSerial", "0"),
        ("nvml", "nvmlSystemGetProcessName", "", "7"),
        ("read", "/etc/hostname"),
        ("list", "/dev"),
        ("link", "/data/x"),
        ("run", "nvidia-smi", "-q", "-x"),
        ("get", "http://127.0.0.1:1/props"),
    ],
)
@pytest.mark.parametrize("status", ["missing", "denied", "failed", "timeout"])
def test_a_question_without_an_answer_has_none(question: tuple[str, ...], status: Any) -> None:
    """
    There is nothing to redact in it but its detail.
    """
    answer = Answer(status=status, code=5, detail="not for /home/ada")

    (after,) = redacted({question: answer}).values()
    assert after == Answer(status=status, code=5, detail="not for /home/user1")


@pytest.mark.parametrize(
    ("question", "value", "expected"),
    [
        (("env", "HF_TOKEN"), "x", "redacted"),
        (("env", "MY_API_KEY"), "x", "redacted"),
        (("env", "OLLAMA_HOST"), "acme:11434", "acme:11434"),
        (("sysctl", "kern.author"), "x", "x"),
        (("sysctl", "machdep.cpu.brand_string"), "Enginehouse", "Enginehouse"),
        (("sysctl", "kern.hostname"), "Enginehouse", "host1"),
        (("env", "DESKTOP_SESSION"), "llama", "llama"),
        (("env", "OLLAMA_MODELS"), "/data/acme", "/data/name1"),
        (("env", "SUDO_USER"), "ada", "user1"),
        (("env", "USER"), "root", "root"),
        (("link", "/data/x"), "../acme", "../name1"),
        (("link", "/sys/x"), "../acme", "../acme"),
        (("link", "/proc/x"), "../acme", "../acme"),
        (("link", "/dev/x"), "../acme", "../acme"),
        (("nvml", "nvmlSystemGetProcessName", "", "7"), "/opt/payroll", "process1"),
        (("nvml", "nvmlSystemGetDriverVersion", ""), "10.0.0.7", "10.0.0.7"),
        (("nvml", "nvmlDeviceGetName", "0"), "10.0.0.7", "192.0.2.1"),
        (("psutil", "x"), {"driver": "10.0.0.7", "x": "10.0.0.7"}, {"driver": "10.0.0.7", "x": "192.0.2.1"}),
        (("psutil", "x"), {"release": {"a": "10.0.0.7"}}, {"release": {"a": "10.0.0.7"}}),
        (("psutil", "x"), [["/home/ada"], {"/home/ada": 1}], [["/home/user1"], {"/home/user1": 1}]),
    ],
)
def test_an_answer_is_redacted_as_its_question_says(
    question: tuple[str, ...], value: Any, expected: Any
) -> None:
    """
    A link of the system, an address to listen on and a version are no names of people's choosing.
    """
    (after,) = redacted({question: Answer(value=value)}).values()

    assert after.value == expected


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (("read", "/data/acme"), ("read", "/data/name1")),
        (("list", "/data/acme"), ("list", "/data/name1")),
        (("link", "/data/acme"), ("link", "/data/name1")),
        (("psutil", "disk_usage /data/acme"), ("psutil", "disk_usage /data/name1")),
        (("psutil", "cpu_count"), ("psutil", "cpu_count")),
        (("read", "/sys/acme"), ("read", "/sys/acme")),
    ],
)
def test_the_path_of_a_question_is_redacted_as_names_are(
    question: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    """
    Where a question is about a file.
    """
    assert list(redacted({question: Answer(status="missing")})) == [expected]
