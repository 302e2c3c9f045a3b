"""
A model's tensors as they are loaded: which of them are, and for which layer and part of a buffer each counts.

None of it depends on the types, so that all quantizations of a model share it.
"""

import re
from collections.abc import Sequence

from llmprobe.facts.backends import Scans
from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs import Sizes
from llmprobe.model.archs._shared.heads import BORROWED
from llmprobe.model.archs._shared.loops import blocks_of, homes, routers
from llmprobe.model.archs._shared.recurrent import scanned_on_gpu

HOST_ONLY_NAMES = frozenset({"d2t"})
"""Tables of whole numbers that no GPU looks up: which word of a model a word of its draft head is."""

INPUT_NAMES = frozenset(
    {"token_embd.weight", "position_embd.weight", "token_types.weight", "per_layer_token_embd.weight"}
)
ROPE_NAMES = frozenset({"rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight"})
FIRST_LAYER_NAMES = frozenset(
    {
        "token_embd_norm.weight",
        "token_embd_norm.bias",
        "per_layer_model_proj.weight",
        "per_layer_proj_norm.weight",
        "hrm.z_l_init",
    }
)

EXPERTS = re.compile(r"ffn_(up|down|gate|gate_up)_(ch|)exps")


class Roster:
    """
    The tensors of one model. Next-n layers are in the file but not loaded, except with ``next_token``.

    Encoders have no output layer. With ``output_first`` llama.cpp makes the output matrix before the embedding, and
    then does not see that a tied one is there already; with ``no_output`` the embedding is used where it lies. With
    ``reads_late`` rows of the table of tokens by layer are read as they are used.
    ``rope_layers`` are the layers that use rotary factors, None for all. ``passes`` counts how often a token goes
    through the layers.

    Each loaded tensor has its slot in ``slot_of``: of ``n_layer`` layers without experts, of as many layers' experts,
    of the output layer and of rotary factors; an input, which is looked up on the host, has None. Where a GPU cannot
    use a tensor, it stays on the host: ``home_of`` is the layer that it stays for, None where that cannot be, and
    ``host_only`` tells by its name and shape whether it does.
    """

    def __init__(
        self,
        tensors: Sequence[Tensor],
        hparams: Hparams,
        *,
        encoder: bool = False,
        output_first: bool = False,
        no_output: bool = False,
        reads_late: bool = False,
        rope_layers: tuple[int, ...] | None = None,
        next_token: bool = False,
    ) -> None:
        blocks = blocks_of(hparams, int(hparams["block_count"]))
        self.n_layer = len(blocks) + routers(hparams)
        trunk = len(blocks) - (0 if next_token else int(hparams.get("nextn_predict_layers") or 0))
        # The layer where the weights of each block of the file lie: another where a model is looped.
        self._homes = homes(blocks)
        self.passes = len(blocks) / len(self._homes)
        self.output_first = output_first
        using = range(self.n_layer) if rope_layers is None else rope_layers
        self.uses_rope = [int(layer in using) for layer in range(self.n_layer)]
        self.reads_late = reads_late
        self._loaded = [
            number
            for number, tensor in enumerate(tensors)
            if tensor.name not in BORROWED and (tensor.layer is None or tensor.layer < trunk)
        ]
        loaded = self.loaded(tensors)
        outside = {tensor.name for tensor in loaded if tensor.layer is None}
        self.tied = not (encoder or no_output) and "output.weight" not in outside
        # Where a language model has no other norm after its last layer, the one with the embedding's name is it.
        self._embedding_norm_last = not encoder and "output_norm.weight" not in outside
        # Delta nets have a decay too, and multiply with it; what is scanned has a part that skips the state.
        scans = any(tensor.name.endswith(".ssm_d") for tensor in loaded)
        self.slot_of: list[int | None] = []
        self.home_of: list[int | None] = []
        self._hparams = hparams
        self._decays: list[tuple[int, ...] | None] = []
        self._tables: list[bool] = []
        self._host_only: dict[Scans | None, list[bool]] = {}
        for tensor in loaded:
            slot = self._slot(tensor)
            counts_for_first = tensor.layer is None and slot == 0
            self.slot_of.append(slot)
            self.home_of.append(
                None if slot is None or slot == self.rope or counts_for_first else self.home(tensor)
            )
            self._decays.append(tensor.shape if scans and tensor.name.endswith(".ssm_a") else None)
            self._tables.append(tensor.name in HOST_ONLY_NAMES)

    def host_only(self, scans: Scans | None) -> list[bool]:
        """
        Which loaded tensors no GPU uses that scans such states.
        """
        found = self._host_only.get(scans)
        if found is None:
            found = self._host_only[scans] = [
                table or (decay is not None and not scanned_on_gpu(Sizes(self._hparams), decay, scans))
                for table, decay in zip(self._tables, self._decays, strict=True)
            ]
        return found

    @property
    def output(self) -> int:
        """The slot of the output layer."""
        return 2 * self.n_layer

    @property
    def rope(self) -> int:
        """The slot of rotary factors, the last one."""
        return 2 * self.n_layer + 1

    def loaded(self, tensors: Sequence[Tensor]) -> Sequence[Tensor]:
        """
        Those that are loaded of the model's tensors, whatever their types.
        """
        if len(self._loaded) == len(tensors):
            return tensors
        return [tensors[number] for number in self._loaded]

    def for_first(self, tensor: Tensor) -> bool:
        """
        Whether a tensor of no layer lies with the first one: a norm of the embedding, where it is not the last norm.
        """
        return tensor.layer is None and self._slot(tensor) == 0

    def home(self, tensor: Tensor) -> int:
        """
        The layer where a tensor lies, that of the output for one of no layer.
        """
        return self.n_layer if tensor.layer is None else self._homes[tensor.layer]

    def _slot(self, tensor: Tensor) -> int | None:
        name = tensor.name
        if tensor.layer is not None:
            return self._homes[tensor.layer] + (self.n_layer if EXPERTS.search(name) else 0)
        if is_input(name):
            return None
        if name in ROPE_NAMES:
            return self.rope
        is_last_norm = self._embedding_norm_last and name.startswith("token_embd_norm")
        return 0 if name in FIRST_LAYER_NAMES and not is_last_norm else self.output


def is_input(name: str) -> bool:
    """
    Whether a tensor outside the layers is looked up and stays on the host, its adapters with it.
    """
    return name in INPUT_NAMES or name.startswith("token_embd.weight.lora_")
