"""Collecting the money of an invoice, and what that does to the subscription behind it."""

from collections.abc import Mapping

from . import payments
from .payment_methods import new_card
from .pending import apply_pending
from .world import JSON, World

__all__ = [
    "authenticated",
    "collect",
    "default_method",
    "failed_for_good",
    "intent_of",
    "mark_paid",
    "pay_outstanding",
    "subscription_of",
]

_DAY = 86_400

_AFTER_SUCCESS: Mapping[str, str] = {"incomplete": "active", "past_due": "active", "unpaid": "active"}
_AFTER_FAILURE: Mapping[str, str] = {"active": "past_due", "trialing": "past_due"}
"""What becomes of a subscription's status; what is not here stays."""


def subscription_of(world: World, invoice: JSON) -> JSON | None:
    """The subscription that an invoice bills."""
    parent: JSON | None = invoice["parent"]
    return world.get("subscription", parent["subscription_details"]["subscription"]) if parent else None


def default_method(world: World, subscription: JSON | None, customer_id: str) -> JSON | None:
    """What is charged when nothing else is said: the subscription's payment method, or the customer's."""
    customer = world.get("customer", customer_id)
    chosen = (subscription or {}).get("default_payment_method")
    chosen = chosen or (customer["invoice_settings"]["default_payment_method"] if customer else None)
    return world.get("payment_method", chosen) if chosen else None


def intent_of(world: World, invoice: JSON) -> JSON:
    """The PaymentIntent that pays an invoice; made when it is first needed."""
    known = world.all("invoice_payment", invoice=invoice["id"])
    if known:
        return world.need("payment_intent", known[-1]["payment"]["payment_intent"])
    intent = payments.new_intent(world, invoice["amount_remaining"], invoice["currency"], invoice["customer"])
    data: JSON = {
        "object": "invoice_payment",
        "amount_paid": None,
        "amount_requested": intent["amount"],
        "currency": intent["currency"],
        "invoice": invoice["id"],
        "is_default": True,
        "payment": {"payment_intent": intent["id"], "type": "payment_intent"},
        "status": "open",
        "status_transitions": {"canceled_at": None, "paid_at": None},
    }
    world.add("inpay", data)
    return intent


def collect(world: World, invoice: JSON, method: JSON | None = None) -> JSON | None:
    """Try to take the money of an open invoice.

    Args:
        world: where it is.
        invoice: the invoice.
        method: None: what is charged by default.

    Returns:
        The error if the bank declined; None if it did not, or if there is nothing to charge.
    """
    if invoice["amount_remaining"] == 0:
        mark_paid(world, invoice)
        return None
    method = method or default_method(world, subscription_of(world, invoice), invoice["customer"])
    intent = intent_of(world, invoice)
    error = None if method is None else payments.confirm(world, intent, method)
    if intent["status"] == "succeeded":
        mark_paid(world, invoice, attempts=1)
        return None
    _failed(world, invoice, waits=intent["status"] == "requires_action")
    return error


def mark_paid(world: World, invoice: JSON, *, attempts: int = 0) -> None:
    """The invoice is paid, and its subscription in good standing."""
    for one in world.all("invoice_payment", invoice=invoice["id"]):
        transitions = {**one["status_transitions"], "paid_at": world.now}
        paid = {"amount_paid": one["amount_requested"], "status": "paid", "status_transitions": transitions}
        world.change(one, "invoice_payment.paid", **paid)
    world.change(
        invoice,
        ("invoice.paid", "invoice.payment_succeeded"),
        amount_paid=invoice["amount_due"],
        amount_remaining=0,
        attempt_count=invoice["attempt_count"] + attempts,
        attempted=True,
        next_payment_attempt=None,
        status="paid",
        status_transitions={**invoice["status_transitions"], "paid_at": world.now},
    )
    apply_pending(world, invoice, subscription_of(world, invoice))
    _follow(world, invoice, _AFTER_SUCCESS)


def pay_outstanding(world: World, subscription: JSON) -> None:
    """Play the customer who pays all open invoices of a subscription on their pages, oldest first.

    Raises:
        ValueError: none is open.
    """
    owed = [one for one in world.all("invoice", status="open") if subscription_of(world, one) is subscription]
    if not owed:
        message = "the subscription owes nothing"
        raise ValueError(message)
    method = new_card(world, subscription["customer"])
    for invoice in owed:
        collect(world, invoice, method)


def authenticated(world: World, intent: JSON, *, succeeded: bool) -> None:
    """Play the payer who authenticates, or fails to.

    Raises:
        ValueError: the payment does not wait for that.
    """
    if intent["status"] != "requires_action":
        message = f"the payment is {intent['status']}: it does not wait for the payer"
        raise ValueError(message)
    method = world.need("payment_method", intent["payment_method"])
    if not succeeded:
        payments.decline(world, intent, method, "payment_intent_authentication_failure")
        return
    payments.succeed(world, intent, method)
    for known in world.all("invoice_payment"):
        if known["payment"]["payment_intent"] == intent["id"]:
            mark_paid(world, world.need("invoice", known["invoice"]))


def failed_for_good(world: World, subscription: JSON) -> bool:
    """Whether the last retry leaves the subscription in another status than past due."""
    return subscription["status"] == "past_due" and world.when_retries_fail != "past_due"


def _failed(world: World, invoice: JSON, *, waits: bool) -> None:
    attempts: int = invoice["attempt_count"] + 1
    renews = invoice["billing_reason"] == "subscription_cycle"
    retry = world.retry_days[attempts - 1] if renews and attempts <= len(world.retry_days) else None
    world.change(
        invoice,
        ("invoice.payment_action_required", "invoice.payment_failed") if waits else "invoice.payment_failed",
        attempt_count=attempts,
        attempted=True,
        next_payment_attempt=None if retry is None else world.now + retry * _DAY,
    )
    _follow(world, invoice, _AFTER_FAILURE)


def _follow(world: World, invoice: JSON, table: Mapping[str, str]) -> None:
    subscription = subscription_of(world, invoice)
    status = table.get(subscription["status"]) if subscription else None
    if subscription is None or status is None or _is_older(world, invoice, subscription):
        return
    world.change(subscription, "customer.subscription.updated", status=status)


def _is_older(world: World, invoice: JSON, subscription: JSON) -> bool:
    """An old debt that is paid does not settle a newer one."""
    latest = subscription["latest_invoice"]
    return latest not in {None, invoice["id"]} and world.need("invoice", latest)["status"] == "open"
