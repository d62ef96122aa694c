"""Checkout by invoice: a subscription made without a card, whose first invoice has the page where it is paid.

The session is the subscription, and everything stays with the customer. Square drops nothing if the customer does not pay:
the subscription goes on being invoiced until it is canceled.
"""

from collections.abc import Mapping

from ...errors import InvalidRequest, OutcomeUnknown
from ...jsonlike import JsonObject, identity, text
from ...models import CheckoutSession, CheckoutStatus, Customer, SubscriptionStatus
from . import catalog, requests, wire
from .api import SquareAPI, path_of
from .items import Items
from .states import invoice_ids
from .subscriptions import Subscriptions

__all__ = ["PREFIX", "InvoiceCheckout", "subscription_in"]

PREFIX = "subscription:"
"""Before the id of the subscription, in the id of a session whose page is an invoice's."""

_POLLS = (0.3, 0.7, 1.0, 2.0, 4.0)
"""Seconds to wait for a subscription's first invoice, which Square makes a moment later."""

INVOICE_STATUS: Mapping[str | None, CheckoutStatus] = {
    "DRAFT": CheckoutStatus.OPEN,
    "SCHEDULED": CheckoutStatus.OPEN,
    "UNPAID": CheckoutStatus.OPEN,
    "PARTIALLY_PAID": CheckoutStatus.OPEN,
    "PAYMENT_PENDING": CheckoutStatus.PENDING,
    "PAID": CheckoutStatus.COMPLETE,
    "REFUNDED": CheckoutStatus.COMPLETE,
    "PARTIALLY_REFUNDED": CheckoutStatus.COMPLETE,
    "CANCELED": CheckoutStatus.EXPIRED,
    "FAILED": CheckoutStatus.EXPIRED,
}
"""What the status of a first invoice says about the checkout."""


class InvoiceCheckout:
    """The pages of first invoices.

    Args:
        api: how to ask Square.
        items: makes the templates of item-based subscriptions.
        subscriptions: reads subscriptions and their invoices.
    """

    def __init__(self, api: SquareAPI, items: Items, subscriptions: Subscriptions) -> None:
        self._api = api
        self._items = items
        self._subscriptions = subscriptions

    async def subscribe(self, customer: Customer, variation: catalog.Variation, key: str | None) -> CheckoutSession:
        """Create the subscription, and wait for its first invoice."""
        if not customer.email or not customer.name:
            message = (
                "without a card, Square subscribes customers only with name and e-mail address: update_customer first"
            )
            raise InvalidRequest(message, param="customer_id")
        location = await self._api.location()
        body = requests.subscription_request(customer.id, variation.id, location.id)
        body |= await self._items.phases_of(variation, customer.id, location.id, key)
        data = await self._api.create("/v2/subscriptions", body, key, subscription_in)
        return await self._api.read_after_write(lambda: self._with_first_invoice(data))

    async def find(self, subscription_id: str) -> CheckoutSession | None:
        """Read the session; None if there is no such subscription."""
        data = await self._subscriptions.read(subscription_id) if subscription_id.strip(".") else None
        return None if data is None else await self._session(data)

    async def _with_first_invoice(self, data: JsonObject) -> CheckoutSession:
        """The session, as soon as there is an invoice to pay."""
        subscription_id = identity(data, "id", "subscription")
        for wait in (0.0, *_POLLS):
            if wait:
                await self._api.transport.sleep(wait)
                data = await self._subscriptions.read(subscription_id) or data
            session = await self._session(data)
            if session.url is not None or session.status is not CheckoutStatus.OPEN:
                return session
        message = (
            "the subscription was made, and Square has not made its first invoice yet, where it is to be paid: "
            "provider.recover(error) looks again"
        )
        raise OutcomeUnknown(message, provider=self._api.name)

    async def _session(self, data: JsonObject) -> CheckoutSession:
        subscription_id = identity(data, "id", "subscription")
        first = invoice_ids(data)[-1:]
        invoice = await self._subscriptions.invoice(first[0]) if first else None
        status = _invoice_checkout(data, invoice)
        if invoice is None and (await self._subscriptions.model(data)).status is SubscriptionStatus.TRIALING:
            status = CheckoutStatus.COMPLETE  # there is nothing to pay yet
        order_id = wire.order_of(invoice) if invoice else None
        order: JsonObject | None = None
        if order_id and status is CheckoutStatus.COMPLETE:
            order = await self._api.find(path_of("v2", "orders", order_id), wire.order_in)
        raw: dict[str, object] = {"subscription": data}
        raw |= {name: value for name, value in (("invoice", invoice), ("order", order)) if value is not None}
        return CheckoutSession(
            id=PREFIX + subscription_id,
            url=wire.page_url(text(invoice, "public_url")) if invoice and status is CheckoutStatus.OPEN else None,
            customer_id=text(data, "customer_id"),
            status=status,
            subscription_id=subscription_id,
            payment_id=wire.payment_of(order) if order else None,
            raw_status=text(invoice, "status") if invoice else None,
            reference=order_id,
            provider="square",
            raw=raw,
        )


def _invoice_checkout(subscription: JsonObject, invoice: JsonObject | None) -> CheckoutStatus:
    word = text(invoice, "status") if invoice is not None else "UNPAID"  # that there is none yet
    status = INVOICE_STATUS.get(word, CheckoutStatus.UNKNOWN)
    if text(subscription, "status") in {"CANCELED", "DEACTIVATED"} and status is CheckoutStatus.OPEN:
        return CheckoutStatus.EXPIRED
    return status


def subscription_in(answer: JsonObject) -> JsonObject:
    """The subscription that Square has made."""
    data = wire.object_in(answer, "subscription")
    path_of(identity(data, "id", "subscription"))
    return data
