"""
Who runs it, and how? One file per engine: its defaults as data, and the command that runs a plan.
"""
