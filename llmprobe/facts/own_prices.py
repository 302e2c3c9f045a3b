"""
The user's own prices: what ``--prices FILE`` holds.
"""

import msgspec

CURRENCIES = (
    *(
        "USD",
        "EUR",
        "GBP",
        "JPY",
        "CNY",
        "KRW",
        "INR",
        "AUD",
        "CAD",
        "CHF",
        "SEK",
        "NOK",
        "DKK",
        "PLN",
        "CZK",
    ),
    *(
        "HUF",
        "RON",
        "TRY",
        "BRL",
        "MXN",
        "ZAR",
        "SGD",
        "HKD",
        "TWD",
        "THB",
        "IDR",
        "VND",
        "NZD",
        "ILS",
        "UAH",
    ),
)
"""The codes of ISO 4217 that are known here."""


class OwnApi(msgspec.Struct, frozen=True, kw_only=True):
    """
    What an API asks for a million tokens.
    """

    read: float
    written: float


class OwnPrices(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """
    Figures in ``currency``, each a number or a lowest and a highest: ``dollar`` is what a US dollar costs, ``kwh`` a
    kWh, ``hardware`` products as ``--gpu`` and ``--ram`` take them, ``rent`` an hour of a GPU, ``api`` models.
    """

    currency: str
    dollar: float | None = None
    kwh: float | tuple[float, float] | None = None
    hardware: dict[str, float | tuple[float, float]] = {}
    rent: dict[str, float | tuple[float, float]] = {}
    api: dict[str, OwnApi] = {}
