"""What billing asks the provider besides its operations."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import attrs

from ...events import WebhookEvent
from ...jsonlike import text
from ...models import CheckoutSession, Customer, Invoice, Payment, Refund, Subscription
from ...money import Money
from ...provider import BaseProvider
from .api import SquareAPI
from .checkout import PREFIX, Checkout
from .customers import Customers
from .invoices import Invoices, described
from .links import followed
from .payment_links import Evidence
from .payments import Payments
from .requests import mark_in

__all__ = ["Hooks"]

_CLOCKS_DIFFER = timedelta(minutes=10)


class Hooks(BaseProvider):
    """What billing asks. :class:`SquareProvider` makes the parts that know it."""

    _api: SquareAPI
    _checkout: Checkout
    _customers: Customers
    _invoices: Invoices
    _payments: Payments

    def is_same(self, asked: str, answered: str) -> bool:
        """Whether Square was seen to have merged the one profile into the other."""
        return self._api.is_merged(asked, answered)

    def checkout_session_of(self, subscription_id: str) -> str:
        """The session whose page is an invoice's. That of a link does not follow from the subscription."""
        return f"{PREFIX}{subscription_id}"

    async def read_checkout(
        self, session_id: str, *, evidence: Mapping[str, str], claimed: Sequence[str] = (), alone: bool = False
    ) -> CheckoutSession | None:
        """The session; with a payment on another order than the link's, where the link's note in it proves that.

        A payment without any note counts if this page is ``alone``.
        """
        return await self._checkout.find(session_id, Evidence(evidence, frozenset(claimed), alone))

    def checkout_mark(self, event: WebhookEvent) -> str | None:
        """The mark in the payment's note, which Square copies from the link."""
        return None if event.payment is None else mark_in(text(event.payment.raw, "note"))

    async def verify_with_provider(self, event: WebhookEvent) -> WebhookEvent:
        """The event, with the seller in ``account_id`` if it is another one than the location's.

        An application's webhooks deliver the events of all sellers who have granted it a token:
        https://developer.squareup.com/docs/webhooks/overview.
        """
        merchant_id = text(event.raw, "merchant_id")
        own = await self._api.merchant_id() if merchant_id is not None else None
        return event if own in {None, merchant_id} else attrs.evolve(event, account_id=merchant_id)

    async def follow_links(self, event: WebhookEvent) -> WebhookEvent:
        """Follow a refund or a dispute to its payment, and that by its order to its checkout or to its invoice."""
        return await followed(event, self._payments, self._invoices)

    def describe_invoice(self, invoice: Invoice, subscription: Subscription) -> Invoice:
        """The invoice with its reason and period: the subscription lists its invoices, and tells its current period."""
        return described(invoice, subscription)

    async def find_created_customer(
        self,
        key: str,
        since: datetime,
        *,
        email: str | None,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
    ) -> Customer | None:
        """The one profile with this reference and this e-mail address that was made since.

        Square's search knows a new profile after some seconds, at times after more than a minute.
        """
        return await self._customers.created(since, email, metadata)

    async def find_payment(self, key: str, since: datetime, *, customer_id: str | None) -> Payment | None:
        """Return the payment whose note ends with the key's mark, of those that the location took while the key was good.

        At most 5,000 payments are read.
        """
        until = since + self.idempotency_lifetime + _CLOCKS_DIFFER
        found = await self._payments.made_under(key, since - _CLOCKS_DIFFER, until)
        if found is None or customer_id is None:
            return found
        await self._customers.notice_merge(customer_id, found.customer_id)
        is_theirs = found.customer_id == customer_id or self.is_same(customer_id, found.customer_id or "")
        return found if is_theirs else None

    async def find_refund(
        self, key: str, since: datetime, *, payment_id: str, amount: Money | None = None
    ) -> Refund | None:
        """Return the payment's refund whose reason ends with the key's mark."""
        return await self._payments.refunded_under(key, payment_id)
