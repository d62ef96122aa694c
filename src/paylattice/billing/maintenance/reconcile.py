"""Reconciling: compares the stored subscriptions with the provider's."""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Generic

import attrs

from ...errors import InvalidRequest, UnsupportedOperation
from ...models import Subscription
from ...operations import Capability
from ...provider import BaseProvider
from ...transport.primitives import Primitives
from ..attribution import Attributor
from ..checkout_correlation import Asked
from ..owners import RefusalReason, RefusedSubscription
from ..pipeline import EventPipeline
from ..records import BillingCustomer, BillingSubscription
from ..replaced_customers import ReplacedCustomers
from ..repository import Tx
from ..store import Store
from .unclaimed import Unclaimed

__all__ = ["Difference", "Lacks", "Reconciled", "Reconciliation"]

_log = logging.getLogger("paylattice")

PAGE = 100
_LISTS_BY_CUSTOMER = frozenset({Capability.CUSTOMERS, Capability.LIST_SUBSCRIPTIONS})
_COMPARED = (
    *("status", "plan_id", "quantity", "current_period_start", "current_period_end", "cancel_at", "metadata"),
    *("trial_end", "collection_paused", "payment_failed_at", "paid_through", "ended_at"),
)


class Lacks(StrEnum):
    """The side that does not have a subscription at all."""

    HERE = "here"
    THERE = "there"


@attrs.frozen
class Difference:
    """A subscription that is stored differently from the provider's.

    Args:
        org_id: your id of the organisation. Empty: several may have bought the subscription, and nothing tells which.
        subscription_id: the provider's id.
        fields: the differences by field: the stored value and the provider's. Empty if one side lacks the subscription.
        lacks: the side that does not have it. None: both have it.
        repaired: whether the provider's state was stored.
        refused: why it was not: billing did not start the subscription, or did not ask for its terms, and it grants nothing.
        session_id: the provider's id of a checkout session that was paid and has brought no subscription, which has no id then.
    """

    org_id: str
    subscription_id: str
    fields: Mapping[str, tuple[object, object]] = attrs.field(factory=dict[str, tuple[object, object]])
    lacks: Lacks | None = None
    repaired: bool = False
    refused: RefusalReason | None = None
    session_id: str | None = None


@attrs.frozen
class Reconciled:
    """How far a comparison has come.

    Args:
        customers: how many customers were compared.
        different: how many subscriptions differ.
        repaired: how many of these were repaired.
        failed: how many customers could not be compared now.
        after: the record id of the last customer of the last whole page: pass it to continue from there. None: from the start.
    """

    customers: int = 0
    different: int = 0
    repaired: int = 0
    failed: int = 0
    after: str | None = None


class Reconciliation(Generic[Tx]):
    """Compares customer by customer. You can stop it at any time and continue.

    Args:
        store: the records.
        pipeline: stores what is read.
        attributor: finds the owner of a subscription.
        replaced: knows which customers are missing at their provider.
        unclaimed: knows which pages have brought nothing.
        primitives: runs several comparisons at a time.
        clock: returns the time, aware.
    """

    def __init__(
        self,
        store: Store[Tx],
        pipeline: EventPipeline[Tx],
        attributor: Attributor[Tx],
        replaced: ReplacedCustomers[Tx],
        unclaimed: Unclaimed[Tx],
        primitives: Primitives,
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._pipeline = pipeline
        self._attributor = attributor
        self._replaced = replaced
        self._unclaimed = unclaimed
        self._primitives = primitives
        self._clock = clock

    async def reconcile(
        self,
        provider: BaseProvider,
        *,
        repair: bool,
        after: str | None,
        in_flight: int,
        on_difference: Callable[[Difference], None] | None,
        on_progress: Callable[[Reconciled], None] | None,
    ) -> Reconciled:
        """Compare the stored subscriptions with the provider's, customer by customer."""
        if type(in_flight) is not int or not 1 <= in_flight <= PAGE:
            message = f"in_flight must be an int between 1 and {PAGE}"
            raise InvalidRequest(message, param="in_flight")
        if not self.can_compare(provider):
            message = "its subscriptions cannot be read"
            raise UnsupportedOperation(reason=message, provider=provider.get_provider_name(), operation="reconcile")
        so_far = Reconciled(after=after)
        while True:
            reached, found = await self.page(provider, so_far, size=PAGE, repair=repair, in_flight=in_flight)
            for difference in found:
                if on_difference is not None:
                    on_difference(difference)
            if reached is so_far:
                return so_far
            so_far = reached
            if on_progress is not None:
                on_progress(so_far)

    async def page(
        self, provider: BaseProvider, so_far: Reconciled, *, size: int, repair: bool, in_flight: int
    ) -> tuple[Reconciled, list[Difference]]:
        """Compare the next customers.

        Args:
            provider: the provider to compare with.
            so_far: how far the comparison has come.
            size: how many customers.
            repair: whether to store the provider's state where it differs.
            in_flight: how many customers to compare at a time.

        Returns:
            How far it has come now, the same ``so_far`` if there are no more customers; and the differences of these customers.
        """
        name = provider.get_provider_name()
        page = await self._store.list_customers(name, so_far.after, size)
        if not page:
            return so_far, []
        asked = Asked()
        results = await self._primitives.gather(
            [self._comparison(provider, customer, asked, repair=repair) for customer in page], limit=in_flight
        )
        found = [difference for result in results if result is not None for difference in result]
        reached = Reconciled(
            customers=so_far.customers + len(page),
            different=so_far.different + len(found),
            repaired=so_far.repaired + sum(difference.repaired for difference in found),
            failed=so_far.failed + sum(result is None for result in results),
            after=page[-1].id,
        )
        return reached, found

    @staticmethod
    def can_compare(provider: BaseProvider) -> bool:
        """Return whether the provider's subscriptions can be read."""
        return provider.capabilities >= _LISTS_BY_CUSTOMER or Capability.SUBSCRIPTIONS in provider.capabilities

    def _comparison(
        self, provider: BaseProvider, customer: BillingCustomer, asked: Asked, *, repair: bool
    ) -> Callable[[], Awaitable[list[Difference] | None]]:
        async def compare() -> list[Difference] | None:
            try:
                return await self._compare(provider, customer, asked, repair=repair)
            except Exception as exc:  # noqa: BLE001 - one customer must not hold up the others
                name = customer.provider
                _log.warning("a customer of %s could not be compared: %s", name, type(exc).__name__)
                return None

        return compare

    async def _compare(
        self, provider: BaseProvider, customer: BillingCustomer, asked: Asked, *, repair: bool
    ) -> list[Difference]:
        ticket = await self._store.next_ticket()
        stored = {each.external_subscription_id: each for each in await self._store.list_subscriptions(customer.id)}
        claims = await self._unclaimed.of(customer, asked)
        there = await self._there(provider, customer, (*stored, *claims.brought))
        found = [Difference(customer.org_id, "", lacks=Lacks.THERE, session_id=each) for each in claims.sessions]
        perhaps = [name for name in claims.subscriptions if name not in stored and name not in there]
        found += [
            self._refused(customer.provider, name, RefusalReason.NO_CHECKOUT, customer.org_id) for name in perhaps
        ]
        several = [name for name in claims.of_several if name not in stored and name not in there]
        found += [self._refused(customer.provider, name, RefusalReason.NO_CHECKOUT, "") for name in several]
        for name in [*there, *(name for name in stored if name not in there)]:
            owner: BillingCustomer | None = customer
            if name not in stored:
                if await self._store.get_subscription(customer.provider, name) is not None:
                    continue  # it is another customer's, and compared there
                listed = await self._attributor.listed_owner(customer, there[name], asked)
                if listed.refused is not None:
                    found.append(self._refused(customer.provider, name, listed.refused, customer.org_id))
                    continue
                owner = listed.customer
            if owner is None:
                continue  # its checkout is still in progress
            difference = _difference(owner, stored.get(name), there.get(name), self._clock())
            if difference is not None:
                difference = await self._checked(difference, owner, there.get(name), ticket, repair=repair)
            if difference is not None:
                found.append(difference)
        return found

    async def _checked(
        self,
        difference: Difference,
        customer: BillingCustomer,
        there: Subscription | None,
        ticket: int,
        *,
        repair: bool,
    ) -> Difference | None:
        """The difference, repaired if requested; None if a webhook has stored the change meanwhile."""
        if there is None:
            return difference
        found = await self._store.get_subscription(customer.provider, there.id)
        if found is not None and _difference(customer, found, there, self._clock()) is None:
            return None
        admission = await self._attributor.owners.admitted(customer.provider, there)
        if admission.refused is not None:
            difference = attrs.evolve(difference, refused=admission.refused)
        if not repair:
            return difference
        after = await self._pipeline.store(customer.provider, customer, there, ticket)
        return attrs.evolve(difference, repaired=_difference(customer, after, there, self._clock()) is None)

    def _refused(self, provider: str, name: str, reason: RefusalReason, org_id: str) -> Difference:
        """A subscription that may be the organisation's, but belongs to none; or to one of several, if that is empty."""
        self._attributor.owners.report(RefusedSubscription(provider, name, reason, org_id))
        return Difference(org_id, name, lacks=Lacks.HERE, refused=reason)

    async def _there(
        self, provider: BaseProvider, customer: BillingCustomer, known: Sequence[str]
    ) -> dict[str, Subscription]:
        """The provider's subscriptions: of the customer, of the known ids, and of waiting events with the customer's id."""
        found: dict[str, Subscription] = {}
        waiting: list[str] = []
        if provider.capabilities >= _LISTS_BY_CUSTOMER:
            found = {each.id: each for each in await self._replaced.listed(customer)}
        elif customer.provider not in self._attributor.owners.proving:
            unmatched = await self._store.list_unmatched(
                customer.provider, external_customer_id=customer.external_customer_id, limit=PAGE
            )
            waiting = [each.external_subscription_id for each in unmatched if each.external_subscription_id is not None]
        if Capability.SUBSCRIPTIONS in provider.capabilities:
            for name in [name for name in dict.fromkeys((*known, *waiting)) if name not in found]:
                read = await provider.get_subscription(name)
                if read is not None:
                    found[name] = read
        return found


def _difference(
    customer: BillingCustomer, here: BillingSubscription | None, there: Subscription | None, now: datetime
) -> Difference | None:
    if here is None and there is not None:
        return Difference(customer.org_id, there.id, lacks=Lacks.HERE)
    if there is None and here is not None:
        return Difference(customer.org_id, here.external_subscription_id, lacks=Lacks.THERE)
    if here is None or there is None:
        return None
    read = _as_stored(here, there, now)
    pairs = {name: (getattr(here, name), getattr(read, name)) for name in _COMPARED}
    fields = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    return Difference(customer.org_id, there.id, fields) if fields else None


def _as_stored(here: BillingSubscription, there: Subscription, now: datetime) -> BillingSubscription:
    """The provider's state as it would be stored: what the provider does not say stays as it is."""
    read = BillingSubscription.of(
        there,
        id=here.id,
        customer_id=here.customer_id,
        provider=here.provider,
        now=now,
        ticket=here.ticket,
        version=here.version,
    )
    return read.replacing(here)
