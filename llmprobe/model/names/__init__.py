"""
What people call a model: ``grammar`` takes a name apart, ``index`` has the names that are known, ``resolving`` says
which model is meant, ``assumed`` reads the base out of a fine-tune's name, ``others`` knows what is no language model.
"""

from llmprobe.model.names.grammar import split_quant, words
from llmprobe.model.names.index import Index, Named
from llmprobe.model.names.likeness import nearest
from llmprobe.model.names.resolving import Resolution, matching, resolve

__all__ = ["Index", "Named", "Resolution", "matching", "nearest", "resolve", "split_quant", "words"]
