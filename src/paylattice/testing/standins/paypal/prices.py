"""What a period of a subscription costs, and when it ends: by the plan, or by what the subscription has in its place."""

from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import cast

from ..clock import add_months
from .world import JSON, World, places_of

__all__ = ["after", "currency_of", "cycle_of", "cycles_of", "period_price", "setup_fee", "terms_of"]

_DAYS = {"DAY": 1, "WEEK": 7}
_MONTHS = {"MONTH": 1, "YEAR": 12}


def terms_of(world: World, subscription: JSON) -> JSON:
    """Cycles, preferences and taxes: the plan's, but for what was agreed with this payer alone."""
    own: JSON | None = subscription.get("_terms")
    return world.need("plan", subscription["plan_id"]) if own is None else own


def cycles_of(world: World, subscription: JSON) -> list[JSON]:
    """The cycles in their order."""
    return cast("list[JSON]", terms_of(world, subscription)["billing_cycles"])


def cycle_of(world: World, subscription: JSON) -> JSON:
    """The cycle that the current period is in."""
    number: int = subscription["_cycle"]
    return cycles_of(world, subscription)[number]


def after(start: datetime, frequency: JSON, times: int) -> datetime:
    """The end of so many periods."""
    unit, many = frequency["interval_unit"], frequency["interval_count"] * times
    if unit in _DAYS:
        return start + timedelta(days=_DAYS[unit] * many)
    return add_months(start, _MONTHS[unit] * many)


def currency_of(world: World, subscription: JSON) -> str:
    """The one currency of the plan: it is in the regular cycle, which is the last one."""
    scheme = cycles_of(world, subscription)[-1]["pricing_scheme"]
    amount = scheme["fixed_price"] if "fixed_price" in scheme else scheme["tiers"][0]["amount"]
    return str(amount["currency_code"])


def period_price(world: World, subscription: JSON, cycle: JSON) -> Decimal:
    """What a period of the cycle costs, with shipping and taxes."""
    price = _units(cycle.get("pricing_scheme", {}), int(subscription["quantity"]))
    if not price:
        return Decimal(0)
    if "shipping_amount" in subscription:
        price += Decimal(subscription["shipping_amount"]["value"])
    taxes = terms_of(world, subscription).get("taxes", {"inclusive": True})
    if not taxes["inclusive"]:
        price += price * Decimal(taxes["percentage"]) / 100
    return price.quantize(Decimal(1).scaleb(-places_of(currency_of(world, subscription))), ROUND_HALF_UP)


def _units(scheme: JSON, quantity: int) -> Decimal:
    if "tiers" not in scheme:
        return Decimal(scheme.get("fixed_price", {"value": "0"})["value"]) * quantity
    total = Decimal(0)
    for tier in scheme["tiers"]:
        first, last = int(tier["starting_quantity"]), int(tier.get("ending_quantity", quantity))
        amount = Decimal(tier["amount"]["value"])
        if scheme["pricing_model"] == "VOLUME" and first <= quantity <= last:
            return amount * quantity
        if scheme["pricing_model"] == "TIERED":
            total += amount * max(min(last, quantity) - first + 1, 0)
    return total


def setup_fee(world: World, subscription: JSON) -> Decimal:
    """What is charged once, when the payer agrees."""
    fee = terms_of(world, subscription)["payment_preferences"].get("setup_fee", {"value": "0"})
    return Decimal(fee["value"])
