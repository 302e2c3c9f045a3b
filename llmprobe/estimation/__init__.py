"""
What would it take? Pure arithmetic, in named terms.
"""

from llmprobe.estimation.estimator import Estimator

__all__ = ["Estimator"]
