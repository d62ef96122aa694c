"""What is agreed with one payer in place of the plan: prices, lengths, fees and taxes of a subscription of its own."""

import copy
from collections.abc import Mapping
from typing import Any

from ..shapes import Shape
from .refusals import unprocessable
from .terms import PREFERENCES, PRICING, preferences_from, scheme_from, taxes_from, total_cycles_from
from .world import JSON

__all__ = ["OVERRIDE", "terms_with"]

OVERRIDE: Shape = {
    "billing_cycles": [{"pricing_scheme": PRICING, "sequence!": int, "total_cycles": int}],
    "payment_preferences": PREFERENCES,
    "taxes": {"percentage": str, "inclusive": bool},
}
_TERMS = ("billing_cycles", "payment_preferences", "taxes")


def terms_with(plan: JSON, sent: Mapping[str, Any]) -> JSON:
    """The plan's terms, but for what was sent.

    Raises:
        Refusal: the plan has no such cycle, or one of another kind.
    """
    terms: JSON = {name: copy.deepcopy(plan[name]) for name in _TERMS if name in plan}
    cycles = {cycle["sequence"]: cycle for cycle in terms["billing_cycles"]}
    for number, change in enumerate(sent.get("billing_cycles", [])):
        where = f"/plan/billing_cycles/{number}"
        cycle = cycles.get(change["sequence"])
        if cycle is None:
            message = "The provided billing cycle sequence is not available."
            raise unprocessable("INVALID_BILLING_CYCLE_SEQUENCE", message, f"{where}/sequence")
        if "total_cycles" in change:
            trial = cycle["tenure_type"] == "TRIAL"
            cycle["total_cycles"] = total_cycles_from(change["total_cycles"], where, trial=trial)
        if "pricing_scheme" in change:
            scheme = scheme_from(change["pricing_scheme"], f"{where}/pricing_scheme")
            if "pricing_scheme" in cycle and ("tiers" in scheme) != ("tiers" in cycle["pricing_scheme"]):
                message = "The pricing scheme should be of the same type as the plan's."
                raise unprocessable("INVALID_PRICING_SCHEME", message, f"{where}/pricing_scheme")
            cycle["pricing_scheme"] = scheme
    preferences = preferences_from(sent.get("payment_preferences", {}), "/plan/payment_preferences")
    terms["payment_preferences"] |= preferences
    if "taxes" in sent:
        terms["taxes"] = {"percentage": "0", **terms.get("taxes", {}), **taxes_from(sent["taxes"], "/plan/taxes")}
    return terms
