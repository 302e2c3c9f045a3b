"""
The defaults of an engine's program: for this model, on these devices, in this environment.
"""

from typing import TYPE_CHECKING, Any

import msgspec

from llmprobe import engines
from llmprobe.words.message import message

if TYPE_CHECKING:
    from llmprobe.facts.devices import Device
    from llmprobe.facts.engine import Occasion, Profile
    from llmprobe.facts.machine import Snapshot
    from llmprobe.facts.model import ModelSpec
    from llmprobe.facts.settings import Settings, SettingsOptions
    from llmprobe.words.message import Message

DEFAULT_QUANT = "Q4_K_M"


class Defaults(msgspec.Struct, frozen=True, kw_only=True):
    """
    The program's profile, and what follows from it where it was not asked for.

    ``ctx_size`` is over all slots, 0 what the model was trained for. ``assumed`` says all of it in words.
    """

    profile: "Profile"
    parallel: int
    kv_unified: bool
    ctx_size: int
    assumed: "tuple[Message, ...]"

    def settings(self, given: "SettingsOptions", model: "ModelSpec", expert_layers: int) -> "Settings":
        """
        What the engine is told: what was given, and the program's own where nothing was.

        ``expert_layers`` are the layers of a mixture of experts, 0 of any other model, which has none to keep.

        Raises:
            UsageError: a tensor override cannot be read, or matches nothing.
        """
        from llmprobe.estimation.overrides import read
        from llmprobe.estimation.settings import usual_flash
        from llmprobe.facts.settings import Settings

        own: dict[str, Any] = {
            "batch_size": self.profile.batch_size,
            "ubatch_size": self.profile.ubatch_size,
            "flash_attn": self.profile.flash_attn if usual_flash(model.architecture) == "auto" else "off",
            "kv_unified": self.kv_unified,
            "mmap": self.profile.mmap,
        }
        rest = {name: value for name, value in given.items() if name not in ("cpu_moe", "override_tensor")}
        kept = expert_layers if given.get("cpu_moe") else given.get("n_cpu_moe", 0)
        layers, others = read(model, given.get("override_tensor", ()))
        fixed: dict[str, Any] = {
            "ctx_size": given.get("ctx_size") or self.ctx_size,
            "parallel": self.parallel,
            "n_cpu_moe": kept if expert_layers else 0,
            "cpu_moe_layers": layers,
            "override_tensor": others,
        }
        return Settings(**(own | rest | fixed))


def defaults_for(
    model: "ModelSpec",
    quant: str,
    devices: "tuple[Device, ...]",
    program: str | None,
    snapshot: "Snapshot | None",
    *,
    ctx_size: int = 0,
    parallel: int | None = None,
) -> Defaults:
    """
    The defaults of a program; None is llama-server.

    Of llama.cpp's programs one slot is estimated unless more are asked for; of every other engine what it takes itself.

    Raises:
        UsageError: the program or its build is not known.
    """
    profile, engine = engines.profile(program or engines.DEFAULT_PROGRAM)
    foreign = profile.engine != engines.DEFAULT_ENGINE
    if engine.settled is not None:
        per_slot = ctx_size // (parallel or 1)
        profile = engines.settled(
            profile, engine, _occasion(model, quant, devices, snapshot, engine.name, per_slot)
        )
    slots = parallel if parallel is not None else profile.parallel if foreign else 1
    unified = profile.kv_unified and foreign
    total = ctx_size or profile.ctx_size * (1 if unified else slots)
    if model.max_context and not ctx_size:
        total = min(total, model.max_context * (1 if unified else slots))
    return Defaults(
        profile=profile,
        parallel=slots,
        kv_unified=unified,
        ctx_size=total,
        assumed=_assumed(profile, slots, unified=unified) if program is not None else (),
    )


def _occasion(
    model: "ModelSpec",
    quant: str,
    devices: "tuple[Device, ...]",
    snapshot: "Snapshot | None",
    engine: str,
    ctx_size: int,
) -> "Occasion":
    from llmprobe.estimation.estimator import Estimator
    from llmprobe.facts.engine import Occasion

    pools = {pool.id: pool for pool in snapshot.pools} if snapshot is not None else {}
    totals = [pools[one.pool].total_bytes if one.pool in pools else None for one in devices]
    free = [one.free_bytes for one in devices]
    known = {one.name: one.settings for one in snapshot.engines} if snapshot is not None else {}
    return Occasion(
        model=model,
        file_bytes=Estimator(model).tensor_bytes(quant),
        ctx_size=ctx_size,
        backend=devices[0].backend if devices else None,
        vram_total_bytes=_sum(totals) if devices else 0 if snapshot is not None else None,
        vram_free_bytes=_sum(free),
        compute_capabilities=tuple(one.compute_capability for one in devices if one.compute_capability),
        smallest_free_bytes=min((size for size in free if size is not None), default=None),
        settings=known.get(engine, {}),
    )


def _sum(sizes: list[int | None]) -> int | None:
    known = [size for size in sizes if size is not None]
    return sum(known) if known and len(known) == len(sizes) else None


def _assumed(profile: "Profile", slots: int, *, unified: bool) -> "tuple[Message, ...]":
    others = profile.parallel != slots
    return (
        message(
            "note.program-defaults",
            program=profile.program,
            slots=slots,
            shared=None if slots == 1 else int(unified),
            batch_size=profile.batch_size,
            ubatch_size=profile.ubatch_size,
            flash_attn=profile.flash_attn,
            per_slot=int(profile.outputs == "slots"),
            own_slots=profile.parallel if others else None,
            own_shared=others and profile.kv_unified,
        ),
        *(message("note.of-program", program=profile.program, note=note) for note in profile.notes),
    )
