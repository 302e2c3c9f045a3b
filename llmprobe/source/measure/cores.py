"""
What threads are worth in arithmetic: how much all hash together beside one alone.

Hashing releases the interpreter's lock and needs no memory beyond the nearest cache. The Python of most machines has
nothing that multiplies vectors without that lock, so this says how many cores the threads are worth, not how fast a
matrix is multiplied. A function of machine code of our own would; systems that forbid memory which is written and
executed refuse it, and programs that look for intruders take it for one.
"""

import threading
import time
from typing import NamedTuple

_BLOCK = 64 << 10
"""Bytes of one call: enough that starting it does not count, few enough for the nearest cache but one."""

_ROUNDS = 3


class Hashing(NamedTuple):
    """
    Bytes per second of one thread alone and of all together.
    """

    one_bytes_per_s: int
    all_bytes_per_s: int


def hash_rates(threads: int, *, seconds: float) -> Hashing | None:
    """
    The best rates of several turns, one thread and all in each; None where the time was too short for any.
    """
    stopped = threading.Event()
    turn = seconds / (2 * _ROUNDS)
    one, together = 0.0, 0.0
    for _ in range(_ROUNDS):
        one = max(one, _turn(1, turn, stopped))
        together = max(together, _turn(threads, turn, stopped) if threads > 1 else one)
    if not one or not together:
        return None
    return Hashing(round(one), round(together))


def _turn(count: int, seconds: float, stopped: threading.Event) -> float:
    """
    The bytes per second that so many threads hash together.
    """
    from hashlib import sha512

    until = time.perf_counter() + seconds
    rates: list[float] = []

    def work() -> None:
        block, digest, hashed = bytes(_BLOCK), sha512(usedforsecurity=False), 0
        began = now = time.perf_counter()
        while now < until and not stopped.is_set():
            digest.update(block)
            hashed += _BLOCK
            now = time.perf_counter()
        if now > began:
            rates.append(hashed / (now - began))

    workers = [threading.Thread(target=work, daemon=True) for _ in range(count)]
    started = []
    try:
        for worker in workers:
            worker.start()
            started.append(worker)
        for worker in workers:
            while worker.is_alive():
                worker.join(0.05)
    except RuntimeError:
        # The system gives this process no more threads.
        return 0.0
    except BaseException:
        stopped.set()
        raise
    finally:
        for worker in started:
            worker.join()
    return sum(rates)
