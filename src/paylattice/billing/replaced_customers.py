"""Customers that the provider does not know any more: deleted in its dashboard, or from another account or mode.

Billing trusts a stored id until the provider says for certain that it has no such customer: first the operation that used
it, then, as a second check, :meth:`~paylattice.PaymentProvider.get_customer`. A missing permission, or a network failure,
proves nothing.
"""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Generic

import attrs

from ..errors import InvalidRequest, NotFound, PaymentError
from ..models import Subscription, SubscriptionStatus
from ..operations import Capability
from ..provider import BaseProvider
from ..redaction import redact
from .customers import Customers
from .pipeline import EventPipeline
from .records import BillingCustomer, BillingSubscription
from .repository import Tx
from .store import Store

__all__ = ["ReplacedCustomer", "ReplacedCustomers"]

_log = logging.getLogger("paylattice")
_NAMES = frozenset({"customer", "customer_id"})
"""What the parameter is called that holds the customer, here and at providers."""


@attrs.frozen
class ReplacedCustomer:
    """A customer that the provider does not know any more, and the new one that billing created. For alerts.

    Args:
        org_id: your id of the organisation.
        provider: the provider's name.
        before: the provider's id of the missing customer.
        after: the provider's id of the new one.
    """

    org_id: str
    provider: str
    before: str
    after: str


class ReplacedCustomers(Generic[Tx]):
    """Detects and replaces missing customers.

    Args:
        store: the records.
        providers: by name.
        pipeline: stores the state of their subscriptions.
        customers: creates the new one.
        clock: returns the time, aware.
        on_replaced: called for every replacement. Its errors are logged and otherwise ignored.
    """

    def __init__(
        self,
        store: Store[Tx],
        providers: Mapping[str, BaseProvider],
        pipeline: EventPipeline[Tx],
        customers: Customers[Tx],
        clock: Callable[[], datetime],
        on_replaced: Callable[[ReplacedCustomer], None] | None = None,
    ) -> None:
        self._store = store
        self._providers = providers
        self._pipeline = pipeline
        self._customers = customers
        self._clock = clock
        self._on_replaced = on_replaced

    async def in_place_of(
        self, org_id: str, provider: str, used_id: str, error: PaymentError, *, email: str | None
    ) -> BillingCustomer | None:
        """Return the organisation's new customer, if the provider does not know the one that was used.

        Args:
            org_id: your id of the organisation.
            provider: the provider's name.
            used_id: the provider's id of the customer that was used.
            error: the provider's error.
            email: for the new customer, if the record has none.

        Returns:
            The customer, created now if necessary. None: the error is about something else, or is not certain.

        Raises:
            Conflict: the provider's new customer belongs to another organisation.
            PaymentError: the provider cannot create one now.
        """
        stored = await self._store.get_customer(org_id, provider)
        if stored is None or not await self._is_unknown(provider, used_id, error):
            return None
        if stored.external_customer_id != used_id:
            return stored
        replaced = await self._customers.replace(stored, email=email)
        after = replaced.external_customer_id
        _log.warning("%s has no customer %s any more: %s is in its place", provider, redact(used_id), redact(after))
        self._tell(ReplacedCustomer(org_id, provider, used_id, after))
        await self._end_what_is_gone(replaced)
        return replaced

    async def listed(self, customer: BillingCustomer) -> list[Subscription]:
        """Return the subscriptions that the provider lists for a customer; none if it does not know the customer any more."""
        try:
            return await self._providers[customer.provider].list_subscriptions(customer.external_customer_id)
        except (InvalidRequest, NotFound) as error:
            if not await self._is_unknown(customer.provider, customer.external_customer_id, error):
                raise
        return []

    async def is_gone(self, stored: BillingSubscription) -> bool:
        """Return whether a subscription has ended at the provider together with its customer, or neither ever existed.

        Only if it is certain: if it cannot be read, the answer is False.
        """
        there = self._providers[stored.provider]
        customer = await self._store.get_customer_by_id(stored.customer_id)
        if customer is None or not there.capabilities >= {Capability.CUSTOMERS, Capability.SUBSCRIPTIONS}:
            return False
        try:
            found = await there.get_subscription(stored.external_subscription_id)
            if found is not None and not found.status.is_terminal:
                return False
            return await there.get_customer(customer.external_customer_id) is None
        except PaymentError:
            return False

    async def _is_unknown(self, provider: str, external_customer_id: str, error: PaymentError) -> bool:
        there = self._providers[provider]
        says_so = isinstance(error, NotFound) or (isinstance(error, InvalidRequest) and error.param in _NAMES)
        if not says_so or Capability.CUSTOMERS not in there.capabilities:
            return False
        try:
            return await there.get_customer(external_customer_id) is None
        except PaymentError:
            return False

    async def _end_what_is_gone(self, customer: BillingCustomer) -> None:
        """Store that the subscriptions have ended that went with the customer; they stay the organisation's."""
        for stored in await self._store.list_subscriptions(customer.id):
            if (
                stored.status.is_terminal
                or Capability.SUBSCRIPTIONS not in self._providers[stored.provider].capabilities
            ):
                continue
            try:
                ticket = await self._store.next_ticket()
                there = await self._providers[stored.provider].get_subscription(stored.external_subscription_id)
                await self._pipeline.store(stored.provider, customer, there or self._ended(stored), ticket)
            except Exception as exc:  # noqa: BLE001 - the provider, or a handler: the organisation checks out all the same
                _log.warning("a subscription at %s is not stored as ended: %s", stored.provider, type(exc).__name__)

    def _ended(self, stored: BillingSubscription) -> Subscription:
        now = self._clock()
        return Subscription(
            id=stored.external_subscription_id,
            status=SubscriptionStatus.CANCELED,
            current_period_start=stored.current_period_start,
            current_period_end=stored.current_period_end,
            plan_id=stored.plan_id,
            metadata=stored.metadata,
            quantity=stored.quantity,
            canceled_at=now,
            ended_at=now,
            provider=stored.provider,
        )

    def _tell(self, replaced: ReplacedCustomer) -> None:
        if self._on_replaced is None:
            return
        try:
            self._on_replaced(replaced)
        except Exception:  # noqa: BLE001 - an observer must not fail the call
            _log.exception("the observer of replaced customers failed")
