"""
Weights, caches and overhead, in bytes per device.
"""
