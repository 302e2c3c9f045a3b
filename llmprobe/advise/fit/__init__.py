"""
Which models a machine runs, best first: bounded by sums, searched only where they may be among the first.
"""
