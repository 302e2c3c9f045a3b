"""
A stand-in for NVIDIA's library: C that answers from a text file, built for one test and used by the real binding.
"""
