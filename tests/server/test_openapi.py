"""
The description of the API, and questions made from it at random.
"""

import json
from typing import Any

import msgspec
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from starlette.testclient import TestClient

from llmprobe import api
from llmprobe.facts.fit import Fit
from llmprobe.facts.upgrade import Upgrade
from llmprobe.server.openapi import openapi
from llmprobe.server.questions import QUESTIONS
from llmprobe.tasks.fit import wishes_of
from llmprobe.tasks.report import document as page
from llmprobe.tasks.upgrade import wishes_of as checked_upgrade
from tests.machine_fixtures import replayed
from tests.server.client import MACHINE, client

DOCUMENT = openapi()
described = schemathesis.openapi.from_dict(DOCUMENT)


def test_it_describes_every_question() -> None:
    """
    With a body, the answer, and the errors.
    """
    document = openapi()

    assert document["openapi"] == "3.1.0"
    for name, asked in QUESTIONS.items():
        post = document["paths"][f"/v1/{name}"]["post"]
        body = post["requestBody"]["content"]["application/json"]["schema"]["$ref"]
        assert body.endswith(f"/{asked.body.__name__}")
        assert {"200", "400", "404", "422", "503"} <= set(post["responses"])
    assert msgspec.json.encode(document) == client().get("/openapi.json").content


def test_what_a_question_has_is_all_it_takes() -> None:
    """
    The bodies and the settings in them are closed: the server refuses other fields.
    """
    schemas = DOCUMENT["components"]["schemas"]
    closed = {name for name, schema in schemas.items() if schema.get("additionalProperties") is False}

    assert closed == {"Machine", "SettingsOptions", *(asked.body.__name__ for asked in QUESTIONS.values())}
    unknown = client().post("/v1/estimate", json={"model": "qwen3-0.6b", "settings": {"ctx": 4096}})
    assert unknown.status_code == 400


@pytest.fixture(scope="module")
def asked() -> TestClient:
    """
    One server for all questions.
    """
    return client()


@pytest.fixture(scope="module")
def few_models() -> Fit:
    """
    A real answer of ``fit``, for one family.
    """
    return api.fit(replayed(MACHINE), use="embedding", families=("bge",), top=1)


@pytest.fixture(scope="module")
def one_upgrade() -> Upgrade:
    """
    A real answer of ``upgrade``, for one model.
    """
    return api.upgrade(replayed(MACHINE), api.load_model("qwen3-0.6b"))


@described.parametrize()
@settings(
    max_examples=4,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_random_questions_are_answered_as_described(
    case: Any, asked: TestClient, few_models: Fit, one_upgrade: Upgrade, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Right or wrong: the status and the document are those of the description, and no bug is met.

    Searches over the whole catalog are left out: wishes are checked, and a real answer stands for them.
    """

    def fit(_snapshot: Any, **wishes: Any) -> Fit:
        wishes_of(**wishes)
        return few_models

    def upgrade(_snapshot: Any, model: Any, **wishes: Any) -> Upgrade:
        checked_upgrade(model, **wishes)
        return one_upgrade

    monkeypatch.setattr(api, "fit", fit)
    monkeypatch.setattr(api, "upgrade", upgrade)
    monkeypatch.setattr(page, "_fit", lambda _snapshot, _use, _among: few_models)
    body = case.body if isinstance(case.body, (dict, list, str, int, float, bool, type(None))) else None
    answered = asked.request(
        case.method,
        case.formatted_path,
        params=case.query or None,
        content=json.dumps(body) if case.method == "POST" else None,
        headers={"Content-Type": "application/json"} if case.method == "POST" else None,
    )
    # Another method than those described is 405.
    operation = DOCUMENT["paths"][case.path].get(case.method.lower(), {"responses": {"405": {}}})
    described_as = operation["responses"]

    assert answered.status_code != 500, answered.text
    assert str(answered.status_code) in described_as, answered.text
    if answered.status_code != 200 and case.method != "HEAD":
        assert answered.json()["schema"] == "llmprobe.error/1"
