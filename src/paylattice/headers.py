"""Finds a header, whatever a framework hands out: a mapping or pairs, text or bytes, in any case."""

from collections.abc import Iterable, Mapping
from typing import TypeAlias, cast

__all__ = ["Headers", "header"]

Headers: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]
"""HTTP headers as any framework provides them: a mapping, or pairs."""


def header(headers: object, name: str) -> str | None:
    """The header's value; None if there is none.

    A header that comes several times is joined with commas, as HTTP does. What is no header is passed over: the result
    is for code that will check it anyway.

    Args:
        headers: a mapping, or an iterable of pairs (as WSGI, ASGI and AWS Lambda give them); names and values may be
            ``str`` or ``bytes`` (read as Latin-1), values also lists of them.
        name: in any case.
    """
    if type(headers) is dict:  # most are, and have the name once, written as here or in lower case
        named = cast("dict[object, object]", headers)
        value = named.get(name) or named.get(name.lower())
        if isinstance(value, str) and value:
            return value
    if isinstance(headers, Mapping):
        pairs: Iterable[object] = cast("Mapping[object, object]", headers).items()
    elif isinstance(headers, Iterable) and not isinstance(headers, str | bytes | bytearray):
        pairs = cast("Iterable[object]", headers)
    else:
        return None
    wanted = name.lower()
    found: list[str] = []
    for pair in pairs:
        if not isinstance(pair, tuple | list):
            continue
        entry = cast("tuple[object, ...] | list[object]", pair)
        if len(entry) == 2 and _text(entry[0]).lower() == wanted:  # noqa: PLR2004 - a pair
            value = entry[1]
            several = cast("Iterable[object]", value) if isinstance(value, tuple | list) else (value,)
            found += filter(None, map(_text, several))
    return ", ".join(found) if found else None


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return value.decode("latin-1") if isinstance(value, bytes) else ""
