"""
Weights that follow a rule about files that nobody has read: a range, and its upper end kept free.
"""

import msgspec
import pytest

from llmprobe.data import table
from llmprobe.estimation import Estimator
from llmprobe.estimation.speed.cores import processor_operations_per_s
from llmprobe.estimation.speed.parts import CPU, quant_efficiency
from llmprobe.facts.devices import Device, Hardware
from llmprobe.facts.processor import Processor
from llmprobe.facts.settings import Settings
from llmprobe.model.loading import load
from llmprobe.words.message import message

HARDWARE = Hardware(devices=(Device(id="gpu0", compute_capability="8.9"),))
SETTINGS = Settings(ctx_size=8192)
QWEN = Estimator(load("qwen3-8b"))


def test_terms_have_the_range_of_the_rule() -> None:
    """
    UD-Q4_K_XL files of ordinary models are up to 2 % smaller and 3 % larger than the rule.
    """
    for device in QWEN.devices("UD-Q4_K_XL", SETTINGS, HARDWARE):
        for term in device.terms:
            if term.kind == "weights":
                assert term.basis == "assumed"
                assert term.low_bytes == pytest.approx(0.98 * term.bytes, rel=1e-6)
                assert term.high_bytes == pytest.approx(1.03 * term.bytes, rel=1e-6)


def test_stock_weights_have_no_range() -> None:
    """
    What llama-quantize makes is computed.
    """
    for device in QWEN.devices("Q4_K_M", SETTINGS, HARDWARE):
        for term in device.terms:
            if term.kind == "weights":
                assert (term.basis, term.low_bytes, term.high_bytes) == ("derived", None, None)


def test_nothing_fits_that_does_not_with_the_upper_end() -> None:
    """
    On a budget of exactly what the device takes, 3 % of its weights are missing.
    """
    gpu = QWEN.devices("UD-Q4_K_XL", SETTINGS, HARDWARE)[1]
    margin = sum((term.high_bytes or 0) - term.bytes for term in gpu.terms if term.kind == "weights")

    def answer(budget: int) -> tuple[bool | None, int | None]:
        budgets = {"ram": 1 << 40, "vram0": budget}
        estimate = QWEN.estimate("UD-Q4_K_XL", SETTINGS, HARDWARE, budgets)
        return estimate.fits, estimate.missing_bytes

    assert margin == pytest.approx(0.03 * gpu.weights_bytes, rel=1e-6)
    assert answer(gpu.total_bytes) == (False, margin)
    assert answer(gpu.total_bytes + margin) == (True, 0)


def test_a_device_may_take_less_than_its_pool_and_is_judged_alike() -> None:
    """
    A budget of the device within that of its pool counts the upper end too.
    """
    gpu = QWEN.devices("UD-Q4_K_XL", SETTINGS, HARDWARE)[1]
    budgets = {"ram": 1 << 40, "vram0": 1 << 40, "gpu0": gpu.total_bytes}

    assert QWEN.estimate("UD-Q4_K_XL", SETTINGS, HARDWARE, budgets).fits is False


def test_speeds_are_those_of_the_file_type_that_is_followed() -> None:
    """
    A kernel sees types, whatever the file is called.
    """
    constants = table("speed")
    for backend in ("cuda", CPU):
        assert quant_efficiency(constants, "UD-IQ2_XXS", backend) == quant_efficiency(
            constants, "IQ2_XXS", backend
        )
    cores = Processor(threads=8)
    own, stock, other = (
        processor_operations_per_s(constants, cores, quant) for quant in ("UD-IQ2_M", "IQ2_M", "Q4_K_M")
    )
    assert own == stock != other


def test_a_search_counts_the_upper_end() -> None:
    """
    Totals, tables and what is loaded are what the placement is judged by; the speed is that of the likely size.
    """
    host, gpu = QWEN.devices("UD-Q4_K_XL", SETTINGS, HARDWARE)
    totals = QWEN.totals("UD-Q4_K_XL", SETTINGS, HARDWARE, exact=True)
    read = {share.device: share.active_bytes for share in QWEN.shares("UD-Q4_K_XL", SETTINGS, HARDWARE)}

    assert totals["gpu0"] - gpu.total_bytes == pytest.approx(0.03 * gpu.weights_bytes, rel=1e-6)
    assert totals["host"] - host.total_bytes == pytest.approx(0.03 * host.weights_bytes, rel=1e-6)
    assert QWEN.loaded_bytes("UD-Q4_K_XL") == pytest.approx(
        1.03 * (QWEN.tensor_bytes("UD-Q4_K_XL")), rel=1e-5
    )
    assert read["gpu0"] == pytest.approx(gpu.weights_bytes, rel=1e-3)


def test_the_note_says_the_rule_and_its_spread() -> None:
    """
    Only the file itself is exact.
    """
    by_rule = QWEN.estimate("UD-Q4_K_XL", SETTINGS, HARDWARE).notes
    stock = QWEN.estimate("Q4_K_M", SETTINGS, HARDWARE).notes

    assert (
        message("note.quant-by-rule", quant="UD-Q4_K_XL", smaller=0.02, larger=0.03, files=9, resident=None)
        in by_rule
    )
    assert all(note.id != "note.quant-by-rule" for note in stock)


def test_the_part_beside_the_experts_has_its_own_range() -> None:
    """
    With the experts on the host, what the device holds may be 83 % more than the rule of an older mixture says.
    """
    moe = Estimator(load("qwen3-30b-a3b"))
    settings = Settings(ctx_size=8192, n_cpu_moe=48)
    host, gpu = moe.devices("UD-Q4_K_XL", settings, HARDWARE)
    totals = moe.totals("UD-Q4_K_XL", settings, HARDWARE, exact=True)
    rest = sum(term.bytes for term in host.terms if term.name == "token-embedding")
    experts = host.weights_bytes - rest

    assert totals["gpu0"] - gpu.total_bytes == pytest.approx(0.83 * gpu.weights_bytes, rel=1e-4)
    assert totals["host"] - host.total_bytes == pytest.approx(0.07 * experts + 0.83 * rest, rel=1e-4)


def test_a_plain_name_that_publishers_mix_differently_has_a_range() -> None:
    """
    Of the catalog's model; what llama-quantize makes of a 16-bit file here is computed.
    """
    named = load("qwen3.5-9b")
    made = msgspec.structs.replace(named, source="config")
    notes = {
        source: [note.id for note in Estimator(model).estimate("Q4_K_M", SETTINGS, HARDWARE).notes]
        for source, model in (("name", named), ("made", made))
    }
    gpu = Estimator(named).devices("Q4_K_M", SETTINGS, HARDWARE)[1]
    layers = next(term for term in gpu.terms if term.name == "layers")

    assert "note.quant-by-publisher" in notes["name"]
    assert "note.quant-by-publisher" not in notes["made"]
    assert layers.high_bytes == pytest.approx(1.055 * layers.bytes, rel=1e-6)
    assert layers.low_bytes == pytest.approx(0.995 * layers.bytes, rel=1e-6)
