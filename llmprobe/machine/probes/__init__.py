"""
One file per facility. A probe asks a Source and returns facts; it imports nothing that touches the machine.
"""
