"""Square's pages and lists."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from ..standins import SquareStandIn
from .desks import Desk, Listing, Page, Row, at, money_text, with_query

__all__ = ["SquareDesk"]


class SquareDesk(Desk):
    """Square: payment links, invoice pages, and a part of the Dashboard."""

    title = "Square"
    hosts: ClassVar[Sequence[str]] = (
        "sandbox.square.link",
        "square.link",
        "checkout.square.site",
        "squareupsandbox.com",
        "squareup.com",
    )
    page_kinds: ClassVar[Sequence[str]] = ("payment_link", "invoice", "subscription")
    declines: ClassVar[Sequence[str]] = (
        "GENERIC_DECLINE",
        "INSUFFICIENT_FUNDS",
        "CVV_FAILURE",
        "CARD_EXPIRED",
        "CARD_DECLINED_CALL_ISSUER",
    )
    listings: ClassVar[Sequence[Listing]] = (
        Listing("Customers", "customer", {"id": at("id"), "e-mail": at("email_address"), "phone": at("phone_number")}),
        Listing(
            "Subscriptions",
            "subscription",
            {
                "id": at("id"),
                "customer": at("customer_id"),
                "plan": at("plan_variation_id"),
                "status": at("status"),
                "paid until": at("charged_through_date"),
            },
            (
                ("Next period", "renew", {}, lambda row: row["status"] in {"ACTIVE", "PAUSED", "PENDING"}),
                ("Pay what is owed", "pay_outstanding", {}, lambda row: row["status"] in {"ACTIVE", "DEACTIVATED"}),
            ),
        ),
        Listing(
            "Invoices",
            "invoice",
            {
                "id": at("id"),
                "subscription": at("subscription_id"),
                "due": money_text("payment_requests.0.computed_amount_money"),
                "status": at("status"),
            },
        ),
        Listing(
            "Payments",
            "payment",
            {"id": at("id"), "order": at("order_id"), "amount": money_text("amount_money"), "status": at("status")},
            (("Dispute", "open_dispute", {}, lambda row: row["status"] == "COMPLETED"),),
        ),
        Listing(
            "Refunds",
            "refund",
            {"id": at("id"), "payment": at("payment_id"), "amount": money_text("amount_money"), "status": at("status")},
            (
                ("It arrives", "settle_refund", {"succeeded": "yes"}, lambda row: row["status"] == "PENDING"),
                ("It fails", "settle_refund", {"succeeded": "no"}, lambda row: row["status"] == "PENDING"),
            ),
        ),
        Listing(
            "Disputes",
            "dispute",
            {"id": at("id"), "amount": money_text("amount_money"), "status": at("state")},
            (
                ("You win", "decide_dispute", {"won": "yes"}, lambda row: row["state"] not in {"WON", "LOST"}),
                ("You lose", "decide_dispute", {"won": "no"}, lambda row: row["state"] not in {"WON", "LOST"}),
            ),
        ),
        Listing("Payment links", "payment_link", {"id": at("id"), "order": at("order_id")}),
        Listing("Catalog", "catalog", {"id": at("id"), "type": at("type")}),
    )

    stand_in: SquareStandIn

    def environment(self, base: str) -> Mapping[str, str]:
        """The variables with which an application uses the sandbox."""
        return {
            "SQUARE_API_BASE": base,
            "SQUARE_ACCESS_TOKEN": self.stand_in.access_token,
            "SQUARE_LOCATION_ID": self.stand_in.location_id,
            "SQUARE_WEBHOOK_SIGNATURE_KEY": self.stand_in.signature_key,
            "SQUARE_WEBHOOK_URL": self.stand_in.webhook_url,
        }

    def _described(self, kind: str, row: Row) -> Page:
        if kind == "invoice":
            amount = money_text("next_payment_amount_money", "payment_requests.0.computed_amount_money")(row)
            waits = row["status"] in {"UNPAID", "SCHEDULED", "PARTIALLY_PAID"}
            return Page(row["id"], f"Invoice {row['id']}", amount, row["status"], open=waits, kind="invoice")
        order = self.row("order", row.get("order_id"))
        title = "Subscribe" if at("checkout_options.subscription_plan_id")(row) else "Pay"
        state = str(order.get("state", ""))
        waits = state in {"OPEN", "DRAFT"} and not order.get("tenders")
        return Page(row["id"], title, money_text("total_money")(order), state if waits else "PAID", open=waits)

    def returned(self, page: Page, address: str) -> str:
        """Where Square sends the buyer: it adds the order and the payment, in production."""
        order = at("order_id")(self.row("payment_link", page.id))
        return with_query(address, orderId=order, transactionId=order)
