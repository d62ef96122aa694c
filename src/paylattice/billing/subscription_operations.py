"""The service's operations on subscriptions after the sale, all through the operation log."""

from collections.abc import Mapping
from datetime import datetime

from ..checking import checking_class
from ..frames import clearing_class
from ..models import ChangePayment, ChangePreview, ChangeTime, SubscriptionChange
from .commands import CreateSubscription, ExtendTrial
from .inputs import CHECKS
from .records import BillingSubscription
from .repository import Tx
from .wiring import Wired

__all__ = ["SubscriptionOperations"]


@clearing_class
@checking_class(CHECKS)
class SubscriptionOperations(Wired[Tx]):
    """Subscribe without a page, preview a change, take back a cancellation. :class:`paylattice.BillingService` inherits it."""

    async def subscribe(
        self,
        org_id: str,
        plan_id: str,
        *,
        payment_method_id: str | None = None,
        quantity: int = 1,
        trial_end: datetime | None = None,
        start_at: datetime | None = None,
        metadata: Mapping[str, str] | None = None,
        provider_name: str | None = None,
        allow_second: bool = False,
        idempotency_key: str,
    ) -> SubscriptionChange:
        """Subscribe the organisation with a payment method that it has saved. The same key subscribes once.

        Look at ``is_pending`` of the result: then the first payment waits for the payer, at ``approval_url`` or with
        ``client_secret``, and :meth:`access` grants nothing yet. Use one key for one decision to buy: two workers with two keys
        at the same moment subscribe twice, and you get ``subscription.second``.

        Args:
            org_id: your id of the organisation; it must have a customer: see :meth:`BillingService.ensure_customer`.
            plan_id: the provider's id of the plan.
            payment_method_id: the provider's id of a saved payment method: see ``save_payment_method`` of the provider. None:
                the customer's default, where the provider has such.
            quantity: how many units.
            trial_end: free of charge until then; an aware datetime. None: the plan's own trial.
            start_at: charges the customer for the first time then, and not before; an aware datetime. Until then it is
                ``trialing``, or, at Square, ``incomplete``. None: now, or after the trial.
            metadata: your own keys and values, stored on the subscription where the provider does so; ``org_id`` is added.
            provider_name: the provider. None: the organisation's only one that can do this.
            allow_second: allow a second subscription to an organisation that has a current one.
            idempotency_key: the same for the same purchase, however often you try: for example your order's id.

        Raises:
            Conflict: the organisation has a current subscription, at any provider, or the payment for one is under way; also if
                it has subscribed otherwise since the key was first used without success.
            ConfigurationError: the key was used at a provider that the service does not have any more.
            Declined: the bank declined, and nothing was begun. Another attempt needs another key.
            IdempotencyMismatch: the provider has forgotten the key, and billing cannot find the subscription.
            NotFound: the organisation has no customer there.
            UnsupportedOperation: the provider (PayPal) begins subscriptions on its page only.
        """
        self._parts.handlers.refuse_inside()
        wanted = CreateSubscription(
            plan_id=plan_id,
            payment_method_id=payment_method_id,
            quantity=quantity,
            trial_end=trial_end,
            start_at=start_at,
            metadata={**(metadata or {}), "org_id": org_id},
            allow_second=allow_second,
        )
        return await self._parts.subscribing.start(org_id, wanted, provider_name=provider_name, key=idempotency_key)

    async def preview_change(
        self,
        org_id: str,
        plan_id: str | None = None,
        *,
        subscription_id: str | None = None,
        quantity: int | None = None,
        prorate: bool = True,
        when: ChangeTime | None = None,
        payment: ChangePayment = "invoice",
    ) -> ChangePreview:
        """Return what :meth:`BillingService.change_plan` would cost with these arguments. Nothing is changed or stored.

        Show ``due_now`` before the customer agrees: it is billed at once. ``due_next`` is the next invoice, on ``next_at``.

        Args:
            org_id: your id of the organisation.
            plan_id: the provider's id of the new plan. None: the plan stays.
            subscription_id: the provider's id of the subscription. None: the only current one.
            quantity: the new number of units. None: the quantity stays.
            prorate: charge or credit the rest of the current period.
            when: "now", or "period_end". None: now.
            payment: how the rest of the period is paid: "invoice", "now" or "first".

        Raises:
            NotFound: the organisation has no subscription, or none with this id.
            Conflict: there are several candidates; the message names them. Or the subscription has ended, or ends with its
                period.
            InvalidRequest: the subscription has this plan and quantity already.
            UnsupportedOperation: the provider (PayPal, Square) calculates no change in advance; the error says what to show
                instead.
        """
        self._parts.handlers.refuse_inside()
        return await self._parts.subscriptions.preview(
            org_id, subscription_id, plan_id=plan_id, quantity=quantity, prorate=prorate, when=when, payment=payment
        )

    async def cancel_and_refund(
        self, org_id: str, subscription_id: str, *, idempotency_key: str
    ) -> BillingSubscription:
        """End a subscription now, or with its period where the provider ends none sooner; and give its last payment back.

        Nothing is given back of a subscription that has taken nothing. It may be repeated with the same key.

        Args:
            org_id: your id of the organisation.
            subscription_id: the provider's id of the subscription.
            idempotency_key: the same for the same decision, however often you try.

        Returns:
            The subscription as stored afterwards.

        Raises:
            NotFound: the organisation has none with this id.
            Conflict: it has ended, and what was paid for it is not known yet. It is ``retryable``: repeat it.
        """
        self._parts.handlers.refuse_inside()
        return await self._parts.subscriptions.undo(org_id, subscription_id, idempotency_key)

    async def uncancel(
        self, org_id: str, *, subscription_id: str | None = None, idempotency_key: str | None = None
    ) -> BillingSubscription:
        """Take back a cancellation at the end of the period: the subscription goes on. One that is not set to end stays so.

        Args:
            org_id: your id of the organisation.
            subscription_id: the provider's id of the subscription. None: the only current one that is set to end.
            idempotency_key: your own key, so that you can repeat the call. None: every call is a command of its own.

        Returns:
            The subscription as stored afterwards.

        Raises:
            NotFound: the organisation has no subscription, or none with this id.
            Conflict: it has ended. Or there are several candidates; the message names them. Or a newer or simultaneous command
                of the same subscription supersedes this one. Nothing was sent.
            UnsupportedOperation: the provider (PayPal) ends subscriptions at once, and brings none back.
        """
        self._parts.handlers.refuse_inside()
        return await self._parts.subscriptions.uncancel(org_id, subscription_id, idempotency_key)

    async def cancel_scheduled_change(
        self, org_id: str, *, subscription_id: str | None = None, idempotency_key: str | None = None
    ) -> BillingSubscription:
        """Take a change back that is scheduled for the period's end. Without one, nothing happens.

        Args:
            org_id: your id of the organisation.
            subscription_id: the provider's id of the subscription. None: the only current one with a scheduled change.
            idempotency_key: your own key, so that you can repeat the call. None: every call is a command of its own.

        Returns:
            The subscription as stored afterwards.

        Raises:
            NotFound: the organisation has no subscription, or none with this id.
            Conflict: it has ended. Or there are several candidates; the message names them. Or a newer or simultaneous command
                of the same subscription supersedes this one. Nothing was sent.
            UnsupportedOperation: the provider (PayPal) has no change that is scheduled: the payer agrees to one.
        """
        self._parts.handlers.refuse_inside()
        return await self._parts.subscriptions.cancel_scheduled_change(org_id, subscription_id, idempotency_key)

    async def extend_trial(
        self,
        org_id: str,
        until: datetime,
        *,
        subscription_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> BillingSubscription:
        """Let a free trial last longer. Access continues, and the first payment is due then. A longer trial stays as it is.

        Args:
            org_id: your id of the organisation.
            until: when the trial ends; an aware datetime.
            subscription_id: the provider's id of the subscription. None: the only one in a trial.
            idempotency_key: your own key, so that you can repeat the call. None: every call is a command of its own.

        Returns:
            The subscription as stored afterwards.

        Raises:
            NotFound: the organisation has no subscription, or none with this id.
            Conflict: it is in no trial, or a change is scheduled for the end of it. Or there are several candidates; the
                message names them. Or a newer or simultaneous command of the same subscription supersedes this one.
            InvalidRequest: the provider takes no trial that is so long.
            UnsupportedOperation: the provider (PayPal, Square) has trials in its plans only.
        """
        self._parts.handlers.refuse_inside()
        wanted = ExtendTrial(until=until)
        return await self._parts.subscriptions.extend_trial(org_id, wanted, subscription_id, idempotency_key)

    async def portal(self, org_id: str, return_url: str, *, provider_name: str | None = None) -> str:
        """Return the URL of the provider's own page, where the customer manages subscriptions, cards and invoices.

        Ask for a new URL each time: it works for one customer, and not for long. What the customer changes there comes back
        as webhooks. Stripe has such a page, its billing portal, which you configure in the Dashboard. PayPal and Square have
        none.

        Args:
            org_id: your id of the organisation.
            return_url: where the customer returns.
            provider_name: the provider. None: the one with the primary subscription, else the first one that has such a page.

        Raises:
            NotFound: the organisation has no customer there.
            UnsupportedOperation: none of its providers has such a page; the error says what to do instead.
            InvalidRequest: the Dashboard holds no configuration of the page.
        """
        self._parts.handlers.refuse_inside()
        return await self._parts.customers.portal(org_id, return_url, provider_name)
