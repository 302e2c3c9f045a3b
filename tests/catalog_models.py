"""
Models of the catalog, as tests use them.
"""

from functools import cache

import llmprobe
from llmprobe.facts.model import ModelSpec


@cache
def loaded(name: str) -> ModelSpec:
    """
    A model, loaded once: what its estimator works out for one test serves the next.
    """
    return llmprobe.load_model(name)
