"""
Files with types that llama.cpp does not load: what they take, and what loads them.
"""

from collections import Counter
from collections.abc import Sequence

from llmprobe.errors import ModelError
from llmprobe.facts.model import Tensor
from llmprobe.harmless import shell_word
from llmprobe.model.quants.foreign import LOADERS, foreign
from llmprobe.model.quants.fork_types import BY_NAME
from llmprobe.model.quants.types import tensor_bytes
from llmprobe.words.message import message

_EXPERTS = "_exps."


def refuse_foreign(file: str, tensors: Sequence[Tensor]) -> None:
    """
    Refuse a file that only another program loads, or none.

    Raises:
        ModelError: says which types they are; the hint has the sizes and the command of the program.
    """
    found = Counter(str(tensor.type) for tensor in tensors if str(tensor.type) in BY_NAME)
    if not found:
        return
    types = tuple(name for name, _ in found.most_common())
    whole = sum(map(_bytes, tensors))
    forked = next((BY_NAME[name].engine for name in types if BY_NAME[name].engine is not None), None)
    if forked is None:
        taken = foreign(types[0])
        raise ModelError(
            message("error.types-removed", file=file, types=types),
            hint=message(
                "hint.types-removed", bytes=whole, instead="Q4_0" if taken is None else taken.instead
            ),
        )
    loader = LOADERS[forked]
    experts = sum(_bytes(tensor) for tensor in tensors if _EXPERTS in tensor.name)
    # All experts in RAM is what always runs; fewer is what fits beside the rest.
    command = loader.command.replace("FILE.gguf", shell_word(file)) + (" --cpu-moe" if experts else "")
    raise ModelError(
        message("error.types-of-fork", file=file, engine=forked, types=types),
        hint=message(
            "hint.types-of-fork",
            bytes=whole,
            expert_bytes=experts or None,
            resident_bytes=whole - experts if experts else None,
            command=command,
            address=loader.address,
        ),
    )


def _bytes(tensor: Tensor) -> int:
    kind = BY_NAME.get(str(tensor.type))
    return tensor_bytes(tensor.shape, str(tensor.type)) if kind is None else kind.bytes_of(tensor.shape)
