"""
``make release``: the files of a release in ``dist/``, the same to the byte whenever they are built from one commit.

Nothing here publishes anything.
"""
