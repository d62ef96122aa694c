"""Usage: which metered item a report is of, decided once, so that repeating it falls on the same one."""

from collections.abc import Mapping, Sequence
from typing import Generic

import attrs

from ..arguments import check_argument
from ..errors import InvalidRequest
from ..models import SubscriptionItem
from ..provider import BaseProvider
from .commands import RecordUsage
from .customers import Customers
from .operation_log import OperationLog
from .primary import rank
from .records import BillingSubscription
from .repository import Tx
from .subscriptions import no_subscription

__all__ = ["Usage"]


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

    async def record(self, org_id: str, wanted: RecordUsage, key: str, *, plan_id: str | None) -> bool:
        """Report it, once, however often this is called with the same key.

        Args:
            org_id: who used it.
            wanted: what is to be reported, without the item.
            key: the idempotency key.
            plan_id: which plan's, if several are metered.
        """
        for name, value in {**wanted.arguments(), "idempotency_key": key}.items():
            if name != "subscription_item_id" and (value is not None or name == "idempotency_key"):
                check_argument(wanted.operation, name, value)
        stored = await self._customers.subscriptions(org_id)
        if not stored:
            raise no_subscription("record_usage")
        begun = await self._log.begun(self._providers, key, org_id, wanted)
        if begun is not None:
            return await self._log.repeat(self._providers[begun.row.provider], begun)
        provider, item = _metered_item(await self._items(stored), plan_id)
        return await self._log.run(provider, attrs.evolve(wanted, subscription_item_id=item.id), org_id, key)

    async def _items(self, stored: Sequence[BillingSubscription]) -> list[tuple[BaseProvider, SubscriptionItem]]:
        """The items of the current subscriptions; of the last one, if all have ended: its last usage may come late."""
        current = [each for each in stored if not each.status.is_terminal]
        items: list[tuple[BaseProvider, SubscriptionItem]] = []
        for each in current or [max(stored, key=rank)]:
            provider = self._providers[each.provider]
            subscription = await provider.get_subscription(each.external_subscription_id)
            items += [(provider, item) for item in (subscription.items if subscription else ())]
        return items


def _metered_item(
    items: Sequence[tuple[BaseProvider, SubscriptionItem]], plan_id: str | None
) -> tuple[BaseProvider, SubscriptionItem]:
    metered = [(provider, item) for provider, item in items if item.metered and plan_id in {None, item.plan_id}]
    if len(metered) == 1:
        return metered[0]
    message = (
        "the organisation has several metered items: plan_id= has to choose one"
        if metered
        else "the organisation has no metered item (of this plan): usage needs a metered plan"
    )
    raise InvalidRequest(message, param="plan_id", operation="record_usage")
