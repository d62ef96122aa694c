"""What a subscription costs, the invoices that Square makes of it, and whether they are paid.

A card on file is charged on the day of the invoice, once: if that fails, Square asks the customer to pay on the invoice's page,
and nothing else changes. https://developer.squareup.com/docs/subscriptions-api/subscription-billing
"""

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from .dates import today
from .orders import close, new_order, single_item, tender
from .payments import complete, pay
from .world import JSON, World, part, stamp

__all__ = ["bill", "charge", "is_open", "new_invoice", "page_of", "pay_invoice", "price_of", "publish"]

_HUNDRED = Decimal(100)
_TO_BE_PAID = frozenset({"UNPAID", "PARTIALLY_PAID", "SCHEDULED"})


def price_of(world: World, subscription: Mapping[str, Any], phase: Mapping[str, Any]) -> JSON | None:
    """What a period of a phase costs; None if it is free."""
    pricing = part(phase, "pricing")
    if pricing.get("type") == "RELATIVE":
        own = [each for each in subscription.get("phases", []) if each.get("plan_phase_uid") == phase["uid"]]
        template = world.get("order", own[0]["order_template_id"]) if own else None
        money: JSON | None = template["total_money"] if template else None
    else:
        usual = part(pricing, "price_money")
        money = (subscription.get("price_override_money") if usual.get("amount") else None) or usual
    if not money or not money["amount"]:
        return None
    tax = Decimal(subscription.get("tax_percentage", "0")) * money["amount"] / _HUNDRED
    return {**money, "amount": money["amount"] + int(tax.quantize(Decimal(1), ROUND_HALF_EVEN))}


def page_of(world: World, invoice: Mapping[str, Any]) -> str:
    """Where an invoice is paid."""
    host = "squareupsandbox.com" if world.sandbox else "squareup.com"
    return f"https://{host}/pay-invoice/{invoice['id']}"


def new_invoice(world: World, order: JSON, customer_id: str, about: Mapping[str, Any]) -> JSON:
    """A draft of an invoice for an order."""
    profile: JSON = world.get("customer", customer_id) or {}
    names = ("given_name", "family_name", "email_address", "phone_number", "company_name")
    recipient = {"customer_id": customer_id, **{name: profile[name] for name in names if name in profile}}
    number = world.count("invoice") + 1
    location = world.need("location", order["location_id"])
    invoice = world.add(
        "invoice",
        world.new_id("inv:0-"),
        {
            "version": 0,
            "location_id": location["id"],
            "order_id": order["id"],
            "primary_recipient": recipient,
            "delivery_method": "EMAIL",
            "invoice_number": f"{number:06d}",
            "status": "DRAFT",
            "timezone": location["timezone"],
            "updated_at": stamp(world.now, decimals=0),
            "accepted_payment_methods": {
                "card": True,
                "square_gift_card": False,
                "bank_account": False,
                "buy_now_pay_later": False,
                "cash_app_pay": False,
            },
            "store_payment_method_enabled": False,
            **about,
        },
        decimals=0,
    )
    world.tell("invoice.created", invoice)
    return invoice


def publish(world: World, invoice: JSON) -> JSON:
    """Send an invoice out."""
    due = {**invoice["payment_requests"][0]["computed_amount_money"]}
    world.change(
        invoice, decimals=0, status="UNPAID", public_url=page_of(world, invoice), next_payment_amount_money=due
    )
    world.tell("invoice.published", invoice)
    return invoice


def bill(world: World, subscription: JSON, phase: Mapping[str, Any], paid_by: JSON | None = None) -> JSON | None:
    """The invoice of a period that begins; None if it is free.

    Args:
        world: where.
        subscription: whose period.
        phase: which it is in.
        paid_by: the payment that has paid for it already, on the page of a link.
    """
    money = price_of(world, subscription, phase)
    if money is None:
        return None
    location = world.need("location", subscription["location_id"])
    variation = world.need("catalog", subscription["plan_variation_id"])
    name = str(variation["subscription_plan_variation_data"]["name"])
    customer_id = str(subscription["customer_id"])
    card = world.get("card", subscription.get("card_id"))
    order = new_order(world, location, single_item(name, money), about={"customer_id": customer_id})
    asked: JSON = {
        "uid": world.new_id("request-"),
        "request_type": "BALANCE",
        "due_date": today(world.now, subscription).isoformat(),
        "tipping_enabled": False,
        "automatic_payment_source": "CARD_ON_FILE" if card is not None else "NONE",
        "computed_amount_money": money,
        "total_completed_amount_money": {**money, "amount": 0},
    }
    if card is not None:
        asked["card_id"] = card["id"]
    about = {
        "title": name,
        "payment_requests": [asked],
        "subscription_id": subscription["id"],
        "timezone": subscription["timezone"],
    }
    invoice = new_invoice(world, order, customer_id, about)
    subscription["invoice_ids"] = [invoice["id"], *subscription.get("invoice_ids", [])]
    publish(world, invoice)
    if paid_by is not None:
        if paid_by.get("_traceable", True):
            tender(world, order, paid_by)
        _paid(world, invoice, order, money["amount"])
    elif card is not None:
        charge(world, invoice, order, card)
    return invoice


def charge(world: World, invoice: JSON, order: JSON, card: JSON) -> None:
    """Charge the card on file."""
    customer_id = str(invoice["primary_recipient"]["customer_id"])
    verdict = "INVALID_CARD" if not card["enabled"] else world.verdict(customer_id, card)
    if verdict:
        asked = invoice["payment_requests"][0]
        asked["automatic_payment_source"] = "NONE"
        asked.pop("card_id", None)
        world.change(invoice, decimals=0, description=world.variants.charge_failed_in_words)
        if world.variants.tells_failed_charges:
            world.tell("invoice.scheduled_charge_failed", invoice)
        world.tell("invoice.updated", invoice)
        return
    money = invoice["payment_requests"][0]["computed_amount_money"]
    _take(world, invoice, order, money, card, on_file=True)


def _take(world: World, invoice: JSON, order: JSON, money: JSON, card: Mapping[str, Any], *, on_file: bool) -> JSON:
    customer_id = str(invoice["primary_recipient"]["customer_id"])
    payment = pay(world, order, money, card, customer_id=customer_id, capture=False, on_file=on_file)
    complete(world, payment)
    _paid(world, invoice, order, money["amount"])
    return payment


def _paid(world: World, invoice: JSON, order: JSON, amount: int) -> None:
    asked = invoice["payment_requests"][0]
    whole = asked["computed_amount_money"]
    done = asked["total_completed_amount_money"]["amount"] + amount
    asked["total_completed_amount_money"] = {**whole, "amount": done}
    left = {**whole, "amount": max(0, whole["amount"] - done)}
    status = "PARTIALLY_PAID" if left["amount"] else "PAID"
    invoice.pop("next_payment_amount_money")
    owed = {"next_payment_amount_money": left} if left["amount"] else {}
    world.change(invoice, decimals=0, status=status, **owed)
    if status == "PAID":
        close(world, order)
    world.tell("invoice.payment_made", invoice)


def is_open(invoice: Mapping[str, Any]) -> bool:
    """Whether something of the invoice is to be paid."""
    return invoice["status"] in _TO_BE_PAID


def pay_invoice(world: World, invoice: JSON, card: Mapping[str, Any], amount: int | None = None) -> JSON:
    """Play the customer who pays on the invoice's page.

    Returns:
        The payment.

    Raises:
        ValueError: there is nothing to pay, or less than that.
    """
    if not is_open(invoice):
        message = f"the invoice is {invoice['status']}: there is nothing to pay"
        raise ValueError(message)
    due = invoice["next_payment_amount_money"]
    if amount is not None and not 0 < amount <= due["amount"]:
        message = f"{due['amount']} are due"
        raise ValueError(message)
    order = world.need("order", invoice["order_id"])
    customer_id = str(invoice["primary_recipient"]["customer_id"])
    money = {**due, "amount": amount or due["amount"]}
    verdict = world.verdict(customer_id, card)
    if verdict:
        return pay(world, order, money, card, customer_id=customer_id, verdict=verdict)
    return _take(world, invoice, order, money, card, on_file=False)
