"""
A recording without its secrets: host and user names, home paths, serials, UUIDs, addresses, control groups,
mounts, kernel build hosts, tokens, command lines.

Each secret has one placeholder wherever it occurs, in questions, in answers and in what an error says. Live and
replay are the same but for these. What is redacted still is to be read by a person before it is given away.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from llmprobe.facts.answer import Answer
from llmprobe.source.recording import Question, Recording, encode
from llmprobe.source.redaction.documents import kept_body, kept_file
from llmprobe.source.redaction.files import kept_names, learn, learn_serials, program, rewritten
from llmprobe.source.redaction.names import Names
from llmprobe.source.redaction.output import rewritten_output
from llmprobe.source.redaction.placeholders import SECRET_NAME, Placeholders, words_of_host

_SERIAL_KEY = re.compile(r"serial|asset_?tag|unique_?id", re.IGNORECASE)
_VERSION_KEY = re.compile(r"version|vbios|driver|release", re.IGNORECASE)
_USER_VARIABLES = frozenset({"USER", "LOGNAME", "USERNAME", "SUDO_USER"})
_HOST_VARIABLES = frozenset({"HOSTNAME", "HOST", "COMPUTERNAME", "USERDOMAIN"})
_ADDRESS = re.compile(r"[0-9.]+|localhost")
_WORD = re.compile(r"[A-Za-z]+")
_OF_OUR_OWN = frozenset({"registry"})
"""Methods whose questions are written in this program, among them ids of classes that look like a machine's own."""

_HOST_NAMES = frozenset({"kern.hostname", "kern.nodename"})


def redact(recording: Recording, known: Mapping[str, Iterable[str]] | None = None) -> Recording:
    """
    The recording with every secret replaced.

    ``known`` are names that only the machine itself knows to be secret: its ``host`` and ``user`` names.
    """
    secrets = Placeholders(encode(recording))
    secrets.keep(_system_words(recording))
    for kind, names in (known or {}).items():
        for name in names:
            for word in words_of_host(name) if kind == "host" else (name,):
                secrets.add_word(kind, word)
    private = Names(secrets)
    ordered = sorted(recording.answers.items())
    for question, answer in ordered:
        _learn(question, answer, secrets)
    kept = [
        (_asked(question, private), _rewritten(question, answer, secrets, private))
        for question, answer in ordered
    ]
    answers = {
        question
        if question[0] in _OF_OUR_OWN
        else tuple(secrets.redacted(word) for word in question): _redacted(question, answer, secrets)
        for question, answer in kept
    }
    release = recording.platform.release
    platform = msgspec.structs.replace(
        recording.platform, release=None if release is None else secrets.redacted(release, version=True)
    )
    covers = tuple(
        secrets.redacted(private.path(entry) if entry.startswith("/") else entry)
        for entry in recording.covers
    )
    return msgspec.structs.replace(recording, platform=platform, covers=covers, answers=answers)


def _system_words(recording: Recording) -> Iterable[str]:
    """
    The words that the system's own interfaces are made of, as far as they were asked.
    """
    for method, *args in recording.answers:
        if method in ("sysctl", "psutil", "nvml"):
            yield from _WORD.findall(args[0].partition(" ")[0])
        elif method == "read" and args[0].startswith(("/proc/", "/sys/", "/dev/", "/etc/")):
            yield from _WORD.findall(args[0].rpartition("/")[2])


def _learn(question: Question, answer: Answer, secrets: Placeholders) -> None:
    """
    Find the secrets that have no shape: they are told by where they stand.
    """
    method, *args = question
    value = answer.value
    for text in (*(() if method in _OF_OUR_OWN else args), *_texts(value), answer.detail or ""):
        secrets.add_homes(text)
        secrets.add_ids(text)
    if method == "rpc" and not _ADDRESS.fullmatch(host := args[0].partition(":")[0]):
        for word in words_of_host(host):
            secrets.add_word("host", word)
    if method == "read" and isinstance(value, str):
        learn(args[0], value, secrets)
    elif method == "env" and isinstance(value, str):
        if args[0] in _USER_VARIABLES:
            secrets.add_word("user", value)
        elif args[0] in _HOST_VARIABLES:
            for word in words_of_host(value):
                secrets.add_word("host", word)
    elif method == "sysctl" and isinstance(value, str) and args[0] in _HOST_NAMES:
        for word in words_of_host(value):
            secrets.add_word("host", word)
    elif question[:2] == ("nvml", "nvmlDeviceGetSerial") and isinstance(value, str):
        secrets.add_serial(value)
    else:
        for text in _texts(value):
            learn_serials(text, secrets)
        for key, text in _fields(value):
            if _SERIAL_KEY.search(key):
                secrets.add_serial(text)


def _asked(question: Question, names: Names) -> Question:
    """
    The question with its path redacted, as the names are that such a path is made of.
    """
    method, *args = question
    if method in ("read", "list", "link"):
        return (method, names.path(args[0]))
    if method == "psutil" and args[0].startswith("disk_usage "):
        return (method, f"disk_usage {names.path(args[0].partition(' ')[2])}")
    return question


def _rewritten(question: Question, answer: Answer, secrets: Placeholders, names: Names) -> Answer:
    method, *args = question
    value = answer.value
    if method == "read" and isinstance(value, str):
        text = kept_file(args[0], rewritten(args[0], value, secrets, names), names)
        return msgspec.structs.replace(answer, value=text)
    if method == "list" and isinstance(value, list):
        return msgspec.structs.replace(answer, value=kept_names(args[0], value, names))
    if method == "link" and isinstance(value, str) and not args[0].startswith(("/sys/", "/proc/", "/dev/")):
        return msgspec.structs.replace(answer, value=names.path(value))
    if method == "get":
        return msgspec.structs.replace(answer, value=kept_body(value, names))
    if method == "env" and isinstance(value, str) and SECRET_NAME.search(args[0]):
        return msgspec.structs.replace(answer, value="redacted")
    if method == "env" and isinstance(value, str) and args[0] in _USER_VARIABLES:
        return msgspec.structs.replace(answer, value=secrets.person(value))
    if method == "env" and isinstance(value, str) and not args[0].endswith("_HOST"):
        return msgspec.structs.replace(answer, value=names.value(value))
    if method == "run" and isinstance(value, dict):
        parts = {name: value.get(name) for name in ("stdout", "stderr")}
        printed = {
            name: rewritten_output(args[0], text, secrets)
            for name, text in parts.items()
            if isinstance(text, str)
        }
        return msgspec.structs.replace(answer, value={**value, **printed})
    if question == ("winapi", "adapters") and isinstance(value, list):
        return msgspec.structs.replace(answer, value=[_without_programs(each, secrets) for each in value])
    if question[:2] == ("nvml", "nvmlSystemGetProcessName") and isinstance(value, str):
        return msgspec.structs.replace(answer, value=program(value, secrets))
    return answer


def _without_programs(adapter: Any, secrets: Placeholders) -> Any:
    """
    An adapter of Windows with placeholders for programs that are not well known.
    """
    programs = adapter.get("processes") if isinstance(adapter, dict) else None
    if not isinstance(programs, list):
        return adapter
    kept = [
        {**each, "name": program(each["name"], secrets)}
        if isinstance(each, dict) and isinstance(each.get("name"), str)
        else each
        for each in programs
    ]
    return {**adapter, "processes": kept}


def _redacted(question: Question, answer: Answer, secrets: Placeholders) -> Answer:
    version = any(_VERSION_KEY.search(word) for word in question[1:] if not word.startswith("/proc/self"))
    return msgspec.structs.replace(
        answer,
        value=_walk(answer.value, secrets, version=version),
        detail=None if answer.detail is None else secrets.redacted(answer.detail),
    )


def _walk(value: Any, secrets: Placeholders, *, version: bool) -> Any:
    if isinstance(value, str):
        return secrets.redacted(value, version=version)
    if isinstance(value, list):
        return [_walk(item, secrets, version=version) for item in value]
    if isinstance(value, dict):
        return {
            secrets.redacted(key): _walk(item, secrets, version=version or bool(_VERSION_KEY.search(key)))
            for key, item in value.items()
        }
    return value


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield key
            yield from _texts(item)


def _fields(value: Any) -> Iterable[tuple[str, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, str):
                yield key, item
            else:
                yield from _fields(item)
    elif isinstance(value, list):
        for item in value:
            yield from _fields(item)
