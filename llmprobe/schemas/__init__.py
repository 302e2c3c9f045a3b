"""
The JSON Schemas of the documents, generated from the records; for programs that read what llmprobe prints.
"""

import pkgutil


def text(kind: str) -> str:
    """
    The schema of a kind of document: ``snapshot``, ``models``, ``estimate``, ``recommendation``, ``recording``.

    Raises:
        FileNotFoundError: there is no such kind.
    """
    content = pkgutil.get_data(__name__, f"{kind}.json")
    assert content is not None
    return content.decode()
