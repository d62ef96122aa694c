"""Takes any object that satisfies the protocol under the guard, whatever it inherits.

A provider that inherits :class:`~paylattice.BaseProvider` has the guard already, and is used as it is. Around any other one
goes a provider of this module, which calls the object's own operations inside the same guard. Its class is made once for the
object's class, and is compared with the protocol like every other.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from inspect import Parameter, Signature
from typing import TYPE_CHECKING, Any, TypeVar, cast
from weakref import WeakKeyDictionary

from .errors import InvalidProvider
from .operations import OPERATIONS, Capability
from .protocol.hooks import BillingHooks
from .provider import BaseProvider, PaymentProvider

if TYPE_CHECKING:
    from .transport import Transport

__all__ = ["as_provider", "listed"]

T = TypeVar("T")

_ALWAYS = ("get_provider_name", "parse_webhook", "verify_webhook_signature", "aclose")
_OWN = frozenset({"config_class", "recover", "require", "transport"})
"""What the provider around the object does itself."""
_METHODS = tuple(
    dict.fromkeys(
        name
        for home in (*PaymentProvider.__bases__, PaymentProvider, BillingHooks, BaseProvider)
        for name, member in vars(home).items()
        if name[0] != "_" and inspect.isfunction(member) and name not in _OWN
    )
)
_VALUES = tuple(
    name
    for name, member in vars(BaseProvider).items()
    if name[0] != "_" and not inspect.isfunction(member) and name not in _OWN
)
_made: MutableMapping[type, dict[frozenset[str], "type[_Adapted]"]] = WeakKeyDictionary()


def as_provider(given: PaymentProvider) -> BaseProvider:
    """The provider itself, or one that puts it under guard.

    :class:`~paylattice.BillingService` and :func:`~paylattice.create_provider` do so by themselves. The object stays within
    reach as ``wrapped``, and what only it has is called as before. What it does not say of itself (``livemode``,
    ``unsupported``, ...) is as :class:`~paylattice.BaseProvider` has it.

    Args:
        given: a provider.

    Raises:
        InvalidProvider: it lacks an operation that its capabilities declare or that every provider has, or one of its
            operations cannot be called as the protocol says. Which, and how it has to be, is in the message.
    """
    if isinstance(given, BaseProvider):
        return given
    _check(given)
    return _class_for(given)(given)


def listed(given: T | Iterable[T]) -> list[T]:
    """One provider, or several, as a list."""
    if isinstance(given, str) or hasattr(given, "get_provider_name") or not isinstance(given, Iterable):
        return [cast("T", given)]
    return list(cast("Iterable[T]", given))


class _Adapted(BaseProvider):
    """A provider around an object that is none by inheritance. The operations are put into its subclasses."""

    wrapped: PaymentProvider

    def __init__(self, wrapped: PaymentProvider) -> None:
        super().__init__()
        self.wrapped = wrapped

    @property
    def transport(self) -> "Transport":
        """The object's own, if it has one."""
        return cast("BaseProvider", self.wrapped).transport

    def __getattr__(self, name: str) -> object:
        if name == "wrapped":  # while the object is made
            raise AttributeError(name)
        return getattr(self.wrapped, name)

    def _is_account_of(self, other: object) -> bool:
        return isinstance(other, _Adapted) and self.wrapped == other.wrapped


def _check(given: object) -> None:
    kind = type(given).__name__
    if isinstance(given, type):
        message = f"{given.__name__} is a class, and no provider: make one, {given.__name__}(...)"
        raise InvalidProvider(message)
    declared: object = getattr(given, "capabilities", ())
    if isinstance(declared, str) or not isinstance(declared, Iterable):
        message = f"{kind}.capabilities must be a frozenset of Capability, not {type(declared).__name__}"
        raise InvalidProvider(message)
    lacking = [] if hasattr(given, "capabilities") else ["capabilities"]
    lacking += [name for name in (*_ALWAYS, *_needed(set(cast("Iterable[object]", declared)))) if not _has(given, name)]
    if lacking:
        cure = "Define what is missing, declare fewer capabilities, or inherit paylattice.BaseProvider"
        message = f"{kind} is no PaymentProvider: it lacks {', '.join(lacking)}. {cure}"
        raise InvalidProvider(message)


_TIMES: tuple[Mapping[str, object], ...] = ({"when": "now"}, {"when": "period_end"})


def _needed(declared: set[object]) -> list[str]:
    """The operations that are always there, or go with what is declared."""
    ways: Mapping[str, set[Capability | None]] = {
        name: {row.capability_for(arguments) for arguments in ({}, {"at_period_end": True}, *_TIMES)}
        for name, row in OPERATIONS.items()
    }
    return [name for name, way in ways.items() if way & {None, *declared}]


def _has(given: object, name: str) -> bool:
    """Whether the object has a method of its own; the protocol's, which it may inherit, does nothing."""
    method = getattr(given, name, None)
    return callable(method) and getattr(type(given), name, None) is not getattr(PaymentProvider, name, method)


def _class_for(given: PaymentProvider) -> type[_Adapted]:
    kind = type(given)
    names = frozenset(name for name in _METHODS if _has(given, name))
    known = _made.setdefault(kind, {})
    if names in known:
        return known[names]
    members: dict[str, object] = {name: _forwarding(name, getattr(given, name)) for name in _METHODS if name in names}
    members |= {name: _reading(name, vars(BaseProvider)[name]) for name in _VALUES}
    made = cast("type[_Adapted]", type(kind.__name__, (_Adapted,), {"__module__": __name__, **members}))
    if all(hasattr(kind, name) for name in names):
        known[names] = made
    return made


def _forwarding(name: str, method: Callable[..., Any]) -> Callable[..., object]:
    """A method that calls the object's own one of that name, and takes what that one takes."""
    call: Callable[..., object]
    if inspect.iscoroutinefunction(method):

        async def wait(self: _Adapted, *args: object, **kwargs: object) -> object:
            result: Awaitable[object] = getattr(self.wrapped, name)(*args, **kwargs)
            return await result

        call = wait
    else:

        def forward(self: _Adapted, *args: object, **kwargs: object) -> object:
            return getattr(self.wrapped, name)(*args, **kwargs)

        call = forward
    call.__name__ = call.__qualname__ = name
    call.__doc__ = method.__doc__
    own = Parameter("self", Parameter.POSITIONAL_OR_KEYWORD)
    call.__signature__ = Signature([own, *inspect.signature(method).parameters.values()])  # type: ignore[attr-defined]
    return call


def _reading(name: str, default: object) -> property:
    """A property that is the object's own, or else what every provider has."""
    otherwise = None if isinstance(default, property) else default

    def read(self: _Adapted) -> object:
        return getattr(self.wrapped, name, otherwise)

    return property(read)
