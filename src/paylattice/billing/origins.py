"""Which organisation's checkout an event comes from, at providers that book what is bought on a profile of the buyer's own.

There, neither the subscription nor its events lead back to the customer that the checkout was made for; only the session
tells what came of it. The journal knows who started which session, and what the provider's events call it by.
"""

from collections.abc import Mapping
from typing import Generic

import attrs

from ..events import WebhookEvent
from ..models import CheckoutSession, CheckoutStatus
from ..provider import BaseProvider
from .records import BillingCustomer
from .repository import BillingRepository, Tx

__all__ = ["Origin", "Origins"]


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
        repository: where the journal is.
        providers: by name.
    """

    def __init__(self, repository: BillingRepository[Tx], providers: Mapping[str, BaseProvider]) -> None:
        self._repository = repository
        self._providers = providers

    async def origin_of(self, event: WebhookEvent) -> Origin | None:
        """The checkout that the event comes from; None if it names none that was started here."""
        if event.checkout_reference is None:
            return None
        started = await self._repository.operations(event.provider, reference=event.checkout_reference, limit=1)
        if not started or started[0].external_id is None:
            return None
        session = await self._providers[event.provider].get_checkout_session(started[0].external_id)
        customer = await self._repository.get_customer(started[0].org_id, event.provider)
        if session is None or customer is None:
            return None
        return Origin(customer, session)

    async def is_nobodys_yet(self, event: WebhookEvent) -> bool:
        """Whether it is about a subscription that only a checkout session can tell the owner of, and none has so far."""
        if event.subscription_id is None or self._providers[event.provider].checkout_keeps_customer:
            return False
        return await self._repository.get_subscription(event.provider, event.subscription_id) is None
