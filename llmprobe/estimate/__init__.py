"""
What would it take? Pure arithmetic, in named terms.
"""

from llmprobe.estimate.estimator import Estimator

__all__ = ["Estimator"]
