"""
Documents for tools: the records as JSON, nothing added and nothing left out.
"""

import msgspec

from llmprobe.facts import wire
from llmprobe.words.render import Words, words


def to_json(record: msgspec.Struct, said_in: Words | None = None, *, in_one_line: bool = False) -> str:
    """
    The document of a record, ending in a newline, with the text of its messages in a language (English if None).
    """
    return wire.encode(record, (said_in or words()).text, in_one_line=in_one_line)
