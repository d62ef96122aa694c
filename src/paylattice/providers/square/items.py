"""Item-based plans, which Square's Dashboard makes: a variation with RELATIVE phases costs what an item of the catalogue costs.

Such a subscription is made with an order template for each of these phases, an order in state DRAFT with the item in it:
https://developer.squareup.com/docs/subscriptions-api/manage-subscriptions#phases-and-order-templates. The plan says which items
can be sold; one that leaves no choice is sold here.
"""

from collections.abc import Iterable, Mapping, Sequence

import attrs

from ...errors import InvalidRequest
from ...idempotency import sub_key
from ...jsonlike import JsonObject, child, children, flag, identity, text
from ...money import Money
from .amounts import optional_money_from
from .api import SquareAPI, part, search
from .catalog import PLAN, Variation, ids_in

__all__ = ["Item", "Items", "item_from"]

_AT_ONCE = 1000
_FIXED = "FIXED_PRICING"


@attrs.frozen
class Item:
    """What an item-based plan sells.

    Args:
        id: of the variation of the item, which an order takes.
        price: of one, at the location.
    """

    id: str
    price: Money


def item_from(data: JsonObject, location_id: str | None) -> Item | None:
    """The item, if it leaves no choice: it has one variation, and that one a fixed price. None otherwise.

    Args:
        data: the item.
        location_id: where it is to be sold: a location can have a price of its own.
    """
    variations = [each for each in children(child(data, "item_data"), "variations") if not flag(each, "is_deleted")]
    if flag(data, "is_deleted") or len(variations) != 1:
        return None
    about = child(variations[0], "item_variation_data")
    own = [each for each in children(about, "location_overrides") if text(each, "location_id") == location_id]
    is_fixed = {text(each, "pricing_type") or _FIXED for each in (*own, about)} == {_FIXED}
    prices = [price for each in (*own, about) if (price := optional_money_from(each, "price_money")) is not None]
    return Item(identity(variations[0], "id", "item variation"), prices[0]) if is_fixed and prices else None


class Items:
    """Finds what item-based plans sell, and makes order templates of it.

    Args:
        api: where.
    """

    def __init__(self, api: SquareAPI) -> None:
        self._api = api

    async def sold_by(self, variations: Sequence[Variation], location_id: str | None) -> Mapping[str, Item]:
        """What the item-based ones of the plan variations sell, by their ids; without those that leave a choice.

        It takes two requests, and none if no variation is item-based.
        """
        plans = {each.id: each.plan_id for each in variations if each.is_relative and each.plan_id is not None}
        found = await self._read(plans.values())
        only = {plan_id: item_id for plan_id, plan in found.items() if (item_id := _only_item(plan)) is not None}
        items = {
            item_id: item
            for item_id, data in (await self._read(only.values())).items()
            if (item := item_from(data, location_id)) is not None
        }
        return {
            variation_id: items[only[plan_id]] for variation_id, plan_id in plans.items() if only.get(plan_id) in items
        }

    async def phases_of(
        self, variation: Variation, customer_id: str | None, location_id: str, key: str | None
    ) -> Mapping[str, object]:
        """What a request for a subscription to the variation holds besides: its phases, each with a new order template.

        Nothing, if the variation has fixed prices.

        Raises:
            InvalidRequest: which item is sold, or for how much, does not follow from the plan.
        """
        if not variation.is_relative:
            return {}
        item = (await self.sold_by((variation,), location_id)).get(variation.id)
        if item is None:
            message = (
                "the plan variation is item-based (RELATIVE), and which item it sells does not follow from its plan: let the "
                "plan have one eligible item, with one variation and a fixed price; or subscribe with Square's own API"
            )
            raise InvalidRequest(message, param="plan_id")
        phases: list[Mapping[str, object]] = []
        for phase in variation.phases:
            if phase.relative:
                step = None if key is None else sub_key(key, f"template {phase.ordinal}")
                template = await self._template(item, customer_id, location_id, step)
                phases.append({"ordinal": phase.ordinal, "order_template_id": template})
        return {"phases": phases}

    async def _template(self, item: Item, customer_id: str | None, location_id: str, key: str | None) -> str:
        order: dict[str, object] = {
            "location_id": location_id,
            "state": "DRAFT",
            "line_items": [{"quantity": "1", "catalog_object_id": item.id}],
            **({} if customer_id is None else {"customer_id": customer_id}),
        }
        return await self._api.create(
            "/v2/orders", {"order": order}, key, part("order", lambda data: identity(data, "id", "order"))
        )

    async def _read(self, ids: Iterable[str]) -> Mapping[str, JsonObject]:
        wanted = list(dict.fromkeys(ids))
        found: dict[str, JsonObject] = {}
        for begin in range(0, len(wanted), _AT_ONCE):
            body = {"object_ids": wanted[begin : begin + _AT_ONCE]}
            answer = await self._api.page(search("/v2/catalog/batch-retrieve", body), "objects")
            found |= {name: data for data in children(answer, "objects") if (name := text(data, "id"))}
        return found


def _only_item(plan: JsonObject) -> str | None:
    """The only item that a plan sells; None if it leaves a choice."""
    data = child(plan, "subscription_plan_data")
    if text(plan, "type") != PLAN or flag(data, "all_items") or data.get("eligible_category_ids"):
        return None
    ids = [one for one in ids_in(data, "eligible_item_ids") if isinstance(one, str)]
    return ids[0] if len(ids) == 1 else None
