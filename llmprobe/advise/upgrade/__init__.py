"""
What can be changed about a machine to run models better: what costs nothing, and what can be bought.
"""
