"""
The page of ``llmprobe report`` and ``llmprobe serve``: assets built from TypeScript, in ``built``.
"""
