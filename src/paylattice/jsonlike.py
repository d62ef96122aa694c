"""Reads JSON that others wrote: the one way in for every wire type.

A JSON object is a ``Mapping[str, object]``. What is missing, null or of a wrong type comes out as None (or as nothing
in it), here and once; only what a model cannot be without is demanded, with :func:`identity` and :func:`whole`.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TypeAlias, cast

from .errors import InvalidResponse
from .frozen import FrozenMap

__all__ = [
    "JsonObject",
    "as_object",
    "child",
    "children",
    "flag",
    "has_identities",
    "identities",
    "identity",
    "integer",
    "parse_event",
    "parse_object",
    "reference",
    "references",
    "rfc3339",
    "string_map",
    "text",
    "texts",
    "timestamp",
    "timestamps",
    "whole",
]

JsonObject: TypeAlias = Mapping[str, object]
"""An object of JSON, as ``json.loads`` makes it."""

_NOTHING: JsonObject = FrozenMap()
_LAST_SECOND = 253_402_300_799
"""The end of the year 9999, where ``datetime`` ends too."""


def parse_object(body: bytes | str) -> JsonObject | None:
    """The JSON object that the body is; None if it is anything else: no UTF-8, no JSON, a list, nested too deeply.

    What is no number (not a number, infinity) is no JSON, although Python reads and writes it, and no database takes it.
    """
    return _decoded(_JSON, body)


def parse_event(body: bytes | str) -> JsonObject | None:
    """The same for what will be kept: None, too, if it holds a whole number beyond 64 bits."""
    return _decoded(_EVENT, body)


def _decoded(decoder: json.JSONDecoder, body: bytes | str) -> JsonObject | None:
    try:
        return as_object(decoder.decode(body.decode() if isinstance(body, bytes) else body))
    except (ValueError, RecursionError):
        return None


def _finite(text: str) -> float:
    number = float(text)
    if number - number != 0:
        message = "a number that is none"
        raise ValueError(message)
    return number


def _of_64_bits(text: str) -> int:
    number = int(text)
    if len(text) >= _DIGITS and not -(2**63) <= number < 2**63:
        message = "a number beyond 64 bits"
        raise ValueError(message)
    return number


_DIGITS = 19
"""As many as no smaller number beyond 64 bits has."""
_JSON = json.JSONDecoder(parse_float=_finite, parse_constant=_finite)
_EVENT = json.JSONDecoder(parse_float=_finite, parse_constant=_finite, parse_int=_of_64_bits)


def as_object(value: object) -> JsonObject | None:
    """The value if it is an object."""
    return cast("JsonObject", value) if isinstance(value, dict) else None


def text(data: JsonObject, key: str) -> str | None:
    """A text; None for everything that is not one. An empty one is missing: PayPal writes ``""`` where there is nothing."""
    value = data.get(key)
    return value if isinstance(value, str) and value else None


def texts(data: JsonObject, *keys: str) -> tuple[str | None, ...]:
    """Several texts, in the order of the keys; see :func:`text`."""
    values = [data.get(key) for key in keys]
    return tuple([value if isinstance(value, str) and value else None for value in values])


def integer(data: JsonObject, key: str) -> int | None:
    """A whole number; None for everything that is not one (``true`` is not)."""
    value = data.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def flag(data: JsonObject, key: str) -> bool:
    """Whether the value is ``true``."""
    return data.get(key) is True


def timestamp(data: JsonObject, key: str) -> datetime | None:
    """Seconds since 1970, as UTC; None for everything that is no such time."""
    return _time_of(data.get(key))


def timestamps(data: JsonObject, *keys: str) -> tuple[datetime | None, ...]:
    """Several times in seconds since 1970, in the order of the keys."""
    return tuple([None if (value := data.get(key)) is None else _time_of(value) for key in keys])


def _time_of(seconds: object) -> datetime | None:
    if type(seconds) is not int or not 0 <= seconds <= _LAST_SECOND:
        return None
    return datetime.fromtimestamp(seconds, UTC)


def rfc3339(data: JsonObject, key: str) -> datetime | None:
    """A time like ``2026-01-31T12:00:00Z``, as UTC; None for everything that is no such time, or has no zone."""
    value = text(data, key)
    if value is None:
        return None
    try:
        when = datetime.fromisoformat(value)
        return when.astimezone(UTC) if when.tzinfo else None
    except (ValueError, OverflowError):
        return None


def child(data: JsonObject, *keys: str) -> JsonObject:
    """The object under the keys, one inside the other; an empty one where there is none."""
    for key in keys:
        found = data.get(key)
        if not isinstance(found, dict):
            return _NOTHING
        data = cast("JsonObject", found)
    return data


def children(data: JsonObject, *keys: str) -> tuple[JsonObject, ...]:
    """The objects of the list under the keys, one inside the other; what is no object is left out."""
    value = child(data, *keys[:-1]).get(keys[-1])
    if not isinstance(value, list):
        return ()
    return tuple([cast("JsonObject", each) for each in cast("list[object]", value) if isinstance(each, dict)])


def string_map(data: JsonObject, key: str) -> FrozenMap[str, str]:
    """A mapping of text to text, as metadata is; other values are left out."""
    return FrozenMap({name: value for name, value in child(data, key).items() if isinstance(value, str)})


def reference(data: JsonObject, key: str) -> str | None:
    """The id of another object, which comes as the id alone or as the whole object."""
    value = data.get(key)
    return (value if isinstance(value, str) else text(child(data, key), "id")) or None


def references(data: JsonObject, *keys: str) -> tuple[str | None, ...]:
    """Several ids of other objects, in the order of the keys."""
    return tuple([reference(data, key) for key in keys])


def identity(data: JsonObject, key: str, what: str) -> str:
    """A text that the object cannot be without.

    Args:
        data: the object.
        key: the field.
        what: what the object is, for the message.

    Raises:
        InvalidResponse: it is missing, empty, blank or no text.
    """
    value = text(data, key)
    if not value or value.isspace():
        message = f"the answer is no {what}: its {key!r} is missing or no text"
        raise InvalidResponse(message)
    return value


def identities(data: JsonObject, what: str, *keys: str) -> tuple[str, ...]:
    """Several texts that the object cannot be without, in the order of the keys; see :func:`identity`."""
    return tuple([identity(data, key, what) for key in keys])


def has_identities(data: JsonObject, *keys: str) -> bool:
    """Whether the object has all of the texts that it cannot be without; see :func:`identity`."""
    values = [data.get(key) for key in keys]
    return all(isinstance(value, str) and bool(value) and not value.isspace() for value in values)


def whole(data: JsonObject, key: str, what: str) -> int:
    """A whole number that the object cannot be without.

    Args:
        data: the object.
        key: the field.
        what: what the object is, for the message.

    Raises:
        InvalidResponse: it is missing or no whole number.
    """
    value = integer(data, key)
    if value is None:
        message = f"the answer is no {what}: its {key!r} is missing or no whole number"
        raise InvalidResponse(message)
    return value
