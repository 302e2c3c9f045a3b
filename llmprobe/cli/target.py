"""
Which machine a command answers for: this one, a recorded one, or one that nobody has yet.
"""

from typing import Self

import msgspec

from llmprobe.errors import UsageError
from llmprobe.facts.machine import Snapshot
from llmprobe.units import GIB, MIB
from llmprobe.words.message import message


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """
    The options before the command. At most one of ``replay`` and what describes a hypothetical machine is given; its
    RAM is a size (``ram_bytes``) or a text with more (``ram``).
    """

    replay: str | None = None
    gpus: tuple[str, ...] = ()
    ram_bytes: int | None = None
    ram: str | None = None
    ram_bandwidth_bytes_per_s: int | None = None
    cpu: str | None = None
    cores: int | None = None
    pcie: str | None = None
    wired_limit_bytes: int | None = None
    timeout_s: float | None = None
    verbose: bool = False

    @classmethod
    def from_options(
        cls,
        *,
        replay: str | None,
        gpus: tuple[str, ...],
        ram: str | int | None,
        ram_bandwidth: int | None,
        cpu: str | None,
        cores: int | None,
        pcie: str | None,
        wired_limit: int | None,
        timeout: float | None,
        verbose: bool,
    ) -> Self:
        """
        The target that the options name.

        Raises:
            UsageError: they name two machines.
        """
        target = cls(
            replay=replay,
            gpus=gpus,
            ram_bytes=ram if isinstance(ram, int) else None,
            ram=ram if isinstance(ram, str) else None,
            ram_bandwidth_bytes_per_s=ram_bandwidth,
            cpu=cpu,
            cores=cores,
            pcie=pcie,
            wired_limit_bytes=wired_limit,
            timeout_s=timeout,
            verbose=verbose,
        )
        if replay is not None and target.is_hypothetical:
            raise UsageError(message("error.two-machines"), hint=message("hint.one-machine"))
        return target

    @property
    def is_live(self) -> bool:
        return self.replay is None and not self.is_hypothetical

    @property
    def is_hypothetical(self) -> bool:
        described = (
            self.ram_bytes,
            self.ram,
            self.ram_bandwidth_bytes_per_s,
            self.cpu,
            self.cores,
            self.pcie,
            self.wired_limit_bytes,
        )
        return bool(self.gpus) or any(each is not None for each in described)

    @property
    def words(self) -> tuple[str, ...]:
        """
        The options that name this machine again, as words of a command line; none for this one.
        """
        of_ram = (
            self.ram if self.ram is not None else None if self.ram_bytes is None else f"{self.ram_bytes}B"
        )
        if self.ram_bytes is not None and self.ram_bytes % MIB == 0:
            of_ram = (
                f"{self.ram_bytes // GIB}GiB" if self.ram_bytes % GIB == 0 else f"{self.ram_bytes // MIB}MiB"
            )
        rate, wired = self.ram_bandwidth_bytes_per_s, self.wired_limit_bytes
        named = (
            ("--replay", self.replay),
            *(("--gpu", gpu) for gpu in self.gpus),
            ("--ram", of_ram),
            ("--ram-bandwidth", None if rate is None else f"{rate / 1e9:g}GB/s"),
            ("--cpu", self.cpu),
            ("--cores", None if self.cores is None else str(self.cores)),
            ("--pcie", self.pcie),
            ("--wired-limit", None if wired is None else f"{wired // MIB}MiB"),
        )
        return tuple(word for name, value in named if value is not None for word in (name, value))

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
            ram=self.ram,
            ram_bandwidth_bytes_per_s=self.ram_bandwidth_bytes_per_s,
            cpu=self.cpu,
            cores=self.cores,
            pcie=self.pcie,
            wired_limit_bytes=self.wired_limit_bytes,
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
