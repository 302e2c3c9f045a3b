"""
Settings that a person turns: what comes of them is what ``recommend`` and ``estimate`` say of the same.
"""

import re

import msgspec
import pytest

from llmprobe import api
from llmprobe.facts.recommendation import Choice
from llmprobe.facts.settings import Settings, told
from llmprobe.tasks.adjusting import Adjusting, Configuration, Turned
from llmprobe.units import MIB
from tests.machine_fixtures import replayed

CASES = (
    ("linux-4090-64g", "llama3-70b"),
    ("linux-4060laptop-8g-32g", "qwen3-30b-a3b"),
    ("linux-2x3090-64g", "llama3-70b"),
    ("macos-m3max-64g", "qwen3-8b"),
    ("linux-laptop-nogpu-16g", "gemma-3-4b"),
)
BESIDE = ("label", "verdict", "reasons", "details")
"""What is said for a choice, and is not of its settings."""


def adjusting(machine: str, model: str) -> Adjusting:
    return Adjusting(api.load_model(model), replayed(machine))


def first(one: Adjusting) -> Configuration:
    return one.first(one.recommended())


def differing(left: Choice, right: Choice) -> list[str]:
    names = left.__struct_fields__
    return [name for name in names if name not in BESIDE and getattr(left, name) != getattr(right, name)]


@pytest.mark.parametrize(("machine", "model"), CASES)
def test_it_begins_with_what_is_recommended(machine: str, model: str) -> None:
    """
    The first configuration is the first choice of ``recommend``, with its reasons, and the estimate of it.
    """
    snapshot = replayed(machine)
    best = api.recommend(api.load_model(model), snapshot).choices[0]
    found = first(Adjusting(api.load_model(model), snapshot))

    assert found.choice == best
    assert found.searched
    assert found.estimate.fits is True
    assert found.estimate.devices == best.devices


@pytest.mark.parametrize(("machine", "model"), CASES)
def test_the_same_by_hand_is_the_same(machine: str, model: str) -> None:
    """
    The layers and experts that the search found, turned by hand, give what the search gave: bytes, speed, command.
    """
    one = adjusting(machine, model)
    found = first(one)
    choice = found.choice
    kept = choice.n_cpu_moe if choice.n_cpu_moe and not choice.cpu_moe_layers else None
    by_hand = msgspec.structs.replace(found.turned, gpu_layers=choice.gpu_layers, n_cpu_moe=kept)
    again = one.configuration(by_hand, choice)

    assert differing(choice, again.choice) == []
    assert not again.searched


@pytest.mark.parametrize(
    ("machine", "model", "turned"),
    [
        ("linux-4090-64g", "llama3-70b", Turned(quant="Q3_K_M", ctx_size=4096, gpu_layers=30)),
        (
            "linux-4090-64g",
            "qwen3-30b-a3b",
            Turned(
                quant="Q8_0", ctx_size=32768, parallel=4, cache_type_k="q8_0", gpu_layers=40, n_cpu_moe=11
            ),
        ),
        ("linux-2x3090-64g", "llama3-70b", Turned(quant="Q5_K_M", ctx_size=8192, gpu_layers=60)),
        (
            "macos-m3max-64g",
            "qwen3-8b",
            Turned(quant="Q6_K", ctx_size=16384, cache_type_v="q4_0", gpu_layers=20),
        ),
    ],
)
def test_what_is_turned_is_what_estimate_says(machine: str, model: str, turned: Turned) -> None:
    """
    Bytes of every device, whether it fits and the speed of generation: those of ``estimate`` for the same settings.
    """
    snapshot, spec = replayed(machine), api.load_model(model)
    found = Adjusting(spec, snapshot).configuration(turned)
    same = api.estimate(
        spec,
        snapshot=snapshot,
        quant=turned.quant,
        ctx_size=turned.ctx_size,
        parallel=turned.parallel,
        cache_type_k=turned.cache_type_k,
        cache_type_v=turned.cache_type_v,
        gpu_layers=turned.gpu_layers,
        n_cpu_moe=turned.n_cpu_moe or 0,
    )

    assert found.choice.devices == same.devices
    assert found.estimate.fits is same.fits
    assert found.choice.fits is same.fits
    assert found.choice.speed.generation_tokens_per_s == same.speed.generation_tokens_per_s
    assert found.estimate.missing_bytes == same.missing_bytes


def test_the_command_repeats_what_is_turned() -> None:
    """
    Every setting that is turned is in the command that is shown.
    """
    turned = Turned(
        quant="Q5_K_M",
        ctx_size=16384,
        parallel=2,
        cache_type_k="q8_0",
        cache_type_v="q5_1",
        gpu_layers=21,
        n_cpu_moe=7,
    )
    command = adjusting("linux-4090-64g", "qwen3-30b-a3b").configuration(turned).choice.commands["llama.cpp"]

    assert "Q5_K_M.gguf" in command
    for words in ("-c 16384", "-np 2", "-ctk q8_0", "-ctv q5_1", "-ngl 21", "--n-cpu-moe 7"):
        assert f" {words} " in command


def test_a_layer_too_many_takes_of_the_reserve_and_the_next_does_not_fit() -> None:
    """
    On a 4090 43 layers of Llama 3 70B as Q4_K_M fit with the reserve of 512 MiB. The 44th takes of it, and what is
    lacking of the reserve and what is left add up to it. The 45th does not fit, and no reserve is spoken of.
    """
    one = adjusting("linux-4090-64g", "llama3-70b")
    found = first(one)
    assert found.choice.gpu_layers == 43

    within, over = (
        one.configuration(msgspec.structs.replace(found.turned, gpu_layers=layers), found.choice)
        for layers in (44, 45)
    )
    (device,) = [each for each in within.choice.devices if each.id == "gpu0"]
    assert device.budget_bytes is not None
    (short,) = within.shortfalls
    left = device.budget_bytes - device.total_bytes
    assert within.estimate.fits is True
    assert (short.values["where"], short.values["reserve_bytes"]) == ("gpu0", 512 * MIB)
    assert short.values["missing_bytes"] == 512 * MIB - left > 0
    assert (over.estimate.fits, over.choice.fits, over.shortfalls) == (False, False, ())


def test_what_fits_nowhere_is_shown_as_it_is() -> None:
    """
    A model that does not fit begins with its smallest file, which is said not to fit.
    """
    one = adjusting("linux-4060laptop-8g-32g", "deepseek-v3")
    recommendation = one.recommended()
    found = one.first(recommendation)

    assert recommendation.choices == ()
    assert found.turned.quant == one.dials().quants[0] == "IQ2_XXS"
    assert (found.estimate.fits, found.choice.fits, found.searched) == (False, False, False)
    assert found.turned.ctx_size == recommendation.wishes.ctx_size == 8192
    assert found.estimate.missing_bytes


def test_what_is_split_by_tensors_is_split_by_layers_where_some_stay_in_ram() -> None:
    """
    Parts of every tensor on every device leave no layer for the processor.
    """
    one = adjusting("linux-2x3090-64g", "llama3-70b")
    found = first(one)
    assert found.choice.split_mode == "tensor"

    fewer = one.configuration(msgspec.structs.replace(found.turned, gpu_layers=80), found.choice)

    assert fewer.choice.split_mode == "layer"
    assert "-sm" not in fewer.choice.commands["llama.cpp"]


def test_a_difference_from_the_first_is_its_reason() -> None:
    """
    What is turned is compared with what was found.
    """
    one = adjusting("linux-4090-64g", "llama3-70b")
    found = first(one)
    fewer = one.configuration(msgspec.structs.replace(found.turned, gpu_layers=40), found.choice)

    (reason,) = fewer.choice.reasons
    assert re.search(r"40 instead of 43 layers on the GPU", str(reason))


def test_devices_can_be_left_out() -> None:
    """
    Without a card nothing is put on one, and the command says so; with one of two the other is empty.
    """
    one = adjusting("linux-4090-64g", "qwen3-8b")
    found = one.configuration(msgspec.structs.replace(first(one).turned, devices=()))
    assert [device.id for device in found.choice.devices] == ["host"]
    assert "--device none" in found.choice.commands["llama.cpp"]

    found = one.configuration(Turned(quant="Q4_K_M", ctx_size=8192, devices=("gpu7",)))
    assert [device.id for device in found.choice.devices] == ["host"]

    two = adjusting("linux-2x3090-64g", "qwen3-8b")
    assert ("gpu0",) in two.dials().devices
    found = two.configuration(Turned(quant="Q4_K_M", ctx_size=8192, devices=("gpu0",)))
    assert [device.id for device in found.choice.devices] == ["host", "gpu0"]


def test_dials_are_those_of_the_model_and_the_machine() -> None:
    """
    Layers as llama.cpp counts them, experts where there are some, contexts up to what it was trained for.
    """
    dense, experts = (
        adjusting("linux-4090-64g", "llama3-70b").dials(),
        adjusting("linux-4090-64g", "qwen3-30b-a3b").dials(),
    )

    assert (dense.layers, dense.experts) == (81, 0)
    assert (experts.layers, experts.experts) == (49, 48)
    assert dense.contexts == (1024, 2048, 4096, 8192)
    assert experts.contexts[-2:] == (32768, 40960)
    assert dense.devices == (("gpu0",), ())


def test_a_file_has_its_own_quantization_alone() -> None:
    """
    A model that is a file of one type is offered in no other.
    """
    spec = msgspec.structs.replace(api.load_model("qwen3-8b", quant="Q6_K"), quant="Q6_K", source="file")

    assert Adjusting(spec, replayed("linux-4090-64g")).dials().quants == ("Q6_K",)


def test_what_is_not_turned_is_kept() -> None:
    """
    The settings that the search decided, such as the micro-batch, hold where the layers are turned.
    """
    one = adjusting("linux-4090-64g", "llama3-70b")
    found = first(one)
    base = Settings(**{**told(found.choice), "ubatch_size": 128})
    turned = msgspec.structs.replace(found.turned, gpu_layers=40)

    assert one.configuration(turned, base).choice.ubatch_size == 128


def test_a_use_weighs_the_time_of_an_answer() -> None:
    """
    Opened from a list for a use, the time is that of its answers.
    """
    snapshot = replayed("linux-4090-64g")
    one = Adjusting(api.load_model("qwen3-8b"), snapshot, ctx_size=16384, use="agent")
    found = first(one)

    assert found.choice.time is not None
    assert (found.choice.time.use, found.turned.ctx_size) == ("agent", 16384)
