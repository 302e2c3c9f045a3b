"""
A family is one file or one row, complete, found without importing the others, and added in one place.
"""

import importlib
import inspect
import sys
from collections import Counter
from pathlib import Path
from textwrap import dedent
from typing import get_type_hints

import pytest
from pytest_mock import MockerFixture

from benchmarks.gguf_writer import header
from llmprobe.estimation import Estimator
from llmprobe.facts.devices import Device, Hardware
from llmprobe.facts.model import Hparams, ModelSpec, Tensor
from llmprobe.facts.settings import Settings
from llmprobe.model import archs
from llmprobe.model.archs import CacheLayout, Family
from llmprobe.model.archs._shared import rules
from llmprobe.model.archs._shared.registry import Registry
from llmprobe.model.formats import hf_config
from llmprobe.model.loading import load
from tests.model.archs.test_families_contract import PLAIN
from tests.model.formats.test_hf_config import content

FOLDER = Path(archs.__path__[0])
FILES = sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))
TABLES = {"plain", "plain_experts"}
FAMILIES = archs.families()
WITHOUT_GRAPH = {"mllama", "solar"}

MODULE = """
from llmprobe.facts.model import Hparams, Tensor
from llmprobe.model.archs._building.blocks import Decoder, decoder
from llmprobe.model.archs._building.builder import Builder
from llmprobe.model.archs._shared.caches import CacheLayout, attention_cache
from llmprobe.model.archs._shared.config import Config
from llmprobe.model.archs._shared.inventory import Inventory

ARCHITECTURES = ("brand-new",)
HF_CLASSES = {"BrandNewForCausalLM": "brand-new"}


def tensors(hparams: Hparams) -> tuple[Tensor, ...]:
    inventory = Inventory(hparams)
    inventory.embedding()
    for _ in inventory.layers():
        inventory.norm("attn_norm")
        inventory.qkv()
        inventory.attn_output()
        inventory.norm("ffn_norm")
        inventory.ffn()
    inventory.output()
    return inventory.done()


def caches(hparams: Hparams) -> CacheLayout:
    return attention_cache(hparams)


def graph(g: Builder) -> None:
    decoder(g, Decoder())


def from_config(config: Config, common: Hparams) -> Hparams:
    return {"feed_forward_length": config.need("brand_new_width")}
"""
TABLE = """
from llmprobe.model.archs._building.blocks import Decoder
from llmprobe.model.archs._shared.rows import LLAMA, Row


def _width(config, common):
    return {"feed_forward_length": config.need("brand_new_width")}


ROWS = (
    Row(
        name="brand-new",
        hf_classes=("BrandNewForCausalLM",),
        layer=LLAMA,
        graph=Decoder(),
        from_config=_width,
    ),
)
"""


@pytest.fixture(params=["file", "row"])
def brand_new(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Add an architecture that nobody knows: one file, or one table with one row, and nothing else.
    """
    (tmp_path / f"added_{request.param}.py").write_text(
        dedent(MODULE if request.param == "file" else TABLE), encoding="utf-8"
    )
    monkeypatch.setattr(archs, "__path__", [*archs.__path__, str(tmp_path)])
    monkeypatch.setattr(archs, "_registry", Registry(archs.__name__, archs.__path__))


def estimated(spec: ModelSpec) -> tuple[int, set[str]]:
    """
    Return the bytes of a model's cache on the one device, and what the figures of the compute buffers stand on.
    """
    device = Device(id="gpu0", free_bytes=1 << 30)
    estimate = Estimator(spec).estimate("F16", Settings(ctx_size=512), Hardware(devices=(device,)))
    terms = [term for device in estimate.devices for term in device.terms]
    cache = sum(term.bytes for term in terms if "cache" in term.name)
    return cache, {term.basis for term in terms if "compute" in term.name}


@pytest.mark.usefixtures("brand_new")
def test_one_file_or_row_is_all_that_a_gguf_of_a_new_architecture_needs(tmp_path: Path) -> None:
    """
    Its file is loaded, keeps 2 heads of 16 values of K and V in 8 layers, and its graph is built.
    """
    family = archs.get("brand-new")
    assert family is not None
    metadata = {"general.architecture": "brand-new"} | {f"brand-new.{key}": PLAIN[key] for key in PLAIN}
    typed = [Tensor(t.name, t.shape, t.layer, "f16") for t in family.tensors(PLAIN)]
    path = tmp_path / "new.gguf"
    path.write_bytes(header(metadata, typed))

    cache, bases = estimated(load(str(path)))
    assert cache == 2 * 2 * 16 * 8 * 512 * 2
    assert "assumed" not in bases


@pytest.mark.usefixtures("brand_new")
def test_one_file_or_row_is_all_that_a_configuration_of_a_new_class_needs() -> None:
    """
    The class leads to the architecture, its own rule is used, and the model is estimated with its graph.
    """
    spec = hf_config.spec(content(architectures=["BrandNewForCausalLM"], brand_new_width=192), "new")
    assert (spec.architecture, spec.hparams["feed_forward_length"]) == ("brand-new", 192)

    cache, bases = estimated(spec)
    assert cache == 2 * 2 * 16 * 2 * 512 * 2
    assert "assumed" not in bases


def test_without_the_file_nothing_knows_the_new_architecture() -> None:
    """
    What the tests above add is not there otherwise.
    """
    assert archs.get("brand-new") is None
    assert archs.of_class("BrandNewForCausalLM") is None


@pytest.mark.parametrize("name", [name for name in FILES if name not in TABLES])
def test_a_family_file_has_every_part(name: str) -> None:
    """
    Each says what it is, and has tensors, caches, classes, a rule for configurations and a graph, or None for it.
    """
    module = sys.modules[f"{archs.__name__}.{name}"]

    assert module.__doc__
    assert {"ARCHITECTURES", "HF_CLASSES", "tensors", "caches", "graph", "from_config"} <= vars(module).keys()
    for part in (module.tensors, module.caches):
        hints = get_type_hints(part)
        assert [hints[name] for name in hints if name != "return"][:1] == [Hparams]
        assert hints["return"] in (tuple[Tensor, ...], CacheLayout)
        assert inspect.getdoc(part)


def test_an_architecture_belongs_to_one_family() -> None:
    """
    No value of general.architecture is claimed twice, and each leads to its claimant.
    """
    claims = Counter(name for family in FAMILIES for name in family.architectures)

    assert [name for name, count in claims.items() if count > 1] == []
    assert [family.name for family in FAMILIES for name in family.architectures] == [
        found.name for name in claims if (found := archs.get(name)) is not None
    ]


def test_a_class_belongs_to_one_family() -> None:
    """
    No class of configurations is claimed twice, each leads to its claimant, and to an architecture of it.
    """
    claims = Counter(name for family in FAMILIES for name in family.hf_classes)

    assert [name for name, count in claims.items() if count > 1] == []
    for family in FAMILIES:
        assert set(family.hf_classes.values()) <= set(family.architectures)
        for name in family.hf_classes:
            found = archs.of_class(name)
            assert found is not None
            assert found.name == family.name


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_rule_for_configurations_is_reached_by_a_class(family: Family) -> None:
    """
    A rule without a class that leads to it would never be used; another family's may do, with what it settles.
    """
    settling = [inspect.getsource(other.settled) for other in FAMILIES if other.settled is not None]
    led_to = any(f'"{name}"' in source for source in settling for name in family.architectures)

    assert family.from_config is None or family.hf_classes or led_to


def test_every_shared_rule_is_used_by_a_family() -> None:
    """
    A rule that was written and never registered reads a model wrongly without a word.
    """
    written = {name for name, rule in inspect.getmembers(rules, inspect.isfunction)}
    texts = "".join((FOLDER / f"{name}.py").read_text(encoding="utf-8") for name in FILES)
    within = inspect.getsource(rules)

    unused = [name for name in written if f"rules.{name}" not in texts and within.count(f"{name}(") < 2]
    assert unused == []


def test_only_these_families_have_no_graph() -> None:
    """
    Of all others the compute buffers are computed, not bounded.
    """
    assert {family.name for family in FAMILIES if family.graph is None} == WITHOUT_GRAPH


@pytest.mark.parametrize(
    ("call", "name", "imported"),
    [
        ("named", "llama", ["llama"]),
        ("named", "qwen3vlmoe", ["qwen3"]),
        ("named", "mistral4", ["deepseek2"]),
        ("named", "internlm2", ["plain"]),
        ("of_class", "Gemma3nForConditionalGeneration", ["gemma3n"]),
        ("of_class", "MiniCPMForCausalLM", ["granite"]),
        ("named", "no-such-architecture", []),
        ("named", "_shared", []),
        ("named", "../loading", []),
        ("named", "x" * 5000, []),
        ("of_class", "x" * 5000, []),
        ("of_class", "\ud800", []),
    ],
)
def test_a_model_imports_its_own_family_only(
    call: str, name: str, imported: list[str], mocker: MockerFixture
) -> None:
    """
    The other families cost nothing, and a name that is none leads nowhere.
    """
    imports = mocker.patch(f"{Registry.__module__}.import_module", side_effect=importlib.import_module)
    registry = Registry(archs.__name__, archs.__path__)
    getattr(registry, call)(name)

    assert [args[0].rpartition(".")[2] for args, _ in imports.call_args_list] == imported
