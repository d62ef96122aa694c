"""Checks the arguments that a BillingService is constructed with: one mistake, one message, with the cure."""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import cast

from ..adapting import as_provider, listed
from ..config import ProviderConfig
from ..construction import check_clock, check_function, check_instance, check_methods, refused
from ..errors import ConfigurationError, InvalidProvider
from ..provider import BaseProvider, PaymentProvider, transport_of
from ..transport.asynchronous import AsyncHTTPTransport
from ..transport.blocking import BlockingHTTPTransport
from .repository import BillingRepository

__all__ = ["check_options", "check_repository", "check_transport", "clock_of", "provider_of", "providers_of"]

_ON_SECOND = ("report", "cancel_and_refund")
_METHODS = tuple(name for name in vars(BillingRepository) if not name.startswith("_"))


def providers_of(given: object) -> list[BaseProvider]:
    """The providers that were handed in.

    Raises:
        ConfigurationError: there is none, or two of one name.
        InvalidProvider: that is no provider, or something of the kind that has to be made first; says how.
    """
    providers = [provider_of("BillingService(provider)", each) for each in listed(given)]
    names = [each.get_provider_name() for each in providers]
    if not names or len(set(names)) < len(names):
        message = "a BillingService needs one provider, or several with different names"
        raise ConfigurationError(message)
    return providers


def clock_of(providers: Sequence[BaseProvider]) -> Callable[[], datetime]:
    """Return the simulated time of the providers, where all of them have one; else the real time.

    The embedded provider's time stands still until a test moves it. A service that went by the real time would let access
    run out beside it.
    """
    first = providers[0]
    if all(isinstance(getattr(each, "now", None), datetime) for each in providers):
        return lambda: cast("datetime", getattr(first, "now"))  # noqa: B009 - only a simulated provider has it
    return partial(datetime.now, UTC)


def provider_of(argument: str, given: object) -> BaseProvider:
    """The provider that was handed in.

    Raises:
        InvalidProvider: it is none, or something of the kind that has to be made first; says how.
    """
    cure = _made_of(given)
    if cure is not None:
        raise InvalidProvider(refused(argument, given, "a provider", cure).message)
    return as_provider(cast("PaymentProvider", given))


def _made_of(given: object) -> str | None:
    if isinstance(given, str):
        return "create_provider(...) makes one of a name"
    if isinstance(given, ProviderConfig):
        return f"create_provider({given.provider!r}, config=...) makes one of its settings"
    if not isinstance(given, BaseProvider) and isinstance(getattr(given, "wrapped", None), BaseProvider):
        return (
            "it is the sync API of one, which would hold up the event loop. Take paylattice.create_provider(...) here, "
            "or paylattice.sync.BillingService there"
        )
    if given is None or isinstance(given, bytes | int | float | Mapping) or inspect.iscoroutine(given):
        return "create_provider(...) makes one"
    return None


def check_transport(provider: BaseProvider, *, awaited: bool) -> None:
    """Refuse a provider that sends in the other way: one would hold up the event loop, the other has none.

    Raises:
        ConfigurationError: it does.
    """
    transport = transport_of(provider)
    wrong, kind, right = (
        (BlockingHTTPTransport, "blocking", "AsyncTransport")
        if awaited
        else (AsyncHTTPTransport, "asynchronous", "BlockingTransport")
    )
    if isinstance(transport, wrong):
        name, other = ("BillingService", "sync.BillingService") if awaited else ("sync", "BillingService")
        message = (
            f"the {provider.get_provider_name()} provider has a {kind} transport, which paylattice.{name} cannot use: "
            f"give it {right}(...), or take paylattice.{other}"
        )
        raise ConfigurationError(message, provider=provider.get_provider_name())


def check_repository(repository: object, *, awaited: bool) -> None:
    """Refuse what lacks a method of the protocol, or has it in the other way.

    Raises:
        ConfigurationError: it is no repository, or one for the other API.
    """
    argument = "BillingService(repository)"
    example = "InMemoryRepository()" if awaited else "paylattice.sync.InMemoryRepository()"
    rule = "a repository" if awaited else "a blocking repository"
    cure = f"{example} is one; docs/repositories.md says how yours is written"
    check_methods(argument, repository, _METHODS, rule, cure)
    wrong = [name for name in _METHODS if name != "transaction" and _is_wrong(repository, name, awaited=awaited)]
    if wrong:
        kind = "blocking" if awaited else "async"
        why = f"{', '.join(wrong[:3])} {'must' if awaited else 'must not'} be async def"
        other = "paylattice.sync.BillingService" if awaited else "paylattice.BillingService"
        message = (
            f"{argument}: {type(repository).__name__} is {'a' if awaited else 'an'} {kind} repository ({why}): take "
            f"{other} for it, or a repository such as {example}"
        )
        raise ConfigurationError(message)


def _is_wrong(repository: object, name: str, *, awaited: bool) -> bool:
    """Whether the method is of the other API. One that a decorator stands for, and does not say, is taken as it is."""
    method: object = inspect.unwrap(getattr(repository, name))
    if inspect.iscoroutinefunction(method):
        return not awaited
    function = getattr(method, "__func__", method)
    own = inspect.isfunction(function) and function.__name__ == name and not inspect.isgeneratorfunction(function)
    returns = str(getattr(function, "__annotations__", {}).get("return", ""))
    return awaited and own and not any(word in returns for word in ("Awaitable", "Coroutine", "Future", "Task"))


def check_options(
    *,
    select: object,
    several: bool,
    require: object,
    refetch: object,
    clock: object,
    observers: Mapping[str, object],
    on_second_subscription: object,
    primitives: object,
) -> None:
    """Refuse options that would fail later.

    Args:
        select: see ``BillingService``; so are the others.
        several: whether there are several providers.
        require: capabilities.
        refetch: a bool.
        clock: a function.
        observers: the observers, by the name of their argument; None where there is none.
        on_second_subscription: one of two words.
        primitives: how to do several things at a time; None: on the running event loop.

    Raises:
        ConfigurationError: one of them is of the wrong kind.
    """
    if select is not None:
        rule = "a function that returns the name of a provider for an org_id"
        check_function("BillingService(select=...)", select, rule, "lambda org_id: 'stripe'")
    elif several:
        message = "with several providers, select=... has to say which one a new customer gets: lambda org_id: 'stripe'"
        raise ConfigurationError(message)
    if isinstance(require, str | bytes) or not isinstance(require, Iterable):
        raise refused("BillingService(require=...)", require, "a list of capabilities", "[Capability.PAUSE]")
    check_instance("BillingService(refetch=...)", refetch, bool, "True or False")
    check_clock("BillingService(clock=...)", clock)
    if primitives is not None:
        check_methods("BillingService(primitives=...)", primitives, ("sleep", "lock", "gather"), "primitives")
    if on_second_subscription not in _ON_SECOND:
        rule = " or ".join(repr(word) for word in _ON_SECOND)
        raise refused("BillingService(on_second_subscription=...)", on_second_subscription, rule, "'report'")
    for name, observer in observers.items():
        if observer is not None:
            check_function(f"BillingService({name}=...)", observer, "a function of one argument")
