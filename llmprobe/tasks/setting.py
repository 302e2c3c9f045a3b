"""
One configuration as a page shows it: the estimate, what is lost, how long an answer takes, and llama.cpp's commands.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from llmprobe import engines
from llmprobe.advise.choose.rated import rated
from llmprobe.advise.choose.shown import is_on_disk
from llmprobe.advise.choose.use import use_of
from llmprobe.estimation.kept import estimator_of
from llmprobe.facts import given
from llmprobe.facts.estimate import Estimate
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.recommendation import Choice, Quality, UseName, Wishes
from llmprobe.facts.setting import Setting
from llmprobe.facts.settings import Settings, told
from llmprobe.model.installed import on_this_disk
from llmprobe.site.assumed import of_machine
from llmprobe.site.site import survey
from llmprobe.tasks.estimate import estimate
from llmprobe.tasks.recommend import commands_for

PRINTED = frozenset(
    {
        *("ctx_size", "parallel", "batch_size", "ubatch_size", "cache_type_k", "cache_type_v", "flash_attn"),
        *("gpu_layers", "n_cpu_moe", "cpu_moe_layers", "kv_offload", "tensor_split", "mmap"),
        *("spec_type", "spec_draft_n_max"),
        *("mmproj", "mmproj_offload", "image_min_tokens", "image_max_tokens"),
    }
)
"""The settings that a printed command of llama.cpp has. With any other it would not be what was estimated."""

_SPLITS = ("layer", "tensor")
"""The ways to split that it has."""


class AtSettings:
    """
    Configurations of one model on one machine, of which what they share is looked up once. ``use_devices`` are the
    devices that the engine is told to use, None all that it uses by itself.
    """

    def __init__(
        self,
        model: ModelSpec,
        snapshot: Snapshot,
        use: UseName | None = None,
        use_devices: Sequence[str] | None = None,
    ) -> None:
        self._model = model
        self._snapshot = snapshot if use_devices is None else with_devices(snapshot, use_devices)
        self._here = on_this_disk(model, snapshot)
        self._estimator = estimator_of(model)
        self._use = use_of(model, Wishes(use=use), generates=self._estimator.generates)
        self._site = survey(snapshot, Wishes())
        self._devices = of_machine(self._snapshot).devices
        self._commands = commands_for(snapshot, engines.DEFAULT_ENGINE)
        self._qualities: dict[tuple[str, str, str], Quality] = {}

    def at(self, settings: Mapping[str, Any], **asked: Any) -> Setting:
        """
        The model with these settings; what else is ``asked`` is handed on to ``estimate``.

        Raises:
            UsageError: a setting does not exist or is out of range.
            RefusedError: llama.cpp refuses these settings for this model.
        """
        return self.of(estimate(self._model, snapshot=self._snapshot, **asked, **settings))

    def of(self, answer: Estimate) -> Setting:
        """
        An estimate of this model on this machine, with what belongs beside it.
        """
        quality = self._quality(answer)
        return Setting(
            this_machine=answer.this_machine,
            estimate=answer,
            quality=quality,
            time=self._use.time(answer.speed),
            commands=self._printed(answer, quality),
        )

    def _quality(self, answer: Estimate) -> Quality:
        settings = answer.settings
        key = (answer.model.quant, settings.cache_type_k, settings.cache_type_v)
        found = self._qualities.get(key)
        if found is None:
            quant, cache_k, cache_v = key
            found = self._qualities[key] = rated(
                self._estimator, quant, self._site.abilities, cache_type_k=cache_k, cache_type_v=cache_v
            )
        return found

    def _printed(self, answer: Estimate, quality: Quality) -> dict[str, str]:
        """
        The commands of llama.cpp's programs, none where some setting is not among their words.
        """
        if not _is_printed(answer.settings):
            return {}
        devices = self._devices
        choice = Choice(
            label="alternative",
            quant=answer.model.quant,
            **told(answer.settings),
            total_layers=answer.layers.total,
            devices=answer.devices,
            fits=answer.fits is True,
            speed=answer.speed,
            quality=quality,
            reasons=(),
            commands={},
            use_devices=self._site.named(devices),
            device_numbers=self._site.numbers(devices),
            environment=self._site.environment(devices),
            leaves_devices=self._site.unsure and not devices,
            on_disk=self._here.path if is_on_disk(self._here, answer.model.quant) else None,
            projector=answer.projector,
            draft=answer.draft,
        )
        backend = devices[0].backend if devices else None
        lines = {program: command(choice, self._here, backend) for program, command in self._commands.items()}
        return {program: line for program, line in lines.items() if line is not None}


def with_devices(snapshot: Snapshot, ids: Sequence[str]) -> Snapshot:
    """
    The machine as an engine sees it that is told to use some devices.

    Raises:
        UsageError: one is not there.
    """
    there = tuple(one.id for one in snapshot.accelerators)
    for one in ids:
        given.one_of("use_devices", one, there)
    seen = tuple(one for one in snapshot.accelerators if one.id in ids)
    return msgspec.structs.replace(snapshot, accelerators=seen)


def _is_printed(settings: Settings) -> bool:
    usual = Settings()
    return settings.split_mode in _SPLITS and all(
        getattr(settings, name) == getattr(usual, name)
        for name in Settings.__struct_fields__
        if name not in (*PRINTED, "split_mode", "outputs_max")
    )
