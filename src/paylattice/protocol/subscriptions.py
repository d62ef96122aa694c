"""Subscriptions, and the usage that they meter."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from .unsupported import unsupported

if TYPE_CHECKING:
    from ..models import ChangePayment, ChangePreview, ChangeTime, Subscription, SubscriptionChange

__all__ = ["SubscriptionOperations"]


class SubscriptionOperations(Protocol):
    """The operations of a :class:`paylattice.PaymentProvider` with subscriptions, and the usage that they meter."""

    async def get_subscription(self, subscription_id: str) -> "Subscription | None":
        """Return the current state of the subscription, or None if it does not exist.

        Args:
            subscription_id: the provider's id of the subscription.
        """
        raise unsupported(self, "get_subscription")

    async def list_subscriptions(self, customer_id: str) -> "list[Subscription]":
        """Return all subscriptions of the customer, newest first, ended ones included.

        Args:
            customer_id: the provider's id of the customer.
        """
        raise unsupported(self, "list_subscriptions")

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
            start_at: charges the customer for the first time then, and not before; an aware datetime. Until then it is free:
                ``trialing`` up to its ``trial_end``, or, at Square, ``incomplete``. None: now, or after the trial.
            metadata: your own keys and values, stored on the subscription where the provider does so.
            idempotency_key: calls with the same key begin one subscription, until the provider forgets the key
                (``provider.idempotency_lifetime``). None: the library makes a key for this call.

        Raises:
            Declined: the bank declined, and nothing was begun. Some providers begin a pending subscription instead.
            InvalidRequest: the payment method is not one of the customer's; the provider knows no quantity, or no trial but the
                plan's own; or both ``trial_end`` and ``start_at`` were given.
        """
        raise unsupported(self, "create_subscription")

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
        raise unsupported(self, "cancel_subscription")

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
        raise unsupported(self, "uncancel_subscription")

    async def change_subscription(
        self,
        subscription_id: str,
        *,
        plan_id: str | None = None,
        quantity: int | None = None,
        prorate: bool = True,
        when: "ChangeTime | None" = None,
        payment: "ChangePayment" = "invoice",
        idempotency_key: str | None = None,
    ) -> "SubscriptionChange":
        """Change the plan, the quantity or both, now or at the end of the paid period.

        Look at ``is_pending`` of the result: then the payer has to consent, authenticate or pay first, at ``approval_url`` or
        with ``client_secret``. A change at the period's end is one of ``scheduled_changes`` until then. A later change replaces
        it, and so does a cancellation; :meth:`cancel_scheduled_change` takes it back.

        Args:
            subscription_id: the provider's id of the subscription.
            plan_id: the provider's id of the new plan. None: the plan stays.
            quantity: the new number of units. None: the quantity stays.
            prorate: charge or credit the rest of the period, if the provider can.
            when: ``now``, or ``period_end``. None: now; with the next period at providers that can do nothing else (PayPal,
                Square).
            payment: how the rest of the period is paid. ``invoice``: with the next invoice. ``now``: at once; if the payment
                fails, the change stays, and is owed. ``first``: at once, and nothing is changed before it is paid.
            idempotency_key: calls with the same key have one effect. None: the library makes a key for this call.

        Raises:
            Conflict: the subscription has ended, or ends with its period.
            InvalidRequest: the subscription has this plan and quantity already; or what begins with the next period is to be
                paid now.
            NotFound: the subscription does not exist.
            UnsupportedOperation: the provider cannot change it then.
        """
        raise unsupported(self, "change_subscription")

    async def cancel_scheduled_change(
        self, subscription_id: str, *, idempotency_key: str | None = None
    ) -> "Subscription":
        """Take a change of plan or quantity back that is scheduled for the period's end: the subscription goes on as it is.

        A subscription with no such change is no error: you get its current state.

        Args:
            subscription_id: the provider's id of the subscription.
            idempotency_key: calls with the same key have one effect. None: the library makes a key for this call.

        Raises:
            NotFound: the subscription does not exist.
            Conflict: the subscription has ended.
        """
        raise unsupported(self, "cancel_scheduled_change")

    async def preview_change(
        self,
        subscription_id: str,
        *,
        plan_id: str | None = None,
        quantity: int | None = None,
        prorate: bool = True,
        when: "ChangeTime | None" = None,
        payment: "ChangePayment" = "invoice",
    ) -> "ChangePreview":
        """Return what a change would cost, and change nothing.

        Give it the arguments of the :meth:`change_subscription` that you are about to call. The answer says what is billed at
        once, and what comes with the next invoice.

        Args:
            subscription_id: the provider's id of the subscription.
            plan_id: the provider's id of the new plan. None: the plan stays.
            quantity: the new number of units. None: the quantity stays.
            prorate: charge or credit the rest of the period.
            when: ``now``, or ``period_end``. None: now.
            payment: how the rest of the period is paid: ``invoice``, ``now`` or ``first``.

        Raises:
            Conflict: the subscription has ended, or ends with its period.
            InvalidRequest: the subscription has this plan and quantity already; or what begins with the next period is to be
                paid now.
            NotFound: the subscription does not exist.
        """
        raise unsupported(self, "preview_change")

    async def extend_trial(
        self, subscription_id: str, until: datetime, *, idempotency_key: str | None = None
    ) -> "Subscription":
        """Let a free trial last longer. The first payment, and all later ones, are due later by as much.

        Args:
            subscription_id: the provider's id of the subscription.
            until: when the trial ends; an aware datetime, later than now. A trial that ends then already stays as it is.
            idempotency_key: calls with the same key have one effect. None: the library makes a key for this call.

        Raises:
            Conflict: the subscription is in no trial, or a change is scheduled for the end of it.
            InvalidRequest: the trial ends later already, or the provider takes none that is so long.
            NotFound: the subscription does not exist.
        """
        raise unsupported(self, "extend_trial")

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
        raise unsupported(self, "set_payment_method")

    async def pause_subscription(self, subscription_id: str, *, idempotency_key: str | None = None) -> "Subscription":
        """Stop billing until :meth:`resume_subscription`. Pausing twice is no error.

        Args:
            subscription_id: the provider's id of the subscription.
            idempotency_key: calls with the same key have one effect. None: the library makes a key for this call.
        """
        raise unsupported(self, "pause_subscription")

    async def resume_subscription(self, subscription_id: str, *, idempotency_key: str | None = None) -> "Subscription":
        """Resume billing. Resuming a subscription that is not paused is no error.

        Args:
            subscription_id: the provider's id of the subscription.
            idempotency_key: calls with the same key have one effect. None: the library makes a key for this call.
        """
        raise unsupported(self, "resume_subscription")

    async def bill_outstanding(self, subscription_id: str, *, idempotency_key: str | None = None) -> "Subscription":
        """Collect again, now, what a subscription owes, with the payment method that pays it.

        Give it another one before, with :meth:`set_payment_method`, if the old one fails. Look at the ``status`` of the result:
        a subscription that was paused or suspended for non-payment may need :meth:`resume_subscription`, too. One that owes
        nothing is no error: you get its current state.

        Args:
            subscription_id: the provider's id of the subscription.
            idempotency_key: calls with the same key collect each invoice once. Another attempt after a decline needs another
                key. None: the library makes a key for this call.

        Raises:
            NotFound: the subscription does not exist.
            Declined: the bank declined.
            ActionRequired: the payer has to authenticate; ``url`` leads there.
        """
        raise unsupported(self, "bill_outstanding")

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
        raise unsupported(self, "create_usage_record")
