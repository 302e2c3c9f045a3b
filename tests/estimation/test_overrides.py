"""
What tensor overrides move: experts of whole layers to the host, or any tensor to another device.
"""

from typing import Any

import pytest

from llmprobe import engines
from llmprobe.errors import RefusedError, UsageError
from llmprobe.estimation import Estimator
from llmprobe.estimation.compute.request import request
from llmprobe.estimation.overrides import read
from llmprobe.facts.devices import Device, Hardware
from llmprobe.facts.settings import Settings
from tests.advise.machines import LLAMA_8B, QWEN3_30B, model
from tests.engines.choices import choice

SPARSE = model("qwen3moe", QWEN3_30B)
ONE = Hardware(devices=(Device(id="gpu0"),))
TWO = Hardware(devices=(Device(id="gpu0"), Device(id="gpu1")))
EXPERTS = r"ffn_(up|down|gate|gate_up)_(ch|)exps"


@pytest.mark.parametrize(
    ("overrides", "layers"),
    [
        ((), ()),
        ((rf"blk\.(3|40)\.{EXPERTS}=CPU",), (3, 40)),
        ((rf"blk\.3\.{EXPERTS}=CPU", rf"blk\.40\.{EXPERTS}=CPU"), (3, 40)),
        ((rf"blk\.3\.{EXPERTS}=CPU,blk\.40\.{EXPERTS}=CPU",), (3, 40)),
        ((r"blk\.7\.ffn_up_exps=CPU", r"blk\.7\.ffn_(down|gate)_exps=CPU"), (7,)),
        (("exps=CPU",), tuple(range(48))),
    ],
)
def test_experts_of_layers_are_read(overrides: tuple[str, ...], layers: tuple[int, ...]) -> None:
    """
    Several overrides count together, whether said at once or one by one.
    """
    assert read(SPARSE, overrides) == (layers, ())


@pytest.mark.parametrize(
    ("override", "what"),
    [
        ("exps", "error.override-not-readable"),
        ("=CPU", "error.override-not-readable"),
        ("exps=", "error.override-not-readable"),
        ("", "error.override-not-readable"),
        (r"blk\.99\.ffn_up_exps=CPU", "error.override-matches-nothing"),
        ("(exps=CPU", "error.override-no-pattern"),
    ],
)
def test_what_is_no_override_is_refused(override: str, what: str) -> None:
    """
    Without a pattern or a buffer, with a pattern that cannot be one, or that matches nothing.
    """
    with pytest.raises(UsageError) as raised:
        read(SPARSE, (override,))

    assert raised.value.message.id == what
    assert "--n-cpu-moe" in str(raised.value.hint)


@pytest.mark.parametrize(
    "override", [r"blk\.3\.=CPU", r"blk\.3\.ffn_up_exps=CPU", "exps=CUDA0", r"blk\.3\.ffn_up_exps=CUDA_Host"]
)
def test_anything_but_all_experts_on_the_host_stays_an_override(override: str) -> None:
    """
    Half of the experts, other tensors and other devices are no layers for --n-cpu-moe.
    """
    assert read(SPARSE, (override,)) == ((), (override,))


def _moved(*overrides: str, **settings: Any) -> dict[str, str]:
    told = Settings(ctx_size=4096, override_tensor=overrides, **settings)
    return dict(Estimator(SPARSE).setup(told, TWO).moved)


def test_the_first_pattern_that_matches_counts() -> None:
    """
    Layers are on two GPUs, 25 and 23 of them; what is moved to where it lies already is not moved.
    """
    found = _moved(r"blk\.(0|40)\.ffn_up_exps=CUDA1", r"blk\.(0|1)\.ffn_up_exps=CPU")

    assert found == {"blk.0.ffn_up_exps.weight": "gpu1", "blk.1.ffn_up_exps.weight": "host"}


def test_an_override_takes_experts_back_from_the_host() -> None:
    """
    It counts before --n-cpu-moe.
    """
    assert _moved(r"blk\.0\.ffn_up_exps=CUDA0", n_cpu_moe=48) == {"blk.0.ffn_up_exps.weight": "gpu0"}


def test_bytes_follow_a_tensor_to_where_it_is_put() -> None:
    """
    The matrix of 128 experts of 2048 x 768 in F16 goes from one card to the other, and no other byte.
    """
    estimator = Estimator(SPARSE)
    plain = Settings(ctx_size=4096)
    moved = Settings(ctx_size=4096, override_tensor=(r"blk\.0\.ffn_up_exps=CUDA1",))
    before, after = (estimator.weights("F16", told, TWO) for told in (plain, moved))
    size = 2 * 128 * 2048 * 768

    assert after["gpu0"].total == before["gpu0"].total - size
    assert after["gpu1"].total == before["gpu1"].total + size
    assert after["host"] == before["host"]


def test_layers_that_are_computed_on_two_devices_are_cut_there() -> None:
    """
    The graph goes over to the other card and back once for each layer with a matrix there.
    """
    estimator = Estimator(SPARSE)

    def splits(*overrides: str) -> int:
        setup = estimator.setup(Settings(ctx_size=4096, override_tensor=overrides), TWO)
        asked = request(SPARSE, estimator.typed_tensors("F16"), setup, old_masks=False)
        found = estimator.compute_engine.buffers_in_full(asked).splits
        assert found is not None
        return found

    assert splits(r"blk\.[34]\.ffn_down_exps=CUDA1") == splits(r"blk\.3\.attn_norm=CUDA0") + 2 * 2


def test_dense_feed_forward_weights_of_the_first_layers_go_to_the_host() -> None:
    """
    --n-cpu-ffn 2: three matrices of 4096 x 14336 in each of two layers, in F16.
    """
    estimator = Estimator(model("llama", LLAMA_8B))
    plain, kept = (
        estimator.weights("F16", Settings(ctx_size=4096, n_cpu_ffn=count), ONE) for count in (0, 2)
    )

    assert plain["gpu0"].total - kept["gpu0"].total == 2 * 3 * 2 * 4096 * 14336
    assert kept["host"].total - plain["host"].total == 2 * 3 * 2 * 4096 * 14336


@pytest.mark.parametrize(
    ("override", "settings", "what"),
    [
        ("exps=CUDA7", {}, "error.override-unknown-buffer"),
        ("exps=gpu0", {}, "error.override-unknown-buffer"),
        ("token_embd=CUDA0", {}, "error.override-moves-embedding"),
    ],
)
def test_what_cannot_be_moved_is_refused(override: str, settings: dict[str, Any], what: str) -> None:
    """
    To a device that is not there, and the embedding, which stays on the host.
    """
    with pytest.raises(RefusedError) as raised:
        _moved(override, **settings)

    assert raised.value.message.id == what


def test_a_model_without_experts_has_none_to_keep() -> None:
    """
    The pattern matches none of its tensors.
    """
    with pytest.raises(UsageError, match="matches no tensor of Test llama"):
        read(model("llama", LLAMA_8B), (f"{EXPERTS}=CPU",))


def test_what_recommend_prints_is_read_back() -> None:
    """
    The pattern of a printed command names the layers of the choice.
    """
    line = engines.commands("llama.cpp")["llama.cpp"](choice(cpu_moe_layers=(5, 17, 30)), SPARSE, "cuda")

    assert line is not None
    pattern = line.partition("-ot '")[2].partition("'")[0]

    assert read(SPARSE, (pattern,)) == ((5, 17, 30), ())
