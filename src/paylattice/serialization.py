"""Models to JSON-ready dicts and back, for queues, caches and logs."""

import functools
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar

from .arguments import check_utc
from .config import Secret
from .construction import said_as
from .errors import ConfigurationError, Diagnosis, InvalidRequest, MalformedPayload
from .events import EventType, WebhookEvent
from .frames import clearing_all
from .frozen import FrozenMap
from .jsonlike import parse_event
from .storable import check_event

if TYPE_CHECKING:
    from cattrs import Converter

__all__ = ["converter", "event_from_json", "event_to_json"]

T = TypeVar("T")


def converter() -> "Converter":
    """A converter for every model, event and record of this library.

    ``converter().unstructure(event)`` is ready for ``json.dumps``; ``converter().structure(data, WebhookEvent)`` is equal
    to what it was made from. Datetimes are ISO 8601 in UTC; a naive one is refused, and so is a
    :class:`~paylattice.config.Secret`. On the way back nothing is guessed: an amount of ``19.99`` or ``"5"`` is an error, and
    every error is a :class:`~paylattice.errors.MalformedPayload`. A status or an event that only a later version knows is taken
    as what this version makes of unknown words.
    """
    from .structuring import Reader  # noqa: PLC0415 - only who converts pays for cattrs

    conv = Reader(omit_if_default=True)
    conv.register_unstructure_hook(datetime, _datetime_out)
    conv.register_structure_hook(datetime, lambda value, _: _datetime_in(value))
    conv.register_unstructure_hook(FrozenMap, dict)
    conv.register_structure_hook_func(
        lambda kind: getattr(kind, "__origin__", kind) is FrozenMap,
        lambda value, _: FrozenMap(conv.structure(value, dict[str, str])),
    )
    for kind in (str, int, bool):
        conv.register_structure_hook(kind, _plain_in)
    conv.register_unstructure_hook_func(lambda kind: kind == Mapping[str, object], dict)
    conv.register_structure_hook_func(lambda kind: kind == Mapping[str, object], lambda value, _: dict(value))
    conv.register_structure_hook_func(lambda kind: kind == EventType | str, lambda value, _: _event_type(value))
    conv.register_unstructure_hook_func(lambda kind: kind == EventType | str, str)
    conv.register_unstructure_hook(Secret, _refuse)
    return conv


@functools.cache
def _shared() -> "Converter":
    return converter()


def event_to_json(event: WebhookEvent) -> str:
    """The event as a message for a queue.

    Raises:
        InvalidRequest: that is no event.
    """
    if not isinstance(event, WebhookEvent):  # pyright: ignore[reportUnnecessaryIsInstance] - not every caller checks types
        message = f"event_to_json() takes a WebhookEvent, not {said_as(event)}"
        raise InvalidRequest(message, param="event")
    return json.dumps(_shared().unstructure(event), separators=(",", ":"))


@clearing_all
def event_from_json(message: str | bytes) -> WebhookEvent:
    """The event of a message from a queue, for :meth:`paylattice.BillingService.apply_event`.

    Raises:
        MalformedPayload: it is no event, whatever else it is: trying again is of no use.
    """
    data = parse_event(message) if isinstance(message, str | bytes) else None  # pyright: ignore[reportUnnecessaryIsInstance]
    if data is None:
        broken = "the message is no JSON object"
        raise MalformedPayload(broken, diagnosis=Diagnosis.BODY_NOT_AN_EVENT)
    event = _shared().structure(data, WebhookEvent)
    check_event(event)
    return event


def _plain_in(value: Any, kind: Any) -> Any:
    """For str, int, bool, and for the enums, which are kinds of str."""
    if issubclass(kind, Enum):
        return kind["UNKNOWN"] if "UNKNOWN" in kind.__members__ and value not in set(kind) else kind(value)
    return _exactly(value, kind)


def _exactly(value: Any, kind: type[T]) -> T:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        message = f"a stored value should be {kind.__name__}, and is {type(value).__name__}"
        raise InvalidRequest(message)
    return value


def _datetime_out(value: datetime) -> str:
    check_utc("a datetime to be stored", value)
    return value.astimezone(UTC).isoformat()


def _datetime_in(value: Any) -> datetime:
    moment = datetime.fromisoformat(_exactly(value, str))
    check_utc("a stored datetime", moment)
    return moment.astimezone(UTC)


def _event_type(value: Any) -> EventType | str:
    word = _exactly(value, str)
    return EventType(word) if word in set(EventType) else word


def _refuse(_: Secret) -> str:
    message = "a Secret does not let itself be serialised"
    raise ConfigurationError(message)
