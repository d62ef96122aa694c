"""The protocol of a provider, and the base class that makes writing one short.

:class:`BaseProvider` implements every operation by raising :class:`~paylattice.errors.UnsupportedOperation`. A provider
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
"""HTTP headers as any framework provides them: a mapping, or pairs."""


@runtime_checkable
class PaymentProvider(Protocol):
    """The operations of a payment provider.

    All operations are coroutines; :mod:`paylattice.sync` has the same ones without ``await``. Each can raise
    :class:`~paylattice.errors.PaymentError`.

    Operations that write take ``idempotency_key``. The same key has one effect, **as long as the provider remembers the key**:
    ``provider.idempotency_lifetime``. After that, the same call charges or refunds a second time. With None, the library makes
    a key and keeps it for all retries of the call.
    """

    @property
    def capabilities(self) -> frozenset[Capability]:
        """What the provider can do."""
        ...

    @property
    def unsupported(self) -> Mapping[Capability, UnsupportedReason]:
        """What the provider cannot do, why, and what to do instead."""
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
        """Create a customer. The provider does not look for one with the same e-mail address.

        Args:
            email: the customer's e-mail address.
            name: the customer's name.
            metadata: your own keys and values.
            idempotency_key: calls with the same key create one customer. None: the library makes a key for this call.
        """
        raise _unsupported(self, "create_customer")

    async def get_customer(self, customer_id: str) -> "Customer | None":
        """Return the customer, or None if it does not exist or was deleted.

        Args:
            customer_id: the provider's id of the customer.
        """
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
        """Change the given fields of a customer. None leaves a field as it is.

        Args:
            customer_id: the provider's id of the customer.
            email: the new e-mail address.
            name: the new name.
            metadata: keys to set; other keys stay.
            idempotency_key: calls with the same key have one effect. None: the library makes a key for this call.

        Raises:
            NotFound: the customer does not exist.
        """
        raise _unsupported(self, "update_customer")

    async def delete_customer(self, customer_id: str, *, idempotency_key: str | None = None) -> None:
        """Delete the customer, which ends its subscriptions at once. Deleting it twice is no error.

        Args:
            customer_id: the provider's id of the customer.
            idempotency_key: calls with the same key have one effect. None: the library makes a key for this call.
        """
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
        """Create a hosted page where the customer subscribes to a plan.

        Args:
            customer_id: the provider's id of the customer.
            plan_id: the provider's id of the plan (a Stripe price, a PayPal plan, a Square plan variation).
            success_url: where the customer returns; the webhook may arrive before or after.
            cancel_url: where a customer who gives up returns.
            metadata: your own keys and values, stored on the session and on the subscription.
            quantity: how many units; ignored for metered plans.
            trial_days: days of trial, instead of the plan's own trial.
            customer_email: shown on the page, for providers without customers.
            idempotency_key: calls with the same key create one page. None: the library makes a key for this call.
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
        """Create a hosted page for a one-off payment.

        Args:
            amount: what to charge.
            success_url: where the customer returns; the webhook may arrive before or after.
            cancel_url: where a customer who gives up returns.
            customer_id: the provider's id of the customer, if you have one.
            description: shown to the customer, where the provider does so.
            metadata: your own keys and values, stored on the session and on the payment.
            capture: False only authorizes: take the money with :meth:`capture_payment`.
            idempotency_key: calls with the same key create one page. None: the library makes a key for this call.
        """
        raise _unsupported(self, "create_payment_session")

    async def get_checkout_session(self, session_id: str) -> "CheckoutSession | None":
        """Return the checkout session of either kind, or None if it does not exist.

        Args:
            session_id: the provider's id of the session.
        """
        raise _unsupported(self, "get_checkout_session")

    async def expire_checkout_session(
        self, session_id: str, *, idempotency_key: str | None = None
    ) -> "CheckoutSession":
        """Close an open page of either kind, so that nobody can pay there any more. Closing it twice is no error.

        Look at the ``status`` of the result: a customer who paid at the same moment may have been faster. Then it is
        ``COMPLETE`` or ``PENDING``, and nothing was closed.

        Args:
            session_id: the provider's id of the session.
            idempotency_key: calls with the same key have one effect. None: the library makes a key for this call.

        Raises:
            NotFound: the session does not exist. Providers that delete closed pages return an ``EXPIRED`` session instead.
        """
        raise _unsupported(self, "expire_checkout_session")

    async def get_subscription(self, subscription_id: str) -> "Subscription | None":
        """Return the current state of the subscription, or None if it does not exist.

        Args:
            subscription_id: the provider's id of the subscription.
        """
        raise _unsupported(self, "get_subscription")

    async def list_subscriptions(self, customer_id: str) -> "list[Subscription]":
        """Return all subscriptions of the customer, newest first, ended ones included.

        Args:
            customer_id: the provider's id of the customer.
        """
        raise _unsupported(self, "list_subscriptions")

    async def cancel_subscription(
        self,
        subscription_id: str,
        *,
        at_period_end: bool = False,
        reason: str | None = None,
        final_invoice: bool = False,
        idempotency_key: str | None = None,
    ) -> "Subscription":
        """End the subscription now, or at the end of the paid period.

        If it is already canceled, you get its current state.

        Args:
            subscription_id: the provider's id of the subscription.
            at_period_end: True ends it with the paid period, False now.
            reason: for the provider's records.
            idempotency_key: calls with the same key have one effect. None: the library makes a key for this call.

        Args:
            subscription_id: the provider's id.
            at_period_end: whether it goes on for as long as is paid for.
            reason: for the provider's records.
            final_invoice: whether a last invoice asks for usage that has not been billed, where it ends now. False: the
                usage is given away. At the period's end it is billed in any case. Nothing is credited for what is left of the
                period. A provider that bills no usage has nothing to ask for.
            idempotency_key: makes repeating this harmless.

        Raises:
            NotFound: the subscription does not exist.
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
        """Change the plan, the quantity or both. If the result has an ``approval_url``, the payer has to consent there first.

        Args:
            subscription_id: the provider's id of the subscription.
            plan_id: the provider's id of the new plan. None: the plan stays.
            quantity: the new number of units. None: the quantity stays.
            prorate: charge or credit the rest of the period, if the provider can.
            idempotency_key: calls with the same key have one effect. None: the library makes a key for this call.
        """
        raise _unsupported(self, "change_subscription")

    async def pause_subscription(self, subscription_id: str, *, idempotency_key: str | None = None) -> "Subscription":
        """Stop billing until :meth:`resume_subscription`. Pausing twice is no error.

        Args:
            subscription_id: the provider's id of the subscription.
            idempotency_key: calls with the same key have one effect. None: the library makes a key for this call.
        """
        raise _unsupported(self, "pause_subscription")

    async def resume_subscription(self, subscription_id: str, *, idempotency_key: str | None = None) -> "Subscription":
        """Resume billing. Resuming a subscription that is not paused is no error.

        Args:
            subscription_id: the provider's id of the subscription.
            idempotency_key: calls with the same key have one effect. None: the library makes a key for this call.
        """
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
            subscription_item_id: the metered item of a subscription: one of ``Subscription.items``.
            quantity: how many units; zero or more.
            timestamp: when; an aware datetime. None: now.
            idempotency_key: reports with the same key count once, until the provider forgets it
                (``provider.idempotency_lifetime``). None: a repeated report counts twice. Billing's ``record_usage`` refuses
                late ones.

        Returns:
            True: accepted. The provider may still reject it later.
        """
        raise _unsupported(self, "create_usage_record")

    async def get_invoices(
        self, customer_id: str, limit: int = 10, *, subscription_id: str | None = None
    ) -> "list[Invoice]":
        """Return the customer's invoices, newest first.

        Args:
            customer_id: the provider's id of the customer.
            limit: how many at most; read from as many pages as needed.
            subscription_id: only those of this subscription. None: all.
        """
        raise _unsupported(self, "get_invoices")

    async def get_payment(self, payment_id: str) -> "Payment | None":
        """Return the payment, or None if it does not exist.

        Args:
            payment_id: the provider's id of the payment.
        """
        raise _unsupported(self, "get_payment")

    async def capture_payment(
        self, payment_id: str, amount: "Money | None" = None, *, idempotency_key: str | None = None
    ) -> "Payment":
        """Take the money of an authorized payment. The rest is released.

        Args:
            payment_id: the provider's id of the payment.
            amount: how much. None: all of it.
            idempotency_key: calls with the same key capture once. None: the library makes a key for this call.
        """
        raise _unsupported(self, "capture_payment")

    async def cancel_payment(self, payment_id: str, *, idempotency_key: str | None = None) -> "Payment":
        """Cancel a payment that has not been captured. Canceling twice is no error.

        Args:
            payment_id: the provider's id of the payment.
            idempotency_key: calls with the same key have one effect. None: the library makes a key for this call.
        """
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
            amount: what to charge.
            customer_id: the provider's id of the customer who pays.
            payment_method_id: the provider's id of one of the customer's saved payment methods.
            capture: False only authorizes: take the money with :meth:`capture_payment`.
            description: shown to the payer, where the provider does so.
            metadata: your own keys and values, stored on the payment.
            idempotency_key: calls with the same key charge once, until the provider forgets the key
                (``provider.idempotency_lifetime``). Before you repeat an older charge, check whether the provider made it.

        Raises:
            Declined: the bank declined; ``payment_id`` names the declined payment.
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
        """Refund a payment, in whole or in part.

        Args:
            payment_id: the provider's id of the payment.
            amount: how much. None: the rest.
            reason: for the provider's records.
            idempotency_key: calls with the same key refund once, until the provider forgets the key
                (``provider.idempotency_lifetime``). Before you repeat an older refund, check how much is refunded already.

        Raises:
            InvalidRequest: more than the rest.
        """
        raise _unsupported(self, "refund_payment")

    async def get_payment_methods(self, customer_id: str) -> "list[PaymentMethod]":
        """Return the customer's saved payment methods.

        Args:
            customer_id: the provider's id of the customer.
        """
        raise _unsupported(self, "get_payment_methods")

    async def remove_payment_method(self, payment_method_id: str, *, idempotency_key: str | None = None) -> None:
        """Remove a saved payment method for good. Removing it twice is no error.

        Args:
            payment_method_id: the provider's id of the payment method.
            idempotency_key: calls with the same key have one effect. None: the library makes a key for this call.
        """
        raise _unsupported(self, "remove_payment_method")

    async def get_plan(self, plan_id: str) -> "Plan | None":
        """Return the plan, or None if it does not exist.

        Args:
            plan_id: the provider's id of the plan.
        """
        raise _unsupported(self, "get_plan")

    async def list_plans(self) -> "list[Plan]":
        """Return all plans that customers can subscribe to."""
        raise _unsupported(self, "list_plans")

    async def list_events(self, since: datetime, limit: int = 100) -> "list[WebhookEvent]":
        """Return events since a time, oldest first, to catch up on missed deliveries.

        Args:
            since: an aware datetime. Earlier than the provider keeps its events is no error: you get those that are left.
            limit: how many at most.
        """
        raise _unsupported(self, "list_events")

    def verify_webhook_signature(self, payload: bytes, signature: str | Headers, secret: str) -> Mapping[str, object]:
        """Verify a delivery against one secret. Low level: applications call :meth:`parse_webhook`.

        Args:
            payload: the raw body.
            signature: the signature header's value, or all headers.
            secret: the endpoint's secret.

        Returns:
            The parsed body.

        Raises:
            WebhookError: the delivery is forged, too old, or not an event.
        """
        raise _unsupported(self, "verify_webhook_signature")

    async def parse_webhook(self, payload: bytes, headers: Headers, *, url: str | None = None) -> "WebhookEvent":
        """Verify a delivery with the configured secrets, and return its event.

        Args:
            payload: the raw body: bytes, before a framework parsed it.
            headers: the request's headers.
            url: the public URL of the endpoint, for providers that sign it.

        Raises:
            WebhookError: the delivery is forged, too old, malformed, or cannot be verified now.
            ConfigurationError: no webhook secret is configured.
        """
        raise _unsupported(self, "parse_webhook")

    async def aclose(self) -> None:
        """Close the provider's connections. You cannot use it afterwards."""
        ...


class BaseProvider(PaymentProvider):
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
    contract_version: ClassVar[int] = 1
    """The version of the contract that the provider was written for."""
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
    preserves_customer: bool = True
    """Whether the result of a checkout session belongs to the customer that you created it for. If False, the provider may
    book it on another profile of the buyer, and only the session leads to its result."""
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
            if capability not in self.capabilities:
                raise unsupported_operation(self, f"require({capability})", capability)

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
                "this error comes from another process: call the operation again with error.idempotency_key "
                "and the same arguments"
            )
            raise InvalidRequest(message, param="error", provider=self.get_provider_name())
        return await replay(self)

    async def verify_with_provider(self, event: "WebhookEvent") -> "WebhookEvent":
        """Read an event's facts again from the provider, if a verified delivery alone does not prove them.

        Billing calls this before it applies an event (unless ``refetch=False``). The default trusts the delivery.

        Raises:
            VerificationUnavailable: the facts cannot be found, or cannot be read now; the provider delivers again.
        """
        return event

    async def follow_links(self, event: "WebhookEvent") -> "WebhookEvent":
        """Return the event with the customer, the subscription and the checkout that its money leads to, where it lacks them.

        Billing calls this for a refund, a dispute or a payment that names no customer, so that the provider's objects decide
        who owns it: refund, payment, order, invoice, subscription. It takes a few reads at most, and leaves out what it cannot
        find. The default follows nothing.

        Args:
            event: an event about money, without a subscription of its own.
        """
        return event

    def describe_invoice(self, invoice: "Invoice", subscription: "Subscription") -> "Invoice":
        """Return the invoice with its reason, its period and its lines, where it lacks them and its subscription has them.

        Billing calls this before handlers run, with a subscription that it has just read; this sends nothing. The default
        uses the subscription's current period and start.

        Args:
            invoice: the invoice of an event.
            subscription: the subscription that it bills, as the provider returned it.
        """
        return described_by(subscription, invoice)

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

    async def find_created_customer(
        self,
        key: str,
        since: datetime,
        *,
        email: str,
        name: str | None = None,
        metadata: "Mapping[str, str] | None" = None,
    ) -> "Customer | None":
        """Return the customer that ``create_customer`` made with these arguments, in a process that crashed afterwards.

        Billing calls this when the provider has forgotten the key. The default cannot know, and returns None. If you
        override it, be sure: another customer with the same e-mail address is not the one.

        Args:
            key: the idempotency key of the creation.
            since: when the creation began; aware.
            email: the e-mail address that was passed to ``create_customer``.
            name: the name that was passed to it.
            metadata: the metadata that was passed to it.
        """
        return None

    async def find_payment(self, key: str, since: datetime, *, customer_id: str) -> "Payment | None":
        """Return the payment that ``create_payment`` made under an idempotency key, even if the provider has forgotten the key.

        Billing calls this before it gives up a charge whose answer was lost: it never charges again. The default cannot
        know, and returns None. If you override it, store the key with the payment, and return no other payment.

        Args:
            key: the idempotency key of the charge.
            since: when the charge was first sent, or about to be sent; aware.
            customer_id: the provider's id of the charged customer.
        """
        return None

    async def find_refund(
        self, key: str, since: datetime, *, payment_id: str, amount: "Money | None" = None
    ) -> "Refund | None":
        """Return the refund that ``refund_payment`` made under an idempotency key, even if the provider has forgotten the key.

        The default cannot know, and returns None. If you override it, store the key with the refund, and return no other.

        Args:
            key: the idempotency key of the refund.
            since: when the refund was first sent, or about to be sent; aware.
            payment_id: the provider's id of the refunded payment.
            amount: the amount that was passed to ``refund_payment``. A provider that sends several requests for one refund
                needs it to know whether all of it was given back.
        """
        return None

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


def _unsupported(provider: PaymentProvider, operation: str) -> PaymentError:
    row = OPERATIONS.get(operation)
    if isinstance(provider, BaseProvider):
        return unsupported_operation(provider, operation, row.capability if row else None)
    message = f"{type(provider).__name__} does not implement {operation}; inherit BaseProvider"
    return ConfigurationError(message, operation=operation)


clear_methods(PaymentProvider, OPERATIONS.keys() | {"parse_webhook", "verify_webhook_signature"})
"""These methods refuse what a provider does not offer. Their frames must not show the arguments either."""


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
