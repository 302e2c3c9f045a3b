"""
One page to look at: the answers of the other tasks, and what a page needs beside them.
"""

from llmprobe.tasks.report.document import model_report, report, shell

__all__ = ["model_report", "report", "shell"]
