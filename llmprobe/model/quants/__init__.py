"""
What a quantization does to a model: ggml's tensor types, the file types, and which tensor gets which type.
"""

from llmprobe.model.quants.file_types import (
    FILE_TYPE_NAMES,
    FILE_TYPES,
    FileType,
    file_type,
    is_file_type,
    taken_for,
)
from llmprobe.model.quants.mixtures import Inventory, assign, total_bytes, typed
from llmprobe.model.quants.recipes import Recipe, followed, recipe_of, spread_of
from llmprobe.model.quants.types import TYPE_NAMES, TYPES, GgmlType, ggml_type, row_bytes, tensor_bytes

__all__ = [
    "FILE_TYPES",
    "FILE_TYPE_NAMES",
    "TYPES",
    "TYPE_NAMES",
    "FileType",
    "GgmlType",
    "Inventory",
    "Recipe",
    "assign",
    "file_type",
    "followed",
    "ggml_type",
    "is_file_type",
    "recipe_of",
    "row_bytes",
    "spread_of",
    "taken_for",
    "tensor_bytes",
    "total_bytes",
    "typed",
]
