"""PayPal's transaction search, in which a payment is found by its invoice id once its idempotency key is forgotten.

https://developer.paypal.com/docs/api/transaction-search/v1/. It lists all transactions of a time, of at most 31 days and three
years ago, and has no filter for the invoice id. A transaction is in it after up to three hours.
"""

from datetime import datetime, timedelta

from ...errors import InvalidRequest, PermissionDenied
from ...jsonlike import JsonObject, child, children, text
from ...models import Payment
from ...transport.messages import Request
from . import order_parts, orders
from .api import PayPalAPI
from .payment_lookup import Kind, PaymentLookup
from .requests import wire_time

__all__ = ["Transactions"]

_PATH = "/v1/reporting/transactions"
_CLOCKS_DIFFER = timedelta(minutes=10)
_MOST_PAGES = 20
_PAGE = 500


class Transactions:
    """Looks through the transactions of an account.

    Args:
        api: how to ask PayPal.
        lookup: finds what a transaction's id is the id of.
    """

    def __init__(self, api: PayPalAPI, lookup: PaymentLookup) -> None:
        self._api = api
        self._lookup = lookup

    async def payment_under(
        self, key: str, since: datetime, until: datetime, customer_id: str | None
    ) -> Payment | None:
        """The payment of that time whose invoice id is the key; None, too, if PayPal does not let it be known.

        Args:
            key: the idempotency key.
            since: from when on.
            until: to when.
            customer_id: who paid; None: a guest.
        """
        for number in range(1, _MOST_PAGES + 1):
            params = {
                "start_date": wire_time(since - _CLOCKS_DIFFER),
                "end_date": wire_time(until + _CLOCKS_DIFFER),
                "fields": "transaction_info",
                "page_size": str(_PAGE),
                "page": str(number),
            }
            try:
                page = await self._api.send(Request("GET", _PATH, params=params))
            except (InvalidRequest, PermissionDenied):  # too long ago, or not for this application
                return None
            found = children(page, "transaction_details")
            for each in found:
                payment = await self._payment_of(child(each, "transaction_info"), key, customer_id)
                if payment is not None:
                    return payment
            if len(found) < _PAGE and not _has_next(page):
                return None
        return None

    async def _payment_of(self, transaction: JsonObject, key: str, customer_id: str | None) -> Payment | None:
        """The order's payment, if the transaction has the invoice id. Its refunds have it, too, and are none."""
        transaction_id = text(transaction, "transaction_id")
        if text(transaction, "invoice_id") != key or not transaction_id:
            return None
        found = await self._lookup.look(transaction_id)
        if found is None or found.kind not in {Kind.CAPTURE, Kind.AUTHORIZATION}:
            return None
        order_id = order_parts.order_of(found.data)
        payment = found.payment() if order_id is None else orders.payment_from_order(await self._lookup.order(order_id))
        return payment if payment.customer_id == customer_id else None


def _has_next(page: JsonObject) -> bool:
    return any(text(link, "rel") == "next" for link in children(page, "links"))
