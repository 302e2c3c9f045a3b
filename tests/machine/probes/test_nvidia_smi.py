"""
NVIDIA devices as ``nvidia-smi -q -x`` tells of them, where the library cannot be loaded.
"""

from typing import Any

import msgspec
import pytest

from llmprobe.facts.answer import Answer
from llmprobe.facts.machine import Link, Power, Probed, Throttle
from llmprobe.facts.seen import Seen
from llmprobe.machine.probes import nvidia
from llmprobe.machine.probes.nvidia.smi import parse_smi_xml
from llmprobe.words.message import message
from tests.machine.fake import LINUX_ARM, MIB, FakeSource, card, nvidia_machine, smi_xml

COMMAND = "run:nvidia-smi -q -x"
NO_LIBRARY = Answer(status="missing", code=12, detail="NVML_ERROR_LIBRARY_NOT_FOUND")
LINK = """
    <performance_state>P8</performance_state>
    <pci><pci_gpu_link_info>
        <pcie_gen><max_link_gen>3</max_link_gen><current_link_gen>1</current_link_gen>
            <max_device_link_gen>4</max_device_link_gen></pcie_gen>
        <link_widths><max_link_width>16x</max_link_width><current_link_width>8x</current_link_width></link_widths>
    </pci_gpu_link_info></pci>
    <ecc_mode><current_ecc>N/A</current_ecc></ecc_mode>
    <addressing_mode>HMM</addressing_mode>
    <gpu_virtualization_mode><virtualization_mode>Pass-Through</virtualization_mode></gpu_virtualization_mode>
    <clocks_event_reasons>
        <clocks_event_reason_gpu_idle>Active</clocks_event_reason_gpu_idle>
        <clocks_event_reason_sw_thermal_slowdown>Active</clocks_event_reason_sw_thermal_slowdown>
    </clocks_event_reasons>
    <temperature><gpu_temp>88 C</gpu_temp></temperature>
    <gpu_power_readings><current_power_limit>300.00 W</current_power_limit>
        <default_power_limit>450.00 W</default_power_limit><min_power_limit>150.00 W</min_power_limit>
        <max_power_limit>600.00 W</max_power_limit><average_power_draw>21.50 W</average_power_draw>
        <instant_power_draw>25.00 W</instant_power_draw></gpu_power_readings>
    <max_clocks><mem_clock>10501 MHz</mem_clock></max_clocks>
"""
PROCESSES = """<processes>
    <process_info><pid>835</pid><type>G</type><process_name>/usr/lib/Xorg</process_name>
        <used_memory>550 MiB</used_memory></process_info>
    <process_info><pid>900</pid><type>C+G</type><process_name>game</process_name>
        <used_memory>N/A</used_memory></process_info>
</processes>"""


def told(text: str, init: Answer = NO_LIBRARY, changes: dict[str, Any] | None = None) -> Probed:
    answers = nvidia_machine(card(), **{"nvml:nvmlInit": init}) | (changes or {})
    answers = {
        name: value for name, value in answers.items() if name == "nvml:nvmlInit" or "nvml:" not in name
    }
    return nvidia.probe(FakeSource(answers | {COMMAND: {"exit": 0, "stdout": text, "stderr": ""}}))


def cited(found: Probed) -> set[str]:
    """
    Everything that is cited as evidence anywhere in the facts.
    """
    names: set[str] = set()

    def collect(value: Any, key: str = "") -> None:
        if isinstance(value, dict):
            for name, item in value.items():
                collect(item, "evidence" if key == "cited" else name)
        elif isinstance(value, list | tuple):
            for item in value:
                collect(item, key)
        elif key == "evidence":
            names.add(value)

    for record in (found.nvidia, *found.accelerators, *found.pools):
        collect(msgspec.to_builtins(record, enc_hook=repr))
    return names


def test_the_command_stands_in_for_the_library() -> None:
    """
    Name, identity, driver and memory are the command's, and every fact stands on it.
    """
    found = told(smi_xml())
    device, pool = found.accelerators[0], found.pools[0]

    assert (found.status, device.usable, device.pci, device.driver) == (
        "ok",
        True,
        "0000:01:00.0",
        "580.95.05",
    )
    assert (pool.total_bytes, pool.free_bytes) == (24564 * MIB, 24113 * MIB)
    assert {*device.evidence, *pool.evidence} == {COMMAND}
    assert [name for name in cited(found) if name.startswith("nvml:") and name != "nvml:nvmlInit"] == []


def test_what_the_command_does_not_say_is_from_the_table() -> None:
    """
    It has no bus width and no compute capability.
    """
    device = told(smi_xml()).accelerators[0]

    assert (device.bandwidth_bytes_per_s, device.bandwidth_basis) == (1_008_000_000_000, "declared")


def test_details_are_read_too() -> None:
    """
    Link, power, temperature and modes have the shape that NVML gives them.
    """
    found = told(smi_xml(more=LINK))
    device = found.accelerators[0]

    assert device.link == Link(
        generation=1,
        max_generation=3,
        device_max_generation=4,
        width=8,
        max_width=16,
        bytes_per_s=8 * 984_600_000,
    )
    assert device.power == Power(limit_watts=300, default_watts=450, max_watts=600, draw_watts=21.5)
    assert device.throttle == Throttle(reasons=("temperature",), celsius=88)
    assert found.nvidia is not None
    assert [
        (each.addressing, each.virtualization, each.performance_state) for each in found.nvidia.devices
    ] == [("hmm", "passthrough", 8)]
    assert device.ecc is None


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("sw_power_cap", "power-limit"),
        ("hw_slowdown", "hardware"),
        ("sw_thermal_slowdown", "temperature"),
        ("hw_thermal_slowdown", "temperature-hardware"),
        ("hw_power_brake_slowdown", "power-brake"),
    ],
)
@pytest.mark.parametrize("home", ["clocks_event_reason", "clocks_throttle_reason"])
def test_each_reason_of_slower_clocks_has_its_word(home: str, word: str, reason: Any) -> None:
    """
    Drivers before 535 call them reasons of throttling.
    """
    listed = (
        f"<{home}s><{home}_{word}>Active</{home}_{word}><{home}_gpu_idle>Active</{home}_gpu_idle></{home}s>"
    )
    silent = listed.replace("Active", "Not Active")

    assert told(smi_xml(more=listed)).accelerators[0].throttle == Throttle(reasons=(reason,))
    assert told(smi_xml(more=silent)).accelerators[0].throttle == Throttle(reasons=())


@pytest.mark.parametrize("home", ["gpu_power_readings", "power_readings"])
@pytest.mark.parametrize("limit", ["current_power_limit", "enforced_power_limit", "power_limit"])
@pytest.mark.parametrize("draw", ["average_power_draw", "power_draw", "instant_power_draw"])
def test_power_is_read_under_every_name_it_had(home: str, limit: str, draw: str) -> None:
    """
    Drivers have renamed the figures; none has all names.
    """
    text = f"<{home}><{limit}>250.25 W</{limit}><{draw}>30.50 W</{draw}></{home}>"

    assert told(smi_xml(more=text)).accelerators[0].power == Power(limit_watts=250.25, draw_watts=30.5)


@pytest.mark.parametrize(
    ("element", "text", "field", "value"),
    [
        ("compute_mode", "Exclusive_Process", "compute_mode", "exclusive-process"),
        ("compute_mode", "Exclusive_Thread", "compute_mode", "exclusive-thread"),
        ("compute_mode", "Prohibited", "compute_mode", "prohibited"),
        ("display_active", "Enabled", "display_active", True),
        ("display_active", "Disabled", "display_active", False),
    ],
)
def test_modes_are_words(element: str, text: str, field: str, value: Any) -> None:
    """
    The command prints words where NVML has numbers.
    """
    old = {"compute_mode": "Default", "display_active": "Disabled"}[element]
    printed = smi_xml().replace(f"<{element}>{old}</{element}>", f"<{element}>{text}</{element}>")

    assert getattr(told(printed).accelerators[0], field) == value


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("None", None),
        ("Pass-Through", "passthrough"),
        ("VGPU", "vgpu-guest"),
        ("Host VGPU", "vgpu-host"),
        ("Host VSGA", "vsga-host"),
    ],
)
def test_virtualization_is_a_word(text: str, word: str | None) -> None:
    """
    As nvidia-smi writes them.
    """
    mode = f"<gpu_virtualization_mode><virtualization_mode>{text}</virtualization_mode></gpu_virtualization_mode>"
    found = told(smi_xml(more=mode)).nvidia

    assert found is not None
    assert found.devices[0].virtualization == word


@pytest.mark.parametrize(
    ("current", "ecc"), [("Enabled", True), ("Disabled", False), ("N/A", None), ("Not Supported", None)]
)
def test_error_correction_is_a_word(current: str, ecc: bool | None) -> None:
    """
    What the device does not have is unknown.
    """
    text = f"<ecc_mode><current_ecc>{current}</current_ecc></ecc_mode>"

    assert told(smi_xml(more=text)).accelerators[0].ecc is ecc


@pytest.mark.parametrize(
    ("text", "version"), [("13.0", "13.0"), ("12.4", "12.4"), ("12", "12.0"), ("N/A", None)]
)
def test_the_version_of_cuda_is_read(text: str, version: str | None) -> None:
    """
    It is the driver's newest, and cites the command.
    """
    found = told(smi_xml().replace("<cuda_version>13.0", f"<cuda_version>{text}")).nvidia

    assert found is not None
    expected = None if version is None else Seen(value=version, evidence=(COMMAND,))
    assert found.cuda_version == expected


def test_processes_are_read_too() -> None:
    """
    What is not available of a process is unknown; one that computes and draws is listed once.
    """
    text = smi_xml().replace("<processes></processes>", PROCESSES)
    held = told(text, changes={"read:/proc/835/comm": "Xorg\n"}).pools[0].held_by

    assert [(each.pid, each.name, each.used_bytes, each.graphics) for each in held] == [
        (835, "Xorg", 550 * MIB, True),
        (900, None, None, True),
    ]


def test_instances_are_read_too() -> None:
    """
    The memory is the instance's, never the parent's.
    """
    mig = """<mig_mode><current_mig>Enabled</current_mig><pending_mig>Enabled</pending_mig></mig_mode>
    <mig_devices><mig_device><index>0</index><gpu_instance_id>3</gpu_instance_id>
        <compute_instance_id>0</compute_instance_id><fb_memory_usage><total>19968 MiB</total>
        <reserved>0 MiB</reserved><used>12 MiB</used><free>19955 MiB</free></fb_memory_usage>
    </mig_device></mig_devices>"""
    off = "<mig_mode><current_mig>N/A</current_mig><pending_mig>N/A</pending_mig></mig_mode>"
    found = told(smi_xml(name="NVIDIA A100-SXM4-80GB").replace(off, mig))

    assert [pool.total_bytes for pool in found.pools] == [19968 * MIB]
    assert found.accelerators[0].partition is not None
    assert found.accelerators[0].partition.instance_id == 3


def test_a_lost_device_hides_no_other() -> None:
    """
    A device that the command cannot reach is listed with the reason.
    """
    two = smi_xml().replace(
        "</nvidia_smi_log>",
        '<gpu id="00000000:02:00.0"><product_name>GPU is lost</product_name></gpu></nvidia_smi_log>',
    )
    found = told(two)

    assert [device.usable for device in found.accelerators] == [True, False]
    assert found.status == "partial"


def test_memory_that_is_not_available_is_the_hosts_where_that_is_known() -> None:
    """
    GB10 has no figure here either.
    """
    text = smi_xml(name="NVIDIA GB10").replace(" MiB", " N/A")
    answers = nvidia_machine(card(), **{"nvml:nvmlInit": NO_LIBRARY})
    answers[COMMAND] = {"exit": 0, "stdout": text, "stderr": ""}
    found = nvidia.probe(FakeSource(answers, LINUX_ARM))

    assert (found.accelerators[0].pools, found.pools) == (("ram",), ())


def test_another_module_as_binding_leads_to_the_command() -> None:
    """
    Where another package shadows nvidia-ml-py, the devices are still seen.
    """
    shadowed = Answer(status="failed", detail="another module than nvidia-ml-py is installed as pynvml")

    assert told(smi_xml(), shadowed).pools[0].total_bytes == 24564 * MIB


@pytest.mark.parametrize("status", ["timeout", "denied", "not_recorded"])
def test_a_library_that_does_not_answer_is_not_replaced(status: Any) -> None:
    """
    The command would wait for the same driver.
    """
    source = FakeSource(nvidia_machine(card(), **{"nvml:nvmlInit": Answer(status=status)}))
    nvidia.probe(source)

    assert COMMAND not in source.asked


@pytest.mark.parametrize("code", [9, 18, 999])
def test_a_driver_that_does_not_work_is_not_asked_by_command(code: int) -> None:
    """
    Where the library loads and fails the command does too, and is not run.
    """
    source = FakeSource(nvidia_machine(card(), **{"nvml:nvmlInit": Answer(status="failed", code=code)}))
    nvidia.probe(source)

    assert COMMAND not in source.asked


def test_wsl_with_a_shadowed_library_asks_the_command() -> None:
    """
    Under WSL a Linux driver's library is found and fails; the command of Windows works.
    """
    answers = {
        "list:/dev": ["dxg"],
        "nvml:nvmlInit": Answer(status="failed", code=9),
        COMMAND: {"exit": 0, "stdout": smi_xml(), "stderr": ""},
    }
    found = nvidia.probe(FakeSource(answers))

    assert [device.usable for device in found.accelerators] == [True]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "NVIDIA-SMI has failed",
        "<html></html>",
        "<nvidia_smi_log></nvidia_smi_log>",
        "<a",
        "\0",
        "\ud800",
        "<a>" * 9999,
    ],
)
def test_what_is_no_answer_is_none(text: str) -> None:
    """
    Whatever else the command prints, there is no device and no exception.
    """
    assert parse_smi_xml(text) is None


@pytest.mark.parametrize(
    "answer", [Answer(status="timeout"), Answer(status="denied"), "text", {"exit": 9}, None]
)
def test_a_command_that_fails_leaves_the_reason_of_the_library(answer: Any) -> None:
    """
    The card is on the bus and named, with why the library is not there.
    """
    found = nvidia.probe(FakeSource(nvidia_machine(card(), **{"nvml:nvmlInit": NO_LIBRARY, COMMAND: answer})))

    assert [device.usable for device in found.accelerators] == [False]
    assert found.accelerators[0].why_not == message("unusable.nvml-no-library")


@pytest.mark.parametrize(
    ("element", "more"),
    [
        ('<gpu id="00000000:01:00.0">', ""),
        ("<gpu>", "<pci><pci_bus_id>00000000:01:00.0</pci_bus_id></pci>"),
    ],
)
def test_the_address_is_an_attribute_or_an_element(element: str, more: str) -> None:
    """
    Either is enough.
    """
    text = smi_xml(more=more).replace('<gpu id="00000000:01:00.0">', element)

    assert told(text).accelerators[0].pci == "0000:01:00.0"


def test_sizes_in_another_unit_are_unknown() -> None:
    """
    A figure whose unit is not the one that is documented is not believed.
    """
    found = told(smi_xml().replace("24564 MiB", "24 GB"))

    assert (found.accelerators[0].usable, found.pools) == (False, ())
