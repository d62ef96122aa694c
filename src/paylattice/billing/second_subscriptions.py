"""The second subscription of an organisation that wanted one: which one that is, and how it is undone.

Which one is the second is told by what is stored before it can be paid: the order in which pages were opened, and which of them
another one has replaced. So every worker, and every order of deliveries, comes to the same.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Generic, Literal, TypeAlias

import attrs

from ..errors import PaymentError
from ..events import EventType, WebhookEvent
from ..idempotency import operation_key
from ..provider import BaseProvider
from .commands import UndoSubscription
from .entries import entry_of
from .operation_log import OperationLog
from .records import (
    BillingCheckout,
    BillingCustomer,
    BillingSubscription,
    CheckoutState,
    OperationState,
)
from .repository import Tx
from .store import Store

__all__ = ["OnSecond", "Second", "SecondSubscriptions"]

OnSecond: TypeAlias = Literal["report", "cancel_and_refund"]
"""What is done about a second subscription that a replaced page has brought."""

_log = logging.getLogger("paylattice")
_Pages = Mapping[tuple[str, str | None], BillingCheckout]


@attrs.frozen
class Second:
    """A second subscription.

    Args:
        customer: whose.
        subscription: which, as stored.
        event: what tells it.
    """

    customer: BillingCustomer
    subscription: BillingSubscription
    event: WebhookEvent


class SecondSubscriptions(Generic[Tx]):
    """Finds and undoes second subscriptions.

    Args:
        store: where the records are.
        providers: by name.
        log: does what was recorded.
        clock: the time, aware.
        undo: whether one that a replaced page has brought is canceled, and its money given back.
    """

    def __init__(
        self,
        store: Store[Tx],
        providers: Mapping[str, BaseProvider],
        log: OperationLog[Tx],
        clock: Callable[[], datetime],
        *,
        undo: bool,
    ) -> None:
        self._store = store
        self._providers = providers
        self._log = log
        self._clock = clock
        self.undoes = undo

    async def beside(
        self, customer: BillingCustomer | None, started: BillingSubscription | None, tx: Tx
    ) -> Second | None:
        """The second subscription of an organisation, where one has begun beside another; None: it has one.

        If it is to be undone, that is recorded with the transaction.

        Args:
            customer: whose the subscription is that has begun.
            started: that subscription.
            tx: the transaction that stores it.
        """
        if customer is None or started is None:
            return None
        customers = await self._customers(customer.org_id, tx)
        known = [each for one in customers for each in await self._store.list_subscriptions(one.id, tx=tx)]
        current = [each for each in known if each.status.is_current and not _is_same(each, started)]
        if not current:
            return None
        checkouts = await self._store.list_checkouts(customer.org_id, tx=tx)
        pages = {(each.provider, each.external_subscription_id): each for each in checkouts}
        first, *others = sorted([started, *current], key=lambda each: _rank(each, pages))
        second = others[0] if _is_same(first, started) else started  # the others were told when they began
        owner = next(each for each in customers if each.id == second.customer_id)
        if self.undoes and _is_of_a_replaced_page(second, first, pages):
            await self._record(owner, second, started.ticket, tx)
        return Second(owner, second, _event(owner, second, self._clock()))

    async def _customers(self, org_id: str, tx: Tx) -> Sequence[BillingCustomer]:
        customers: list[BillingCustomer] = []
        for name in sorted(self._providers):
            # Of two that begin at once, the later one waits at the first of these rows, and then sees the earlier one.
            found = await self._store.get_customer(org_id, name, lock=not customers, tx=tx)
            customers += [found] if found is not None else []
        return customers

    async def _record(self, owner: BillingCustomer, second: BillingSubscription, ticket: int, tx: Tx) -> None:
        command = UndoSubscription(
            subscription_id=second.external_subscription_id, customer_id=owner.external_customer_id
        )
        key = _key(second.provider, second.external_subscription_id)
        now, undone = self._clock(), second.external_subscription_id
        # the ticket was taken before the transaction, as no other may be in it
        row = command.row(second.provider, key, owner.org_id, now=now, ticket=ticket, external_id=undone)
        await self._store.insert(row, tx=tx)

    async def undo(self, provider: str, subscription_id: str | None) -> bool:
        """Undo a subscription, if that was recorded, and is not done yet. What fails is tried again by the scheduled job.

        Returns:
            Whether anything was sent.
        """
        if subscription_id is None or not self.undoes:
            return False
        row = await self._store.get_operation(provider, _key(provider, subscription_id))
        if row is None or row.state is not OperationState.OPEN:
            return False
        try:
            row = await self._log.finish(self._providers[provider], entry_of(row))
        except PaymentError as error:
            _log.warning("a second subscription at %s is not undone yet: %s", provider, type(error).__name__)
        if row.state is OperationState.ABANDONED:
            _log.warning("a second subscription at %s is not undone: it is the only one that goes on", provider)
        return True


def _event(customer: BillingCustomer, second: BillingSubscription, now: datetime) -> WebhookEvent:
    name = f"paylattice:second:{second.external_subscription_id}"
    return WebhookEvent(
        id=name,
        type=EventType.SUBSCRIPTION_SECOND,
        created_at=now,
        dedupe_key=name,
        customer_id=customer.external_customer_id,
        subscription_id=second.external_subscription_id,
        subscription=second.as_subscription(customer.external_customer_id),
        provider=second.provider,
    )


def _key(provider: str, subscription_id: str) -> str:
    return operation_key("undo second subscription", provider, subscription_id)


def _is_same(one: BillingSubscription, other: BillingSubscription) -> bool:
    return (one.provider, one.external_subscription_id) == (other.provider, other.external_subscription_id)


def _page_of(subscription: BillingSubscription, pages: _Pages) -> BillingCheckout | None:
    return pages.get((subscription.provider, subscription.external_subscription_id))


def _rank(subscription: BillingSubscription, pages: _Pages) -> tuple[int, int, str, str]:
    """The order in which subscriptions stay: what no page replaced, what was allowed beside it, what was replaced."""
    page = _page_of(subscription, pages)
    name = subscription.provider, subscription.external_subscription_id
    if page is None:
        return 0, subscription.first_ticket, *name
    if page.state is CheckoutState.REPLACED:
        return 2, -page.ticket, *name
    return (1 if page.product else 0), page.ticket, *name


def _is_of_a_replaced_page(second: BillingSubscription, first: BillingSubscription, pages: _Pages) -> bool:
    """Whether the second one was paid on a page in whose place the first one's was opened."""
    replaced, page = _page_of(second, pages), _page_of(first, pages)
    if replaced is None or page is None or replaced.state is not CheckoutState.REPLACED:
        return False
    return replaced.product == page.product and replaced.ticket < page.ticket
