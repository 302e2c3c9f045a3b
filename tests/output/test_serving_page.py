"""
The settings of a serving engine as a person reads them.
"""

import pytest

from llmprobe.facts.estimate import Range
from llmprobe.facts.serving import Bounds, Counts, Pool, ServingSettings
from llmprobe.output.text.serving import settings_line
from llmprobe.words.message import message

SETTINGS = ServingSettings(
    engine="vllm", version="0.33.0", max_model_len=8192, max_num_seqs=1024, max_num_batched_tokens=8192
)


def pool(requests: float) -> Pool:
    """A pool that likely holds so many requests at once."""
    return Pool(
        bytes=Bounds(low_bytes=0, likely_bytes=0, high_bytes=0),
        tokens=Counts(low=0, likely=0, high=0),
        concurrency=Range(low=0, likely=requests, high=2000),
        longest=Counts(low=0, likely=0, high=0),
        request_bytes=1,
        block_bytes=1,
        block_size=16,
        groups=1,
    )


@pytest.mark.parametrize(
    ("held", "said"),
    [(pool(2.9), 2), (pool(0.4), 0), (pool(-3.2), 0), (pool(1023.9), 1023), (pool(1024), None), (None, None)],
)
def test_what_the_pool_holds_stands_beside_the_default(held: Pool | None, said: int | None) -> None:
    """
    VLLM's default by the memory of the largest card is 1,024 requests at once; beside a small pool it is said how many
    of them have room, in whole requests.
    """
    line = settings_line(SETTINGS, held)

    assert message("page.set-requests", requests=1024, held=said, tokens=8192) in line
