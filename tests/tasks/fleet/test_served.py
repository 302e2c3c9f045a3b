"""
Machines that serve a model together: a pipeline between them, tensors cut inside of each.
"""

from functools import cache
from typing import Any

import msgspec
import pytest

import llmprobe
from llmprobe.data import table
from llmprobe.errors import UsageError
from llmprobe.facts.fleet import FleetRecommendation, HostOrigin
from llmprobe.tasks.fleet.asking import asked
from llmprobe.tasks.fleet.seen import Seen
from llmprobe.tasks.fleet.served import RAY_TAKES_BYTES


def _seen(*gpus: str, origin: HostOrigin = "ssh") -> list[Seen]:
    """Machines at 10.0.0.1, 10.0.0.2, … with these cards and nobody on them."""
    return [
        Seen(name=f"user@10.0.0.{number}", origin=origin, machine=_machine(each))
        for number, each in enumerate(gpus, 1)
    ]


@cache
def _machine(gpus: str) -> Any:
    shared = gpus.startswith(("DGX", "M3"))
    return llmprobe.probe(gpus=gpus) if shared else llmprobe.probe(gpus=gpus, ram="1TiB")


@cache
def _answer(model: str, *gpus: str, origin: HostOrigin = "ssh", **asking: Any) -> FleetRecommendation:
    return asked(llmprobe.load_model(model), _seen(*gpus, origin=origin), **asking)


@pytest.fixture(scope="module")
def deepseek() -> FleetRecommendation:
    """DeepSeek V3, whose 627 GiB eight H100 do not hold, and sixteen do."""
    return _answer("deepseek-v3", "8x H100", "8x H100", engine="vllm", link="400GbE")


def test_two_boxes_hold_what_one_does_not(deepseek: FleetRecommendation) -> None:
    """61 layers are 31 and 30: what is over goes to the last stage but one (get_pp_indices)."""
    plan = deepseek.together

    assert deepseek.best is None
    assert {one.verdict.id for one in deepseek.alone if one.verdict} == {"fleet.serving-short"}
    assert plan is not None
    assert plan.choice.serving is not None
    settings = plan.choice.serving.settings
    assert (settings.tensor_parallel_size, settings.pipeline_parallel_size) == (8, 2)
    assert [one.layers for one in plan.hosts] == [31, 30]
    assert [len(one.devices) for one in plan.hosts] == [8, 8]
    assert plan.choice.fits


def test_each_device_holds_what_estimate_says(deepseek: FleetRecommendation) -> None:
    """The memory of every rank is that of the estimate of one machine with sixteen cards and the same settings."""
    plan = deepseek.together
    assert plan is not None
    assert plan.choice.serving is not None
    settings = plan.choice.serving.settings
    same = llmprobe.serving(
        llmprobe.load_model("deepseek-v3"),
        snapshot=_machine("16x H100"),
        tensor_parallel_size=8,
        pipeline_parallel_size=2,
        enable_expert_parallel=settings.enable_expert_parallel,
        max_model_len=settings.max_model_len,
        max_num_seqs=settings.max_num_seqs,
        max_num_batched_tokens=settings.max_num_batched_tokens,
        gpu_memory_utilization=settings.gpu_memory_utilization,
    )

    planned = [(one.weights_bytes, one.cache_bytes, one.total_bytes) for one in plan.choice.devices]
    assert planned == [(one.weights_bytes, one.cache_bytes, one.total_bytes) for one in same.devices]
    assert plan.choice.devices[0].weights_bytes != plan.choice.devices[8].weights_bytes


def test_each_machine_has_its_rank(deepseek: FleetRecommendation) -> None:
    """The first one is asked and named to all; the others have no port. Every option is one of the parser's."""
    plan = deepseek.together
    assert plan is not None
    lines = [line for host in plan.hosts for line in host.commands]
    known = {*table("vllm_options")["options"], "--headless"}

    assert [host.host for host in plan.hosts] == ["user@10.0.0.1", "user@10.0.0.2"]
    assert [host.main for host in plan.hosts] == [True, False]
    for rank, line in enumerate(lines):
        words = line.split()
        assert words[:3] == [f"VLLM_HOST_IP=10.0.0.{rank + 1}", "vllm", "serve"]
        assert f"--nnodes 2 --node-rank {rank} --master-addr 10.0.0.1" in line
        assert {word for word in words if word.startswith("-")} <= known
        assert ("--headless" in words) is (rank > 0)
        assert "0.0.0.0" not in line
    shared = [line.partition(" vllm ")[2].partition(" --nnodes")[0] for line in lines]
    assert shared[0] == shared[1]
    assert {"warning.serving-open", "fleet.same-engine", "fleet.same-checkpoint"} <= {
        one.id for one in plan.warnings
    }


def test_one_box_that_holds_it_is_better() -> None:
    """Two are slower than one, and it is said with both figures."""
    answer = _answer("llama3-70b", "2x RTX 4090", "2x RTX 4090", engine="vllm")

    assert answer.verdict.id == "fleet.verdict-alone"
    assert answer.together is not None
    assert not answer.together.worth
    assert answer.together.slower is not None
    assert answer.together.slower < 1
    note = next(one for one in answer.notes if one.id == "fleet.not-together")
    assert note.values["tokens_per_s"] is not None
    assert "fleet.link-assumed" in {one.id for one in answer.notes}


def test_machines_with_more_cards_show_as_many_as_the_others_have() -> None:
    """Stages have the same number of ranks: of four cards beside two, two are used, and named by number."""
    answer = _answer("llama3-70b", "4x RTX 4090", "2x RTX 4090", engine="vllm", quants="FP8")
    plan = answer.together
    assert plan is not None

    by_host = {host.host: host.commands[0] for host in plan.hosts}
    assert "CUDA_VISIBLE_DEVICES=0,1 " in by_host["user@10.0.0.1"]
    assert "CUDA_VISIBLE_DEVICES" not in by_host["user@10.0.0.2"]
    assert [len(host.devices) for host in plan.hosts] == [2, 2]


def test_of_all_sets_of_machines_the_best_is_taken() -> None:
    """Two boxes that are alike, then all by their room: a box of H200 beside one of H100 reads faster than two H100."""
    plan = _answer("deepseek-v3", "8x H100", "8x H100", "8x H200", engine="vllm", link="400GbE").together
    assert plan is not None

    assert plan.main == "user@10.0.0.3"
    assert [host.host for host in plan.hosts] == ["user@10.0.0.3", "user@10.0.0.1"]


def test_ray_is_started_and_counted() -> None:
    """Its head, the other machine, then one server; on memory that is shared Ray's part is the model's no longer."""
    model, boxes = "qwen3-235b-a22b", ("DGX Spark", "DGX Spark")
    plan = _answer(model, *boxes, launcher="ray").together
    plain = _answer(model, *boxes, engine="vllm").together
    assert plan is not None
    assert plain is not None
    typed = [(host.host, host.commands[0]) for host in plan.hosts]

    assert [host for host, _ in typed] == ["user@10.0.0.1", "user@10.0.0.2", "user@10.0.0.1"]
    assert " ray start --head --port 6379 --object-store-memory 1000000000" in typed[0][1]
    assert " ray start --address 10.0.0.1:6379 " in typed[1][1]
    assert typed[2][1].endswith("--distributed-executor-backend ray")
    assert "--nnodes" not in typed[2][1]
    assert plan.launcher == "ray"
    assert "fleet.ray-takes" in {one.id for one in plan.warnings}
    assert "fleet.ray-takes" not in {one.id for one in plain.warnings}
    assert RAY_TAKES_BYTES == 8 * 1024**3 + 1_000_000_000


def test_rays_memory_lowers_the_share() -> None:
    """Where 24 GiB of a Spark's memory are held, Ray's 9 GiB more come off the share of the budget."""
    machine = _machine("DGX Spark")
    pools = tuple(
        msgspec.structs.replace(pool, free_bytes=pool.total_bytes - 24 * 1024**3, budget_bytes=None)
        for pool in machine.pools
    )
    full = msgspec.structs.replace(machine, pools=pools)
    seen = [Seen(name=f"10.0.0.{n}", origin="ssh", machine=full) for n in (1, 2)]
    model = llmprobe.load_model("qwen3-235b-a22b")
    shares = []
    for launcher in ("mp", "ray"):
        plan = asked(model, seen, engine="vllm", launcher=launcher).together
        assert plan is not None
        assert plan.choice.serving is not None
        shares.append(plan.choice.serving.settings.gpu_memory_utilization or 0)

    assert shares[0] - shares[1] == pytest.approx(RAY_TAKES_BYTES / (119.63 * 1024**3), abs=0.011)


def test_a_running_cluster_is_not_started_again() -> None:
    """Of nodes of Ray the plan is Ray's, and one line is typed."""
    plan = _answer("qwen3-235b-a22b", "DGX Spark", "DGX Spark", origin="ray", engine="vllm").together

    assert plan is not None
    assert plan.launcher == "ray"
    assert len(plan.hosts) == 1
    assert "ray start" not in plan.hosts[0].commands[0]


def test_sglang_has_its_own_options() -> None:
    """Every option is one of its parser's, and all machines find the first one."""
    plan = _answer("deepseek-v3", "8x H100", "8x H100", engine="sglang").together
    assert plan is not None
    known = {*table("sglang_options")["options"], "-m"}

    for rank, host in enumerate(plan.hosts):
        line = host.commands[0]
        assert {word for word in line.split() if word.startswith("-")} <= known
        assert f"--nnodes 2 --node-rank {rank} --dist-init-addr 10.0.0.1:" in line
        assert "--pp-size 2" in line


def test_batch_is_vllm_where_nobody_names_an_engine() -> None:
    """It serves many at once; a machine that it cannot use has llama.cpp's answer."""
    served = _answer("qwen3-8b", "RTX 4090", "RTX 4090", use="batch")
    mac = _answer("qwen3-8b", "M3 Max 64GB", use="batch")

    assert served.wishes.engine == "vllm"
    assert "fleet.batch-served" in {one.id for one in served.notes}
    assert mac.wishes.engine == "llama.cpp"
    assert mac.best == "user@10.0.0.1"


def test_a_mac_beside_a_card_is_left_out() -> None:
    """A Mac is not for vLLM, so that there is nothing to put together, which is said."""
    answer = _answer("qwen3-8b", "M3 Max 64GB", "RTX 4090", engine="vllm")

    assert answer.best == "user@10.0.0.2"
    assert answer.together is None
    assert "fleet.not-served-together" in {one.id for one in answer.notes}


@pytest.mark.parametrize(
    ("asking", "said"),
    [
        ({"engine": "ollama"}, "error.fleet-engine"),
        ({"engine": "sglang", "launcher": "ray"}, "error.fleet-launcher"),
        ({"engine": "llama.cpp", "launcher": "mp"}, "error.fleet-launcher"),
        ({"engine": "vllm", "launcher": "slurm"}, "error.fleet-launcher"),
        ({"link": "fast"}, "error.option-link"),
        ({"link": 0}, "error.setting-out-of-range"),
    ],
)
def test_what_is_not_planned_is_refused(asking: dict[str, Any], said: str) -> None:
    """With a sentence of its own."""
    with pytest.raises(UsageError) as refused:
        _answer("qwen3-8b", "RTX 4090", **asking)

    assert refused.value.message.id == said


def test_a_card_of_unknown_use_is_not_put_together() -> None:
    """Alone it is taken to be free, which is said; beside another machine it is left out."""
    known = _machine("2x RTX 4090")
    pools = tuple(msgspec.structs.replace(pool, free_bytes=None, budget_bytes=None) for pool in known.pools)
    blind = msgspec.structs.replace(known, pools=pools)
    seen = [Seen(name=name, origin="ssh", machine=machine) for name, machine in (("a", known), ("b", blind))]
    model = llmprobe.load_model("llama3-70b")
    answer = asked(model, seen, engine="vllm", quants="FP8")

    assert answer.together is None
    assert "fleet.unknown-memory" in {one.id for one in answer.notes}
    notes = llmprobe.recommend(model, blind, engine="vllm").notes
    assert next(one for one in notes if one.id == "note.serving-free-unknown").values == {
        "devices": ("gpu0", "gpu1")
    }


def test_larger_and_faster_machines_have_more_of_the_layers() -> None:
    """
    Qwen3 32B in four bits over an RTX 3090 (24 GB, 936 GB/s) and an RTX 4060 Ti (16 GB, 288 GB/s): by room 3 : 2 or by
    bandwidth 3.25 : 1 of its 64 layers, and each machine is told how many; the slower one would hold up a token longer
    with 32.
    """
    for engine, name in (("vllm", "VLLM_PP_LAYER_PARTITION"), ("sglang", "SGLANG_PP_LAYER_PARTITION")):
        plan = _answer(
            "qwen3-32b", "RTX 4060 Ti 16GB", "RTX 3090", engine=engine, ctx_size=4096, link="10GbE"
        ).together
        assert plan is not None
        layers = [one.layers or 0 for one in plan.hosts]

        assert sum(layers) == 64
        assert layers[0] > 36
        assert plan.hosts[0].host == "user@10.0.0.2"
        assert all(f"{name}={layers[0]},{layers[1]} " in one.commands[0] for one in plan.hosts)
        first, last = plan.choice.devices
        assert first.weights_bytes > last.weights_bytes


def test_machines_that_are_alike_are_told_no_parts() -> None:
    """Even parts are the engine's own."""
    plan = _answer("qwen3-32b", "RTX 3090", "RTX 3090", engine="vllm", ctx_size=4096, link="10GbE").together
    assert plan is not None

    assert [one.layers for one in plan.hosts] == [32, 32]
    assert not any("PARTITION" in one.commands[0] for one in plan.hosts)


def test_ray_is_told_the_parts_where_the_server_starts() -> None:
    """Ray itself has no use for them; vLLM hands its variables to the workers."""
    plan = _answer(
        "qwen3-32b",
        "RTX 4060 Ti 16GB",
        "RTX 3090",
        engine="vllm",
        ctx_size=4096,
        link="10GbE",
        launcher="ray",
    ).together
    assert plan is not None
    lines = [line for one in plan.hosts for line in one.commands]

    assert all(("PARTITION" in line) == ("vllm serve" in line) for line in lines)
