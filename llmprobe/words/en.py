"""
Every sentence in English, by id. How a template is written is said in ``render``.

A language is one file like this one. Sections follow the rooms that make the messages.
"""

SENTENCES: dict[str, str] = {
    # lists
    "list.comma": ", ",
    "list.semicolon": "; ",
    "list.and": " and ",
    "list.or": " or ",
    # errors: units, settings and names that any room refuses
    "error.size-malformed": "'{given}' is not a size",
    "error.size-without-unit": "'{given}' has no unit",
    "error.size-unit-unknown": "'{given}' has the unknown unit {unit}",
    "hint.size": "write a number and a unit, such as 24GiB or 512MiB",
    "hint.size-unit": "write {number}GiB or {number}MiB",
    "hint.size-units": "the units are MB, GB, TB, MiB, GiB and TiB",
    # errors: source, recordings and the network
    # errors: models, files and configurations
    # machine: why a device is not usable, limits, sources, hosts
    # machine: findings of NVIDIA
    # machine: findings of everything else
    # engines
    # site and estimation: terms, notes, warnings, refusals, speed
    # advise: reasons
    # advise: notes, changes, rejections, nearest, balance, quality
    # output: pages
    # command line: help, errors
}
