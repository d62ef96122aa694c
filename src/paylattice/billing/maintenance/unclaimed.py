"""Pages that were paid and have brought no subscription, and what may have been bought on a page: a person has to look."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Generic

import attrs

from ...events import EventType, WebhookEvent
from ...provider import BaseProvider
from ...serialization import converter
from ..checkout_correlation import SESSIONS_ASKED_FOR, Asked, CheckoutCorrelation, only_one_of
from ..records import BillingCustomer, CheckoutState, UnmatchedEvent
from ..repository import Tx
from ..store import Store

__all__ = ["Claims", "Unclaimed"]

_OPEN = frozenset({CheckoutState.OPEN, CheckoutState.PENDING, CheckoutState.REPLACED})
_MOST_PAGES = 20
_PAGE = 100
_log = logging.getLogger("paylattice")


@attrs.frozen
class Claims:
    """What the pages of an organisation have brought, or not.

    Args:
        brought: the ids of subscriptions that a paid page names.
        sessions: the ids of the sessions that were paid, long ago, and have brought no subscription.
        subscriptions: the ids of subscriptions that no session names, and that may have been bought on a page of this
            organisation alone.
        of_several: the same, of this organisation or another one. Each is told once: where the newest page is.
    """

    brought: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    subscriptions: tuple[str, ...] = ()
    of_several: tuple[str, ...] = ()


class Unclaimed(Generic[Tx]):
    """Compares the pages of an organisation with what they brought, where the provider makes the subscription later.

    Args:
        store: where the checkouts and the waiting events are.
        providers: by name.
        checkouts: asks the sessions.
        clock: the time, aware.
    """

    def __init__(
        self,
        store: Store[Tx],
        providers: Mapping[str, BaseProvider],
        checkouts: CheckoutCorrelation[Tx],
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._providers = providers
        self._checkouts = checkouts
        self._clock = clock

    async def of(self, customer: BillingCustomer, asked: Asked) -> Claims:
        """What the customer's pages have brought, or not. Asks each session that was paid, once in a round.

        Args:
            customer: the customer.
            asked: what sessions have said in this round of work.
        """
        provider = customer.provider
        if self._providers[provider].preserves_customer:
            return Claims()
        open_pages = [
            each
            for each in await self._store.list_checkouts(customer.org_id)
            if each.provider == provider and each.external_subscription_id is None and each.state in _OPEN
        ]
        brought: list[str] = []
        paid: list[str] = []
        for each in open_pages:
            checkout = await self._checkouts.read(each, asked) if each.state is CheckoutState.PENDING else None
            if checkout is None:
                continue
            if checkout.session.subscription_id is not None:
                brought.append(checkout.session.subscription_id)
            elif checkout.is_under_way and self._clock() - each.created_at >= SESSIONS_ASKED_FOR:
                paid.append(checkout.session.id)
        waiting = await self._waiting(provider, asked) if open_pages else []
        names = {each.key for each in open_pages}
        perhaps: list[str] = []
        of_several: list[str] = []
        for event in waiting:
            if event.subscription_id is None or self._clock() - event.created_at < SESSIONS_ASKED_FOR:
                continue
            fitting = await self._checkouts.open_for(event, asked)
            if fitting and fitting[0].key in names and not await self._carries_profile(event):
                (perhaps if only_one_of(fitting) else of_several).append(event.subscription_id)
        return Claims(tuple(brought), tuple(paid), tuple(dict.fromkeys(perhaps)), tuple(dict.fromkeys(of_several)))

    async def _carries_profile(self, event: WebhookEvent) -> bool:
        """Whether the event carries an organisation's profile: then the subscription is told of that one."""
        profile = event.customer_id
        return (
            profile is not None and await self._store.get_customer_by_external_id(event.provider, profile) is not None
        )

    async def _waiting(self, provider: str, asked: Asked) -> list[WebhookEvent]:
        """The events of new subscriptions that wait for their owner."""
        if provider not in asked.waiting:
            found: list[WebhookEvent] = []
            last: UnmatchedEvent | None = None
            for _ in range(_MOST_PAGES):
                page = await self._store.list_unmatched(provider, after=last, limit=_PAGE)
                found += [event for each in page if (event := _created(each)) is not None]
                if len(page) < _PAGE:
                    break
                last = page[-1]
            asked.waiting[provider] = found
        return asked.waiting[provider]


def _created(unmatched: UnmatchedEvent) -> WebhookEvent | None:
    if unmatched.payload.get("type") != EventType.SUBSCRIPTION_CREATED:
        return None
    try:
        return converter().structure(unmatched.payload, WebhookEvent)
    except Exception as exc:  # noqa: BLE001 - whatever the row holds by now
        _log.warning("an event of %s cannot be read: %s", unmatched.provider, type(exc).__name__)
        return None
