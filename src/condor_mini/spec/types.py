"""The types of values in a pool file: names, text, numbers and mappings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, TypeGuard

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, WithJsonSchema

from condor_mini.base.layout import LABEL
from condor_mini.base.series import catalogue
from condor_mini.base.sizes import SIZE_EXAMPLES, SIZE_PATTERN, mebibytes
from condor_mini.spec.base import reading, shown

MOST_MB = 2**31 - 1
"""HTCondor stores a slot's memory in an int."""
NAME_PATTERN = r"^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$"
"""A DNS label that is short enough for ``NAME-execute-9999`` to be a DNS label, too."""
RESERVED_NAMES = ("bridge", "host", "none", "default")
"""Names of networks that engines create themselves."""
RESERVED_LABELS = LABEL
MOST_ID = 2**31 - 1
ORDINARY_UIDS = range(1000, MOST_ID + 1)
"""UIDs of ordinary users; below them are the accounts of the image's system."""
USER_PATTERN = r"^[0-9]{1,10}(:[0-9]{1,10})?$"
RESERVED_VARIABLES = (
    *("CONDOR_HOST", "CONDOR_SERVICE_HOST", "MASTER", "CONDOR_MINI_ROLE", "NODE_ADDRESS"),
)
"""Variables from which the images' entrypoint learns the central manager, its role and address."""

# Text


def one_line(value: str) -> str:
    """Return the text; raises ``ValueError`` if it has several lines or a NUL."""
    if re.search(r"[\0\r\n]", value):
        raise ValueError("must be one line, without a NUL")
    return value


def _user(value: object) -> object:
    text = str(value) if type(value) is int else value
    ids = [int(word) for word in text.split(":")] if _is_user(text) else []
    if not ids or ids[0] not in ORDINARY_UIDS or not 0 < ids[-1] <= MOST_ID:
        raise ValueError(
            f"must be UID or UID:GID, with a UID from {ORDINARY_UIDS[0]} and a GID from 1, "
            f"not {shown(value)}"
        )
    return text


def _is_user(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and re.fullmatch(USER_PATTERN, value) is not None


def _text(value: str) -> str:
    if "\0" in value:
        raise ValueError("must not contain a NUL")
    return value


def _dns_label(value: str) -> str:
    if not re.fullmatch(NAME_PATTERN, value):
        raise ValueError(
            "must be lower-case letters, digits and hyphens, at most 40, with a letter or a digit "
            f"at either end, not {shown(value)}"
        )
    return value


def _pool_name(value: str) -> str:
    if value in RESERVED_NAMES:
        raise ValueError(f"must not be {shown(value)}: engines have a network of that name")
    return _dns_label(value)


def _series(value: object, info: ValidationInfo) -> object:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    known = catalogue().series
    if isinstance(value, str) and value not in known and not reading(info).stored:
        numbers = ", ".join(known)
        raise ValueError(f"there is no HTCondor series {shown(value)} here; there are: {numbers}")
    return value


def _configuration(value: str) -> str:
    text = re.sub("\r\n?", "\n", _text(value)).rstrip("\n")
    if text.endswith("\\"):
        raise ValueError(
            "must not end with a backslash: HTCondor would join the next line to this one"
        )
    return f"{text}\n" if text.strip() else ""


def _device_name(value: str) -> str:
    if not re.fullmatch(DEVICE_PATTERN, value):
        raise ValueError(
            f"must be letters, digits, spaces and any of . _ + ( ) / : -, not {shown(value)}"
        )
    return value


DEVICE_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9 ._+()/:-]*$"
"""Names that need no quoting in HTCondor's configuration, arguments and ClassAds."""

IMAGE_PATTERN = (
    r"^([A-Za-z0-9.-]+(:[0-9]+)?/)?[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*"
    r"(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?$"
)
"""A reference HOST:PORT/PATH:TAG@DIGEST. All parts but PATH are optional."""


def _image(value: str) -> str:
    if not re.fullmatch(IMAGE_PATTERN, value):
        raise ValueError(
            "must be the name of an image, for example python:3.13 or registry.example/me/mine:1, "
            f"not {shown(value)}"
        )
    return value


ImageReference = Annotated[
    str, AfterValidator(_image), WithJsonSchema({"type": "string", "pattern": IMAGE_PATTERN})
]
PoolName = Annotated[
    str,
    AfterValidator(_pool_name),
    WithJsonSchema(
        {"type": "string", "pattern": NAME_PATTERN, "not": {"enum": list(RESERVED_NAMES)}}
    ),
]
GroupName = Annotated[
    str, AfterValidator(_dns_label), WithJsonSchema({"type": "string", "pattern": NAME_PATTERN})
]
SeriesNumber = Annotated[
    str,
    BeforeValidator(_series),
    WithJsonSchema(
        {"enum": [form for number in catalogue().series for form in (int(number), number)]}
    ),
]
User = Annotated[
    str,
    BeforeValidator(_user),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": USER_PATTERN},
                {"type": "integer", "minimum": ORDINARY_UIDS[0], "maximum": ORDINARY_UIDS[-1]},
            ]
        }
    ),
]
Configuration = Annotated[str, AfterValidator(_configuration)]
DeviceName = Annotated[
    str, AfterValidator(_device_name), WithJsonSchema({"type": "string", "pattern": DEVICE_PATTERN})
]

# Numbers


def _size(value: object) -> int:
    match value:
        case int() if not isinstance(value, bool):
            return value
        case str():
            return mebibytes(value)
    raise ValueError(f"must be {SIZE_EXAMPLES}, not {shown(value)}")


def _within_int(value: int) -> int:
    if value > MOST_MB:
        raise ValueError(f"must be at most {MOST_MB} MiB: HTCondor cannot count more")
    return value


Megabytes = Annotated[
    int,
    BeforeValidator(_size),
    Field(ge=1),
    AfterValidator(_within_int),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": MOST_MB},
                {"type": "string", "pattern": SIZE_PATTERN},
            ]
        }
    ),
]
Real = Annotated[float, AfterValidator(float)]

# Mappings

IDENTIFIER_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]*$"
NO_IDENTIFIER = "a name must be letters, digits and underscores, and must not begin with a digit"


def _variable(name: str) -> str:
    if not re.fullmatch(IDENTIFIER_PATTERN, name):
        raise ValueError(NO_IDENTIFIER)
    if name in RESERVED_VARIABLES:
        raise ValueError("is set by condor-mini itself")
    return name


def _label(key: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?", key):
        raise ValueError(
            "a label's name must be letters, digits and any of . _ / -, with a letter or a digit "
            "at either end"
        )
    if key == RESERVED_LABELS or key.startswith(f"{RESERVED_LABELS}."):
        raise ValueError(f"is reserved: labels must not begin with {RESERVED_LABELS}")
    return key


def _as_written(value: object) -> object:
    if isinstance(value, bool):
        # Only the user knows whether a program expects true, True or 1.
        raise ValueError(f'must be text: write "{str(value).lower()}" in quotes')  # noqa: TRY004
    return str(value) if isinstance(value, int | float) else value


_TEXT_OR_NUMBER = WithJsonSchema({"type": ["string", "number"]})
Environment = Mapping[
    Annotated[str, AfterValidator(_variable)],
    Annotated[str, BeforeValidator(_as_written), AfterValidator(_text), _TEXT_OR_NUMBER],
]
Labels = Mapping[
    Annotated[str, AfterValidator(_label)],
    Annotated[str, BeforeValidator(_as_written), AfterValidator(one_line), _TEXT_OR_NUMBER],
]
