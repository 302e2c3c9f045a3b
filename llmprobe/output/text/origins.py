"""
Where the files of the choices come from, for a person: the place of the first, its size, the room, and the others.
"""

from collections.abc import Iterator, Sequence

from llmprobe.facts.recommendation import Choice, FileOrigin
from llmprobe.output.text.page import WARNING, Page
from llmprobe.words.message import Message, message


def show(page: Page, choices: Sequence[Choice]) -> None:
    """
    Print where the file of the first choice comes from, and in one line for each place those of the others.

    Nothing is printed where the file is here already.
    """
    origin = choices[0].origin
    if origin is None or origin.here:
        return
    page.heading(message("page.get"))
    page.bullets(_lines(origin))
    for line in origin.make:
        page.verbatim(line, indent=4)
    if origin.has_room is False:
        page.bullets(
            (message("obtain.no-room", directory=origin.directory, free_bytes=origin.free_bytes),),
            style=WARNING,
        )
    page.bullets(_others(choices))


def _lines(origin: FileOrigin) -> Iterator[Message]:
    room = None if origin.has_room is False else origin.free_bytes
    file, size, directory = origin.name or origin.file, origin.size_bytes, origin.directory
    if origin.here is None:
        yield message("obtain.needed", file=file, size_bytes=size, free_bytes=room, directory=directory)
    else:
        yield message("obtain.absent", file=file, size_bytes=size, free_bytes=room, directory=directory)
    yield from origin.needs
    if origin.repository is not None:
        yield (
            message("obtain.certain", repository=origin.repository)
            if origin.certain
            else message("obtain.usual", repository=origin.repository)
        )
    if origin.projector_file is not None:
        yield message(
            "obtain.projector" if origin.projector_certain else "obtain.projector-named",
            file=origin.projector_file,
            repository=origin.repository,
            size_bytes=origin.projector_bytes,
        )
    if origin.how is not None:
        yield origin.how


def _others(choices: Sequence[Choice]) -> Iterator[Message]:
    """
    Yield the types of the other choices with the place that has them; those that are here are left out.
    """
    places: dict[Message, list[str]] = {}
    for choice in choices[1:]:
        origin = choice.origin
        if origin is None or origin.here or choice.quant == choices[0].quant:
            continue
        name = origin.repository or origin.name
        place = message("figure.plain", value=name) if name else message("obtain.to-be-made")
        places.setdefault(place, []).append(choice.quant)
    for place, quants in places.items():
        yield message("obtain.others", quants=tuple(dict.fromkeys(quants)), place=place)
