"""
What running a model costs, here, on other hardware, rented, or by API: the document of ``llmprobe cost``.
"""

from typing import Literal

import msgspec

from llmprobe._version import __version__
from llmprobe.facts.estimate import ModelInEstimate, Range
from llmprobe.facts.prices import PriceRange
from llmprobe.facts.recommendation import Choice, MachineInShort, UseName
from llmprobe.words.message import Message

Kind = Literal["here", "hardware", "rent", "api"]
WattsFrom = Literal["yours", "live", "limit", "rated", "measured", "assumed"]
Given = Literal["hours", "tokens", "requests", "usual"]
Verdict = Literal["cheaper", "repaid", "perhaps", "never", "cannot"]


class CostWishes(msgspec.Struct, frozen=True, kw_only=True):
    """
    The user's wishes. Of ``hours_per_day``, ``tokens_per_day`` (written) and ``requests`` (a day) at most one is given.

    ``parallel`` above 1 is a service for so many users at a time. ``months`` is the time in which a purchase shall
    repay itself, ``budget`` the most that it may cost. ``price`` is what the machine costs, ``power_price`` a kWh,
    ``exchange_rate`` a dollar, all in ``currency``; ``watts`` and ``idle_watts`` are
    at the wall.
    """

    ctx_size: int
    quant: str
    parallel: int = 1
    use: UseName | None = None
    hours_per_day: float | None = None
    tokens_per_day: int | None = None
    requests: int | None = None
    on_hours: float | None = None
    months: int = 36
    budget: float | None = None
    currency: str = "USD"
    exchange_rate: float | None = None
    price: float | None = None
    power_price: float | None = None
    watts: float | None = None
    idle_watts: float | None = None


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """
    Tokens that are written and read a day, of which wish they come, and how many answers they are.
    """

    written_per_day: float
    read_per_day: float
    given: Given
    use: UseName
    answers_per_day: float


class WattsOf(msgspec.Struct, frozen=True, kw_only=True):
    """
    Watts at the wall, at work and idle, and of which source each is: the user's, what the device draws now, its limit,
    what its maker rates, a measurement of such a machine, or an assumption; ``how`` says it in words.
    """

    load: Range
    load_from: WattsFrom
    idle: Range
    idle_from: WattsFrom
    how: Message


class BreakEven(msgspec.Struct, frozen=True, kw_only=True):
    """
    One way against another (``against``: the name of a way). ``saved_per_month`` may be negative.

    ``verdict``: cheaper (nothing is to be bought, and each month costs less), repaid, perhaps (it depends on where in
    their ranges the figures are), never, cannot (this way does not write that many tokens). Months are None where it
    is never. The question inverted, for a repayment in the wished months: ``worth_below`` is the price to pay at most,
    ``written_per_day_above`` the tokens a day from which on it pays (None: no number does), ``rent_above`` the rent of
    an hour and GPU above which it pays, ``power_below`` the price of a kWh below which each token is cheaper, where
    nothing is to be bought.
    """

    against: str
    verdict: Verdict
    saved_per_month: Range
    months_low: float | None = None
    months_likely: float | None = None
    months_high: float | None = None
    worth_below: Range | None = None
    written_per_day_above: float | None = None
    rent_above: float | None = None
    power_below: float | None = None


class Hosted(msgspec.Struct, frozen=True, kw_only=True):
    """
    What providers ask for a model, for a million tokens written, read, and read again from a cache: the cheapest, the
    median, and the dearest (``low``, ``likely``, ``high``). ``model`` is the one that is priced.
    """

    model: str
    written: Range
    read: Range
    cached: Range | None
    providers: int
    cheapest: str
    price: PriceRange


class LargerModel(msgspec.Struct, frozen=True, kw_only=True):
    """
    The next larger model in one case: the memory that it needs there and by how much that is more than there is (None:
    it fits, or nobody has to care), and what is to be done in words.
    """

    model: str
    need_bytes: int | None
    missing_bytes: int | None
    how: Message


class CostWay(msgspec.Struct, frozen=True, kw_only=True):
    """
    One way to run the model. Money is in the currency of the document; unknown is None.

    ``gpus`` and ``ram`` are as ``--gpu`` and ``--ram`` take them, ``choice`` is that of ``recommend``.
    ``written_per_s`` is what all users together are written, ``hours_per_day`` how long the day's work takes,
    ``enough`` whether that is below 24 hours (None: it depends), ``most_written_per_day`` what a whole day gives.
    ``per_month`` is all that runs up: electricity or rent of the work, electricity while idle (``idle_per_month``),
    what is asked; ``always_on_per_month`` is what idle hours cost where it is never switched off. ``larger`` is the
    next larger model, ``data`` where the text goes, ``effort`` what is to be done.
    """

    kind: Kind
    id: str
    name: Message
    gpus: tuple[str, ...] = ()
    ram: str | None = None
    count: int = 1
    choice: Choice | None = None
    whole: bool | None = None
    written_per_s: Range | None = None
    read_per_s: Range | None = None
    hours_per_day: Range | None = None
    enough: bool | None = None
    most_written_per_day: Range | None = None
    watts: WattsOf | None = None
    price: PriceRange | None = None
    first_cost: Range | None = None
    rent_per_hour: PriceRange | None = None
    hosted: Hosted | None = None
    per_month: Range | None = None
    idle_per_month: Range | None = None
    always_on_per_month: Range | None = None
    per_million_written: Range | None = None
    per_million_read: Range | None = None
    break_even: tuple[BreakEven, ...] = ()
    larger: LargerModel | None = None
    data: Message | None = None
    effort: Message | None = None


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """
    The document of ``llmprobe cost``: the ways to run a model and what each costs.

    ``priced_on`` is the day for which prices are told, ``power_price`` the kWh and ``power_place`` its country, None
    of the user's own. ``answer`` is the comparison in a sentence or two.
    """

    schema: Literal["llmprobe.cost/1"] = "llmprobe.cost/1"
    llmprobe_version: str = __version__
    this_machine: bool
    model: ModelInEstimate
    machine: MachineInShort
    wishes: CostWishes
    work: Work
    currency: str
    priced_on: str
    power_price: PriceRange | None
    power_place: str | None = None
    ways: tuple[CostWay, ...]
    answer: tuple[Message, ...] = ()
    notes: tuple[Message, ...] = ()
