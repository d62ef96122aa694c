"""Reading plans: one, all of them, and what does not change about a variation."""

from collections import OrderedDict
from collections.abc import Sequence

from ...errors import InvalidRequest
from ...jsonlike import JsonObject, child, children, flag, text
from ...models import Plan
from ...transport.primitives import mutex
from . import catalog
from .api import SquareAPI, get_page, path_of
from .config import MAIN
from .items import Items
from .wire import object_in

__all__ = ["Plans"]

_SIZE = 1024


class Plans:
    """Reads the catalogue.

    Args:
        api: where.
    """

    def __init__(self, api: SquareAPI) -> None:
        self._api = api
        self.items: Items = Items(api)
        """What item-based plans sell."""
        self._known: OrderedDict[str, catalog.Variation] = OrderedDict()
        self._mutex = mutex()

    async def find(self, plan_id: str) -> Plan | None:
        """The plan variation; None if there is none."""
        found = await self._object(plan_id)
        if found is None or text(found, "type") != catalog.VARIATION or flag(found, "is_deleted"):
            return None
        return (await self._plans_from([found]))[0]

    async def _plans_from(self, found: Sequence[JsonObject]) -> list[Plan]:
        """The plans that the variations are, at the location that sells; item-based ones with the price of their item."""
        here = await self._here()
        items = await self.items.sold_by([catalog.variation_from(data) for data in found], here)
        prices = [None if (item := items.get(text(data, "id") or "")) is None else item.price for data in found]
        return [catalog.plan_from(data, here, price) for data, price in zip(found, prices, strict=True)]

    async def _here(self) -> str | None:
        """The id of the location that sells: Square's word ``main`` stands for one, and is in no list of locations."""
        configured = self._api.config.location_id
        return (await self._api.location()).id if configured == MAIN else configured

    async def all(self) -> list[Plan]:
        """All plan variations that can be subscribed to at the location, each once."""
        params = {"types": f"{catalog.PLAN},{catalog.VARIATION}"}
        found = await self._api.listed(lambda cursor: get_page("/v2/catalog/list", params, cursor), "objects")
        inner = [
            variation
            for plan in found
            for variation in children(child(plan, "subscription_plan_data"), "subscription_plan_variations")
            if text(plan, "type") == catalog.PLAN
        ]
        by_id = {text(data, "id"): data for data in (*inner, *found) if text(data, "type") == catalog.VARIATION}
        return [plan for plan in await self._plans_from(list(by_id.values())) if plan.active]

    async def to_subscribe_to(self, plan_id: str) -> catalog.Variation:
        """The variation, as it is now.

        Raises:
            InvalidRequest: there is none, or it is something else; a plan names its variations.
        """
        found = await self._object(plan_id)
        if found is None:
            message = "Square has no such plan variation, in this account and environment (sandbox or production)"
            raise InvalidRequest(message, param="plan_id")
        if text(found, "type") != catalog.VARIATION:
            raise InvalidRequest(catalog.not_a_variation(found), param="plan_id")
        return self._remember(catalog.variation_from(found))

    async def variation(self, plan_id: str) -> catalog.Variation | None:
        """What does not change about a variation; asked for once. None if there is none."""
        with self._mutex:
            known = self._known.get(plan_id)
        if known is not None:
            return known
        found = await self._object(plan_id)
        if found is None or text(found, "type") != catalog.VARIATION:
            return None
        return self._remember(catalog.variation_from(found))

    def _remember(self, variation: catalog.Variation) -> catalog.Variation:
        with self._mutex:
            self._known[variation.id] = variation
            self._known.move_to_end(variation.id)
            while len(self._known) > _SIZE:
                self._known.popitem(last=False)
        return variation

    async def _object(self, object_id: str) -> JsonObject | None:
        path = path_of("v2", "catalog", "object", object_id)
        return await self._api.find(path, _catalogue_object)


def _catalogue_object(answer: JsonObject) -> JsonObject:
    data = object_in(answer, "object")
    if text(data, "type") == catalog.VARIATION:
        catalog.variation_from(data)
    return data
