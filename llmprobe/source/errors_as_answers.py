"""
What the operating system's errors mean as answers.
"""

import errno

from llmprobe.facts.answer import Answer

_MISSING = frozenset({errno.ENOENT, errno.ENOTDIR})
_DENIED = frozenset({errno.EACCES, errno.EPERM})


def of_os_error(error: OSError) -> Answer:
    """
    The answer that an ``OSError`` is, its errno as the code.
    """
    code = error.errno
    detail = error.strerror or type(error).__name__
    if code in _MISSING:
        return Answer(status="missing", code=code, detail=detail)
    if code in _DENIED:
        return Answer(status="denied", code=code, detail=detail)
    if isinstance(error, TimeoutError):
        return Answer(status="timeout", code=code, detail=str(error))
    return Answer(status="failed", code=code, detail=detail)


def plain_text(raw: bytes | str) -> str:
    """
    Text that can be written as UTF-8, whatever bytes it was made of.
    """
    if isinstance(raw, bytes):
        return raw.decode(errors="replace")
    return raw.encode(errors="surrogateescape").decode(errors="replace")
