"""Usage: which metered item a report is of, decided once, so that repeating it falls on the same one."""

from collections.abc import Mapping, Sequence
from typing import Generic, NamedTuple

import attrs

from ..arguments import check_argument
from ..errors import Conflict, InvalidRequest
from ..models import SubscriptionItem
from ..provider import BaseProvider
from .choosing import named, no_subscription, with_id
from .commands import RecordUsage
from .customers import Customers
from .operation_log import OperationLog
from .records import BillingSubscription
from .repository import Tx

__all__ = ["Usage"]


class _Item(NamedTuple):
    """A line of a subscription."""

    subscription: BillingSubscription
    item: SubscriptionItem


class Usage(Generic[Tx]):
    """Reports usage.

    Args:
        providers: by name.
        log: sends.
        customers: whose subscriptions there are.
    """

    def __init__(self, providers: Mapping[str, BaseProvider], log: OperationLog[Tx], customers: Customers[Tx]) -> None:
        self._providers = providers
        self._log = log
        self._customers = customers

    async def record(self, org_id: str, wanted: RecordUsage, key: str) -> bool:
        """Report it, once, however often this is called with the same key.

        Args:
            org_id: who used it.
            wanted: what is to be reported, without the item.
            key: the idempotency key.

        Raises:
            NotFound: the organisation has no subscription, or none of this id.
            Conflict: several of its subscriptions are metered.
            InvalidRequest: none is, or several items of one.
        """
        for name, value in {**wanted.arguments(), "idempotency_key": key}.items():
            if name != "subscription_item_id" and (value is not None or name == "idempotency_key"):
                check_argument(wanted.operation, name, value)
        stored = await self._customers.subscriptions(org_id)
        if wanted.asked_subscription_id is not None:
            stored = with_id(stored, wanted.asked_subscription_id)
        if not stored:
            raise no_subscription("record_usage")
        begun = await self._customers.begun(org_id, wanted, key)
        if begun is not None:
            return await self._log.repeat(self._providers[begun.row.provider], begun)
        found = _metered_item(await self._items(stored), wanted.asked_plan_id)
        provider = self._providers[found.subscription.provider]
        return await self._log.run(provider, attrs.evolve(wanted, subscription_item_id=found.item.id), org_id, key)

    async def _items(self, stored: Sequence[BillingSubscription]) -> list[_Item]:
        """The items of the subscriptions that have not ended; of all, if all have: the last usage may come late."""
        current = [each for each in stored if not each.status.is_terminal]
        items: list[_Item] = []
        for each in current or stored:
            subscription = await self._providers[each.provider].get_subscription(each.external_subscription_id)
            items += [_Item(each, item) for item in (subscription.items if subscription else ())]
        return items


def _metered_item(items: Sequence[_Item], plan_id: str | None) -> _Item:
    metered = [each for each in items if each.item.metered and plan_id in {None, each.item.plan_id}]
    if len(metered) == 1:
        return metered[0]
    subscriptions = list(dict.fromkeys(each.subscription for each in metered))
    if len(subscriptions) > 1:
        message = (
            f"the organisation has {len(subscriptions)} metered subscriptions: {named(subscriptions)}. "
            "Pass subscription_id= to choose one, or plan_id="
        )
        raise Conflict(message, operation="record_usage")
    message = (
        "the subscription has several metered items: plan_id= has to choose one"
        if metered
        else "the organisation has no metered item (of this plan): usage needs a metered plan"
    )
    raise InvalidRequest(message, param="plan_id", operation="record_usage")
