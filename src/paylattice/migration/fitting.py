"""Whether a pair fits what is stored, and what the provider has."""

from typing import Generic, NamedTuple

from ..arguments import is_id
from ..billing.records import BillingCustomer, BillingSubscription
from ..billing.repository import Tx
from ..billing.service import BillingService
from ..models import Subscription
from ..operations import Capability
from .lines import AdoptionProblem
from .pairs import Pair

__all__ = ["Fitting", "Read", "Stored"]

_BY_CUSTOMER = frozenset({Capability.CUSTOMERS, Capability.LIST_SUBSCRIPTIONS})
_REASONS = {"deleted": AdoptionProblem.DELETED, "other_mode": AdoptionProblem.OTHER_MODE}


class Stored(NamedTuple):
    """What the repository says of a pair: that it is known already, or why it does not fit."""

    known: bool = False
    problem: AdoptionProblem | None = None


class Read(NamedTuple):
    """What the provider says of a pair: its subscriptions, or why it does not fit."""

    subscriptions: tuple[Subscription, ...] = ()
    problem: AdoptionProblem | None = None


class Fitting(Generic[Tx]):
    """Compares pairs with the repository and the provider. Writes nothing.

    Args:
        billing: the service.
        provider_name: the provider of the customers.
    """

    def __init__(self, billing: BillingService[Tx], provider_name: str) -> None:
        self._repository = billing.repository
        self._provider = billing.provider(provider_name)
        self._name = provider_name
        self.by_customer: bool = self._provider.capabilities >= _BY_CUSTOMER
        """Whether the provider's id in a pair is a customer's; else it is a subscription's."""

    @property
    def requests(self) -> int:
        """How many requests a pair takes, as a rule."""
        return 2 if self.by_customer else 1

    async def stored(self, pair: Pair) -> Stored:
        """What the repository says of the pair."""
        org_id, external_id = pair
        if not is_id(external_id) or not org_id.strip():
            return Stored(problem=AdoptionProblem.MALFORMED)
        owner = await self._owner(external_id)
        if owner is not None:
            same = owner.org_id == org_id
            return Stored(known=True) if same else Stored(problem=AdoptionProblem.TAKEN)
        if not self.by_customer:
            return Stored()
        other = await self.customer_of(org_id)
        if other is None:
            return Stored()
        found = await self._provider.get_customer(external_id)
        merged = found is not None and found.id == other.external_customer_id
        return Stored(known=True) if merged else Stored(problem=AdoptionProblem.OTHER_CUSTOMER)

    async def read(self, pair: Pair) -> Read:
        """What the provider says of the pair."""
        external_id = pair[1]
        if not self.by_customer:
            subscription = await self._provider.get_subscription(external_id)
            return Read(problem=AdoptionProblem.MISSING) if subscription is None else Read((subscription,))
        customer = await self._provider.get_customer(external_id)
        if customer is None:
            return Read(problem=await self.why_missing(external_id))
        return Read(tuple(await self._provider.list_subscriptions(customer.id)))

    async def why_missing(self, external_id: str) -> AdoptionProblem:
        """Why the provider does not find what the pair names."""
        if not self.by_customer:
            return AdoptionProblem.MISSING
        reason = await self._provider.missing_because(external_id)
        return AdoptionProblem.MISSING if reason is None else _REASONS[reason]

    async def customer_of(self, org_id: str) -> BillingCustomer | None:
        """The organisation's record at the provider."""
        return await self._repository.get(BillingCustomer, {"org_id": org_id, "provider": self._name})

    async def _owner(self, external_id: str) -> BillingCustomer | None:
        if self.by_customer:
            key = {"provider": self._name, "external_customer_id": external_id}
            return await self._repository.get(BillingCustomer, key)
        key = {"provider": self._name, "external_subscription_id": external_id}
        stored = await self._repository.get(BillingSubscription, key)
        return None if stored is None else await self._repository.get(BillingCustomer, {"id": stored.customer_id})
