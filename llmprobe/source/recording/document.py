"""
The format of a recorded machine, ``llmprobe.recording/1``: one JSON document, sorted, to be read and compared.

An answer that is ok is its value, unless that is itself an object with a ``status``; any other answer is an
object with one. A file of several lines is a list of lines. Questions are kept by area:

    files, lists, links   by path
    commands              by the words, joined by blanks (a JSON list of them where a word has a blank)
    nvml                  by function, then by handle and further arguments ("" where there is none)
    psutil, sysctl, env, http, rpc, winapi   by name, URL or address
    registry              by key, then by name
    cpuinfo, metal, vulkan, measured         one answer

``covers`` names what was recorded completely: what is not listed there was not on the machine. An entry is an
area (``nvml``), an area and the beginning of its names (``env:CUDA_``), or a directory (``/proc``).
"""

from typing import Annotated, Any

import msgspec

from llmprobe._version import __version__
from llmprobe.errors import RecordingError
from llmprobe.facts.answer import Answer, Platform
from llmprobe.facts.remote import RpcServer
from llmprobe.harmless import harmless_json
from llmprobe.words.message import message

SCHEMA = "llmprobe.recording/1"
Question = tuple[str, ...]

_AREA = {
    "read": "files",
    "list": "lists",
    "link": "links",
    "run": "commands",
    "psutil": "psutil",
    "sysctl": "sysctl",
    "env": "env",
    "get": "http",
    "rpc": "rpc",
    "nvml": "nvml",
    "registry": "registry",
    "winapi": "winapi",
    "cpuinfo": "cpuinfo",
    "metal": "metal",
    "vulkan": "vulkan",
    "measured": "measured",
}
_ONE_NAME = {
    "files": "read",
    "lists": "list",
    "links": "link",
    "psutil": "psutil",
    "sysctl": "sysctl",
    "env": "env",
    "http": "get",
    "rpc": "rpc",
    "winapi": "winapi",
}
_ONE_ANSWER = ("cpuinfo", "metal", "vulkan", "measured")
_KEPT = "measured"
"""What a recording without it was made without: no measurement was kept on that machine."""

_MARKS = ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"), (b"\xef\xbb\xbf", "utf-8"))
_HINT = message("hint.write-recording")


class Recording(msgspec.Struct, frozen=True, kw_only=True):
    """
    What a machine answered: each question (its method and arguments, see ``facts.asking``) with its answer.
    """

    platform: Platform
    covers: tuple[str, ...] = ()
    answers: dict[Question, Answer] = {}
    llmprobe_version: str = __version__

    def covered(self, method: str, args: tuple[str, ...]) -> bool:
        """
        Tell whether a question is about something that was recorded completely.
        """
        if method == _KEPT:
            return True
        area, name = _AREA[method], " ".join(args)
        for entry in self.covers:
            if entry.startswith("/"):
                if area in ("files", "lists", "links") and (name + "/").startswith(entry.rstrip("/") + "/"):
                    return True
            else:
                wanted, _, beginning = entry.partition(":")
                if wanted == area and name.startswith(beginning):
                    return True
        return False


class _Document(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    schema: str
    llmprobe_version: str = __version__
    platform: Platform
    covers: tuple[str, ...] = ()
    files: dict[str, Any] = {}
    lists: dict[str, Any] = {}
    links: dict[str, Any] = {}
    commands: dict[str, Any] = {}
    nvml: dict[str, dict[str, Any]] = {}
    psutil: dict[str, Any] = {}
    cpuinfo: Any = msgspec.UNSET
    metal: Any = msgspec.UNSET
    vulkan: Any = msgspec.UNSET
    measured: Any = msgspec.UNSET
    sysctl: dict[str, Any] = {}
    env: dict[str, Any] = {}
    http: dict[str, Any] = {}
    rpc: dict[str, Any] = {}
    registry: dict[str, dict[str, Any]] = {}
    winapi: dict[str, Any] = {}


def encode(recording: Recording) -> str:
    """
    The document, the same for the same answers in whatever order they came.
    """
    areas: dict[str, Any] = {}
    for (method, *args), answer in sorted(recording.answers.items()):
        area, said = _AREA[method], _pack(method, answer)
        if area in ("nvml", "registry"):
            areas.setdefault(area, {}).setdefault(args[0], {})[" ".join(args[1:])] = said
        elif area in _ONE_ANSWER:
            areas[area] = said
        else:
            areas.setdefault(area, {})[_command_key(args) if area == "commands" else args[0]] = said
    document = {
        "schema": SCHEMA,
        "llmprobe_version": recording.llmprobe_version,
        "platform": msgspec.to_builtins(recording.platform),
        "covers": sorted(recording.covers),
        **{area: areas[area] for area in _Document.__struct_fields__ if area in areas},
    }
    return harmless_json(msgspec.json.format(msgspec.json.encode(document), indent=2).decode()) + "\n"


def decode(content: bytes, name: str = "the recording") -> Recording:
    """
    The recording that a document holds. ``name`` is what the errors call it.

    Raises:
        RecordingError: it is no JSON, cut short, of another schema, or has values of the wrong kind.
    """
    content = _as_utf8(content)
    _check_schema(content, name)
    try:
        document = msgspec.json.decode(content, type=_Document)
        return Recording(
            platform=document.platform,
            covers=document.covers,
            answers=_answers(document),
            llmprobe_version=document.llmprobe_version,
        )
    except msgspec.ValidationError as error:
        raise RecordingError(
            message("recording.invalid", file=name, schema=SCHEMA, reason=str(error)), hint=_HINT
        ) from None
    except RecursionError:
        raise RecordingError(message("recording.too-deep", file=name), hint=_HINT) from None


def _as_utf8(content: bytes) -> bytes:
    """
    A document in the encoding that JSON has: PowerShell's ``>`` writes UTF-16, and others a mark in front of UTF-8.
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            text = content.removeprefix(mark).decode(encoding, errors="replace")
            return text.encode(errors="replace")
    return content


def _check_schema(content: bytes, name: str) -> None:
    try:
        document = msgspec.json.decode(content)
    except RecursionError:
        raise RecordingError(message("recording.too-deep", file=name), hint=_HINT) from None
    except UnicodeDecodeError:
        raise RecordingError(message("recording.not-utf8", file=name), hint=_HINT) from None
    except msgspec.DecodeError as error:
        if "truncated" in str(error):
            is_empty = not content.strip()
            raise RecordingError(
                message("recording.empty" if is_empty else "recording.cut-short", file=name), hint=_HINT
            ) from None
        raise RecordingError(
            message("recording.not-json", file=name, reason=str(error)), hint=_HINT
        ) from None
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema == SCHEMA:
        return
    if isinstance(schema, str) and schema.startswith("llmprobe.recording/"):
        raise RecordingError(
            message("recording.other-version", file=name, schema=schema, supported=SCHEMA),
            hint=message("hint.newer-llmprobe"),
        )
    other = schema if isinstance(schema, str) else None
    raise RecordingError(message("recording.other-document", file=name, schema=other), hint=_HINT)


def _answers(document: _Document) -> dict[Question, Answer]:
    answers: dict[Question, Answer] = {}
    for area, method in _ONE_NAME.items():
        for name, said in getattr(document, area).items():
            answer = _unpack(method, said)
            of_library = method in ("psutil", "winapi")
            answers[method, name] = _of_library(method, name, answer) if of_library else answer
    for key, said in document.commands.items():
        answers["run", *_command_words(key)] = _unpack("run", said)
    for function, handles in document.nvml.items():
        for handle, said in handles.items():
            answer = _of_library("nvml", function, _unpack("nvml", said))
            answers["nvml", function, *handle.split(" ")] = answer
    for key, names in document.registry.items():
        for name, said in names.items():
            answers["registry", key, name] = _unpack("registry", said)
    for area in _ONE_ANSWER:
        said = getattr(document, area)
        if said is not msgspec.UNSET:
            answers[area,] = _of_library(area, "", _unpack(area, said))
    return answers


def _pack(method: str, answer: Answer) -> Any:
    if not answer.ok or (isinstance(answer.value, dict) and "status" in answer.value):
        return {"status": answer.status, **msgspec.to_builtins(answer)}
    if method == "read" and "\n" in answer.value[:-1]:
        return answer.value.split("\n")
    return answer.value


_SHAPES: dict[str, type[Any] | Any] = {
    "read": str,
    "list": list[str],
    "link": str,
    "env": str,
    "run": msgspec.defstruct("Output", [("exit", int), ("stdout", str), ("stderr", str)]),
    "cpuinfo": dict[str, Any],
    "metal": dict[str, Any],
    "vulkan": dict[str, Any],
    "measured": dict[str, Any],
    "rpc": RpcServer,
}


def _fields(title: str, /, **types: Any) -> Any:
    """
    An object of which these fields have these types, where they are there; others may be anything.
    """
    return msgspec.defstruct(title, [(field, kind | None, None) for field, kind in types.items()])


_DEVICES = Annotated[int, msgspec.Meta(ge=0, le=256)]
"""Each device is asked for by its index: more than any machine has would be asked for without end."""

_LIBRARIES: dict[str, Any] = {
    "cpuinfo": _fields("Processor", brand_raw=str, vendor_id_raw=str, flags=list[str], count=int),
    "metal": _fields(
        "MetalDevice",
        name=str,
        recommendedMaxWorkingSetSize=int,
        currentAllocatedSize=int,
        maxBufferLength=int,
        hasUnifiedMemory=bool,
    ),
    "vulkan": _fields("Vulkan", library=str, apiVersion=str, devices=list[dict[str, Any]]),
    "adapters": list[dict[str, Any]],
    "memory": _fields("WindowsMemory", ullTotalPhys=int, ullAvailPhys=int, CommitTotal=int, CommitLimit=int),
    "processor": list[str],
    "memory-modules": _fields("Modules", sockets=int, modules=list[dict[str, str]]),
    "virtual_memory": _fields("Memory", total=int, available=int),
    "swap_memory": _fields("Swap", total=int, used=int),
    "disk_usage": _fields("Disk", total=int, used=int, free=int),
    "cpu_count": int,
    "cpu_count_cores": int,
    "cpu_affinity": list[int],
    "nvmlDeviceGetCount": _DEVICES,
    "nvmlDeviceGetCount_v2": _DEVICES,
    "nvmlDeviceGetMaxMigDeviceCount": _DEVICES,
}
"""What a library's answer is, by the question or by psutil's function. Another one has failed."""


def _of_library(method: str, name: str, answer: Answer) -> Answer:
    """
    The answer itself, or that it failed where the library could not have given it.
    """
    shape = _LIBRARIES.get(name.partition(" ")[0] or method)
    if shape is None or not answer.ok:
        return answer
    try:
        msgspec.convert(answer.value, shape)
    except msgspec.ValidationError as error:
        return Answer(status="failed", detail=f"the recording is wrong here: {error}")
    return answer


def _unpack(method: str, said: Any) -> Answer:
    if isinstance(said, dict) and "status" in said:
        answer = msgspec.convert(said, Answer)
        if not answer.ok:
            return answer
        said = answer.value
    if method == "read" and isinstance(said, list):
        said = "\n".join(msgspec.convert(said, list[str]))
    if method in _SHAPES:
        msgspec.convert(said, _SHAPES[method])
    return Answer(value=said)


def _command_key(words: list[str]) -> str:
    if any(not word or " " in word or word.startswith("[") for word in words):
        return msgspec.json.encode(words).decode()
    return " ".join(words)


def _command_words(key: str) -> list[str]:
    if not key.startswith("["):
        return key.split(" ")
    try:
        return msgspec.json.decode(key, type=list[str])
    except msgspec.DecodeError as error:
        raise msgspec.ValidationError(f"{key!r} is no list of words: {error}") from None
