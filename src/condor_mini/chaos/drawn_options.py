"""The options of random faults."""

from __future__ import annotations

from typing import TYPE_CHECKING

from condor_mini.faults.catalogue import FAULTS

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from condor_mini.faults.choices import Choices
    from condor_mini.faults.fault import Fault

_OPTIONS: dict[str, Callable[[random.Random], Choices]] = {
    "loss": lambda dice: {"percent": dice.randint(1, 20)},
    "bandwidth": lambda dice: {"rate": dice.choice(("100k", "500k", "2M"))},
    "delay": lambda dice: {"ms": dice.randint(10, 500)},
    "clock": lambda dice: {"by": dice.choice((-1, 1)) * dice.randint(30, 300)},
    "memory-pressure": lambda dice: {"mb": dice.randint(16, 256)},
}


def drawn_options(fault: Fault, dice: random.Random) -> Choices:
    """Return options for a fault; none if it does without."""
    draw = _OPTIONS.get(fault.name)
    return draw(dice) if draw else {}


def needs_a_step(fault: str) -> str | None:
    """Return the option that only a step can give to a fault; None if it can be drawn."""
    required = (option.name for option in FAULTS[fault].options if option.required)
    return None if fault in _OPTIONS else next(required, None)
