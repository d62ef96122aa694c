"""The guard, which makes the promises of the protocol hold for every provider.

Every operation that a subclass of :class:`~paylattice.BaseProvider` defines runs inside the guard that
:func:`guard_class` puts around it, plugins' too. When the class is made, its operations are compared with the protocol: they
can be called alike, or the class is refused. Then, call by call:

1. the arguments are checked, once, before anything is sent;
2. an operation whose capability is not declared raises :class:`~paylattice.errors.UnsupportedOperation`;
3. a write gets an idempotency key, and one key for two operations is refused;
4. the answer is compared with what was asked for;
5. only this library's errors leave, and a write whose outcome is unknown leaves with the means to repeat it;
6. the frames that they came through are empty: see :mod:`paylattice.frames`.
"""

import functools
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from contextvars import ContextVar
from copy import deepcopy
from datetime import datetime
from operator import attrgetter
from typing import Any, ParamSpec, TypeVar, cast

import attrs

from .arguments import check_arguments, web_address
from .class_check import class_faults, is_marked, mark
from .errors import (
    ActionRequired,
    InvalidProvider,
    InvalidRequest,
    InvalidResponse,
    OutcomeUnknown,
    PaymentError,
    ResponseOutcomeUnknown,
)
from .frames import clear_methods, clearing_all
from .frozen import FrozenMap
from .guarded import Guarded, stray, unsupported_operation
from .idempotency import new_key
from .models import SubscriptionChange
from .operations import OPERATIONS, Operation
from .parameters import Parameters
from .webhook_guard import guarded_parse, guarded_step, guarded_verify

__all__ = ["checked", "current_operation", "guard_class", "provider_specific"]

P = ParamSpec("P")
R = TypeVar("R")
_LEADS_OUT = frozenset(
    {
        "__init__",
        "customer_portal",
        "find_created_customer",
        "find_payment",
        "find_refund",
        "find_subscription",
        "missing_because",
        "read_checkout",
        "recover",
        "require",
    }
)
"""Methods of a provider that are no operations, and whose errors the application sees."""
_ADDRESSES = ("url", "hosted_url", "pdf_url", "approval_url")


@attrs.frozen
class _Running:
    """An operation that is under way.

    Args:
        operation: which one.
        provider: whose.
        arguments: those that were checked.
    """

    operation: Operation
    provider: object
    arguments: Mapping[str, object]


_NOTHING: Mapping[str, object] = FrozenMap()
_current: ContextVar[_Running | None] = ContextVar("paylattice_operation", default=None)


_prepared: ContextVar[_Running | None] = ContextVar("paylattice_prepared", default=None)
"""What was checked before the operation is called."""


def current_operation() -> str | None:
    """The operation that is running here, for log lines and observers."""
    running = _current.get()
    return None if running is None else running.operation.name


def guard_class(cls: type, base: type) -> None:
    """Put every operation that the class brings along under guard: its own, and those of its mixins.

    Args:
        cls: the class of a provider, as it is made.
        base: the class that all providers have in common; what it has, the class must have alike.

    Raises:
        InvalidProvider: a method cannot be called as that of the base is, or has to be awaited where that one has not: who
            forgot to await ``verify_webhook_signature`` would take any forgery.
    """
    wrong = class_faults(cls, base)
    if wrong:
        raise InvalidProvider("\n".join(wrong))
    clear_methods(cls, _LEADS_OUT)
    for name, operation in OPERATIONS.items():
        _put_under_guard(cls, base, name, functools.partial(_guarded, operation, like=getattr(base, name)))
    _put_under_guard(cls, base, "events_since", _guarded_stream)
    for name in ("verify_with_provider", "follow_links"):
        _put_under_guard(cls, base, name, guarded_step)
    _put_under_guard(cls, base, "parse_webhook", guarded_parse)
    _put_under_guard(cls, base, "verify_webhook_signature", guarded_verify)


@contextmanager
def checked(provider: Guarded, operation: str, arguments: Mapping[str, object]) -> Generator[None]:
    """Check arguments now, for who writes them down before the operation is called, within the block, with the same values.

    Args:
        provider: who is going to be called.
        operation: the name of the operation.
        arguments: by name; what is None is left to the call.

    Raises:
        InvalidRequest: one of them is wrong.
    """
    given = {name: value for name, value in arguments.items() if value is not None}
    try:
        check_arguments(operation, given.items(), given)
    except InvalidRequest as error:
        error.provider, error.operation = provider.get_provider_name(), operation
        raise
    token = _prepared.set(_Running(OPERATIONS[operation], provider, _kept(given)))
    try:
        yield
    finally:
        _prepared.reset(token)


def provider_specific(
    *, returns: type, writes: bool = False, many: bool = False, optional: bool = False
) -> Callable[[Callable[P, Awaitable[R]]], Callable[P, Coroutine[Any, Any, R]]]:
    """Put an operation that only one provider has, and the protocol does not know, under the same guard.

    Its arguments are checked by their names, a write gets an idempotency key, its answer is checked, and only this
    library's errors leave it.

    Args:
        returns: the class of the answer, or of its elements.
        writes: whether it changes something at the provider.
        many: whether the answer is a list.
        optional: whether None is an answer.
    """

    def guard(method: Callable[P, Awaitable[R]]) -> Callable[P, Coroutine[Any, Any, R]]:
        operation = Operation(method.__name__, None, returns, writes=writes, many=many, optional=optional)
        return cast("Callable[P, Coroutine[Any, Any, R]]", _guarded(operation, method))

    return guard


def _put_under_guard(
    cls: type, base: type, name: str, guarded: Callable[[Callable[..., Any]], Callable[..., Any]]
) -> None:
    method = getattr(cls, name)
    if method is getattr(base, name) or is_marked(method):
        return
    call = guarded(method)
    mark(call)
    setattr(cls, name, call)


def _guarded(
    operation: Operation, method: Callable[..., Awaitable[object]], *, like: Callable[..., object] | None = None
) -> Callable[..., Awaitable[object]]:
    parameters = Parameters.of(method, like)
    takes_key = operation.writes and "idempotency_key" in parameters.unset

    @functools.wraps(method)
    async def call(self: Guarded, *args: object, **kwargs: object) -> object:
        arguments = _kept(parameters.bind(args, kwargs))
        outer = _current.get()
        try:
            _check(self, operation, arguments, parameters, outer)
            if "params" in arguments:  # they are nested, and may be changed before the operation is repeated
                arguments["params"] = deepcopy(arguments["params"])
            if takes_key:
                if arguments["idempotency_key"] is None:
                    arguments["idempotency_key"] = new_key() if operation.makes_keys else None
                elif outer is None:
                    self.key_ledger.note(str(arguments["idempotency_key"]), operation.name, arguments)
            token = _current.set(_Running(operation, self, arguments))
            try:
                result = await _own_errors_only(self, operation, method, arguments, parameters)
            finally:
                _current.reset(token)
            _compare(self, operation, arguments, result)
        except PaymentError as error:
            _complete(error, self, operation, arguments)
            raise
        return result

    return clearing_all(call)


def _kept(arguments: dict[str, object]) -> dict[str, object]:
    """The arguments, mappings as copies, so they cannot change before the operation is repeated."""
    for name, value in arguments.items():
        if isinstance(value, Mapping):
            arguments[name] = FrozenMap(cast("Mapping[object, object]", value))
    return arguments


def _spread(arguments: Mapping[str, object], parameters: Parameters) -> tuple[list[object], dict[str, object]]:
    """The arguments as the method is called with them: by position where the protocol has one. Mappings as new dicts."""
    given: dict[str, object] = {
        name: dict(cast("FrozenMap[object, object]", value)) if isinstance(value, FrozenMap) else value
        for name, value in arguments.items()
    }
    return [given.pop(name) for name in parameters.positional], given


def _check(
    provider: Guarded,
    operation: Operation,
    arguments: Mapping[str, object],
    parameters: Parameters,
    outer: _Running | None = None,
) -> None:
    """Check what is asked, once: not what :func:`checked` has checked, nor what an override hands on as it got it."""
    capability = operation.capability_for(arguments)
    if capability is not None and capability not in provider.capabilities:
        raise unsupported_operation(provider, operation.name, capability)
    checked = _checked_before(provider, operation, outer)
    unchecked = [
        (name, value)
        for name, value in arguments.items()
        if not (name in checked and _is_what_was_checked(value, checked[name]))
        and (value is not None or name in parameters.never_none)
    ]
    if unchecked:
        check_arguments(operation.name, unchecked, arguments)


def _checked_before(provider: Guarded, operation: Operation, outer: _Running | None) -> Mapping[str, object]:
    for each in (outer, _prepared.get()):
        if each is not None and each.provider is provider and each.operation is operation:
            return each.arguments
    return _NOTHING


def _is_what_was_checked(value: object, before: object) -> bool:
    return value is before or (isinstance(value, FrozenMap) and value == before)


async def _own_errors_only(
    provider: Guarded,
    operation: Operation,
    method: Callable[..., Awaitable[object]],
    arguments: Mapping[str, object],
    parameters: Parameters,
) -> object:
    args, kwargs = _spread(arguments, parameters)
    try:
        return await method(provider, *args, **kwargs)
    except PaymentError:
        raise
    except Exception as exc:  # noqa: BLE001 - whatever it is, it must not carry a payload to the caller
        broken = stray(provider, exc)
    if operation.writes_with(arguments):
        raise ResponseOutcomeUnknown(broken)
    raise InvalidResponse(broken)


def _compare(provider: Guarded, operation: Operation, arguments: Mapping[str, object], result: object) -> None:
    if result is None and operation.optional:
        return
    answers: list[Any] = [result]
    if operation.many:
        answers = list(cast("list[Any]", result)) if isinstance(result, list | tuple) else [None]
    wrong: str | None = None
    for answer in answers:
        if not isinstance(answer, operation.returns):
            wrong = f"the answer is not {'a list of ' if operation.many else ''}{operation.returns.__name__}"
            break
        wrong = wrong or _unusable(answer)
        for argument, attribute in operation.echoes.items():
            asked, answered = arguments.get(argument), attrgetter(attribute)(answer)
            if asked is None or answered is None or asked in {answered, getattr(answer, "merged_from", None)}:
                continue
            if isinstance(asked, str) and isinstance(answered, str) and provider.is_same(asked, answered):
                continue
            wrong = f"the answer is about another {attribute} than the {argument} that was asked for"
    if wrong is not None:
        failure = ResponseOutcomeUnknown if operation.writes_with(arguments) else InvalidResponse
        raise failure(f"{wrong}; it is not passed on")


def _unusable(answer: object) -> str | None:
    """What is wrong with an id or an address in the answer: the application puts them into paths, and before people."""
    found = [
        ("the_id", getattr(answer.subscription if isinstance(answer, SubscriptionChange) else answer, "id", None)),
        *(("success_url", getattr(answer, each, None)) for each in _ADDRESSES),
    ]
    try:
        check_arguments("", [(name, value) for name, value in found if value is not None])
    except InvalidRequest as error:
        return (
            "the answer holds an id that cannot be one"
            if error.param == "the_id"
            else "the answer holds no web address"
        )
    return None


def _complete(error: PaymentError, provider: Guarded, operation: Operation, arguments: Mapping[str, object]) -> None:
    """Write into the error what the caller asked for: of operations inside one another, the outermost has the last word."""
    error.provider = error.provider or provider.get_provider_name()
    error.operation = operation.name
    if isinstance(error, ActionRequired):
        error.url = web_address(error.url)
    if not operation.writes_with(arguments):
        return
    key = arguments.get("idempotency_key")
    error.idempotency_key = str(key) if key else error.idempotency_key
    again_with = dict(arguments)
    if not operation.makes_keys:  # without the key that it was sent with, it would be another one
        again_with["idempotency_key"] = error.idempotency_key
    if isinstance(error, OutcomeUnknown) and (operation.makes_keys or error.idempotency_key is not None):
        # the guard's half of recover()
        def replay(again: Guarded) -> Awaitable[object]:
            if not again._is_account_of(provider):  # pyright: ignore[reportPrivateUsage] - the two halves of recover()
                message = (
                    "this error comes from a provider with other settings, perhaps of another account: recover it there"
                )
                raise InvalidRequest(message, param="error", provider=again.get_provider_name())
            repeat: Awaitable[object] = getattr(again, operation.name)(**again_with)
            return repeat

        error._replay = replay  # pyright: ignore[reportPrivateUsage] - the two halves of recover()


def _guarded_stream(
    method: Callable[..., AsyncGenerator[Sequence[object]]],
) -> Callable[..., AsyncGenerator[Sequence[object]]]:
    """The guard of ``events_since``: each part of it is an answer of ``list_events``."""
    operation = OPERATIONS["list_events"]
    parameters = Parameters.of(method)

    @functools.wraps(method)
    async def call(self: Guarded, since: datetime) -> AsyncGenerator[Sequence[object]]:
        arguments = {"since": since}
        _check(self, operation, arguments, parameters)
        async with aclosing(method(self, since)) as parts:
            while True:
                token = _current.set(_Running(operation, self, arguments))
                try:
                    part = await anext(parts, None)
                    if part is not None:
                        _compare(self, operation, arguments, part)
                except PaymentError as error:
                    _complete(error, self, operation, arguments)
                    raise
                except Exception as exc:  # noqa: BLE001 - whatever it is, it must not carry a payload to the caller
                    broken = stray(self, exc)
                    break
                finally:
                    _current.reset(token)
                if part is None:
                    return
                yield part
        raise InvalidResponse(broken, provider=self.get_provider_name(), operation=operation.name)

    return clearing_all(call)
