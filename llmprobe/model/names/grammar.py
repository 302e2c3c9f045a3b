"""
The grammar of names: owner, family, generation, size and kind, then quantization and packaging.

What only says how a file is packed (``-GGUF``, ``i1-``, ``UD-``, ``:latest``, shard numbers) is taken off. What is left
is split into words that are compared without case, separators and what every name has.
"""

import re
import unicodedata
from collections.abc import Iterator

import msgspec

from llmprobe.model.quants.file_types import is_file_type

_QUANT = (
    r"i?q4_(?:0|nl)_[48]_[48]|i?q\d(?:xxs|xs|nl|s|m|[01]|k(?:xl|[sml]))"
    r"|i?q\d(?:[-_ ]?k)?(?:[-_ ](?:0|1|nl|ks|kss|kt|k|xxs|xs|s|m|xxl|xl|l|p|r4|r8))*|tq\d[-_]0|bf16|fp?16|fp?32|fp8|fp4"
    r"|mxfp[48](?:[-_ ]moe)?|nvfp4|awq|gptq|mlx|bnb|hqq|aqlm|autoround|exl[23]|int[48]|w\d{1,2}a\d{1,2}"
    r"|apex(?:-mtp)?(?:-(?:i|tq))?(?:-(?:balanced|quality|compact|mini|nano))?|[2-8][-_ ]?bits?|\d(?:\.\d+)?[-_ ]?bpw"
)
_PACKING = (
    r"gguf|ggml|i1|imat|imatrix|ud|latest|cloud|free|hf|mtp|ollama|unsloth|bartowski|ubergarm|quantized|quants?|dwq|dynamic|fp16mix|int[48]mix|mix"
    r"|h[68]|gs?\d{2,3}|groupsize|ct2?|openvino|ov|onnx|coreml|litert|safetensors|torchao|hybrid|npu|cpu|vllm|sglang"
)
_METHOD = r"awq|gptq|autoround|exl[23]|bnb|hqq|mlx"
_WIDTH = r"int[48]|[2-8][-_ ]?bits?|\d(?:\.\d+)?[-_ ]?bpw"
"""Formats of other engines of several widths, and how their names say which."""
_LAST = rf"[-_.:@ ]+(?:(?:(?P<own>ud|i1|imat)[-_. ])?(?P<quant>{_QUANT})|(?P<packing>{_PACKING}))$"
_SHARD = r"-\d{5}-of-\d{5}$"
_PLACE = r"^(?:ollama (?:run|pull|show) |[a-z]+:(?=//))"
_PAGE = r"/(?:tree|resolve|raw)/[^/]+/?$|[?#].*$"
_SEPARATORS = re.compile(r"(?:[^\w.]|_)+|\.(?!\d)|(?<!\d)\.")
_BENCH = r"(?<=\d_k) - (s|m|l)(?:mall|edium|arge)\b"
"""What llama-bench prints for ``Q4_K_M``: ``Q4_K - Medium``."""
_COUNTED = r"(?<![\w.])(\d+(?:\.\d+)?) b(?:illion)?\b(?: param(?:eter)?s\b)?"
"""``8 B``, ``70 billion parameters``: the size, apart from its unit."""
_REMARK = r"\([^()]*\d ?gi?b\)"
_DASH = r"(?<=[A-Za-z0-9])[‐‑‒–—―−ー](?=[A-Za-z0-9])"
"""Other dashes between letters or figures; a Japanese keyboard gives ``ー`` for its key."""
_PLUS = r"(?<=\w)\+(?![^\W_])"
_SPLIT_VERSION = re.compile(r"(?<![\d.])(\d)_(\d)(?![\da-z.])")
_WORD_THEN_NUMBER = re.compile(r"([^\W\d_]{3,})(\d.*)")
_NUMBER_THEN_WORD = re.compile(r"(\d+(?:\.\d+)*)([^\W\d_]{2,})")
_VERSION = re.compile(r"v\d+(?:\.\d+)*")
NUMBER = re.compile(r"\d+(?:\.\d+)*")
RELEASE = re.compile(r"\d+(?:\.\d+)*|[b-z]\d(?:\.\d)?")
"""A number, or a letter and one as MiniMax's generations have (``m3``)."""
SIZE = re.compile(r"[ae]?\d+(?:\.\d+)*[bmkt]?")
TOTAL = re.compile(r"(?:\d+x)?\d+(?:\.\d+)?[bmt]")
"""All parameters, as names have them: ``8b``, ``270m``, ``1t``, ``8x7b``."""
CONTEXT = re.compile(r"\d{1,4}k|10?m")

_NOISE = frozenset(
    (
        "meta",
        "instruct",
        "chat",
        "it",
        "pt",
        "base",
        "hf",
        "gguf",
        "latest",
        "qat",
        "the",
        "model",
        "imat",
        "i1",
        "text",
    )
)
_ABBREVIATED = (
    (r"l([23](?:\.\d)?)", ("llama",)),
    (r"mn()", ("mistral", "nemo")),
    (r"ms(3(?:\.\d)?)", ("mistral", "small")),
    (r"q(2\.5|3(?:\.\d)?)", ("qwen",)),
)
"""How people begin the names of their fine-tunes."""
_KATAKANA = {
    "ミストラル": "mistral",
    "ミクストラル": "mixtral",
    "ラマ": "llama",
    "リャマ": "llama",
    "クウェン": "qwen",
    "クエン": "qwen",
    "ジェマ": "gemma",
    "ジェンマ": "gemma",
    "ディープシーク": "deepseek",
    "グラナイト": "granite",
    "ファルコン": "falcon",
    "コマンド": "command",
    "スワロー": "swallow",
    "ファイ": "phi",
}


class Name(msgspec.Struct, frozen=True, kw_only=True):
    """
    A name taken apart.

    ``rest`` is the model's own name. ``quant`` is a quantization as it was typed. ``repo`` is ``owner/repository``
    where both were. ``next_token`` and ``cloud`` tell whether the name says ``-MTP`` or ``:cloud``.
    """

    rest: str
    quant: str | None = None
    repo: str | None = None
    next_token: bool = False
    cloud: bool = False


def plain(text: str) -> str:
    """
    A name in letters of usual width, with ``plus`` for a ``+`` at the end of a word, and without brackets.
    """
    shown = re.sub(_PLUS, "-plus", unicodedata.normalize("NFKC", text))
    if not shown.isascii():
        shown = re.sub(_DASH, "-", shown)
        for name, latin in _KATAKANA.items():
            shown = shown.replace(name, f" {latin} ")
    shown = re.sub(_REMARK, "", shown, flags=re.IGNORECASE)
    shown = re.sub(_COUNTED, r"\1b", shown, flags=re.IGNORECASE)
    shown = re.sub(_BENCH, r"_\1", shown, flags=re.IGNORECASE)
    return re.sub(r"[()\[\]{}]", " ", shown).strip()


def parse(text: str) -> Name:
    """
    Take a name apart, whatever place it is from: a hub, a library, an address, a file.
    """
    shown = re.sub(_PAGE, "", re.sub(_PLACE, "", plain(text), flags=re.IGNORECASE))
    # A host has a dot and comes first; Ollama's library is no owner.
    steps = [step for step in re.split(r"[\\/]", shown) if step]
    while len(steps) > 1 and (steps[0] == "library" or ("." in steps[0].rstrip(".") and len(steps) > 2)):
        steps = steps[1:]
    if len(steps) > 2 and re.fullmatch(rf"(?:ud[-_])?(?:{_QUANT})", steps[-1].lower()):
        # A folder for each quantization, in one repository.
        steps[-2:] = [f"{steps[-2]}:{steps[-1]}"]
    is_file = len(steps) > 2 and steps[-1].lower().endswith(".gguf")
    owned = steps[:2] if is_file else steps[-2:]
    rest, quants, packing = _stripped(steps[-1] if steps else "")
    if "qat" in re.split(r"[-_. ]", rest.lower()):
        packing.add("qat")
    repo = "/".join(owned).partition(":")[0].strip() if len(owned) == 2 and "\\" not in shown else None
    return Name(
        rest=rest,
        quant=_of_recipe(_quant_of(quants), packing),
        repo=repo,
        next_token="mtp" in packing,
        cloud="cloud" in packing,
    )


def _quant_of(quants: list[str]) -> str | None:
    """
    The quantization of all that a name says: ``AWQ-INT4`` is AWQ of that width, and no mixture of llama-quantize.
    """
    method = next((quant for quant in quants if re.fullmatch(_METHOD, quant.lower())), None)
    width = next((quant for quant in quants if re.fullmatch(_WIDTH, quant.lower())), None)
    if method is not None and width is not None:
        return f"{method}-{width}"
    return next((quant for quant in quants if not is_file_type(quant)), quants[0] if quants else None)


def _of_recipe(quant: str | None, packing: set[str]) -> str | None:
    """
    All files of a repository of ``i1`` are made with an importance matrix, and those that were trained for their type
    (``qat``) are mixed by their maker.
    """
    if quant is not None and "qat" in packing and is_file_type(f"qat-{quant}"):
        return f"qat-{quant}"
    return (
        f"i1-{quant}"
        if quant is not None and packing & {"i1", "imat"} and is_file_type(f"i1-{quant}")
        else quant
    )


def _stripped(text: str) -> tuple[str, list[str], set[str]]:
    rest, quants, packing = text.strip(), [], set()
    while True:
        lowered = rest.lower()
        if (shard := re.search(_SHARD, lowered)) is not None:
            rest = rest[: shard.start()]
        elif (match := re.search(_LAST, lowered)) is not None:
            if match["quant"] is not None:
                quants.append(rest[match.start("own" if match["own"] else "quant") :])
            else:
                packing.add(match["packing"])
            rest = rest[: match.start()]
        else:
            return rest, quants, packing


def split_quant(text: str) -> tuple[str, str | None]:
    """
    A name without organisation, file suffix, shard number and quantization, and that as it is typed.

    >>> split_quant("bartowski/Meta-Llama-3-70B-Instruct-GGUF:Q4_K_M")
    ('Meta-Llama-3-70B-Instruct', 'Q4_K_M')
    """
    name = parse(text)
    return name.rest, name.quant


def words(text: str) -> list[str]:
    """
    What distinguishes a name: its words and numbers without case, separators and what every name has.

    >>> words("Meta-Llama-3.1-8B-Instruct")
    ['llama', '3.1', '8b']
    """
    shown = _SPLIT_VERSION.sub(r"\1.\2", text.casefold())
    parts: list[str] = []
    for token in _SEPARATORS.split(shown):
        if token:
            parts.extend(part for part in _parts(token) if part not in _NOISE)
    return parts


def _parts(token: str) -> Iterator[str]:
    """Yield the word and the number of ``llama3``, ``2.5vl`` and ``v0.3``, or what is neither as it is."""
    if (match := _WORD_THEN_NUMBER.fullmatch(token)) is not None:
        yield match[1]
        yield from _parts(match[2])
    elif (match := _NUMBER_THEN_WORD.fullmatch(token)) is not None:
        yield from (_whole(match[1]), match[2])
    elif _VERSION.fullmatch(token) is not None:
        yield _whole(token[1:])
    else:
        yield _whole(token)


def _whole(token: str) -> str:
    """Generation 4.0 is generation 4."""
    return token.removesuffix(".0") if NUMBER.fullmatch(token) else token


def other_readings(parts: list[str]) -> Iterator[list[str]]:
    """
    Yield what else the words may be: ``3 1`` for 3.1, ``L3.3`` for Llama 3.3, a name without its context (``128k``).
    """
    joined: list[str] = []
    for part in parts:
        if joined and re.fullmatch(r"\d", part) and re.fullmatch(r"\d", joined[-1]):
            joined[-1] += f".{part}"
        else:
            joined.append(part)
    if joined != parts:
        yield joined
    whole = [one for part in parts for one in _unabbreviated(part)]
    if whole != parts:
        yield whole
    without = [part for part in parts if CONTEXT.fullmatch(part) is None]
    if without and without != parts:
        yield without


def _unabbreviated(part: str) -> tuple[str, ...]:
    for pattern, family in _ABBREVIATED:
        if (match := re.fullmatch(pattern, part)) is not None:
            return (*family, _whole(match[1])) if match[1] else family
    return (part,)


def letters(text: str) -> str:
    """
    The letters and digits of a name.
    """
    return _SEPARATORS.sub("", text.casefold())
