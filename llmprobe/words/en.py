"""
Every sentence in English, by id. How a template is written is said in ``render``.

A language is one file like this one. Sections follow the rooms that make the messages.
"""

SENTENCES: dict[str, str] = {
    # lists
    "list.comma": ", ",
    "list.semicolon": "; ",
    "list.and": " and ",
    "list.or": " or ",
    # errors: units, settings and names that any room refuses
    # errors: source, recordings and the network
    # errors: models, files and configurations
    # machine: why a device is not usable, limits, sources, hosts
    # nvidia
    "unusable.nvml-denied": "access denied",
    "unusable.nvml-no-power": "power cable not connected",
    "unusable.nvml-module-not-loaded": "NVIDIA kernel module not loaded",
    "unusable.nvml-timed-out": "driver did not respond in time",
    "unusable.nvml-no-interrupts": "interrupts of the device do not arrive",
    "unusable.nvml-no-library": "NVIDIA driver library not found",
    "unusable.nvml-lost": "fallen off the bus (GPU is lost)",
    "unusable.nvml-reset-required": "needs a reset",
    "unusable.nvml-blocked": "driver blocked by the operating system",
    "unusable.nvml-version-mismatch": "NVIDIA library and kernel module have different versions",
    "unusable.nvml-out-of-memory": "driver out of memory",
    "unusable.nvml-invalid-state": "in an invalid state, needs a reset",
    "unusable.nvml-unknown": "unknown driver error",
    "unusable.nvml-not-recorded": "driver's answer not in the recording",
    "unusable.nvidia-error": "driver error: {detail}",
    "unusable.nvidia-status": "driver's answer: {status}",
    "unusable.nvidia-lent": "reserved for a virtual machine (vfio-pci)",
    "unusable.nvidia-unlisted": "not listed by the driver",
    "unusable.nvidia-not-given": "not passed to this container (NVIDIA_VISIBLE_DEVICES={devices})",
    "unusable.nvidia-none-listed": "driver lists no device",
    "unusable.nvidia-asleep": "asleep, memory size unknown",
    "unusable.nvidia-not-asked": "not queried because that would wake another GPU, memory size unknown",
    "unusable.nvidia-no-instance": "in MIG mode without an instance that this system can use",
    "unusable.nvidia-instance-not-chosen": "CUDA shows a program one MIG instance[; select this one with "
    "CUDA_VISIBLE_DEVICES={uuid}]",
    "unusable.nvidia-hidden": "hidden by {variable}",
    "unusable.nvidia-prohibited": "compute mode prohibited: no program may compute on it",
    "unusable.nvidia-occupied": "compute mode allows one program at a time, and another program is using it",
    "unusable.nvidia-memory-unknown": "memory size could not be read[: {why}]",
    "limit.nvidia-reserve": "reserved by driver and firmware",
    "limit.nvidia-usual-reserve": "usual reserve of the driver",
    "limit.nvidia-processes": "used by running programs",
    "limit.nvidia-in-use-and-reserve": "in use, including the driver's reserve (this driver does not report "
    "it separately)",
    "limit.nvidia-in-use-by-programs": "used by programs; this system does not report how much each one uses",
    "limit.nvidia-in-use-unlisted": "used by the display, contexts and unlisted programs",
    "source.nvml": "NVML: {why}",
    "bandwidth.nvidia-bus": "{bits}-bit bus x {megahertz} MHz x 2",
    "bandwidth.nvidia-slices": "{slices} of {of} memory slices of {how}",
    "bandwidth.nvidia-table": "table: {name} ({source})",
    # machine: findings of NVIDIA
    # GPUs: state
    "rule.gpu-lost": "A GPU has fallen off the bus.",
    "finding.gpu-lost.title": "{name} has fallen off the bus",
    "finding.gpu-lost.detail": "The driver has lost the GPU[ at {pci}][ (index {index})]. Its memory is not "
    "counted. The other GPUs still work, but programs may number them differently now.",
    "finding.gpu-lost.remedy": "Reboot. If it happens again, check the power cables, the riser and the slot.",
    "rule.gpu-asleep": "A GPU is powered down and was not woken.",
    "finding.gpu-asleep.title": "{name} is asleep and was not woken",
    "finding.gpu-asleep.detail-table": "The GPU[ at {pci}] is powered down, as laptops do to save the "
    "battery. Its memory size comes from a table; how much of it is free is unknown.",
    "finding.gpu-asleep.detail-unknown": "The GPU[ at {pci}] is powered down, as laptops do to save the "
    "battery. Its free memory is unknown, so no layers are planned on it.",
    "finding.gpu-asleep.remedy": "Query the GPU itself, which wakes it.",
    "rule.gpu-unreachable": "The driver lists a GPU and does not report its memory.",
    "finding.gpu-unreachable.title": "{name} does not respond",
    "finding.gpu-unreachable.detail": "The driver lists the GPU but cannot report on it[: {why}]. Its "
    "memory is not counted.",
    "finding.gpu-unreachable.remedy": "Check the driver's messages about it.",
    "rule.compute-prohibited": "No program may compute on a GPU.",
    "finding.compute-prohibited.title": "{name} does not allow compute programs",
    "finding.compute-prohibited.detail": "The compute mode of {id} is prohibited: CUDA refuses the GPU to "
    "every program. Its memory is not counted.",
    "finding.compute-prohibited.remedy": "Reset the compute mode to the default.",
    "rule.exclusive-process": "A GPU serves one program at a time.",
    "finding.exclusive-process.title": "{name} serves one program at a time",
    "finding.exclusive-process.detail-free": "Its compute mode is exclusive-process. No program is using it "
    "now; a second program gets an error.",
    "finding.exclusive-process.detail-occupied": "Its compute mode is exclusive-process, and a program is "
    "using it now. Any other program gets an error.",
    "finding.exclusive-process.remedy": "Allow several programs to share it.",
    "rule.mig-partitioned": "A GPU is divided into MIG instances.",
    "finding.mig-partitioned.title": "A GPU is divided into MIG instances",
    "finding.mig-partitioned.detail": "A program gets one instance with its memory, never the whole GPU. "
    "Instances: {instances:each}.",
    "finding.mig-partitioned.instance": "{name}, [{memory_bytes:bytes}][!{memory_bytes}memory size unknown], "
    "[{uuid}][!{uuid}UUID unknown]",
    "finding.mig-partitioned.remedy": "Select an instance by its UUID, or turn MIG mode off to use the "
    "whole GPU.",
    "rule.mig-no-instance": "A GPU is in MIG mode without an instance.",
    "finding.mig-no-instance.title": "{name} is in MIG mode without an instance",
    "finding.mig-no-instance.detail": "In MIG mode programs run on instances only, and none exists. The GPU "
    "is not usable.",
    "finding.mig-no-instance.remedy": "Create an instance, or turn MIG mode off.",
    "rule.cuda-visible-hides": "CUDA_VISIBLE_DEVICES hides a GPU.",
    "finding.cuda-visible-hides.title": "CUDA_VISIBLE_DEVICES hides a GPU",
    "finding.cuda-visible-hides.title-invalid": "CUDA_VISIBLE_DEVICES has an entry that matches no GPU",
    "finding.cuda-visible-hides.detail": "CUDA_VISIBLE_DEVICES is set to '{value}'.[ It hides "
    "{devices:and}; hidden memory is not counted.][ CUDA stops reading at the entry '{invalid}', which "
    "matches no GPU or repeats one.]",
    "finding.cuda-visible-hides.device": "{name}[ ({memory_bytes:bytes})]",
    "finding.cuda-visible-hides.remedy": "Unset the variable, or list GPUs by UUID.",
    "rule.cuda-order-uncertain": "CUDA may number unlike GPUs in another order.",
    "finding.cuda-order-uncertain.title": "CUDA may number these GPUs in another order",
    "finding.cuda-order-uncertain.detail": "By default CUDA puts the fastest GPU first; the driver and this "
    "list follow the PCI bus. GPUs: {names}. A tensor split could be assigned to the wrong GPUs.",
    "finding.cuda-order-uncertain.remedy": "Make CUDA follow the PCI bus.",
    # GPUs: link and speed
    "rule.rebar-off": "The CPU addresses a card's memory through a small window.",
    "finding.rebar-off.title": "Resizable BAR is off ({name})",
    "finding.rebar-off.detail-sharing": "The CPU can address {visible_bytes:bytes} of the card's memory at "
    "a time. CUDA loads and runs models at the same speed; Vulkan and transfers between cards can be slower.",
    "finding.rebar-off.detail-loading": "The CPU can address {visible_bytes:bytes} of the card's memory at "
    "a time. Models load more slowly, and Vulkan can be slower.",
    "finding.rebar-off.detail-computing": "The CPU can address {visible_bytes:bytes} of the card's memory "
    "at a time. This kind of card runs several times slower with a small window.",
    "finding.rebar-off.remedy": "Enable Above 4G Decoding and Resizable BAR in the firmware setup. Some "
    "cards, such as the first of the RTX 30 series, need a VBIOS update first.",
    "rule.pcie-narrow": "A card has fewer or slower PCIe lanes than it supports.",
    "finding.pcie-narrow.title": "{name} has a narrow PCIe link",
    "finding.pcie-narrow.title-slow": "{name} has a slow PCIe link",
    "finding.pcie-narrow.detail": "The link is below what the card supports: {causes:and}.[ It carries at "
    "most {bytes_per_s:rate}.] Loading a model is slower, and so is a model split between this card and the "
    "CPU or other cards. A model fully offloaded to this card runs at full speed.",
    "finding.pcie-narrow.lanes": "{lanes} of {most} lanes are connected",
    "finding.pcie-narrow.generation": "the link is limited to PCIe generation {generation} of {newest}",
    "finding.pcie-narrow.remedy": "Move the card to the slot nearest the CPU, without a riser, and check "
    "whether another device shares its lanes.",
    "rule.thermal-throttle": "A GPU is slowed down by heat.",
    "finding.thermal-throttle.title": "{name} is throttled by heat",
    "finding.thermal-throttle.detail": "[The GPU is at {celsius} °C. ]The driver has lowered its clocks. "
    "Actual speeds are below the estimates, and drop further under load.",
    "finding.thermal-throttle.remedy": "Remove dust and improve the airflow. A lower power limit costs "
    "little generation speed.",
    "rule.power-cap": "A GPU gets less power than it was made for.",
    "finding.power-cap.title": "{name} is limited to {limit_watts:.0f} of {default_watts:.0f} W",
    "finding.power-cap.title-brake": "{name} is slowed down by its power supply",
    "finding.power-cap.detail": "Prompt processing is slower. Generation runs at nearly full speed because "
    "memory bandwidth limits it.",
    "finding.power-cap.detail-brake": "The board reports insufficient power, and the driver has cut the "
    "clocks to half or less.",
    "finding.power-cap.remedy": "If the limit is not intended, reset it.",
    "finding.power-cap.remedy-brake": "Connect each power plug of the card with its own cable, and check "
    "the rating of the power supply.",
    # GPUs: memory in use
    "rule.vram-held": "Running programs use memory of a GPU.",
    "finding.vram-held.title": "{used_bytes:bytes} of {name} is in use",
    "finding.vram-held.detail": "{budget_bytes:bytes} of {total_bytes:bytes} is available to a model now. "
    "{holders}",
    "finding.vram-held.by": "Used by {processes}[ and {more} more].",
    "finding.vram-held.process": "[{name}][!{name}a program] (process {pid}) {used_bytes:bytes}",
    "finding.vram-held.unknown": "The system does not report how much each program uses.",
    "finding.vram-held.unlisted": "No program is listed as using it.",
    "finding.vram-held.remedy": "Close programs that are not needed.",
    "finding.vram-held.remedy-unload": "An engine keeps a model loaded; unload it.",
    "finding.vram-held.remedy-server": "A llama-server keeps its model loaded until it exits; stop it.",
    "rule.display-on-gpu": "A display is connected to the GPU that models run on.",
    "finding.display-on-gpu.title": "A display is connected to {name}",
    "finding.display-on-gpu.detail": "The desktop uses GPU memory, and how much depends on the screen's "
    "content.[ Graphics programs use {graphics_bytes:bytes} now.] A model that fills the rest may fail when "
    "a window opens.",
    "finding.display-on-gpu.remedy": "Connect the monitor to the CPU's integrated graphics, if it has any.",
    "rule.ecc-on": "Error correction uses a part of a GPU's memory.",
    "finding.ecc-on.title": "ECC is on ({name})",
    "finding.ecc-on.detail": "On GDDR memory, error correction uses about 6 % of the size and some of the "
    "speed.",
    "finding.ecc-on.remedy": "ECC can be disabled if you accept the risk of bit errors; it takes effect "
    "after a reboot.",
    "rule.vram-reserved": "The driver reserves a large part of a GPU's memory.",
    "finding.vram-reserved.title": "The driver reserves {reserved_bytes:bytes} of {name}",
    "finding.vram-reserved.detail": "Driver and firmware reserve this memory whether or not a program runs. "
    "It does not count as free.",
    "rule.swap-in-use": "The system has moved memory to disk.",
    "finding.swap-in-use.title": "{used_bytes:bytes} is swapped to disk",
    "finding.swap-in-use.detail": "The system was short of memory. If a model's weights do not stay in "
    "memory, they are read from disk for every token, which is tens of times slower.",
    "finding.swap-in-use.remedy": "Close programs before you load a model, and leave some memory free.",
    # NVIDIA: device and driver
    "rule.driver-too-old": "NVIDIA's driver is older than current engines need.",
    "finding.driver-too-old.title": "NVIDIA driver {version} is old",
    "finding.driver-too-old.detail": "{cost} Version {wanted} or newer has no such limit.",
    "finding.driver-too-old.no-cuda-12": "Programs built with CUDA 12 or 13, such as current engines, do "
    "not start on the GPU.",
    "finding.driver-too-old.old-device": "Ollama ignores {name} with this driver, and other engines may "
    "fail to compile code for it.",
    "finding.driver-too-old.no-translation": "Programs built with a newer CUDA can fail if they have to "
    "compile code for the GPU.",
    "finding.driver-too-old.remedy": "Install driver version {wanted} or newer, then reboot.",
    "rule.gpu-too-old": "A GPU is older than current engines support.",
    "finding.gpu-too-old.title": "{name} is older than some engines support",
    "finding.gpu-too-old.detail-no-cuda-12": "CUDA 12 builds have no code for compute capability "
    "{compute_capability}. An engine needs a build with CUDA 11 or Vulkan.",
    "finding.gpu-too-old.detail-no-cuda-13": "CUDA 13 builds have no code for compute capability "
    "{compute_capability}. Use builds with CUDA 12.",
    "finding.gpu-too-old.remedy-no-cuda-12": "Install the engine's build for CUDA 11 or Vulkan.",
    "finding.gpu-too-old.remedy-no-cuda-13": "Install the engine's build for CUDA 12 or Vulkan.",
    "rule.vgpu": "A virtual machine has a share of a GPU.",
    "finding.vgpu.title": "{name} is a share of a GPU",
    "finding.vgpu.title-unlicensed": "{name} is a share of a GPU without a licence",
    "finding.vgpu.detail": "The profile {profile} gives this machine a fixed amount of memory. Other "
    "machines share the computing time, so speeds vary.",
    "finding.vgpu.detail-unlicensed": "The profile {profile} gives this machine a fixed amount of memory. "
    "Other machines share the computing time, so speeds vary. Without a licence the driver throttles the "
    "GPU after some minutes.",
    "finding.vgpu.remedy": "Assign an NVIDIA vGPU licence to this machine.",
    "rule.nvidia-sysmem-fallback": "The Windows driver moves memory that does not fit to RAM.",
    "finding.nvidia-sysmem-fallback.title": "Memory that does not fit the GPU moves to RAM without notice",
    "finding.nvidia-sysmem-fallback.detail": "The Windows driver gives RAM to programs that request more "
    "memory than the GPU has. A model that is too large still loads, and runs many times slower. The driver "
    "does not report how much each program uses.",
    "finding.nvidia-sysmem-fallback.remedy": "In the NVIDIA Control Panel, open Manage 3D settings and set "
    "CUDA - Sysmem Fallback Policy to Prefer No Sysmem Fallback.",
    "rule.nvidia-smi-only": "NVIDIA's library could not be loaded, but nvidia-smi works.",
    "finding.nvidia-smi-only.title": "NVIDIA's library could not be loaded, but nvidia-smi works",
    "finding.nvidia-smi-only.detail": "The figures come from nvidia-smi and are rounded to MiB (reason: "
    "{why}). Engines that search for the library in the same way do not find the GPU.",
    "finding.nvidia-smi-only.remedy": "Let the linker find libnvidia-ml.so.1 (under WSL it is in "
    "/usr/lib/wsl/lib).",
    "rule.nvidia-slow": "NVIDIA's driver did not respond in time.",
    "finding.nvidia-slow.title": "NVIDIA's driver did not respond in time",
    "finding.nvidia-slow.detail": "Without persistence mode the driver initializes every GPU anew, about a "
    "second per GPU; or it hangs. GPU memory is not counted until the driver responds.",
    "finding.nvidia-slow.remedy": "Allow more time. If that helps, keep the driver loaded (persistence "
    "mode).",
    "rule.nvidia-no-library": "An NVIDIA GPU is present, but its driver is not installed.",
    "finding.nvidia-no-library.title": "An NVIDIA GPU is present, but its driver is not installed",
    "finding.nvidia-no-library.detail": "The driver library libnvidia-ml was not found. Models run on the "
    "CPU only, several times slower.",
    "finding.nvidia-no-library.remedy": "Install NVIDIA's driver, then reboot.",
    "rule.nvidia-module-not-loaded": "NVIDIA's kernel module is not loaded.",
    "finding.nvidia-module-not-loaded.title": "The NVIDIA kernel module is not loaded",
    "finding.nvidia-module-not-loaded.detail": "[The GPU is bound to {drivers:and}. ]NVIDIA's driver is "
    "installed but cannot reach the GPU. Models run on the CPU only, several times slower. Usual causes are "
    "Secure Boot with an unsigned module, a new kernel without a rebuilt module, and nouveau.",
    "finding.nvidia-module-not-loaded.remedy": "Load the module. If that fails, check why it was not built "
    "or not allowed.",
    "rule.nvidia-version-mismatch": "NVIDIA's library and kernel module have different versions.",
    "finding.nvidia-version-mismatch.title": "NVIDIA's library and kernel module have different versions",
    "finding.nvidia-version-mismatch.detail": "The driver was updated, but the old module is still loaded.[ "
    "The loaded module is {version}.] CUDA fails until it is replaced: models run on the CPU only, several "
    "times slower.",
    "finding.nvidia-version-mismatch.remedy": "Reboot to load the new module.",
    "rule.nvidia-container-no-devices": "A container was started without the GPU.",
    "finding.nvidia-container-no-devices.title": "This container was started without the machine's NVIDIA "
    "GPU",
    "finding.nvidia-container-no-devices.detail": "The GPU is on the bus, but the container has no device "
    "file for it.[ NVIDIA_VISIBLE_DEVICES is '{given}'.] Models run on the CPU only, several times slower.",
    "finding.nvidia-container-no-devices.remedy": "Install the NVIDIA Container Toolkit on the host, and "
    "start the container with the GPUs.",
    "rule.nvidia-container-lost": "A running container lost its access to the GPU.",
    "finding.nvidia-container-lost.title": "This container lost its access to the GPU",
    "finding.nvidia-container-lost.detail": "The driver reports an unknown error. The usual cause is "
    "`systemctl daemon-reload` on the host, which takes the GPU away from running containers. Models run on "
    "the CPU only, several times slower.",
    "finding.nvidia-container-lost.remedy": "Restart the container. To prevent it, pass the GPUs with CDI.",
    "rule.gpu-vfio": "A GPU is reserved for virtual machines.",
    "finding.gpu-vfio.title": "{name} is reserved for virtual machines",
    "finding.gpu-vfio.detail": "The GPU[ at {pci}] is bound to vfio-pci, so no program of this system can "
    "use it.",
    "finding.gpu-vfio.remedy": "Run the model in the virtual machine, or bind the GPU to its own driver.",
    "rule.wsl-no-passthrough": "WSL has no access to a GPU.",
    "finding.wsl-no-passthrough.title": "WSL has no access to a GPU",
    "finding.wsl-no-passthrough.detail": "/dev/dxg is missing: Windows does not share a GPU with this "
    "Linux. Models run on the CPU only.",
    "finding.wsl-no-passthrough.remedy": "Update WSL and the GPU's Windows driver. WSL 1 does not support "
    "GPUs.",
    "rule.wsl-driver-shadow": "A Linux driver hides the one that Windows provides to WSL.",
    "finding.wsl-driver-shadow.title": "A Linux driver hides the one that Windows provides to WSL",
    "finding.wsl-driver-shadow.detail": "The libnvidia-ml of a Linux driver was loaded, which does not work "
    "under WSL. Models run on the CPU only, several times slower.",
    "finding.wsl-driver-shadow.remedy": "Remove NVIDIA's Linux driver. The library in /usr/lib/wsl/lib is "
    "sufficient.",
    # machine: findings of everything else
    # engines
    # site and estimation: terms, notes, warnings, refusals, speed
    # advise: reasons
    # advise: notes, changes, rejections, nearest, balance, quality
    # output: pages
    # command line: help, errors
}
