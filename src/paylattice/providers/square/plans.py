"""Reading plans: one, all of them, and what does not change about a variation."""

from collections import OrderedDict

from ...errors import InvalidRequest
from ...jsonlike import JsonObject, child, children, flag, text
from ...models import Plan
from ...transport.primitives import mutex
from . import catalog
from .api import SquareAPI, get_page, path_of
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
        self._known: OrderedDict[str, catalog.Variation] = OrderedDict()
        self._mutex = mutex()

    async def find(self, plan_id: str) -> Plan | None:
        """The plan variation; None if there is none."""
        found = await self._object(plan_id)
        if found is None or text(found, "type") != catalog.VARIATION or flag(found, "is_deleted"):
            return None
        return catalog.plan_from(found, self._api.config.location_id)

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
        plans = [catalog.plan_from(data, self._api.config.location_id) for data in by_id.values()]
        return [plan for plan in plans if plan.active]

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
