"""The base class of providers, which makes writing one short.

:class:`BaseProvider` implements every operation by raising :class:`~paylattice.errors.UnsupportedOperation`. A provider
overrides what it can do, and declares it in ``capabilities``. The guard of :mod:`paylattice.guard` does the rest.
"""

import difflib
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from datetime import datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, Self

from .config import ProviderConfig
from .construction import check_methods, refused, said_as, seconds_clock
from .diagnoses import Diagnoses
from .errors import ConfigurationError, InvalidRequest, OutcomeUnknown, PaymentError
from .event_lists import since_by_since
from .frames import clearing_all
from .frozen import FrozenMap
from .guard import guard_class
from .guarded import Guarded, not_written, unsupported_operation
from .idempotency import KeyLedger
from .operations import Capability, UnsupportedReason
from .protocol import Headers, PaymentProvider
from .protocol.hooks import BillingHooks
from .provider_pages import ProviderPages

if TYPE_CHECKING:
    from .events import EventType, WebhookEvent
    from .transport import Transport

__all__ = ["CONTRACT_VERSION", "BaseProvider", "Capability", "Headers", "PaymentProvider", "UnsupportedReason"]

CONTRACT_VERSION = 2
"""The version of the contract between this library and its providers. Every version has all operations of those before."""


class BaseProvider(ProviderPages, BillingHooks):
    """The base class of providers: inherit it, override what the provider can do, and declare it.

    Args:
        config: the provider's settings. None: from the environment.
        transport: sends the requests. None: the provider makes its own, and :meth:`aclose` closes it.
        clock: returns the time: seconds since 1970, or an aware datetime.

    Raises:
        ConfigurationError: an argument is of the wrong kind.
    """

    name: ClassVar[str]
    config_class: ClassVar[type[ProviderConfig] | None] = None
    capabilities: frozenset[Capability] = frozenset()  # pyright: ignore[reportIncompatibleMethodOverride] - reads the same
    unsupported: Mapping[Capability, UnsupportedReason] = FrozenMap()  # pyright: ignore[reportIncompatibleMethodOverride] - reads the same
    contract_version: ClassVar[int] = CONTRACT_VERSION
    """The version of the contract that the provider was written for. An earlier one lacks the operations that came later."""
    idempotency_lifetime: timedelta = timedelta(hours=24)
    """How long, at least, the provider remembers an idempotency key. After that, the same call with the same key is a new one.
    Billing then looks up the outcome, and never sends it again."""
    events_kept: timedelta | None = None
    """How long the provider lists an event for certain, by any clock; None if for ever. ``catch_up`` reports an earlier time
    as a gap."""
    access_until_period_end: bool = False
    """Whether a subscription that you cancel now has in ``cancel_at`` the time up to which it is paid."""
    sends: "frozenset[EventType] | None" = None
    """The shared events that the provider itself sends, in addition to those that billing derives from the stored state. None
    if it does not say. ``billing.on(name, everywhere=True)`` checks it."""
    never_leads_to: "frozenset[EventType]" = frozenset()
    """The events that billing derives from the stored state, and to which no subscription of the provider leads, for example
    because it has no quantities."""
    preserves_customer: bool = True
    """Whether the result of a checkout session belongs to the customer that you created it for. If False, the provider may
    book it on another profile of the buyer, and only the session leads to its result."""
    checkout_starts_later: bool = False
    """Whether ``create_checkout_session`` takes ``start_at``. A migration needs it at its target."""
    account_id: str | None = None
    """The account at the provider that it acts for, if that is not the credentials' own. Billing ignores events of others."""
    customer_id_is_proof: bool = True
    """Whether only a holder of the secret key can write the customer id in a subscription and its events. False if a buyer can
    choose it, for example with a phone number: billing then relies on the checkouts that it started."""
    browser_makes_subscriptions: bool = False
    """Whether a buyer's browser can create or change subscriptions with public credentials. If True, a subscription's
    customer id, plan, quantity and prices prove nothing, and billing stores only what it asked for."""

    def __init_subclass__(cls, **kwargs: object) -> None:
        super().__init_subclass__(**kwargs)
        guard_class(cls, BaseProvider)

    @clearing_all
    def __init__(
        self,
        config: ProviderConfig | None = None,
        *,
        transport: "Transport | None" = None,
        clock: Callable[[], float | datetime] = time.time,
    ) -> None:
        expected = self.config_class
        if config is None and expected is not None:
            config = expected.from_env()
        if expected is not None and not isinstance(config, expected):
            message = (
                f"provider {self.name!r} takes {expected.__name__}, not {said_as(config)}: "
                f"config={expected.__name__}(...), or None for the settings of the environment"
            )
            raise ConfigurationError(message, provider=self.name)
        if transport is not None:
            check_methods(
                f"{type(self).__name__}(transport=...)",
                transport,
                ("send", "sleep", "lock"),
                "a transport of paylattice.transport",
                "AsyncTransport(client=...) takes an HTTP client of your own",
            )
        self._clock: Callable[[], float] = seconds_clock(f"{type(self).__name__}(clock=...)", clock)
        self._config = config
        self._livemode: bool | None = None if config is None else config.livemode
        self._transport = transport
        self._owns_transport = transport is None
        self._new_transport: Callable[[], Transport] = _async_transport
        self._closed = False
        self.key_ledger: KeyLedger = KeyLedger()
        self.diagnoses: Diagnoses = Diagnoses()

    @property
    def transport(self) -> "Transport":
        """The transport that sends the requests; made when it is first needed."""
        return self._opened()

    def _opened(self) -> "Transport":
        if self._transport is None:
            if self._closed:
                message = f"this {self.name} provider is closed: make a new one"
                raise ConfigurationError(message, provider=self.name)
            self._transport = self._new_transport()
        return self._transport

    def get_provider_name(self) -> str:
        """The name under which the provider is registered."""
        return self.name

    @property
    def livemode(self) -> bool | None:
        """Whether the credentials move real money. None if the settings do not show it.

        ``parse_webhook`` and billing refuse events of the other mode.
        """
        return self._livemode

    def is_same(self, asked: str, answered: str) -> bool:
        """Return whether an answer about the second id answers a question about the first.

        The guard calls this if the two differ. The default is False. A provider that merges profiles returns True for a merge
        that it has seen.
        """
        return False

    def checkout_session_of(self, subscription_id: str) -> str | None:
        """Return the id of a subscription's checkout session, if it follows from the subscription's own id.

        Billing calls this if the customer id in a subscription does not prove its owner.
        """
        return None

    def _is_account_of(self, other: Guarded) -> bool:
        return isinstance(other, BaseProvider) and self._config == other._config

    @clearing_all
    def require(self, *capabilities: Capability) -> None:
        """Check at start-up that the provider has the given capabilities.

        Raises:
            UnsupportedOperation: one of the capabilities is missing; the error says which, and why.
            ConfigurationError: an argument is not a capability.
        """
        for capability in capabilities:
            if not isinstance(capability, str) or capability not in set(Capability):  # pyright: ignore[reportUnnecessaryIsInstance] - not every caller checks types
                near = difflib.get_close_matches(str(capability), list(Capability), n=1)
                cure = f"Capability.{near[0].upper()}" if near else "the words are those of paylattice.Capability"
                raise refused("require(...)", capability, "capabilities", cure)
            missing = not_written(self, capability)
            if capability not in self.capabilities or missing:
                raise unsupported_operation(self, next(iter(missing), f"require({capability})"), capability)

    @clearing_all
    async def recover(self, error: PaymentError) -> object:
        """Find out the outcome of a write whose answer was lost, and return its result.

        This repeats the operation with its idempotency key, so it takes effect once. Where the provider has no
        keys, the operation reads the state first. This can raise :class:`~paylattice.errors.OutcomeUnknown` again.

        Args:
            error: the error that the operation raised, on this provider, in this process.

        Raises:
            InvalidRequest: the error is of another kind, or from another provider or process.
        """
        origin = getattr(error, "provider", None)
        if not isinstance(error, OutcomeUnknown) or origin != self.get_provider_name():
            kind = type(error).__name__
            message = f"recover() takes an OutcomeUnknown of {self.get_provider_name()}; this is {kind} of {origin}"
            raise InvalidRequest(message, param="error", provider=self.get_provider_name())
        replay = error._replay  # pyright: ignore[reportPrivateUsage] - the two halves of recover()
        if replay is None:
            message = (
                "it was sent without an idempotency key: read the provider's state, and send it again only if nothing happened"
                if error.idempotency_key is None
                else "this error comes from another process: call the operation again with error.idempotency_key "
                "and the same arguments"
            )
            raise InvalidRequest(message, param="error", provider=self.get_provider_name())
        return await replay(self)

    @clearing_all
    async def events_since(self, since: datetime) -> AsyncGenerator[list["WebhookEvent"]]:
        """Yield all events since a time, oldest first, in batches, for catching up.

        The default calls :meth:`~PaymentProvider.list_events` again and again. Override it if the provider lists the newest
        event first: a hundred thousand events then take a thousand requests, and the memory of a few pages.

        Args:
            since: an aware datetime.
        """
        async for events in since_by_since(self.list_events, since):
            yield events

    async def aclose(self) -> None:
        """Close the transport, unless you passed it in: then you close it."""
        self._closed = True
        if self._owns_transport and self._transport is not None:
            await self._transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def config_of(provider: BaseProvider) -> ProviderConfig | None:
    """Return the settings of a provider; None if it has none."""
    return provider._config  # pyright: ignore[reportPrivateUsage] - the base class's own


def transport_of(provider: BaseProvider) -> "Transport | None":
    """Return the transport that a provider was given, or has made; None as long as it has neither."""
    return provider._transport  # pyright: ignore[reportPrivateUsage] - the base class's own


def send_with(provider: BaseProvider, make: Callable[[], "Transport"]) -> None:
    """Make a provider without a transport use this function to make one, when it first needs it."""
    provider._new_transport = make  # pyright: ignore[reportPrivateUsage] - the base class's own


def hand_over(provider: BaseProvider, transport: "Transport") -> None:
    """Give a provider a transport to send with and to close."""
    provider._transport = transport  # pyright: ignore[reportPrivateUsage] - the base class's own
    provider._owns_transport = True  # pyright: ignore[reportPrivateUsage] - as above


def _async_transport() -> "Transport":
    from .transport import AsyncTransport  # noqa: PLC0415 - only who sends pays for it

    return AsyncTransport()
