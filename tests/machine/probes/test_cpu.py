"""
The processor.
"""

import msgspec

from llmprobe.facts.answer import Platform
from llmprobe.facts.machine import Cpu
from llmprobe.machine.cpu_list import parse_cpu_list
from llmprobe.machine.probes import cpu
from tests.machine.fake import LINUX_ARM, MAC, MISSING, FakeSource, plain_host


def test_what_a_processor_is() -> None:
    """
    Name and cores are given, and of the flags only those that matter to arithmetic.
    """
    facts = cpu.probe(FakeSource(plain_host())).cpu
    assert (facts.name, facts.physical_cores, facts.logical_cores) == ("A Processor", 8, 16)
    assert facts.instruction_sets == ("avx2",)


def test_threads_are_those_that_the_process_may_run_on() -> None:
    """
    Affinity lowers the threads, and the processor keeps its own number.
    """
    facts = cpu.probe(FakeSource({**plain_host(), "psutil:cpu_affinity": [0, 1]})).cpu
    assert (facts.usable_threads, facts.logical_cores, len(facts.limits)) == (2, 16, 1)


PROC_CPUINFO = "".join(
    f"processor\t: {number}\nvendor_id\t: AuthenticAMD\nmodel name\t: AMD Ryzen 9 7950X\n"
    f"flags\t\t: fpu avx2 fma\ncore id\t: {number}\n\n"
    for number in range(4)
)
ARM_CPUINFO = "".join(f"processor\t: {number}\nFeatures\t: fp asimd asimddp\n\n" for number in range(4))


def test_the_kernels_list_is_enough() -> None:
    """
    Name, vendor, flags and counts come from /proc/cpuinfo, and py-cpuinfo is not asked.
    """
    source = FakeSource({"read:/proc/cpuinfo": PROC_CPUINFO})
    facts = cpu.probe(source).cpu
    assert (facts.name, facts.vendor) == ("AMD Ryzen 9 7950X", "AuthenticAMD")
    assert (facts.logical_cores, facts.physical_cores) == (4, 4)
    assert facts.instruction_sets == ("avx2", "fma")
    assert facts.evidence[0] == "read:/proc/cpuinfo"
    assert "cpuinfo:" not in source.asked


def test_a_recording_without_the_kernels_list_still_has_its_processor() -> None:
    """
    What py-cpuinfo told when it was recorded is taken, and is the evidence.
    """
    answers = {"cpuinfo:": {"brand_raw": "A Processor", "flags": ["avx2"], "count": 6}}
    facts = cpu.probe(FakeSource(answers)).cpu
    assert (facts.name, facts.logical_cores) == ("A Processor", 6)
    assert facts.instruction_sets == ("avx2",)
    assert facts.evidence[0] == "cpuinfo:"


def test_an_arm_processor_has_the_name_that_lscpu_knows() -> None:
    """
    The kernel's list has part numbers only; on ARM the flags are called Features.
    """
    output = {
        "exit": 0,
        "stdout": "Architecture: aarch64\nModel name:             Cortex-A76\n",
        "stderr": "",
    }
    facts = cpu.probe(FakeSource({"read:/proc/cpuinfo": ARM_CPUINFO, "run:lscpu": output}, LINUX_ARM)).cpu
    assert (facts.name, facts.logical_cores) == ("Cortex-A76", 4)
    assert facts.instruction_sets == ("asimd", "asimddp")
    assert "run:lscpu" in facts.evidence


def test_a_name_that_lscpu_does_not_know_stays_unknown() -> None:
    """
    It prints a dash then, which is no name.
    """
    output = {"exit": 0, "stdout": "Model name:             -\n", "stderr": ""}
    assert cpu.probe(FakeSource({"run:lscpu": output}, LINUX_ARM)).cpu.name is None


def test_cores_of_two_kinds() -> None:
    """
    Hybrid processors name both kinds: by sysfs on x86, by sysctl on a Mac.
    """
    answers = {
        **plain_host(),
        "psutil:cpu_count_cores": 16,
        "read:/sys/devices/cpu_core/cpus": "0-15\n",
        "read:/sys/devices/cpu_atom/cpus": "16-23\n",
    }
    facts = cpu.probe(FakeSource(answers)).cpu
    assert (facts.performance_cores, facts.efficiency_cores) == (8, 8)
    mac = {"sysctl:hw.perflevel0.physicalcpu": 12, "sysctl:hw.perflevel1.physicalcpu": 4}
    facts = cpu.probe(FakeSource(mac, MAC)).cpu
    assert (facts.performance_cores, facts.efficiency_cores) == (12, 4)


def test_unknown_is_left_out() -> None:
    """
    A machine that says nothing has no processor facts, and no zeroes.
    """
    facts = cpu.probe(FakeSource({"psutil:cpu_count": MISSING})).cpu
    assert msgspec.structs.replace(facts, evidence=()) == Cpu()
    assert facts.evidence != ()


def test_a_list_of_processors() -> None:
    """
    Ranges and single numbers; anything else is no list.
    """
    assert parse_cpu_list("0-3,8,10-11\n") == (0, 1, 2, 3, 8, 10, 11)
    assert parse_cpu_list("all") == ()
    assert parse_cpu_list("") == ()


def siblings(count: int, threads: int = 2) -> dict[str, str]:
    """
    Return who shares a core, for processors whose threads are numbered core by core.
    """
    return {
        f"read:/sys/devices/system/cpu/cpu{number}/topology/thread_siblings_list": ",".join(
            str(number // threads * threads + each) for each in range(threads)
        )
        for number in range(count)
    }


def test_cores_behind_the_threads_that_may_be_used() -> None:
    """
    Six threads of three cores are three cores.
    """
    answers = plain_host() | siblings(16) | {"psutil:cpu_affinity": [0, 1, 2, 3, 4, 5]}
    fields = cpu.probe(FakeSource(answers)).cpu

    assert (fields.usable_threads, fields.usable_cores) == (6, 3)


def test_of_a_hybrid_the_performance_cores_compute() -> None:
    """
    Eight cores with two threads and sixteen with one: eight are used, and of a part those that are allowed.
    """
    answers = plain_host() | {
        "psutil:cpu_count": 32,
        "psutil:cpu_count_cores": 24,
        "psutil:cpu_affinity": list(range(32)),
        "read:/sys/devices/cpu_core/cpus": "0-15\n",
        "read:/sys/devices/cpu_atom/cpus": "16-31\n",
    }
    whole = cpu.probe(FakeSource(answers)).cpu
    part = cpu.probe(FakeSource(answers | siblings(32) | {"psutil:cpu_affinity": [0, 1, 20, 21]})).cpu

    assert (whole.usable_cores, part.usable_cores) == (8, 1)


def test_cores_of_an_arm_processor_differ_by_capacity() -> None:
    """
    Ten fast and ten slower ones; a little more or less clock makes no other kind.
    """
    capacities = [1024] * 5 + [1010] * 5 + [718] * 10
    answers = {
        "cpuinfo:": {"brand_raw": "Cortex-X925"},
        "psutil:cpu_count": 20,
        "psutil:cpu_count_cores": 20,
        "psutil:cpu_affinity": list(range(20)),
        **{
            f"read:/sys/devices/system/cpu/cpu{number}/cpu_capacity": f"{capacity}\n"
            for number, capacity in enumerate(capacities)
        },
    }
    fields = cpu.probe(FakeSource(answers, LINUX_ARM)).cpu

    assert (fields.performance_cores, fields.efficiency_cores, fields.usable_cores) == (10, 10, 10)


def test_instruction_sets_of_macs_have_the_names_that_linux_gives_them() -> None:
    """
    An M4 multiplies matrices, an Intel Mac has AVX2.
    """
    m4 = {
        "sysctl:hw.optional.arm.FEAT_I8MM": 1,
        "sysctl:hw.optional.arm.FEAT_DotProd": 1,
        "sysctl:hw.optional.arm.FEAT_BF16": 0,
    }
    intel = Platform(system="darwin", machine="x86_64")

    assert cpu.probe(FakeSource(m4, MAC)).cpu.instruction_sets == ("asimd", "asimddp", "i8mm")
    assert cpu.probe(FakeSource({"sysctl:hw.optional.avx2_0": 1}, intel)).cpu.instruction_sets == ("avx2",)
