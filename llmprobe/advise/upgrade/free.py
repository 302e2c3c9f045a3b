"""
What costs nothing: repairs, memory that others hold, limits, slots.
"""

from collections.abc import Iterator

from llmprobe.advise.explain.changes import held
from llmprobe.advise.upgrade.change import Change
from llmprobe.facts.machine import Accelerator, Snapshot
from llmprobe.machine import changed
from llmprobe.units import GIB
from llmprobe.words.message import Message, message

WORTH_FREEING_BYTES = GIB // 4
"""Memory in use by other programs from which it is worth a line."""

MENDABLE = frozenset(
    {
        *("unusable.nvml-denied", "unusable.nvml-no-power", "unusable.nvml-module-not-loaded"),
        *("unusable.nvml-timed-out", "unusable.nvml-no-interrupts", "unusable.nvml-no-library"),
        *("unusable.nvml-lost", "unusable.nvml-reset-required", "unusable.nvml-blocked"),
        *("unusable.nvml-version-mismatch", "unusable.nvml-out-of-memory", "unusable.nvml-invalid-state"),
        *("unusable.nvml-unknown", "unusable.nvidia-error", "unusable.nvidia-status"),
        *("unusable.nvidia-unlisted", "unusable.nvidia-none-listed", "unusable.nvidia-no-instance"),
        *("unusable.nvidia-hidden", "unusable.nvidia-prohibited", "unusable.nvidia-occupied"),
        *("unusable.nvidia-not-given", "unusable.no-driver", "unusable.hidden-from-rocm"),
        *("unusable.no-amd-device-file", "unusable.render-node-closed", "unusable.size-unknown"),
        *("unusable.nvidia-asleep", "unusable.amd-asleep"),
    }
)
"""Reasons why a card cannot be used that its owner can remove."""


HIDES_A_GPU = frozenset({"wsl-driver-shadow", "wsl-no-passthrough", "gpu-not-looked-for"})
"""Findings that say why no GPU is seen where there may be one."""


def free_changes(snapshot: Snapshot) -> Iterator[Change]:
    """
    What can be done about a machine without buying anything, each alone.
    """
    yield from _repairs(snapshot)
    yield from _freed(snapshot)
    yield from _limits(snapshot)
    yield from _slots(snapshot)
    yield from _power(snapshot)


def mendable(snapshot: Snapshot) -> tuple[Accelerator, ...]:
    """
    The cards that are there and cannot be used for a reason that can be removed.
    """
    return tuple(
        one
        for one in snapshot.accelerators
        if not one.usable and not one.integrated and one.partition is None
        if one.why_not is not None and one.why_not.id in MENDABLE
    )


def _repairs(snapshot: Snapshot) -> Iterator[Change]:
    for one in snapshot.findings:
        if one.id in HIDES_A_GPU:
            yield Change(
                kind="repair",
                name=message("upgrade.repair-finding", title=one.title),
                machine=None,
                commands=() if one.remedy is None else one.remedy.commands,
            )
    broken: dict[str, list[Accelerator]] = {}
    for card in mendable(snapshot):
        assert card.why_not is not None
        broken.setdefault(card.why_not.id, []).append(card)
    for alike in broken.values():
        yield Change(
            kind="repair",
            name=message(
                "upgrade.repair",
                name=alike[0].name,
                devices=tuple(one.id for one in alike),
                why=alike[0].why_not,
            ),
            machine=changed.repaired(snapshot, alike),
        )


def _freed(snapshot: Snapshot) -> Iterator[Change]:
    after = changed.freed(snapshot)
    found: list[Message] = []
    for pool in snapshot.pools:
        then = after.pool(pool.id)
        if then is None or then.budget_bytes is None or pool.budget_bytes is None:
            continue
        gained = then.budget_bytes - pool.budget_bytes
        if gained >= WORTH_FREEING_BYTES:
            device = next((one.id for one in snapshot.accelerators if pool.id in one.pools), pool.id)
            found.append(
                message("upgrade.held-shared", bytes=gained)
                if pool.id == "ram"
                else held(device, gained, pool.held_by)
            )
    if found:
        yield Change(
            kind="free",
            name=message("upgrade.free", held=tuple(found)),
            machine=after,
            commands=_remedy(snapshot, "vram-held"),
        )


def _limits(snapshot: Snapshot) -> Iterator[Change]:
    raised = changed.raised(snapshot)
    if raised is not None:
        yield Change(
            kind="limit",
            name=message("upgrade.limit-mac", bytes=_budget(raised), instead_bytes=_budget(snapshot)),
            machine=raised,
            commands=_remedy(snapshot, "mac-wired-limit"),
        )
    allowed = changed.without_group_limit(snapshot)
    if allowed is not None:
        yield Change(
            kind="limit",
            name=message("upgrade.limit-container", bytes=_budget(allowed), instead_bytes=_budget(snapshot)),
            machine=allowed,
            commands=_remedy(snapshot, "container-ram"),
        )


def _budget(snapshot: Snapshot) -> int | None:
    """
    What may be used of the memory of the host.
    """
    ram = snapshot.pool("ram")
    return None if ram is None else ram.budget_bytes


def _remedy(snapshot: Snapshot, *findings: str) -> tuple[str, ...]:
    """
    The commands of the findings of these kinds.
    """
    remedies = [one.remedy for one in snapshot.findings if one.id in findings and one.remedy is not None]
    return tuple(dict.fromkeys(command for one in remedies for command in one.commands))


def _slots(snapshot: Snapshot) -> Iterator[Change]:
    if snapshot.host.environment == "vm":
        return
    for one in changed.usable_cards(snapshot):
        after = changed.in_full_slot(snapshot, one)
        if after is not None and one.link is not None:
            yield Change(
                kind="slot",
                name=message(
                    "upgrade.slot",
                    name=one.name,
                    device=one.id,
                    lanes=one.link.max_width,
                    instead=one.link.width,
                ),
                machine=after,
            )


def _power(snapshot: Snapshot) -> Iterator[Change]:
    """
    A power supply that cannot deliver what a card draws: its brake says so, and not how much that costs.
    """
    for one in changed.usable_cards(snapshot):
        if one.throttle is not None and "power-brake" in (one.throttle.reasons or ()):
            yield Change(
                kind="power",
                name=message("upgrade.power", name=one.name, device=one.id),
                machine=None,
            )
