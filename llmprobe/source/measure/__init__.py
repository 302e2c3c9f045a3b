"""
Measuring this machine: functions that take time, memory and a disk's attention, each within a stated limit.
"""
