"""
The parts of the site that are made of the program have all of it, and the site needs no other host.
"""

import json
import re
from pathlib import Path

import pytest

import llmprobe
from docs.manual import alone, commands, findings, http, pages, python_api, records
from docs.manual.text import described, plain
from llmprobe.cli.group import COMMANDS, GLOBAL_OPTIONS, cli
from llmprobe.machine import rules
from llmprobe.server.openapi import openapi
from llmprobe.words.en import SENTENCES

DOCS = Path(__file__).parents[2] / "docs"
SCHEMAS = Path(llmprobe.__file__).parent / "schemas"


def section(page: str, title: str, level: int = 2) -> str:
    """
    The part of a page under one heading.
    """
    mark = "#" * level
    found = re.search(
        rf"^{mark} {re.escape(title)}\n(.*?)(?=^#{{1,{level}}} |\Z)", page, re.MULTILINE | re.DOTALL
    )
    assert found is not None, title
    return found[1]


def test_each_page_asks_for_what_is_made_and_everything_made_is_asked_for() -> None:
    """
    A mark names something that is made, and nothing is made for no page.
    """
    texts = [path.read_text(encoding="utf-8") for path in DOCS.rglob("*.md")]
    asked = [name for text in texts for name in re.findall(r"<!-- made: (\S+) -->", text)]

    assert sorted(asked) == sorted(pages.MADE)
    assert "<!-- made" not in pages.made(f"a\n<!-- made: {asked[0]} -->\nb")
    with pytest.raises(KeyError):
        pages.made("<!-- made: nothing -->")


@pytest.mark.parametrize("rule", sorted(rule.id for rule in rules.all_rules()))
def test_every_finding_is_listed(rule: str) -> None:
    """
    A finding has its sentence, and where a recorded machine has it, its title, its remedy and each command of that.
    """
    part = section(findings.page(), rule, 3)

    assert plain(SENTENCES[f"rule.{rule}"]) in part
    if rule in findings.examples():
        machine, finding = findings.examples()[rule]
        assert f"> **{plain(finding['title']['text'])}**  \n" in part
        assert f"`{machine}`" in part
        if finding["remedy"]:
            assert plain(finding["remedy"]["text"]["text"]) in part
            assert all(f"\n    {command}\n" in part for command in finding["remedy"]["commands"])


def test_most_findings_are_shown_as_a_machine_has_them() -> None:
    """
    Findings come from recordings but for the few that no complete recording has, and errors come first.
    """
    page = findings.page()
    headings = re.findall(r"^## (.*)$", page, re.MULTILINE)

    assert headings == ["Errors", "Warnings", "Notes", "Others"]
    assert len(findings.examples()) >= 0.9 * len(rules.all_rules())
    assert "### compute-prohibited\n" in page[: page.index("## Warnings")]
    assert "### rebar-off\n" in page[page.index("## Notes") :]
    assert "{" not in page[page.index("## Others") :]  # no sentence whose values only a machine has


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_listed(name: str) -> None:
    """
    The help of a command names all its options.
    """
    part = section(commands.page(), f"llmprobe {name}")
    command = cli.get_command(None, name)  # type: ignore[arg-type]  # the lazy group needs no context
    assert command is not None

    options = [max(param.opts, key=len) for param in command.params if param.opts[0].startswith("-")]
    assert [option for option in options if option not in part] == []
    assert part.startswith(f"\n```console\n$ llmprobe {name} --help\nUsage: llmprobe {name} ")


def test_the_options_before_commands_are_listed() -> None:
    """
    The help of the program names the options that choose machine and language.
    """
    part = section(commands.page(), "llmprobe")

    assert [option for option in GLOBAL_OPTIONS if option not in part] == []
    assert 95 < max(map(len, part.splitlines())) <= commands.COLUMNS


@pytest.mark.parametrize("kind", sorted(path.stem for path in SCHEMAS.glob("*.json")))
def test_every_field_is_listed(kind: str) -> None:
    """
    A document is in the table of documents, and each of its records on the page of records with every field.
    """
    schema = json.loads((SCHEMAS / f"{kind}.json").read_text(encoding="utf-8"))
    page = records.page()

    assert f"| `llmprobe.{kind}/" in records.documents()
    for name, record in schema["$defs"].items():
        titles = (f"{name} of {kind}", name)
        part = next(section(page, plain(title)) for title in titles if f"## {plain(title)}\n" in page)
        listed = re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE)
        assert listed == list(record["properties"])


def test_what_is_always_there_is_said() -> None:
    """
    A field that a document always has is marked, and one with a default shows it, unless that is null or empty.
    """
    part = section(records.page(), "Accelerator")

    assert "| `id` | string | always there |" in part
    assert "| `usable` | boolean | `true` by default |" in part
    assert "| `why_not` | message or null |  |" in part
    assert "| `pools` | list of string |  |" in part


def test_records_of_one_name_are_apart() -> None:
    """
    No record is lost where two documents have different ones of one name.
    """
    different = {
        (name, json.dumps(record, sort_keys=True))
        for schema in records.schemas().values()
        for name, record in schema["$defs"].items()
    }

    assert len(records.records()) == len(different)


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"type": "integer"}, "integer"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "string or null"),
        ({"enum": ["a", "b"]}, "`a`, `b`"),
        ({"type": "array", "items": {"$ref": "#/$defs/Choice"}}, "list of [Choice](#choice)"),
        (
            {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}]},
            "list of integer or string",
        ),
        ({"type": "object", "additionalProperties": {"type": "number"}}, "map to number"),
        ({"type": "object", "properties": {"id": {}, "text": {}, "values": {}}}, "message"),
        ({}, "anything"),
    ],
)
def test_types_are_said_in_words(schema: dict[str, object], text: str) -> None:
    """
    The type of a field reads as a person would say it.
    """
    assert records.shown(schema) == text


def test_every_path_and_field_of_the_api_is_listed() -> None:
    """
    Each path has its statuses, and each record that only questions use has its fields.
    """
    page, description = http.page(), openapi()

    for path, methods in description["paths"].items():
        for method, operation in methods.items():
            part = section(page, f"{method.upper()} {path}")
            assert re.findall(r"^\| (\d+) \|", part, re.MULTILINE) == list(operation["responses"])
    asked = {
        name: one
        for name, one in description["components"]["schemas"].items()
        if name not in records.records()
    }
    assert {"EstimateBody", "FitBody", "Machine", "SettingsOptions"} <= set(asked)
    for name, record in asked.items():
        listed = re.findall(r"^\| `(\w+)` \|", section(page, name), re.MULTILINE)
        assert listed == list(record["properties"])


@pytest.mark.parametrize("name", [name for name in llmprobe.__all__ if not name.startswith("_")])
def test_everything_public_is_described(name: str) -> None:
    """
    Each public function and error has its first sentence on the page, a function with every parameter.
    """
    value = getattr(llmprobe, name)
    part = section(python_api.page(), name)

    assert value.__doc__ is not None
    assert described(" ".join(value.__doc__.strip().split("\n\n")[0].split())) in part
    if not name.endswith("Error"):
        names = value.__code__.co_varnames[: value.__code__.co_argcount + value.__code__.co_kwonlyargcount]
        assert [parameter for parameter in names if f"    {parameter}" not in part] == []


def test_a_signature_is_that_of_the_source() -> None:
    """
    Parameters that need their names follow a star, and defaults that are text have their quotes.
    """
    lines = python_api.signature("fit").splitlines()

    assert lines[0] == "llmprobe.fit("
    assert lines[2:4] == ["    *,", "    use: Use = 'chat',"]
    assert lines.count("    *,") == 1
    assert lines[-1] == ") -> Fit"


@pytest.mark.parametrize(
    ("page", "link", "led"),
    [
        ("index.md", "[a](questions/names.md)", "[a](questions/names.md)"),
        ("questions/names.md", "[a](../cost.md#x)", "[a](../cost.md#x)"),
        ("questions/names.md", "[a](../../CONTRIBUTING.md#a-model)", "[a](../contributing.md#a-model)"),
        ("contributing.md", "[a](docs/how-it-works.md)", "[a](how-it-works.md)"),
        ("japanese.md", "[a](README.md)", "[a](index.md)"),
        ("accuracy.md", "[a](../fixtures/truth)", "a (`fixtures/truth`)"),
        ("index.md", "[a](https://example.org/b)", "[a](https://example.org/b)"),
        ("index.md", "[a](#b)", "[a](#b)"),
        ("index.md", "```\n[a](../b)\n```", "```\n[a](../b)\n```"),
    ],
)
def test_links_lead_to_pages_of_the_site(page: str, link: str, led: str) -> None:
    """
    A link to a page of the repository leads to that page of the site, one to another file is its path as text.
    """
    assert pages.led(link, page) == led


def test_signs_of_markdown_are_shown_as_they_are() -> None:
    """
    Names with signs of Markdown or HTML are text, and what docstrings mark as code is code.
    """
    assert plain("<b>*a*|[x](y)") == r"\<b\>\*a\*\|\[x\](y)"
    assert described("``a_b`` is *one*") == r"`a_b` is \*one\*"


def test_what_is_loaded_from_elsewhere_is_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """
    Scripts, styles, fonts and pictures of other hosts are named; links and own files are not.
    """
    (tmp_path / "a.html").write_text(
        '<link rel="canonical" href="https://own/"><link rel="stylesheet" href="own.css"><a href="https://x.org">x</a>'
    )
    (tmp_path / "own.css").write_text("a { background: url(own.png) }")
    assert alone.main(tmp_path) == 0

    (tmp_path / "b.html").write_text(
        '<script rel="next" src="//cdn.org/a.js"></script><img src="https://pic.org/a.png">'
    )
    (tmp_path / "c.css").write_text('@import "https://fonts.org/a.css"; b { src: url("//d.org/e.woff") }')
    assert alone.main(tmp_path) == 1
    assert capsys.readouterr().err.splitlines() == [
        "b.html loads //cdn.org/a.js",
        "b.html loads https://pic.org/a.png",
        "c.css loads https://fonts.org/a.css",
        "c.css loads //d.org/e.woff",
    ]
