"""
How a file is made that nobody is known to publish: download the model, convert it, quantize it.

Source: llama.cpp b11549, convert_hf_to_gguf.py and tools/quantize.
"""

from llmprobe.facts.model import ModelSpec
from llmprobe.harmless import shell_word
from llmprobe.model.quants import followed

_WHOLE = {"F32": "f32", "F16": "f16", "BF16": "bf16"}
_NEED_MATRIX = ("IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "Q2_K_S")
"""Types that llama-quantize refuses without an importance matrix."""


def lines(model: ModelSpec, quant: str) -> tuple[str, ...]:
    """
    The commands that make a file of this type, none where a type is one publisher's own mixture, where no source is
    known, or where the converter does not read the weights of the folder.
    """
    if followed(quant) != quant or (model.repo is None and model.source != "config"):
        return ()
    if model.folder is not None and model.folder.gguf == "refused":
        return ()
    base = (model.repo or model.id).rpartition("/")[2]
    folder = base
    steps = []
    if model.source == "config" and model.path is not None and "://" not in model.path:
        folder = model.path
    elif model.repo is not None:
        steps.append(f"hf download {shell_word(model.repo)} --local-dir {shell_word(base)}")
    whole = _WHOLE.get(quant, "bf16")
    converted = shell_word(f"{base}-{whole.upper()}.gguf")
    steps.append(f"python convert_hf_to_gguf.py {shell_word(folder)} --outtype {whole} --outfile {converted}")
    if quant in _WHOLE:
        return tuple(steps)
    matrix = ""
    if quant in _NEED_MATRIX:
        steps.append(f"llama-imatrix -m {converted} -f calibration.txt -o imatrix.gguf")
        matrix = "--imatrix imatrix.gguf "
    steps.append(f"llama-quantize {matrix}{converted} {shell_word(f'{base}-{quant}.gguf')} {quant}")
    return tuple(steps)
