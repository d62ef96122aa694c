"""Plans: the catalogue's SUBSCRIPTION_PLAN_VARIATION objects, with their phases.

https://developer.squareup.com/reference/square/objects/CatalogSubscriptionPlanVariation. The plan above a variation only
groups variations; what is subscribed to, here and at Square, is the variation.
"""

from itertools import takewhile
from typing import cast

import attrs

from ...errors import InvalidRequest
from ...jsonlike import JsonObject, child, children, flag, identity, integer, text
from ...models import Plan
from ...money import Money
from .amounts import optional_money_from
from .periods import CADENCES, Phase, days_of

__all__ = ["PLAN", "VARIATION", "Variation", "ids_in", "plan_from", "price_of_link", "variation_from"]

VARIATION = "SUBSCRIPTION_PLAN_VARIATION"
PLAN = "SUBSCRIPTION_PLAN"

_SIMPLE = ((False,), (True, False))
"""Which phases, free or paid, a payment link takes: https://developer.squareup.com/docs/checkout-api/subscription-plan-checkout."""


@attrs.frozen
class Variation:
    """What matters of a plan variation. Its phases never change."""

    id: str
    name: str | None
    plan_id: str | None
    phases: tuple[Phase, ...]
    anchor: int | None
    deleted: bool
    data: JsonObject = attrs.field(repr=False, eq=False)

    @property
    def paid(self) -> Phase | None:
        """The first phase that costs money."""
        return next((phase for phase in self.phases if not phase.is_free), None)

    @property
    def is_relative(self) -> bool:
        """Whether what it costs is made from an order: it is sold with an item."""
        return any(phase.relative for phase in self.phases)

    def is_sold_at(self, location_id: str | None) -> bool:
        """Whether it can be subscribed to at the location."""
        if self.deleted:
            return False
        here: object = location_id
        if here is not None and here in ids_in(self.data, "absent_at_location_ids"):
            return False
        everywhere = self.data.get("present_at_all_locations") is not False
        return everywhere or here is None or here in ids_in(self.data, "present_at_location_ids")


def ids_in(data: JsonObject, key: str) -> list[object]:
    """The ids in a list; an empty one where there is none."""
    value = data.get(key)
    return cast("list[object]", value) if isinstance(value, list) else []


def variation_from(data: JsonObject) -> Variation:
    """The variation that a catalogue object is."""
    about = child(data, "subscription_plan_variation_data")
    phases = sorted(
        enumerate(children(about, "phases")),
        key=lambda pair: (pair[0] if (ordinal := integer(pair[1], "ordinal")) is None else ordinal, pair[0]),
    )
    anchor = integer(about, "monthly_billing_anchor_date")
    return Variation(
        id=identity(data, "id", "plan variation"),
        name=text(about, "name"),
        plan_id=text(about, "subscription_plan_id"),
        phases=tuple(_phase_from(phase, number) for number, phase in phases),
        anchor=anchor,
        deleted=flag(data, "is_deleted"),
        data=data,
    )


def _phase_from(data: JsonObject, number: int) -> Phase:
    pricing, ordinal = child(data, "pricing"), integer(data, "ordinal")
    price = optional_money_from(pricing, "price_money") or optional_money_from(pricing, "price")
    return Phase(
        cadence=text(data, "cadence"),
        periods=integer(data, "periods"),
        price=price or optional_money_from(data, "recurring_price_money"),
        relative=text(pricing, "type") == "RELATIVE",
        discounted=bool(pricing.get("discount_ids")),
        ordinal=number if ordinal is None else ordinal,
    )


def plan_from(data: JsonObject, location_id: str | None = None, item_price: Money | None = None) -> Plan:
    """A plan variation: amount and interval are those of its first paid phase; a free phase before it is its trial.

    Args:
        data: the variation.
        location_id: where it is to be sold.
        item_price: what the item costs that an item-based one sells; None: it is not item-based, or that is not known.
    """
    variation = variation_from(data)
    paid = variation.paid
    interval, count = CADENCES.get(paid.cadence or "", (None, 1)) if paid else (None, 1)
    free = tuple(takewhile(lambda phase: phase.is_free, variation.phases)) if paid else ()
    return Plan(
        id=variation.id,
        name=variation.name,
        amount=_price(paid, item_price) if paid else None,
        interval=interval,
        interval_count=count,
        trial_days=days_of(free) or None,
        active=variation.is_sold_at(location_id),
        product_id=variation.plan_id,
        provider="square",
        raw=data,
    )


def _price(paid: Phase, item_price: Money | None) -> Money | None:
    if not paid.relative:
        return paid.price
    return None if paid.discounted else item_price


def price_of_link(variation: Variation) -> Money:
    """What a payment link has to charge: the link's own price would override the plan's, so it must be the same.

    Raises:
        InvalidRequest: the variation cannot be subscribed to by a payment link.
    """
    why: str | None = None
    paid = variation.paid
    if variation.deleted:
        why = "it is deleted"
    elif variation.is_relative:
        why = (
            "it is item-based (RELATIVE), and Square's links sell no items by subscription. Subscribe with create_subscription "
            'and a card on file, or sell on invoices\' pages: SquareConfig(checkout="invoice")'
        )
    elif tuple(phase.is_free for phase in variation.phases) not in _SIMPLE:
        why = "links take plans with one paid phase, or with a free and a paid one"
    if why is None and paid is not None and paid.price is not None:
        return paid.price
    message = f"Square cannot open a payment link for this plan variation: {why or 'it has no price'}"
    raise InvalidRequest(message, param="plan_id")


def not_a_variation(found: JsonObject, related: tuple[JsonObject, ...] = ()) -> str:
    """Why a catalogue object cannot be subscribed to, and what can."""
    kind = text(found, "type") or "something else"
    if kind != PLAN:
        return f"plan_id must be a plan variation ({VARIATION}) of Square's catalogue; this is {kind}"
    inner = children(child(found, "subscription_plan_data"), "subscription_plan_variations")
    named = [text(one, "id") for one in (*inner, *related) if text(one, "type") == VARIATION]
    known = ", ".join(sorted({one for one in named if one}))
    return f"plan_id is a plan, and only its variations can be subscribed to{f': {known}' if known else ''}"
