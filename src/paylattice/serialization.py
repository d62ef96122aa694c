"""Models to JSON-ready dicts and back, for queues, caches and logs."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from .config import Secret
from .errors import ConfigurationError, InvalidRequest
from .events import EventType
from .frozen import FrozenMap

if TYPE_CHECKING:
    from cattrs import Converter

__all__ = ["converter"]


def converter() -> "Converter":
    """A converter for every model, event and record of this library.

    ``converter().unstructure(event)`` is ready for ``json.dumps``; ``converter().structure(data, WebhookEvent)`` is equal
    to what it was made from. Datetimes are ISO 8601 in UTC. A :class:`~paylattice.config.Secret` is refused.
    """
    from cattrs import Converter  # noqa: PLC0415 - only who converts pays for it

    conv = Converter(omit_if_default=True)
    conv.register_unstructure_hook(datetime, _datetime_out)
    conv.register_structure_hook(datetime, lambda value, _: _datetime_in(value))
    conv.register_unstructure_hook(FrozenMap, dict)
    conv.register_structure_hook_func(
        lambda kind: getattr(kind, "__origin__", kind) is FrozenMap, lambda value, _: FrozenMap(value)
    )
    conv.register_unstructure_hook_func(lambda kind: kind == Mapping[str, object], dict)
    conv.register_structure_hook_func(lambda kind: kind == Mapping[str, object], lambda value, _: dict(value))
    conv.register_structure_hook_func(lambda kind: kind == EventType | str, lambda value, _: _event_type(value))
    conv.register_unstructure_hook_func(lambda kind: kind == EventType | str, str)
    conv.register_unstructure_hook(Secret, _refuse)
    return conv


def _datetime_out(value: datetime) -> str:
    return value.astimezone(UTC).isoformat()


def _datetime_in(value: Any) -> datetime:
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        message = "a stored datetime has no time zone"
        raise InvalidRequest(message)
    return moment.astimezone(UTC)


def _event_type(value: str) -> EventType | str:
    try:
        return EventType(value)
    except ValueError:
        return value


def _refuse(_: Secret) -> str:
    message = "a Secret does not let itself be serialised"
    raise ConfigurationError(message)
