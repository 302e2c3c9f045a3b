"""
The programs of llama.cpp, run one after the other on chosen settings within one time, and what each printed.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from llmprobe.engines._shared import llamacpp_trial as trials
from llmprobe.engines._shared.llamacpp_trial import BENCH, FIT, SERVER, Logged, Trial
from llmprobe.facts.estimate import DeviceEstimate, Speed
from llmprobe.facts.settings import Settings
from llmprobe.facts.verification import BufferCheck, SpeedCheck, Step
from llmprobe.source import programs
from llmprobe.words.message import Message, message

PROMPT, GENERATED = 512, 32
"""Tokens of llama-bench's tests; a context that is shorter has a shorter prompt."""

SERVED = 8
"""Tokens of the server's prompt and of its answer."""

SAME = 0.25
"""By how much a speed may differ from the likely one, in parts, and count as predicted where its range is narrower."""

_FIRST_TOKEN = 100
_KINDS: tuple[Literal["weights", "cache", "compute", "output"], ...] = (
    "weights",
    "cache",
    "compute",
    "output",
)
_OF_SERVER, _OF_FIT = 0.5, 0.2
"""Parts of the time that is left: for the load, and for the fit."""

Progress = Callable[[Message], None]


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """
    What is verified: the settings and what is predicted for them.
    """

    settings: Settings
    gpu_layers: int
    devices: tuple[DeviceEstimate, ...]
    speed: Speed
    environment: dict[str, str]
    names: dict[str, str]
    given: bool


class Run:
    """
    The programs, one after the other, within one time; what each printed.
    """

    def __init__(self, trial: Trial, chosen: Chosen, until: float, progress: Progress) -> None:
        self._trial = trial
        self._chosen = chosen
        self._until = until
        self._progress = progress
        self._fitted: dict[tuple[str, str], Logged] = {}
        self._benched: dict[str, float] = {}
        self._timed: dict[str, float] = {}
        self.log = ""
        self.steps: list[Step] = []

    def fit(self) -> None:
        """
        What the engine itself reckons, without loading anything.
        """
        printed = self._printed([FIT, *trials.fit_words(self._trial)], self._left(_OF_FIT))
        self._fitted = trials.fitted(printed, self._chosen.names)

    def server(self) -> None:
        """
        A load with all weights in buffers, and one short answer.
        """
        body = {
            "prompt": [_FIRST_TOKEN + number for number in range(SERVED)],
            "n_predict": SERVED,
            "temperature": 0,
            "ignore_eos": True,
        }
        for without_mmap in trials.WITHOUT_MMAP:
            words = [SERVER, *trials.server_words(self._trial), *without_mmap]
            self._progress(message("page.verify-runs", program=SERVER))
            started = time.monotonic()
            served = programs.serve(
                words, body, seconds=self._left(_OF_SERVER), extra=self._chosen.environment
            )
            self.log = served.log
            self._timed = trials.timed(served.answer)
            self._note(words, served.status, started, served.detail)
            # A build that does not know the word says so and ends before it has loaded anything.
            if served.status != "failed" or trials.lines_of_sizes(served.log):
                break
            if without_mmap != trials.WITHOUT_MMAP[-1]:
                self.steps.pop()

    def bench(self) -> None:
        """
        The speed of a prompt and of generation.
        """
        context = max(self._chosen.settings.ctx_size, 2)
        words = trials.bench_words(
            self._trial, prompt=min(PROMPT, context), generated=min(GENERATED, context)
        )
        printed = self._printed([BENCH, *words], self._left(1.0))
        self._benched = trials.benched(printed)

    def buffers(self) -> tuple[BufferCheck, ...]:
        """
        Every buffer that is predicted or was logged.
        """
        served = trials.logged(self.log, self._chosen.names)
        checks = []
        for device in self._chosen.devices:
            for kind in _KINDS:
                predicted = int(getattr(device, f"{kind}_bytes"))
                found, by = served.get((device.id, kind)), SERVER
                if found is None and not served:
                    found, by = self._fitted.get((device.id, kind)), FIT
                if found is None and served:
                    found = Logged(0, 0)
                if not predicted and (found is None or not found.bytes):
                    continue
                checks.append(_compared(device.id, kind, predicted, found, by))
        return tuple(checks)

    def speeds(self) -> tuple[SpeedCheck, ...]:
        """
        Generation and prompt, by llama-bench, else by the server's own answer, of which the prompt is too short.
        """
        speed = self._chosen.speed
        rows = []
        for of, predicted in (
            ("generation", speed.generation_tokens_per_s),
            ("prompt", speed.prompt_tokens_per_s),
        ):
            measured, by = self._benched.get(of), BENCH
            if measured is None and of == "generation":
                measured, by = self._timed.get(of), SERVER
            within = None
            if measured is not None and predicted is not None:
                within = (
                    predicted.low <= measured <= predicted.high
                    or abs(measured - predicted.likely) <= SAME * predicted.likely
                )
            rows.append(
                SpeedCheck(
                    of=of,  # type: ignore[arg-type]  # one of the two
                    predicted=predicted,
                    measured=None if measured is None else round(measured, 2),
                    by=None if measured is None else by,
                    within=within,
                )
            )
        return tuple(rows)

    def _left(self, part: float) -> float:
        return max(1.0, (self._until - time.monotonic()) * part)

    def _printed(self, words: Sequence[str], seconds: float) -> str:
        if not programs.is_here(words[0]):
            self._note(words, "missing", time.monotonic(), None)
            return ""
        self._progress(message("page.verify-runs", program=words[0]))
        started = time.monotonic()
        answer = programs.run(words, seconds=seconds, extra=self._chosen.environment)
        if not answer.ok:
            status = "timeout" if answer.status == "timeout" else "failed"
            self._note(words, status, started, answer.detail)
            return ""
        output = answer.value
        failed = output["exit"] != 0
        self._note(
            words, "failed" if failed else "ok", started, _last_line(output["stderr"]) if failed else None
        )
        return "" if failed else str(output["stdout"])

    def _note(self, words: Sequence[str], status: str, started: float, detail: str | None) -> None:
        folder = str(Path(self._trial.path).parent)
        self.steps.append(
            Step(
                program=words[0],
                status=status,  # type: ignore[arg-type]  # one of the four
                seconds=round(time.monotonic() - started, 1),
                words=trials.without_folder(words, self._trial.path),
                detail=None if detail is None else detail.replace(folder, "..."),
            )
        )


def _compared(
    device: str,
    kind: Literal["weights", "cache", "compute", "output"],
    predicted: int,
    found: Logged | None,
    by: str,
) -> BufferCheck:
    if found is None:
        return BufferCheck(device=device, kind=kind, predicted_bytes=predicted, measured_bytes=None)
    # What llama-fit-params prints is cut off, so that the bytes may only be more.
    low = found.bytes - (0 if by == FIT else found.exact_to)
    return BufferCheck(
        device=device,
        kind=kind,
        predicted_bytes=predicted,
        measured_bytes=found.bytes,
        exact_to_bytes=found.exact_to,
        by=by,
        agrees=low <= predicted <= found.bytes + found.exact_to,
    )


def _last_line(text: object) -> str | None:
    lines = [line.strip() for line in str(text).splitlines() if line.strip()]
    return lines[-1][:200] if lines else None
