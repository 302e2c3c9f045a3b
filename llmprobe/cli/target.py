"""
Which machine a command answers for: this one, a recorded one, or one that nobody has yet.
"""

from typing import Self

import msgspec

from llmprobe.errors import UsageError
from llmprobe.facts.machine import Snapshot
from llmprobe.words.message import message


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """
    The options before the command. At most one of ``replay`` and ``gpus`` with ``ram_bytes`` is given.
    """

    replay: str | None = None
    gpus: tuple[str, ...] = ()
    ram_bytes: int | None = None
    timeout_s: float | None = None
    verbose: bool = False

    @classmethod
    def from_options(
        cls,
        *,
        replay: str | None,
        gpus: tuple[str, ...],
        ram: int | None,
        timeout: float | None,
        verbose: bool,
    ) -> Self:
        """
        The target that the options name.

        Raises:
            UsageError: they name two machines.
        """
        if replay is not None and (gpus or ram is not None):
            raise UsageError(message("error.two-machines"), hint=message("hint.one-machine"))
        return cls(replay=replay, gpus=gpus, ram_bytes=ram, timeout_s=timeout, verbose=verbose)

    @property
    def is_live(self) -> bool:
        return self.replay is None and self.ram_bytes is None and not self.gpus

    def snapshot(self, *, wake: bool = False, model_folders: tuple[str, ...] = ()) -> Snapshot:
        """
        The machine as it is now, as it was recorded, or as it would be. ``wake`` asks sleeping devices too.

        Models in ``model_folders`` count as kept on this machine.
        """
        from llmprobe import api

        snapshot = api.probe(
            self.replay,
            gpus=self.gpus,
            ram_bytes=self.ram_bytes,
            wake=wake,
            timeout_s=self.timeout_s,
            model_folders=model_folders,
        )
        if self.verbose:
            _say_sources(snapshot)
        return snapshot


def _say_sources(snapshot: Snapshot) -> None:
    from llmprobe.cli import say
    from llmprobe.cli.language import spoken

    words = spoken()
    for source in snapshot.sources:
        say.aside(
            words.say(
                "page.source-line",
                name=source.name.ljust(16),
                status=source.status,
                duration_ms=source.duration_ms,
                detail=source.detail,
            )
        )
