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
    # - why a device is not usable: AMD, Intel, Apple and others
    "unusable.no-driver": "no kernel driver is bound to it",
    "unusable.other-driver": "its kernel driver is {driver}, not {needed}",
    "unusable.lent-to-vm": "it is bound to vfio-pci, for a virtual machine",
    "unusable.size-unknown": "its driver does not report the size of its memory",
    "unusable.amd-asleep": "it is asleep, and reading its memory would wake it",
    "unusable.hidden-from-rocm": "hidden by {variable}",
    "unusable.no-amd-device-file": "this user may open neither /dev/kfd nor its device file in /dev/dri",
    "unusable.few-compute-units": "it has only two compute units: the processor is faster",
    "unusable.render-node-closed": "this user may not open its device file in /dev/dri",
    "unusable.slower-than-processor": "it shares RAM, and llama.cpp runs slower on it than on the processor",
    "unusable.integrated-beside-card": "engines leave out integrated graphics beside a card ({card})",
    "unusable.virtual-mac": "macOS gives a virtual machine no Metal GPU",
    "unusable.intel-mac": "with Metal, the GPUs of Intel Macs are slower than their processors",
    "unusable.apple-on-linux": "Metal exists on macOS only; on Linux this GPU has a Vulkan driver, which llmprobe "
    "does not rely on",
    "unusable.vendor-not-examined": "llmprobe does not examine GPUs of this vendor",
    # - limits of pools and of the processor
    "limit.in-use-unnamed": "in use beyond the parts that are named",
    "limit.free-not-plausible": "{free_bytes} bytes were reported free of {total_bytes}; corrected",
    "limit.cut-to-rest": "{limit}; counted only up to the {left_bytes:bytes} that were left",
    "limit.host-in-use": "in use by programs and the system ({how})",
    "limit.available-by-psutil": "available memory by psutil",
    "limit.available-by-kernel": "MemAvailable",
    "limit.available-with-zfs": "{how}, plus the cache that ZFS can give back",
    "limit.available-of-nodes": "free memory of the nodes with processors",
    "limit.cgroup": "this container may use {limit_bytes:bytes}[, of which {used_bytes:bytes} is in use]"
    "[!{used_bytes}, of which an unknown part is in use]",
    "limit.carve-out-in-use": "in use in the memory that the firmware reserves for graphics",
    "limit.gtt": "{carve_out_bytes:bytes} are reserved for the GPU, which may map [{gtt_bytes:bytes} of RAM]"
    "[!{gtt_bytes}all of RAM] (GTT)",
    "limit.amd-programs": "held by programs that compute",
    "limit.amd-in-use": "in use by the display, the driver and programs; sysfs does not report which",
    "limit.intel-driver": "reserved by the driver; only privileged programs see the use by others",
    "limit.metal-working-set": "Metal's recommendedMaxWorkingSetSize is {working_set_bytes:bytes}"
    "[ (iogpu.wired_limit_mb is {wired_limit_mb})]",
    "limit.wired-limit": "iogpu.wired_limit_mb is {wired_limit_mb}",
    "limit.assumed-working-set": "macOS lets the GPU use {share:.0%} of memory (assumed: the share before macOS 26; "
    "newer versions allow up to 84 %)",
    "limit.idle-system": "usual use of an idle system",
    "limit.idle-driver": "usual reserve of the driver on an idle device",
    "limit.default-gtt": "Linux lets integrated graphics map {share:.0%} of memory by default (GTT); the limit can be "
    "raised",
    "limit.cpu-quota": "quota: the time of {processors:g} {processors:processor|processors}",
    "limit.cpu-affinity": "affinity: this process may run on {threads} {threads:thread|threads} of the processor",
    # - how a bandwidth is known
    "bandwidth.modules": "{channels} {channels:channel|channels} at {speeds_mts} MT/s, an upper bound",
    "bandwidth.of-ram": "RAM, which it shares[: {how}]",
    "bandwidth.driver": "{width_bits}-bit memory at {clock_mhz} MHz, by the driver",
    "bandwidth.table": "table: {name}[ with {cores} GPU cores] ({source})",
    "bandwidth.given": "by --gpu",
    # - hypothetical machines
    "error.gpu-unknown": "no GPU named '{name}' is in the table",
    "hint.gpu-nearest": "the nearest names are {names:list}; for an unlisted card add its memory: '{name}:24GB'",
    "hint.gpu-unlisted": "write the name as its maker does, or add the memory of an unlisted card: '{name}:24GB'",
    "error.no-gpu-in-text": "'{text}' names no GPU",
    "hint.gpu-spelling": "write it as 'RTX 4090' or '2x RTX 3090'",
    "error.too-many-gpus": "llama.cpp cannot use {gpus} GPUs together",
    "hint.too-many-gpus": "name {most} or fewer in all (--gpu)",
    "error.gpu-memory": "{device} is not sold with {size_gb:g} GB",
    "hint.gpu-memory": "it has {sizes_gb:or} GB; for a modified card write '{name}:{size_gb:g}GB'",
    "error.gpu-memory-range": "no GPU has {size_gb:g} GB ('{text}')",
    "hint.gpu-memory-range": "give more than 0 and at most {most_gb} GB",
    "error.gpu-several": "several GPUs are called '{name}'",
    "hint.gpu-several": "name one of them: {names:list}",
    "error.gpu-cores": "{device} is not made with {cores} GPU cores",
    "hint.gpu-cores": "it has {cores:or}",
    "error.gpu-description": "'{text}' does not describe a GPU",
    "hint.gpu-description": "write name, memory and optionally bandwidth: 'name:24GB' or 'name:24GB:608GB/s'",
    "error.shared-memory-alone": "{device} shares the memory of its host and cannot be combined with other GPUs",
    "hint.shared-memory-alone": "name either one such chip, or cards with memory of their own",
    "error.chip-without-size": "{device} shares the memory of its host, whose size is missing",
    "hint.chip-without-size": "add the size to the name ('{text} 64GB') or give --ram",
    "error.ram-contradicts": "{device} shares the memory of its host: {device_bytes:bytes} by --gpu and "
    "{ram_bytes:bytes} by --ram contradict each other",
    "hint.ram-contradicts": "leave out --ram, or give the same size",
    "error.ram-missing": "a hypothetical machine needs the size of its RAM",
    "error.ram-zero": "a machine without memory cannot run anything",
    "hint.ram-missing": "give --ram a size such as 64GiB",
    "error.ram-too-large": "no machine has {ram_bytes:bytes} of RAM",
    "hint.ram-too-large": "give --ram {most_bytes:bytes} or less",
    # - sources
    "source.question": "{question}: {status}[ ({reason})]",
    "source.trouble": "{questions:each}[; and {more} more]",
    "source.deadline": "did not finish within {seconds:g} s",
    "source.crashed": "{error}[: {reason}][ ({file}:{line})]",
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
    "finding.vram-held.detail": "[{budget_bytes:bytes} of {total_bytes:bytes} is available to a model now. ]"
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
    # - coverage
    "rule.table-estimate": "A figure is from a table of devices.",
    "finding.table-estimate.title": "Some figures are from a table",
    "finding.table-estimate.detail": "The device does not report them here: {figures:each}. Speeds based on them are "
    "less certain.",
    "finding.table-estimate.bandwidth": "bandwidth of {device}",
    "finding.table-estimate.memory": "memory of {device}",
    "finding.table-estimate.both": "bandwidth and memory of {device}",
    "rule.memory-assumed": "The memory of a GPU is assumed, because its name was sold with several sizes.",
    "finding.memory-assumed.title": "{device} is assumed to have {size_bytes:bytes}",
    "finding.memory-assumed.detail": "It was sold with {sizes_gb:and} GB, and the name does not say which.",
    "finding.memory-assumed.remedy": "Add the memory to the name.",
    "rule.gpu-unsupported-vendor": "llmprobe does not examine the GPUs of this vendor.",
    "finding.gpu-unsupported-vendor.title": "{device} is not examined",
    "finding.gpu-unsupported-vendor.detail": "llmprobe does not examine GPUs of this vendor, so its memory is not "
    "counted. An engine may be able to use it, for instance with Vulkan.",
    "rule.no-gpu": "There is no GPU, or none that can be used.",
    "finding.no-gpu.title": "No GPU was found",
    "finding.no-gpu.title-unusable": "No usable GPU was found",
    "finding.no-gpu.detail": "Models run on the processor, and the speed of memory determines theirs.",
    "rule.gpu-not-looked-for": "A source that could have found a GPU did not answer.",
    "finding.gpu-not-looked-for.title": "It is unknown whether there is a GPU",
    "finding.gpu-not-looked-for.detail": "These sources could have found one and did not answer: {sources:each}. A "
    "GPU may be installed that is missing here.",
    "finding.gpu-not-looked-for.source": "{source} ({status})",
    "finding.gpu-not-looked-for.remedy": "Allow more time.",
    "rule.probe-failed": "A source did not answer, in whole or in part.",
    "finding.probe-failed.title": "A source did not answer completely ({source}: {status})",
    "finding.probe-failed.detail": "[{reason}. ]Facts that depend on it are missing or unknown here.",
    "finding.probe-failed.remedy": "Record the machine and attach the file to a report.",
    "rule.not-recorded": "A recording lacks answers that newer probes ask for.",
    "finding.not-recorded.title": "The recording is incomplete",
    "finding.not-recorded.detail": "These sources were not asked when it was made: {sources}. Facts that depend on "
    "them are unknown here.",
    "finding.not-recorded.remedy": "Record the machine again.",
    # - memory of the host
    "rule.memory-pressure": "Programs wait for memory at this moment.",
    "finding.memory-pressure.title": "Programs wait for memory",
    "finding.memory-pressure.detail": "Some program waited for {percent:g} % of the last ten seconds. The memory "
    "that is free now is needed by running programs, and a model slows all of them down.",
    "finding.memory-pressure.detail-high": "macOS reports high memory pressure. The memory that is free now is "
    "needed by running programs, and a model slows all of them down.",
    "finding.memory-pressure.detail-critical": "macOS reports critical memory pressure. The memory that is free "
    "now is needed by running programs, and a model slows all of them down.",
    "finding.memory-pressure.remedy": "Close programs before loading a model.",
    "rule.no-swap-overcommit2": "The kernel promises no more memory than it has.",
    "finding.no-swap-overcommit2.title": "The kernel promises no more memory than it has",
    "finding.no-swap-overcommit2.detail": "vm.overcommit_memory is 2.[ It can still promise {left_bytes:bytes}.] "
    "Engines reserve more than they use: starting one can fail although memory is free.",
    "finding.no-swap-overcommit2.remedy": "Use the default setting.",
    "rule.hugepages-reserved": "Memory is reserved as huge pages.",
    "finding.hugepages-reserved.title": "{total_bytes:bytes} is reserved as huge pages",
    "finding.hugepages-reserved.detail": "{free_bytes:bytes} of it is unused. Engines cannot use huge pages, and "
    "they count as used memory.",
    "finding.hugepages-reserved.remedy": "Release them if no database or virtual machine needs them.",
    "rule.zfs-arc": "ZFS caches files in memory that other tools count as used.",
    "finding.zfs-arc.title": "ZFS can give back {reclaimable_bytes:bytes} of its cache",
    "finding.zfs-arc.detail": "Other tools show it as used; here it is counted as free. ZFS gives it back on "
    "demand, but not at once, so a model that needs it may load slowly.",
    "finding.zfs-arc.remedy": "Limit the cache to {limit_bytes:bytes} to keep the memory free from the start.",
    "rule.address-space-limit": "This shell limits how much memory a program may map.",
    "finding.address-space-limit.title": "A program may map only {limit_bytes:bytes} here",
    "finding.address-space-limit.detail": "Engines map the whole file of a model, and CUDA maps far more than it "
    "uses: an engine may fail to start, or to load a model that would fit.",
    "finding.address-space-limit.remedy": "Remove the limit of this shell.",
    "rule.numa-multi": "Memory is divided among groups of processors.",
    "finding.numa-multi.title": "Memory is divided into {nodes} nodes",
    "finding.numa-multi.detail": "A program that runs on one node and reads the memory of another gets only a part "
    "of the bandwidth. Layers on the processor can run at half the speed or less.",
    "finding.numa-multi.remedy": "Let llama.cpp distribute its threads and memory over the nodes.",
    "rule.numa-memory-only": "Some memory has no processors near it.",
    "finding.numa-memory-only.title": "{size_bytes:bytes} of memory has no processors near it",
    "finding.numa-memory-only.detail-extension": "It is an extension of memory (CXL or on the package), which is "
    "slower or faster than the rest.",
    "finding.numa-memory-only.detail-gpu": "It is memory of GPUs that the kernel counts as its own. Here it is "
    "counted with the GPUs only.",
    "rule.single-channel-ram": "Memory runs on one channel.",
    "finding.single-channel-ram.title": "Memory runs on one channel",
    "finding.single-channel-ram.detail": "The speed of memory limits everything that runs on the processor: with a "
    "second module in the other channel it would be almost twice as fast.",
    "finding.single-channel-ram.remedy": "Install a second module of the same kind, in the slot that the board's "
    "manual names.",
    "rule.ram-vs-installed": "The system has less memory than is installed.",
    "finding.ram-vs-installed.title": "The system does not get {missing_bytes:bytes} of {installed_bytes:bytes} "
    "installed memory",
    "finding.ram-vs-installed.detail": "The firmware reserves memory for graphics, a kernel parameter excludes it, "
    "or a module is faulty.",
    "finding.ram-vs-installed.remedy": "Check the size of the frame buffer in the firmware, and mem= or memmap= "
    "among the kernel parameters.",
    "rule.wsl-ram-cap": "WSL has a part of the memory of Windows.",
    "finding.wsl-ram-cap.title": "WSL has {total_bytes:bytes} of the memory of Windows",
    "finding.wsl-ram-cap.detail": "The default is half. The rest of the memory of Windows cannot be seen or used "
    "from here.",
    "finding.wsl-ram-cap.remedy": "Set memory= below \\[wsl2\\] in %UserProfile%\\.wslconfig, then restart WSL from "
    "Windows.",
    # - limits of the host
    "rule.unified-pool": "CPU and GPU share the same memory.",
    "finding.unified-pool.title": "{device} shares the memory of the host",
    "finding.unified-pool.detail": "CPU and GPU share the same[ {total_bytes:bytes}][!{total_bytes} memory]; it is "
    "counted once. The system counts file cache as free, because it can be dropped.",
    "rule.mac-wired-limit": "macOS lets the GPU use only a part of memory.",
    "finding.mac-wired-limit.title": "macOS lets the GPU use only a part of memory",
    "finding.mac-wired-limit.detail": "[{limit}; ]{lost_bytes:bytes} of free memory is not available to the GPU.",
    "finding.mac-wired-limit.remedy": "The limit can be raised until the next restart; leave {left_bytes:bytes} or "
    "more to macOS.",
    "rule.mac-rosetta": "This Python is an Intel build and runs translated.",
    "finding.mac-rosetta.title": "This Python is an Intel build and runs translated",
    "finding.mac-rosetta.detail": "It sees the processor that Rosetta presents. Programs started in the same way run "
    "without Metal and much slower.",
    "finding.mac-rosetta.remedy": "Install Python for Apple silicon.",
    "rule.mac-vm": "This macOS runs in a virtual machine, without a GPU.",
    "finding.mac-vm.title": "This macOS runs in a virtual machine",
    "finding.mac-vm.detail": "macOS gives a virtual machine no Metal GPU. Models run on the processor only.",
    "finding.mac-vm.remedy": "Run the engine on the Mac itself.",
    "rule.container-ram": "A container may use less memory than the host has.",
    "finding.container-ram.title": "This container may use {limit_bytes:bytes} of the host's memory",
    "finding.container-ram.detail-killed": "[The host has {host_bytes:bytes}. ]{left_bytes:bytes} is left to this "
    "container. A program that uses more is killed.",
    "finding.container-ram.detail-slowed": "[The host has {host_bytes:bytes}. ]{left_bytes:bytes} is left to this "
    "container. A program that uses more is slowed down to a standstill.",
    "finding.container-ram.remedy": "Raise the limit.",
    "rule.cpu-quota": "Fewer threads may run than the processor has.",
    "finding.cpu-quota.title": "{usable} of {threads} threads may be used here",
    "finding.cpu-quota.detail": "[The limit is a {limits:each}. ]An engine that starts a thread per processor of "
    "the host is slowed down many times by waiting for its own threads.",
    "finding.cpu-quota.remedy": "Set the number of threads of the engine.",
    "rule.no-avx2": "The processor has no AVX2.",
    "finding.no-avx2.title": "The processor has no AVX2",
    "finding.no-avx2.detail": "Layers on the processor run several times slower, and some builds of engines do not "
    "start at all.",
    "rule.vm-hides-avx": "A virtual machine hides the instruction sets of its host.",
    "finding.vm-hides-avx.title": "The virtual machine presents a processor without AVX2",
    "finding.vm-hides-avx.detail": "[It is called {processor}. ]The host very likely has AVX2. Layers on the "
    "processor run several times slower than they could, and some builds of engines do not start at all.",
    "finding.vm-hides-avx.remedy": "Give the virtual machine the host's processor type, in Proxmox or in QEMU.",
    "rule.sources-disagree": "Two sources differ on one device or on memory.",
    "finding.sources-disagree.title-memory": "Two sources differ on the size of memory",
    "finding.sources-disagree.title-name": "Two sources differ on the name of {device}",
    "finding.sources-disagree.title-size": "Two sources differ on the memory of {device}",
    "finding.sources-disagree.detail": "One reports {first}, the other {second}. The first is used.",
    "finding.sources-disagree.detail-sizes": "One reports {first_bytes:bytes}, the other {second_bytes:bytes}. The "
    "first is used.",
    # - AMD and Intel
    "rule.amd-no-kfd-access": "ROCm's device file cannot be opened, or does not exist.",
    "finding.amd-no-kfd-access.title": "ROCm is not available here",
    "finding.amd-no-kfd-access.detail-closed": "This user may not open /dev/kfd. Engines built for ROCm run on the "
    "processor instead; those built for Vulkan can still use the GPU, usually somewhat slower.",
    "finding.amd-no-kfd-access.detail-absent": "/dev/kfd does not exist. Engines built for ROCm run on the processor "
    "instead; those built for Vulkan can still use the GPU, usually somewhat slower.",
    "finding.amd-no-kfd-access.remedy-groups": "Join the groups that own the device, and log in again.",
    "finding.amd-no-kfd-access.remedy-container": "Start the container with the devices.",
    "finding.amd-no-kfd-access.remedy-module": "Load the compute driver, which is part of amdgpu.",
    "rule.amd-gfx-unsupported": "ROCm's libraries have no code for a GPU.",
    "finding.amd-gfx-unsupported.title": "ROCm does not support {device} ({gfx})",
    "finding.amd-gfx-unsupported.detail": "Engines built for ROCm crash or run on the processor. Vulkan works as "
    "it is.",
    "finding.amd-gfx-unsupported.remedy": "Use a Vulkan build of the engine.",
    "finding.amd-gfx-unsupported.remedy-override": "Use a Vulkan build of the engine, or make ROCm treat the GPU "
    "as a related one, at your own risk.",
    "rule.apu-carveout": "The split of memory leaves little to integrated graphics or to the host.",
    "finding.apu-carveout.title-host": "{carve_out_bytes:bytes} of {total_bytes:bytes} is reserved for the GPU",
    "finding.apu-carveout.detail-host": "The processor and all programs share the remaining {host_bytes:bytes}. "
    "Loading a model through it is slow, and engines that keep a copy in RAM run out of it.",
    "finding.apu-carveout.remedy-host": "Choose a smaller frame buffer in the firmware, and let the GPU map RAM "
    "instead (kernel parameter ttm.pages_limit).",
    "finding.apu-carveout.title-gpu": "{device} may use {reach_bytes:bytes} of {total_bytes:bytes}",
    "finding.apu-carveout.detail-gpu": "By default Linux lets the GPU map half of RAM. With a higher limit larger "
    "models fit on the GPU.",
    "finding.apu-carveout.remedy-gpu": "Raise the limit with kernel parameters, leave {left_bytes:bytes} to the "
    "system, and reboot.",
    "rule.gtt-exceeds-ram": "A GPU may map more RAM than exists.",
    "finding.gtt-exceeds-ram.title": "{device} may map more RAM than exists",
    "finding.gtt-exceeds-ram.detail": "Its limit (GTT) is {gtt_bytes:bytes}, and RAM is {host_bytes:bytes}. "
    "Engines that add limit and frame buffer report more memory than the machine has; here only existing memory is "
    "counted.",
    "finding.gtt-exceeds-ram.remedy": "Lower ttm.pages_limit below the size of RAM.",
    "rule.gpu-not-usable": "A card of AMD or Intel cannot be used.",
    "finding.gpu-not-usable.title": "{device} is not usable",
    "finding.gpu-not-usable.detail": "[The reason: {reason}. ][!{reason}The reason is unknown. ]Models run without "
    "it.",
    "finding.gpu-not-usable.remedy": "Load its driver, and give this user the right to open the device.",
    "rule.rocm-visible-hides": "An environment variable hides a card from ROCm.",
    "finding.rocm-visible-hides.title": "{variable} hides {devices:and}",
    "finding.rocm-visible-hides.detail": "{variable} is set to '{value}', so engines built for ROCm do not see the "
    "device. It is not counted.",
    "finding.rocm-visible-hides.remedy": "Unset the variable, or add the device to it.",
    # - disks
    "rule.disk-low": "There is little room for models.",
    "finding.disk-low.title": "{free_bytes:bytes} is left for models on {directory}",
    "finding.disk-low.detail": "{engines:and} {engines:stores|store} models there. A model of 8 billion parameters "
    "needs 5 GB with 4-bit weights, one of 70 billion 43 GB.",
    "finding.disk-low.remedy": "Remove unused models, or store them elsewhere (OLLAMA_MODELS, HF_HOME, LLAMA_CACHE).",
    "rule.slow-fs": "Models are stored on a slow file system.",
    "finding.slow-fs.title": "Models in {directory} are stored on {drive} ({file_system})",
    "finding.slow-fs.windows-drive": "a Windows drive seen from Linux",
    "finding.slow-fs.network-drive": "a network drive",
    "finding.slow-fs.cloud-drive": "a cloud drive",
    "finding.slow-fs.detail": "{engines:and} {engines:stores|store} models there. Loading takes minutes instead of "
    "seconds, and a model that does not stay in memory is read again for every token.",
    "finding.slow-fs.remedy": "Store models on a local disk; under WSL, on the disk of Linux itself.",
    # - engines
    "rule.model-loaded": "An engine holds a model in memory.",
    "finding.model-loaded.title": "{engine} has {model} loaded[: {held_bytes:bytes}]",
    "finding.model-loaded.detail": "The model is ready to answer[ and holds {held_bytes:bytes} of memory]. Free "
    "memory is counted without it.[ It is unloaded at {until}.] {kept}",
    "finding.model-loaded.detail-gpu": "The model is ready to answer[ and holds {held_bytes:bytes} of GPU memory]. "
    "Free memory is counted without it.[ It is unloaded at {until}.] {kept}",
    "finding.model-loaded.kept-by-ollama": "Ollama keeps a model for five minutes after its last use, or as long as "
    "OLLAMA_KEEP_ALIVE sets.",
    "finding.model-loaded.kept-by-lmstudio": "LM Studio keeps a model until it is unloaded, or until its time to "
    "live ends.",
    "finding.model-loaded.kept-by-server": "A server keeps its model as long as it runs.",
    "finding.model-loaded.remedy": "If it is not needed, unload it, and let the engine keep models for a shorter "
    "time.",
    "rule.model-on-cpu": "A loaded model is not, or not fully, on the GPU.",
    "finding.model-on-cpu.title": "{model} is {percent} % on the GPU in {engine}",
    "finding.model-on-cpu.detail": "The processor computes {host_bytes:bytes} of it for every token. That is right "
    "if it does not fit on the GPU, and costs most of the speed if it does.",
    "finding.model-on-cpu.remedy": "Find a placement that fits: a shorter context or a smaller quantization may "
    "bring all of it to the GPU.",
    "rule.llama-cpp-old-build": "The installed llama.cpp reserves more memory than newer builds.",
    "finding.llama-cpp-old-build.title": "llama.cpp {version} reserves more memory than newer builds",
    "finding.llama-cpp-old-build.detail": "Until June 2026 llama.cpp reserved logits for a whole micro-batch and "
    "larger masks: some hundred MiB of GPU memory for a model with a large vocabulary, more with a large "
    "micro-batch.",
    "finding.llama-cpp-old-build.remedy": "Update it, or estimate for this build.",
    "rule.model-half-there": "Files of models on the disk cannot be used.",
    "finding.model-half-there.title": "{models} {models:model|models} on the disk cannot be used",
    "finding.model-half-there.detail": "{models:each}[; and {more} more]. Their files take up space, and they are "
    "not offered.",
    "finding.model-half-there.model": "{model} of {kept_by}: {problem}",
    "finding.model-half-there.remedy": "Start the download again, which continues where it stopped, or remove the "
    "files.",
    "rule.ollama-cache-type": "Ollama's cache type and flash attention setting exclude each other.",
    "finding.ollama-cache-type.title": "Ollama's {cache_type} cache needs flash attention, which is disabled",
    "finding.ollama-cache-type.detail": "Without flash attention a quantized cache is refused, so models do not "
    "load.",
    "finding.ollama-cache-type.remedy": "Set OLLAMA_FLASH_ATTENTION=1 for the server, or unset OLLAMA_KV_CACHE_TYPE.",
    "rule.ollama-parallel": "Ollama reserves a cache for each of several requests.",
    "finding.ollama-parallel.title": "Ollama reserves memory for {slots} contexts (OLLAMA_NUM_PARALLEL={slots})",
    "finding.ollama-parallel.detail": "Each concurrent request has a cache of its own. All are reserved when the "
    "model is loaded, whether or not requests arrive.",
    "finding.ollama-parallel.remedy": "Set it to 1 for a server with one user.",
    "rule.engine-silent": "An engine's port is in use and does not answer as the engine does.",
    "finding.engine-silent.title": "{engine} does not respond",
    "finding.engine-silent.detail": "[The reason: {reason}. ]The memory that it holds is unknown.",
    "finding.engine-silent.remedy": "Restart the engine, or end the other program that listens on the port.",
    # engines
    # site and estimation: terms, notes, warnings, refusals, speed
    # advise: reasons
    # advise: notes, changes, rejections, nearest, balance, quality
    # output: pages
    # command line: help, errors
}
