"""
The tools for agents, called by the client of the protocol's own SDK.
"""

import sys
from typing import Any

import anyio
import jsonschema
import pytest
from mcp import ClientSession, StdioServerParameters, stdio_client

from llmprobe import api
from llmprobe.server.mcp import TOOLS
from tests.machine_fixtures import FOLDER, replayed
from tests.server.client import MACHINE

BOX = str(FOLDER / MACHINE / "recording.json")
CALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("check", {}),
    ("recommend", {"model": "qwen3-8b", "ctx_size": 8192}),
    ("estimate", {"model": "qwen3-8b", "quant": "Q4_K_M", "settings": {"ctx_size": 8192}}),
    ("plan", {"model": "qwen3-0.6b"}),
    ("fit", {"use": "embedding", "families": ["bge"], "top": 2}),
)
WRONG: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("recommend", {"model": "no such model at all"}, "no model is named"),
    ("recommend", {"model": "qwen3-8b", "ctx": 1}, "unknown field `ctx`"),
    ("estimate", {"model": "qwen3-8b", "settings": {"ctx": 1}}, "unknown field `ctx`"),
    ("recommend", {}, "missing required field `model`"),
    ("estimate", {"model": "/etc/passwd"}, "no model is named"),
    ("format_disk", {}, "there is no tool format_disk"),
)


async def asked() -> dict[str, Any]:
    """
    What a client is told: the tools, and the result of each call.
    """
    server = StdioServerParameters(command=sys.executable, args=["-m", "llmprobe", "--replay", BOX, "mcp"])
    async with stdio_client(server) as (read, write), ClientSession(read, write) as session:
        begun = await session.initialize()
        tools = (await session.list_tools()).tools
        results = [await session.call_tool(name, arguments) for name, arguments in CALLS]
        wrong = [await session.call_tool(name, arguments) for name, arguments, _ in WRONG]
    return {"begun": begun, "tools": tools, "results": results, "wrong": wrong}


@pytest.mark.live
def test_an_agent_has_the_answers_as_typed_tools() -> None:
    """
    Every result keeps to the schema that its tool promised, and has the numbers of the API. What is asked wrongly is a
    result that can be read and mended, not a failure of the protocol, and does not end the server.
    """
    told = anyio.run(asked)
    tools = {tool.name: tool for tool in told["tools"]}

    assert list(tools) == list(TOOLS)
    assert told["begun"].instructions
    for tool in tools.values():
        assert tool.description
        assert tool.annotations.read_only_hint is True
        assert tool.input_schema["type"] == "object"
    for (name, _), result in zip(CALLS, told["results"], strict=True):
        assert not result.is_error, result.content
        jsonschema.validate(result.structured_content, tools[name].output_schema)

    machine = replayed(MACHINE)
    checked, recommended, estimated, planned, fitted = (each.structured_content for each in told["results"])
    vram = machine.pool("vram0")
    assert vram is not None
    assert {pool["id"]: pool["budget_bytes"] for pool in checked["pools"]}["vram0"] == vram.budget_bytes
    first = api.recommend(api.load_model("qwen3-8b"), machine, ctx_size=8192).choices[0]
    assert recommended["choices"][0]["quant"] == first.quant
    assert recommended["choices"][0]["command"] in first.commands.values()
    whole = api.estimate(api.load_model("qwen3-8b"), quant="Q4_K_M", snapshot=machine, ctx_size=8192)
    assert [part["bytes"] for part in estimated["parts"]] == [each.total_bytes for each in whole.devices]
    assert planned["machines"]
    assert [row["model"] for row in fitted["rows"]]

    for (name, _, words), result in zip(WRONG, told["wrong"], strict=True):
        assert result.is_error, name
        assert words in result.content[0].text
