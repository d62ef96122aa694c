"""The protocol of a provider, and the base class that makes writing one small.

:class:`BaseProvider` implements every operation by raising :class:`~paylattice.errors.UnsupportedOperation`; a provider
overrides what it can do, and declares it in ``capabilities``. The guard of :mod:`paylattice.guard` does the rest.
"""

import difflib
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from datetime import datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, ClassVar, Protocol, Self, TypeAlias, runtime_checkable

from .config import ProviderConfig
from .diagnoses import Diagnoses
from .errors import ConfigurationError, InvalidRequest, OutcomeUnknown, PaymentError
from .event_lists import since_by_since
from .frames import clear_methods, clearing_all
from .frozen import FrozenMap
from .guard import guard_class
from .guarded import Guarded, unsupported_operation
from .idempotency import KeyLedger
from .invoice_facts import described_by
from .operations import OPERATIONS, Capability, UnsupportedReason
from .wiring import check_methods, refused, said_as, seconds_clock

if TYPE_CHECKING:
    from .events import EventType, WebhookEvent
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
    from .money import Money
    from .transport import Transport

__all__ = ["CONTRACT_VERSION", "BaseProvider", "Capability", "Headers", "PaymentProvider", "UnsupportedReason"]

CONTRACT_VERSION = 1
"""The version of the contract between this library and its providers."""

Headers: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]
"""HTTP headers as any framework hands them out: a mapping, or pairs."""


@runtime_checkable
class PaymentProvider(Protocol):
    """What every provider can be asked.

    All operations are coroutines; :mod:`paylattice.sync` has the same without ``await``. Every one of them may raise
    :class:`~paylattice.errors.PaymentError`. What changes something takes ``idempotency_key``: the same key, the same
    effect, once, **for as long as the provider remembers the key**: ``provider.idempotency_lifetime``. A call that is repeated
    after that is a new one: it charges, or refunds, a second time. None: one is made, and kept over the provider's own
    retries.
    """

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What the provider can do."""
        ...

    @property
    def unsupported(self) -> Mapping[Capability, UnsupportedReason]:
        """What it cannot do, why, and what to do instead."""
        ...

    def get_provider_name(self) -> str:
        """The name under which the provider is registered."""
        ...

    async def create_customer(
        self,
        email: str,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> "Customer":
        """Create a customer. Providers do not look for one with the same e-mail address: that is the caller's."""
        raise _unsupported(self, "create_customer")

    async def get_customer(self, customer_id: str) -> "Customer | None":
        """The customer; None if there is none, or it was deleted."""
        raise _unsupported(self, "get_customer")

    async def update_customer(
        self,
        customer_id: str,
        *,
        email: str | None = None,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> "Customer":
        """Change what is given; metadata is merged key by key.

        Raises:
            NotFound: there is no such customer.
        """
        raise _unsupported(self, "update_customer")

    async def delete_customer(self, customer_id: str, *, idempotency_key: str | None = None) -> None:
        """Delete the customer, which ends its subscriptions at once. Deleting twice is no error."""
        raise _unsupported(self, "delete_customer")

    async def create_checkout_session(
        self,
        customer_id: str,
        plan_id: str,
        success_url: str,
        cancel_url: str,
        metadata: Mapping[str, str] | None = None,
        *,
        quantity: int = 1,
        trial_days: int | None = None,
        customer_email: str | None = None,
        idempotency_key: str | None = None,
    ) -> "CheckoutSession":
        """A hosted page where the customer subscribes to a plan.

        Args:
            customer_id: the provider's id of the customer.
            plan_id: the provider's id of the plan (a Stripe price, a PayPal plan, a Square plan variation).
            success_url: where the customer comes back to; the webhook may come later, or earlier.
            cancel_url: where the customer goes who gives up.
            metadata: kept on the session and on the subscription.
            quantity: how many units; of no meaning for metered plans.
            trial_days: instead of the plan's own trial.
            customer_email: shown on the page, for providers without a customer object.
            idempotency_key: see the class.
        """
        raise _unsupported(self, "create_checkout_session")

    async def create_payment_session(
        self,
        amount: "Money",
        success_url: str,
        cancel_url: str,
        *,
        customer_id: str | None = None,
        description: str | None = None,
        metadata: Mapping[str, str] | None = None,
        capture: bool = True,
        idempotency_key: str | None = None,
    ) -> "CheckoutSession":
        """A hosted page for a one-off payment. ``capture=False`` only authorizes: see :meth:`capture_payment`."""
        raise _unsupported(self, "create_payment_session")

    async def get_checkout_session(self, session_id: str) -> "CheckoutSession | None":
        """The session of either kind; None if there is none."""
        raise _unsupported(self, "get_checkout_session")

    async def get_subscription(self, subscription_id: str) -> "Subscription | None":
        """The subscription as it is now; None if there is none."""
        raise _unsupported(self, "get_subscription")

    async def list_subscriptions(self, customer_id: str) -> "list[Subscription]":
        """All subscriptions of the customer, ended ones too, newest first."""
        raise _unsupported(self, "list_subscriptions")

    async def cancel_subscription(
        self,
        subscription_id: str,
        *,
        at_period_end: bool = False,
        reason: str | None = None,
        idempotency_key: str | None = None,
    ) -> "Subscription":
        """End the subscription now, or at the end of the period that is paid for.

        Canceling what is canceled already answers the subscription as it is.

        Raises:
            NotFound: there is no such subscription.
        """
        raise _unsupported(self, "cancel_subscription")

    async def change_subscription(
        self,
        subscription_id: str,
        *,
        plan_id: str | None = None,
        quantity: int | None = None,
        prorate: bool = True,
        idempotency_key: str | None = None,
    ) -> "SubscriptionChange":
        """Change the plan, the quantity or both. ``approval_url`` in the answer: the payer has to consent there first."""
        raise _unsupported(self, "change_subscription")

    async def pause_subscription(self, subscription_id: str, *, idempotency_key: str | None = None) -> "Subscription":
        """Stop billing until :meth:`resume_subscription`. Pausing twice is no error."""
        raise _unsupported(self, "pause_subscription")

    async def resume_subscription(self, subscription_id: str, *, idempotency_key: str | None = None) -> "Subscription":
        """Bill again. Resuming what is not paused is no error."""
        raise _unsupported(self, "resume_subscription")

    async def create_usage_record(
        self,
        subscription_item_id: str,
        quantity: int,
        timestamp: datetime | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> bool:
        """Report usage of a metered item.

        Args:
            subscription_item_id: the metered line of a subscription: one of ``Subscription.items``.
            quantity: how many units; zero or more.
            timestamp: when; an aware datetime. None: now.
            idempotency_key: see the class. Without one of yours, a report that you repeat counts twice; with one, too, once
                the provider has forgotten it (``provider.idempotency_lifetime``). Billing's ``record_usage`` refuses then.

        Returns:
            True: accepted. Providers may still refuse it later.
        """
        raise _unsupported(self, "create_usage_record")

    async def get_invoices(
        self, customer_id: str, limit: int = 10, *, subscription_id: str | None = None
    ) -> "list[Invoice]":
        """The customer's invoices, newest first, as many as ``limit`` over as many pages as that takes."""
        raise _unsupported(self, "get_invoices")

    async def get_payment(self, payment_id: str) -> "Payment | None":
        """The payment; None if there is none."""
        raise _unsupported(self, "get_payment")

    async def capture_payment(
        self, payment_id: str, amount: "Money | None" = None, *, idempotency_key: str | None = None
    ) -> "Payment":
        """Take the money of an authorized payment; None: all of it. What is not taken is released."""
        raise _unsupported(self, "capture_payment")

    async def cancel_payment(self, payment_id: str, *, idempotency_key: str | None = None) -> "Payment":
        """Give up a payment that has not been captured. Canceling twice is no error."""
        raise _unsupported(self, "cancel_payment")

    async def create_payment(
        self,
        amount: "Money",
        *,
        customer_id: str,
        payment_method_id: str,
        capture: bool = True,
        description: str | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> "Payment":
        """Charge a saved payment method while the payer is away.

        Args:
            amount: what to take.
            customer_id: the provider's id of who pays.
            payment_method_id: one of the customer's saved ones.
            capture: False only authorizes: see :meth:`capture_payment`.
            description: shown to the payer, where the provider does so.
            metadata: kept on the payment.
            idempotency_key: protects against a second charge for as long as the provider remembers it, which is
                ``provider.idempotency_lifetime``, and no longer. Before you repeat a charge that is older, look whether it
                was made: keep the id of its answer, or look for it at the provider.

        Raises:
            Declined: the bank said no; ``payment_id`` names the payment that exists all the same.
            ActionRequired: the payer has to authenticate.
        """
        raise _unsupported(self, "create_payment")

    async def refund_payment(
        self,
        payment_id: str,
        amount: "Money | None" = None,
        reason: str | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> "Refund":
        """Give money back; None: all that is left.

        Args:
            payment_id: the provider's id of the payment.
            amount: how much; None: all that is left.
            reason: for the provider's records.
            idempotency_key: protects against a second refund for as long as the provider remembers it, which is
                ``provider.idempotency_lifetime``, and no longer. Before you repeat a part of a refund that is older, look at
                what the payment says was given back.

        Raises:
            InvalidRequest: more than is left.
        """
        raise _unsupported(self, "refund_payment")

    async def get_payment_methods(self, customer_id: str) -> "list[PaymentMethod]":
        """The customer's saved payment methods."""
        raise _unsupported(self, "get_payment_methods")

    async def remove_payment_method(self, payment_method_id: str, *, idempotency_key: str | None = None) -> None:
        """Forget a saved payment method, for good. Removing twice is no error."""
        raise _unsupported(self, "remove_payment_method")

    async def get_plan(self, plan_id: str) -> "Plan | None":
        """The plan; None if there is none."""
        raise _unsupported(self, "get_plan")

    async def list_plans(self) -> "list[Plan]":
        """All plans that can be subscribed to."""
        raise _unsupported(self, "list_plans")

    async def list_events(self, since: datetime, limit: int = 100) -> "list[WebhookEvent]":
        """Events since a time, oldest first: to catch up on deliveries that were missed.

        A time that is longer ago than the provider keeps its events is no error: those that it still has are listed.
        """
        raise _unsupported(self, "list_events")

    def verify_webhook_signature(self, payload: bytes, signature: str | Headers, secret: str) -> Mapping[str, object]:
        """Check a delivery against one secret, and nothing else. Low level: applications call :meth:`parse_webhook`.

        Args:
            payload: the raw body.
            signature: the signature header's value, or all headers.
            secret: the endpoint's secret.

        Returns:
            The parsed body.

        Raises:
            WebhookError: it is forged, stale or no event.
        """
        raise _unsupported(self, "verify_webhook_signature")

    async def parse_webhook(self, payload: bytes, headers: Headers, *, url: str | None = None) -> "WebhookEvent":
        """Verify a delivery with the configured secrets and read it.

        Args:
            payload: the raw body: bytes, before any framework parsed it.
            headers: the request's headers.
            url: the public URL that it was delivered to, for providers that sign it.

        Raises:
            WebhookError: it is forged, stale, malformed, or cannot be checked now.
            ConfigurationError: no webhook secret is configured.
        """
        raise _unsupported(self, "parse_webhook")

    async def aclose(self) -> None:
        """Close what is open. The provider cannot be used afterwards."""
        ...


class BaseProvider(PaymentProvider):
    """Inherit this, override what the provider can do, declare it.

    Args:
        config: the provider's settings; None: from the environment.
        transport: how to reach the provider; None: one of its own, which :meth:`aclose` closes.
        clock: the time: seconds since 1970, or an aware datetime.

    Raises:
        ConfigurationError: one of them is something else.
    """

    name: ClassVar[str]
    config_class: ClassVar[type[ProviderConfig] | None] = None
    capabilities: frozenset[Capability] = frozenset()  # pyright: ignore[reportIncompatibleMethodOverride] - reads the same
    unsupported: Mapping[Capability, UnsupportedReason] = FrozenMap()  # pyright: ignore[reportIncompatibleMethodOverride] - reads the same
    contract_version: ClassVar[int] = 1
    """The contract that the provider was written for. One that does not say was written for the first."""
    idempotency_lifetime: timedelta = timedelta(hours=24)
    """How long, at least, the provider remembers an idempotency key. After that the key protects against nothing, and the same
    call is a new one. Billing looks up what was done, and sends nothing again by itself."""
    events_kept: timedelta | None = None
    """How long the provider lists an event for certain, by whatever clock; None where it is for ever. What is older is a
    gap that catching up reports."""
    access_until_period_end: bool = False
    """Whether a subscription that is canceled now says in ``cancel_at`` until when it is paid for."""
    sends: "frozenset[EventType] | None" = None
    """The shared events that the provider itself sends, beside those that billing derives from the stored state; None: it does
    not say. ``billing.on(word, everywhere=True)`` goes by it."""
    preserves_customer: bool = True
    """Whether what a checkout session brings belongs to the customer that it was made for. Where it does not, the provider may
    book it on a profile of the buyer's own, and only the session tells what came of it."""
    customer_id_is_proof: bool = True
    """Whether the customer id in a subscription, and in its events, was written by a holder of the secret key. False where a
    buyer may decide it, by the phone number that they type, say: billing then goes by the checkouts that it started."""
    browser_makes_subscriptions: bool = False
    """Whether a buyer's browser can make subscriptions, and change them, with nothing but what is public. Then a subscription's
    customer id, plan, quantity and prices prove nothing, and billing stores only what it asked for itself."""

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
        """How the provider is reached; made when it is first needed."""
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
        """Whether real money moves here. None where the settings do not tell.

        Events of the other mode are refused, by ``parse_webhook`` and by billing.
        """
        return self._livemode

    def is_same(self, asked: str, answered: str) -> bool:
        """Whether an answer about the second id is one to a question about the first.

        Asked by the guard where the two differ. The default says no; a provider that merges profiles, and has seen it do
        so, says yes.
        """
        return False

    def checkout_session_of(self, subscription_id: str) -> str | None:
        """The id of the checkout session that brought a subscription, where it follows from the subscription's own id.

        Asked by billing where the customer id in a subscription is no proof of whose it is.
        """
        return None

    def _is_account_of(self, other: Guarded) -> bool:
        return isinstance(other, BaseProvider) and self._config == other._config

    @clearing_all
    def require(self, *capabilities: Capability) -> None:
        """Fail now, at start-up, rather than later in front of a customer.

        Raises:
            UnsupportedOperation: one of the capabilities is missing; says which, and why.
            ConfigurationError: that is no capability.
        """
        for capability in capabilities:
            if not isinstance(capability, str) or capability not in set(Capability):  # pyright: ignore[reportUnnecessaryIsInstance] - not every caller checks types
                near = difflib.get_close_matches(str(capability), list(Capability), n=1)
                cure = f"Capability.{near[0].upper()}" if near else "the words are those of paylattice.Capability"
                raise refused("require(...)", capability, "capabilities", cure)
            if capability not in self.capabilities:
                raise unsupported_operation(self, f"require({capability})", capability)

    @clearing_all
    async def recover(self, error: PaymentError) -> object:
        """Find out what became of a write whose answer never came, and return what it made.

        The operation is repeated under its idempotency key, so that it takes effect once; where the provider has no
        keys, the operation reads the state first. May itself end in :class:`~paylattice.errors.OutcomeUnknown`.

        Args:
            error: what the operation raised, on this provider, in this process.

        Raises:
            InvalidRequest: the error is not of that kind, or comes from another provider or process.
        """
        origin = getattr(error, "provider", None)
        if not isinstance(error, OutcomeUnknown) or origin != self.get_provider_name():
            kind = type(error).__name__
            message = f"recover() takes an OutcomeUnknown of {self.get_provider_name()}; this is {kind} of {origin}"
            raise InvalidRequest(message, param="error", provider=self.get_provider_name())
        replay = error._replay  # pyright: ignore[reportPrivateUsage] - the two halves of recover()
        if replay is None:
            message = (
                "this error comes from another process: call the operation again with error.idempotency_key "
                "and the same arguments"
            )
            raise InvalidRequest(message, param="error", provider=self.get_provider_name())
        return await replay(self)

    async def verify_with_provider(self, event: "WebhookEvent") -> "WebhookEvent":
        """Read back from the provider what an event carries, where a verified delivery alone proves too little.

        Billing asks for it before it applies an event (unless ``refetch=False``). The default trusts the delivery.

        Raises:
            VerificationUnavailable: what it carries cannot be found, or cannot be read now; it is delivered again.
        """
        return event

    async def follow_links(self, event: "WebhookEvent") -> "WebhookEvent":
        """The event with the customer, the subscription and the checkout that its money leads to, where it does not say them.

        Billing asks for it before it looks for the organisation of a refund, a dispute or a payment that names none, so that
        the objects decide whose it is: refund, payment, order, invoice, subscription. A few reads at most; what cannot be
        found is left as it is. The default follows nothing.

        Args:
            event: about money, and with no subscription of its own.
        """
        return event

    def describe_invoice(self, invoice: "Invoice", subscription: "Subscription") -> "Invoice":
        """The invoice with its reason, its period and its lines, where it does not say them and its subscription does.

        Billing asks for it before handlers run, with the subscription that it has read anyway; nothing is sent. The default
        goes by the subscription's current period and by when it began.

        Args:
            invoice: of an event.
            subscription: what it bills, as the provider answered it.
        """
        return described_by(subscription, invoice)

    @clearing_all
    async def events_since(self, since: datetime) -> AsyncGenerator[list["WebhookEvent"]]:
        """All events since a time, oldest first, some at a time: what catching up reads.

        The default asks :meth:`~PaymentProvider.list_events` again and again. A provider whose list begins with the newest
        overrides it, so that a hundred thousand events take a thousand requests, and the memory of a few pages.

        Args:
            since: aware.
        """
        async for events in since_by_since(self.list_events, since):
            yield events

    async def find_created_customer(
        self,
        key: str,
        since: datetime,
        *,
        email: str,
        name: str | None = None,
        metadata: "Mapping[str, str] | None" = None,
    ) -> "Customer | None":
        """The customer that ``create_customer`` made with these arguments in a process that died before it could say so.

        It is asked for when the provider has forgotten the key. The default cannot tell, and says None; a provider that
        overrides it must be sure: another customer with the same e-mail address is not the one.

        Args:
            key: the idempotency key of the creation.
            since: when the creation was begun; aware.
            email: as given to ``create_customer``; so are the others.
            name: see ``email``.
            metadata: see ``email``.
        """
        return None

    async def find_payment(self, key: str, since: datetime, *, customer_id: str) -> "Payment | None":
        """The payment that ``create_payment`` made under an idempotency key, also once the key is forgotten.

        Billing asks for it before it gives up a charge whose answer was lost: it never charges again. The default cannot
        tell, and says None; a provider that overrides it keeps the key with the payment, and must be sure.

        Args:
            key: the idempotency key of the charge.
            since: when the charge was first sent, or was about to be; aware.
            customer_id: the provider's id of who was charged.
        """
        return None

    async def find_refund(self, key: str, since: datetime, *, payment_id: str) -> "Refund | None":
        """The refund that ``refund_payment`` made under an idempotency key, also once the key is forgotten.

        The default cannot tell, and says None; see :meth:`find_payment`.

        Args:
            key: the idempotency key of the refund.
            since: when the refund was first sent, or was about to be; aware.
            payment_id: the provider's id of the payment that it is of.
        """
        return None

    async def aclose(self) -> None:
        """Close the transport, unless it was handed in: then it is its owner's."""
        self._closed = True
        if self._owns_transport and self._transport is not None:
            await self._transport.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def _unsupported(provider: PaymentProvider, operation: str) -> PaymentError:
    row = OPERATIONS.get(operation)
    if isinstance(provider, BaseProvider):
        return unsupported_operation(provider, operation, row.capability if row else None)
    message = f"{type(provider).__name__} does not implement {operation}; inherit BaseProvider"
    return ConfigurationError(message, operation=operation)


clear_methods(PaymentProvider, OPERATIONS.keys() | {"parse_webhook", "verify_webhook_signature"})
"""What a provider does not offer is refused in these: who asked, and for whom, is no more to be seen than anywhere else."""


def config_of(provider: BaseProvider) -> ProviderConfig | None:
    """The settings that the provider was made with; None: it has none."""
    return provider._config  # pyright: ignore[reportPrivateUsage] - the base class's own


def transport_of(provider: BaseProvider) -> "Transport | None":
    """What the provider was given, or has made, to send with; None as long as it has neither."""
    return provider._transport  # pyright: ignore[reportPrivateUsage] - the base class's own


def send_with(provider: BaseProvider, make: Callable[[], "Transport"]) -> None:
    """Let a provider that was given no transport make its own with this, when it first needs one."""
    provider._new_transport = make  # pyright: ignore[reportPrivateUsage] - the base class's own


def hand_over(provider: BaseProvider, transport: "Transport") -> None:
    """Let a provider send with this, and close it."""
    provider._transport = transport  # pyright: ignore[reportPrivateUsage] - the base class's own
    provider._owns_transport = True  # pyright: ignore[reportPrivateUsage] - as above


def _async_transport() -> "Transport":
    from .transport import AsyncTransport  # noqa: PLC0415 - only who sends pays for it

    return AsyncTransport()
