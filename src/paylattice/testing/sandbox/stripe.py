"""Stripe's pages and lists."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import ClassVar

from ..standins import StripeStandIn
from .desks import Desk, Listing, Page, Row, at, money_text

__all__ = ["StripeDesk"]


def _period_end(row: Row) -> str:
    seconds = at("items.data.0.current_period_end")(row)
    return f"{datetime.fromtimestamp(int(seconds), UTC):%Y-%m-%d}" if seconds else ""


def _owes(row: Row) -> bool:
    return row["status"] in {"past_due", "unpaid", "incomplete"}


def _ended(row: Row) -> bool:
    return row["status"] in {"canceled", "incomplete_expired"}


def _waits(row: Row) -> bool:
    return bool(row["status"] == "complete" and row["payment_status"] == "unpaid")


class StripeDesk(Desk):
    """Stripe: Checkout, hosted invoices, and a part of the Dashboard."""

    title = "Stripe"
    hosts: ClassVar[Sequence[str]] = ("checkout.stripe.com", "invoice.stripe.com", "billing.stripe.com")
    page_kinds: ClassVar[Sequence[str]] = ("checkout.session", "invoice", "bps")
    declines: ClassVar[Sequence[str]] = (
        "generic_decline",
        "insufficient_funds",
        "card_declined",
        "expired_card",
        "incorrect_cvc",
        "lost_card",
        "stolen_card",
        "processing_error",
    )
    listings: ClassVar[Sequence[Listing]] = (
        Listing("Customers", "customer", {"id": at("id"), "e-mail": at("email"), "name": at("name")}),
        Listing(
            "Subscriptions",
            "subscription",
            {
                "id": at("id"),
                "customer": at("customer"),
                "plan": at("items.data.0.price.id"),
                "quantity": at("items.data.0.quantity"),
                "status": at("status"),
                "period ends": _period_end,
            },
            (
                ("Next period", "renew", {}, lambda row: not _ended(row)),
                ("Pay what is owed", "pay_outstanding", {}, _owes),
            ),
        ),
        Listing(
            "Invoices",
            "invoice",
            {
                "id": at("id"),
                "customer": at("customer"),
                "total": money_text("total"),
                "status": at("status"),
                "reason": at("billing_reason"),
            },
        ),
        Listing(
            "Payments",
            "payment_intent",
            {
                "id": at("id"),
                "customer": at("customer"),
                "amount": money_text("amount"),
                "status": at("status"),
                "declined": at("last_payment_error.decline_code"),
            },
            (
                ("Authenticate", "authenticate", {"succeeded": "yes"}, lambda row: row["status"] == "requires_action"),
                ("Refuse", "authenticate", {"succeeded": "no"}, lambda row: row["status"] == "requires_action"),
                ("Dispute", "open_dispute", {}, lambda row: row["status"] == "succeeded"),
            ),
        ),
        Listing(
            "Refunds",
            "refund",
            {"id": at("id"), "payment": at("payment_intent"), "amount": money_text("amount"), "status": at("status")},
            (
                ("It arrives", "settle_refund", {"succeeded": "yes"}, lambda row: row["status"] == "pending"),
                ("It fails", "settle_refund", {"succeeded": "no"}, lambda row: row["status"] == "pending"),
            ),
        ),
        Listing(
            "Disputes",
            "dispute",
            {"id": at("id"), "payment": at("payment_intent"), "amount": money_text("amount"), "status": at("status")},
            (
                ("You win", "decide_dispute", {"won": "yes"}, lambda row: row["status"] not in {"won", "lost"}),
                ("You lose", "decide_dispute", {"won": "no"}, lambda row: row["status"] not in {"won", "lost"}),
            ),
        ),
        Listing(
            "Checkout pages",
            "checkout.session",
            {
                "id": at("id"),
                "for": at("mode"),
                "amount": money_text("amount_total"),
                "status": at("status"),
                "payment": at("payment_status"),
            },
            (
                ("Money arrives", "settle_checkout", {"succeeded": "yes"}, _waits),
                ("Money fails", "settle_checkout", {"succeeded": "no"}, _waits),
            ),
        ),
        Listing(
            "Plans",
            "price",
            {"id": at("id"), "amount": money_text("unit_amount"), "every": at("recurring.interval")},
        ),
    )

    stand_in: StripeStandIn

    def environment(self, base: str) -> Mapping[str, str]:
        """The variables with which an application uses the sandbox."""
        return {
            "STRIPE_API_BASE": base,
            "STRIPE_SECRET_KEY": self.stand_in.secret_key,
            "STRIPE_WEBHOOK_SECRET": self.stand_in.webhook_secret,
        }

    def _described(self, kind: str, row: Row) -> Page:
        if kind == "bps":
            return Page(row["id"], "Your subscriptions", "", "open", open=False, kind="portal")
        if kind == "invoice":
            title, amount = f"Invoice {row['id']}", money_text("amount_remaining")(row)
            return Page(row["id"], title, amount, row["status"], row["status"] == "open", kind="invoice")
        title = {"setup": "Save a payment method", "payment": "Pay"}.get(row["mode"], "Subscribe")
        amount, status = money_text("amount_total")(row), row["status"]
        return Page(row["id"], title, amount, status, status == "open", can_pay_later=row["mode"] == "payment")

    def returned(self, page: Page, address: str) -> str:
        """Where Stripe sends the payer: the address may ask for the session's id."""
        return address.replace("{CHECKOUT_SESSION_ID}", page.id)
