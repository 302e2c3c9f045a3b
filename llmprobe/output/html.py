"""
One HTML file that needs nothing else: the page's assets, and a document that no text in it can turn into markup.

Everything that a browser may run or show is named in its policy by its hash, and it may ask nothing of a network.
"""

import base64
import hashlib
from importlib.resources import files

import msgspec

from llmprobe.facts.report import Report
from llmprobe.output.documents import to_json
from llmprobe.words.render import Words

DATA = "llmprobe-report"
"""The id of the element that holds the document."""

_BEGINS = """\
<!doctype html>
<html lang="{language}" data-mode="{mode}">
<head>
<meta charset="utf-8">
<meta name="generator" content="llmprobe report">
"""
_OWN = b'<meta name="generator" content="llmprobe report">'
"""What tells a report from any other file."""

_ESCAPES = str.maketrans({sign: f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"})


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """
    A page, and the policy that a server sends with it.
    """

    html: str
    policy: str


def page(record: Report, words: Words) -> Page:
    """
    The page of a report. A live one may ask the server that it came from.
    """
    live = record.live
    script, style = _asset("page.js"), _asset("page.css")
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src {_hash(script)}",
            f"style-src {_hash(style)}",
            "img-src data:",
            *(("connect-src 'self'",) if live else ()),
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    model = None if record.model is None else record.model.recommendation.model.name
    title = words.say("report.window", model=model)
    begins = _BEGINS.format(language=words.language, mode="live" if live else "file")
    html = "\n".join(
        (
            f'{begins}<meta http-equiv="Content-Security-Policy" content="{policy}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="dark light">',
            '<meta name="referrer" content="no-referrer">',
            # Else a browser asks for one.
            '<link rel="icon" href="data:,">',
            f"<title>{_text(title)}</title>",
            f"<style>{style}</style>",
            "</head>",
            "<body>",
            '<div id="app"></div>',
            f"<noscript>{_text(words.sentence('report.no-script'))}</noscript>",
            f'<script type="application/json" id="{DATA}">{data(record, words)}</script>',
            f"<script>{script}</script>",
            "</body>",
            "</html>",
            "",
        )
    )
    # A frame is forbidden by header alone: browsers do not take it from a page.
    return Page(html=html, policy=f"{policy}; frame-ancestors 'none'")


def data(record: Report, words: Words) -> str:
    """
    A document in one line, in which no sign begins or ends markup.
    """
    return to_json(record, words, in_one_line=True).rstrip("\n").translate(_ESCAPES)


def is_report(beginning: bytes) -> bool:
    """
    Whether a file that begins so was written by ``llmprobe report``.
    """
    return _OWN in beginning


def _asset(name: str) -> str:
    """
    A built asset, its lines as a browser reads them: the hash is over these.
    """
    return (files("llmprobe.page") / "built" / name).read_text(encoding="utf-8")


def _hash(content: str) -> str:
    digest = hashlib.sha256(content.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _text(sentence: str) -> str:
    return sentence.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
