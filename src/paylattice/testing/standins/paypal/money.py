"""What a test can do with the money of the stand-in: orders of several parts, refunds that take days, sales that are held."""

from collections.abc import Mapping

from . import orders, payments, sales
from .dispatch import PayPalRequests
from .world import sendable

__all__ = ["PayPalMoney"]


class PayPalMoney(PayPalRequests):
    """A PayPal account whose money goes the longer ways."""

    def add_order(
        self, *amounts: str, currency: str = "USD", intent: str = "CAPTURE", custom_id: str | None = None
    ) -> str:
        """Be the merchant's own software that makes an order of several purchase units; the payer is asked to agree.

        Args:
            *amounts: of each purchase unit, as PayPal writes it: ``"60.00"``.
            currency: of all of them.
            intent: ``CAPTURE``, or, of one unit only, ``AUTHORIZE``.
            custom_id: what every unit carries.

        Returns:
            The order's id.
        """
        shared = {"custom_id": custom_id} if custom_id is not None else {}
        units = [
            {"reference_id": f"unit-{place}", "amount": {"currency_code": currency, "value": value}, **shared}
            for place, value in enumerate(amounts)
        ]
        with self._lock:
            return str(orders.add_order(self._world, units, intent)["id"])

    def delay_next_refund(self, *, times: int = 1) -> None:
        """Let refunds be PENDING, as those of bank debits are: see :meth:`settle_refund`."""
        with self._lock:
            self._world.pending_refunds += times

    def settle_refund(self, refund_id: str, *, succeeded: bool = True) -> Mapping[str, object]:
        """Let the money of a pending refund arrive, or come back.

        Returns:
            The refund.

        Raises:
            ValueError: it is not pending.
        """
        with self._lock:
            refund = self._world.need("refund", refund_id)
            payments.settle_refund(self._world, refund, succeeded=succeeded)
            return dict(sendable(refund))

    def hold_next_sale(self, *, times: int = 1) -> None:
        """Let PayPal keep the money of the next payment of a subscription from the merchant: see :meth:`release_sale`."""
        with self._lock:
            self._world.held_sales += times

    def release_sale(self, sale_id: str) -> Mapping[str, object]:
        """Let the money of a sale that is held come to the merchant.

        Returns:
            The sale.

        Raises:
            ValueError: it is not held.
        """
        with self._lock:
            sale = self._world.need("sale", sale_id)
            sales.release(self._world, sale)
            return dict(sendable(sale))
