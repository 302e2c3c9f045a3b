"""
What running a model costs: arithmetic on watts, speeds and prices, each a range.
"""
