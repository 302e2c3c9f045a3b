"""
What each path answers is what the command line prints.
"""

import json
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from starlette.responses import Response

from llmprobe.cli.ending import run
from llmprobe.errors import ModelError
from llmprobe.output.documents import to_json
from llmprobe.server.answers import Answers
from llmprobe.server.app import Workers
from llmprobe.server.errors import Refusals
from llmprobe.server.machine import FRESH_S, Watched
from llmprobe.server.models import Models
from llmprobe.tasks.models import load_named
from llmprobe.tasks.report import document, report
from llmprobe.words.render import words
from tests.machine_fixtures import FOLDER, replayed
from tests.server.client import MACHINE, answers, client

REPLAY = ["--replay", str(FOLDER / MACHINE / "recording.json")]


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    """
    The document that a command prints.
    """
    run([*words, "--json"])
    return json.loads(capsys.readouterr().out)


def test_the_machine_is_that_of_check(capsys: pytest.CaptureFixture[str]) -> None:
    """
    Byte for byte the same document.
    """
    assert client().get("/v1/snapshot").json() == printed(capsys, *REPLAY, "check")


@pytest.mark.parametrize(("query", "words"), [("", ()), ("?q=qwen3", ("qwen3",))])
def test_models_are_those_of_models(
    query: str, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """
    All, or those that a text may mean.
    """
    assert client().get(f"/v1/models{query}").json() == printed(capsys, "models", *words)


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        (
            "estimate",
            {"model": "qwen3-8b", "quant": "Q4_K_M", "settings": {"ctx_size": 16384, "gpu_layers": 20}},
            (*REPLAY, "estimate", "qwen3-8b", "--quant", "Q4_K_M", "-c", "16384", "-ngl", "20"),
        ),
        (
            "recommend",
            {"model": "qwen3-8b", "ctx_size": 8192, "top": 2},
            (*REPLAY, "recommend", "qwen3-8b", "-c", "8192", "--top", "2"),
        ),
        (
            "recommend",
            {"model": "qwen3-8b", "machine": {"gpus": ["RTX 3060 12GB"], "ram": "32GB"}},
            ("--gpu", "RTX 3060 12GB", "--ram", "32GB", "recommend", "qwen3-8b"),
        ),
        ("plan", {"model": "qwen3-0.6b"}, ("plan", "qwen3-0.6b")),
        (
            "upgrade",
            {"model": "qwen3-0.6b", "ctx_size": 4096},
            (*REPLAY, "upgrade", "--model", "qwen3-0.6b", "-c", "4096"),
        ),
        (
            "cost",
            {"model": "qwen3-0.6b", "tokens_per_day": 50000, "power_price": 0.31, "currency": "EUR"},
            (
                *(*REPLAY, "cost", "qwen3-0.6b", "--tokens-per-day", "50000"),
                *("--power-price", "0.31", "--currency", "EUR"),
            ),
        ),
        (
            "cost",
            {"model": "qwen3-0.6b", "machine": {"gpus": ["RTX 3060 12GB"], "ram": "32GB"}},
            ("--gpu", "RTX 3060 12GB", "--ram", "32GB", "cost", "qwen3-0.6b"),
        ),
        (
            "fit",
            {"use": "embedding", "families": ["bge"], "top": 3},
            (*REPLAY, "fit", "--use", "embedding", "--family", "bge", "--top", "3"),
        ),
    ],
)
def test_questions_are_answered_as_on_the_command_line(
    path: str, body: dict[str, Any], words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """
    Every number of the API is the command's.
    """
    answered = client().post(f"/v1/{path}", json=body)

    assert answered.status_code == 200
    assert answered.json() == printed(capsys, *words)


def test_metrics_are_those_of_metrics(capsys: pytest.CaptureFixture[str]) -> None:
    """
    In Prometheus' own content type.
    """
    run([*REPLAY, "metrics"])
    answered = client().get("/metrics")

    assert answered.text == capsys.readouterr().out
    assert answered.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"


@pytest.mark.parametrize(
    ("path", "body", "status", "error"),
    [
        ("recommend", {"model": "no such model at all"}, 404, "error.model-unknown"),
        ("recommend", {"model": "/etc/passwd"}, 404, "error.model-unknown"),
        ("recommend", {"model": "qwen3-8b", "parallel": 0}, 400, None),
        ("recommend", {"model": "qwen3-8b", "ctx": 5}, 400, "error.body-wrong"),
        ("estimate", {"model": "qwen3-8b", "settings": {"ctx": 5}}, 400, "error.body-wrong"),
        ("setting", {"model": "qwen3-8b", "settings": {"ctx_size": 5, "nkvo": 1}}, 400, "error.body-wrong"),
        ("recommend", {}, 400, "error.body-wrong"),
        ("recommend", [], 400, "error.body-wrong"),
        (
            "estimate",
            {"model": "qwen3-8b", "settings": {"mmproj": "/etc/passwd"}},
            400,
            "error.no-files-here",
        ),
        (
            "estimate",
            {"model": "qwen3-8b", "settings": {"cache_type_v": "q4_0", "flash_attn": "off"}},
            422,
            None,
        ),
        ("recommend", {"model": "qwen3-8b", "machine": {"gpus": ["GTX 9999"]}}, 400, None),
        ("recommend", {"model": "qwen3-8b", "machine": {}}, 400, "error.machine-empty"),
        ("fit", {"machine": {"cores": 0}}, 400, None),
        ("upgrade", {"model": "qwen3-8b", "use": "chat"}, 400, "error.upgrade-use"),
        ("upgrade", {"quants": ["Q4_K_M"]}, 400, "error.upgrade-quant"),
        ("upgrade", {"model": "/etc/passwd"}, 404, "error.model-unknown"),
        ("cost", {"model": "qwen3-8b", "prices": "/etc/passwd"}, 400, "error.body-wrong"),
        ("cost", {"model": "qwen3-8b", "months": 0}, 400, None),
        ("report", {"uses": ["poetry"]}, 400, "error.body-wrong"),
        ("report", {"model": "/etc/passwd"}, 404, "error.model-unknown"),
        ("setting", {"model": "qwen3-8b", "use_devices": ["gpu7"]}, 400, None),
        ("setting", {"model": "qwen3-8b", "settings": {"mmproj": "/etc/passwd"}}, 400, "error.no-files-here"),
        ("estimate", {"model": "qwen3-8b", "draft_model": "/etc/passwd"}, 404, "error.model-unknown"),
        ("nothing", {}, 404, "error.path-unknown"),
        ("snapshot", {}, 405, "error.method-wrong"),
    ],
)
def test_what_cannot_be_answered_is_an_error_document(
    path: str, body: Any, status: int, error: str | None
) -> None:
    """
    With the status that HTTP has for it, and the sentence of the command line.
    """
    answered = client().post(f"/v1/{path}", json=body)
    document = answered.json()

    assert (answered.status_code, document["schema"], document["this_machine"]) == (
        status,
        "llmprobe.error/1",
        False,
    )
    assert error is None or document["message"]["id"] == error
    assert document["message"]["text"]


def test_a_file_that_is_there_is_not_opened_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A name is one of the catalog, whatever lies in the folder that the server runs in.
    """
    (tmp_path / "qwen3-8b").mkdir()
    (tmp_path / "qwen3-8b" / "config.json").write_text("{}", encoding="utf-8")
    monkeypatch.chdir(tmp_path)

    assert client().post("/v1/recommend", json={"model": "qwen3-8b"}).status_code == 200


def test_this_machine_is_looked_at_again_when_its_answer_is_old() -> None:
    """
    And what was computed for it is used again only while it is as it was.
    """
    now = 0.0
    looks = []
    live = msgspec.structs.replace(replayed(MACHINE), this_machine=True)

    def look() -> Any:
        looks.append(now)
        return live if now < 2 * FRESH_S else msgspec.structs.replace(live, pools=())

    watched = Watched(look, clock=lambda: now)
    made = Answers(watched, this_machine=True)
    first = [made.snapshot() for _ in range(3)]
    now = FRESH_S
    second = made.snapshot()
    number = watched.now().number
    now = 2 * FRESH_S

    assert (len(set(first)), first[0] == second, looks) == (1, True, [0.0, FRESH_S])
    assert made.snapshot() != second
    assert (watched.now().number, looks[-1]) == (number + 1, now)


def test_a_recorded_machine_is_looked_at_once() -> None:
    """
    It does not change.
    """
    now = 0.0
    looks = []

    def look() -> Any:
        looks.append(now)
        return replayed(MACHINE)

    watched = Watched(look, clock=lambda: now)
    before = watched.now()
    now = 1e9
    assert (watched.now(), looks) == (before, [0.0])
    assert client().get("/v1/snapshot").text == to_json(before.snapshot)


class _Idle(Workers):
    """
    Workers that count what they do.
    """

    done = 0

    async def run(self, work: Callable[[], bytes], refusals: Refusals) -> Response | bytes:
        """
        As usual.
        """
        self.done += 1
        return await super().run(work, refusals)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/snapshot", None, 200),
        ("/metrics", None, 200),
        ("/v1/models?q=qwen3", None, 200),
        ("/v1/estimate", {"model": "qwen3-0.6b", "quant": "Q8_0"}, 200),
        ("/v1/estimate", {"model": "no-such-model"}, 404),
        (
            "/v1/estimate",
            {"model": "qwen3-0.6b", "settings": {"cache_type_v": "q8_0", "flash_attn": "off"}},
            422,
        ),
    ],
)
def test_what_was_answered_is_answered_without_work(
    path: str, body: dict[str, Any] | None, status: int
) -> None:
    """
    The second answer is the first, an error among them, and no thread made it.
    """
    workers = _Idle()
    asked = client(workers=workers)
    both = [asked.get(path) if body is None else asked.post(path, json=body) for _ in range(2)]

    assert [one.status_code for one in both] == [status] * 2
    assert (both[0].content, both[0].headers["content-type"]) == (
        both[1].content,
        both[1].headers["content-type"],
    )
    assert workers.done == 1


def test_a_question_about_another_machine_is_another_one() -> None:
    """
    What is kept of one is not given to the other, however alike they are.
    """
    workers = _Idle()
    asked = client(workers=workers)
    body = {"model": "qwen3-0.6b", "quant": "Q8_0"}
    answered = [
        asked.post("/v1/estimate", json=body | {"machine": {"gpus": ["RTX 4090"], "ram": ram}}).json()
        for ram in ("32GB", "64GB", "32GB")
    ]

    assert (answered[0] == answered[2], answered[0] == answered[1]) == (True, False)
    assert workers.done == 2


def test_what_is_kept_waits_for_no_look() -> None:
    """
    While the machine is looked at, or when it has to be, nothing is told at once.
    """
    now = 0.0
    told: list[Any] = []
    live = msgspec.structs.replace(replayed(MACHINE), this_machine=True)

    def look() -> Any:
        thread = threading.Thread(target=lambda: told.append(watched.at_once()))
        thread.start()
        thread.join(30)
        return live

    watched = Watched(look, clock=lambda: now)
    before = watched.at_once()
    seen = watched.now()
    fresh = watched.at_once()
    now = FRESH_S

    assert (before, told, fresh, watched.at_once()) == (None, [None], seen, None)


def test_what_is_kept_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    The answer that was asked for the longest ago goes first; an error takes place, too.
    """
    monkeypatch.setattr("llmprobe.server.answers._MOST_KEPT_BYTES", 3 * 4096)
    made = answers()
    bodies = [json.dumps({"model": f"no-such-model-{number}"}).encode() for number in range(4)]
    for body in bodies:
        with pytest.raises(ModelError):
            made.answer("estimate", body)

    assert made.kept_answer("estimate", bodies[0]) is None
    for body in bodies[1:]:
        with pytest.raises(ModelError):
            made.kept_answer("estimate", body)


def test_a_setting_has_the_estimate_and_what_belongs_beside_it() -> None:
    """
    The very document of /v1/estimate; the loss, the time of an answer and the command of the first choice of recommend
    where it has the settings of that.
    """
    asked = client()
    first = asked.post("/v1/recommend", json={"model": "qwen3-8b", "use": "agent"}).json()["choices"][0]
    told = ("ctx_size", "gpu_layers", "cache_type_k", "cache_type_v", "flash_attn", "ubatch_size")
    body = {
        "model": "qwen3-8b",
        "quant": first["quant"],
        "settings": {name: first[name] for name in told},
    }
    found = asked.post("/v1/setting", json={**body, "use": "agent"}).json()

    assert found["schema"] == "llmprobe.setting/1"
    assert found["estimate"] == asked.post("/v1/estimate", json=body).json()
    assert (found["quality"], found["time"]) == (first["quality"], first["time"])
    assert found["commands"] == first["commands"]


def test_a_setting_without_a_command_says_none() -> None:
    """
    What no printed word says: the cache of a sliding window in full.
    """
    body = {"model": "gemma-3-4b", "settings": {"ctx_size": 4096, "swa_full": True}}
    found = client().post("/v1/setting", json=body).json()

    assert found["estimate"]["settings"]["swa_full"] is True
    assert found["commands"] == {}


def test_a_setting_can_leave_cards_alone() -> None:
    """
    Of two cards the second only, which the command names.
    """
    body = {"model": "qwen3-8b", "quant": "Q4_K_M", "use_devices": ["gpu1"], "settings": {"ctx_size": 4096}}
    found = client(answers("linux-2x3090-64g")).post("/v1/setting", json=body).json()

    assert [one["id"] for one in found["estimate"]["devices"]] == ["host", "gpu1"]
    assert " --device CUDA1 " in found["commands"]["llama.cpp"]


def test_another_model_can_draft() -> None:
    """
    By its name, as -md takes a file.
    """
    body = {"model": "qwen3-8b", "settings": {"ctx_size": 4096}}
    drafting = {**body, "draft_model": "qwen3-0.6b", "draft_quant": "Q8_0"}
    found = client().post("/v1/estimate", json=drafting).json()

    assert found["draft"]["model"]["id"] == "qwen3-0.6b"
    assert found["devices"][1]["draft_bytes"] > 0


def test_the_document_of_the_page_is_that_of_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Without words, notes on a file, and the grid, for which its server answers.
    """
    monkeypatch.setattr(document, "TOP", 2)
    body = {"model": "qwen3-0.6b", "uses": ["embedding"], "use": "agent"}
    found = client().post("/v1/report", json=body).json()
    snapshot = replayed(MACHINE)
    expected = json.loads(
        to_json(
            report(snapshot, load_named("qwen3-0.6b"), uses=("embedding",), use="agent", live=True),
        )
    )

    assert found == expected
    assert (found["live"], found["words"], found["notes"], found["model"]["grid"]) == (True, {}, [], None)
    assert [one["wishes"]["use"] for one in found["fit"]] == ["embedding"]
    assert found["check"]["schema"] == "llmprobe.snapshot/1"
    assert client().post("/v1/report", json={}).json()["model"] is None


def test_a_server_speaks_its_language() -> None:
    """
    The page, the sentences in documents, and errors.
    """
    asked = client(answers(said_in=words("ja")))

    assert asked.get("/").text.startswith('<!doctype html>\n<html lang="ja"')
    reasons = asked.post("/v1/recommend", json={"model": "qwen3-8b"}).json()["choices"][0]["reasons"]
    assert re.search(r"[\u3040-\u30ff]", reasons[0]["text"])
    assert re.search(r"[\u3040-\u30ff]", asked.get("/none").json()["message"]["text"])


def test_models_are_loaded_once() -> None:
    """
    So that an estimator serves the next question; other files of an engine are another model.
    """
    loaded = Models(most=2)
    first = loaded.named("qwen3-8b")

    assert loaded.named("qwen3-8b") is first
    assert loaded.named("qwen3-8b", "Q8_0") is not first
    loaded.named("qwen3-4b")
    assert loaded.named("qwen3-8b") is not first
    assert loaded.named("qwen3-8b") == first
