"""
The file of a page: what a browser runs is named by its hash, and no text of a machine or model becomes markup.
"""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import msgspec
import pytest

from benchmarks import gguf_writer as gguf_files
from benchmarks.truth.models import models
from llmprobe import api
from llmprobe.facts.machine import EngineOnMachine, Holder, LoadedModel, ModelOnDisk, SourceReport
from llmprobe.facts.report import Report
from llmprobe.output import html
from llmprobe.output.documents import to_json
from llmprobe.tasks.report import document, shell, stops
from llmprobe.words.render import languages, words
from tests.output import samples

EVIL = (
    "</script><script>alert(1)</script><!--<script>--><img src=x onerror=alert(1)></style></title>"
    "\"'`&lt;&amp;\u202eevil\u2028\u2029\x1b[2J\r\n\x00]]>{{constructor}}${1}"
)
TAGS = [
    "html",
    "head",
    *["meta"] * 6,
    "link",
    "title",
    "style",
    "body",
    "div",
    "noscript",
    "script",
    "script",
]
ASSETS = ("page.js", "page.css")
MOST_BYTES = 1_500_000
MOST_ASSET_BYTES = 200_000


class Read(HTMLParser):
    """
    A page as a parser of HTML reads it: its elements in order, and the text of each.
    """

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.others: list[str] = []
        self.open: list[int] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.texts.append("")
        if tag not in ("meta", "link"):
            self.open.append(len(self.texts) - 1)

    def handle_endtag(self, tag: str) -> None:
        assert self.elements[self.open.pop()][0] == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.texts[self.open[-1]] += data

    def handle_comment(self, data: str) -> None:
        self.others.append(data)

    def text_of(self, tag: str, **attributes: str) -> str:
        """
        The text of the only element that is so.
        """
        (found,) = (
            text
            for (name, has), text in zip(self.elements, self.texts, strict=True)
            if name == tag and attributes.items() <= has.items()
        )
        return found


def hostile() -> Report:
    """
    A page on which every name that somebody chose is hostile: of processes, devices, engines, models and files.
    """
    healthy = samples.rtx4090()
    device = msgspec.structs.replace(healthy.accelerators[0], name=EVIL, driver=EVIL)
    pool = msgspec.structs.replace(healthy.pools[1], held_by=(Holder(pid=1, name=EVIL, used_bytes=5),))
    engine = EngineOnMachine(
        name=EVIL,
        version=EVIL,
        endpoint=EVIL,
        settings={EVIL: EVIL},
        models=(ModelOnDisk(name=EVIL, kept_by=samples.said(EVIL)),),
        loaded=(LoadedModel(name=EVIL, until=EVIL),),
    )
    snapshot = msgspec.structs.replace(
        healthy,
        this_machine=False,
        accelerators=(device,),
        pools=(healthy.pools[0], pool),
        engines=(engine,),
        sources=(SourceReport(name=EVIL, status="failed", detail=samples.said(EVIL)),),
    )
    return Report(this_machine=False, check=snapshot, notes=(samples.said(EVIL),), words={EVIL: EVIL})


@pytest.fixture
def of_hostile_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Report:
    """
    A page about a file whose name, and whose names within, are hostile.
    """
    monkeypatch.setattr(stops, "MOST_CELLS", 30)
    monkeypatch.setattr(stops, "LEAST_LAYERS", 2)
    monkeypatch.setattr(document, "TOP", 1)
    model = next(one for one in models().values() if one.architecture == "llama")
    folder = tmp_path / "<script>"
    folder.mkdir()
    path = folder / "\"><script>alert(1)<!--<script>'&amp;\u202e.gguf"
    path.write_bytes(gguf_files.of_model(model, "Q5_K_M", general__name=EVIL, general__description=EVIL))
    snapshot = api.probe(gpus="RTX 4090", ram="64GB")
    return api.report(snapshot, api.load_model(path), uses=())


def checked(report: Report) -> Read:
    """
    The page of a report, once it has the elements that every page has, and the whole document in one of them.
    """
    text = html.page(report, words()).html
    read = Read(text)
    document = read.text_of("script", id=html.DATA)

    assert [tag for tag, _ in read.elements] == TAGS
    assert read.others == []
    assert json.loads(document) == json.loads(to_json(report))
    assert [sign for sign in document if sign in "<>&" or not sign.isprintable()] == []
    return read


def test_hostile_names_are_text() -> None:
    """
    A parser finds the page's own elements and no other, and the names whole in the document.
    """
    read = checked(hostile())
    found = json.loads(read.text_of("script", id=html.DATA))

    assert found["check"]["accelerators"][0]["name"] == EVIL
    assert found["check"]["pools"][1]["held_by"][0]["name"] == EVIL


def test_a_hostile_file_is_text(of_hostile_file: Report) -> None:
    """
    Its name stands in the title, too, and in commands.
    """
    read = checked(of_hostile_file)

    assert "<script>alert(1)</script>" in read.text_of("title")
    assert of_hostile_file.model is not None
    assert "<script>" in of_hostile_file.model.recommendation.choices[0].commands["llama.cpp"]


def digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def policy_of(read: Read) -> dict[str, list[str]]:
    """
    The directives of a page's policy.
    """
    (content,) = (
        attributes["content"]
        for tag, attributes in read.elements
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    )
    return {one.split()[0]: one.split()[1:] for one in str(content).split(";")}


def test_only_the_own_script_and_style_are_allowed() -> None:
    """
    By the hash of what stands in the page; everything else is forbidden, the network first.
    """
    read = Read(html.page(hostile(), words()).html)
    script = next(
        text
        for (tag, has), text in zip(read.elements, read.texts, strict=True)
        if tag == "script" and not has
    )

    assert policy_of(read) == {
        "default-src": ["'none'"],
        "script-src": [digest(script)],
        "style-src": [digest(read.text_of("style"))],
        "img-src": ["data:"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
    }


def test_a_live_page_may_ask_its_own_server() -> None:
    """
    And be shown in no frame, which only a header can say.
    """
    page = html.page(shell("en", this_machine=True, needs_token=False), words())

    assert policy_of(Read(page.html))["connect-src"] == ["'self'"]
    assert page.policy.endswith("; frame-ancestors 'none'")


@pytest.mark.parametrize("language", languages())
def test_a_page_is_in_one_language(language: str) -> None:
    """
    Its element says which, for who reads it aloud.
    """
    read = Read(html.page(shell(language, this_machine=True, needs_token=False), words(language)).html)

    assert read.elements[0] == ("html", {"lang": language, "data-mode": "live"})
    assert read.text_of("noscript") == words(language).sentence("report.no-script")


@pytest.mark.parametrize("name", ASSETS)
def test_assets_end_no_element_and_name_no_address(name: str) -> None:
    """
    Nothing in them closes the element that they stand in, and they load nothing.
    """
    text = (files("llmprobe.page") / "built" / name).read_text(encoding="utf-8")

    assert re.findall(r"(?i)</script|</style|<!--", text) == []
    assert re.findall(r"(?i)@import|url\(\s*[\"']?(?!data:|#)|sourceMappingURL", text) == []


def test_assets_have_their_room() -> None:
    """
    A seventh of the page.
    """
    sizes = [len((files("llmprobe.page") / "built" / name).read_bytes()) for name in ASSETS]

    assert sum(sizes) <= MOST_ASSET_BYTES


def test_a_file_of_another_kind_is_no_report() -> None:
    """
    Neither another page of the web nor an empty file.
    """
    ours = html.page(hostile(), words()).html.encode()

    assert html.is_report(ours[:4096])
    assert not html.is_report(b"<!doctype html>\n<html><head><title>llmprobe report</title>")
    assert not html.is_report(b"")


def test_a_page_of_many_devices_has_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Under 1.5 MB with assets as large as they may be and ``fit`` for seven uses: four rows of 14 kB, and 22 kB beside.

    A cell of five devices has up to 200 bytes, so there are fewer of them. They are counted, and some are weighed.
    """
    snapshot = api.probe(gpus="4x RTX 3090", ram="256GB")
    model = api.load_model("llama-3.2-1b")
    most = stops.MOST_CELLS
    monkeypatch.setattr(stops, "MOST_CELLS", most // 20)
    monkeypatch.setattr(stops, "SPARSER", ((2, 2),))
    monkeypatch.setattr(document, "TOP", 4)
    report = api.report(snapshot, model, uses=())
    assert report.model is not None
    assert report.model.grid is not None
    size = len(html.data(report, words()).encode())
    of_grid = len(to_json(report.model.grid, in_one_line=True).encode())
    each = of_grid / report.model.grid.cells
    cells = most * 2 // 5

    assert 2 * (size - of_grid) + cells * each + MOST_ASSET_BYTES + 7 * (4 * 14_000 + 22_000) < MOST_BYTES
