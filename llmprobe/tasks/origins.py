"""
Where the file of each choice comes from: a repository, the command that fetches it, and whether the disk has room.

Where no published file is known, the lines that make it are here. Nothing is downloaded by this program.
"""

from llmprobe import engines
from llmprobe.facts.estimate import ProjectorInEstimate
from llmprobe.facts.host import ModelDisk
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.recommendation import Choice, FileOrigin
from llmprobe.model.quants import followed
from llmprobe.tasks.making import lines as making
from llmprobe.words.message import Message, message

_MAKING_BYTES = 4
"""For each parameter: what is downloaded and what is made of it, both of 16 bits."""


def origin(
    engine: str, choice: Choice, model: ModelSpec, backend: str | None, snapshot: Snapshot
) -> FileOrigin:
    """
    Where the file of a choice comes from, for the engine that runs it.
    """
    one = engines.engine(engine)
    file = engines.file_of(choice, model)
    if not engines.is_to_be_fetched(choice, model):
        return FileOrigin(file=file, here=True)
    fetched = None if one.fetch is None else one.fetch(choice, model, backend)
    make = () if fetched is not None else making(model, choice.quant)
    size = choice.download_bytes
    projector = _projector(choice) if one.projector_file is not None else None
    disk = _disk(snapshot, one.kept_on)
    free = None if disk is None else disk.free_bytes
    needed = size if size is None or not make else size + _MAKING_BYTES * model.file_parameters
    if needed is not None and projector is not None:
        needed += projector.tensor_bytes
    place = None if fetched is None else fetched.place
    called, certain = ("", False) if one.projector_file is None else one.projector_file(place)
    return FileOrigin(
        file=file,
        here=False if snapshot.this_machine else None,
        repository=None if place is None else place.repository,
        tag=None if place is None else place.tag,
        name=None if fetched is None else fetched.name,
        certain=fetched is not None and (place.certain if place is not None else fetched.name is not None),
        how=_how(choice, make) if fetched is None else fetched.how,
        command=None if fetched is None else fetched.command,
        make=make,
        size_bytes=size,
        directory=None if disk is None else disk.directory,
        free_bytes=free,
        has_room=None if free is None or needed is None else free >= needed,
        needs=_needs(snapshot, one),
        projector_file=None if projector is None else called,
        projector_bytes=None if projector is None else projector.tensor_bytes,
        projector_certain=projector is not None and certain,
    )


def _projector(choice: Choice) -> ProjectorInEstimate | None:
    """
    The projector that the command names as a file of its own, which nobody has seen here.
    """
    found = choice.projector
    return found if found is not None and found.path is None else None


def _how(choice: Choice, make: tuple[str, ...]) -> Message:
    """
    How a file comes to be that no known place has.
    """
    if make:
        return message("obtain.make")
    if followed(choice.quant) != choice.quant:
        return message("obtain.unknown", quant=choice.quant)
    return message("obtain.nowhere")


def _disk(snapshot: Snapshot, stores: tuple[str, ...]) -> ModelDisk | None:
    """
    The file system on which an engine keeps what it fetches, None where it was not seen.
    """
    for store in stores:
        for disk in snapshot.disks:
            if store in disk.engines:
                return disk
    return None


def _needs(snapshot: Snapshot, one: engines.Engine) -> tuple[Message, ...]:
    """
    What must be installed first: the engine, where this machine was looked through and has none, and its plugins.
    """
    needs = list(one.needs)
    found = any(here.name == one.name and here.installed is not False for here in snapshot.engines)
    module = "" if one.observe is None else one.observe.__module__
    probed = f"engine:{module.rpartition('.')[2]}"
    absent = any(source.name == probed and source.status in ("ok", "absent") for source in snapshot.sources)
    if snapshot.this_machine and one.install is not None and absent and not found:
        needs.insert(0, message("obtain.install", engine=one.name, address=one.install))
    return tuple(needs)
