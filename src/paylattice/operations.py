"""The table of operations, and the guard that makes the promises of the protocol hold for every provider.

Every operation that a subclass of :class:`~paylattice.BaseProvider` defines runs inside the guard that
:func:`guard_class` puts around it, plugins' too:

1. the arguments are checked before anything is sent;
2. an operation whose capability is not declared raises :class:`~paylattice.errors.UnsupportedOperation`;
3. a write gets an idempotency key, and one key for two operations is refused;
4. the answer is compared with what was asked for;
5. only this library's errors leave, and a write whose outcome is unknown leaves with the means to repeat it;
6. the frames that they came through are empty: see :mod:`paylattice.frames`.
"""

import functools
import inspect
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import aclosing
from contextvars import ContextVar
from datetime import datetime
from enum import StrEnum
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

import attrs

from .arguments import check_argument, web_address
from .errors import (
    ActionRequired,
    Diagnosis,
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
from .idempotency import new_key
from .models import (
    CheckoutSession,
    Customer,
    Invoice,
    Payment,
    PaymentMethod,
    Plan,
    Refund,
    Subscription,
    SubscriptionChange,
)

if TYPE_CHECKING:
    from .provider import BaseProvider

__all__ = [
    "OPERATIONS",
    "Capability",
    "Limit",
    "Operation",
    "current_operation",
    "guard_class",
    "provider_specific",
    "unsupported",
]

P = ParamSpec("P")
R = TypeVar("R")


class Capability(StrEnum):
    """What a provider can do. ``create_customer`` and webhooks are always there."""

    CUSTOMERS = "customers"
    CHECKOUT = "checkout"
    PAYMENTS = "payments"
    DIRECT_PAYMENTS = "direct_payments"
    REFUNDS = "refunds"
    SUBSCRIPTIONS = "subscriptions"
    LIST_SUBSCRIPTIONS = "list_subscriptions"
    CANCEL_NOW = "cancel_now"
    CANCEL_AT_PERIOD_END = "cancel_at_period_end"
    CHANGE_SUBSCRIPTION = "change_subscription"
    PAUSE = "pause"
    METERED_USAGE = "metered_usage"
    INVOICES = "invoices"
    PAYMENT_METHODS = "payment_methods"
    PLANS = "plans"
    LIST_EVENTS = "list_events"


@attrs.frozen
class Limit:
    """What a provider lacks, in words.

    Args:
        reason: why it cannot.
        alternative: what to do instead.
    """

    reason: str
    alternative: str | None = None


@attrs.frozen
class Operation:
    """One row of the table.

    Args:
        name: the method of the protocol.
        capability: what must be declared; None: always there.
        returns: the class of the answer, or of its elements.
        writes: whether it changes something at the provider.
        many: whether the answer is a list.
        optional: whether None is an answer.
        echoes: argument -> attribute of the answer that must be equal to it.
    """

    name: str
    capability: Capability | None
    returns: type
    writes: bool = False
    many: bool = False
    optional: bool = False
    echoes: Mapping[str, str] = attrs.field(factory=dict[str, str])

    def capability_for(self, arguments: Mapping[str, object]) -> Capability | None:
        """The capability that this call needs: each way to cancel is one of its own."""
        if self.name == "cancel_subscription" and arguments.get("at_period_end"):
            return Capability.CANCEL_AT_PERIOD_END
        return self.capability


_C = Capability
_ROWS = (
    Operation("create_customer", None, Customer, writes=True),
    Operation("get_customer", _C.CUSTOMERS, Customer, optional=True, echoes={"customer_id": "id"}),
    Operation("update_customer", _C.CUSTOMERS, Customer, writes=True, echoes={"customer_id": "id"}),
    Operation("delete_customer", _C.CUSTOMERS, type(None), writes=True),
    Operation(
        "create_checkout_session", _C.CHECKOUT, CheckoutSession, writes=True, echoes={"customer_id": "customer_id"}
    ),
    Operation(
        "create_payment_session", _C.PAYMENTS, CheckoutSession, writes=True, echoes={"customer_id": "customer_id"}
    ),
    Operation("get_checkout_session", _C.CHECKOUT, CheckoutSession, optional=True, echoes={"session_id": "id"}),
    Operation("get_subscription", _C.SUBSCRIPTIONS, Subscription, optional=True, echoes={"subscription_id": "id"}),
    Operation(
        "list_subscriptions", _C.LIST_SUBSCRIPTIONS, Subscription, many=True, echoes={"customer_id": "customer_id"}
    ),
    Operation("cancel_subscription", _C.CANCEL_NOW, Subscription, writes=True, echoes={"subscription_id": "id"}),
    Operation(
        "change_subscription",
        _C.CHANGE_SUBSCRIPTION,
        SubscriptionChange,
        writes=True,
        echoes={"subscription_id": "subscription.id"},
    ),
    Operation("pause_subscription", _C.PAUSE, Subscription, writes=True, echoes={"subscription_id": "id"}),
    Operation("resume_subscription", _C.PAUSE, Subscription, writes=True, echoes={"subscription_id": "id"}),
    Operation("create_usage_record", _C.METERED_USAGE, bool, writes=True),
    Operation(
        "get_invoices",
        _C.INVOICES,
        Invoice,
        many=True,
        echoes={"customer_id": "customer_id", "subscription_id": "subscription_id"},
    ),
    Operation("get_payment", _C.PAYMENTS, Payment, optional=True, echoes={"payment_id": "id"}),
    Operation("capture_payment", _C.PAYMENTS, Payment, writes=True, echoes={"payment_id": "id"}),
    Operation("cancel_payment", _C.PAYMENTS, Payment, writes=True, echoes={"payment_id": "id"}),
    Operation(
        "create_payment",
        _C.DIRECT_PAYMENTS,
        Payment,
        writes=True,
        echoes={"amount": "amount", "customer_id": "customer_id"},
    ),
    Operation(
        "refund_payment", _C.REFUNDS, Refund, writes=True, echoes={"payment_id": "payment_id", "amount": "amount"}
    ),
    Operation(
        "get_payment_methods", _C.PAYMENT_METHODS, PaymentMethod, many=True, echoes={"customer_id": "customer_id"}
    ),
    Operation("remove_payment_method", _C.PAYMENT_METHODS, type(None), writes=True),
    Operation("get_plan", _C.PLANS, Plan, optional=True, echoes={"plan_id": "id"}),
    Operation("list_plans", _C.PLANS, Plan, many=True),
    Operation("list_events", _C.LIST_EVENTS, WebhookEvent, many=True),
)

OPERATIONS: Mapping[str, Operation] = {row.name: row for row in _ROWS}
"""Every operation that goes to the provider, in the order of the protocol."""

_PROTOCOL = f"{__package__}.provider"
_LEADS_OUT = frozenset({"__init__", "confirm_event", "find_created_customer", "recover", "require"})
"""Methods of a provider that are no operations, and whose errors the application sees."""
_ADDRESSES = ("url", "hosted_url", "pdf_url", "approval_url")
_GUARD = "__paylattice_guard__"
_current: ContextVar[str | None] = ContextVar("paylattice_operation", default=None)


def current_operation() -> str | None:
    """The operation that is running here, for log lines and observers."""
    return _current.get()


def unsupported(provider: "BaseProvider", operation: str, capability: Capability | None) -> UnsupportedOperation:
    """The error for an operation that the provider lacks, in the provider's own words if it has some."""
    name = provider.get_provider_name()
    limit = provider.limits.get(capability) if capability else None
    if limit is None:
        limit = Limit(f"{name} does not offer {capability.replace('_', ' ') if capability else operation}.")
    return UnsupportedOperation(reason=limit.reason, alternative=limit.alternative, provider=name, operation=operation)


def guard_class(cls: type) -> None:
    """Put every operation that the class brings along under guard: its own, and those of its mixins.

    Raises:
        TypeError: ``verify_webhook_signature`` is a coroutine function: who forgot to await it would take any forgery.
    """
    if inspect.iscoroutinefunction(getattr(cls, "verify_webhook_signature", None)):
        message = f"{cls.__name__}.verify_webhook_signature must be a plain function, without async"
        raise TypeError(message)
    clear_methods(cls, _LEADS_OUT)
    for name, operation in OPERATIONS.items():
        _put_under_guard(cls, name, functools.partial(_guarded, operation))
    _put_under_guard(cls, "events_since", _guarded_stream)
    _put_under_guard(cls, "parse_webhook", _guarded_parse)
    _put_under_guard(cls, "verify_webhook_signature", _guarded_verify)


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


def _put_under_guard(cls: type, name: str, guarded: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    method = getattr(cls, name, None)
    if not inspect.isfunction(method) or method.__module__ == _PROTOCOL or getattr(method, _GUARD, None) is method:
        return
    call = guarded(method)
    setattr(call, _GUARD, call)
    setattr(cls, name, call)


def _guarded(operation: Operation, method: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
    signature = inspect.signature(method)
    takes_key = operation.writes and "idempotency_key" in signature.parameters

    @functools.wraps(method)
    async def call(self: "BaseProvider", *args: object, **kwargs: object) -> object:
        bound = signature.bind(self, *args, **kwargs)
        bound.apply_defaults()
        arguments = _by_name(bound)
        outermost = _current.get() is None
        try:
            _check(self, operation, arguments, signature)
            if takes_key:
                if arguments["idempotency_key"] is None:
                    arguments["idempotency_key"] = bound.arguments["idempotency_key"] = new_key()
                elif outermost:
                    self.key_ledger.note(str(arguments["idempotency_key"]), operation.name, arguments)
            token = _current.set(operation.name)
            try:
                result = await _own_errors_only(self, operation, method, bound)
            finally:
                _current.reset(token)
            _compare(self, operation, arguments, result)
        except PaymentError as error:
            _complete(error, self, operation, arguments)
            raise
        return result

    return clearing_all(call)


def _by_name(bound: inspect.BoundArguments) -> dict[str, object]:
    """The arguments without ``self``. Mappings are copied: nobody changes them while, or before, the operation is repeated."""
    arguments: dict[str, object] = {}
    for (name, value), parameter in list(
        zip(bound.arguments.items(), bound.signature.parameters.values(), strict=True)
    )[1:]:
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            arguments.update(value)
        elif isinstance(value, Mapping):
            arguments[name] = FrozenMap(cast("Mapping[object, object]", value))
            bound.arguments[name] = dict(cast("Mapping[object, object]", value))
        else:
            arguments[name] = value
    return arguments


def _check(
    provider: "BaseProvider", operation: Operation, arguments: Mapping[str, object], signature: inspect.Signature
) -> None:
    capability = operation.capability_for(arguments)
    if capability is not None and capability not in provider.capabilities:
        raise unsupported(provider, operation.name, capability)
    for name, value in arguments.items():
        parameter = signature.parameters.get(name)
        if value is not None or (parameter is not None and parameter.default is not None):
            check_argument(operation.name, name, value)


async def _own_errors_only(
    provider: "BaseProvider",
    operation: Operation,
    method: Callable[..., Awaitable[object]],
    bound: inspect.BoundArguments,
) -> object:
    try:
        return await method(*bound.args, **bound.kwargs)
    except PaymentError:
        raise
    except Exception as exc:  # noqa: BLE001 - whatever it is, it must not carry a payload to the caller
        broken = _stray(provider, exc)
    if operation.writes:
        raise ResponseOutcomeUnknown(broken)
    raise InvalidResponse(broken)


def _stray(provider: "BaseProvider", exc: Exception) -> str:
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


def _compare(provider: "BaseProvider", operation: Operation, arguments: Mapping[str, object], result: object) -> None:
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


def _complete(
    error: PaymentError, provider: "BaseProvider", operation: Operation, arguments: Mapping[str, object]
) -> None:
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
        def replay(again: "BaseProvider") -> Awaitable[object]:
            if again._config != provider._config:  # pyright: ignore[reportPrivateUsage] - the two halves of recover()
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

    @functools.wraps(method)
    async def call(self: "BaseProvider", since: datetime) -> AsyncGenerator[Sequence[object]]:
        arguments = {"since": since}
        _check(self, operation, arguments, inspect.signature(method))
        async with aclosing(method(self, since)) as parts:
            while True:
                token = _current.set(operation.name)
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


def check_mode(provider: "BaseProvider", event: WebhookEvent) -> None:
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
    async def call(self: "BaseProvider", *args: object, **kwargs: object) -> object:
        outer = sys.exception()
        try:
            return _event(self, await method(self, *args, **kwargs))
        except PaymentError as error:
            _name(error, self, "parse_webhook")
            clear_all(error, outer)
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
    def call(self: "BaseProvider", *args: object, **kwargs: object) -> object:
        outer = sys.exception()
        try:
            return method(self, *args, **kwargs)
        except PaymentError as error:
            _name(error, self, "verify_webhook_signature")
            clear_all(error, outer)
            del self, args, kwargs, outer
            raise
        except Exception as exc:  # noqa: BLE001 - hostile bodies must not choose the exception
            broken = _malformed(self, exc, "verify_webhook_signature")
        del self, args, kwargs, outer
        raise broken

    return call


def _event(provider: "BaseProvider", parsed: object) -> WebhookEvent:
    if not isinstance(parsed, WebhookEvent):
        broken = f"{type(provider).__name__} made no WebhookEvent of it: report it to the provider's authors"
        raise MalformedPayload(broken)
    check_mode(provider, parsed)
    return parsed


def _name(error: PaymentError, provider: "BaseProvider", operation: str) -> None:
    error.provider = error.provider or provider.get_provider_name()
    error.operation = error.operation or operation


def _malformed(provider: "BaseProvider", exc: Exception, operation: str) -> MalformedPayload:
    return MalformedPayload(_stray(provider, exc), provider=provider.get_provider_name(), operation=operation)
