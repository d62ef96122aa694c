"""The protocol of a provider: every operation, and what it promises at every provider.

:class:`paylattice.BaseProvider` implements it, and makes writing a provider short.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, TypeAlias, cast, runtime_checkable

from .errors import ConfigurationError, PaymentError
from .frames import clear_methods
from .guarded import Guarded, unsupported_operation
from .operations import OPERATIONS, Capability, UnsupportedReason

if TYPE_CHECKING:
    from .events import WebhookEvent
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

__all__ = ["Headers", "PaymentProvider"]

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

    async def create_subscription(
        self,
        customer_id: str,
        plan_id: str,
        *,
        payment_method_id: str | None = None,
        quantity: int = 1,
        trial_end: datetime | None = None,
        start_at: datetime | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> "SubscriptionChange":
        """Begin a subscription without a page, paid with a saved payment method.

        Look at ``is_pending`` of the result: then the first payment waits for the payer, and nothing is granted yet. Send the
        payer to ``approval_url``, or run the payment in the browser with ``client_secret``.

        Args:
            customer_id: the provider's id of the customer.
            plan_id: the provider's id of the plan.
            payment_method_id: the provider's id of one of the customer's saved payment methods. None: the customer's default,
                where the provider has such.
            quantity: how many units; ignored for metered plans.
            trial_end: free of charge until then; an aware datetime. None: the plan's own trial.
            start_at: begins, and is charged for the first time, then; an aware datetime. None: now.
            metadata: your own keys and values, stored on the subscription where the provider does so.
            idempotency_key: calls with the same key begin one subscription, until the provider forgets the key
                (``provider.idempotency_lifetime``). None: the library makes a key for this call.

        Raises:
            Declined: the bank declined, and nothing was begun. Some providers begin a pending subscription instead.
            InvalidRequest: the payment method is not one of the customer's, or the provider knows no quantity, no trial or no
                later start but the plan's own.
        """
        raise _unsupported(self, "create_subscription")

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
            final_invoice: whether a last invoice bills the usage that has not been billed, if it ends now. False: that usage
                is given away. At the period's end it is billed in any case. Nothing is credited for the rest of the period.
            idempotency_key: calls with the same key have one effect. None: the library makes a key for this call.

        Raises:
            NotFound: the subscription does not exist.
        """
        raise _unsupported(self, "cancel_subscription")

    async def uncancel_subscription(
        self, subscription_id: str, *, idempotency_key: str | None = None
    ) -> "Subscription":
        """Take back a cancellation that has not taken effect yet. The subscription goes on after the paid period.

        A subscription that is not set to end is no error: you get its current state.

        Args:
            subscription_id: the provider's id of the subscription.
            idempotency_key: calls with the same key have one effect. None: the library makes a key for this call.

        Raises:
            NotFound: the subscription does not exist.
            Conflict: the subscription has ended.
        """
        raise _unsupported(self, "uncancel_subscription")

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

    async def set_payment_method(
        self, subscription_id: str, payment_method_id: str, *, idempotency_key: str | None = None
    ) -> "Subscription":
        """Pay the next invoices of a subscription with another saved payment method.

        Args:
            subscription_id: the provider's id of the subscription.
            payment_method_id: the provider's id of one of its customer's saved payment methods.
            idempotency_key: calls with the same key have one effect. None: the library makes a key for this call.

        Raises:
            NotFound: the subscription does not exist.
            InvalidRequest: the payment method is not one of its customer's.
        """
        raise _unsupported(self, "set_payment_method")

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

    async def bill_outstanding(self, subscription_id: str, *, idempotency_key: str | None = None) -> "Subscription":
        """Collect again, now, what a subscription owes, with the payment method that pays it.

        Give it another one before, with :meth:`set_payment_method`, if the old one fails. Look at the ``status`` of the result:
        a subscription that was paused or suspended for non-payment may need :meth:`resume_subscription`, too. One that owes
        nothing is no error: you get its current state.

        Args:
            subscription_id: the provider's id of the subscription.
            idempotency_key: calls with the same key collect once. Another attempt after a decline needs another key. None: the
                library makes a key for this call.

        Raises:
            NotFound: the subscription does not exist.
            Declined: the bank declined.
            ActionRequired: the payer has to authenticate; ``url`` leads there.
        """
        raise _unsupported(self, "bill_outstanding")

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

    async def create_setup_session(
        self,
        customer_id: str,
        success_url: str,
        cancel_url: str,
        metadata: Mapping[str, str] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> "CheckoutSession":
        """Create a hosted page where the customer saves a payment method, and pays nothing.

        When the customer is back, pass the session's id to :meth:`save_payment_method`. At some providers the payment method
        is saved before; that call is then harmless, and returns it.

        Args:
            customer_id: the provider's id of the customer.
            success_url: where the customer returns.
            cancel_url: where a customer who gives up returns.
            metadata: your own keys and values, stored on the session where the provider does so.
            idempotency_key: calls with the same key create one page. None: the library makes a key for this call.
        """
        raise _unsupported(self, "create_setup_session")

    async def save_payment_method(
        self,
        customer_id: str,
        token: str,
        *,
        verification_token: str | None = None,
        idempotency_key: str | None = None,
    ) -> "PaymentMethod":
        """Save what the customer's browser got for a card or an account, so that you can charge it again and again.

        Args:
            customer_id: the provider's id of the customer.
            token: what the provider's JavaScript returned, or the id of a setup session. It serves once.
            verification_token: proof that the payer authenticated, where the provider's JavaScript returns it apart.
            idempotency_key: calls with the same key save one payment method. None: the library makes a key for this call.

        Raises:
            Declined: the bank declined the card.
            ActionRequired: the payer has not finished yet; ``url`` leads there.
            InvalidRequest: the token is none, was used before, or is another customer's.
        """
        raise _unsupported(self, "save_payment_method")

    async def set_default_payment_method(
        self, customer_id: str, payment_method_id: str, *, idempotency_key: str | None = None
    ) -> "Customer":
        """Choose which saved payment method pays the customer's subscriptions that have none of their own.

        Args:
            customer_id: the provider's id of the customer.
            payment_method_id: the provider's id of one of the customer's saved payment methods.
            idempotency_key: calls with the same key have one effect. None: the library makes a key for this call.

        Raises:
            NotFound: the customer does not exist.
            InvalidRequest: the payment method is not one of the customer's.
        """
        raise _unsupported(self, "set_default_payment_method")

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


def _unsupported(provider: PaymentProvider, operation: str) -> PaymentError:
    row = OPERATIONS.get(operation)
    if hasattr(provider, "key_ledger"):  # the base class's; without it, nothing says what the provider lacks
        return unsupported_operation(cast("Guarded", provider), operation, row.capability if row else None)
    message = f"{type(provider).__name__} does not implement {operation}; inherit BaseProvider"
    return ConfigurationError(message, operation=operation)


clear_methods(PaymentProvider, OPERATIONS.keys() | {"parse_webhook", "verify_webhook_signature"})
"""These methods refuse what a provider does not offer. Their frames must not show the arguments either."""
