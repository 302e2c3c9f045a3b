"""
A machine as an engine sees it: backends, devices, links and budgets.
"""
