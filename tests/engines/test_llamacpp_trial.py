"""
Words of llama.cpp's programs for a short run, and what they print.
"""

import msgspec
import pytest

from llmprobe.engines._shared.llamacpp_trial import (
    Logged,
    Trial,
    bench_words,
    benched,
    fit_words,
    fitted,
    lines_of_sizes,
    logged,
    server_words,
    timed,
    without_folder,
)
from llmprobe.facts.settings import Settings

MIB = 1024 * 1024
SETTINGS = Settings(ctx_size=8192, batch_size=1024, ubatch_size=256, flash_attn="on", cache_type_k="q8_0")
TRIAL = Trial(path="/m/a b.gguf", settings=SETTINGS, gpu_layers=20)
LOG = """
load_tensors:        CUDA0 model buffer size =  1024.25 MiB
load_tensors:    CUDA_Host model buffer size =   512.50 MiB
load_tensors:   CPU_REPACK model buffer size =     0.50 MiB
llama_kv_cache:      CUDA0 KV buffer size =    64.00 MiB
llama_kv_cache:      CUDA0 KV buffer size =     8.00 MiB
llama_memory_recurrent:        CPU RS buffer size =     2.25 MiB
llama_context:  CUDA_Host  output buffer size =     0.58 MiB
sched_reserve:      CUDA0 compute buffer size =   300.75 MiB
sched_reserve:     CUDA10 compute buffer size =     1.00 MiB
sched_reserve:  CUDA_Host compute buffer size =    16.02 MiB
"""
NAMES = {"CUDA0": "gpu1", "CUDA10": "gpu0"}


def words_after(words: list[str], option: str) -> str:
    return words[words.index(option) + 1]


def test_a_server_gets_every_setting() -> None:
    """
    A path is one word, whatever is in it, and nothing is left to the engine's own fit.
    """
    words = server_words(TRIAL)

    for option, value in (
        ("-m", "/m/a b.gguf"),
        ("-ngl", "20"),
        ("-c", "8192"),
        ("-np", "1"),
        ("-ctk", "q8_0"),
        ("-ctv", "f16"),
        ("-fa", "on"),
        ("-b", "1024"),
        ("-ub", "256"),
        ("--fit", "off"),
    ):
        assert words_after(words, option) == value
    assert "--no-kv-unified" in words
    assert "--no-mmproj" in words
    assert not {"-dev", "-ncmoe", "-ot", "-ts", "-sm", "-nkvo", "--no-op-offload", "--no-repack"} & set(words)


def test_a_server_gets_what_is_unusual() -> None:
    """
    Experts, splits and devices are separated by commas, as common/arg.cpp reads them.
    """
    settings = msgspec.structs.replace(
        SETTINGS,
        n_cpu_moe=3,
        cpu_moe_layers=(7,),
        tensor_split=(3.0, 1.5),
        split_mode="tensor",
        kv_offload=False,
        op_offload=False,
        repack=False,
        swa_full=True,
        kv_unified=True,
    )
    words = server_words(msgspec.structs.replace(TRIAL, settings=settings, devices=("CUDA1", "CUDA0")))

    assert words_after(words, "-dev") == "CUDA1,CUDA0"
    assert words_after(words, "-ncmoe") == "3"
    assert words_after(words, "-ot") == r"blk\.7\.ffn_(up|down|gate|gate_up)_(ch|)exps=CPU"
    assert words_after(words, "-ts") == "3,1.5"
    assert words_after(words, "-sm") == "tensor"
    assert {"-nkvo", "--no-op-offload", "--no-repack", "--swa-full", "--kv-unified"} <= set(words)


def test_no_device_is_a_word() -> None:
    """
    An engine that is told nothing uses what it finds.
    """
    assert words_after(server_words(msgspec.structs.replace(TRIAL, devices=())), "-dev") == "none"


def test_a_benchmark_separates_otherwise() -> None:
    """
    Devices and splits by slashes, as commas there mean several tests (tools/llama-bench/llama-bench.cpp).
    """
    settings = msgspec.structs.replace(SETTINGS, tensor_split=(3.0, 1.0), kv_offload=False)
    words = bench_words(
        msgspec.structs.replace(TRIAL, settings=settings, devices=("CUDA1", "CUDA0")),
        prompt=512,
        generated=32,
    )

    assert words_after(words, "-dev") == "CUDA1/CUDA0"
    assert words_after(words, "-ts") == "3/1"
    assert words_after(words, "-nkvo") == "1"
    assert words_after(words, "-nopo") == "0"
    assert (words_after(words, "-p"), words_after(words, "-n"), words_after(words, "-o")) == (
        "512",
        "32",
        "json",
    )
    assert not {"-c", "-np", "--fit"} & set(words)


def test_a_fit_prints_what_a_load_would_take() -> None:
    """
    And changes nothing of the settings.
    """
    words = fit_words(TRIAL)

    assert words_after(words, "--fit-print") == "on"
    assert words_after(words, "-c") == "8192"


def test_sizes_are_read_from_a_log() -> None:
    """
    By device and kind, several of one added up; two digits are exact to half of the last, for each line.
    """
    one, two = round(0.005 * MIB) + 1, 2 * (round(0.005 * MIB) + 1)

    assert logged(LOG, NAMES) == {
        ("gpu1", "weights"): Logged(round(1024.25 * MIB), one),
        ("host", "weights"): Logged(513 * MIB, two),
        ("gpu1", "cache"): Logged(72 * MIB, two),
        ("host", "cache"): Logged(round(2.25 * MIB), one),
        ("host", "output"): Logged(round(0.58 * MIB), one),
        ("gpu1", "compute"): Logged(round(300.75 * MIB), one),
        ("gpu0", "compute"): Logged(MIB, one),
        ("host", "compute"): Logged(round(16.02 * MIB), one),
    }
    assert len(lines_of_sizes(LOG)) == 10
    assert lines_of_sizes(LOG)[0] == "CUDA0 model buffer size =  1024.25 MiB"
    assert logged("nothing of the kind", NAMES) == {}


def test_a_fit_is_read() -> None:
    """
    Whole MiB, cut off; a device that is not asked about and other lines are passed over.
    """
    printed = "CUDA0 1024 72 300 \nCUDA7 1 2 3 \nHost 513 0 16 \nbuild: 11549 x y\nHost a b c\n"

    assert fitted(printed, NAMES) == {
        ("gpu1", "weights"): Logged(1024 * MIB, MIB),
        ("gpu1", "cache"): Logged(72 * MIB, MIB),
        ("gpu1", "compute"): Logged(300 * MIB, MIB),
        ("host", "weights"): Logged(513 * MIB, MIB),
        ("host", "cache"): Logged(0, MIB),
        ("host", "compute"): Logged(16 * MIB, MIB),
    }


def test_speeds_are_read() -> None:
    """
    A test without generated tokens is that of a prompt.
    """
    printed = 'noise\n[{"n_prompt": 512, "n_gen": 0, "avg_ts": 812.5}, {"n_prompt": 0, "n_gen": 32, "avg_ts": 31.25}]'

    assert benched(printed) == {"prompt": 812.5, "generation": 31.25}


@pytest.mark.parametrize(
    "printed", ["", "no JSON", "[", "[1, 2]", '[{"avg_ts": "fast"}]', '[{"avg_ts": 0}]', "{}", "[" * 5000]
)
def test_what_is_no_speed_is_none(printed: str) -> None:
    """
    Whatever a program prints.
    """
    assert benched(printed) == {}


def test_a_completion_has_its_speeds() -> None:
    """
    As tokens per second; what is missing or odd is left out.
    """
    assert timed({"timings": {"prompt_per_second": 90.5, "predicted_per_second": 12}}) == {
        "prompt": 90.5,
        "generation": 12.0,
    }
    assert timed({"timings": {"prompt_per_second": None, "predicted_per_second": 0}}) == {}
    assert timed({"timings": []}) == timed([]) == timed(None) == {}


def test_a_folder_is_nobodys_business() -> None:
    """
    Of the model's file only its name is shown.
    """
    assert without_folder(["llama-server", "-m", "/home/me/a.gguf"], "/home/me/a.gguf") == (
        "llama-server",
        "-m",
        "a.gguf",
    )
    assert without_folder(["-m", r"C:\me\a.gguf"], r"C:\me\a.gguf") == ("-m", "a.gguf")
