"""
Recorded machines: the format, files, the recorder that fills a recording, the replay that answers from one.
"""

from llmprobe.source.recording.document import Question, Recording, decode, encode

__all__ = ["Question", "Recording", "decode", "encode"]
