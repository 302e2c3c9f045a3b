"""
Accuracy and speed, run by make targets and never part of the test run.
"""
