"""
What a machine answers when it is asked, and the protocol of whoever asks.

An error is an answer like any other: it is recorded and replayed. "Nothing there", "not allowed",
"failed", "too slow" and "never asked when this was recorded" are five different answers.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol

import msgspec

Status = Literal["ok", "missing", "denied", "failed", "timeout", "not_recorded"]


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """
    One answer: its status, the value when the status is ``ok``, and otherwise what was seen.

    ``value`` is plain JSON data, its shape given by the question (see ``Source``).
    ``code`` is the number the facility itself uses: an errno, an NVML return code, an HTTP status.
    """

    status: Status = "ok"
    value: Any = None
    code: int | None = None
    detail: str | None = None

    @property
    def ok(self) -> bool:
        return self.status == "ok"


class Platform(msgspec.Struct, frozen=True, kw_only=True):
    """
    What the interpreter itself knows of the system, recorded with every machine.

    ``system`` is ``sys.platform`` (linux, darwin, win32), ``machine`` is ``platform.machine()``.
    """

    system: str
    machine: str
    release: str | None = None
    python: str | None = None


class Source(Protocol):
    """
    Whoever answers questions about a machine: the live one, a recorder around it, or a replay.

    Every method returns an ``Answer`` and raises nothing that a probe has to catch.
    The name of a question, as ``Accelerator.evidence`` and ``Finding.evidence`` cite it, is
    ``method:argument argument…``, for example ``read:/proc/meminfo`` or ``nvml:nvmlDeviceGetName 0``.
    """

    @property
    def this_machine(self) -> bool:
        """False for a replay or a hypothetical machine: what is said is not said of the machine we run on."""

    @property
    def platform(self) -> Platform: ...

    def read(self, path: str) -> Answer:
        """The whole text of a file (str). Pseudo-files are read once, without stat, decoded with errors=replace."""

    def list(self, path: str) -> Answer:
        """The sorted names in a directory (list of str)."""

    def link(self, path: str) -> Answer:
        """Where a symbolic link leads, as it is written in the link (str)."""

    def run(self, *argv: str, timeout_s: float = 2.0) -> Answer:
        """
        A command's ``{"exit": int, "stdout": str, "stderr": str}``; not found is ``missing``, a non-zero exit is ok.
        """

    def nvml(self, function: str, handle: str | None = None, *args: int) -> Answer:
        """
        NVML's answer to one of its functions, named as in the C library (``nvmlDeviceGetMemoryInfo_v2``).

        ``handle`` is the device's NVML index as text (``"0"``), or ``"0/3"`` for the MIG instance 3 of device 0.
        ``nvmlInit`` is a question too, and so are ``nvmlDeviceGetHandleByIndex_v2`` with the handle ``"0"`` and
        ``nvmlDeviceGetMigDeviceHandleByIndex`` with ``"0/3"``: ok (value true) where the device can be reached.
        Further arguments follow the handle (``nvmlDeviceGetMaxClockInfo 0 2``).

        A pair comes as a list of two, a struct as an object of its fields, strings decoded. A return code that is
        not SUCCESS is ``failed`` (NO_PERMISSION is ``denied``, NOT_SUPPORTED and NOT_FOUND, FUNCTION_NOT_FOUND
        and LIBRARY_NOT_FOUND are ``missing``) with ``code`` the number and ``detail`` its name.
        """

    def psutil(self, function: str) -> Answer:
        """
        What a psutil function without arguments returns: a named tuple as an object, a number, or a list of them.

        Three questions go beyond: ``disk_usage /path`` is that of one path, ``cpu_count_cores`` is
        ``cpu_count(logical=False)``, and ``cpu_affinity`` is that of the running process (list of int; missing where
        the system has none).
        """

    def cpuinfo(self) -> Answer:
        """
        Facts of the processor under py-cpuinfo's keys: ``brand_raw``, ``vendor_id_raw``, ``flags``, ``count``.

        Linux has /proc/cpuinfo instead: there the answer is ``missing``, but in recordings of older versions.
        """

    def metal(self) -> Answer:
        """
        What Metal says of the system's default GPU: ``{"name": str, "recommendedMaxWorkingSetSize": int,
        "currentAllocatedSize": int, "hasUnifiedMemory": bool, "maxBufferLength": int}``, sizes in bytes.

        What is allocated is that of the asking process. What this system's Metal does not know is left out; no device
        and another system than macOS are ``missing``.
        """

    def vulkan(self) -> Answer:
        """
        What the Vulkan loader says: ``{"library": str, "apiVersion": str, "devices": […]}``, devices in its order.

        A device has Vulkan's own names of fields (``deviceName``, ``deviceType``, ``driverID``,
        ``maxMemoryAllocationSize``, …), ``heaps`` with ``size``, ``flags`` and, where the driver has budgets,
        ``budget`` and ``usage`` in bytes, and ``extensions``, of which only those that llama.cpp goes by are named.
        Software devices are among them. No loader and no driver are ``missing``.
        """

    def measured(self) -> Answer:
        """
        The measurement that is kept of this machine, the document ``llmprobe.measured/1`` as plain data.

        A file that is not the user's own is ``denied``, one that is no JSON ``failed``.
        """

    def sysctl(self, name: str) -> Answer:
        """One macOS or BSD sysctl by name (int or str)."""

    def env(self, name: str) -> Answer:
        """An environment variable (str); one that is not set is ``missing``."""

    def get(self, url: str, timeout_s: float = 0.5) -> Answer:
        """The body of a loopback HTTP resource, decoded from JSON where it is JSON."""

    def rpc(self, server: str) -> Answer:
        """
        What llama.cpp's rpc-server at ``HOST:PORT`` tells of itself: the fields of ``facts.remote.RpcServer``. What
        stands behind the port (``=RTX 3090``, ``:rocm``) is not asked and kept, as it says what the server does not.

        One that is not there is ``missing``, one that hangs is ``timeout``, any other failure ``failed``, with the same
        fields.
        """

    def registry(self, key: str, name: str) -> Answer:
        """A value of the Windows registry (int, str, or bytes as hexadecimal text)."""

    def winapi(self, name: str) -> Answer:
        """
        What Windows' own libraries say, under their names of fields.

        ``adapters`` is a list with an object for each adapter: ``Description``, ``VendorId``, ``DeviceId``, ``Flags``,
        ``DedicatedVideoMemory`` and the like of DXGI, ``local`` and ``nonlocal`` with ``Budget`` and ``CurrentUsage``
        in bytes, and of the kernel ``address`` (bus, device, function), ``type`` (bits) and ``processes``, ``segments``
        (``limit``, ``resident``, ``aperture``). ``memory`` has ``ullTotalPhys``, ``CommitTotal``, ``CommitLimit`` in
        bytes, ``processor`` is a list of instruction sets, and ``memory-modules`` has ``modules`` under udev's names
        and ``sockets``. Another system than Windows is ``missing``.
        """
