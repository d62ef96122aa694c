"""What the JSON body of a request may hold: every field by name, with ``!`` behind those that it must have.

Providers let some unknown fields pass in silence; the stand-ins refuse them, because a field that is ignored is a mistake.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, cast

__all__ = ["Misfit", "Shape", "checked", "flat_json", "sendable"]

Shape: TypeAlias = Mapping[str, Any]
"""By field: ``str``, ``int`` or ``bool``; another shape (an empty one: anything goes in it); a list of one of these; None for
anything at all."""


class Misfit(Exception):
    """A body does not fit.

    Args:
        problem: ``missing``, ``unknown`` or ``syntax``.
        where: the names on the way to the field.
        said: for people.
    """

    def __init__(self, problem: str, where: tuple[str, ...], said: str) -> None:
        super().__init__(said)
        self.problem = problem
        self.where = where
        self.said = said


def checked(shape: Shape, body: Mapping[str, Any], where: tuple[str, ...] = ()) -> None:
    """Refuse a body with a field too many or too few, or of another type.

    Raises:
        Misfit: what is wrong first.
    """
    known = {name.rstrip("!"): (inner, name.endswith("!")) for name, inner in shape.items()}
    for name in body:
        if name not in known:
            message = f"{name} is not a field that this endpoint takes."
            raise Misfit("unknown", (*where, name), message)
    for name, (inner, required) in known.items():
        if name in body:
            _check_inside(inner, body[name], (*where, name))
        elif required:
            message = f"{name} is missing."
            raise Misfit("missing", (*where, name), message)


_WORDS: Mapping[type, str] = {str: "A string", bool: "A boolean", int: "An integer"}


def _check_inside(inner: Any, value: Any, where: tuple[str, ...]) -> None:
    if isinstance(inner, list):
        if not isinstance(value, list):
            raise Misfit("syntax", where, "An array is wanted.")
        for number in range(len(cast("Sequence[object]", value))):
            _check_inside(inner[0], value[number], (*where, str(number)))
    elif isinstance(inner, Mapping):
        if not isinstance(value, Mapping):
            raise Misfit("syntax", where, "An object is wanted.")
        if inner:
            checked(cast("Shape", inner), cast("Mapping[str, Any]", value), where)
    elif isinstance(inner, type) and (not isinstance(value, inner) or (inner is int and isinstance(value, bool))):
        raise Misfit("syntax", where, f"{_WORDS[inner]} is wanted.")


def sendable(data: Any) -> Any:
    """Return a copy of an object without what is the stand-in's own: keys that begin with an underscore."""
    if isinstance(data, Mapping):
        fields = cast("Mapping[str, Any]", data)
        return {name: sendable(value) for name, value in fields.items() if not name.startswith("_")}
    if isinstance(data, list):
        return [sendable(each) for each in cast("list[object]", data)]
    return data


def flat_json(body: bytes) -> dict[str, str]:
    """Return the texts in a JSON body by their path, such as ``items.0.name``; nothing of what is no JSON object."""
    try:
        read: object = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        return {}
    return _flat(cast("Mapping[str, Any]", read)) if isinstance(read, dict) else {}


def _flat(body: Mapping[str, Any], before: str = "") -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in body.items():
        if isinstance(value, Mapping):
            found |= _flat(cast("Mapping[str, Any]", value), f"{before}{name}.")
        elif isinstance(value, list):
            numbered = {str(number): each for number, each in enumerate(cast("list[object]", value))}
            found |= _flat(numbered, f"{before}{name}.")
        else:
            found[f"{before}{name}"] = value if isinstance(value, str) else json.dumps(value)
    return found
