"""What happens to a subscription, whatever the cause: it starts, is billed, changes, pauses, ends."""

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from .collection import subscription_of
from .invoices import Line, bill
from .periods import period_after, share
from .refusals import Refusal, invalid
from .usage import used
from .world import JSON, World

__all__ = [
    "Start",
    "add_item",
    "credit_and_charge",
    "end",
    "items_of",
    "move_to",
    "period_of",
    "renewal_lines",
    "start",
    "usage_lines",
]

ENDED = frozenset({"canceled", "incomplete_expired"})


@attrs.frozen
class Start:
    """How a subscription begins.

    Args:
        customer: the customer's id.
        items: prices and quantities.
        trial_end: when the trial ends; None: there is none.
        method: what is charged; None: the customer's default.
        metadata: of the subscription.
        billing_mode: ``flexible`` or ``classic``.
        payment_behavior: what a payment that fails means.
    """

    customer: str
    items: Sequence[tuple[JSON, int]]
    trial_end: int | None = None
    method: str | None = None
    metadata: Mapping[str, str] = attrs.field(factory=dict[str, str])
    billing_mode: str = "flexible"
    payment_behavior: str = "allow_incomplete"


def items_of(world: World, subscription: JSON) -> list[JSON]:
    """The subscription's items, oldest first."""
    return world.all("subscription_item", subscription=subscription["id"])


def period_of(world: World, subscription: JSON) -> tuple[int, int]:
    """The present period, which is the same for all items."""
    first = items_of(world, subscription)[0]
    return first["current_period_start"], first["current_period_end"]


def start(world: World, wanted: Start) -> tuple[JSON, JSON | None]:
    """Begin a subscription and bill its first period.

    Returns:
        The subscription, and the error of a declined payment.

    Raises:
        Refusal: the prices do not go together.
    """
    recurring = _recurring_of([price for price, _ in wanted.items])
    anchor = wanted.trial_end or world.now
    data: JSON = {
        "object": "subscription",
        "application": None,
        "billing_cycle_anchor": anchor,
        "billing_mode": {"flexible": None, "type": wanted.billing_mode},
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": "charge_automatically",
        "currency": wanted.items[0][0]["currency"],
        "customer": wanted.customer,
        "days_until_due": None,
        "default_payment_method": wanted.method,
        "default_source": None,
        "description": None,
        "discounts": [],
        "ended_at": None,
        "items": None,
        "latest_invoice": None,
        "metadata": dict(wanted.metadata),
        "pause_collection": None,
        "pending_setup_intent": None,
        "pending_update": None,
        "schedule": None,
        "start_date": world.now,
        "status": "trialing" if wanted.trial_end else "incomplete",
        "status_details": None,
        "test_clock": None,
        "trial_end": wanted.trial_end,
        "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
        "trial_start": world.now if wanted.trial_end else None,
    }
    subscription = world.add("sub", data)
    begin, finish = (world.now, wanted.trial_end) if wanted.trial_end else period_after(anchor, recurring, world.now)
    for price, quantity in wanted.items:
        add_item(world, subscription, price, quantity, (begin, finish))
    lines = _lines(world, subscription, (begin, finish), free=bool(wanted.trial_end))
    charge = wanted.payment_behavior != "default_incomplete"
    world.tell("customer.subscription.created", subscription)
    _, error = bill(world, subscription, lines, "subscription_create", charge=charge)
    return subscription, error


def add_item(world: World, subscription: JSON, price: JSON, quantity: int, period: tuple[int, int]) -> JSON:
    """A line of the subscription."""
    data: JSON = {
        "object": "subscription_item",
        "billing_thresholds": None,
        "current_period_end": period[1],
        "current_period_start": period[0],
        "discounts": [],
        "metadata": {},
        "price": price["id"],
        "quantity": quantity,
        "subscription": subscription["id"],
        "tax_rates": [],
    }
    return world.add("si", data)


def move_to(world: World, subscription: JSON, period: tuple[int, int]) -> None:
    """Set the period of all items."""
    for item in items_of(world, subscription):
        item["current_period_start"], item["current_period_end"] = period


def renewal_lines(world: World, subscription: JSON, before: tuple[int, int], period: tuple[int, int]) -> list[Line]:
    """What a new period costs in advance, and the usage of the one before."""
    return [*usage_lines(world, subscription, before), *_lines(world, subscription, period, metered=False)]


def usage_lines(world: World, subscription: JSON, period: tuple[int, int]) -> list[Line]:
    """The usage of a period."""
    usage: list[Line] = []
    for item in items_of(world, subscription):
        price = world.need("price", item["price"])
        if _is_metered(price):
            quantity = used(world, price, subscription["customer"], period)
            usage.append(Line(quantity * price["unit_amount"], price, quantity, item["id"], period))
    return usage


def credit_and_charge(
    world: World, subscription: JSON, old: Mapping[str, tuple[JSON, int]], *, charge: bool = True
) -> None:
    """Note what the rest of the period costs more, or less, than with the items as they were.

    Args:
        world: where it is.
        subscription: as it is now.
        old: price and quantity by item, as they were.
        charge: whether the present items cost something until the period's end; not if a new one begins now.
    """
    if subscription["status"] not in {"active", "past_due"}:
        return
    period = period_of(world, subscription)
    present = {
        item["id"]: (world.need("price", item["price"]), item["quantity"]) for item in items_of(world, subscription)
    }
    for item in {**old, **present}:
        before, after = old.get(item), present.get(item)
        if before == after:
            continue
        for sign, side in ((-1, before), (1, after)):
            if side is not None and not _is_metered(side[0]) and (charge or sign < 0):
                amount = share(side[0]["unit_amount"] * side[1], *period, world.now)
                _pending(world, subscription, item, side, sign * amount, period[1])


def end(world: World, subscription: JSON, status: str = "canceled", reason: str = "cancellation_requested") -> None:
    """The subscription is over; its unpaid invoices are collected no more."""
    for invoice in world.all("invoice", customer=subscription["customer"], status="open"):
        if subscription_of(world, invoice) is subscription:
            world.change(invoice, auto_advance=False, next_payment_attempt=None)
    canceled = status == "canceled"
    world.change(
        subscription,
        "customer.subscription.deleted" if canceled else "customer.subscription.updated",
        cancellation_details={**subscription["cancellation_details"], "reason": reason},
        canceled_at=subscription["canceled_at"] or world.now,
        ended_at=world.now,
        pause_collection=None,
        status=status,
        status_details=None,
    )


def _lines(
    world: World, subscription: JSON, period: tuple[int, int], *, free: bool = False, metered: bool = True
) -> list[Line]:
    found: list[Line] = []
    for item in items_of(world, subscription):
        price = world.need("price", item["price"])
        if _is_metered(price):
            if metered:
                found.append(Line(0, price, 0, item["id"], period))
            continue
        amount = 0 if free else price["unit_amount"] * item["quantity"]
        found.append(Line(amount, price, item["quantity"], item["id"], period))
    return found


def _pending(world: World, subscription: JSON, item: str, side: tuple[JSON, int], amount: int, until: int) -> None:
    price, quantity = side
    data: JSON = {
        "object": "invoiceitem",
        "amount": amount,
        "currency": subscription["currency"],
        "customer": subscription["customer"],
        "date": world.now,
        "description": "Unused time" if amount < 0 else "Remaining time",
        "discountable": False,
        "invoice": None,
        "metadata": {},
        "period": {"end": until, "start": world.now},
        "pricing": {
            "price_details": {"price": price["id"], "product": price["product"]},
            "type": "price_details",
            "unit_amount_decimal": price["unit_amount_decimal"],
        },
        "proration": True,
        "quantity": quantity,
        "_item": item,
        "_subscription": subscription["id"],
    }
    world.add("ii", data, "invoiceitem.created")


def _recurring_of(prices: Sequence[JSON]) -> Mapping[str, Any]:
    """How often the prices are billed, which must be the same for all.

    Raises:
        Refusal: it is not, or one is not recurring.
    """
    rhythms = {(price["currency"], _rhythm(price)) for price in prices}
    if len(rhythms) != 1:
        message = "All prices of a subscription must have the same currency and interval. (Stripe can do more.)"
        raise invalid(message, param="items")
    rhythm: Mapping[str, Any] = prices[0]["recurring"]
    return rhythm


def _rhythm(price: JSON) -> tuple[str, int]:
    recurring = price["recurring"]
    if recurring is None:
        raise not_recurring(price)
    return recurring["interval"], recurring["interval_count"]


def not_recurring(price: JSON) -> Refusal:
    """The refusal of a price that is paid only once."""
    message = (
        f"The price specified is set to `type=one_time` but this field only accepts recurring prices ({price['id']})."
    )
    return invalid(message, param="items[0][price]")


def _is_metered(price: JSON) -> bool:
    return bool(price["recurring"]["usage_type"] == "metered")
