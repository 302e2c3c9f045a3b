"""
How fast a processor reads a prompt: operations by its cores, for the types of weights that it multiplies.
"""

from typing import Any

from llmprobe.estimation.speed.parts import FEWEST_ROWS, Constants, Part, standing
from llmprobe.facts.processor import Processor
from llmprobe.model.quants import followed
from llmprobe.words.message import Message, message


def processor_part(
    constants: Constants, cores: Processor, parameters: int, attention: float, *, quant: str, moe: bool
) -> Part:
    """
    The time of the processor's arithmetic.
    """
    row = constants["processor_prompts"]
    rate = processor_operations_per_s(constants, cores, quant, moe=moe)
    attending = processor_operations_per_s(constants, cores, "F16")
    assert rate is not None
    assert attending is not None
    seconds = 2 * parameters / rate + attention / attending
    per_core = (rate if parameters else attending) / (cores.threads or 1)
    doubt = constants["processor"]["unknown_processor"] if cores.vectors is None else 1.0
    experts = moe and parameters > 0
    return Part(
        likely=seconds,
        fastest=seconds / (row["moe_high"] if experts else row["high"]),
        slowest=seconds / ((row["moe_low"] if experts else row["low"]) * doubt),
        words=message(
            "speed.cores-multiply" if parameters else "speed.cores-attend",
            threads=cores.threads,
            gflops=per_core / 1e9,
            measured=standing({"rows": row["moe_rows"]} if experts else row),
        ),
        kind="processor",
    )


def processor_operations_per_s(
    constants: Constants, cores: Processor, quant: str, *, moe: bool = False
) -> float | None:
    """
    The operations per second of a processor's cores on weights of a file type, or None.

    Of a mixture of experts each matrix meets few tokens of a batch, and the cores reach less.
    """
    if cores.threads is None:
        return None
    row = constants["processor_prompts"]
    rate = (
        cores.threads * cores.core_rate * float(row["core_operations"]) * _type_factor(row["quants"], quant)
    )
    rate *= float(row["moe"]) if moe else 1.0
    return rate * (float(constants["processor"]["without_vectors"]) if cores.vectors is False else 1.0)


def _type_factor(measured: dict[str, float], quant: str) -> float:
    """
    How fast a processor multiplies a file type beside Q4_K_S; one that was not measured is like its kin.
    """
    name = followed(quant).upper()
    if name in measured:
        return measured[name]
    for kin in (name.rpartition("_")[0] or name, "IQ" if name.startswith("IQ") else name):
        rates = [rate for other, rate in measured.items() if other.startswith(kin)]
        if rates:
            return min(rates)
    return 1.0


def too_few(row: dict[str, Any], moe: bool) -> Message | None:
    """
    That too few prompts were measured on processors, of experts where they are meant.
    """
    rows = row["moe_rows"] if moe else row["rows"]
    return (
        None
        if rows >= FEWEST_ROWS
        else message("speed.too-few-prompts-on-processor", rows=rows, experts=int(moe))
    )
