"""
One file per diagnosis or group of them: a Snapshot in, findings out.
"""
