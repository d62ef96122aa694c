"""What the body of a request may hold: tables of fields, and how Square refuses what does not fit.

Every field that the API description has is named, so that a field which Square would not know is distinguished from one that
this stand-in does not simulate.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias, cast

import attrs

from .refusals import Refusal, bad

__all__ = [
    "ADDRESS",
    "ELSEWHERE",
    "MAP",
    "MONEY",
    "NOTHING",
    "RANGE",
    "Fields",
    "One",
    "Text",
    "checked",
]

Fields: TypeAlias = Mapping[str, Any]
"""By name, with ``!`` behind those that are required: ``str``, ``int``, ``bool``, :class:`Text`, :class:`One`, other fields,
a list of one of these, :data:`MAP` or :data:`ELSEWHERE`."""


@attrs.frozen
class Text:
    """A text.

    Args:
        longest: how many characters it may have.
    """

    longest: int


@attrs.frozen
class One:
    """One of some words.

    Args:
        words: between blanks.
    """

    words: str


MAP = object()
"""An object with names of the sender's own choice."""
ELSEWHERE = object()
"""A field that Square knows and this stand-in does not simulate. It is refused: ignoring it would be a lie."""

NOTHING: Fields = {}
MONEY: Fields = {"amount!": int, "currency!": str}
RANGE: Fields = {"start_at": str, "end_at": str}
ADDRESS: Fields = dict.fromkeys(
    (
        *("address_line_1", "address_line_2", "address_line_3", "locality", "sublocality", "sublocality_2"),
        *("sublocality_3", "administrative_district_level_1", "administrative_district_level_2"),
        *("administrative_district_level_3", "postal_code", "country", "first_name", "last_name"),
    ),
    str,
)

_EXPECTED: Mapping[type, tuple[str, str]] = {
    str: ("EXPECTED_STRING", "Expected a string value."),
    int: ("EXPECTED_INTEGER", "Expected an integer value."),
    bool: ("EXPECTED_BOOLEAN", "Expected a boolean value."),
}


def checked(fields: Fields, body: Mapping[str, Any], where: str = "") -> None:
    """Refuse a body with a field too many or too few, or with a value of another kind.

    Raises:
        Refusal: what is wrong first.
    """
    known = {name.rstrip("!"): (inner, name.endswith("!")) for name, inner in fields.items()}
    for name in body:
        if name not in known:
            raise bad("UNKNOWN_BODY_PARAMETER", f"The parameter {name} is not known here.", f"{where}{name}")
    for name, (inner, required) in known.items():
        if body.get(name) is not None:
            _check(inner, body[name], f"{where}{name}")
        elif required:
            raise bad("MISSING_REQUIRED_PARAMETER", f"Missing required parameter: {name}.", f"{where}{name}")


def _check(inner: Any, value: Any, field: str) -> None:
    if inner is MAP:
        if not isinstance(value, Mapping):
            raise bad("EXPECTED_MAP", "Expected a map.", field)
        return
    if inner is ELSEWHERE:
        raise _not_simulated(field)
    if isinstance(inner, list):
        if not isinstance(value, list):
            raise bad("EXPECTED_ARRAY", "Expected an array.", field)
        for number, each in enumerate(value):  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType] - it is JSON
            _check(inner[0], each, f"{field}[{number}]")
    elif isinstance(inner, Mapping):
        if not isinstance(value, Mapping):
            raise bad("EXPECTED_OBJECT", "Expected an object.", field)
        checked(cast("Fields", inner), cast("Mapping[str, Any]", value), f"{field}.")
    else:
        _check_value(inner, value, field)


def _check_value(inner: Any, value: Any, field: str) -> None:
    kind = inner if isinstance(inner, type) else str
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        code, detail = _EXPECTED[kind]
        raise bad(code, detail, field)
    if isinstance(inner, Text) and len(str(value)) > inner.longest:
        raise bad("VALUE_TOO_LONG", f"Field must not be greater than {inner.longest} in length.", field)
    if isinstance(inner, One) and value not in inner.words.split():
        raise bad("INVALID_ENUM_VALUE", f"{value!r} is not a valid enum value for {field}.", field)


def _not_simulated(field: str) -> Refusal:
    return bad("NOT_IMPLEMENTED", f"Square takes {field}; this stand-in does not simulate it.", field)
