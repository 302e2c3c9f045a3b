"""
How a family is found: by the text of the files, so that only the file that knows an architecture is imported.

A file is a candidate if it has the name of the architecture, or names it in quotes; what it declares decides.
"""

from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path

from llmprobe.model.archs._shared.family import Family, families_of

_LONGEST = 64
"""Letters of an architecture's name: a file could say anything."""


class Registry:
    """
    The families of a package. Answers are kept; threads that ask at once get equal ones.
    """

    def __init__(self, package: str, folders: Sequence[str]) -> None:
        self._package = package
        self._folders = tuple(map(Path, folders))
        self._files: dict[str, Path] = {}
        self._texts: dict[str, bytes] = {}
        self._named: dict[str, Family | None] = {}

    def named(self, architecture: str) -> Family | None:
        """The family of an architecture, None where there is none."""
        if architecture not in self._named:
            self._named[architecture] = next(
                (family for family in self._candidates(architecture) if architecture in family.architectures),
                None,
            )
        return self._named[architecture]

    def of_class(self, name: str) -> Family | None:
        """The family that a class of Hugging Face configurations belongs to, None where there is none."""
        return next((family for family in self._candidates(name) if name in family.hf_classes), None)

    def all(self) -> tuple[Family, ...]:
        """Every family, which imports every file."""
        return tuple(family for module in self._modules() for family in self._families(module))

    def _candidates(self, text: str) -> Iterator[Family]:
        own = text.replace("-", "_")
        if self._is_file(own):
            yield from self._families(own)
        quoted = f'"{text}"'.encode(errors="backslashreplace")
        for module in self._modules():
            if module != own and quoted in self._text(module):
                yield from self._families(module)

    def _is_file(self, module: str) -> bool:
        named = len(module) <= _LONGEST and module.isidentifier() and not module.startswith("_")
        return named and any((folder / f"{module}.py").is_file() for folder in self._folders)

    def _families(self, module: str) -> tuple[Family, ...]:
        return families_of(import_module(f"{self._package}.{module}"))

    def _text(self, module: str) -> bytes:
        if module not in self._texts:
            self._texts[module] = self._modules()[module].read_bytes()
        return self._texts[module]

    def _modules(self) -> dict[str, Path]:
        if not self._files:
            paths = {
                path.stem: path
                for folder in self._folders
                for path in folder.iterdir()
                if path.suffix == ".py" and not path.stem.startswith("_")
            }
            self._files = {name: paths[name] for name in sorted(paths)}
        return self._files
