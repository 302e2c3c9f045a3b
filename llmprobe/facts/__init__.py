"""
The words we speak in: frozen records without I/O.

``None`` is unknown, ``0`` is a measured zero. Sizes are ``int`` bytes and end in ``_bytes``.
"""
