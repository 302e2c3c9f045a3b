"""
What becomes of a ``config.json`` that somebody damaged: an answer, or one sentence; in bounded time and memory.

    python -m benchmarks.fuzz_config [--count 20000] [--seed 1]

Published configurations are changed in one to three places, as text or by value, and read and estimated. Anything but
a result that can be or ``ModelError`` is a failure, which is printed with the number that makes it again.
"""

import argparse
import json
import random
import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

from llmprobe.errors import LlmprobeError
from llmprobe.estimation import Estimator
from llmprobe.facts.devices import Device, Hardware
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.settings import Settings
from llmprobe.model.formats import hf_config

FIXTURES = Path(__file__).parent.parent / "fixtures"
MOST_SECONDS = 2.0
MOST_BYTES = 300 << 20
MOST_PARAMETERS = 10**14
MOST_TERM_BYTES = 1 << 50

Answer = str
"""What came of one configuration: ``answered``, ``refused``, or what went wrong."""

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 3, 7, 255, 2**16, 2**31 - 1, 2**31, 2**40, 2**63, 2**64, 10**400),
    *(-(2**31), 0.5, -0.5, 1e-300, 1e300, float("inf"), float("-inf"), float("nan")),
    *("", "x", "1", "12", "\x1b[2J", "\ud800", "x" * 10_000),
    *([], [0], [1], [-1], [None], ["x"], [[]], [{}], [1] * 400, [0] * 400, [2**40] * 100, ["attention"] * 64),
    *({}, {"a": 1}, {"factor": 0}, {"rope_type": "yarn", "factor": "x"}, {"rope_theta": []}),
)


QUANTIZATIONS: tuple[dict[str, Any], ...] = (
    {"quant_method": "awq", "bits": 4, "group_size": 128, "modules_to_not_convert": ["visual"]},
    {"quant_method": "gptq", "bits": 4, "group_size": -1, "lm_head": True},
    {"quant_method": "fp8", "weight_block_size": [128, 128], "ignored_layers": ["re:.*mlp.*", "lm_head"]},
    {"quant_method": "bitsandbytes", "load_in_4bit": True, "llm_int8_skip_modules": None},
    {"quant_method": "exl2", "bits": 4.25, "head_bits": 6},
    {"quant_method": "hqq", "quant_config": {"weight_quant_params": {"nbits": 4, "group_size": 64}}},
    {
        "quant_method": "modelopt",
        "quant_algo": "MIXED_PRECISION",
        "quantized_layers": {"lm_head": {"quant_algo": "FP8"}},
    },
    {
        "quant_method": "quark",
        "global_quant_config": {"weight": {"dtype": "fp8_e4m3", "qscheme": "per_group"}},
    },
    {"quant_method": "torchao", "quant_type": {"default": {"_type": "Int4WeightOnlyConfig", "_data": {}}}},
    {
        "group_size": 64,
        "bits": 4,
        "mode": "affine",
        "model.layers.0.mlp.down_proj": {"bits": 8, "group_size": 64},
    },
    {
        "quant_method": "compressed-tensors",
        "format": "pack-quantized",
        "config_groups": {"group_0": {"weights": {"num_bits": 4, "strategy": "group", "group_size": 32}}},
        "ignore": ["lm_head", "re:.*self_attn.*", "model.layers.*.mlp"],
    },
)


class TooSlow(BaseException):
    """
    A configuration took longer than it may.
    """


@cache
def published() -> dict[str, dict[str, Any]]:
    """
    The published config.json of models, by their names in the catalog, and of rare ones.
    """
    found: dict[str, dict[str, Any]] = json.loads((FIXTURES / "configs.json").read_text(encoding="utf-8"))
    rare = json.loads((FIXTURES / "configs_rare.json").read_text(encoding="utf-8"))
    return found | {name: record["config"] for name, record in rare.items()}


def mutated(number: int) -> bytes:
    """
    Return the configuration of a number: always the same.
    """
    chance = random.Random(number)
    values = deepcopy(published()[chance.choice(sorted(published()))])
    for _ in range(chance.randint(1, 3)):
        chance.choice(_CHANGES)(values, chance)
    # Half a pair of surrogates has no bytes of its own; files have it as an escape.
    text = json.dumps(values).encode()
    return _damaged(text, chance) if chance.random() < 0.1 else text


def _replace(values: dict[str, Any], chance: random.Random) -> None:
    place, key = _somewhere(values, chance)
    # A copy: a later change inside it would otherwise reach the configurations that follow.
    place[key] = deepcopy(chance.choice(ODD))


def _scale(values: dict[str, Any], chance: random.Random) -> None:
    place, key = _somewhere(values, chance)
    value = place[key]
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300:
        place[key] = value * chance.choice((-1, 2, 3, 10, 1000, 10**6, 10**9, 0.5, 1.5))


def _step(values: dict[str, Any], chance: random.Random) -> None:
    place, key = _somewhere(values, chance)
    if type(place[key]) is int:
        place[key] += chance.choice((-2, -1, 1, 2))


def _drop(values: dict[str, Any], chance: random.Random) -> None:
    place, key = _somewhere(values, chance)
    del place[key]


def _swap(values: dict[str, Any], chance: random.Random) -> None:
    (first, key), (second, other) = _somewhere(values, chance), _somewhere(values, chance)
    first[key], second[other] = deepcopy(second[other]), deepcopy(first[key])


def _borrow(values: dict[str, Any], chance: random.Random) -> None:
    other = published()[chance.choice(sorted(published()))]
    key = chance.choice(sorted(other))
    values[key] = deepcopy(other[key])


def _resize(values: dict[str, Any], chance: random.Random) -> None:
    place, key = _somewhere(values, chance)
    if isinstance(place[key], list | str):
        place[key] = chance.choice((place[key][:-1], place[key] * 2, place[key] * 100, place[key][:1]))


def _quantize(values: dict[str, Any], chance: random.Random) -> None:
    kind = deepcopy(chance.choice(QUANTIZATIONS))
    if chance.random() < 0.7:
        _replace(kind, chance)
    values[chance.choice(("quantization_config", "quantization", "compression_config"))] = kind


def _nest(values: dict[str, Any], chance: random.Random) -> None:
    # A part of its own, or a second one beside the first.
    inner = deepcopy(values if chance.random() < 0.5 else published()[chance.choice(sorted(published()))])
    values[chance.choice(("text_config", "llm_config", "language_config", "thinker_config"))] = inner


_CHANGES: tuple[Callable[[dict[str, Any], random.Random], None], ...] = (
    *(_replace, _replace, _replace, _scale, _scale, _step, _drop, _swap, _borrow, _resize, _quantize, _nest),
)


def _somewhere(values: dict[str, Any], chance: random.Random) -> tuple[Any, Any]:
    """
    Return a container of a configuration and a key of it, at any depth.
    """
    place: Any = values
    while True:
        if not place:
            values["added"] = 1
            return values, "added"
        key = chance.choice(sorted(place)) if isinstance(place, dict) else chance.randrange(len(place))
        inner = place[key]
        if not isinstance(inner, dict | list) or not inner or chance.random() < 0.5:
            return place, key
        place = inner


def _damaged(text: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(text))
    return chance.choice(
        (
            text[:at],
            text[:at] + bytes([chance.randrange(256)]) + text[at + 1 :],
            text[:at] + b"[" * 5000 + text[at:],
            text[:at] + b"9" * 5000 + text[at:],
            text.replace(b": ", b": -", 1),
        )
    )


def answer(content: bytes) -> Answer:
    """
    Read a configuration and estimate its model, and return what came of it.
    """
    try:
        spec = hf_config.spec(content, "fuzzed")
        estimate = Estimator(spec).estimate(
            "Q4_K_M", Settings(ctx_size=4096), Hardware(devices=(Device(id="gpu0", free_bytes=24 << 30),))
        )
    except LlmprobeError as error:
        return "refused" if _is_a_sentence(str(error)) else f"no sentence: {error!s:.80}"
    except (TooSlow, MemoryError) as error:
        return type(error).__name__
    except Exception as error:  # noqa: BLE001 - what it is must be told
        return f"{type(error).__name__} {_where(error)}"
    terms = [term.bytes for device in estimate.devices for term in device.terms]
    if any(not 0 <= size <= MOST_TERM_BYTES for size in terms) or not _can_be(spec):
        return "absurd"
    return "answered"


def _can_be(spec: ModelSpec) -> bool:
    folder = None if spec.folder is None else spec.folder.bytes
    if folder is not None and not 0 < folder <= MOST_TERM_BYTES:
        return False
    return 0 < spec.parameters <= MOST_PARAMETERS and 0 < (spec.active_parameters or 1) <= spec.parameters


def _is_a_sentence(text: str) -> bool:
    return 0 < len(text) < 300 and text.isprintable()


def _where(error: Exception) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"


@contextmanager
def limited(seconds: float, most_bytes: int) -> Iterator[None]:
    """
    Let what is within end after so many seconds, and get no more memory than so much beside what it has.
    """
    before = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = pages * resource.getpagesize() + most_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit, before[1]))
    signal.signal(signal.SIGALRM, _too_slow)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        resource.setrlimit(resource.RLIMIT_AS, before)


def _too_slow(_signal: int, _frame: FrameType | None) -> None:
    raise TooSlow


def main() -> int:
    """
    Print how many were answered and refused, and every failure with its number.
    """
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    found: Counter[Answer] = Counter()
    first: dict[Answer, int] = {}
    slowest = 0.0
    for number in range(options.seed * 10**9, options.seed * 10**9 + options.count):
        content = mutated(number)
        start = time.process_time()
        with limited(5 * MOST_SECONDS, MOST_BYTES):
            came = answer(content)
        took = time.process_time() - start
        slowest = max(slowest, took)
        if took > MOST_SECONDS:
            came = "slow"
        found[came] += 1
        first.setdefault(came, number)
    for came, count in found.most_common():
        print(f"{count:8}  {came:60} {'' if came in ('answered', 'refused') else first[came]}")
    print(f"{slowest:8.2f} s of processor time took the slowest")
    return int(bool(found.keys() - {"answered", "refused"}))


if __name__ == "__main__":
    sys.exit(main())
