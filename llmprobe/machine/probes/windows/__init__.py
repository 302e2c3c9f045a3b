r"""
GPUs on Windows, of every vendor: by Windows' own list with its budgets and its use, beside the registry's list of
display adapters, which the setup of each driver fills.

A driver writes the size of the card's memory there (``HardwareInformation.qwMemorySize``); the older 32-bit value ends
at 4 GiB and is not believed there. NVIDIA's cards are left to NVML where that lists them.
https://learn.microsoft.com/windows-hardware/drivers/display/registering-hardware-information

Questions, in order (``<class>`` is HKLM\SYSTEM\CurrentControlSet\Control\Class; keys are numbered from 0000):

    registry:<class>\{4d36e968-e325-11ce-bfc1-08002be10318}\<NNNN> DriverDesc      until eight numbers are missing
    registry:<the same> MatchingDeviceId
    registry:<the same> HardwareInformation.qwMemorySize                           of each that is there
    registry:<the same> HardwareInformation.MemorySize                             where that is not there
    registry:<the same> DriverVersion
    winapi:adapters
    nvml:nvmlInit                                      where there is a GPU of NVIDIA
    nvml:nvmlDeviceGetCount_v2                         where that answers
    nvml:nvmlDeviceGetPciInfo_v3 i                     of each, where there are more GPUs than it lists
    run:nvidia-smi -q -x                               where NVML does not answer
    psutil:virtual_memory                              where there is a GPU of AMD or Intel: what host_ram asks
    vulkan:                                            where one of these can be used
    env:GGML_VK_VISIBLE_DEVICES                        where that answers
    what oneapi asks                                   where there is a GPU of Intel
    registry:<class>\{f01a9d53-3ff6-48d2-9f97-c8a7004be10c}\<NNNN> DriverDesc      NPUs, until two are missing
    registry:<the same> MatchingDeviceId
"""

from llmprobe.facts.answer import Source
from llmprobe.facts.machine import Probed
from llmprobe.facts.vendors import Vendor
from llmprobe.machine.asking import Asker

NAME = "windows"
PLATFORMS = frozenset({"win32"})
LISTS_GPUS = True
VENDORS: tuple[Vendor, ...] = ()


def probe(source: Source) -> Probed:
    """
    The GPUs that Windows lists, and by name what else it lists as an adapter.
    """
    # Other systems load nothing of it.
    from llmprobe.machine.probes.windows.adapters import probe_adapters

    return probe_adapters(Asker(source))
