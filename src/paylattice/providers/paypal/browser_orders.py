"""Orders of PayPal's JavaScript: made here, approved by the payer in the browser, and charged here, once."""

import attrs

from ...errors import ActionRequired, Conflict, Declined, InvalidRequest
from ...idempotency import sub_key
from ...jsonlike import JsonObject, text
from ...models import CheckoutSession, Payment
from ...money import Money
from . import orders, requests
from .api import PayPalAPI
from .payment_lookup import ORDERS, Kind
from .payments import Payments, checked_order, for_the_payer

__all__ = ["BrowserOrders"]

_USED = frozenset({"ORDER_ALREADY_CAPTURED", "ORDER_ALREADY_AUTHORIZED", "ORDER_ALREADY_COMPLETED"})


class BrowserOrders:
    """Makes and charges orders whose payer is on your own page.

    Args:
        api: how to ask PayPal.
        payments: knows the outcome of an order.
    """

    def __init__(self, api: PayPalAPI, payments: Payments) -> None:
        self._api = api
        self._payments = payments

    async def open(
        self, amount: Money, customer_id: str | None, description: str | None, capture: bool, key: str
    ) -> CheckoutSession:
        """An order without a payment source: the browser brings it."""
        body = requests.order_request(
            amount, capture=capture, customer_id=customer_id, description=description, invoice_id=key, source=None
        )
        session = await self._api.create(ORDERS, body, key, orders.order_session_from)
        return attrs.evolve(session, customer_id=session.customer_id or customer_id)

    async def charge(self, amount: Money, customer_id: str | None, order_id: str, capture: bool, key: str) -> Payment:
        """Capture or authorize an order that the payer has approved.

        PayPal does it once for the key. That it was done does not show under which key, so it is not read back: an answer that
        was lost is asked for again under the key, and an order that another key has charged is refused.

        Raises:
            ActionRequired: the payer has not approved it.
            InvalidRequest: there is no such order, it is another one than was asked for, or it was charged before.
        """
        path = Kind.ORDER.path(order_id)
        order = await self._api.get(path, named=order_id)
        if order is None:
            message = "PayPal has no such order: create_order makes one, and it lapses after some hours"
            raise InvalidRequest(message, param="token")
        _check(order, amount, customer_id, capture)
        step = "capture" if capture else "authorize"
        try:
            answer = await self._api.create(f"{path}/{step}", {}, sub_key(key, step), checked_order)
        except (ActionRequired, Declined) as error:
            raise for_the_payer(error, order) from None
        except Conflict as error:
            if error.code not in _USED:
                raise
        else:
            return await self._payments.outcome(answer)
        message = "the order was charged before, under another key: the payer has to approve a new one"
        raise InvalidRequest(message, param="token")


def _check(order: JsonObject, amount: Money, customer_id: str | None, capture: bool) -> None:
    """A payer's browser can name any order.

    Raises:
        InvalidRequest: it is not the one that was asked for.
    """
    payment = orders.payment_from_order(order)
    if payment.amount != amount:
        message = f"the order is for {payment.amount}, and not for {amount}"
        raise InvalidRequest(message, param="amount")
    if payment.customer_id not in {None, customer_id}:
        message = "the order is another customer's"
        raise InvalidRequest(message, param="token")
    if (text(order, "intent") == "CAPTURE") is not capture:
        message = "the order was created to be captured or authorized: capture= has to say the same"
        raise InvalidRequest(message, param="capture")
