"""Checkout correlation: the checkout that made a subscription, at providers that book it on a profile of the buyer's own.

There, neither the subscription nor its events name the customer that the checkout was made for; only the session names the
subscription. The operation log knows who started which session, and its reference in the provider's events.

Two ways, the surest first: the event names a session (:meth:`CheckoutCorrelation.by_reference`); the sessions that
were started shortly before are asked for the subscription (:meth:`CheckoutCorrelation.by_sessions`), when no event has named
one for a while. That the profile is an organisation's, from an earlier checkout, proves nothing: the buyer chose it, by
the phone number that they typed.
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

__all__ = ["SESSIONS_ASKED_AFTER", "SESSIONS_ASKED_FOR", "CheckoutCorrelation", "CorrelatedCheckout"]

SESSIONS_ASKED_AFTER = timedelta(hours=1)
"""How long an event about a subscription that no known checkout made waits before sessions are asked."""

SESSIONS_ASKED_FOR = timedelta(days=1)
"""How long before a subscription the checkout of it may have been started; and how long sessions are asked for one."""
CLOCKS_DIFFER = timedelta(days=1)
"""How far the clocks of the machines that write the operation log may differ."""
_SLACK = timedelta(minutes=5)
_WINDOWS = ((timedelta(hours=1), _SLACK, 20), (SESSIONS_ASKED_FOR, _SLACK, 20), (SESSIONS_ASKED_FOR, CLOCKS_DIFFER, 25))
"""How long before a subscription its checkout was started, how long after it by a clock that is ahead, and how many sessions
are asked until then."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PROBE = 10
_MOST_PAGES = 50
_PAGE = 100


@attrs.frozen
class CorrelatedCheckout:
    """A checkout that billing started.

    Args:
        customer: the customer that it was started for.
        session: what the provider says of it now.
    """

    customer: BillingCustomer
    session: CheckoutSession

    @property
    def is_under_way(self) -> bool:
        """Whether it is paid, and the provider has not yet made the subscription."""
        return self.session.subscription_id is None and self.session.status is CheckoutStatus.PENDING


class CheckoutCorrelation(Generic[Tx]):
    """Finds the checkout of an event.

    Args:
        store: where the operation log is.
        providers: by name.
    """

    def __init__(self, store: Store[Tx], providers: Mapping[str, BaseProvider]) -> None:
        self._store = store
        self._providers = providers

    async def by_reference(self, event: WebhookEvent) -> CorrelatedCheckout | None:
        """The checkout that the event names; None: it names none, or none that billing started."""
        if event.checkout_reference is None:
            return None
        started = await self._store.list_operations(event.provider, reference=event.checkout_reference, limit=1)
        return await self._ask(started[0]) if started else None

    async def by_sessions(
        self, provider: str, subscription_id: str, subscription: Subscription | None, made_at: datetime
    ) -> CorrelatedCheckout | None:
        """The checkout whose session names the subscription: of those for its plan, the last ones before it are asked.

        Args:
            provider: the provider's name.
            subscription_id: the provider's id of the subscription.
            subscription: the subscription, if it could be read.
            made_at: when it was made, or was first heard of; UTC.
        """
        plan_id = subscription.plan_id if subscription is not None else None
        asked: set[str] = set()
        near = await self._started(provider, made_at - SESSIONS_ASKED_FOR, made_at + CLOCKS_DIFFER, plan_id)
        for window, slack, most in _WINDOWS:
            for started in near:
                fits = made_at - window <= started.created_at <= made_at + slack
                if not fits or started.key in asked or len(asked) >= most:
                    continue
                asked.add(started.key)
                checkout = await self._ask(started)
                if checkout is not None and checkout.session.subscription_id == subscription_id:
                    return checkout
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
        """A place in the operation log before all that was recorded since a time, and not long before: found by halving.

        The log is in the order of tickets, which is that of times but for what the clocks of several machines differ.
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

    async def _ask(self, started: BillingOperation) -> CorrelatedCheckout | None:
        if started.operation != StartCheckout.kind or started.external_id is None:
            return None
        session = await self._providers[started.provider].get_checkout_session(started.external_id)
        customer = await self._store.get_customer(started.org_id, started.provider)
        return CorrelatedCheckout(customer, session) if session is not None and customer is not None else None


def _at(provider: str, ticket: int) -> BillingOperation:
    """A place in the operation log: before the operation with this ticket."""
    return BillingOperation(
        provider=provider, key="", operation="", org_id="", arguments={}, created_at=_EPOCH, ticket=ticket
    )
