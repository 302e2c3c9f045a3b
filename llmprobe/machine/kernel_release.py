"""
The version of a kernel by the release that it gives itself.
"""

import re

_RELEASE = r"(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?"


def kernel_version(release: str | None) -> tuple[int, ...] | None:
    """
    The numbers of a kernel's release: ``6.14.0-1014-oem`` is (6, 14, 0).
    """
    match = re.match(_RELEASE, release or "")
    return tuple(int(part) for part in match.groups() if part is not None) if match else None
