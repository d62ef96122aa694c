"""What the body of a request may hold: every field by name, with ``!`` behind those that it must have.

PayPal itself lets unknown fields pass in silence; the stand-in refuses them, because a field that PayPal ignores is a mistake.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

from .refusals import invalid

__all__ = ["ANY", "Shape", "checked"]

Shape: TypeAlias = Mapping[str, Any]
ANY: Shape = {}
"""Something whose inside is not looked at."""


def checked(shape: Shape, body: Mapping[str, Any], where: str = "") -> None:
    """Refuse a body with a field too many or too few.

    Raises:
        Refusal: what is wrong first.
    """
    known = {name.rstrip("!"): (inner, name.endswith("!")) for name, inner in shape.items()}
    for name in body:
        if name not in known:
            message = f"{name} is not a field that this endpoint takes."
            raise invalid("INVALID_PARAMETER", message, f"{where}/{name}")
    for name, (inner, required) in known.items():
        if name not in body:
            if required:
                message = "A required field is missing."
                raise invalid("MISSING_REQUIRED_PARAMETER", message, f"{where}/{name}")
            continue
        _check_inside(inner, body[name], f"{where}/{name}")


def _check_inside(inner: Any, value: Any, where: str) -> None:
    if isinstance(inner, list):
        if not isinstance(value, list):
            raise invalid("INVALID_PARAMETER_SYNTAX", "An array is wanted.", where)
        for number, each in enumerate(value):
            _check_inside(inner[0], each, f"{where}/{number}")
    elif isinstance(inner, Mapping):
        if not isinstance(value, Mapping):
            raise invalid("INVALID_PARAMETER_SYNTAX", "An object is wanted.", where)
        if inner:
            checked(inner, value, where)
    elif inner is str and not isinstance(value, str):
        raise invalid("INVALID_PARAMETER_SYNTAX", "A string is wanted.", where)
    elif inner is bool and not isinstance(value, bool):
        raise invalid("INVALID_PARAMETER_SYNTAX", "A boolean is wanted.", where)
    elif inner is int and (not isinstance(value, int) or isinstance(value, bool)):
        raise invalid("INVALID_PARAMETER_SYNTAX", "An integer is wanted.", where)
