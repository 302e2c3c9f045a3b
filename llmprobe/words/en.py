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
