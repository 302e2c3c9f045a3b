"""
The documentation as a site: what its pages get from the program when they are built.

A page in ``docs/`` says ``<!-- made: NAME -->`` where a part is made from the program: help, records, findings.
``docs/manual/hooks.py`` fills it in, so that no page has a copy that could be old.
"""
