"""Whether a database can keep what an event says.

A provider signs whatever was typed into it. What no column takes (a NUL, half a character, a number beyond 64 bits, an id of
a thousand characters) would be an error of the database, for every repetition of the delivery, for days. It is no event.
"""

import functools
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import EnumType
from typing import Any, cast

import attrs

from . import models
from .arguments import is_id
from .errors import Diagnosis, MalformedPayload
from .events import WebhookEvent
from .money import Money

__all__ = ["check_event", "is_keepable_json"]

_LONGEST = 255
_BOUND = 2**63
_DEEPEST = 64
"""The events of known providers are less than twenty deep."""
_UNKEEPABLE = re.compile("[\x00\ud800-\udfff]")
_FREE_TEXT = frozenset({"email", "name", "url", "hosted_url", "pdf_url"})
"""Texts of people, and addresses; all others are ids and words."""
_IDS = ("id", "type", "dedupe_key", "provider", "customer_id", "delivery_id")
_IDS_OF_A_SUBSCRIPTION = ("subscription's customer_id", "subscription's plan_id")
_FINE = frozenset({bool, datetime, Money, *(kind for kind in vars(models).values() if isinstance(kind, EnumType))})
"""Classes whose values can always be kept."""


def check_event(event: object, *, whole: bool = False) -> None:
    """Refuse what is no event, or one that cannot be kept.

    Args:
        event: from a provider, or from a queue.
        whole: look at all of it, the delivery itself (``raw``) too: not only at what goes into columns.

    Raises:
        MalformedPayload: it is none; says which field, and shows no value.
    """
    if not isinstance(event, WebhookEvent):
        why: str | None = f"a WebhookEvent is needed, and this is {type(event).__name__}"
    else:
        why = _incomplete(event) or _columns(event)
        if why is None and whole:
            why = _unkeepable(event)
            if why is None and not is_keepable_json(event.raw):
                why = _not_keepable("raw")
    if why is not None:
        message = f"this is no event that could be applied: {why}"
        raise MalformedPayload(message, diagnosis=Diagnosis.BODY_NOT_AN_EVENT)


def is_keepable_json(value: object, deepest: int = _DEEPEST) -> bool:
    """Whether the value, as ``json.loads`` makes it, can be kept as JSON.

    Args:
        value: of an event.
        deepest: how deep objects and lists may be in one another: who writes JSON, and every database, has a limit.
    """
    if deepest < 0:
        return False
    if isinstance(value, str):
        return _UNKEEPABLE.search(value) is None
    if isinstance(value, bool) or value is None:
        return True
    if isinstance(value, int):
        return -_BOUND <= value < _BOUND
    if isinstance(value, float):
        return value - value == 0
    parts: Iterable[object] | None = None
    if isinstance(value, Mapping):
        parts = (part for pair in cast("Mapping[object, object]", value).items() for part in pair)
    elif isinstance(value, list | tuple):
        parts = cast("list[object]", value)
    return parts is not None and all(is_keepable_json(part, deepest - 1) for part in parts)


def _incomplete(event: WebhookEvent) -> str | None:
    for name, value in (("id", event.id), ("type", event.type), ("dedupe_key", event.dedupe_key)):
        if not value:
            return f"its {name} is missing"
    at = cast("object", event.created_at)
    return None if isinstance(at, datetime) and at.utcoffset() is not None else "its created_at is no time with a zone"


def _columns(event: WebhookEvent) -> str | None:
    """What is wrong with a field that goes into a column. Quick where nothing is: it is asked for every event."""
    about, subscription = event.subscription_id, event.subscription
    ids: list[object] = [event.id, event.type, event.dedupe_key, event.provider, event.customer_id, event.delivery_id]
    ids += (*event.known_as, *event.also)
    if about is not None and not _is_sendable_id(about):
        return _not_sendable("subscription_id")
    if subscription is not None:
        if subscription.id != about and not _is_sendable_id(subscription.id):
            return _not_sendable("subscription's id")
        ids += (subscription.customer_id, subscription.plan_id)
        for number in (subscription.quantity, subscription.version):
            if number is not None and (type(number) is not int or not -_BOUND <= number < _BOUND):
                return _not_keepable("subscription")
        if subscription.metadata and not is_keepable_json(subscription.metadata):
            return _not_keepable("subscription")
    if _are_plain(ids):
        return None
    named = zip(
        (*_IDS, *("known_as" for _ in event.known_as), *("also" for _ in event.also), *_IDS_OF_A_SUBSCRIPTION),
        ids,
        strict=False,
    )
    wrong = next((name for name, value in named if value is not None and not _is_keepable_id(value)), None)
    return None if wrong is None else _not_an_id(wrong)


def _are_plain(ids: list[object]) -> bool:
    """Whether they are ASCII, and together no longer than one may be, as nearly all are."""
    try:
        together = "".join([each for each in cast("list[str | None]", ids) if each is not None])
    except TypeError:
        return False
    return len(together) <= _LONGEST and together.isascii() and "\x00" not in together


def _is_keepable_id(value: object) -> bool:
    if not isinstance(value, str) or len(value) > _LONGEST:
        return False
    return (value.isascii() and "\x00" not in value) or _UNKEEPABLE.search(value) is None


def _is_sendable_id(value: object) -> bool:
    """Whether the object could be asked for: it is, before the event is applied, and the answer would never change."""
    return is_id(value) and _is_keepable_id(value)


def _not_keepable(name: str) -> str:
    return (
        f"its {name} holds a NUL, half a character, what is no number of 64 bits, or objects more than {_DEEPEST} deep"
    )


def _not_sendable(name: str) -> str:
    return f"its {name} is no id that a provider could be asked for"


def _not_an_id(name: str) -> str:
    return f"its {name} is no text, is longer than {_LONGEST} characters, or holds a NUL or half a character"


@functools.cache
def _fields(cls: type) -> tuple[tuple[str, bool], ...]:
    """The fields of a model, and whether a text in each may be as long as it likes."""
    fields = attrs.fields(cls) if attrs.has(cls) else ()
    return tuple((each.name, each.name in _FREE_TEXT) for each in fields if each.name not in {"raw", "replayed"})


def _unkeepable(model: object) -> str | None:
    """What is wrong with a field of the model, or of one inside it."""
    for name, is_free in _fields(cast("type", type(model))):
        value: Any = getattr(model, name)
        for part in cast("tuple[object, ...]", value) if isinstance(value, tuple) else (value,):
            why = _unkeepable_value(name, part, is_free=is_free)
            if why is not None:
                return why
    return None


def _unkeepable_value(name: str, value: object, *, is_free: bool) -> str | None:
    if value is None or type(value) in _FINE:
        return None
    if isinstance(value, str):
        fits = _UNKEEPABLE.search(value) is None if is_free else _is_keepable_id(value)
        return None if fits else _not_an_id(name)
    if attrs.has(type(value)):
        return _unkeepable(value)
    return None if is_keepable_json(value) and not isinstance(value, float) else _not_keepable(name)
