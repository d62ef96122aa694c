"""Records without what is personal: operations and subscriptions of an organisation that is forgotten."""

from collections.abc import Iterable, Mapping

import attrs

from ..models import NOTHING
from .records import BillingCustomer, BillingOperation, BillingSubscription, OperationState, UnmatchedEvent
from .records.events import UNMATCHED_BY_CUSTOMER, UNMATCHED_BY_SUBSCRIPTION
from .repository import Tx
from .rows import Rows

__all__ = ["StrippingStore"]


class StrippingStore(Rows[Tx]):
    """Takes what is personal out of records. :class:`~.store.Store` has the other methods."""

    async def strip_operation(self, operation: BillingOperation, arguments: Mapping[str, object]) -> None:
        """Write other arguments over those of an operation, unless it is open: then they are needed still."""
        key = {"provider": operation.provider, "key": operation.key}

        async def strip(own: Tx) -> None:
            stored = await self.repository.get(BillingOperation, key, lock=True, tx=own)
            if stored is not None and stored.state is not OperationState.OPEN and stored.arguments != arguments:
                await self.repository.update(attrs.evolve(stored, arguments=arguments), tx=own)

        await self.transact(strip)

    async def list_waiting_for(
        self, customer: BillingCustomer, subscription_ids: Iterable[str]
    ) -> list[UnmatchedEvent]:
        """List the events that wait for a customer, or for one of their subscriptions."""
        whose: dict[str, object] = {"provider": customer.provider}
        about = {**whose, "external_customer_id": customer.external_customer_id}
        found = await self._all(UnmatchedEvent, UNMATCHED_BY_CUSTOMER, about, None)
        for each in subscription_ids:
            about = {**whose, "external_subscription_id": each}
            found += await self._all(UnmatchedEvent, UNMATCHED_BY_SUBSCRIPTION, about, None)
        return list({each.external_event_id: each for each in found}.values())

    async def strip_subscription(self, provider: str, external_subscription_id: str) -> None:
        """Take the metadata out of a subscription."""
        key = {"provider": provider, "external_subscription_id": external_subscription_id}

        async def strip(own: Tx) -> None:
            stored = await self.repository.get(BillingSubscription, key, lock=True, tx=own)
            if stored is not None and stored.metadata:
                await self.repository.update(attrs.evolve(stored, metadata=NOTHING), tx=own)

        await self.transact(strip)
