"""
The document of a page holds the answers of the other tasks as they are, and its grid what ``estimate`` says.
"""

import json
import random
from functools import cache
from itertools import product
from typing import Any

import msgspec
import pytest

from llmprobe import api
from llmprobe.advise.choose.candidates import USUAL_QUANTS
from llmprobe.errors import RefusedError, UsageError
from llmprobe.facts.estimate import Estimate
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.report import Block, Cell, Column, Grid, ModelReport, Report
from llmprobe.model.next_token import with_next_token
from llmprobe.output.documents import to_json
from llmprobe.tasks.report import document, grid, shell, stops
from llmprobe.tasks.report.columns import columns
from llmprobe.tasks.report.pieces import joined, pieces
from llmprobe.tasks.setting import AtSettings
from llmprobe.words.message import message
from tests.catalog_models import loaded
from tests.machine_fixtures import replayed

CASES = (
    ("linux-4090-64g", "llama-3.1-8b-instruct"),
    ("linux-4060laptop-8g-32g", "qwen3-30b-a3b"),
    ("linux-4060laptop-8g-32g", "qwen3.5-4b"),
    ("linux-2x3090-64g-half-full", "llama3-70b"),
    ("windows-4060ti-16g-arc-b70", "mistral-large-2411"),
    ("macos-m3max-64g", "gemma-3-4b"),
    ("linux-4090-64g", "bge-m3"),
    ("linux-laptop-nogpu-16g", "qwen3-4b"),
)

"""
A dense model on one card, a mixture with experts in RAM, one that sees and drafts, two cards with shares, a card
of another backend than the first, shared memory, a model that writes nothing, no GPU.
"""


@pytest.fixture(autouse=True, scope="module")
def small(pytestconfig: pytest.Config) -> Any:
    """
    Grids of fewer stops, which are made as all are.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stops, "MOST_CELLS", 60)
        patch.setattr(stops, "SPARSER", ((3, 2),))
        patch.setattr(stops, "FEW_QUANTS", 1)
        patch.setattr(stops, "LEAST_LAYERS", 3)
        patch.setattr(document, "TOP", 3)
        patch.setattr(grid, "FEW_QUANTS", 1)
        yield


@cache
def made(machine: str, name: str) -> ModelReport:
    """
    The part about a model, made once.
    """
    return document.model_report(loaded(name), replayed(machine))


def figure(block: Block, column: Column, values: dict[str, Cell]) -> Cell:
    """
    A column's value where the axes have these values, as a page looks it up.
    """
    place = 0
    for axis in column.axes:
        place = place * len(block.axes[axis]) + block.axes[axis].index(values[axis])
    found = column.values[place]
    return found if column.distinct is None else column.distinct[int(found or 0)]


def cells(found: Grid) -> list[tuple[Block, dict[str, Cell]]]:
    """
    Every cell of a grid: its block, and the values of its axes.
    """
    return [
        (block, dict(zip(block.axes, values, strict=True)))
        for block in found.blocks
        for values in product(*block.axes.values())
    ]


def estimated(report: ModelReport, machine: str, model: ModelSpec, values: dict[str, Cell]) -> Estimate:
    """
    What ``estimate`` says for a cell.
    """
    snapshot = replayed(machine)
    devices = next((one.use_devices for one in report.exact if one.values == values), None)
    if devices is not None:
        used = tuple(one for one in snapshot.accelerators if one.id in devices)
        snapshot = msgspec.structs.replace(snapshot, accelerators=used)
    return api.estimate(model, snapshot=snapshot, **asked(report, values))


def asked(report: ModelReport, values: dict[str, Cell]) -> dict[str, Any]:
    """
    What ``estimate`` is asked for a cell, from the bodies of the axes alone, as a page would ask a server.
    """
    body: dict[str, Any] = {"settings": dict(report.base)}
    for axis in report.axes:
        part = axis.bodies[axis.values.index(values[axis.name])]
        settings = part.get("settings", {})
        assert isinstance(settings, dict)
        body["settings"] |= settings
        body |= {name: value for name, value in part.items() if name != "settings"}
    further = next((one.settings for one in report.exact if one.values == values), {})
    return {"quant": body["quant"], **body["settings"], **further}


def said(answer: Estimate, report: ModelReport) -> dict[tuple[str, int | None], Any]:
    """
    The figures of an estimate under the names of columns.
    """
    speed = answer.speed
    ranges = {
        "generation": speed.generation_tokens_per_s,
        "full": speed.generation_at_full_context_tokens_per_s,
        "prompt": speed.prompt_tokens_per_s,
        "first_token": speed.time_to_first_token_s,
    }
    found: dict[tuple[str, int | None], Any] = {
        (name, [one.id for one in report.devices].index(device.id)): getattr(device, name)
        for device in answer.devices
        for name in (
            *("weights_bytes", "cache_bytes", "compute_bytes", "output_bytes", "overhead_bytes"),
            *("draft_bytes", "projector_bytes", "adapter_bytes", "total_bytes"),
        )
    }
    for name, each in ranges.items():
        for end in ("low", "likely", "high"):
            found[f"{name}_{end}", None] = None if each is None else getattr(each, end)
    return found | {
        ("fits", None): answer.fits,
        ("missing_bytes", None): answer.missing_bytes,
        ("layers_offloaded", None): answer.layers.offloaded,
        ("prompt_is_assumed", None): speed.prompt_is_assumed,
    }


@pytest.mark.parametrize(("machine", "name"), CASES)
def test_a_cell_is_what_estimate_says(machine: str, name: str) -> None:
    """
    Bytes of every device, speeds with their ranges, whether it fits, and the warnings: of a sample of all cells.
    """
    report, model = made(machine, name), loaded(name)
    assert report.grid is not None
    every = cells(report.grid)
    assert report.grid.cells == len(every)
    for _, values in random.Random(20261130).sample(every, 12):
        answer = estimated(report, machine, model, values)
        block = next(one for one, cell in every if cell == values)
        ours = {(one.name, one.device): figure(block, one, values) for one in block.columns}

        assert {one.id for one in answer.devices} <= {one.id for one in report.devices}
        for key, expected in said(answer, report).items():
            absent = 0 if key[1] is not None else None
            assert ours.get(key, absent) == expected, (values, key)
        assert report.grid.warnings[int(ours["warnings", None] or 0)] == answer.warnings


@pytest.mark.parametrize(("machine", "name"), CASES)
def test_a_page_starts_at_the_first_choice(machine: str, name: str) -> None:
    """
    Where the axes stand at first, devices hold what the first choice says, its speed and loss are those, and the
    command is the choice's own.
    """
    report = made(machine, name)
    first = report.recommendation.choices[0]
    assert report.grid is not None
    block, values = next((block, cell) for block, cell in cells(report.grid) if cell == report.start)
    ours = {(one.name, one.device): figure(block, one, values) for one in block.columns}
    totals = {one.id: ours.get(("total_bytes", place), 0) for place, one in enumerate(report.devices)}

    assert {one.id: one.total_bytes for one in first.devices} == {
        name: total for name, total in totals.items() if total
    }
    speed, time = first.speed.generation_tokens_per_s, first.time
    assert ours.get(("generation_likely", None)) == (None if speed is None else speed.likely)
    assert ours.get(("answer_high", None)) == (None if time is None else time.seconds.high)
    assert report.grid.qualities[int(ours["quality", None] or 0)] == first.quality
    row = [ours[key] for key in ours if key[0].startswith("command.llama.cpp.")]
    assert joined([str(one) for one in row]) == first.commands["llama.cpp"]


@pytest.mark.parametrize(("machine", "name"), CASES)
def test_a_curve_goes_through_its_choice(machine: str, name: str) -> None:
    """
    At the context of a choice its devices hold what the choice says, and at a longer one no less.
    """
    report = made(machine, name)
    assert [one.choice for one in report.curves] == list(range(len(report.recommendation.choices)))
    for curve in report.curves:
        choice = report.recommendation.choices[curve.choice]
        at = next(one for one in curve.points if one.ctx_size == choice.ctx_size)
        totals = [sum(device.total_bytes for device in one.devices) for one in curve.points]

        assert [(one.id, one.total_bytes) for one in at.devices] == [
            (one.id, one.total_bytes) for one in choice.devices
        ]
        assert at.fits is True
        assert totals == sorted(totals)


@pytest.mark.parametrize(("machine", "name"), CASES)
def test_every_quantization_is_a_point(machine: str, name: str) -> None:
    """
    The choices first, each once; what fits has a speed or says none is known, what does not says why.
    """
    report = made(machine, name)
    answer = report.recommendation
    chosen = [one for one in answer.points if one.choice is not None]

    assert {one.quant for one in answer.points} == set(USUAL_QUANTS)
    assert [one.choice for one in chosen] == list(range(len(answer.choices)))
    for point, choice in zip(chosen, answer.choices, strict=True):
        assert (point.quant, point.quality, point.gpu_layers, point.time) == (
            *(choice.quant, choice.quality, choice.gpu_layers, choice.time),
        )
        assert point.tokens_per_s == choice.speed.generation_tokens_per_s
    for one in answer.points:
        assert one.fits is (one.ctx_size is not None)
        assert one.fits or one.why is not None


def test_the_parts_are_the_answers_of_the_commands() -> None:
    """
    The machine as check has it, fit for each use, and the recommendation but for its points.
    """
    snapshot = replayed("linux-4090-64g")
    model = api.load_model("qwen3-4b", snapshot=snapshot)
    report = api.report(snapshot, model, uses=("embedding",))
    assert report.model is not None
    expected = api.recommend(model, snapshot, top=document.TOP, explain=True, table=True)
    found = json.loads(to_json(report))

    assert found["check"] == json.loads(to_json(snapshot))
    assert found["fit"] == [json.loads(to_json(api.fit(snapshot, use="embedding", top=document.TOP)))]
    assert found["model"]["recommendation"] | {"points": []} == json.loads(to_json(expected))
    for other in report.model.engines:
        alone = api.recommend(model, snapshot, engine=other.engine, ctx_size=8192, top=1)
        assert (other.choice, other.verdict) == (
            alone.choices[0] if alone.choices else None,
            alone.verdict,
        )
    assert {one.engine for one in report.model.engines} >= {"ollama", "lmstudio"}


def test_a_recorded_machine_has_one_page() -> None:
    """
    The same bytes each time: no time of day, and no order of a set.
    """
    snapshot = replayed("linux-4060laptop-8g-32g")
    model = api.load_model("qwen3-4b", snapshot=snapshot)
    first, second = (to_json(api.report(snapshot, model, uses=())) for _ in range(2))

    assert first == second
    assert json.loads(first)["made_at"] is None


def test_without_a_model_the_first_of_fit_is_shown() -> None:
    """
    That of the first use, and a note says so; a machine that runs none has none.
    """
    report = api.report(replayed("linux-laptop-nogpu-16g"), uses=("embedding", "chat"))
    assert report.model is not None
    first = report.fit[0].rows[0].model

    assert report.model.recommendation.model.id == first.id
    assert [one.values["model"] for one in report.notes if one.id == "report.first-model"] == [first.name]
    assert [one.wishes.use for one in report.fit] == ["embedding", "chat"]


def test_nothing_that_fits_has_a_page_all_the_same() -> None:
    """
    405 billion parameters on 4 GiB: no choice, points with what is missing, and a grid in which nothing fits.
    """
    snapshot = api.probe(ram="4GiB")
    report = document.model_report(api.load_model("llama-3.1-405b-instruct"), snapshot)
    assert report.grid is not None
    fits = {
        figure(block, next(one for one in block.columns if one.name == "fits"), values)
        for block, values in cells(report.grid)
    }

    assert report.recommendation.choices == ()
    assert {one.quant for one in report.recommendation.points} == set(USUAL_QUANTS)
    assert all(one.missing_bytes for one in report.recommendation.points)
    assert fits == {False}


def test_what_llama_cpp_refuses_is_a_cell_with_its_reason() -> None:
    """
    The reason once, however many cells name it; beside it they have no figure, and the others are as they are.
    """
    model, snapshot = loaded("qwen3-4b"), replayed("linux-4090-64g")
    at = AtSettings(model, snapshot)
    found = stops.Stops(
        values={"quant": ("Q8_0",), "cache_types": ("f16", "q8_0"), "parallel": (1, 2), "ctx_size": (4096,)},
        start={"quant": "Q8_0", "cache_types": "f16", "parallel": 1, "ctx_size": 4096},
        base={},
        most={},
        few_quants=("Q8_0",),
    )
    why = message("error.tensor-split-refused", architecture="x")

    def ask(values: Any) -> Any:
        if values["cache_types"] != "f16":
            raise RefusedError(why)
        return at.at({"ctx_size": values["ctx_size"], "parallel": values["parallel"]}, quant="Q8_0")

    made = grid.grid(found, ("host", "gpu0"), ask)
    by_cell = {
        (values["cache_types"], values["parallel"]): {
            (one.name, one.device): figure(block, one, values) for one in block.columns
        }
        for block, values in cells(made)
    }

    assert made.refusals == (why,)
    assert by_cell["q8_0", 1]["refused", None] == 0
    assert {name for name, value in by_cell["q8_0", 1].items() if value is not None} == {("refused", None)}
    assert by_cell["f16", 1]["refused", None] is None
    for slots in (1, 2):
        answer = api.estimate(model, snapshot=snapshot, quant="Q8_0", ctx_size=4096, parallel=slots)
        assert by_cell["f16", slots]["cache_bytes", 1] == answer.devices[1].cache_bytes
    assert ("q8_0", 2) not in by_cell


def test_drafting_asks_the_model_with_its_layers() -> None:
    """
    A cell that drafts holds a draft, and is what estimate says of the model with these layers.
    """
    machine, name = "linux-4060laptop-8g-32g", "qwen3.5-4b"
    report, snapshot = made(machine, name), replayed(machine)
    assert report.grid is not None
    block, values = next((block, cell) for block, cell in cells(report.grid) if cell["draft"] != "none")
    model = with_next_token(loaded(name))
    answer = api.estimate(model, snapshot=snapshot, **asked(report, values))
    held = [
        figure(block, one, values) for one in block.columns if one.name == "draft_bytes" and one.device == 1
    ]

    assert held == [answer.devices[1].draft_bytes]
    assert answer.devices[1].draft_bytes > 0


def test_uses_and_languages_are_checked() -> None:
    """
    One that does not exist is refused before anything is worked out.
    """
    snapshot = replayed("linux-4090-64g")
    with pytest.raises(UsageError):
        api.report(snapshot, uses=("poetry",))  # type: ignore[arg-type]  # that is the question
    with pytest.raises(UsageError):
        api.report(snapshot, uses=(), language="xx")


def test_the_shell_of_a_server_has_nothing_of_the_machine() -> None:
    """
    Sentences alone, so that it may be given to who has no token yet.
    """
    found = shell("ja", this_machine=True, needs_token=True)

    assert found == Report(this_machine=True, language="ja", live=True, needs_token=True, words=found.words)
    assert found.words["report.axis.quant"] == "量子化"
    assert found.words["severity.error"] == "エラー"
    assert not any("{" in text for name, text in found.words.items() if not name.startswith("report."))


AXES: dict[Any, tuple[Cell, ...]] = {"quant": ("A", "B"), "ctx_size": (1, 2, 3)}


def reduced(values: list[Cell], device: int | None = None) -> list[tuple[tuple[str, ...], tuple[Cell, ...]]]:
    """
    The axes and values of the columns of one figure, places in ``distinct`` looked up.
    """
    found = columns(AXES, [{("x", device): value} for value in values])
    return [
        (
            one.axes,
            one.values
            if one.distinct is None
            else tuple(one.distinct[int(each or 0)] for each in one.values),
        )
        for one in found
    ]


def test_a_column_has_the_axes_that_it_depends_on() -> None:
    """
    Cells come quantization by quantization: A1 A2 A3 B1 B2 B3.
    """
    assert reduced([7, 7, 7, 7, 7, 7]) == [((), (7,))]
    assert reduced([7, 7, 7, 9, 9, 9]) == [(("quant",), (7, 9))]
    assert reduced([1, 2, 3, 1, 2, 3]) == [(("ctx_size",), (1, 2, 3))]
    assert reduced([1, 2, 3, 1, 2, 4]) == [(("quant", "ctx_size"), (1, 2, 3, 1, 2, 4))]


def test_true_is_not_one_in_a_column() -> None:
    """
    JSON tells them apart, though Python's comparison does not.
    """
    assert reduced([True, 1, 1, True, 1, 1]) == [(("ctx_size",), (True, 1, 1))]
    assert reduced([1, 1, 1, True, True, True])[0][0] == ("quant",)


def test_only_what_a_device_does_not_hold_is_left_out() -> None:
    """
    0 of a device, and None of anything; another 0 is a figure.
    """
    assert reduced([0] * 6, device=1) == []
    assert reduced([None] * 6) == []
    assert reduced([0] * 6) == [((), (0,))]
    assert reduced([False] * 6) == [((), (False,))]


def test_long_values_are_named_by_their_places() -> None:
    """
    The shorter form is taken: six long texts of two kinds are two, and six places.
    """
    a, b = "a" * 40, "b" * 40
    (column,) = columns(AXES, [{("x", None): each} for each in (a, b, a, b, a, a)])
    (short,) = columns(AXES, [{("x", None): each} for each in (7, 8, 7, 8, 7, 7)])

    assert (column.distinct, column.values) == ((a, b), (0, 1, 0, 1, 0, 0))
    assert (short.distinct, short.values) == (None, (7, 8, 7, 8, 7, 7))


def test_commands_come_apart_by_option() -> None:
    """
    What only some have is empty in the others, and each is whole again when its pieces are joined.
    """
    lines = ["srv -m a -c 1 -np 1", "srv -m a -c 2 --n-cpu-moe 3 -np 1", "srv -m b -c 1 -np 1"]
    rows = pieces(lines)

    assert rows == [
        ["srv", "-m a", "-c 1", "", "-np 1"],
        ["srv", "-m a", "-c 2", "--n-cpu-moe 3", "-np 1"],
        ["srv", "-m b", "-c 1", "", "-np 1"],
    ]
    assert [joined(row) for row in rows] == lines


@pytest.mark.parametrize(
    "lines",
    [
        ["srv -m 'a -m b -m c' -c 1", "srv -m x -c 2"],
        ["srv -a 1 -b 2", "srv -b 2 -a 1"],
        ["srv", None, "X=1 srv -a"],
    ],
)
def test_any_command_is_whole_again(lines: list[str | None]) -> None:
    """
    Names of files with options in them, options in another order, and no command at all.
    """
    rows = pieces(lines)

    assert [None if one is None else joined(row) for one, row in zip(lines, rows, strict=True)] == lines
    assert len({len(row) for row in rows}) == 1
    assert [row for one, row in zip(lines, rows, strict=True) if one is None] in (
        [],
        [[None] * len(rows[0])],
    )
