"""Customers who come back from a page: what it brought is read and stored, with or without a webhook."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Generic

from ..errors import Conflict, InvalidRequest, NotFound, UnsupportedOperation
from ..models import CheckoutSession, SubscriptionStatus
from ..provider import BaseProvider
from .commands import StartCheckout
from .customers import provider_named
from .owners import Owners
from .pipeline import EventPipeline
from .records import BillingCustomer, BillingSubscription
from .repository import Tx
from .sessions import Sessions
from .store import Store

__all__ = ["Returns"]

_MOST_PAGES = 10
"""How many pages of an organisation are asked what they brought, the newest first."""


class Returns(Generic[Tx]):
    """Stores what the pages of customers who came back have brought.

    Args:
        store: where the records are.
        providers: by name.
        pipeline: reads and stores subscriptions.
        owners: knows whose a subscription is.
        clock: the time, aware.
    """

    def __init__(
        self,
        store: Store[Tx],
        providers: Mapping[str, BaseProvider],
        pipeline: EventPipeline[Tx],
        owners: Owners[Tx],
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._providers = providers
        self._pipeline = pipeline
        self._owners = owners
        self._sessions = Sessions(store, providers, clock)

    async def confirm(
        self, session_id: str | None, *, org_id: str | None, provider_name: str | None, params: Mapping[str, str]
    ) -> BillingSubscription | None:
        """Store what a finished checkout brought.

        Raises:
            NotFound: no provider knows the session, or it is another organisation's.
            Conflict: the subscription is another organisation's, or is not what was asked for.
            InvalidRequest: there is neither a session nor an organisation.
        """
        if session_id is None:
            return await self._confirm_pages_of(org_id, provider_name, params)
        for name in (provider_name,) if provider_name is not None else await self._who_may_know(session_id):
            session = await self._find_session(name, session_id, params)
            if session is None:
                continue
            customer = await self._who_started(name, session)
            if customer is None or org_id not in {None, customer.org_id}:
                break
            return await self._brought(name, customer, session)
        message = "there is no such checkout session of this organisation"
        raise NotFound(message, operation="confirm_return")

    async def _confirm_pages_of(
        self, org_id: str | None, provider_name: str | None, params: Mapping[str, str]
    ) -> BillingSubscription | None:
        """Store what the organisation's pages brought, the newest first, until one has brought something."""
        if org_id is None:
            message = "pass the session_id that came back in the URL, or the org_id from the login"
            raise InvalidRequest(message, param="session_id", operation="confirm_return")
        pages = [
            each
            for each in await self._store.list_checkouts(org_id)
            if each.session_id is not None and each.provider in self._providers
        ]
        pages = [each for each in pages if provider_name in {None, each.provider}][::-1][:_MOST_PAGES]
        for page in pages:
            session = await self._find_session(page.provider, str(page.session_id), params)
            customer = await self._store.get_customer(org_id, page.provider)
            if session is not None and session.subscription_id is not None and customer is not None:
                return await self._brought(page.provider, customer, session)
        if pages:
            return None
        message = "the organisation has no checkout that came so far: start_checkout first"
        raise NotFound(message, operation="confirm_return")

    async def _brought(
        self, name: str, customer: BillingCustomer, session: CheckoutSession
    ) -> BillingSubscription | None:
        """Store what the session has brought, if it has."""
        if session.subscription_id is None:
            return None
        stored = await self._pipeline.observe(name, customer, session.subscription_id, strict=True)
        if stored is not None and stored.customer_id != customer.id:
            message = "what this checkout brought is stored as another organisation's: look at both at the provider"
            raise Conflict(message, provider=name, operation="confirm_return")
        return None if stored is not None and stored.status is SubscriptionStatus.INCOMPLETE else stored

    async def _who_may_know(self, session_id: str) -> tuple[str, ...]:
        """The provider whose session it is, by the operation log, so that no other one has to answer; else all of them."""
        for name in self._providers:
            if await self._store.list_operations(name, external_id=session_id, limit=1):
                return (name,)
        return tuple(self._providers)

    async def _who_started(self, provider: str, session: CheckoutSession) -> BillingCustomer | None:
        """By the operation log; by the session where another application started it, or the log has forgotten.

        Not by the session where a buyer's browser can make one: there, by what is stored.
        """
        started = await self._store.list_operations(provider, external_id=session.id, limit=1)
        if started and started[0].operation == StartCheckout.kind:
            return await self._store.get_customer(started[0].org_id, provider)
        if self._providers[provider].browser_makes_subscriptions:
            return await self._who_has(provider, session)
        if session.customer_id is None:
            return None
        return await self._store.get_customer_by_external_id(provider, session.customer_id)

    async def _who_has(self, provider: str, session: CheckoutSession) -> BillingCustomer | None:
        """Whose what the session brought is: as it is stored, or as the application has decided."""
        if session.subscription_id is None:
            return None
        stored = await self._store.get_subscription(provider, session.subscription_id)
        if stored is not None:
            return await self._store.get_customer_by_id(stored.customer_id)
        return await self._owners.owner_of(provider, session.subscription_id)

    async def _find_session(self, name: str, session_id: str, params: Mapping[str, str]) -> CheckoutSession | None:
        try:
            provider_named(self._providers, name)
            checkout = await self._store.get_checkout_by_session(name, session_id)
            key = None if checkout is None else checkout.key
            return (await self._sessions.read(name, session_id, key, params)).session
        except (InvalidRequest, UnsupportedOperation):
            if len(self._providers) == 1:
                raise
            return None
