"""Finds providers by name: those that you register, and those of installed packages.

A package announces a provider with one line under ``[project.entry-points."paylattice.providers"]``. Discovery reads
these lines; it imports only the provider that you ask for.
"""

import difflib
import inspect
import os
from collections.abc import Callable
from datetime import datetime
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, cast, overload

import attrs

from .adapting import as_provider
from .config import ProviderConfig
from .construction import refused
from .discovery import GROUP, REGISTERED, announced
from .errors import ConfigurationError
from .frames import clearing_ours
from .provider import CONTRACT_VERSION, BaseProvider, PaymentProvider, hand_over

if TYPE_CHECKING:
    from .providers.memory import InMemoryProvider, MemoryConfig
    from .providers.paypal import PayPalConfig, PayPalProvider
    from .providers.square import SquareConfig, SquareProvider
    from .providers.stripe import StripeConfig, StripeProvider
    from .transport import Transport

__all__ = [
    "GROUP",
    "PaymentProviderFactory",
    "ProviderClass",
    "ProviderEntry",
    "create_provider",
    "discover",
    "maker_of",
]

DEFAULT = "stripe"
VARIABLE = "PAYMENT_PROVIDER"

ProviderClass: TypeAlias = Callable[..., PaymentProvider]
"""A provider's class, or anything else that takes ``config`` and ``transport=`` and returns a provider."""


Clock: TypeAlias = Callable[[], float | datetime]
"""What tells the time: seconds since 1970, or an aware datetime."""


@attrs.frozen
class ProviderEntry:
    """An available provider.

    Args:
        name: the name to ask for.
        origin: the package that announced it, with its version.
        entry_points: the lines that announce it; more than one is a conflict.
        registered: the class that you registered; it wins over installed packages.
    """

    name: str
    origin: str
    entry_points: tuple[EntryPoint, ...] = attrs.field(default=(), repr=False)
    registered: ProviderClass | None = attrs.field(default=None, repr=False)

    def load(self) -> ProviderClass:
        """Import the provider.

        Raises:
            ConfigurationError: two packages use the name, the import fails, or the plugin was written for another contract.
        """
        if self.registered is not None:
            return _fitting(self.name, self.registered)
        point, *others = self.entry_points
        if others:
            message = (
                f"provider {self.name!r} is announced by several packages: {self.origin}. Uninstall all but one of them"
            )
            raise ConfigurationError(message, provider=self.name)
        try:
            loaded = point.load()
        except Exception as exc:
            message = f"provider {self.name!r} of {self.origin} cannot be imported: {type(exc).__name__}: {exc}"
            raise ConfigurationError(message, provider=self.name) from exc
        return _fitting(self.name, loaded)


def _fitting(name: str, loaded: Any) -> ProviderClass:
    if not callable(loaded):
        message = f"provider {name!r} is no class: its entry point must name one"
        raise ConfigurationError(message, provider=name)
    version = getattr(loaded, "contract_version", CONTRACT_VERSION)
    if version not in range(1, CONTRACT_VERSION + 1):
        message = (
            f"provider {name!r} was written for version {version} of the provider contract, this paylattice speaks "
            f"versions 1 to {CONTRACT_VERSION}: install a matching version of the plugin"
        )
        raise ConfigurationError(message, provider=name)
    return cast("ProviderClass", loaded)


def discover(*, refresh: bool = False) -> dict[str, ProviderEntry]:
    """Return all available providers, by name, without importing them.

    The entry points are read once, and again when ``sys.path`` or one of its folders has changed.

    Args:
        refresh: read them now, for packages that were installed in another way.
    """
    by_hand = PaymentProviderFactory.registered()
    return {
        name: ProviderEntry(name, each.origin, each.entry_points, by_hand.get(name))
        for name, each in announced(refresh=refresh).items()
    }


@overload
def create_provider(
    name: Literal["stripe"],
    *,
    config: "StripeConfig | None" = None,
    transport: "Transport | Callable[[], Transport] | None" = None,
    clock: Clock | None = None,
) -> "StripeProvider": ...


@overload
def create_provider(
    name: Literal["paypal"],
    *,
    config: "PayPalConfig | None" = None,
    transport: "Transport | Callable[[], Transport] | None" = None,
    clock: Clock | None = None,
) -> "PayPalProvider": ...


@overload
def create_provider(
    name: Literal["square"],
    *,
    config: "SquareConfig | None" = None,
    transport: "Transport | Callable[[], Transport] | None" = None,
    clock: Clock | None = None,
) -> "SquareProvider": ...


@overload
def create_provider(
    name: Literal["memory"],
    *,
    config: "MemoryConfig | None" = None,
    transport: "Transport | Callable[[], Transport] | None" = None,
    clock: Clock | None = None,
) -> "InMemoryProvider": ...


@overload
def create_provider(
    name: str | None = None,
    *,
    config: ProviderConfig | None = None,
    transport: "Transport | Callable[[], Transport] | None" = None,
    clock: Clock | None = None,
) -> BaseProvider: ...


@clearing_ours
def create_provider(
    name: str | None = None,
    *,
    config: ProviderConfig | None = None,
    transport: "Transport | Callable[[], Transport] | None" = None,
    clock: Clock | None = None,
) -> BaseProvider:
    """Create a provider, ready for use.

    Args:
        name: the provider's name. None: ``PAYMENT_PROVIDER`` from the environment, else ``stripe``.
        config: the provider's settings. None: from the environment.
        transport: sends the requests; you close it. Or a class, such as
            :class:`~paylattice.transport.aiohttp.AiohttpTransport`, or a function that makes one: the provider makes its own,
            and closes it. None: one that sends with httpx.
        clock: returns the time: seconds since 1970, or an aware datetime. None: this machine's clock.

    Raises:
        ConfigurationError: the name is unknown, the provider cannot be imported, or a setting is missing.
        InvalidProvider: the provider does not satisfy the protocol.
    """
    if name is not None and not isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance] - as above
        raise refused("create_provider(name)", name, "the name of a provider, or None", _instead_of_a_name(name))
    named = os.environ.get(VARIABLE, "").strip()
    wanted = name or named or DEFAULT
    why = "" if name else f" ({VARIABLE} names it)" if named else f" (the default, as {VARIABLE} is not set)"
    entry = _entry(wanted)
    if entry is None:
        raise _unknown(wanted, why)
    provider = entry.load()
    extra = {} if clock is None else {"clock": clock}
    if not _takes(provider, "transport"):
        message = f"provider {wanted!r} cannot be made: what makes it must take the settings, and transport="
        raise ConfigurationError(message, provider=wanted)
    if extra and not _takes(provider, "clock"):
        message = f"provider {wanted!r} takes no clock=: create it without, or let its constructor hand one on to BaseProvider"
        raise ConfigurationError(message, provider=wanted)
    make = maker_of(transport)
    try:
        sent_with = transport if make is None else make()
        made = as_provider(provider(config, transport=sent_with, **extra))
        if make is not None:
            hand_over(made, cast("Transport", sent_with))
    except ConfigurationError as error:
        error.provider = error.provider or wanted
        if not name and config is None:
            error.message = f"{error.message}. The provider is {wanted!r}{why}"
        raise
    return made


def maker_of(transport: object) -> "Callable[[], Transport] | None":
    """What makes transports, if that is what was handed in; it is checked where a transport is."""
    made = callable(transport) and (isinstance(transport, type) or not hasattr(transport, "send"))
    return cast("Callable[[], Transport]", transport) if made else None


def _entry(name: str) -> ProviderEntry | None:
    found = announced().get(name) or announced(refresh=True).get(name)
    if found is None:
        return None
    return ProviderEntry(name, found.origin, found.entry_points, PaymentProviderFactory.registered().get(name))


def _instead_of_a_name(given: object) -> str:
    if isinstance(given, ProviderConfig):
        return f"create_provider({given.provider!r}, config=...)"
    return "create_provider('stripe'), say"


def _unknown(wanted: str, why: str) -> ConfigurationError:
    known = list(discover())
    near = difflib.get_close_matches(wanted.lower(), known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    choice = ", ".join(known) or "none: install paylattice with pip, so that its entry points exist"
    return ConfigurationError(f"there is no provider {wanted[:60]!r}{why}.{hint} Known providers: {choice}")


def _takes(provider: ProviderClass, name: str) -> bool:
    try:
        parameters = inspect.signature(provider).parameters.values()
    except (TypeError, ValueError):  # it does not tell
        return True
    return any(each.name == name or each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters)


class PaymentProviderFactory:
    """Creates, registers and lists providers."""

    create_provider: Final = staticmethod(create_provider)

    @classmethod
    def register_provider(cls, name: str, provider: ProviderClass) -> None:
        """Register a provider in this process, without a package that announces it.

        Args:
            name: the name for :meth:`create_provider`; it hides an installed provider of that name.
            provider: the class.

        Raises:
            ConfigurationError: the name is empty, or the class is not a class, or was written for another contract.
        """
        if not isinstance(name, str) or not name.strip():  # pyright: ignore[reportUnnecessaryIsInstance] - as above
            message = "a provider needs a name"
            raise ConfigurationError(message)
        REGISTERED[name] = _fitting(name, provider)

    @classmethod
    def unregister_provider(cls, name: str) -> None:
        """Undo :meth:`register_provider`."""
        if isinstance(name, str):  # pyright: ignore[reportUnnecessaryIsInstance] - what is no name, nobody registered
            REGISTERED.pop(name, None)

    @classmethod
    def registered(cls) -> dict[str, ProviderClass]:
        """Return the registered classes, by name."""
        return {name: cast("ProviderClass", provider) for name, provider in REGISTERED.items()}

    @classmethod
    def get_available_providers(cls) -> list[str]:
        """Return the names that :meth:`create_provider` accepts."""
        return list(discover())
