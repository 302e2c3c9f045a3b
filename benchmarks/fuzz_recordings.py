"""
``python -m benchmarks.fuzz_recordings``: whatever a recording holds, it is refused in a sentence or looked at in time.

Recordings of the fixtures are changed at random (values of other types, absurd numbers, cut texts, moved branches,
damaged bytes), and every one is replayed as a user's is. A mutation is told by its seed and its number:

    python -m benchmarks.fuzz_recordings --count 20000 --seed 1
    python -m benchmarks.fuzz_recordings --seed 1 --only 1234        that one again, with its traceback
"""

import argparse
import copy
import json
import random
import resource
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from llmprobe import engines
from llmprobe.errors import RecordingError
from llmprobe.facts.wire import encode
from llmprobe.machine.snapshot import collect
from llmprobe.source.recording import decode
from llmprobe.source.recording.replay import Replay

FOLDER = Path(__file__).parents[1] / "fixtures" / "machines"
MOST_S = 2.0
MOST_MIB = 300
_MOST_CHANGES = 4
_DEEP = 200


def _deep() -> Any:
    value: Any = 1
    for _ in range(_DEEP):
        value = [value]
    return value


_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63 - 1, -(2**63), 2**64, 10**30, 1.5, -0.0, 1e308, 1e-308),
    *(
        "",
        " ",
        "\x00",
        "N/A",
        "-1",
        "1e999",
        "9" * 400,
        "0x",
        "\x1b[2J",
        "\ud7ff",
        "a" * 20_000,
        "1-",
        ",",
        "\n" * 9,
    ),
    *(
        [],
        {},
        [[]],
        [None],
        [1, "a", None],
        {"status": "denied"},
        {"status": "ok"},
        {"status": "ok", "value": 7},
    ),
    *({"status": "timeout", "code": -1, "detail": "x"}, {"total": -1, "free": "a"}, {"a": {"b": {}}}),
)


class Mutator:
    """
    Mutations of the recordings of the fixtures, the same for the same seed.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._originals = [path.read_bytes() for path in sorted(FOLDER.glob("*/recording.json"))]

    def mutation(self, number: int) -> bytes:
        """
        One changed recording, as the bytes of its file.
        """
        rnd = random.Random(f"{self._seed}:{number}")
        original = rnd.choice(self._originals)
        if rnd.random() < 0.1:
            return _damaged(original, rnd)
        document = json.loads(original)
        for _ in range(rnd.randint(1, _MOST_CHANGES)):
            _change(document, rnd)
        return json.dumps(document).encode(errors="replace")


def _damaged(content: bytes, rnd: random.Random) -> bytes:
    damaged = bytearray(content)
    for _ in range(rnd.randint(1, 8)):
        at = rnd.randrange(len(damaged))
        match rnd.randrange(3):
            case 0:
                damaged[at] = rnd.randrange(256)
            case 1:
                del damaged[at : at + rnd.randint(1, 40)]
            case _:
                damaged[at:at] = damaged[at : at + rnd.randint(1, 40)]
    return bytes(damaged)


def _change(document: dict[str, Any], rnd: random.Random) -> None:
    places = list(_places(document))
    holder, key = rnd.choice(places)
    value = holder[key]
    match rnd.randrange(6):
        case 0 if isinstance(holder, dict):
            del holder[key]
        case 1:
            other, there = rnd.choice(places)
            holder[key] = json.loads(json.dumps(other[there]))
        case 2 if isinstance(value, str):
            holder[key] = _text(value, rnd)
        case 3 if isinstance(value, int | float) and not isinstance(value, bool):
            holder[key] = rnd.choice((-value, value * 2**40, value + 0.5, str(value), [value], 0))
        case 4 if isinstance(value, dict | list) and value:
            holder[key] = list(value) if isinstance(value, dict) else dict.fromkeys(map(str, value), 1)
        case _:
            holder[key] = _deep() if rnd.random() < 0.02 else copy.deepcopy(rnd.choice(_VALUES))


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    for key, item in list(value.items() if isinstance(value, dict) else enumerate(value)):
        yield value, key
        if isinstance(item, dict | list):
            yield from _places(item)


def _text(text: str, rnd: random.Random) -> str:
    at = rnd.randrange(len(text) + 1)
    end = at + rnd.randint(0, 6)
    return text[:at] + rnd.choice(("", "-", "9" * 30, "\x00", "\n", ":", "é", "0", " ", text)) + text[end:]


def problem(content: bytes) -> str | None:
    """
    What is wrong with how a recording is looked at, None where nothing is.
    """
    started = time.process_time()
    try:
        snapshot = collect(Replay(decode(content, "box.json")), observers=engines.observers())
        encode(snapshot)
    except RecordingError:
        snapshot = None
    except Exception:  # noqa: BLE001 - any traceback is a finding
        return traceback.format_exc()
    crashed = [each for each in snapshot.sources if each.status == "crashed"] if snapshot else []
    if crashed:
        return "; ".join(f"{each.name} crashed: {each.detail}" for each in crashed)
    took_s = time.process_time() - started
    return f"took {took_s:.1f} s" if took_s > MOST_S else None


def peak_mib() -> int:
    """
    The most memory that this process has had.
    """
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 2**20 if sys.platform == "darwin" else peak // 2**10


def problems(seed: int, count: int) -> Iterator[tuple[int, str]]:
    """
    The numbers of the mutations that something is wrong with, and what it is.
    """
    mutator = Mutator(seed)
    for number in range(count):
        found = problem(mutator.mutation(number))
        if found is not None:
            yield number, found


def main() -> int:
    """
    Try them, and print what is wrong.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int)
    wanted = parser.parse_args()
    if wanted.only is not None:
        print(problem(Mutator(wanted.seed).mutation(wanted.only)) or "nothing is wrong")
        return 0
    failed = 0
    for number, found in problems(wanted.seed, wanted.count):
        failed += 1
        print(f"{number}: {found}", flush=True)
    peak = peak_mib()
    print(f"{wanted.count} recordings of seed {wanted.seed}: {failed} with a problem; peak {peak} MiB")
    return 1 if failed or peak > MOST_MIB else 0


if __name__ == "__main__":
    raise SystemExit(main())
