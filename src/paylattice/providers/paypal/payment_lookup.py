"""Finds what an id is the id of: an order, a capture, an authorization or a subscription's sale. PayPal's ids do not tell."""

from enum import Enum

import attrs

from ...errors import NotFound
from ...events import WebhookEvent
from ...jsonlike import JsonObject, child, text
from ...models import Payment, PaymentStatus
from ...money import Money
from ...payment_facts import after_dispute
from . import order_parts, orders
from .api import PayPalAPI, path_of
from .generations import capital_word_of
from .order_parts import TAKEN, capture_of

__all__ = ["AUTHORIZATIONS", "CAPTURES", "ORDERS", "SALES", "Found", "Kind", "PaymentLookup"]

ORDERS, CAPTURES, AUTHORIZATIONS, SALES = (
    "/v2/checkout/orders",
    "/v2/payments/captures",
    "/v2/payments/authorizations",
    "/v1/payments/sale",
)


_TAKEN_BACK = frozenset({"PAYMENT.CAPTURE.REVERSED", "PAYMENT.SALE.REVERSED"})


class Kind(Enum):
    """What an id is the id of."""

    ORDER = ORDERS
    CAPTURE = CAPTURES
    AUTHORIZATION = AUTHORIZATIONS
    SALE = SALES

    def path(self, identifier: str) -> str:
        """Where the object of this kind and id is."""
        return f"{self.value}{path_of(identifier)}"


@attrs.frozen
class Found:
    """What an id is the id of.

    Args:
        kind: what it is.
        data: as PayPal has it.
        order: the order that it belongs to, which tells more; None: it was not read, or is not known.
    """

    kind: Kind
    data: JsonObject
    order: JsonObject | None = None

    @property
    def order_id(self) -> str | None:
        """The id of the order that it is, or belongs to, if it says so."""
        return text(self.data, "id") if self.kind is Kind.ORDER else order_parts.order_of(self.data)

    @property
    def taken_last(self) -> Money | None:
        """What the final capture of an authorization took, after any parts of it; None: there is none, or it is not known."""
        order = self.data if self.kind is Kind.ORDER else self.order or {}
        if not order_parts.parts_of(order).authorizations:
            return None
        captured = order_parts.captured_of(order)
        if self.kind is not Kind.ORDER:
            captured = order_parts.captured_under(order, text(self.data, "id") or "")
        return next((each.amount for each in reversed(captured) if order_parts.is_final(each.data)), None)

    def payment(self) -> Payment:
        """Make the payment of it; with what its order tells, if that was read."""
        identifier, order = text(self.data, "id") or "", self.order or {}
        match self.kind:
            case Kind.ORDER:
                return orders.payment_from_order(self.data)
            case Kind.CAPTURE:
                captured = tuple(each for each in order_parts.captured_of(order) if each.id == identifier)
                return orders.payment_from_capture(self.data, captured=captured)
            case Kind.AUTHORIZATION:
                captured = order_parts.captured_under(order, identifier)
                payment = orders.payment_from_authorization(self.data, captured=captured)
                if order_parts.is_pending_under(order, identifier):
                    return attrs.evolve(payment, status=PaymentStatus.PENDING)
                if order_parts.reserves_rest(order, identifier):
                    lapses = order_parts.lapses_at(self.data)
                    return attrs.evolve(payment, status=PaymentStatus.AUTHORIZED, capture_before=lapses)
                return payment
            case Kind.SALE:
                return orders.payment_from_sale(self.data)


class PaymentLookup:
    """Reads payments.

    Args:
        api: how to ask PayPal.
    """

    def __init__(self, api: PayPalAPI) -> None:
        self._api = api

    async def look(self, payment_id: str) -> Found | None:
        """Look for the id in each place, orders first; None if it is nowhere."""
        for kind in Kind:
            found = await self._api.get(kind.path(payment_id), named=payment_id)
            if found is not None:
                return Found(kind, found)
        return None

    async def find(self, payment_id: str) -> Payment | None:
        """Read the payment; None if there is none."""
        found = await self.look(payment_id)
        if found is None:
            return None
        payment = found.payment()
        return payment if payment.status not in TAKEN else (await self.with_order(found)).payment()

    async def with_order(self, found: Found) -> Found:
        """Read the order too, which alone tells what was given back, and what is still reserved; if it is known."""
        if found.kind is Kind.ORDER:
            return attrs.evolve(found, order=found.data)
        order_id = found.order_id
        return (
            attrs.evolve(found, order=await self._api.get(Kind.ORDER.path(order_id))) if order_id is not None else found
        )

    async def paid_by(self, transaction_id: str) -> Payment | None:
        """Read the payment of a transaction, of a subscription first; None if there is none."""
        sale = await self._api.get(Kind.SALE.path(transaction_id), named=transaction_id)
        return await self.find(transaction_id) if sale is None else orders.payment_from_sale(sale)

    async def followed(self, event: WebhookEvent) -> WebhookEvent:
        """The event with the payment that its refund or dispute is of, or that was taken back."""
        about = event.refund or event.dispute
        told_of = about.payment_id if about is not None else None
        is_taken_back = event.provider_type in _TAKEN_BACK
        payment_id = _taken_back_in(child(event.raw, "resource")) if is_taken_back else told_of
        payment = await self.paid_by(payment_id) if payment_id is not None else None
        if payment is None:
            return event
        payment = after_dispute(payment, event.dispute)
        return attrs.evolve(
            event,
            customer_id=event.customer_id or payment.customer_id,
            subscription_id=event.subscription_id or payment.subscription_id,
            checkout_reference=event.checkout_reference or order_parts.order_of(payment.raw),
            payment=payment,
        )

    async def required(self, payment_id: str) -> Found:
        """Look for the id in each place.

        Raises:
            NotFound: it is nowhere.
        """
        found = await self.look(payment_id)
        if found is None:
            message = "PayPal has no such payment, in this account and environment"
            raise NotFound(message)
        return found

    async def again(self, payment_id: str) -> Payment:
        """Read a payment that was there before."""
        return (await self.required(payment_id)).payment()

    async def order(self, order_id: str) -> JsonObject:
        """Read an order.

        Raises:
            NotFound: there is none.
        """
        found = await self._api.get(Kind.ORDER.path(order_id))
        if found is None:
            message = "PayPal no longer has the order"
            raise NotFound(message)
        return found


def _taken_back_in(resource: JsonObject) -> str | None:
    """What was taken back: the resource names it, as refunds do; or is it, and says that it was reversed."""
    itself = text(resource, "id") if capital_word_of(resource) == "REVERSED" else None
    return text(resource, "sale_id") or capture_of(resource) or itself
