"""Undoing a subscription that nobody wanted: it is canceled, and its money is given back."""

from datetime import datetime, timedelta
from typing import Any, ClassVar

import attrs

from ...errors import Conflict
from ...idempotency import sub_key
from ...models import Invoice, InvoiceStatus, Payment, PaymentStatus, Subscription
from ...operations import Capability
from ...provider import BaseProvider
from ..records import BillingOperation, BillingSubscription
from ..store import Store
from .base import Command

__all__ = ["UndoSubscription"]

_MOST_INVOICES = 20
_ONE_PURCHASE = timedelta(days=1)
"""How far apart the invoices of one purchase may be: a setup fee has one of its own."""
_HAS_TAKEN = frozenset({PaymentStatus.SUCCEEDED, PaymentStatus.PARTIALLY_REFUNDED})


@attrs.frozen(kw_only=True)
class UndoSubscription(Command[Subscription]):
    """End a second subscription now, or with its period where the provider ends none sooner; and give its last payment back.

    However often this is done, no more can be given back than was taken: each refund is of what is left of a payment.

    Args:
        subscription_id: the provider's id of the subscription.
        customer_id: the provider's id of who pays.
    """

    kind: ClassVar[str] = "undo_subscription"
    operation: ClassVar[str] = "cancel_subscription"
    looks_first: ClassVar[bool] = True
    sets_a_state: ClassVar[bool] = True

    subscription_id: str
    customer_id: str

    @property
    def may_be_sent_anew(self) -> bool:
        """No more is given back than was taken, however often it is done."""
        return True

    def arguments(self) -> dict[str, object]:
        """What ``cancel_subscription`` is called with, but for the way."""
        return {"subscription_id": self.subscription_id}

    @property
    def changed(self) -> str:
        """The subscription: what was asked for of it later does not take the place of undoing it."""
        return self.subscription_id

    async def send(self, provider: BaseProvider, key: str) -> Subscription:
        """Cancel it, then refund.

        Raises:
            Conflict: its payment is not known yet: try again.
            PaymentError: what the provider refuses.
        """
        subscription = await provider.get_subscription(self.subscription_id)
        if subscription is None or _goes_on(subscription):
            subscription = await provider.cancel_subscription(
                subscription_id=self.subscription_id,
                at_period_end=Capability.CANCEL_NOW not in provider.capabilities,
                idempotency_key=sub_key(key, "cancel"),
            )
        invoices = await self._last_paid(provider, subscription)
        for payment_id in await _left(provider, invoices):
            await provider.refund_payment(payment_id=payment_id, idempotency_key=sub_key(key, f"refund {payment_id}"))
        if not invoices and subscription.trial_end is None:
            message = "the second subscription is canceled, and what was paid for it is not known yet"
            raise Conflict(message, provider=provider.get_provider_name(), operation="refund_payment", retryable=True)
        return subscription

    async def find_effect(self, provider: BaseProvider, row: BillingOperation) -> Subscription | None:
        """The subscription, if it ends, and nothing that was paid for it is left."""
        subscription = await provider.get_subscription(self.subscription_id)
        if subscription is None or _goes_on(subscription):
            return None
        return None if await _left(provider, await self._last_paid(provider, subscription)) else subscription

    async def is_wanted(self, row: BillingOperation, store: Store[Any]) -> bool:
        """While the organisation keeps another one, as far as is stored; or to give back what was paid for what has ended."""
        stored = await store.get_subscription(row.provider, self.subscription_id)
        if stored is not None and not _goes_on(stored):
            return True
        this = row.provider, self.subscription_id
        return any(
            each.status.is_current and _goes_on(each) and (each.provider, each.external_subscription_id) != this
            for each in await store.list_subscriptions_of(row.org_id)
        )

    async def _last_paid(self, provider: BaseProvider, subscription: Subscription) -> list[Invoice]:
        """The invoices of the last purchase, or renewal."""
        own = provider.preserves_customer or subscription.customer_id is None
        payer = self.customer_id if own else str(subscription.customer_id)
        found = await provider.get_invoices(payer, _MOST_INVOICES, subscription_id=self.subscription_id)
        paid = [each for each in found if each.status is InvoiceStatus.PAID]
        last = max((each.created_at for each in paid if each.created_at is not None), default=None)
        return [each for each in paid if last is None or _is_with(each.created_at, last)]


async def _left(provider: BaseProvider, invoices: list[Invoice]) -> list[str]:
    """The payments of invoices of which money is left, or may be: where the provider lets no one read them."""
    found: list[str] = []
    for payment_id in dict.fromkeys(name for each in invoices for name in each.payment_ids):
        payment = await provider.get_payment(payment_id) if Capability.PAYMENTS in provider.capabilities else None
        if payment is None or _is_left(payment):
            found.append(payment_id)
    return found


def _goes_on(subscription: Subscription | BillingSubscription) -> bool:
    return not subscription.status.is_terminal and subscription.cancel_at is None


def _is_left(payment: Payment) -> bool:
    taken = payment.amount if payment.amount_captured is None else payment.amount_captured
    given = 0 if payment.refunded is None else payment.refunded.amount
    return payment.status in _HAS_TAKEN and given < taken.amount


def _is_with(created_at: datetime | None, last: datetime) -> bool:
    return created_at is None or last - created_at < _ONE_PURCHASE
