"""
The use cases, each composed of what the rooms below offer. The API and the command line only call these.
"""
