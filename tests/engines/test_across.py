"""
What serving engines are told on several machines, with weights of a folder and without a place of any.
"""

import msgspec
import pytest

import llmprobe
from llmprobe.engines import engine
from llmprobe.facts.fleet import Node
from llmprobe.facts.recommendation import Choice

NODES = (Node(address="10.0.0.1"), Node(address="node2", numbers=(0, 1)))


def _choice(*, folder: str | None, repository: str | None) -> Choice:
    model = llmprobe.load_model("qwen3-4b")
    choice = llmprobe.recommend(
        model, llmprobe.probe(gpus="RTX 4090", ram="64GiB"), engine="vllm", top=1, ctx_size=4096
    ).choices[0]
    assert choice.serving is not None
    place = msgspec.structs.replace(choice.serving.checkpoint, folder=folder, repository=repository)
    return msgspec.structs.replace(choice, serving=msgspec.structs.replace(choice.serving, checkpoint=place))


@pytest.mark.parametrize("launcher", ["mp", "ray"])
def test_a_folder_is_served_from_every_machine(launcher: str) -> None:
    """It comes before the repository, quoted for the shell."""
    choice = _choice(folder="/data/my model", repository="Qwen/Qwen3-4B")
    across = engine("vllm").across
    assert across is not None
    served = [line for _, line in across(choice, "cuda", NODES, launcher) if "vllm serve" in line]  # type: ignore[arg-type]

    assert served
    assert all("vllm serve '/data/my model' " in line for line in served)


def test_only_an_address_is_told_to_the_others() -> None:
    """A name is no address that a port could be bound to; cards of which a part is used are named by number."""
    across = engine("vllm").across
    assert across is not None
    typed = across(_choice(folder=None, repository="Qwen/Qwen3-4B"), "cuda", NODES, "mp")

    assert [place for place, _ in typed] == [0, 1]
    assert typed[0][1].startswith("VLLM_HOST_IP=10.0.0.1 vllm serve ")
    assert typed[1][1].startswith("CUDA_DEVICE_ORDER=PCI_BUS_ID CUDA_VISIBLE_DEVICES=0,1 vllm serve ")


@pytest.mark.parametrize("name", ["vllm", "sglang"])
def test_without_a_place_nothing_is_typed(name: str) -> None:
    """Nor for devices that the engine does not use."""
    across = engine(name).across
    assert across is not None
    nowhere, somewhere = (_choice(folder=None, repository=place) for place in (None, "Qwen/Qwen3-4B"))

    assert across(nowhere, "cuda", NODES, "mp") == ()
    assert across(somewhere, "metal", NODES, "mp") == ()
