"""What is chosen of a fault by its options: checked before anything is done."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from condor_mini.base.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from condor_mini.faults.fault import Fault, FaultOption

Choice = str | float | Sequence[str]
Choices = Mapping[str, Choice]
"""Values by the names of a fault's options. Numbers may be given as text."""

_RATE = re.compile(r"(\d+(?:\.\d+)?)([kmg]?)b?(?:/s)?", re.ASCII | re.IGNORECASE)
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}


def checked(fault: Fault, given: Choices) -> dict[str, Choice]:
    """Return the choices, with numbers for what is a number.

    Raises:
        UsageError: A fault has no such option, or cannot have such a value, or one is missing.
    """
    for _, message in problems(fault, given):
        raise UsageError(message)
    known = {option.name: option for option in fault.options}
    return {name: _value(fault, known[name], value) for name, value in given.items()}


def problems(fault: Fault, given: Choices) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with choices: the option's name, and what to say of it."""
    known = {option.name: option for option in fault.options}
    for name, value in given.items():
        if name not in known:
            yield name, f"{fault.name} has no option {name}"
            continue
        try:
            _value(fault, known[name], value)
        except UsageError as error:
            yield name, error.message
    for option in fault.options:
        if option.required and option.name not in given:
            yield option.name, f"{fault.name} needs --{option.name} {option.metavar}"


def _value(fault: Fault, option: FaultOption, value: Choice) -> Choice:
    if option.many:
        return [value] if isinstance(value, str) else value
    if option.least is None:
        return str(value)
    try:
        number = float(str(value))
    except ValueError:
        raise UsageError(f"{fault.name} --{option.name} {value}: that is no number") from None
    if not option.least <= number <= option.most:
        most = "or more" if math.isinf(option.most) else f"to {option.most:g}"
        raise UsageError(f"{fault.name} --{option.name} {value}: it can be {option.least:g} {most}")
    if option.whole and not number.is_integer():
        raise UsageError(f"{fault.name} --{option.name} {value}: that is no whole number")
    return number


def bytes_per_second(text: str) -> int:
    """Return a rate that is written as ``500k`` or ``1.5M``: bytes per second.

    Raises:
        UsageError: It is none, or less than 1000.
    """
    found = _RATE.fullmatch(text.strip())
    rate = int(float(found[1]) * _UNITS[found[2].lower()]) if found else 0
    if rate < _UNITS["k"]:
        raise UsageError(
            f"{text} is no rate of at least 1k: write bytes per second as 500k, 1.5M or 1G"
        )
    return rate
