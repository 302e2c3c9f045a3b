"""
Which of Intel's graphics in processors gain over the processor.
"""

import pytest

from llmprobe.machine.intel_graphics import gains


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        ("0x64a0", True),
        ("0x7d55", True),
        ("0xb080", True),
        ("0x46a6", False),
        ("0x3e92", False),
        ("0xffff", False),
        (None, False),
    ],
)
def test_arc_gains_and_iris_xe_does_not(device: str | None, expected: bool) -> None:
    """
    Arc 140V, of Meteor Lake and B390 have 4 TFLOPS or more, Iris Xe of Alder Lake has 3.4 and UHD 630 0.9
    (https://www.intel.com/content/www/us/en/products/details/processors.html); what is not known is not taken.
    """
    assert gains(device) is expected
