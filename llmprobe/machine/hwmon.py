"""
The power limits and the temperature of a card on Linux, as its driver's hwmon reports them.

https://docs.kernel.org/hwmon/sysfs-interface.html: powers are in microwatts, temperatures in thousandths of a degree.

Questions, in order (``<hwmon>`` is <pci>/hwmon/<name of the first>):

    list:<pci>/hwmon
    read:<hwmon>/power1_cap                            where that lists one, and so the rest
    read:<hwmon>/power1_cap_default
    read:<hwmon>/power1_cap_max
    read:<hwmon>/power1_average
    read:<hwmon>/power1_input                          where there is no average
    read:<hwmon>/temp1_input
"""

import msgspec

from llmprobe.facts.machine import Power
from llmprobe.machine.asking import Asker, as_int, items_of

_POWERS = ("power1_cap", "power1_cap_default", "power1_cap_max", "power1_average")


class Sensors(msgspec.Struct, frozen=True, kw_only=True):
    """
    A card's power in watts and its temperature, with the answers that both rest on.
    """

    power: Power | None = None
    celsius: int | None = None
    power_evidence: tuple[str, ...] = ()
    celsius_evidence: tuple[str, ...] = ()


def ask_sensors(ask: Asker, path: str) -> Sensors:
    """
    The sensors of the device at a path of sysfs; nothing where its driver has none.
    """
    names = items_of(ask.list(f"{path}/hwmon"))
    if not names:
        return Sensors()
    folder = f"{path}/hwmon/{names[0]}"
    watts = {name: _scaled(ask, f"{folder}/{name}", 1e6) for name in _POWERS}
    if watts["power1_average"] is None:
        watts["power1_input"] = _scaled(ask, f"{folder}/power1_input", 1e6)
    draw = watts.get("power1_input", watts["power1_average"])
    celsius = _scaled(ask, f"{folder}/temp1_input", 1e3)
    known = any(value is not None for value in watts.values())
    power = Power(
        limit_watts=watts["power1_cap"],
        default_watts=watts["power1_cap_default"],
        max_watts=watts["power1_cap_max"],
        draw_watts=draw,
    )
    return Sensors(
        power=power if known else None,
        celsius=None if celsius is None else round(celsius),
        power_evidence=tuple(f"read:{folder}/{name}" for name, value in watts.items() if value is not None),
        celsius_evidence=(f"read:{folder}/temp1_input",) if celsius is not None else (),
    )


def _scaled(ask: Asker, path: str, unit: float) -> float | None:
    number = as_int(ask.text(path))
    return None if number is None else number / unit
