"""Plans: the prices at Stripe."""

from ...models import Plan
from .api import StripeAPI, path_of
from .wire import plan_from

__all__ = ["Plans"]


class Plans:
    """Prices at Stripe.

    Args:
        api: where they are.
    """

    def __init__(self, api: StripeAPI) -> None:
        self._api = api

    async def find(self, plan_id: str) -> Plan | None:
        """The price with its product; None if there is none."""
        found = await self._api.find(path_of("prices", plan_id), {"expand": ["product"]})
        return None if found is None else plan_from(found)

    async def all(self) -> list[Plan]:
        """All active recurring prices of active products."""
        params = {"active": True, "type": "recurring", "expand": ["data.product"]}
        plans = [plan_from(data) for data in await self._api.listed("/v1/prices", params)]
        return [plan for plan in plans if plan.active]
