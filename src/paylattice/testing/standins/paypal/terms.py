"""Prices, lengths, fees and taxes as they are sent: of a plan, or of one subscription in its place."""

import re
from collections.abc import Mapping
from typing import Any

from ..shapes import Shape
from .refusals import invalid, unprocessable
from .routes import is_whole
from .world import JSON, amount_of, money

__all__ = ["MONEY", "PREFERENCES", "PRICING", "preferences_from", "scheme_from", "taxes_from", "total_cycles_from"]

MONEY: Shape = {"currency_code!": str, "value!": str}
PRICING: Shape = {
    "fixed_price": MONEY,
    "pricing_model": str,
    "tiers": [{"starting_quantity!": str, "ending_quantity": str, "amount!": MONEY}],
}
PREFERENCES: Shape = {
    "auto_bill_outstanding": bool,
    "setup_fee": MONEY,
    "setup_fee_failure_action": str,
    "payment_failure_threshold": int,
}
_MOST_CYCLES, _MOST_FAILURES = 999, 999
_PERCENTAGE = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,5})?")


def scheme_from(sent: Mapping[str, Any], where: str) -> JSON:
    """A price.

    Raises:
        Refusal: it is none.
    """
    if "tiers" in sent:
        return _tiered(sent, where)
    price = sent.get("fixed_price")
    if price is None:
        raise invalid("MISSING_REQUIRED_PARAMETER", "A price is missing.", f"{where}/fixed_price")
    return {"version": 1, "fixed_price": money(*amount_of(price, f"{where}/fixed_price", zero=True))}


def _tiered(sent: Mapping[str, Any], where: str) -> JSON:
    if sent.get("pricing_model") not in {"VOLUME", "TIERED"}:
        raise unprocessable("INVALID_PRICING_MODEL", "VOLUME or TIERED.", f"{where}/pricing_model")
    if "fixed_price" in sent:
        raise unprocessable("FIXED_PRICE_NOT_SUPPORTED", "Tiers have no fixed price.", f"{where}/fixed_price")
    tiers: list[JSON] = []
    follows = 1
    for number, tier in enumerate(sent["tiers"]):
        at = f"{where}/tiers/{number}"
        first, last = tier["starting_quantity"], tier.get("ending_quantity")
        if not is_whole(first) or not is_whole(last or "0"):
            raise invalid("INVALID_PARAMETER_SYNTAX", "A quantity is a whole number.", at)
        if int(first) != follows:
            raise unprocessable("MISSING_PRICING_SCHEME_TIERS", "A quantity has no tier, or two.", at)
        if last is not None and int(last) < int(first):
            raise unprocessable("INVALID_PRICING_TIER_QUANTITY", "A tier ends after it starts.", at)
        follows = 0 if last is None else int(last) + 1
        tiers.append({**tier, "amount": money(*amount_of(tier["amount"], f"{at}/amount"))})
    if not tiers:
        raise invalid("MISSING_REQUIRED_PARAMETER", "A tier is missing.", f"{where}/tiers")
    return {"version": 1, "pricing_model": sent["pricing_model"], "tiers": tiers}


def total_cycles_from(sent: int, where: str, *, trial: bool) -> int:
    """How often a cycle comes; 0: for ever.

    Raises:
        Refusal: it is too small or too large.
    """
    if not int(trial) <= sent <= _MOST_CYCLES:
        message = "From 1 to 999; 0 is for ever, and for the regular cycle only."
        raise invalid("INVALID_PARAMETER_VALUE", message, f"{where}/total_cycles")
    return sent


def preferences_from(sent: Mapping[str, Any], where: str) -> JSON:
    """What happens when payments fail, and what the start costs, if it was sent.

    Raises:
        Refusal: a value cannot be one.
    """
    made: JSON = dict(sent)
    if not 0 <= made.get("payment_failure_threshold", 0) <= _MOST_FAILURES:
        raise invalid("INVALID_PARAMETER_VALUE", "From 0 to 999.", f"{where}/payment_failure_threshold")
    if made.get("setup_fee_failure_action", "CANCEL") not in {"CANCEL", "CONTINUE"}:
        raise invalid("INVALID_PARAMETER_VALUE", "CANCEL or CONTINUE.", f"{where}/setup_fee_failure_action")
    if "setup_fee" in made:
        made["setup_fee"] = money(*amount_of(made["setup_fee"], f"{where}/setup_fee", zero=True))
    return made


def taxes_from(sent: Mapping[str, Any], where: str) -> JSON:
    """Taxes; they are in the price unless told otherwise.

    Raises:
        Refusal: the percentage is none.
    """
    if not _PERCENTAGE.fullmatch(sent.get("percentage", "0")):
        raise invalid("INVALID_PARAMETER_SYNTAX", "The percentage is none.", f"{where}/percentage")
    return {"inclusive": True, **sent}
