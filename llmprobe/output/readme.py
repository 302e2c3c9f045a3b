"""
The README.txt beside the files that ``--write`` writes.
"""

from llmprobe.facts.model import ModelSpec
from llmprobe.facts.recommendation import FileOrigin, Recommendation
from llmprobe.words.render import Words, words


def readme(
    recommendation: Recommendation, model: ModelSpec, names: list[str], said_in: Words | None = None
) -> str:
    """
    What the files are for, what the first choice takes, where the model's file is, and the reasons.
    """
    say = said_in or words()
    best = recommendation.choices[0]
    is_local = model.path is not None and not model.path.lower().startswith(("http://", "https://"))
    here = best.on_disk or (model.path if is_local and best.quant == model.quant else None)
    lines = [
        say.say(
            "readme.title",
            name=recommendation.model.name,
            quant=best.quant,
            engine=recommendation.wishes.engine,
        ),
        "",
        say.say(
            "readme.made", version=recommendation.llmprobe_version, machine=recommendation.machine.origin
        ),
        say.say(
            "readme.settings",
            ctx_size=best.ctx_size,
            slots=best.parallel,
            layers=best.gpu_layers,
            total=best.total_layers,
        ),
        "",
        *(say.say("readme.device", device=device.id, bytes=device.total_bytes) for device in best.devices),
        "",
        *(_download(best.origin, say) if here is None else [say.say("readme.here", path=here)]),
        "",
        say.say("readme.files", names=tuple(names)),
    ]
    further = [*best.remarks, *best.reasons]
    if further:
        lines += ["", *(f"- {say.text(one)}" for one in further)]
    return "\n".join(lines) + "\n"


def _download(origin: FileOrigin | None, say: Words) -> list[str]:
    """
    That the file is not here, and how it is got.
    """
    lines = [say.say("readme.download")]
    if origin is not None and origin.how is not None:
        lines += ["", *say.text(origin.how).split("\n"), *origin.make]
    return lines
