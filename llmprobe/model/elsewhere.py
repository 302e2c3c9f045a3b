"""
What a quantization takes that llama.cpp does not load: its size, what loads it, and what to take instead.
"""

from llmprobe.facts.model import ModelSpec
from llmprobe.harmless import shell_word
from llmprobe.model.formats.published.by_name import size_by_name
from llmprobe.model.quants.foreign import foreign, size_of
from llmprobe.words.message import Message, message


def hint(model: ModelSpec, quant: str, repo: str | None = None) -> Message | None:
    """
    The size of a model's file or folder in a type of another program, and how to run it there; ``repo`` has it.

    None where nothing is known of the name, or no size follows from it.
    """
    other = foreign(quant)
    if other is None:
        return None
    loader = other.loader
    address = None if loader is None else loader.address
    command = None if loader is None else loader.command
    if command is not None and repo is not None:
        command = command.replace("OWNER/REPOSITORY", shell_word(repo))
    size = size_of(model, quant)
    if size is not None:
        return message(
            "hint.quant-size-elsewhere",
            likely_bytes=size.likely_bytes,
            low_bytes=size.low_bytes,
            high_bytes=size.high_bytes,
            files=size.files or None,
            address=address,
            command=command,
            instead=other.instead,
        )
    folder = size_by_name(model, quant)
    if folder is None:
        return None
    return message(
        "hint.quant-folder-elsewhere",
        format=folder.format,
        likely_bytes=folder.likely_bytes,
        low_bytes=folder.low_bytes,
        high_bytes=folder.high_bytes,
        address=address,
        command=command,
        instead=other.instead,
    )


def with_size(model: ModelSpec, quant: str, repo: str | None) -> tuple[Message, ...]:
    """
    The notes of a model whose name ends in a type of another program, with what it takes there in the one about it.
    """
    found, other = hint(model, quant, repo), foreign(quant)
    if found is None or other is None or other.engine is None:
        return model.notes
    told = message("name.quant-elsewhere", quant=quant, engine=other.engine, what=found)
    return tuple(told if note.id == "name.quant-ignored" else note for note in model.notes)
