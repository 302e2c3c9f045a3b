"""
What people name stays private in a recording, and what is public in a name stays.
"""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmprobe import engines
from llmprobe.facts.answer import Answer, Platform
from llmprobe.machine.probes import disk, memory
from llmprobe.model.catalog import by_id
from llmprobe.source.recording import Question, Recording, encode
from llmprobe.source.recording.replay import Replay
from llmprobe.source.redaction import redact
from llmprobe.source.redaction.names import Names
from llmprobe.source.redaction.placeholders import Placeholders

LINUX = Platform(system="linux", machine="x86_64")
HUB = "/data/volta-clinic/hf/hub"
REPO = "models--voltaclinic--Oncology-Llama-3.1-8B-GGUF"
FILE = "oncology-llama-3.1-8b-UD-Q4_K_XL-00001-of-00001.gguf"
PRIVATE = (
    "volta",
    "clinic",
    "oncology",
    "sk-1234567890abcdef",
    "{% for message",
    "patients",
    "Be kind",
    "wilhelmina",
)
PROPS = {
    "build_info": "b9000-abc",
    "total_slots": 4,
    "model_path": f"{HUB}/{FILE}",
    "model_alias": "wilhelmina",
    "api_key": "sk-1234567890abcdef",
    "chat_template": "{% for message in patients %}",
    "system_prompt": "Be kind",
    "default_generation_settings": {"n_ctx": 8192, "prompt": "patients", "params": {"grammar": "patients"}},
}


def names() -> Names:
    return Names(Placeholders())


def recorded(answers: dict[Question, Any]) -> Recording:
    return Recording(
        platform=LINUX,
        covers=("env", "http", "commands", "/data", "/home", "/usr", "/etc"),
        answers={question: Answer(value=value) for question, value in answers.items()},
    )


def clinic() -> Recording:
    """
    A machine whose folders, models and servers have private names.
    """
    repo = f"{HUB}/{REPO}"
    return recorded(
        {
            ("env", "HF_HOME"): "/data/volta-clinic/hf",
            ("env", "HOME"): "/home/ada",
            ("list", HUB): [REPO],
            ("list", f"{repo}/snapshots"): ["0f0f"],
            ("list", f"{repo}/snapshots/0f0f"): [FILE],
            ("get", "http://127.0.0.1:8080/props"): PROPS,
            ("get", "http://127.0.0.1:11434/api/version"): {"version": "0.12.3"},
            ("get", "http://127.0.0.1:11434/api/ps"): {
                "models": [
                    {
                        "name": "voltaclinic/oncology-qwen3:8b",
                        "size": 5,
                        "size_vram": 4,
                        "details": {"x": "Be kind"},
                    }
                ]
            },
            ("get", "http://127.0.0.1:8000/v1/models"): "<html>patients of the clinic</html>",
        }
    )


def test_nothing_private_is_left() -> None:
    """Neither in questions nor in answers: publishers, models, folders, keys, templates, pages of other programs."""
    text = encode(redact(clinic())).lower()

    assert [word for word in PRIVATE if word.lower() in text] == []


def test_the_private_words_were_there() -> None:
    """The test would see them."""
    text = encode(clinic()).lower()

    assert [word for word in PRIVATE if word.lower() not in text] == []


def test_what_a_reader_needs_is_left() -> None:
    """Engines, sizes, slots, contexts, families and quantizations are those of the machine."""

    def seen(recording: Recording) -> list[object]:
        found = [one for _, observe in engines.observers() for one in observe(Replay(recording))]
        return [
            (
                (one.name, one.running),
                [(each.size_bytes, each.ctx_size) for each in one.loaded],
                [(each.quant, each.problem) for each in one.models],
            )
            for one in found
        ]

    text = encode(redact(clinic()))

    assert seen(redact(clinic())) == seen(clinic())
    assert "-Llama-3.1-8B-GGUF" in text
    assert "-llama-3.1-8b-UD-Q4_K_XL-00001-of-00001.gguf" in text
    assert "-qwen3:8b" in text


def test_every_public_model_keeps_its_name() -> None:
    """Ids, aliases, repositories and publishers of the catalogue have no placeholder."""
    known = {name for model in by_id().values() for name in (model.id, *model.aliases, model.repo or "")}

    assert {name: names().name(name) for name in known if names().name(name) != name} == {}


@pytest.mark.parametrize(
    "name",
    [
        "Qwen3-8B-Q4_K_M.gguf",
        "models--unsloth--Qwen3-30B-A3B-Instruct-2507-GGUF",
        "mixtral-8x7b-instruct-v0.1.IQ2_XXS.gguf",
        "DeepSeek-R1-Distill-Llama-70B-f16-00002-of-00015.gguf",
        "bartowski/gemma-3-27b-it-GGUF",
        "sha256-1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a",
        "8f3a1b2c-4d5e-6f70-8192-a3b4c5d6e7f8",
    ],
)
def test_public_names_stay(name: str) -> None:
    """What everybody may download, and what is replaced by other rules."""
    assert names().name(name) == name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("acme", "name1"),
        ("acme-acme-zeta", "name1-name1-name2"),
        ("AcmeLlama-8b.gguf", "name1-8b.gguf"),
        ("Modell für Oma-Q4_K_M.gguf", "name1 name2 name3-Q4_K_M.gguf"),
        ("私の模型-7b", "name1-7b"),
        ("my disk", "name1 disk"),
        ("1234567-20251231", "name1-name2"),
    ],
)
def test_private_words_go(name: str, expected: str) -> None:
    """One placeholder for a word wherever it occurs, numbers that may be dates or accounts too."""
    assert names().name(name) == expected


def test_a_name_that_nobody_gives_is_one_secret() -> None:
    """Longer than a thousand signs, it is replaced as a whole, and the same name by the same placeholder."""
    known = names()
    long = "acme-" * 201

    assert known.name("Qwen3-" * 160) == "Qwen3-" * 160
    assert known.name(long) == known.name(long.upper()) == "name1"
    assert known.name(long + "x") == "name2"


@given(st.lists(st.text("ab/\\-_. Qq48", max_size=8), min_size=2, max_size=4))
def test_a_path_is_redacted_as_its_parts_are(parts: list[str]) -> None:
    """A replay joins what it was told, and asks for what was recorded."""
    redactor = names()
    joined = "/data/" + "/".join(parts)

    assert redactor.path(joined) == "/data/" + "/".join(redactor.path(part) for part in parts)


def test_redacting_twice_changes_nothing() -> None:
    """A placeholder is no private word."""
    once = redact(clinic())

    assert redact(once) == once


def test_memory_behind_a_bind_mount_is_found_again() -> None:
    """In a container with lxcfs /proc/meminfo is a mount of its own; it is the system's file all the same."""
    mounts = (
        "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
        "2 1 0:9 /proc/meminfo /proc/meminfo rw - fuse.lxcfs lxcfs rw\n"
        "3 1 0:9 / /run/udev rw - tmpfs tmpfs rw\n"
    )
    answers: dict[Question, Any] = {
        ("read", "/proc/self/mountinfo"): mounts,
        ("read", "/proc/meminfo"): "MemTotal: 1024 kB\nMemAvailable: 512 kB\n",
        ("read", "/run/udev/data/+dmi:id"): "E:MEMORY_DEVICE_0_SIZE=1\n",
        ("psutil", "virtual_memory"): {"total": 1048576, "available": 524288},
    }
    redacted = redact(recorded(answers))

    assert {question for question in answers if question not in redacted.answers} == set()
    assert memory.probe(Replay(redacted)).pools == memory.probe(Replay(recorded(answers))).pools


def test_a_volume_in_a_home_is_found_again() -> None:
    """A container's volume is mounted below the home that every engine starts from."""
    answers: dict[Question, Any] = {
        ("env", "HOME"): "/root",
        ("read", "/proc/self/mountinfo"): "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n"
        "2 1 0:9 / /root/.cache/huggingface rw - ext4 /dev/sdb1 rw\n",
        ("list", "/root/.cache/huggingface/hub"): [REPO],
        ("list", f"/root/.cache/huggingface/hub/{REPO}/snapshots"): ["0f0f"],
        ("list", f"/root/.cache/huggingface/hub/{REPO}/snapshots/0f0f"): [FILE],
        ("psutil", "disk_usage /root/.cache/huggingface"): {"total": 100, "used": 60, "free": 40},
        ("psutil", "disk_usage /"): {"total": 9, "used": 6, "free": 3},
    }

    def free(recording: Recording) -> object:
        return [(each.free_bytes, each.engines) for each in disk.probe(Replay(recording)).disks]

    def models(recording: Recording) -> list[int]:
        return [len(one.models) for _, observe in engines.observers() for one in observe(Replay(recording))]

    redacted = redact(recorded(answers))

    assert free(redacted) == free(recorded(answers))
    assert models(redacted) == models(recorded(answers)) != []
