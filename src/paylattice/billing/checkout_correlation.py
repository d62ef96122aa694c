"""Checkout correlation: the checkout that made a subscription, at providers that book it on a profile of the buyer's own.

There, neither the subscription nor its events name the customer that the checkout was made for; only the session names the
subscription. Billing knows who started which session, and its reference in the provider's events.

Two ways, the surest first: the event names a session (:meth:`CheckoutCorrelation.by_reference`); the sessions that
were started shortly before, or are paid, are asked for the subscription (:meth:`CheckoutCorrelation.by_sessions`), when no
event has named one for a while. That the profile is an organisation's, from an earlier checkout, proves nothing: the buyer
chose it, by the phone number that they typed.

An account sells elsewhere, too. Only what is sold while a checkout here is open can come from one: the rest costs no request.
A page stays open as long as its provider does not close it, however old it is.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Generic

import attrs

from ..events import WebhookEvent
from ..models import CheckoutSession, CheckoutStatus, Subscription
from ..provider import BaseProvider
from .commands import StartCheckout
from .record_ids import checkout_record_id
from .records import BillingCheckout, BillingCustomer, CheckoutState
from .repository import Tx
from .sessions import NO_EVIDENCE, Sessions
from .store import Store

__all__ = [
    "SESSIONS_ASKED_AFTER",
    "SESSIONS_ASKED_FOR",
    "Asked",
    "CheckoutCorrelation",
    "CorrelatedCheckout",
    "only_one_of",
]

SESSIONS_ASKED_AFTER = timedelta(hours=1)
"""How long an event about a subscription that no known checkout made waits before sessions are asked."""

SESSIONS_ASKED_FOR = timedelta(days=1)
"""How long before a subscription the checkout of it may have been started; and how long sessions are asked for one."""
CLOCKS_DIFFER = timedelta(days=1)
"""How far the clocks of the machines that write the records may differ."""
PAID_FOR = timedelta(days=30)
"""How long after its checkout was started a subscription may come that was paid for."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PROBE = 10
_MOST_PAGES = 10
_PAGE = 500
_MOST_ASKED = 200
"""How many sessions are asked for one subscription, the paid and the newest first."""
_OVER = frozenset({CheckoutState.EXPIRED, CheckoutState.UNKNOWN})
_PAYABLE = (CheckoutState.OPEN, CheckoutState.REPLACED)


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
    def is_finished(self) -> bool:
        """Whether it has brought its subscription."""
        return self.session.subscription_id is not None

    @property
    def is_under_way(self) -> bool:
        """Whether it is paid, and the provider has not yet made the subscription."""
        return self.session.subscription_id is None and self.session.status is CheckoutStatus.PENDING


@attrs.frozen
class Buyer:
    """Who bought a subscription on a page that billing opened.

    Args:
        customer: who did; None: no session names the subscription.
        perhaps: the organisations that may have, and of whom it may yet become known.
    """

    customer: BillingCustomer | None
    perhaps: frozenset[str] = frozenset()


@attrs.frozen
class Begun:
    """The checkouts that were begun around a day.

    Args:
        checkouts: of that day.
        are_all: whether there are no more.
    """

    checkouts: list[BillingCheckout]
    are_all: bool


@attrs.define
class Asked:
    """What the sessions said in one round of work. Each is asked once in it, however many events wait."""

    checkouts: dict[tuple[str, str], CorrelatedCheckout | None] = attrs.field(
        factory=dict[tuple[str, str], CorrelatedCheckout | None]
    )
    listed: dict[tuple[str, CheckoutState], list[BillingCheckout]] = attrs.field(
        factory=dict[tuple[str, CheckoutState], list[BillingCheckout]]
    )
    begun: dict[tuple[str, datetime], Begun] = attrs.field(factory=dict[tuple[str, datetime], Begun])
    waiting: dict[str, list[WebhookEvent]] = attrs.field(factory=dict[str, list[WebhookEvent]])


class CheckoutCorrelation(Generic[Tx]):
    """Finds the checkout of an event.

    Args:
        store: where the checkouts are, and the operation log.
        providers: by name.
        clock: the time, aware.
    """

    def __init__(self, store: Store[Tx], providers: Mapping[str, BaseProvider], clock: Callable[[], datetime]) -> None:
        self._store = store
        self._providers = providers
        self._sessions = Sessions(store, providers, clock)
        self._clock = clock

    async def named_by(self, event: WebhookEvent, asked: Asked) -> CorrelatedCheckout | None:
        """The checkout that the event names, or its payment; None: they name none, or none that billing started."""
        return await self.by_reference(event, asked) or await self.by_payment(event, asked)

    async def by_reference(self, event: WebhookEvent, asked: Asked) -> CorrelatedCheckout | None:
        """The checkout that the event names; None: it names none, or none that billing started."""
        if event.checkout_reference is None:
            return None
        started = await self._store.list_operations(event.provider, reference=event.checkout_reference, limit=1)
        if not started or started[0].operation != StartCheckout.kind or started[0].external_id is None:
            return None
        return await self._ask(event.provider, started[0].key, started[0].external_id, started[0].org_id, asked)

    async def by_payment(self, event: WebhookEvent, asked: Asked) -> CorrelatedCheckout | None:
        """The checkout that a payment names by the mark of the key under which it was started; None: it names none.

        The payment may be on another order than the checkout's.
        """
        provider = self._providers[event.provider]
        if event.payment is None or event.subscription_id is not None or provider.preserves_customer:
            return None
        mark = provider.checkout_mark(event)
        named = (
            None
            if mark is None
            else await self._store.get_checkout_by_id(checkout_record_id(event.provider, mark=mark))
        )
        if named is None or named.session_id is None or named.state is CheckoutState.UNKNOWN:
            return None
        evidence = {"payment_id": event.payment.id}
        return await self._ask(event.provider, named.key, named.session_id, named.org_id, asked, evidence)

    async def by_sessions(
        self, subscription_id: str, checkouts: Sequence[BillingCheckout], asked: Asked
    ) -> CorrelatedCheckout | None:
        """The checkout whose session names the subscription, among those that can have made it: the first ones of them."""
        for each in checkouts[:_MOST_ASKED]:
            checkout = await self.read(each, asked)
            if checkout is not None and checkout.session.subscription_id == subscription_id:
                return checkout
        return None

    async def buyer_of(self, provider: str, subscription: Subscription, asked: Asked) -> Buyer:
        """Who bought a subscription that is not stored, by the pages that can have brought it.

        In its first day an event may still tell more than its sessions do.
        """
        made_at = subscription.created_at or self._clock()
        pages = await self.open_at(provider, made_at, subscription.plan_id, asked)
        found = await self.by_sessions(subscription.id, pages, asked)
        if found is not None:
            return Buyer(found.customer)
        if self._clock() - made_at < SESSIONS_ASKED_FOR:
            return Buyer(None, frozenset(each.org_id for each in pages))
        read = [await self.read(each, asked) for each in pages[:_MOST_ASKED]]
        return Buyer(None, frozenset(each.customer.org_id for each in read if each is not None and each.is_under_way))

    async def open_at(
        self, provider: str, made_at: datetime, plan_id: str | None, asked: Asked
    ) -> list[BillingCheckout]:
        """The checkouts that can have brought what was made then: none of them is known to have brought anything.

        Args:
            provider: the provider's name.
            made_at: when the subscription was made, or was first heard of; UTC.
            plan_id: of the subscription; None: not known.
            asked: this round of work.
        """
        begun = (await self._begun_around(provider, made_at, asked)).checkouts
        listed = [
            each for state in (CheckoutState.PENDING, *_PAYABLE) for each in await self._in(provider, state, asked)
        ]
        found = {each.key: each for each in (*begun, *listed) if _fits(each, made_at, plan_id)}
        return sorted(found.values(), key=lambda each: (each.state is CheckoutState.PENDING, each.ticket), reverse=True)

    async def may_have_brought(self, event: WebhookEvent, asked: Asked) -> bool:
        """Whether a checkout can have brought what the event is about. It can if there are more than are looked through."""
        made_at, plan_id = _made(event)
        for state in (CheckoutState.PENDING, *_PAYABLE):
            last: BillingCheckout | None = None
            for _ in range(_MOST_PAGES):
                page = await self._store.list_checkouts_in(event.provider, state, after=last, limit=_PAGE)
                if any(_fits(each, made_at, plan_id) for each in page):
                    return True
                if len(page) < _PAGE:
                    break
                last = page[-1]
            else:
                return True
        begun = await self._begun_around(event.provider, made_at, asked)
        return not begun.are_all or any(_fits(each, made_at, plan_id) for each in begun.checkouts)

    async def _in(self, provider: str, state: CheckoutState, asked: Asked) -> list[BillingCheckout]:
        """The checkouts in a state, the oldest first, and no more than a few thousand."""
        if (provider, state) not in asked.listed:
            found: list[BillingCheckout] = []
            last: BillingCheckout | None = None
            for _ in range(_MOST_PAGES):
                page = await self._store.list_checkouts_in(provider, state, after=last, limit=_PAGE)
                found += page
                if len(page) < _PAGE:
                    break
                last = page[-1]
            asked.listed[provider, state] = found
        return asked.listed[provider, state]

    async def _begun_around(self, provider: str, made_at: datetime, asked: Asked) -> Begun:
        """The checkouts that were begun around a day, which may be complete, and not say yet what they brought."""
        day = made_at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        if (provider, day) not in asked.begun:
            found: list[BillingCheckout] = []
            last = await self._just_before(provider, day - SESSIONS_ASKED_FOR - CLOCKS_DIFFER)
            over = day + 2 * CLOCKS_DIFFER + timedelta(days=1)
            are_all = False
            for _ in range(_MOST_PAGES):
                page = await self._store.list_oldest_checkouts(provider, after=last, limit=_PAGE)
                found += page
                are_all = len(page) < _PAGE or min(each.created_at for each in page) > over
                if are_all:
                    break
                last = page[-1]
            asked.begun[provider, day] = Begun(found, are_all)
        return asked.begun[provider, day]

    async def _just_before(self, provider: str, since: datetime) -> BillingCheckout:
        """A place among the checkouts before all that were begun since a time, and not long before: found by halving.

        They are in the order of tickets, which is that of times but for what the clocks of several machines differ.
        """
        before, after = 0, await self._store.next_ticket()
        while after - before > 1:
            middle = (before + after) // 2
            page = await self._store.list_oldest_checkouts(provider, after=_at(provider, middle), limit=_PROBE)
            if page and max(each.created_at for each in page) < since:
                before = page[-1].ticket
            else:
                after = middle
        return _at(provider, before)

    async def open_for(self, event: WebhookEvent, asked: Asked) -> list[BillingCheckout]:
        """The checkouts that can have brought what the event is about."""
        made_at, plan_id = _made(event)
        return await self.open_at(event.provider, made_at, plan_id, asked)

    async def read(self, checkout: BillingCheckout, asked: Asked) -> CorrelatedCheckout | None:
        """A checkout with what its session says now; None: there is none any more."""
        if checkout.session_id is None:
            return None
        return await self._ask(checkout.provider, checkout.key, checkout.session_id, checkout.org_id, asked)

    async def _ask(
        self,
        provider: str,
        key: str,
        session_id: str,
        org_id: str,
        asked: Asked,
        evidence: Mapping[str, str] = NO_EVIDENCE,
    ) -> CorrelatedCheckout | None:
        known = asked.checkouts.get((provider, session_id))
        if (provider, session_id) not in asked.checkouts or (evidence and (known is None or not known.is_finished)):
            session = (await self._sessions.read(provider, session_id, key, evidence)).session
            customer = await self._store.get_customer(org_id, provider)
            known = CorrelatedCheckout(customer, session) if session is not None and customer is not None else None
            asked.checkouts[provider, session_id] = known
        return asked.checkouts[provider, session_id]


def only_one_of(checkouts: Sequence[BillingCheckout]) -> str | None:
    """The organisation that all the checkouts are of; None: they are of several, or there are none."""
    org_ids = {each.org_id for each in checkouts}
    return org_ids.pop() if len(org_ids) == 1 else None


def _made(event: WebhookEvent) -> tuple[datetime, str | None]:
    """When what the event is about was made, or first heard of; and its plan, if that is known."""
    sold = event.subscription
    made_at = None if sold is None else sold.created_at
    return made_at or event.created_at, None if sold is None else sold.plan_id


def _fits(checkout: BillingCheckout, made_at: datetime, plan_id: str | None) -> bool:
    """Whether the checkout can have brought what was made then: it could be paid, or was paid a while before.

    A page that can still be paid has no age.
    """
    if (
        checkout.external_subscription_id is not None
        or checkout.state in _OVER
        or plan_id not in {None, checkout.plan_id}
    ):
        return False
    since, until = checkout.created_at - CLOCKS_DIFFER, checkout.expires_at
    if checkout.state in _PAYABLE:
        has_closed = until is not None and made_at > until + SESSIONS_ASKED_FOR
        return since <= made_at and checkout.session_id is not None and not has_closed
    lasts = PAID_FOR if checkout.state is CheckoutState.PENDING else SESSIONS_ASKED_FOR
    return since <= made_at <= checkout.created_at + lasts


def _at(provider: str, ticket: int) -> BillingCheckout:
    """A place among the checkouts: before the one with this ticket."""
    return BillingCheckout(
        id="",
        org_id="",
        product="",
        plan_id="",
        provider=provider,
        key="",
        ticket=ticket,
        created_at=_EPOCH,
        updated_at=_EPOCH,
    )
