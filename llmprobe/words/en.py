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
    # site and estimation: settings that are refused
    "error.setting-unknown": "there is no setting {setting}",
    "error.setting-not-a-choice": "{setting} must be one of a few words, not {given}",
    "error.setting-not-a-count": "{setting} must be a whole number, not {given}",
    "error.setting-not-a-switch": "{setting} must be True or False, not {given}",
    "error.setting-out-of-range": "{setting} must be {least}[ to {most}][!{most} or more], not {given}",
    "error.tensor-split-not-numbers": "the tensor split must be numbers of 0 or more, not {given}",
    "error.tensor-split-too-long": "the tensor split names {given} {given:device|devices}, the machine has {devices}",
    "hint.one-of": "use {names:or}",
    "hint.whole-number": "give a number without a unit, such as 8192",
    "hint.tensor-split": "give one proportion for each GPU",
    # site and estimation: notes
    "note.no-experts-to-keep": "{option} changes nothing: {model} has no experts",
    # advise: reasons
    # advise: notes, changes, rejections, nearest, balance, quality
    # output: pages
    # command line: help, errors
}
