"""
The answers as tools of the Model Context Protocol, over stdin and stdout.

https://modelcontextprotocol.io/specification. Tools read and never change anything. Their results are typed: the record
of ``short`` is in ``structuredContent``, and as JSON in the text, for clients that know no types.
"""

from collections.abc import Callable, Mapping
from typing import Any

import anyio.to_thread
import msgspec
from mcp import types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

from llmprobe._version import __version__
from llmprobe.errors import LlmprobeError
from llmprobe.server import short
from llmprobe.server.bodies import Nothing, expect_known_settings
from llmprobe.server.machine import Seen, Watched
from llmprobe.server.questions import QUESTIONS
from llmprobe.words.message import Message, message
from llmprobe.words.render import Words

Short = Callable[[Any, short.Told], msgspec.Struct]


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """
    A tool: the record of its arguments, what answers, the answer in few words and its record, and what it is for.
    """

    arguments: type[msgspec.Struct]
    answer: Callable[[Any, Seen], Any]
    shorten: Short
    result: type[msgspec.Struct]
    about: Message


TOOLS: Mapping[str, Tool] = {
    "check": Tool(
        arguments=Nothing,
        answer=lambda _body, seen: seen.snapshot,
        shorten=short.machine,
        result=short.ShortMachine,
        about=message("mcp.check"),
    ),
    "recommend": Tool(
        arguments=QUESTIONS["recommend"].body,
        answer=QUESTIONS["recommend"].answer,
        shorten=short.recommendation,
        result=short.ShortRecommendation,
        about=message("mcp.recommend"),
    ),
    "estimate": Tool(
        arguments=QUESTIONS["estimate"].body,
        answer=QUESTIONS["estimate"].answer,
        shorten=short.estimate,
        result=short.ShortEstimate,
        about=message("mcp.estimate"),
    ),
    "fit": Tool(
        arguments=QUESTIONS["fit"].body,
        answer=QUESTIONS["fit"].answer,
        shorten=short.fit,
        result=short.ShortFit,
        about=message("mcp.fit"),
    ),
    "plan": Tool(
        arguments=QUESTIONS["plan"].body,
        answer=QUESTIONS["plan"].answer,
        shorten=short.plan,
        result=short.ShortPlan,
        about=message("mcp.plan"),
    ),
}


def server(watched: Watched, words: Words) -> Server[Any]:
    """
    A server of the tools for a machine; descriptions and sentences are in a language.
    """

    async def listed(_context: Any, _params: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[_described(name, tool, words) for name, tool in TOOLS.items()])

    async def called(_context: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        tool = TOOLS.get(params.name)
        if tool is None:
            return _failed(words.text(message("error.tool-unknown", name=params.name, known=tuple(TOOLS))))
        try:
            return await anyio.to_thread.run_sync(_answer, tool, params.arguments or {}, watched, words)
        except LlmprobeError as error:
            hint = "" if error.hint is None else f"\n{words.text(error.hint)}"
            return _failed(words.text(error.message) + hint)
        except msgspec.ValidationError as error:
            return _failed(words.text(message("error.body-wrong", why=str(error))))

    return Server(
        "llmprobe",
        version=__version__,
        instructions=words.text(message("mcp.instructions")),
        on_list_tools=listed,
        on_call_tool=called,
    )


async def serve(made: Server[Any]) -> None:
    """
    Answer on stdin and stdout until stdin is closed.
    """
    async with stdio_server() as (read, write):
        await made.run(read, write, made.create_initialization_options())


def _answer(tool: Tool, given: dict[str, Any], watched: Watched, words: Words) -> types.CallToolResult:
    body = msgspec.convert(given, tool.arguments)
    expect_known_settings(given)
    found = tool.shorten(tool.answer(body, watched.now()), words.text)
    return types.CallToolResult(
        content=[types.TextContent(type="text", text=msgspec.json.encode(found).decode())],
        structured_content=msgspec.to_builtins(found),
    )


def _failed(text: str) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)], is_error=True)


def _described(name: str, tool: Tool, words: Words) -> types.Tool:
    return types.Tool(
        name=name,
        description=words.text(tool.about),
        input_schema=_schema(tool.arguments),
        output_schema=_schema(tool.result),
        annotations=types.ToolAnnotations(
            read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False
        ),
    )


def _schema(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """
    The JSON Schema of a record, an object at its top as the protocol wants it.
    """
    schema = msgspec.json.schema(kind)
    top = schema["$defs"].pop(schema.pop("$ref").rpartition("/")[2])
    return {**schema, **top}
