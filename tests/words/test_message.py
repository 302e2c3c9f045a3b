"""
Messages as values: what a copy and another process have of one.
"""

import copy
import pickle

from llmprobe.words.message import message


def test_a_message_is_copied_and_pickled_by_its_content() -> None:
    """Another process, and a copy, have an equal one, messages in it included."""
    one = message("figure.list", items=(message("figure.size", bytes=3), message("figure.size", bytes=None)))

    for other in (pickle.loads(pickle.dumps(one)), copy.deepcopy(one)):
        assert other == one
        assert hash(other) == hash(one)
        assert str(other) == str(one)
