"""
What macOS can give to a program, by the counts of ``vm_stat``.

psutil calls all inactive pages available. Most of them are data of programs, which macOS can only compress: free at
once are the free pages, what programs marked as purgeable, and the cache of files. The kernel keeps a part of that
cache once memory is short, and compresses programs instead (``vps_calculate_filecache_min`` in XNU's
osfmk/vm/vm_pageout.c). Where programs would not fit into RAM if nothing was compressed, that has happened: the cache
that is left is what they run on, and only free and purgeable pages can be had.
"""

import re

import msgspec

from llmprobe.machine.asking import Asker, fields_of

VM_STAT = ("vm_stat",)
EVIDENCE = f"run:{VM_STAT[0]}"

_PAGE_SIZE = r"page size of ([0-9]{1,9}) bytes"
_PAGES = r"^(?P<name>[^:]+):\s+(?P<count>[0-9]{1,18})\.?$"
_NEEDED = (
    "Pages free",
    "Pages purgeable",
    "File-backed pages",
    "Anonymous pages",
    "Pages wired down",
    "Pages stored in compressor",
)


class MacPages(msgspec.Struct, frozen=True, kw_only=True):
    """
    Memory of a Mac in bytes. ``available_bytes`` can be had without compressing what programs use.

    ``missing_bytes`` is how much larger than RAM everything would be if nothing was compressed; 0 where it fits.
    """

    available_bytes: int
    missing_bytes: int


def parse_vm_stat(text: str) -> dict[str, int]:
    """
    The fields of ``vm_stat`` in bytes, by the page size that its own first line names (16384 on
    Apple chips).
    """
    size = re.search(_PAGE_SIZE, text)
    if size is None:
        return {}
    page = int(size.group(1))
    fields = {}
    for line in text.splitlines():
        match = re.match(_PAGES, line)
        if match:
            fields[match["name"].strip('"')] = int(match["count"]) * page
    return fields


def asked_pages(ask: Asker) -> dict[str, int]:
    """
    The fields of ``vm_stat`` on this Mac in bytes; none where it did not answer.
    """
    output = fields_of(ask.run(*VM_STAT)).get("stdout")
    return parse_vm_stat(output) if isinstance(output, str) else {}


def mac_pages(pages: dict[str, int], total_bytes: int) -> MacPages | None:
    """
    What can be had of ``total_bytes``; None where ``vm_stat`` lacks one of the counts (macOS before 10.9), or counts
    more than there is.

    ``Pages stored in compressor`` is the size that compressed pages have when they are read again, ``Pages occupied
    by compressor`` what they take now. ``vm_stat`` counts pages read ahead (``speculative``) as file-backed.
    """
    counts = [pages.get(name) for name in _NEEDED]
    known = [count for count in counts if count is not None]
    if len(known) < len(counts):
        return None
    free, purgeable, files, programs, wired, stored = known
    if free + files + programs + wired > total_bytes:
        return None
    missing = max(0, wired + programs - purgeable + stored - total_bytes)
    cache = max(0, files - missing)
    return MacPages(available_bytes=free + purgeable + cache, missing_bytes=missing)
