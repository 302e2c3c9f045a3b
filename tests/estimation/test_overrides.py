"""
Which layers' experts a tensor override keeps on the host, and which overrides are refused.
"""

import pytest

from llmprobe import engines
from llmprobe.errors import UsageError
from llmprobe.estimation.overrides import expert_layers
from tests.advise.machines import LLAMA_8B, QWEN3_30B, model
from tests.engines.choices import choice

SPARSE = model("qwen3moe", QWEN3_30B)
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
    assert expert_layers(SPARSE, overrides) == layers


@pytest.mark.parametrize(
    ("override", "what"),
    [
        ("exps", "error.override-not-readable"),
        ("=CPU", "error.override-not-readable"),
        ("", "error.override-not-readable"),
        ("exps=CUDA0", "error.override-not-to-cpu"),
        (r"blk\.3\.=CPU", "error.override-moves-others"),
        (r"blk\.3\.ffn_up_exps=CPU", "error.override-leaves-experts"),
        (r"blk\.99\.ffn_up_exps=CPU", "error.override-matches-nothing"),
        ("(exps=CPU", "error.override-no-pattern"),
    ],
)
def test_anything_else_is_refused(override: str, what: str) -> None:
    """
    Half of the experts, other tensors, other devices, and what is no pattern.
    """
    with pytest.raises(UsageError) as raised:
        expert_layers(SPARSE, (override,))

    assert raised.value.message.id == what
    assert "--n-cpu-moe" in str(raised.value.hint)


def test_a_model_without_experts_has_none_to_keep() -> None:
    """
    The pattern matches none of its tensors.
    """
    with pytest.raises(UsageError, match="matches no tensor of Test llama"):
        expert_layers(model("llama", LLAMA_8B), (f"{EXPERTS}=CPU",))


def test_what_recommend_prints_is_read_back() -> None:
    """
    The pattern of a printed command names the layers of the choice.
    """
    line = engines.commands("llama.cpp")["llama.cpp"](choice(cpu_moe_layers=(5, 17, 30)), SPARSE, "cuda")

    assert line is not None
    pattern = line.partition("-ot '")[2].partition("'")[0]

    assert expert_layers(SPARSE, (pattern,)) == (5, 17, 30)
