"""
One placed configuration with its speed, its loss and its utility.
"""

import msgspec

from llmprobe.advise.choose.balance import Scored
from llmprobe.advise.choose.loss import WHOLE_CACHES
from llmprobe.advise.choose.problem import Problem
from llmprobe.advise.choose.rated import rated
from llmprobe.advise.search.case import Placed
from llmprobe.advise.search.ledger import FILLED, RANKING_DEVICE_BANDWIDTH
from llmprobe.estimation.estimator import Estimator
from llmprobe.estimation.second import needs_draft
from llmprobe.estimation.speed.generation import (
    NO_GENERATION,
    Share,
    generation_speed,
    ranking_prompt_speed,
    speed_at,
)
from llmprobe.facts.devices import Device
from llmprobe.facts.estimate import Speed
from llmprobe.facts.recommendation import Quality
from llmprobe.facts.settings import Settings, without_drafts


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """
    One placed configuration with its utility. The ranking speeds, in tokens per second at a half-full context, may be
    based on assumptions; ``seconds`` is the time of an answer at them. ``moved_projector`` says that a search left the
    projector to the processor, ``hoped`` that it was placed as if graphs took no memory.
    """

    quant: str
    placed: Placed
    speed: Speed
    ranking_speed: float
    ranking_prompt_speed: float
    quality: Quality
    seconds: float = 0.0
    utility: float = 0.0
    moved_projector: bool = False
    hoped: bool = False

    @property
    def settings(self) -> Settings:
        return self.placed.settings

    @property
    def devices(self) -> tuple[Device, ...]:
        return self.placed.hardware.devices

    @property
    def on_gpu(self) -> int:
        """Layers on devices, the output among them."""
        return self.settings.gpu_layers or 0

    @property
    def host_experts(self) -> int:
        """Layers whose experts are kept on the host, wherever the layers are."""
        return self.settings.n_cpu_moe + len(self.settings.cpu_moe_layers)

    @property
    def divergence(self) -> float:
        """The divergence from f16; one that nobody measured counts as the worst."""
        return float("inf") if self.quality.value is None else self.quality.value

    @property
    def has_small_cache(self) -> bool:
        """Whether the cache is of a quantized type."""
        return not {self.settings.cache_type_k, self.settings.cache_type_v} <= set(WHOLE_CACHES)

    def scored(self) -> Scored:
        """
        The candidate as the balance sees it.
        """
        return Scored(
            quant=self.quant,
            tokens_per_s=self.ranking_speed,
            prompt_tokens_per_s=self.ranking_prompt_speed,
            divergence=self.quality.value,
            cache_quantized=self.has_small_cache,
            kv_offload=self.settings.kv_offload,
            mmproj_offload=not self.moved_projector,
            speed_known=self.speed.generation_tokens_per_s is not None,
            prompts_known=not self.speed.prompt_is_assumed and self.speed.prompt_tokens_per_s is not None,
        )

    def is_whole(self, estimator: Estimator) -> bool:
        """
        Whether all layers are on devices, with their experts.
        """
        return self.on_gpu == estimator.total_layers and not self.host_experts


def weigh(problem: Problem, quant: str, placed: Placed) -> Candidate:
    """
    A placed configuration with its speed, its loss and its utility.
    """
    estimator, site = problem.estimator, problem.site
    settings, hardware = placed.settings, placed.hardware
    read = estimator.shares(
        quant, without_drafts(settings), hardware, ram_bandwidth=site.ram_bandwidth_bytes_per_s
    )
    # Never larger than the context.
    ubatch_size = estimator.setup(settings, hardware).settings.ubatch_size

    def speed_of(shares: tuple[Share, ...]) -> Speed:
        return generation_speed(
            shares,
            moe=estimator.is_moe,
            quant=quant,
            processor=site.processor,
            ubatch_size=ubatch_size,
            op_offload=settings.op_offload,
        )

    speed = speed_of(read) if estimator.generates else NO_GENERATION
    gain = 1.0
    if needs_draft(settings):
        # Imported only here: few searches draft.
        from llmprobe.estimation.speed.drafted import drafted_speed, speed_ups

        known = (quant, settings, hardware, None)
        ram = site.ram_bandwidth_bytes_per_s
        speed = drafted_speed(speed, estimator, *known, ram_bandwidth=ram, processor=site.processor)
        gains = speed_ups(estimator, *known, ram, site.processor)
        gain = 1.0 if gains is None else gains["likely"]
    faster, prompts_faster = 1.0, 1.0
    if site.corrections:
        # Imported only here: few machines have any.
        from llmprobe.estimation.speed.correction import corrected, correction_of

        correction = correction_of(site.corrections, read, moe=estimator.is_moe)
        speed = corrected(speed, correction)
        if correction is not None:
            faster, prompts_faster = correction.generation or 1.0, correction.prompt or 1.0
    loss = rated(
        estimator,
        quant,
        site.abilities,
        cache_type_k=settings.cache_type_k,
        cache_type_v=settings.cache_type_v,
    )
    # Rounding must not make one placement better than another.
    assumed, tokens_per_s = _assumed(read), 0.0
    if estimator.generates:
        half_full = speed_at(
            assumed, filled=FILLED, moe=estimator.is_moe, quant=quant, processor=site.processor
        )
        tokens_per_s = round((half_full or 0.0) * gain * faster, 2)
    prompts = round(
        ranking_prompt_speed(
            assumed,
            moe=estimator.is_moe,
            quant=quant,
            ubatch_size=ubatch_size,
            op_offload=settings.op_offload,
            processor=site.processor,
            filled=FILLED,
        )
        * prompts_faster,
        2,
    )
    found = Candidate(
        quant=quant,
        placed=placed,
        speed=speed,
        ranking_speed=tokens_per_s,
        ranking_prompt_speed=prompts,
        quality=loss,
        # What is hoped for is no less than what can be: exactly placed, the projector may stay on the device.
        moved_projector=not problem.hopeful and problem.moved_projector(settings, hardware.devices),
        hoped=problem.hopeful,
    )
    return msgspec.structs.replace(
        found,
        seconds=problem.use.seconds(tokens_per_s, prompts),
        utility=found.scored().worth(problem.use, problem.wishes.priority),
    )


def _assumed(read: tuple[Share, ...]) -> tuple[Share, ...]:
    return tuple(
        msgspec.structs.replace(
            share,
            bandwidth_bytes_per_s=share.bandwidth_bytes_per_s or RANKING_DEVICE_BANDWIDTH,
        )
        for share in read
    )
