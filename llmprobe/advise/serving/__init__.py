"""
What is best on an engine that serves from a pool of cache: which published weights, cut over which devices, how told.

The engine's memory model and its commands are given: nothing here knows an engine.
"""
