"""
Prices in one currency: the user's own figures first, then the dated tables, converted where a rate is known.
"""

from collections.abc import Iterator
from datetime import date
from math import ceil
from os import PathLike
from statistics import median

import msgspec

from llmprobe.errors import ModelError, UsageError
from llmprobe.facts.cost import CostWishes, Hosted
from llmprobe.facts.estimate import Range
from llmprobe.facts.machine import Snapshot
from llmprobe.facts.model import ModelSpec
from llmprobe.facts.own_prices import CURRENCIES, OwnPrices
from llmprobe.facts.prices import PriceRange, times, together
from llmprobe.machine.prices import electricity, prices_of, prices_of_gpu, product_of, rents
from llmprobe.model.from_catalog import meant
from llmprobe.model.hosted import Offer, alike, offers, whole_table, widest
from llmprobe.source.opening import readable
from llmprobe.units import GIB, MIB
from llmprobe.words.message import message

MOST_BYTES = MIB
"""A longer file is no list of prices."""

Product = tuple[str, int | None]
"""A GPU by its name in the table of GPUs and its GiB, RAM by its kind and its GiB."""


class PriceBook:
    """
    What things cost on a day, in one currency.
    """

    def __init__(self, wishes: CostWishes, own: OwnPrices | None, on: date) -> None:
        self.currency = wishes.currency
        self.on = on
        self._wishes = wishes
        self._own = own
        self._dollar = 1.0 if self.currency == "USD" else wishes.exchange_rate
        self._hardware = {} if own is None else dict(_products(own.hardware, self.currency))
        self._rent = {} if own is None else dict(_products(own.rent, self.currency))
        self._rents = rents(on)

    @property
    def converts(self) -> bool:
        """Whether prices in dollars can be told in this currency."""
        return self._dollar is not None

    def power(self) -> tuple[PriceRange | None, str | None]:
        """
        What a kWh costs, and the country where it is from a table.
        """
        if self._wishes.power_price is not None:
            return yours(self._wishes.power_price, self.currency), None
        if self._own is not None and self._own.kwh is not None:
            return yours(self._own.kwh, self.currency), None
        found = electricity(self.currency, on=self.on)
        return (None, None) if found is None else (found[1], found[0])

    def hardware(self, gpus: tuple[str, ...], ram: str | None) -> PriceRange | None:
        """
        What cards, or a machine whose GPU shares its memory, and RAM cost together; None where a part has no price.
        """
        parts = [*gpus, *([ram] if ram is not None else [])]
        found = [self._part(part) for part in parts]
        known = tuple(price for price in found if price is not None)
        return together(known) if known and len(known) == len(found) else None

    def of_machine(self, machine: Snapshot) -> PriceRange | None:
        """
        What the GPUs of a machine cost, or all of it where they share its memory; None where one has no price.
        """
        sizes = {pool.id: pool.total_bytes for pool in machine.pools}
        found = []
        for device in machine.accelerators:
            size = sizes.get(device.pools[0]) if device.pools else None
            product = (device.name, None if size is None else ceil(size / GIB))
            found.append(self._hardware.get(product) or self._of_table(product))
        known = tuple(price for price in found if price is not None)
        return together(known) if known and len(known) == len(found) else None

    def _of_table(self, product: Product) -> PriceRange | None:
        found = prices_of_gpu(*product, on=self.on)
        return self._told(found[0]) if found else None

    def _part(self, text: str) -> PriceRange | None:
        products = product_of(text)
        if products and len({*products}) == 1 and products[0] in self._hardware:
            return times(self._hardware[products[0]], len(products))
        found = prices_of(text, on=self.on)
        return self._told(found[0]) if found else None

    def rents(self) -> dict[Product, PriceRange]:
        """
        What an hour of each GPU costs that is rented, the user's figures in place of the table's.
        """
        told = {product: self._told(price) for product, price in self._rents.items()}
        found: dict[Product, PriceRange] = {
            product: price for product, price in told.items() if price is not None
        }
        return {**found, **self._rent}

    def hosted(self, model: ModelSpec) -> Hosted | None:
        """
        What providers ask for a model, or for one of its family and size.
        """
        if self._own is not None:
            for name, price in self._own.api.items():
                if name == model.id or _meant(name) == model.id:
                    written, read = yours(price.written, self.currency), yours(price.read, self.currency)
                    return Hosted(
                        model=model.id,
                        written=_exactly(written),
                        read=_exactly(read),
                        cached=None,
                        providers=1,
                        cheapest=name,
                        price=written,
                    )
        if self._dollar is None:
            return None
        found = offers(model.id, self.on)
        if not found:
            other = alike(model, self.on)
            found = () if other is None else offers(other, self.on)
        return self._hosted(found) if found else None

    def _hosted(self, found: tuple[Offer, ...]) -> Hosted:
        width = widest(found, self.on)
        sources = whole_table().sources
        cached = [offer.cached for offer in found if offer.cached is not None]
        written = self._spread([offer.output for offer in found], width)
        return Hosted(
            model=found[0].model,
            written=written,
            read=self._spread([offer.input for offer in found], width),
            cached=self._spread(cached, width) if cached else None,
            providers=len({offer.provider for offer in found}),
            cheapest=found[0].provider,
            price=PriceRange(
                low=written.low,
                high=written.high,
                currency=self.currency,
                first_month=min(offer.month for offer in found),
                last_month=max(offer.month for offer in found),
                widened=width,
                pages=tuple(dict.fromkeys(sources[offer.source] for offer in found)),
            ),
        )

    def _spread(self, prices: list[float], width: float) -> Range:
        rate = self._dollar or 1.0
        return Range(
            low=min(prices) * (1 - width) * rate,
            likely=median(prices) * rate,
            high=max(prices) * (1 + width) * rate,
        )

    def _told(self, price: PriceRange) -> PriceRange | None:
        """
        A price in the book's currency, None where no rate is known.
        """
        if price.currency == self.currency:
            return price
        if self._dollar is None or price.currency != "USD":
            return None
        return msgspec.structs.replace(times(price, self._dollar), currency=self.currency)


def yours(given: float | tuple[float, float], currency: str) -> PriceRange:
    """
    A figure of the user, or the lowest and the highest.
    """
    low, high = given if isinstance(given, tuple) else (given, given)
    return PriceRange(low=low, high=high, currency=currency, yours=True)


def read_own(path: str | PathLike[str]) -> OwnPrices:
    """
    The user's own prices out of a file in TOML.

    Raises:
        UsageError: it cannot be read, or something in it is no price; the first such thing is named.
    """
    import tomllib

    name = str(path)
    try:
        with readable(path) as file:
            content = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise UsageError(message("error.prices-unreadable", file=name, reason=reason)) from None
    hint = message("hint.prices-file")
    try:
        if len(content) > MOST_BYTES:
            raise ValueError
        read = tomllib.loads(content.decode())
    except (ValueError, RecursionError):
        raise UsageError(message("error.prices-no-toml", file=name), hint=hint) from None
    if "currency" not in read:
        raise UsageError(message("error.prices-without-currency", file=name), hint=hint)
    try:
        own = msgspec.convert(read, OwnPrices)
    except msgspec.ValidationError as error:
        problem = str(error)
        raise UsageError(message("error.prices-malformed", file=name, problem=problem), hint=hint) from None
    own = msgspec.structs.replace(own, currency=known_currency(own.currency))
    for what, price in _all_prices(own):
        low, high = price if isinstance(price, tuple) else (price, price)
        if not 0 < low <= high < MOST:
            raise UsageError(message("error.prices-no-price", file=name, what=what), hint=hint)
    for product in (*own.hardware, *own.rent):
        if not product_of(product):
            raise UsageError(
                message("error.prices-product", file=name, product=product), hint=message("hint.gpu-spelling")
            )
    return own


MOST = 1e12
"""No price is as high, in no currency."""


def known_currency(given: str) -> str:
    """
    The code of a currency in capitals.

    Raises:
        UsageError: there is no such code.
    """
    code = given.strip().upper()
    if code not in CURRENCIES:
        raise UsageError(
            message("error.currency-unknown", given=given),
            hint=message("hint.one-of", names=CURRENCIES),
        )
    return code


def _all_prices(own: OwnPrices) -> Iterator[tuple[str, float | tuple[float, float]]]:
    if own.dollar is not None:
        yield "dollar", own.dollar
    if own.kwh is not None:
        yield "kwh", own.kwh
    yield from own.hardware.items()
    yield from own.rent.items()
    for name, price in own.api.items():
        yield name, price.read
        yield name, price.written


def _products(
    given: dict[str, float | tuple[float, float]], currency: str
) -> Iterator[tuple[Product, PriceRange]]:
    """
    The price of one piece of each product that the user names.
    """
    for text, price in given.items():
        products = product_of(text)
        yield products[0], times(yours(price, currency), 1 / len(products))


def _exactly(price: PriceRange) -> Range:
    return Range(low=price.low, likely=(price.low + price.high) / 2, high=price.high)


def _meant(name: str) -> str | None:
    try:
        return meant(name)
    except ModelError:
        return None
