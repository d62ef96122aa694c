"""PayPal's pages and lists."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from ..standins import PayPalStandIn
from .desks import Desk, Listing, Page, Row, at, money_text, with_query

__all__ = ["PayPalDesk"]


def _owes(row: Row) -> bool:
    return at("billing_info.outstanding_balance.value")(row) not in {"", "0.0", "0.00", "0"}


class PayPalDesk(Desk):
    """PayPal: the pages where a payer agrees, and the lists of a merchant."""

    title = "PayPal"
    hosts: ClassVar[Sequence[str]] = ("www.sandbox.paypal.com",)
    page_kinds: ClassVar[Sequence[str]] = ("subscription", "order", "setup_token")
    declines: ClassVar[Sequence[str]] = ("INSTRUMENT_DECLINED", "PAYER_CANNOT_PAY", "DECLINED", "PENDING")
    listings: ClassVar[Sequence[Listing]] = (
        Listing(
            "Subscriptions",
            "subscription",
            {
                "id": at("id"),
                "payer": at("subscriber.email_address"),
                "plan": at("plan_id"),
                "quantity": at("quantity"),
                "status": at("status"),
                "next payment": at("billing_info.next_billing_time"),
            },
            (
                ("Next period", "renew", {}, lambda row: row["status"] == "ACTIVE"),
                ("Agree to the change", "approve_change", {}, lambda row: row["status"] == "ACTIVE"),
                ("Pay what is owed", "pay_outstanding", {}, _owes),
            ),
        ),
        Listing(
            "Payments of subscriptions",
            "sale",
            {
                "id": at("id"),
                "subscription": at("billing_agreement_id"),
                "amount": money_text("amount"),
                "status": at("state"),
            },
            (("Dispute", "open_dispute", {}, lambda row: row["state"] == "completed"),),
        ),
        Listing(
            "Orders",
            "order",
            {"id": at("id"), "amount": money_text("purchase_units.0.amount"), "status": at("status")},
        ),
        Listing(
            "Captures",
            "capture",
            {"id": at("id"), "amount": money_text("amount"), "status": at("status")},
            (("Dispute", "open_dispute", {}, lambda row: row["status"] == "COMPLETED"),),
        ),
        Listing(
            "Refunds",
            "refund",
            {"id": at("id"), "amount": money_text("amount"), "status": at("status")},
            (
                ("It arrives", "settle_refund", {"succeeded": "yes"}, lambda row: row.get("status") == "PENDING"),
                ("It fails", "settle_refund", {"succeeded": "no"}, lambda row: row.get("status") == "PENDING"),
            ),
        ),
        Listing(
            "Disputes",
            "dispute",
            {"id": at("dispute_id"), "amount": money_text("dispute_amount"), "status": at("status")},
            (
                ("You win", "decide_dispute", {"won": "yes"}, lambda row: row["status"] != "RESOLVED"),
                ("You lose", "decide_dispute", {"won": "no"}, lambda row: row["status"] != "RESOLVED"),
            ),
        ),
        Listing(
            "Plans",
            "plan",
            {
                "id": at("id"),
                "amount": money_text("billing_cycles.last.pricing_scheme.fixed_price"),
                "status": at("status"),
            },
        ),
    )

    stand_in: PayPalStandIn

    def environment(self, base: str) -> Mapping[str, str]:
        """The variables with which an application uses the sandbox, which it also asks whether deliveries are genuine."""
        return {
            "PAYPAL_API_BASE": base,
            "PAYPAL_CLIENT_ID": self.stand_in.client_id,
            "PAYPAL_CLIENT_SECRET": self.stand_in.client_secret,
            "PAYPAL_WEBHOOK_ID": self.stand_in.webhook_id,
        }

    def _described(self, kind: str, row: Row) -> Page:
        if kind == "order":
            waits = row["status"] in {"CREATED", "PAYER_ACTION_REQUIRED"}
            amount = money_text("purchase_units.0.amount")(row)
            return Page(row["id"], "Pay", amount, row["status"], open=waits)
        if kind == "setup_token":
            waits = row.get("status") in {"CREATED", "PAYER_ACTION_REQUIRED"}
            return Page(row["id"], "Save PayPal for later payments", "", str(row.get("status")), open=waits)
        plan = self.row("plan", row["plan_id"])
        amount = money_text("billing_cycles.last.pricing_scheme.fixed_price")(plan)
        return Page(row["id"], "Agree to a subscription", amount, row["status"], row["status"] == "APPROVAL_PENDING")

    def returned(self, page: Page, address: str) -> str:
        """Where PayPal sends the payer, with what it adds to the address."""
        if page.title == "Pay":
            return with_query(address, token=page.id, PayerID="STANDINPAYER")
        if page.title.startswith("Save"):
            return with_query(address, approval_token_id=page.id, approval_session_id=page.id)
        return with_query(address, subscription_id=page.id)
