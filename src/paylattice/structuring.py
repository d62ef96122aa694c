"""cattrs' converter, whose errors hold what could not be read: here they say where it is, and nothing of it."""

from typing import Any, TypeVar

from cattrs import Converter, transform_error

from .errors import Diagnosis, MalformedPayload
from .frames import clearing_all
from .redaction import redact

__all__ = ["Reader"]

T = TypeVar("T")
_SHOWN = 3


class Reader(Converter):
    """A converter that refuses what it cannot read with a :class:`~paylattice.errors.MalformedPayload`."""

    @clearing_all
    def structure(self, obj: Any, cl: type[T]) -> T:
        """What the data stand for.

        Raises:
            MalformedPayload: they do not stand for one.
        """
        try:
            return super().structure(obj, cl)
        except Exception as exc:  # noqa: BLE001 - whatever the data made it stumble over; its text holds them
            where = _places(exc)
        message = f"this is no {getattr(cl, '__name__', cl)}: look at {where}"
        raise MalformedPayload(message, diagnosis=Diagnosis.BODY_NOT_AN_EVENT)


def _places(exc: Exception) -> str:
    """The paths of what could not be read."""
    found = dict.fromkeys(line.rpartition(" @ ")[2] for line in transform_error(exc))
    return redact(", ".join(list(found)[:_SHOWN])) or "$"
