"""
What several engines say alike: names of files, words of a shell, values out of an answer.
"""

import re
from typing import Any

from llmprobe.facts.model import ModelSpec
from llmprobe.facts.recommendation import Choice

_PLAIN = re.compile(r"[\w@%+=:,./-]+", re.ASCII)
_QUANT = re.compile(
    r"(?:^|[-_.])((?:UD-)?(?:IQ[1-4]_(?:XXS|XS|NL|S|M)|T?Q[1-8]_(?:K(?:_(?:XXL|XL|L|M|S))?|[01])|BF16|F16|F32|MXFP4(?:_MOE)?))$",
    re.IGNORECASE,
)
_SPLIT = re.compile(r"-(\d{5})-of-(\d{5})$")


def model_file(choice: Choice, model: ModelSpec) -> str:
    """
    Return the file that a choice is, or the name under which its quantization is customarily published.
    """
    if choice.on_disk is not None:
        return choice.on_disk
    if model.path is not None and choice.quant == model.quant:
        # An address is where it can be had; the file has its name when it is here.
        return model.path if is_local(model) else model.path.partition("?")[0].rsplit("/", 1)[-1]
    base = (model.repo or model.id).rsplit("/", 1)[-1]
    return f"{base}-{choice.quant}.gguf"


def is_local(model: ModelSpec) -> bool:
    """
    Tell whether a model was read from a file of this machine, not from an address or the catalog.
    """
    return model.path is not None and not model.path.lower().startswith(("http://", "https://"))


def shell_word(text: str) -> str:
    """
    Return a word as a POSIX shell must be given it.
    """
    return text if _PLAIN.fullmatch(text) else "'" + text.replace("'", "'\\''") + "'"


def environment_words(environment: dict[str, str]) -> list[str]:
    """
    Return variables as they are set before a command.
    """
    return [f"{name}={shell_word(value)}" for name, value in sorted(environment.items())]


def devices_in_use(choice: Choice) -> tuple[str, ...]:
    """
    Return the ids of the devices that hold layers of a choice.
    """
    return tuple(device.id for device in choice.devices if device.id != "host")


def quant_in_name(file: str) -> str | None:
    """
    Return the quantization that a file's name ends in: ``Q4_K_M`` of ``model-Q4_K_M-00001-of-00003.gguf``.
    """
    stem = _SPLIT.sub("", file.removesuffix(".gguf"))
    found = _QUANT.search(stem)
    return found.group(1).upper().removeprefix("UD-") if found else None


def split_of(file: str) -> tuple[str, int, int] | None:
    """
    Return the stem, number and count of a part of a split set, None of any other file.
    """
    stem = file.removesuffix(".gguf")
    found = _SPLIT.search(stem)
    return (stem[: found.start()], int(found.group(1)), int(found.group(2))) if found else None


def field(record: Any, *names: str) -> Any:
    """
    Return what lies under these names of nested objects, None where one of them is no object or lacks it.
    """
    for name in names:
        if not isinstance(record, dict):
            return None
        record = record.get(name)
    return record


def records(value: Any) -> list[dict[str, Any]]:
    """
    Return the objects of a list; of anything else none.
    """
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def count(value: Any) -> int | None:
    """
    Return a whole number that is not negative, None for anything else (true is no number).
    """
    return value if type(value) is int and value >= 0 else None
