"""Which organisation's checkout an event comes from, at providers that book what is bought on a profile of the buyer's own.

There, neither the subscription nor its events lead back to the customer that the checkout was made for; only the session
tells what came of it. The journal knows who started which session, and what the provider's events call it by.

Two ways, the surest first: the event names a session (:meth:`Origins.origin_of`); the sessions that were started shortly
before are asked for the subscription (:meth:`Origins.by_asking`), when nothing else has told for a while. That the profile is
an organisation's, from an earlier checkout, proves nothing: the buyer chose it, by the phone number that they typed.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Generic

import attrs

from ..events import WebhookEvent
from ..models import CheckoutSession, CheckoutStatus, Subscription
from ..provider import BaseProvider
from .commands import StartCheckout
from .records import BillingCustomer, BillingOperation, OperationState
from .repository import Tx
from .store import Store

__all__ = ["ASKED_FOR", "PATIENCE", "Origin", "Origins"]

PATIENCE = timedelta(hours=1)
"""How long an event about a subscription that nobody's checkout is known to have brought waits before sessions are asked."""

ASKED_FOR = timedelta(days=1)
"""How long before a subscription the checkout of it may have been started; and how long sessions are asked for one."""
CLOCKS_DIFFER = timedelta(days=1)
"""How far the clocks of the machines that write the journal may differ."""
_SLACK = timedelta(minutes=5)
_WINDOWS = ((timedelta(hours=1), _SLACK, 20), (ASKED_FOR, _SLACK, 20), (ASKED_FOR, CLOCKS_DIFFER, 25))
"""How long before a subscription its checkout was started, how long after it by a clock that is ahead, and how many sessions
are asked until then."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PROBE = 10
_MOST_PAGES = 50
_PAGE = 100


@attrs.frozen
class Origin:
    """A checkout that was started here.

    Args:
        customer: who started it.
        session: what the provider says of it now.
    """

    customer: BillingCustomer
    session: CheckoutSession

    @property
    def is_under_way(self) -> bool:
        """Whether it is paid, and the provider has not yet made the subscription."""
        return self.session.subscription_id is None and self.session.status is CheckoutStatus.PENDING


class Origins(Generic[Tx]):
    """Finds the checkout of an event.

    Args:
        store: where the journal is.
        providers: by name.
    """

    def __init__(self, store: Store[Tx], providers: Mapping[str, BaseProvider]) -> None:
        self._store = store
        self._providers = providers

    async def origin_of(self, event: WebhookEvent) -> Origin | None:
        """The checkout that the event comes from; None if it names none that was started here."""
        if event.checkout_reference is None:
            return None
        started = await self._store.list_operations(event.provider, reference=event.checkout_reference, limit=1)
        return await self._ask(started[0]) if started else None

    async def by_asking(
        self, provider: str, subscription_id: str, subscription: Subscription | None, made_at: datetime
    ) -> Origin | None:
        """The checkout that says that it brought the subscription: of those for its plan, the last ones before it.

        Args:
            provider: whose.
            subscription_id: which.
            subscription: what is known of it.
            made_at: when it was made, or was first heard of; UTC.
        """
        plan_id = subscription.plan_id if subscription is not None else None
        asked: set[str] = set()
        near = await self._started(provider, made_at - ASKED_FOR, made_at + CLOCKS_DIFFER, plan_id)
        for window, slack, most in _WINDOWS:
            for started in near:
                fits = made_at - window <= started.created_at <= made_at + slack
                if not fits or started.key in asked or len(asked) >= most:
                    continue
                asked.add(started.key)
                origin = await self._ask(started)
                if origin is not None and origin.session.subscription_id == subscription_id:
                    return origin
        return None

    async def _started(
        self, provider: str, since: datetime, until: datetime, plan_id: str | None
    ) -> list[BillingOperation]:
        """The checkouts of a plan that were started in a time, the last ones first."""
        found: list[BillingOperation] = []
        last = await self._just_before(provider, since - CLOCKS_DIFFER)
        for _ in range(_MOST_PAGES):
            page = await self._store.list_operations(provider, state=OperationState.DONE, after=last, limit=_PAGE)
            found.extend(
                each
                for each in page
                if each.operation == StartCheckout.kind
                and since <= each.created_at <= until
                and plan_id in {None, each.arguments.get("plan_id")}
            )
            if len(page) < _PAGE or min(each.created_at for each in page) > until + CLOCKS_DIFFER:
                break
            last = page[-1]
        return found[::-1]

    async def _just_before(self, provider: str, since: datetime) -> BillingOperation:
        """A place in the journal before all that was written down since a time, and not long before: found by halving.

        The journal is in the order of tickets, which is that of times but for what the clocks of several machines differ.
        """
        before, after = 0, await self._store.next_ticket()
        while after - before > 1:
            middle = (before + after) // 2
            place = _at(provider, middle)
            page = await self._store.list_operations(provider, state=OperationState.DONE, after=place, limit=_PROBE)
            if page and max(each.created_at for each in page) < since:
                before = page[-1].ticket
            else:
                after = middle
        return _at(provider, before)

    async def _ask(self, started: BillingOperation) -> Origin | None:
        if started.operation != StartCheckout.kind or started.external_id is None:
            return None
        session = await self._providers[started.provider].get_checkout_session(started.external_id)
        customer = await self._store.get_customer(started.org_id, started.provider)
        return Origin(customer, session) if session is not None and customer is not None else None


def _at(provider: str, ticket: int) -> BillingOperation:
    """A place in the journal: before what has this ticket."""
    return BillingOperation(
        provider=provider, key="", operation="", org_id="", arguments={}, created_at=_EPOCH, ticket=ticket
    )
