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
import inspect
import re
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Generator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from contextvars import ContextVar
from datetime import datetime
from operator import attrgetter
from typing import Any, ParamSpec, Protocol, TypeVar, cast

import attrs

from .arguments import check_argument, web_address
from .errors import (
    ActionRequired,
    Diagnosis,
    InvalidProvider,
    InvalidRequest,
    InvalidResponse,
    MalformedPayload,
    OutcomeUnknown,
    PaymentError,
    ResponseOutcomeUnknown,
    UnsupportedOperation,
    WebhookError,
)
from .events import WebhookEvent
from .frames import clear_all, clear_methods, clearing_all
from .frozen import FrozenMap
from .idempotency import KeyLedger, new_key
from .operations import OPERATIONS, Capability, Operation, UnsupportedReason
from .parameters import Parameters, misfits
from .storable import check_event

__all__ = [
    "Guarded",
    "check_mode",
    "checked",
    "current_operation",
    "guard_class",
    "provider_specific",
    "unsupported_operation",
]

P = ParamSpec("P")
R = TypeVar("R")
_ODD = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")

_LEADS_OUT = frozenset(
    {
        "__init__",
        "verify_with_provider",
        "find_created_customer",
        "find_payment",
        "find_refund",
        "recover",
        "require",
    }
)
"""Methods of a provider that are no operations, and whose errors the application sees."""
_ADDRESSES = ("url", "hosted_url", "pdf_url", "approval_url")
_GUARD = "__paylattice_guard__"


class Guarded(Protocol):
    """What the guard needs of a provider; :class:`~paylattice.BaseProvider` has it."""

    key_ledger: KeyLedger

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What it can do."""
        ...

    @property
    def unsupported(self) -> Mapping[Capability, UnsupportedReason]:
        """What it cannot do, and why."""
        ...

    @property
    def livemode(self) -> bool | None:
        """Whether real money moves."""
        ...

    def get_provider_name(self) -> str:
        """Its name."""
        ...

    def is_same(self, asked: str, answered: str) -> bool:
        """Whether an answer about the second id is one about the first."""
        ...

    def _is_account_of(self, other: "Guarded") -> bool:
        """Whether both send with the same settings, so that one can finish what the other began."""
        ...


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


def unsupported_operation(provider: Guarded, operation: str, capability: Capability | None) -> UnsupportedOperation:
    """The error for an operation that the provider lacks, in the provider's own words if it has some."""
    name = provider.get_provider_name()
    told = provider.unsupported.get(capability) if capability else None
    if told is None:
        told = UnsupportedReason(f"{name} does not offer {capability.replace('_', ' ') if capability else operation}.")
    return UnsupportedOperation(reason=told.reason, alternative=told.alternative, provider=name, operation=operation)


def guard_class(cls: type, base: type) -> None:
    """Put every operation that the class brings along under guard: its own, and those of its mixins.

    Args:
        cls: the class of a provider, as it is made.
        base: the class that all providers have in common; what it has, the class must have alike.

    Raises:
        InvalidProvider: a method cannot be called as that of the base is, or has to be awaited where that one has not: who
            forgot to await ``verify_webhook_signature`` would take any forgery.
    """
    wrong = [fault for name in _common(base) for fault in _faults(cls, base, name)]
    if wrong:
        raise InvalidProvider("\n".join(wrong))
    clear_methods(cls, _LEADS_OUT)
    for name, operation in OPERATIONS.items():
        _put_under_guard(cls, base, name, functools.partial(_guarded, operation, like=getattr(base, name)))
    _put_under_guard(cls, base, "events_since", _guarded_stream)
    _put_under_guard(cls, base, "parse_webhook", _guarded_parse)
    _put_under_guard(cls, base, "verify_webhook_signature", _guarded_verify)


@functools.cache
def _common(base: type) -> tuple[str, ...]:
    """The public methods of the base, in the order of its class and of the protocol."""
    names = (name for each in base.__mro__ for name in vars(each))
    return tuple(name for name in dict.fromkeys(names) if name[0] != "_" and inspect.isfunction(getattr(base, name)))


def _faults(cls: type, base: type, name: str) -> list[str]:
    """What keeps a method of the class from standing in for that of the base, in full sentences; empty: nothing."""
    method, like = getattr(cls, name), getattr(base, name)
    if method is like or getattr(method, _GUARD, _NOTHING) is method:
        return []
    wanted = f"{'' if _is_plain(like) else 'async '}def {name}{_in_short(like)}"
    if not inspect.isfunction(method):
        return [f"{cls.__name__}.{name} must be a method, not {type(method).__name__}: {wanted}"]
    if inspect.isasyncgenfunction(method) is not inspect.isasyncgenfunction(like) and not _is_plain(method):
        return [f"{cls.__name__}.{name} must not be {_kind(method)}: {wanted}"]
    if _is_plain(like) and not _is_plain(method):
        return [f"{cls.__name__}.{name} must be a plain function, without async: {wanted}"]
    found = ", ".join(misfits(method, like))
    if not found:
        return []
    cure = f"Write {wanted}; parameters of your own are keyword-only, with a default"
    return [f"{cls.__name__}.{name}{_in_short(method)} cannot be called as the protocol says: {found}. {cure}"]


def _is_plain(method: Callable[..., object]) -> bool:
    return not inspect.iscoroutinefunction(method) and not inspect.isasyncgenfunction(method)


def _kind(method: Callable[..., object]) -> str:
    return "an async generator" if inspect.isasyncgenfunction(method) else "a coroutine function"


def _in_short(method: Callable[..., object]) -> str:
    """The parameters without their types, which would hide them."""
    signature = inspect.signature(method)
    bare = [each.replace(annotation=inspect.Parameter.empty) for each in signature.parameters.values()]
    return str(signature.replace(parameters=bare, return_annotation=inspect.Signature.empty))


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
        for name, value in given.items():
            check_argument(operation, name, value)
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
    if method is getattr(base, name) or getattr(method, _GUARD, None) is method:
        return
    call = guarded(method)
    setattr(call, _GUARD, call)
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
            if takes_key:
                if arguments["idempotency_key"] is None:
                    arguments["idempotency_key"] = new_key()
                elif outer is None:
                    self.key_ledger.note(str(arguments["idempotency_key"]), operation.name, arguments)
            token = _current.set(_Running(operation, self, arguments))
            try:
                result = await _own_errors_only(self, operation, method, *_spread(arguments, parameters))
            finally:
                _current.reset(token)
            _compare(self, operation, arguments, result)
        except PaymentError as error:
            _complete(error, self, operation, arguments)
            raise
        return result

    return clearing_all(call)


def _kept(arguments: dict[str, object]) -> dict[str, object]:
    """The arguments, mappings as copies: nobody changes them while, or before, the operation is repeated."""
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
    for name, value in arguments.items():
        if name in checked and _is_what_was_checked(value, checked[name]):
            continue
        if value is not None or name in parameters.never_none:
            check_argument(operation.name, name, value)


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
    args: Sequence[object],
    kwargs: Mapping[str, object],
) -> object:
    try:
        return await method(provider, *args, **kwargs)
    except PaymentError:
        raise
    except Exception as exc:  # noqa: BLE001 - whatever it is, it must not carry a payload to the caller
        broken = _stray(provider, exc)
    if operation.writes:
        raise ResponseOutcomeUnknown(broken)
    raise InvalidResponse(broken)


def _stray(provider: Guarded, exc: Exception) -> str:
    """Where a stray exception came from; its text may hold a payload, its place does not."""
    trace = exc.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" at {trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno}" if trace is not None else ""
    if isinstance(exc, RuntimeError) and ("event loop" in str(exc) or "async library" in str(exc)):
        cure = "it needs an event loop of its own; for paylattice.sync it must send, sleep and lock with self.transport alone"
    else:
        cure = "report it to the provider's authors"
    return f"{type(provider).__name__} failed with {type(exc).__name__}{place}: {cure}"


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
        failure = ResponseOutcomeUnknown if operation.writes else InvalidResponse
        raise failure(f"{wrong}; it is not passed on")


def _unusable(answer: object) -> str | None:
    """What is wrong with an id or an address in the answer: the application puts them into paths, and before people."""
    named = getattr(answer, "id", None)
    try:
        if named is not None:
            check_argument("", "the_id", named)
        for field in _ADDRESSES:
            address = getattr(answer, field, None)
            if address is not None:
                check_argument("", "success_url", address)
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
    if not operation.writes:
        return
    key = arguments.get("idempotency_key")
    error.idempotency_key = str(key) if key else error.idempotency_key
    if isinstance(error, OutcomeUnknown):
        # the guard's half of recover()
        def replay(again: Guarded) -> Awaitable[object]:
            if not again._is_account_of(provider):  # pyright: ignore[reportPrivateUsage] - the two halves of recover()
                message = (
                    "this error comes from a provider with other settings, perhaps of another account: recover it there"
                )
                raise InvalidRequest(message, param="error", provider=again.get_provider_name())
            repeat: Awaitable[object] = getattr(again, operation.name)(**arguments)
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
                    broken = _stray(self, exc)
                    break
                finally:
                    _current.reset(token)
                if part is None:
                    return
                yield part
        raise InvalidResponse(broken, provider=self.get_provider_name(), operation=operation.name)

    return clearing_all(call)


def check_mode(provider: Guarded, event: WebhookEvent) -> None:
    """Refuse an event of the other mode: what was paid with a test card must not be delivered, nor a test shop act on money.

    Raises:
        WebhookError: it is one (``wrong_mode``). Where event or provider do not tell their mode, nothing is refused.
    """
    here = provider.livemode
    if here is None or event.livemode is None or event.livemode is here:
        return
    message = _MODES[here]
    raise WebhookError(
        message, diagnosis=Diagnosis.WRONG_MODE, provider=provider.get_provider_name(), operation="parse_webhook"
    )


_MODES: Mapping[bool, str] = {
    True: (
        "this is a test event, and the key that is configured here is live: give test mode an endpoint, and a service, of its "
        "own. It is not applied"
    ),
    False: (
        "this is a live event, and the key that is configured here is a test key: set the live key and the live endpoint's "
        "secret, or take the live endpoint to where these are. It is not applied"
    ),
}
"""By the mode of the key."""


def _guarded_parse(method: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
    @functools.wraps(method)
    async def call(self: Guarded, *args: object, **kwargs: object) -> object:
        outer = sys.exception()
        try:
            parsed = await method(self, *args, **kwargs)
            return _event(self, parsed, args[0] if args else kwargs.get("payload"))
        except PaymentError as error:
            _refused(error, self, "parse_webhook", outer)
            del self, args, kwargs, outer
            raise
        except Exception as exc:  # noqa: BLE001 - hostile bodies must not choose the exception
            broken = _malformed(self, exc, "parse_webhook")
        except BaseException as error:
            clear_all(error, outer)
            del self, args, kwargs, outer
            raise
        del self, args, kwargs, outer
        raise broken

    return call


def _guarded_verify(method: Callable[..., object]) -> Callable[..., object]:
    @functools.wraps(method)
    def call(self: Guarded, *args: object, **kwargs: object) -> object:
        outer = sys.exception()
        try:
            return method(self, *args, **kwargs)
        except PaymentError as error:
            _refused(error, self, "verify_webhook_signature", outer)
            del self, args, kwargs, outer
            raise
        except Exception as exc:  # noqa: BLE001 - hostile bodies must not choose the exception
            broken = _malformed(self, exc, "verify_webhook_signature")
        del self, args, kwargs, outer
        raise broken

    return call


def _event(provider: Guarded, parsed: object, payload: object) -> WebhookEvent:
    if not isinstance(parsed, WebhookEvent):
        broken = f"{type(provider).__name__} made no WebhookEvent of it: report it to the provider's authors"
        raise MalformedPayload(broken)
    check_mode(provider, parsed)
    check_event(parsed, whole=_is_odd(payload))
    return parsed


def _is_odd(payload: object) -> bool:
    """Whether a text in it may hold what no database takes: in JSON, only such an escape can say it."""
    return not isinstance(payload, bytes) or _ODD.search(payload) is not None


def _refused(error: PaymentError, provider: Guarded, operation: str, outer: BaseException | None) -> None:
    """Say in the error whose it is, and empty the frames behind it."""
    if error.provider is None:
        error.provider = provider.get_provider_name()
    if error.operation is None:
        error.operation = operation
    clear_all(error, outer)


def _malformed(provider: Guarded, exc: Exception, operation: str) -> MalformedPayload:
    return MalformedPayload(_stray(provider, exc), provider=provider.get_provider_name(), operation=operation)
