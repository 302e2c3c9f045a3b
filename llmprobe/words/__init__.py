"""
What llmprobe says, as data: a message is an id with values, and its sentence is in one file per language.

Code makes messages (``message``) and never reads a sentence. Only pages for people and the ``text`` fields of
documents turn one into a sentence (``render``). A language is one module of this package, named by its code (``en``),
with ``SENTENCES`` by id.
"""
