"""What a conformance suite expects of every model: true types, UTC, ids that can be used again, and a way through JSON."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from types import UnionType
from typing import Union, cast, get_args, get_origin, get_type_hints

import attrs

from ....arguments import check_id
from ....errors import InvalidRequest
from ....frozen import FrozenMap
from ....models import Model, SubscriptionChange
from ....serialization import converter
from ..expectations import expect

__all__ = ["expect_model", "expect_models"]


def expect_models(answers: object, provider: str) -> None:
    """A list of valid models."""
    __tracebackhide__ = True
    expect(isinstance(answers, list), f"an operation that answers a list answered {type(answers).__name__}")
    for answer in cast("list[object]", answers):
        expect_model(answer, provider)


def expect_model(answer: object, provider: str) -> None:
    """A valid model of the provider: what it holds is what its class says it holds, and survives JSON.

    Args:
        answer: what an operation returned.
        provider: the provider's name.
    """
    __tracebackhide__ = True
    if isinstance(answer, SubscriptionChange):
        answer = answer.subscription
    expect(isinstance(answer, Model), f"an operation answered {type(answer).__name__}, which is no model")
    for wrong in _wrong(cast("Model", answer), provider):
        raise AssertionError(f"{type(answer).__name__}.{wrong}")
    conv = converter()
    again: object = conv.structure(json.loads(json.dumps(conv.unstructure(answer))), type(answer))
    expect(
        again == answer, f"{type(answer).__name__} is not the same after a way through JSON: are all its times in UTC?"
    )


def _wrong(model: Model, provider: str) -> Iterator[str]:
    if model.provider != provider:
        yield f"provider is {model.provider!r}, not {provider!r}: pass provider={provider!r} to the model"
    try:
        if hasattr(model, "id"):  # what is inside of another model, such as a line of an invoice, may have none
            check_id("id", getattr(model, "id"))  # noqa: B009 - of some models only
    except InvalidRequest:
        yield "id cannot be handed to another operation"
    hints = get_type_hints(type(model))
    for field in attrs.fields(type(model)):
        value: object = getattr(model, field.name)
        if isinstance(value, Model):
            yield from (f"{field.name}.{wrong}" for wrong in _wrong(value, provider))
        for element in _elements(value):
            yield from (f"{field.name}.{wrong}" for wrong in _loose(element))
        if not _fits(value, hints[field.name]):
            yield f"{field.name} is {type(value).__name__}, which its class does not allow"
        if isinstance(value, datetime) and value.utcoffset() != timedelta(0):
            yield f"{field.name} is not in UTC"


def _elements(value: object) -> tuple[object, ...]:
    return cast("tuple[object, ...]", value) if isinstance(value, tuple) else ()


def _loose(element: object) -> Iterator[str]:
    """What is wrong with a line of a model: it needs no provider of its own."""
    if isinstance(element, Model):
        yield from _wrong(element, element.provider)


def _fits(value: object, hint: object) -> bool:
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in {Union, UnionType}:
        return any(_fits(value, argument) for argument in arguments)
    if origin is FrozenMap:
        return isinstance(value, FrozenMap) and all(
            isinstance(key, str) and isinstance(word, str)
            for key, word in cast("FrozenMap[object, object]", value).items()
        )
    if origin is Mapping or (isinstance(origin, type) and issubclass(origin, Mapping)):
        return isinstance(value, Mapping)
    if origin is tuple:
        return isinstance(value, tuple)
    if hint is int and isinstance(value, bool):
        return False
    return isinstance(value, hint) if isinstance(hint, type) else True
