"""Form bodies and queries in bracket notation: ``items[0][price]=p`` is ``{"items": [{"price": "p"}]}``."""

import re
from collections.abc import Iterable
from typing import TypeAlias, cast
from urllib.parse import parse_qsl

__all__ = ["Nested", "Pairs", "nested", "pairs_of", "parts_of"]

Pairs: TypeAlias = tuple[tuple[str, str], ...]
"""Names and values, in the order in which they were sent."""

Nested: TypeAlias = dict[str, object]
"""The same as mappings inside mappings; lists where the keys are numbers or empty."""

_NAME = re.compile(r"[^\[\]]+((?:\[[^\[\]]*\])*)")
_PART = re.compile(r"\[([^\[\]]*)\]")


def pairs_of(text: str) -> Pairs:
    """The pairs of a form body or a query; blank values are kept."""
    return tuple(parse_qsl(text, keep_blank_values=True))


def parts_of(name: str) -> list[str]:
    """The parts of a name: ``items``, ``0`` and ``price`` of ``items[0][price]``.

    Raises:
        ValueError: the brackets do not match.
    """
    if not _NAME.fullmatch(name):
        message = f"the brackets of {name!r} do not match"
        raise ValueError(message)
    return [name.partition("[")[0], *_PART.findall(name)]


def nested(values: Iterable[tuple[str, object]]) -> Nested:
    """The pairs as mappings and lists.

    Raises:
        ValueError: a name is broken, or is used both for a value and for a mapping.
    """
    tree: dict[str, object] = {}
    for name, value in values:
        node = tree
        *above, last = parts_of(name)
        for part in above:
            inner = node.setdefault(part or str(len(node)), {})
            if not isinstance(inner, dict):
                message = f"{name!r} is a value and a mapping at once"
                raise ValueError(message)  # noqa: TRY004 - what was sent is wrong, not a type of this program
            node = cast("dict[str, object]", inner)
        node[last or str(len(node))] = value
    return {name: _with_lists(value) for name, value in tree.items()}


def _with_lists(value: object) -> object:
    if not isinstance(value, dict):
        return value
    known = {key: _with_lists(inner) for key, inner in cast("dict[str, object]", value).items()}
    if known and all(key.isdecimal() for key in known):
        return [known[key] for key in sorted(known, key=int)]
    return known
