"""
The models we know, one data file per family.
"""
