"""What a subscription at Stripe owes: its open invoices, collected again."""

from ...errors import NotFound
from ...idempotency import sub_key
from ...jsonlike import text
from ...models import Subscription
from .api import StripeAPI
from .invoices import Invoices
from .subscriptions import Subscriptions

__all__ = ["Outstanding"]


class Outstanding:
    """Collects what is owed.

    Args:
        api: where the invoices are.
        invoices: charges for them.
        subscriptions: whose they are.
    """

    def __init__(self, api: StripeAPI, invoices: Invoices, subscriptions: Subscriptions) -> None:
        self._api = api
        self._invoices = invoices
        self._subscriptions = subscriptions

    async def bill(self, subscription_id: str, key: str | None) -> Subscription:
        """Pay the open invoices, the oldest first. Each has a key of its own, made of the given one.

        Raises:
            NotFound: there is no such subscription.
            ActionRequired: the payer has to authenticate, on the page of the invoice.
        """
        owed = await self._api.listed("/v1/invoices", {"subscription": subscription_id, "status": "open"})
        for invoice in reversed(owed):
            invoice_id = text(invoice, "id") or ""
            # it may be paid meanwhile, by Stripe's own retry or on its page
            await self._invoices.collected(invoice_id, None, None if key is None else sub_key(key, invoice_id))
        return await self._existing(subscription_id)

    async def _existing(self, subscription_id: str) -> Subscription:
        found = await self._subscriptions.find(subscription_id)
        if found is None:
            message = "Stripe has no such subscription, in this account and mode (test or live)"
            raise NotFound(message)
        return found
