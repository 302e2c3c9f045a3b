"""
The values of a Hugging Face ``config.json``, by the names that different models give to the same thing.
"""

from collections.abc import Callable
from typing import Any

from llmprobe.errors import ModelError
from llmprobe.model.archs._shared.defaults import filled
from llmprobe.model.archs._shared.whole import excerpt
from llmprobe.words.message import message

_MOST = 1 << 31
_MOST_LAYERS = 4096
_LARGEST_REAL = 1e30
_TEXT_PARTS = ("text_config", "llm_config", "lm_config", "thinker_config", "language_config", "lfm")
"""Where models of several parts keep the language model's; llama.cpp's converter takes the last that is there."""
_DEEPEST = 4
"""Parts within parts: a thinker has one for its text."""

Words = Callable[[dict[str, Any]], dict[str, Any]]
"""Takes a configuration, and returns it with the names of one family replaced by common ones."""


class Config:
    """
    A configuration with the part that describes the language model in front. ``defaulted`` are the values that it
    leaves out, and that its kind of model has by default.

    Raises:
        ModelError: a value without which no tensor can be listed is missing or can't be.
    """

    def __init__(self, values: dict[str, Any], architecture: str, words: Words | None = None) -> None:
        found, self.defaulted = filled(merged(values))
        self.values = found if words is None else words(found)
        self.architecture = architecture
        kinds = self.values.get("layers_block_type") or self.values.get("hybrid_override_pattern")
        self.layers = len(kinds) if isinstance(kinds, list | str) and kinds else self._said_layers()
        if self.layers > _MOST_LAYERS:
            raise ModelError(message("config.layers", layers=self.layers, most=_MOST_LAYERS))

    def _said_layers(self) -> int:
        return self.need("num_hidden_layers", "n_layers", "n_layer", "num_layers")

    def get(self, *names: str) -> Any:
        """The first of these values that is there, None where none is."""
        return self.values.get(self._name(names))

    def _name(self, names: tuple[str, ...]) -> str:
        return next((name for name in names if self.values.get(name) is not None), names[0])

    def number(self, *names: str, default: int = 0) -> int:
        """A whole number."""
        value = self.get(*names)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int):
            raise ModelError(message("config.not-a-count", key=self._name(names), value=excerpt(value)))
        if not 0 <= value < _MOST:
            raise ModelError(message("config.implausible", key=self._name(names), value=excerpt(value)))
        return value

    def need(self, *names: str) -> int:
        """A whole number over 0 that has to be there."""
        if self.get(*names) is None:
            raise ModelError(message("config.lacks", keys=names[:1]))
        found = self.number(*names)
        if not found:
            raise ModelError(message("config.implausible", key=self._name(names), value=excerpt(found)))
        return found

    def real(self, *names: str) -> float | None:
        """A number with a fraction, None where there is none."""
        value = self.get(*names)
        if not isinstance(value, int | float) or isinstance(value, bool):
            return None
        if not abs(value) < _LARGEST_REAL:
            raise ModelError(message("config.implausible", key=self._name(names), value=excerpt(value)))
        return float(value)

    def flag(self, *names: str, default: bool = False) -> bool:
        """Whether something is so."""
        value = self.get(*names)
        return default if value is None else bool(value)

    def listed(self, name: str) -> list[Any] | None:
        """A list with one value per layer, those of further layers taken off; None where there is none."""
        value = self.get(name)
        if not isinstance(value, list):
            return None
        if len(value) < self.layers:
            raise ModelError(
                message("config.list-too-short", key=name, entries=len(value), layers=self.layers)
            )
        return value[: self.layers]

    def part(self, name: str) -> dict[str, Any]:
        """A group of values, empty where there is none."""
        value = self.get(name)
        return value if isinstance(value, dict) else {}

    @property
    def slides(self) -> list[bool] | None:
        """For each layer whether it looks back over a window only, None where that is not said."""
        types = self.listed("layer_types")
        return None if types is None else [kind == "sliding_attention" for kind in types]

    @property
    def heads(self) -> int:
        return self.need("num_attention_heads", "n_head", "n_heads", "num_heads")

    @property
    def width(self) -> int:
        return self.need("hidden_size", "n_embd", "d_model", "dim")

    @property
    def head(self) -> int:
        """The values of one attention head."""
        return self.number("head_dim", "attention_head_dim", "kv_channels") or self.width // self.heads

    @property
    def rope(self) -> dict[str, Any]:
        """What is said of rotary positions, of full layers where sliding ones have their own."""
        said = self.part("rope_parameters") or self.part("rope_scaling")
        full = said.get("full_attention")
        return full if isinstance(full, dict) else said


def merged(values: dict[str, Any]) -> dict[str, Any]:
    """
    A configuration in which the values of the language model stand before those of the whole.
    """
    part = _part(values)
    for _ in range(_DEEPEST):
        if part is None:
            break
        values, part = values | part, _part(part)
    return values


def text_part(values: dict[str, Any]) -> dict[str, Any] | None:
    """
    The part of a configuration that describes its language model, None where the whole does.
    """
    found, part = None, _part(values)
    for _ in range(_DEEPEST):
        if part is None:
            break
        found, part = part, _part(part)
    return found


def _part(values: dict[str, Any]) -> dict[str, Any] | None:
    parts: list[dict[str, Any]] = [values[name] for name in _TEXT_PARTS if isinstance(values.get(name), dict)]
    return parts[-1] if parts else None


def without_heads(values: dict[str, Any]) -> dict[str, Any]:
    """
    A configuration of a model without attention: what heads are asked for elsewhere is of no use in it.
    """
    return values | {"num_attention_heads": 1}
