"""
sysctl of macOS, through its command: many names at once, because starting it costs more than it does.
"""

import re
import sys

from llmprobe.facts.answer import Answer
from llmprobe.source.live import commands

_SYSTEM: str = sys.platform
NAMES = (
    "debug.iogpu.wired_limit",
    "hw.cpufamily",
    "hw.logicalcpu",
    "hw.machine",
    "hw.memsize",
    "hw.memsize_usable",
    "hw.model",
    "hw.nperflevels",
    "hw.optional.arm.FEAT_BF16",
    "hw.optional.arm.FEAT_DotProd",
    "hw.optional.arm.FEAT_FP16",
    "hw.optional.arm.FEAT_I8MM",
    "hw.optional.arm.FEAT_SME",
    "hw.optional.arm64",
    "hw.optional.avx2_0",
    "hw.optional.avx512f",
    "hw.optional.fma",
    "hw.pagesize",
    "hw.perflevel0.logicalcpu",
    "hw.perflevel0.physicalcpu",
    "hw.perflevel1.logicalcpu",
    "hw.perflevel1.physicalcpu",
    "hw.physicalcpu",
    "iogpu.wired_limit_mb",
    "kern.hv_vmm_present",
    "kern.memorystatus_level",
    "kern.memorystatus_vm_pressure_level",
    "kern.osproductversion",
    "machdep.cpu.brand_string",
    "machdep.cpu.extfeatures",
    "machdep.cpu.features",
    "machdep.cpu.leaf7_features",
    "machdep.cpu.vendor",
    "sysctl.proc_translated",
    "vm.pagesize",
    "vm.swapusage",
)
_TIMEOUT_S = 2.0
_LINE = r"(?m)^([a-z][\w.]*): ?(.*)$"


class Sysctl:
    """
    What one command said of all names that are usually asked; another name is asked alone.
    """

    def __init__(self, children: commands.Children | None = None) -> None:
        self._children = children
        self._known: dict[str, Answer] | None = None

    def ask(self, name: str) -> Answer:
        """
        One value: a whole number as int, anything else as text.
        """
        if _SYSTEM != "darwin":
            return Answer(status="missing", detail="not macOS")
        if self._known is None:
            self._known = self._said(NAMES)
        if name not in self._known:
            self._known.update(self._said((name,)))
        return self._known[name]

    def _said(self, names: tuple[str, ...]) -> dict[str, Answer]:
        answer = commands.run(("sysctl", "-i", *names), _TIMEOUT_S, self._children)
        if not answer.ok:
            return dict.fromkeys(names, answer)
        said = dict(re.findall(_LINE, answer.value["stdout"]))
        return {name: _value(said.get(name)) for name in names}


def _value(text: str | None) -> Answer:
    if text is None:
        return Answer(status="missing")
    return Answer(value=int(text) if re.fullmatch(r"-?[0-9]{1,20}", text) else text)
