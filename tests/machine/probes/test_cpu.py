"""
The processor.
"""

from llmprobe.machine.cpu_list import parse_cpu_list
from llmprobe.machine.probes import cpu
from tests.machine.fake import LINUX_ARM, MAC, MISSING, FakeSource, plain_host


def test_what_a_processor_is() -> None:
    """
    Name and cores are given, and of the flags only those that matter to arithmetic.
    """
    facts = cpu.probe(FakeSource(plain_host())).cpu
    assert (facts["name"], facts["physical_cores"], facts["logical_cores"]) == ("A Processor", 8, 16)
    assert facts["instruction_sets"] == ("avx2",)


def test_threads_are_those_that_the_process_may_run_on() -> None:
    """
    Affinity lowers the threads, and the processor keeps its own number.
    """
    facts = cpu.probe(FakeSource({**plain_host(), "psutil:cpu_affinity": [0, 1]})).cpu
    assert (facts["usable_threads"], facts["logical_cores"], len(facts["limits"])) == (2, 16, 1)


def test_the_kernels_list_fills_what_is_missing() -> None:
    """
    Without py-cpuinfo, /proc/cpuinfo gives name, flags and counts; on ARM the flags are called Features.
    """
    text = "".join(
        f"processor\t: {number}\nmodel name\t: ARMv8\nFeatures\t: fp asimd asimddp\ncore id\t: {number}\n\n"
        for number in range(4)
    )
    facts = cpu.probe(FakeSource({"read:/proc/cpuinfo": text}, LINUX_ARM)).cpu
    assert (facts["name"], facts["logical_cores"], facts["physical_cores"]) == ("ARMv8", 4, 4)
    assert facts["instruction_sets"] == ("asimd", "asimddp")


def test_the_kernels_list_is_not_asked_for_what_is_known() -> None:
    """
    It is long on big machines.
    """
    source = FakeSource(plain_host())
    cpu.probe(source)
    assert "read:/proc/cpuinfo" not in source.asked


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
    assert (facts["performance_cores"], facts["efficiency_cores"]) == (8, 8)
    mac = {"sysctl:hw.perflevel0.physicalcpu": 12, "sysctl:hw.perflevel1.physicalcpu": 4}
    facts = cpu.probe(FakeSource(mac, MAC)).cpu
    assert (facts["performance_cores"], facts["efficiency_cores"]) == (12, 4)


def test_unknown_is_left_out() -> None:
    """
    A machine that says nothing has no processor facts, and no zeroes.
    """
    facts = cpu.probe(FakeSource({"psutil:cpu_count": MISSING})).cpu
    assert {name for name, value in facts.items() if value} == {"evidence"}


def test_a_list_of_processors() -> None:
    """
    Ranges and single numbers; anything else is no list.
    """
    assert parse_cpu_list("0-3,8,10-11\n") == (0, 1, 2, 3, 8, 10, 11)
    assert parse_cpu_list("all") == ()
    assert parse_cpu_list("") == ()
