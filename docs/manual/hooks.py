"""
What mkdocs calls while it builds the site, as ``.ci/mkdocs.yml`` says.
"""

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from docs.manual.pages import OF_ROOT, led, made

ROOT = Path(__file__).parents[2]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """
    Add the pages of the repository's root.
    """
    for source, name in OF_ROOT.items():
        files.append(File.generated(config, name, content=(ROOT / source).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - as mkdocs calls it
    """
    Make a page of the repository one of the site.
    """
    return made(led(markdown, page.file.src_uri))
