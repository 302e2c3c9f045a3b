"""
What a program may ask in the body of a request. Names and defaults are those of the Python API.

Models are named, never opened by path or address: a request makes the server read no file that nobody keeps as a model.
"""

from typing import Annotated, Literal

import msgspec

from llmprobe.facts.fit import Order, Use
from llmprobe.facts.recommendation import UseName
from llmprobe.facts.settings import SettingsOptions

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Projector = Literal["auto", "none"]
_Names = Annotated[tuple[Name, ...], msgspec.Meta(max_length=32)]
_Devices = Annotated[tuple[Name, ...], msgspec.Meta(max_length=16)]
_Uses = Annotated[tuple[Use, ...], msgspec.Meta(max_length=8)]
_MOST_ROWS = 100


class _Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """
    A field that does not exist is an error: a misspelt wish would be left out silently.
    """


def expect_known_settings(given: object) -> None:
    """
    Refuse a body, as it was read, whose ``settings`` have a name that is none of a setting: msgspec would leave it out.

    Raises:
        ValidationError: one has.
    """
    settings = given.get("settings") if isinstance(given, dict) else None
    unknown = settings.keys() - SettingsOptions.__annotations__.keys() if isinstance(settings, dict) else ()
    if unknown:
        raise msgspec.ValidationError(f"Object contains unknown field `{min(unknown)}` - at `$.settings`")


class Nothing(_Body, frozen=True, kw_only=True):
    """
    No argument.
    """


class Machine(_Body, frozen=True, kw_only=True):
    """
    A machine that is not the server's: ``gpus`` as ``--gpu`` takes them, ``ram`` as ``--ram``.
    """

    gpus: _Names = ()
    ram: Name | None = None
    ram_bandwidth_bytes_per_s: int | None = None
    cpu: Name | None = None
    cores: int | None = None
    pcie: Name | None = None
    wired_limit_bytes: int | None = None


class EstimateBody(_Body, frozen=True, kw_only=True):
    """
    One configuration: ``settings`` are llama.cpp's by name.
    """

    model: Name
    quant: Name | None = None
    engine: Name | None = None
    explain: bool = False
    prompt_tokens: int | None = None
    draft_model: Name | None = None
    draft_quant: Name | None = None
    settings: SettingsOptions = {}
    machine: Machine | None = None


class SettingBody(EstimateBody, frozen=True, kw_only=True):
    """
    One configuration, for a ``use`` of its answers, on the devices ``use_devices`` alone where some are named.
    """

    use: UseName | None = None
    use_devices: _Devices | None = None


class RecommendBody(_Body, frozen=True, kw_only=True):
    """
    The best ways to run a model.
    """

    model: Name
    ctx_size: int | Literal["max"] | None = None
    parallel: int = 1
    quants: _Names = ()
    cache_type_k: Name | None = None
    cache_type_v: Name | None = None
    priority: Literal["balanced", "quality", "speed", "context"] = "balanced"
    use: UseName | None = None
    engine: Name = "llama.cpp"
    reserve_bytes: int | None = None
    assume_idle: bool = False
    min_speed: float | None = None
    min_quality: Name | None = None
    top: Annotated[int, msgspec.Meta(ge=1, le=_MOST_ROWS)] = 4
    mmproj: Projector = "auto"
    mmproj_offload: bool | None = None
    spec_type: _Names = ()
    explain: bool = False
    table: bool = False
    machine: Machine | None = None


class FitBody(_Body, frozen=True, kw_only=True):
    """
    The models that run best for a use.
    """

    use: Use = "chat"
    ctx_size: int | None = None
    engine: Name = "llama.cpp"
    min_speed: float | None = None
    min_quality: Name | None = None
    max_download_bytes: int | None = None
    licenses: _Names = ()
    families: _Names = ()
    only_gpu: bool = False
    sort: Order = "points"
    top: Annotated[int, msgspec.Meta(ge=1, le=_MOST_ROWS)] = 8
    reserve_bytes: int | None = None
    assume_idle: bool = False
    machine: Machine | None = None


class PlanBody(_Body, frozen=True, kw_only=True):
    """
    The machines that run a model.
    """

    model: Name
    ctx_size: int = 8192
    quant: Name | None = None
    parallel: int = 1
    min_speed: float | None = None


class UpgradeBody(_Body, frozen=True, kw_only=True):
    """
    What would help the machine most: for a ``model``, or without one for a ``use``.
    """

    model: Name | None = None
    use: Use | None = None
    ctx_size: int | None = None
    quants: _Names = ()
    min_speed: float | None = None
    reserve_bytes: int | None = None
    machine: Machine | None = None


class CostBody(_Body, frozen=True, kw_only=True):
    """
    What a model costs. A ``machine`` that is described would have to be bought.
    """

    model: Name
    ctx_size: int = 8192
    quant: Name | None = None
    parallel: int = 1
    use: UseName | None = None
    requests: int | None = None
    tokens_per_day: int | None = None
    hours_per_day: float | None = None
    on_hours: float | None = None
    months: int = 36
    budget: float | None = None
    price: float | None = None
    power_price: float | None = None
    watts: float | None = None
    idle_watts: float | None = None
    currency: Name | None = None
    exchange_rate: float | None = None
    machine: Machine | None = None


class ReportBody(_Body, frozen=True, kw_only=True):
    """
    What a page shows: the machine, ``fit`` for some ``uses``, and a ``model`` where one is named.
    """

    model: Name | None = None
    uses: _Uses = ()
    ctx_size: int | None = None
    use: UseName | None = None
    machine: Machine | None = None
