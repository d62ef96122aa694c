"""Plans: one, and all that are active."""

from ...models import Plan
from . import wire
from .api import LISTED, REPRESENTATION, PayPalAPI, path_of

__all__ = ["Plans"]

_PLANS = "/v1/billing/plans"


class Plans:
    """The operations on plans.

    Args:
        api: how to ask PayPal.
    """

    def __init__(self, api: PayPalAPI) -> None:
        self._api = api

    async def find(self, plan_id: str) -> Plan | None:
        """Read the plan, ``P-...``; None if there is none."""
        plan = await self._api.get(f"{_PLANS}{path_of(plan_id)}", named=plan_id, form="P-[A-Z0-9]+")
        return wire.plan_from(plan) if plan is not None else None

    async def all(self) -> list[Plan]:
        """List the active plans."""
        found = self._api.pages(_PLANS, "plans", LISTED, headers=REPRESENTATION)
        plans = [wire.plan_from(data) async for data in found]
        return [plan for plan in plans if plan.active]
