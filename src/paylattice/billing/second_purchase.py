"""What keeps an organisation from beginning another subscription: it has one, or one is under way without a page."""

from collections.abc import Collection
from typing import Generic

from ..errors import Conflict
from ..models import SubscriptionStatus
from .commands import CreateSubscription
from .operation_log import OperationLog
from .records import BillingSubscription
from .replaced_customers import ReplacedCustomers
from .repository import Tx
from .store import Store

__all__ = ["SecondPurchase"]


class SecondPurchase(Generic[Tx]):
    """Refuses a second subscription that nobody has allowed.

    Args:
        store: where the subscriptions are.
        providers: the names of the service's.
        log: knows what was begun.
        replaced: knows which customers are gone at their provider.
    """

    def __init__(
        self,
        store: Store[Tx],
        providers: Collection[str],
        log: OperationLog[Tx],
        replaced: ReplacedCustomers[Tx],
    ) -> None:
        self._store = store
        self._providers = providers
        self._log = log
        self._replaced = replaced

    async def refuse(self, org_id: str, operation: str, key: str | None = None) -> None:
        """Refuse it, if it would be one.

        Args:
            org_id: whose.
            operation: for the error.
            key: the purchase's own key: what was begun under it is no other one.

        Raises:
            Conflict: the organisation has a subscription, or may have begun one without a page.
        """
        current = await self._current(org_id)
        if current is not None:
            message = (
                f"the organisation has a subscription that is {current.status} at {current.provider!r}: change it with "
                "change_plan(), cancel it, or pass allow_second=True to let it pay for two"
            )
            raise Conflict(message, provider=current.provider, operation=operation)
        begun = await self._log.open_of(org_id, self._providers, CreateSubscription.kind)
        other = next((each for each in begun if each.key != key), None)
        if other is not None:
            message = (
                f"the organisation has begun a subscription at {other.provider!r}, and its outcome is not known: repeat that "
                "subscribe() with its own key, let recover_open() find out, or pass allow_second=True to let it pay for two"
            )
            raise Conflict(message, provider=other.provider, operation=operation)

    async def _current(self, org_id: str) -> BillingSubscription | None:
        """One that is current, or becomes so once its payer agrees; not one that is gone together with its customer."""
        for each in await self._store.list_subscriptions_of(org_id):
            if each.provider not in self._providers:  # not any more: nobody can ask there
                is_one = each.status.is_current
            else:
                is_one = each.status.is_current or await self._waits(each)
                is_one = is_one and not await self._replaced.is_gone(each)
            if is_one:
                return each
        return None

    async def _waits(self, stored: BillingSubscription) -> bool:
        """Whether it was begun without a page, and waits for its payer. A page is closed by what replaces it."""
        if stored.status is not SubscriptionStatus.INCOMPLETE:
            return False
        return await self._log.has_made(stored.provider, stored.external_subscription_id, CreateSubscription.kind)
