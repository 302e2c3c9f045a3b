"""
The layouts that are read on Windows, compared with the headers of mingw-w64 and Wine.

No Windows is needed: a cross compiler puts sizes, offsets, slots and ids as constants into assembly, from which they
are read. ``ddk/d3dkmthk.h`` is a header of Wine that newer mingw-w64 has as well; ``WINE_HEADERS`` says where it is.
Without compiler or headers a test is skipped, but not in continuous integration.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from llmprobe.source.live.winapi import layouts

pytestmark = pytest.mark.live

COMPILER = "x86_64-w64-mingw32-gcc"
WINE = ("/usr/include/wine/wine/windows", "/usr/include/wine/windows")
OF_KERNEL = frozenset({"D3DKMT_OPENADAPTERFROMLUID", "D3DKMT_CLOSEADAPTER", "D3DKMT_QUERYSTATISTICS"})
WRITTEN_OUT = {
    "D3DKMT_QUERYADAPTERINFO": (
        "struct { UINT hAdapter; int Type; VOID *pPrivateDriverData; UINT PrivateDriverDataSize; }"
    ),
    "D3DKMT_ADAPTERADDRESS": "struct { UINT BusNumber; UINT DeviceNumber; UINT FunctionNumber; }",
}
"""
Not in Wine's header of every version: the declarations of
https://learn.microsoft.com/windows-hardware/drivers/ddi/d3dkmthk/.
"""

SYSTEM = (
    "#define CINTERFACE",
    "#include <windows.h>",
    "#include <stddef.h>",
    "#include <dxgi1_4.h>",
    "#include <psapi.h>",
)
KERNEL = (
    "#include <windows.h>",
    "#include <stddef.h>",
    "typedef LONG NTSTATUS;",
    "#include <ddk/d3dkmthk.h>",
)


def lacking(what: str) -> None:
    """
    Skip a test, or in continuous integration fail it.
    """
    if os.environ.get("CI") == "true":
        pytest.fail(f"there is no {what}, and continuous integration must not skip this")
    pytest.skip(f"there is no {what}")


def constants(folder: Path, head: tuple[str, ...], wanted: dict[str, str]) -> dict[str, int]:
    """
    Return the values of expressions of C as the compiler for Windows has them.
    """
    if shutil.which(COMPILER) is None:
        lacking(COMPILER)
    names = {f"k{number}": expression for number, expression in enumerate(wanted.values())}
    source = folder / "layout.c"
    lines = [f"const unsigned long long {name} = ({value}) + 1;" for name, value in names.items()]
    source.write_text("\n".join([*head, *lines, ""]), encoding="utf-8")
    places = [place for place in (os.environ.get("WINE_HEADERS"), *WINE) if place]
    where = [part for place in places for part in ("-idirafter", place)]
    built = subprocess.run(
        [COMPILER, "-S", "-O0", *where, "-o", folder / "layout.s", source],
        capture_output=True,
        text=True,
        check=False,
    )
    if "d3dkmthk.h: No such file" in built.stderr:
        lacking("header ddk/d3dkmthk.h")
    assert built.returncode == 0, built.stderr
    text = (folder / "layout.s").read_text(encoding="utf-8")
    found = dict(re.findall(r"^(k\d+):\s+\.quad\s+(\d+)", text, re.MULTILINE))
    return {what: int(found[f"k{number}"]) - 1 for number, what in enumerate(wanted)}


def structures(*names: str) -> dict[str, str]:
    """
    The expressions of C for the sizes of structures and the offsets of the fields that are used.
    """
    return {name: f"sizeof({name})" for name in names} | {
        f"{name}.{field}": f"offsetof({name}, {field})" for name in names for field in layouts.FIELDS[name]
    }


def known(*names: str) -> dict[str, int]:
    return {name: layouts.SIZES[name] for name in names} | {
        f"{name}.{field}": offset for name in names for field, (offset, _) in layouts.FIELDS[name].items()
    }


def test_structures_of_the_system(tmp_path: Path) -> None:
    """
    DXGI's and the kernel library's structures, the slots of virtual functions, and the numbers of features.
    """
    names = tuple(name for name in layouts.SIZES if name not in OF_KERNEL | set(WRITTEN_OUT))
    slots = {
        f"{kind}::{function}": f"offsetof({kind}Vtbl, {function}) / sizeof(void *)"
        for kind, function in layouts.SLOTS
    }
    numbers = {name: name for name in layouts.NUMBERS if name.startswith("PF_")}
    found = constants(tmp_path, SYSTEM, structures(*names) | slots | numbers)

    assert found == known(*names) | {
        f"{kind}::{function}": slot for (kind, function), slot in layouts.SLOTS.items()
    } | {name: layouts.NUMBERS[name] for name in numbers}
    assert len(names) == 4


def test_structures_of_the_kernel(tmp_path: Path) -> None:
    """
    What is resident of an adapter's memory, by Wine's header.
    """
    names = tuple(sorted(OF_KERNEL))
    numbers = {name: name for name in layouts.NUMBERS if name.startswith("D3DKMT_")}
    found = constants(tmp_path, KERNEL, structures(*names) | numbers)

    assert found == known(*names) | {name: layouts.NUMBERS[name] for name in numbers}


def test_structures_that_are_written_out(tmp_path: Path) -> None:
    """
    Declared as Microsoft documents them, with the types of mingw-w64.
    """
    head = ("#include <windows.h>", "#include <stddef.h>")
    declared = tuple(f"typedef {body} {name};" for name, body in WRITTEN_OUT.items())
    found = constants(tmp_path, head + declared, structures(*WRITTEN_OUT))

    assert found == known(*WRITTEN_OUT)


def test_ids_of_interfaces(tmp_path: Path) -> None:
    """
    Each id byte by byte, as it lies in memory.
    """
    headers = Path("/usr/share/mingw-w64/include"), Path("/usr/x86_64-w64-mingw32/include")
    texts = [
        path.read_text(encoding="utf-8")
        for folder in headers
        for name in ("dxgi.h", "dxgi1_4.h")
        if (path := folder / name).exists()
    ]
    if not texts:
        lacking("header dxgi.h of mingw-w64")
    for name, expected in layouts.IDS.items():
        pattern = rf"DEFINE_GUID\(IID_{name}, ([^)]*)\)"
        found = next(match for text in texts if (match := re.search(pattern, text)) is not None)
        first, second, third, *rest = (int(part, 16) for part in found[1].split(","))
        digits = f"{first:08x}{second:04x}{third:04x}{bytes(rest).hex()}"

        assert digits == expected.replace("-", "")
        assert layouts.guid(name)[:4] == first.to_bytes(4, "little")
        assert layouts.guid(name)[8:] == bytes(rest)
