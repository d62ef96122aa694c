"""Money at PayPal's stand-in: orders of several parts, reviews, refunds that take days, sales that are held, what was taken."""

from collections.abc import Mapping
from decimal import Decimal

from ..shapes import sendable
from . import disputes, orders, payments, sales
from .dispatch import PayPalRequests
from .invoices import add_invoice, pay
from .sales import given_back

__all__ = ["PayPalMoney"]


_OUTCOMES: Mapping[bool | None, str] = {
    True: "RESOLVED_SELLER_FAVOUR",
    False: "RESOLVED_BUYER_FAVOUR",
    None: "CANCELED_BY_BUYER",
}


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
        """Make the money of a pending refund arrive, or come back.

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
        """Make the money of a sale that is held come to the merchant.

        Returns:
            The sale.

        Raises:
            ValueError: it is not held.
        """
        with self._lock:
            sale = self._world.need("sale", sale_id)
            sales.release(self._world, sale)
            return dict(sendable(sale))

    def settle_payment(self, payment_id: str, *, succeeded: bool = True) -> None:
        """End the review of a payment that is pending.

        Args:
            payment_id: of the capture, or of its order.
            succeeded: whether the money is released; otherwise the payment is denied.

        Raises:
            ValueError: it is not pending.
        """
        with self._lock:
            order = self._world.get("order", payment_id)
            captures = (
                [self._world.need("capture", payment_id)] if order is None else payments.payments_of(order, "captures")
            )
            for capture in [each for each in captures if each["status"] == "PENDING"] or captures:
                payments.settle(self._world, capture, succeeded=succeeded)

    def open_dispute(
        self, payment_id: str, *, reason: str = "UNAUTHORISED", asks: bool = False, risk: bool = False
    ) -> Mapping[str, object]:
        """Play the payer who wants the money of a payment back.

        Args:
            payment_id: of the capture, of its order, or of a subscription's sale.
            reason: PayPal's word for why.
            asks: whether your evidence is wanted at once.
            risk: whether PayPal tells it a second time, as ``RISK.DISPUTE.CREATED``.

        Returns:
            The dispute.

        Raises:
            ValueError: the payment has not taken any money.
        """
        with self._lock:
            return dict(disputes.open_dispute(self._world, payment_id, reason, asks=asks, risk=risk))

    def ask_for_evidence(self, dispute_id: str) -> None:
        """Let PayPal want your evidence; where it does already, only a message was written.

        Raises:
            ValueError: the dispute is over.
        """
        with self._lock:
            disputes.ask(self._world, self._need("dispute", dispute_id))

    def decide_dispute(self, dispute_id: str, *, won: bool | None) -> None:
        """Let PayPal decide.

        Args:
            dispute_id: of the dispute.
            won: by the seller; None: the payer has withdrawn it.

        Raises:
            ValueError: it is over already.
        """
        with self._lock:
            disputes.decide(self._world, self._need("dispute", dispute_id), _OUTCOMES[won])

    def tell_sale_again(self, sale_id: str) -> None:
        """Tell of a sale a second time, in another event, as PayPal does when a hold is released."""
        with self._lock:
            sale = self._world.need("sale", sale_id)
            self._world.tell("PAYMENT.SALE.COMPLETED", {**sale, "payment_hold_status": "RELEASED"}, "sale", "")

    def add_invoice(self, recipient: str, amount: str, currency: str = "USD", *, status: str = "SENT") -> str:
        """Be the merchant who writes an invoice with PayPal's Invoicing.

        Args:
            recipient: an e-mail address.
            amount: as PayPal writes it.
            currency: in which.
            status: PayPal's word.

        Returns:
            The invoice's id.
        """
        with self._lock:
            money = {"currency_code": currency, "value": amount}
            return str(add_invoice(self._world, recipient, money, status)["id"])

    def pay_invoice(self, invoice_id: str, part: str | None = None) -> Mapping[str, object]:
        """Play the payer who pays an invoice that the merchant wrote, on its page.

        Args:
            invoice_id: the invoice's id.
            part: how much of it, as PayPal writes it; None: all that is due.

        Raises:
            ValueError: there is nothing to pay, or not so much.
        """
        with self._lock:
            invoice = self._world.need("invoice", invoice_id)
            pay(self._world, invoice, part)
            return dict(sendable(invoice))

    def money_taken(self, currency: str = "USD") -> Decimal:
        """What was captured, and paid for subscriptions, and not given back.

        Args:
            currency: in which.
        """
        with self._lock:
            taken = Decimal(0)
            for capture in self._world.all("capture"):
                if capture["amount"]["currency_code"] == currency and capture["status"] not in {"PENDING", "DECLINED"}:
                    taken += Decimal(capture["amount"]["value"]) - given_back(self._world, capture)
            for sale in self._world.all("sale"):
                if sale["amount"]["currency"] == currency:
                    taken += Decimal(sale["amount"]["total"]) - given_back(self._world, sale)
            return taken
