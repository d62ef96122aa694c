"""What an endpoint takes, and whether a request keeps to it.

An endpoint lists its parameters in one text: names in Stripe's bracket notation, ``[]`` for a place in a list and ``[*]``
for any key. Behind a colon stands the type: ``int``, ``bool``, or words between bars; without one it is text. ``!`` means
required, ``?`` that an empty value is allowed and clears what was set.

    amount:int! currency! items[][price] metadata[*]? mode:payment|subscription!

The lists hold what this stand-in simulates. Other parameters of Stripe are refused like unknown ones: no test must
think that it was tested.
"""

from collections.abc import Callable, Iterator, Mapping

import attrs

from ..forms import Nested, Pairs, nested, parts_of
from .refusals import Refusal, invalid

__all__ = ["Parameter", "checked", "parameters_of"]

_EVERYWHERE = "expand[]"
_LIST = "limit:int starting_after ending_before"
_CREATED = "created:int created[gt]:int created[gte]:int created[lt]:int created[lte]:int"
_SHORTHANDS = {"<list>": f"{_LIST} {_CREATED}", "<page>": _LIST}

_GONE = {
    "payment_method_types": (
        "payment_method_types_no_longer_supported",
        "payment_method_types was removed in 2026-09-30.endive: use allowed_payment_method_types",
    )
}
"""Parameters whose absence Stripe explains."""


@attrs.frozen
class Parameter:
    """One parameter.

    Args:
        parts: of its name; an empty one is a place in a list, ``*`` is any key.
        convert: from text to the value.
        required: whether a request without it is refused.
        clearable: whether it may be empty.
    """

    parts: tuple[str, ...]
    convert: Callable[[str, str], object]
    required: bool = False
    clearable: bool = False

    @property
    def name(self) -> str:
        """The name as it is written."""
        return self.parts[0] + "".join(f"[{part}]" for part in self.parts[1:])

    def matches(self, parts: list[str]) -> bool:
        """Whether the parts of a name are this parameter's."""
        return len(parts) == len(self.parts) and all(
            mine in {"*", part} or (mine == "" and part.isdecimal())
            for mine, part in zip(self.parts, parts, strict=True)
        )


def parameters_of(takes: str) -> tuple[Parameter, ...]:
    """The parameters that a list names."""
    for short, long in _SHORTHANDS.items():
        takes = takes.replace(short, long)
    return tuple(_parameter(word) for word in f"{takes} {_EVERYWHERE}".split())


def checked(parameters: tuple[Parameter, ...], sent: Pairs) -> Nested:
    """The parameters of a request, nested and typed.

    Raises:
        Refusal: one is unknown, missing, empty or of a wrong type.
    """
    values: list[tuple[str, object]] = []
    for name, value in sent:
        try:
            parts = parts_of(name)
        except ValueError:
            parts = [name]
        found = next((one for one in parameters if one.matches(parts)), None)
        if found is None and value == "":
            found = next((one for one in parameters if one.clearable and one.parts[0] == name), None)
        if found is None:
            raise _unknown(name, parts[0])
        if value == "" and not found.clearable:
            message = f"You passed an empty string for '{name}', which is no value for it."
            raise invalid(message, param=name, code="parameter_invalid_empty")
        values.append((name, value if value == "" else found.convert(name, value)))
    try:
        tree = nested(values)
    except ValueError as error:
        raise invalid(str(error)) from None
    for name in _absent(parameters, tree):
        message = f"Missing required param: {name}."
        raise invalid(message, param=name, code="parameter_missing")
    return tree


def _absent(parameters: tuple[Parameter, ...], tree: Mapping[str, object]) -> Iterator[str]:
    yield from (one.name for one in parameters if one.required and one.parts[0] not in tree)


def _unknown(name: str, first: str) -> Refusal:
    if first in _GONE:
        code, message = _GONE[first]
        return invalid(message, param=first, code=code)
    message = f"Received unknown parameter: {name}. (This stand-in takes only what it simulates.)"
    return invalid(message, param=name, code="parameter_unknown")


def _parameter(word: str) -> Parameter:
    required, clearable = word.endswith("!"), word.endswith("?")
    name, _, kind = word.rstrip("!?").partition(":")
    return Parameter(tuple(parts_of(name)), _CONVERTERS.get(kind) or _one_of(kind.split("|")), required, clearable)


def _text(_name: str, value: str) -> object:
    return value


def _integer(name: str, value: str) -> object:
    if value.removeprefix("-").isdecimal() and value.isascii():
        return int(value)
    message = f"Invalid integer: {value}"
    raise invalid(message, param=name, code="parameter_invalid_integer")


def _boolean(name: str, value: str) -> object:
    if value in {"true", "false"}:
        return value == "true"
    message = f"Invalid boolean: {value}"
    raise invalid(message, param=name)


def _one_of(words: list[str]) -> Callable[[str, str], object]:
    def convert(name: str, value: str) -> object:
        if value in words:
            return value
        message = f"Invalid {name}: must be one of {', '.join(words)}"
        raise invalid(message, param=name)

    return convert


_CONVERTERS: Mapping[str, Callable[[str, str], object]] = {"": _text, "int": _integer, "bool": _boolean}
