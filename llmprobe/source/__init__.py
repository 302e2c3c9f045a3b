"""
How do we ask the machine? The one seam: everything that opens, runs, loads or connects is here.
"""
