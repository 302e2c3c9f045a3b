"""
How a family is found: by the text of the files, so that only the file that knows an architecture is imported.

A file is a candidate if it has the name of the architecture, or names it in quotes; what it declares decides.
"""

from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path

from llmprobe.model.archs._shared.family import Family, families_of


class Registry:
    """
    The families of a package. Answers are kept; threads that ask at once get equal ones.
    """

    def __init__(self, package: str, folders: Sequence[str]) -> None:
        self._package = package
        self._folders = tuple(folders)
        self._files: dict[str, Path] = {}
        self._named: dict[str, Family | None] = {}

    def named(self, architecture: str) -> Family | None:
        """Return the family of an architecture, None where there is none."""
        if architecture not in self._named:
            self._named[architecture] = next(
                (family for family in self._candidates(architecture) if architecture in family.architectures),
                None,
            )
        return self._named[architecture]

    def of_class(self, name: str) -> Family | None:
        """Return the family that a class of Hugging Face configurations belongs to, None where there is none."""
        return next((family for family in self._candidates(name) if name in family.hf_classes), None)

    def all(self) -> tuple[Family, ...]:
        """Return every family, which imports every file."""
        return tuple(family for module in self._modules() for family in self._families(module))

    def _candidates(self, text: str) -> Iterator[Family]:
        modules, own = self._modules(), text.replace("-", "_")
        if own in modules:
            yield from self._families(own)
        quoted = f'"{text}"'.encode()
        for module, path in modules.items():
            if module != own and quoted in path.read_bytes():
                yield from self._families(module)

    def _families(self, module: str) -> tuple[Family, ...]:
        return families_of(import_module(f"{self._package}.{module}"))

    def _modules(self) -> dict[str, Path]:
        if not self._files:
            self._files = {
                path.stem: path
                for folder in self._folders
                for path in sorted(Path(folder).glob("*.py"))
                if not path.stem.startswith("_")
            }
        return self._files
