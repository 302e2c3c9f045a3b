"""
MLX's memory (mlx-lm): weights by their bits and groups, a cache that grows by 256 tokens, and the step's arrays.

Source: mlx-lm 0.32.2, mlx_lm/models/cache.py, utils.py (quantize_model) and generate.py.
"""

from llmprobe.estimation.serving.mlx.model import MODEL

__all__ = ["MODEL"]
