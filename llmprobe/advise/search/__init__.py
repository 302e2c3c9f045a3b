"""
Finds the best placement of one quantization on one set of devices.
"""
