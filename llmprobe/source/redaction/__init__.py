"""
What is private in a recording, and what stands in its place.
"""

from llmprobe.source.redaction.recording import redact

__all__ = ["redact"]
