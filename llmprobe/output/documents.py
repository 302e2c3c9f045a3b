"""
Documents for tools: the records as JSON, nothing added and nothing left out.
"""

import msgspec

from llmprobe.facts import wire


def to_json(record: msgspec.Struct) -> str:
    """
    Return the document of a record, ending in a newline.
    """
    return wire.encode(record)
