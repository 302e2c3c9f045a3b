"""
A recording without its secrets.
"""

import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmprobe.facts.answer import Answer, Platform
from llmprobe.facts.remote import RpcServer, as_answer
from llmprobe.source.recording import Question, Recording, encode
from llmprobe.source.redaction import redact

LINUX = Platform(system="linux", machine="x86_64", release="6.8.0-45-generic")
GPU = "8f3a1b2c-4d5e-6f70-8192-a3b4c5d6e7f8"
OTHER_GPU = "8f3a9999-4d5e-6f70-8192-a3b4c5d6e7f8"

Answers = dict[Question, Answer]


def redacted(answers: Answers, **known: str) -> Answers:
    """
    Return the answers of a recording after redaction.
    """
    return redact(of(answers), {kind: (name,) for kind, name in known.items()}).answers


def of(answers: Answers) -> Recording:
    return Recording(platform=LINUX, answers=answers)


def text_after(answers: Answers, **known: str) -> str:
    """
    Return the whole recording as text after redaction.
    """
    return encode(redact(of(answers), {kind: (name,) for kind, name in known.items()}))


def read(path: str, text: str) -> Answers:
    return {("read", path): Answer(value=text)}


def test_one_secret_has_one_placeholder() -> None:
    """A device's UUID is the same in NVML, in the driver's file and in the environment, so that they still match."""
    answers = redacted(
        {
            ("nvml", "nvmlDeviceGetUUID", "0"): Answer(value=f"GPU-{GPU}"),
            ("nvml", "nvmlDeviceGetUUID", "1"): Answer(value=f"GPU-{OTHER_GPU}"),
            ("read", "/proc/driver/nvidia/gpus/0000:01:00.0/information"): Answer(
                value=f"Model: \t NVIDIA GeForce RTX 3090\nGPU UUID: \t GPU-{GPU}\n"
            ),
            ("env", "CUDA_VISIBLE_DEVICES"): Answer(value=f"GPU-{OTHER_GPU},GPU-{GPU.upper()}"),
        }
    )
    first, second = (answers["nvml", "nvmlDeviceGetUUID", index].value for index in "01")

    assert first != second
    assert re.fullmatch(r"GPU-[0-9a-f]{8}-0000-0000-0000-000000000000", first)
    assert answers["env", "CUDA_VISIBLE_DEVICES"].value == f"{second},{first}"
    assert first in answers["read", "/proc/driver/nvidia/gpus/0000:01:00.0/information"].value


@pytest.mark.parametrize(("short", "length"), [("GPU-8f3a1", 12), ("GPU-8f3a1b2c-4d5e", 12), ("GPU-8f3a", 8)])
def test_a_shortened_uuid_still_names_its_device(short: str, length: int) -> None:
    """A beginning that only one device has is still the beginning of that one, and of both where it was of both."""
    answers = redacted(
        {
            ("env", "CUDA_VISIBLE_DEVICES"): Answer(value=short),
            ("nvml", "nvmlDeviceGetUUID", "0"): Answer(value=f"GPU-{GPU}"),
            ("nvml", "nvmlDeviceGetUUID", "1"): Answer(value=f"GPU-{OTHER_GPU}"),
        }
    )
    beginning = answers["env", "CUDA_VISIBLE_DEVICES"].value
    matches = [
        index for index in "01" if answers["nvml", "nvmlDeviceGetUUID", index].value.startswith(beginning)
    ]

    assert len(beginning) == length
    assert matches == (["0", "1"] if short == "GPU-8f3a" else ["0"])


@pytest.mark.parametrize(
    "uuid", [f"MIG-{GPU}", f"MIG-GPU-{GPU}/7/0", f"pod{GPU.replace('-', '_')}", GPU.upper()]
)
def test_every_form_of_a_uuid_is_replaced(uuid: str) -> None:
    """MIG instances in both forms, and pods with their dashes turned, keep their form."""
    after = redacted({("env", "A"): Answer(value=uuid)})["env", "A"].value

    assert "4d5e" not in after.lower()
    assert re.sub(r"[0-9A-Fa-f]", "x", after) == re.sub(r"[0-9A-Fa-f]", "x", uuid)


def test_names_go_wherever_they_are() -> None:
    """Host and user names are replaced in values, in paths of questions, in commands and in errors."""
    after = text_after(
        {
            ("read", "/home/adalovelace/.ollama/id"): Answer(
                status="denied", code=13, detail="/home/adalovelace/.ollama/id"
            ),
            ("env", "OLLAMA_MODELS"): Answer(value="/home/adalovelace/models"),
            ("run", "ls", "/home/adalovelace"): Answer(
                value={"exit": 0, "stdout": "AdaLovelace@enginehouse\n", "stderr": "enginehouse.example.com"}
            ),
            ("read", "/proc/sys/kernel/hostname"): Answer(value="enginehouse\n"),
        },
        user="adalovelace",
        host="enginehouse.example.com",
    ).lower()

    assert "lovelace" not in after
    assert "enginehouse" not in after
    assert "/home/user1/models" in after


def test_an_unknown_user_is_found_in_paths() -> None:
    """Whoever has a home in a path is a person, also when the machine did not name them."""
    after = redacted(
        {
            ("env", "A"): Answer(value="/home/grace/x:/Users/grace/y:/mnt/c/Users/Alan/z"),
            ("env", "B"): Answer(value=r"C:\Users\Alan\AppData"),
            ("env", "C"): Answer(value="grace"),
        }
    )

    assert after["env", "A"].value == "/home/user1/x:/Users/user1/y:/mnt/c/Users/user2/z"
    assert after["env", "B"].value == r"C:\Users\user2\AppData"
    assert after["env", "C"].value == "user1"


def test_everyones_names_stay() -> None:
    """``root`` and ``localhost`` tell nothing, and replacing them would break what a probe looks for."""
    answers: Answers = {
        ("env", "A"): Answer(value="root at localhost"),
        ("env", "USER"): Answer(value="root"),
    }

    assert redacted(answers, user="root", host="localhost") == answers


def test_a_name_that_is_a_word_of_the_system_renames_nothing() -> None:
    """A user called Max, or Energy, renames no file of the system, and is still no owner of a home."""
    answers = redacted(
        read("/sys/fs/cgroup/memory.max", "max\n")
        | read("/sys/class/hwmon/energy_input", "17\n")
        | {("env", "USER"): Answer(value="max"), ("env", "HOME"): Answer(value="/home/max")}
        | {("env", "A"): Answer(value="/home/energy/x")},
        user="max",
    )

    assert answers["read", "/sys/fs/cgroup/memory.max"].value == "max\n"
    assert answers["env", "USER"].value == answers["env", "HOME"].value.removeprefix("/home/")
    assert answers["env", "USER"].value != "max"
    assert ("read", "/sys/class/hwmon/energy_input") in answers
    assert "energy" not in answers["env", "A"].value


@pytest.mark.parametrize(
    "address", ["192.168.1.17", "10.0.0.3", "8.8.4.4", "fe80::1ff:fe23:4567:890a", "2a02:8108:1:2:3:4:5:6"]
)
def test_addresses_are_replaced(address: str) -> None:
    """IP addresses of both kinds go, private ones too."""
    after = redacted({("env", "OLLAMA_HOST"): Answer(value=f"{address} and {address}")})[
        "env", "OLLAMA_HOST"
    ].value
    first, _, second = after.partition(" and ")

    assert address not in after
    assert first == second


@pytest.mark.parametrize("address", ["aa:bb:cc:dd:ee:0f", "AA-BB-CC-DD-EE-0F"])
def test_hardware_addresses_are_replaced(address: str) -> None:
    """The address of a network card goes, its form stays."""
    after = redacted({("env", "A"): Answer(value=f"ether {address} up")})["env", "A"].value

    assert after in ("ether 02:00:00:00:00:01 up", "ether 02-00-00-00-00-01 up")


@pytest.mark.parametrize(
    "text",
    [
        "0000:01:00.0",
        "00000000:01:00.0",
        "0000000F:01:00.0",
        "127.0.0.1:11434",
        "0.0.0.0",
        "::1",
        "580.95.05",
        "96.02.89.00.01",
        "32.0.15.6094",
        "12:34:56",
        "NVIDIA GeForce RTX 3090",
        "0x0000000000000000 0x00000000ffffffff 0x0000000000040200",
        "0-3,8-11",
        "/sys/devices/pci0000:00/0000:00:01.0/0000:01:00.0",
        "max 100000",
        "Mach Virtual Memory Statistics: (page size of 16384 bytes)",
        "avx2 avx512f sha_ni",
        "deadbeef",
    ],
)
def test_what_probes_need_stays(text: str) -> None:
    """PCI addresses, the loopback, versions, names, numbers and times are no secrets."""
    assert redacted({("env", "A"): Answer(value=text)})["env", "A"].value == text


def test_a_version_of_four_numbers_is_no_address() -> None:
    """Where the question says version, four numbers are one."""
    question = ("registry", r"HKLM\SYSTEM\Display", "DriverVersion")

    assert redacted({question: Answer(value="31.0.15.17")})[question].value == "31.0.15.17"


@pytest.mark.parametrize(
    "answers",
    [
        {("nvml", "nvmlDeviceGetSerial", "0"): Answer(value="1324521034567")},
        read("/sys/class/dmi/id/product_serial", "1324521034567\n"),
        read("/sys/class/drm/card0/device/unique_id", "1324521034567\n"),
        read("/proc/cpuinfo", "processor\t: 0\nSerial\t\t: 1324521034567\n"),
        read("/run/udev/data/+dmi:id", "E:MEMORY_DEVICE_0_SERIAL_NUMBER=1324521034567\n"),
        {
            ("run", "ioreg"): Answer(
                value={"exit": 0, "stdout": '"IOPlatformSerialNumber" = "1324521034567"', "stderr": ""}
            )
        },
        {("nvml", "nvmlDeviceGetBoard", "0"): Answer(value={"box": {"serial_number": "1324521034567"}})},
    ],
)
def test_serial_numbers_are_replaced(answers: Answers) -> None:
    """A number that something calls a serial goes, its length stays."""
    after = text_after(answers)

    assert "1324521034567" not in after
    assert "0000000000001" in after


def test_the_kernels_build_host_is_replaced() -> None:
    """Who built the kernel where is not told, what it is stays."""
    after = redacted(read("/proc/version", "Linux version 6.8.0 (ada@engine-room) (gcc 13.2.0) #1 SMP"))

    assert after["read", "/proc/version"].value == "Linux version 6.8.0 (builder@host) (gcc 13.2.0) #1 SMP"


def test_the_kernels_command_line_keeps_what_matters() -> None:
    """Parameters of memory and devices stay; disks, keys and names of people's choosing go."""
    line = f"BOOT_IMAGE=/vmlinuz root=UUID={GPU} ro amdgpu.gttsize=4096 cryptdevice=/dev/sda2:secretname mem=8G\n"
    after = redacted(read("/proc/cmdline", line))

    assert after["read", "/proc/cmdline"].value == "ro amdgpu.gttsize=4096 mem=8G\n"


def test_control_groups_are_renamed_in_files_and_paths() -> None:
    """A group that somebody named has one new name, in /proc/self/cgroup and in the paths that follow from it."""
    container = "4f" * 32
    answers = redacted(
        read("/proc/self/cgroup", f"0::/system.slice/payroll.service/docker-{container}.scope\n")
        | read(f"/sys/fs/cgroup/system.slice/payroll.service/docker-{container}.scope/memory.max", "max\n")
    )
    group = answers["read", "/proc/self/cgroup"].value.partition("::")[2].strip()

    assert "payroll" not in group
    assert container not in group
    assert re.fullmatch(r"/system\.slice/group1\.service/docker-[0-9a-f]{64}\.scope", group)
    assert ("read", f"/sys/fs/cgroup{group}/memory.max") in answers


def test_mounts_keep_their_kinds_only() -> None:
    """Disks, shares and the places where they are mounted go; where control groups are mounted stays."""
    cgroup = "31 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate"
    share = "99 28 0:51 /exports/payroll /mnt/payroll rw - nfs4 files.example.com:/exports/payroll rw,addr=10.1.2.3"
    after = redacted(read("/proc/self/mountinfo", f"{cgroup}\n{share}\n"))[
        "read", "/proc/self/mountinfo"
    ].value

    assert after == f"{cgroup}\n99 28 0:51 / /mnt/name1 rw - nfs4 source1 rw\n"


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("ollama\n", True),
        ("python3.12\n", True),
        ("Xorg\n", True),
        ("firefox-bin\n", True),
        ("payroll-2026\n", False),
    ],
)
def test_only_well_known_programs_keep_their_names(name: str, kept: bool) -> None:
    """What holds memory is told where the whole world has that program."""
    after = redacted(read("/proc/4711/comm", name))["read", "/proc/4711/comm"].value

    assert (after == name) is kept


def test_a_command_line_is_its_program_only() -> None:
    """Arguments hold paths, models and keys; none of them is kept."""
    answers = redacted(read("/proc/4711/cmdline", "/opt/ollama/bin/ollama\0serve\0--key\0sesame\0"))

    assert answers["read", "/proc/4711/cmdline"].value == "ollama"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HF_TOKEN", "hf_abcdefghijklmnop"),
        ("OPENAI_API_KEY", "anything"),
        ("DB_PASSWORD", "hunter2"),
        ("NOTES", "use sk-abcdefghijklmnopqrst to log in"),
        ("PIP_INDEX_URL", "https://ada:hunter2@example.org/simple"),
        ("HEADER", "Authorization: Bearer abcdef0123456789"),
    ],
)
def test_tokens_go(name: str, value: str) -> None:
    """What lets somebody in is not told, by the variable's name or by its own shape."""
    after = redacted({("env", name): Answer(value=value)})["env", name].value

    assert re.search("hf_|anything|hunter2|sk-abc|abcdef0123", after) is None


def test_directories_that_people_fill_keep_known_names_only() -> None:
    """The root and /dev hold names of people's choosing."""
    answers = redacted(
        {
            ("list", "/"): Answer(value=[".dockerenv", "payroll", "proc"]),
            ("list", "/dev"): Answer(value=["kfd", "mapper", "nvidia0", "payroll-vg"]),
        }
    )

    assert answers["list", "/"].value == [".dockerenv", "proc"]
    assert answers["list", "/dev"].value == ["kfd", "nvidia0"]


SECRETS = {
    "uuid": st.uuids().map(str),
    "host": st.from_regex(r"[a-z]{4}[a-z0-9]{2,8}-[0-9]{3}", fullmatch=True),
    "user": st.from_regex(r"zz[a-z]{4,10}", fullmatch=True),
    "mac": st.from_regex(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}", fullmatch=True).filter(
        lambda text: len(set(text)) > 3 and not text.startswith("02:00:00:00")
    ),
    "ip": st.ip_addresses(v=4)
    .filter(lambda address: not (address.is_loopback or address.is_unspecified))
    .map(str)
    .filter(lambda text: not text.startswith(("255.", "192.0.2."))),
    "container": st.from_regex(r"[0-9a-f]{64}", fullmatch=True).filter(
        lambda text: text[8:].strip("0") != ""
    ),
}
PLACES = st.sampled_from(
    ["{}", "x {} y", '"{}"', "a={}", "/opt/{}/x", "[{}]", "{}\n{}", "first,{},last", "({})"]
)


@given(st.fixed_dictionaries(SECRETS), st.lists(PLACES, min_size=1, max_size=6))
def test_no_secret_survives(secrets: dict[str, str], places: list[str]) -> None:
    """Secrets of every kind, in any place of a question, an answer or an error, are nowhere in what is written."""
    answers: Answers = {}
    for number, place in enumerate(places):
        for kind, secret in secrets.items():
            text = place.replace("{}", secret)
            answers["env", f"V{number}{kind}"] = Answer(value=text)
            answers["read", f"/opt/{number}/{secret}"] = Answer(status="failed", detail=text)
            answers["run", "show", text] = Answer(value={"exit": 0, "stdout": text, "stderr": ""})
            answers["get", f"http://127.0.0.1:{number}/{kind}"] = Answer(value={secret: [text]})
    after = text_after(answers, host=secrets["host"], user=secrets["user"]).lower()

    assert [secret for secret in secrets.values() if secret in after] == []


@given(st.fixed_dictionaries(SECRETS), st.lists(PLACES, min_size=1, max_size=4))
def test_redacting_twice_changes_nothing(secrets: dict[str, str], places: list[str]) -> None:
    """A placeholder is no secret."""
    answers: Answers = {
        ("env", f"{kind}{number}"): Answer(value=place.replace("{}", secret))
        for kind, secret in secrets.items()
        for number, place in enumerate([*places, "/home/{}/x", "/Users/{}"])
    }
    once = redact(of(answers), {"host": (secrets["host"],), "user": (secrets["user"],)})

    assert redact(once) == once


def test_different_secrets_stay_different() -> None:
    """Two devices do not become one."""
    uuids = [f"GPU-{number:08d}-1111-2222-3333-444444444444" for number in range(1, 300)]
    after = redacted({("env", str(number)): Answer(value=uuid) for number, uuid in enumerate(uuids)})

    assert len({answer.value for answer in after.values()}) == len(uuids)


def test_the_platform_keeps_its_release() -> None:
    """What kernel it is stays; a build host in its name goes."""
    recording = msgspec.structs.replace(
        of({}), platform=msgspec.structs.replace(LINUX, release="6.8.0-enginehouse")
    )

    assert redact(recording, {"host": ("enginehouse",)}).platform.release == "6.8.0-host1"


def test_what_nvidia_smi_prints_has_neither_command_lines_nor_serials() -> None:
    """Of a process its well-known name is left, of a board nothing that it alone has."""
    printed = f"""<nvidia_smi_log><gpu id="00000000:01:00.0">
        <serial>1650522003820</serial><pdi>0xb10cbc14dec8c521</pdi><uuid>GPU-{GPU}</uuid>
        <process_info><process_name>/home/jane/venv/bin/python train.py --token=abc</process_name></process_info>
        <process_info><process_name>/usr/lib/xorg/Xorg</process_name></process_info>
        <process_info><process_name>/opt/edge/msedge --type=gpu-process --id=42</process_name></process_info>
    </gpu></nvidia_smi_log>"""
    question = ("run", "nvidia-smi", "-q", "-x")
    output = {"exit": 0, "stdout": printed, "stderr": ""}
    text = redacted({question: Answer(value=output)}, user="jane")[question].value["stdout"]

    assert [
        word for word in ("1650522", "b10cbc14", "jane", "train", "token", "--id", GPU) if word in text
    ] == []
    assert "<process_name>Xorg</process_name>" in text
    assert "<process_name>msedge</process_name>" in text


@pytest.mark.parametrize(
    ("question", "name"),
    [
        *((("env", variable), "grace") for variable in ("USER", "LOGNAME", "USERNAME", "SUDO_USER")),
        *(
            (("env", variable), "enginebox")
            for variable in ("HOSTNAME", "HOST", "COMPUTERNAME", "USERDOMAIN")
        ),
        *((("sysctl", variable), "enginebox") for variable in ("kern.hostname", "kern.nodename")),
    ],
)
def test_a_name_that_the_machine_tells_goes_everywhere(question: Question, name: str) -> None:
    """Whichever facility says who the user or the host is, the name is replaced in every other answer too."""
    answers: Answers = {question: Answer(value=name), ("read", "/etc/motd"): Answer(value=f"of {name}\n")}

    assert name not in text_after(answers)


@pytest.mark.parametrize(("number", "stays"), [("123456", True), ("1234567", False), ("12345678", False)])
def test_how_long_a_number_is_a_serial(number: str, stays: bool) -> None:
    """A shorter one is as well a size or a count."""
    after = text_after({("read", "/sys/class/dmi/id/board_serial"): Answer(value=number)})

    assert (number in after) is stays


def test_the_registrys_keys_are_no_identities() -> None:
    """
    A class of devices has an id of the form of a UUID, the same on every Windows: the question stays as it is asked,
    whatever its owner is called. The answer is redacted as any other.
    """
    key = r"HKLM\SYSTEM\CurrentControlSet\Control\Class\{4d36e968-e325-11ce-bfc1-08002be10318}\0000"
    question = ("registry", key, "DriverDesc")
    after = redacted({question: Answer(value=f"card of control, {GPU}")}, user="control")

    assert list(after) == [question]
    assert "control" not in after[question].value
    assert GPU not in after[question].value


def test_programs_on_an_adapter_are_well_known_ones_only() -> None:
    """
    A program that few have says who runs it.
    """
    programs = [
        {"pid": 4, "name": "dwm.exe", "bytes": 7},
        {"pid": 8, "name": "secret-project.exe", "bytes": 9},
    ]
    question = ("winapi", "adapters")
    (adapter,) = redacted({question: Answer(value=[{"processes": programs}])})[question].value

    assert adapter["processes"][0]["name"] == "dwm.exe"
    assert "secret" not in adapter["processes"][1]["name"]
    assert [each["bytes"] for each in adapter["processes"]] == [7, 9]


def test_the_machine_of_an_rpc_server_is_not_named() -> None:
    """
    Its name and its address are replaced wherever they stand; the card that was given for it, and its memory, stay.
    """
    server = RpcServer(outcome="ok", version=(8, 0, 0), devices=())
    after = redacted(
        {
            ("rpc", "goldfinch.lan:50052=RTX 3090"): as_answer(server),
            ("rpc", "10.20.30.40:50053"): as_answer(server),
            ("rpc", "127.0.0.1:50054"): as_answer(server),
            ("env", "NOTE"): Answer(value="see goldfinch, or 10 of them"),
        }
    )
    asked = sorted(question[1] for question in after if question[0] == "rpc")

    assert [one.partition(":")[2] for one in asked] == ["50054", "50053", "50052=RTX 3090"]
    assert asked[:2] == ["127.0.0.1:50054", "192.0.2.1:50053"]
    assert "goldfinch" not in str(after)
    assert "10 of them" in str(after)
