"""
What was measured on this machine and kept: see ``llmprobe bench``. Whether it still counts is decided with all facts.

Questions, in order:

    measured:
    read:/sys/kernel/mm/transparent_hugepage/enabled   where something is kept, and the rest of ``kernel_settings``
"""

from llmprobe.facts.answer import Source
from llmprobe.facts.machine import Probed
from llmprobe.facts.measured import KeptHere
from llmprobe.machine.asking import Asker, fields_of
from llmprobe.machine.kernel_settings import kernel_settings

NAME = "measurement"
PLATFORMS = frozenset({"linux", "darwin", "win32"})


def probe(source: Source) -> Probed:
    """
    The kept measurement, and the settings of the kernel now.
    """
    ask = Asker(source)
    document = fields_of(ask.measured())
    if not document:
        return ask.probed(found=False)
    kept = KeptHere(document=document, kernel_settings=kernel_settings(ask))
    return ask.probed(found=True, overlooked=("read",), kept=kept)
