"""What an organisation asks for: a checkout, another plan, the end of its subscription, usage. Each goes through the journal.

A key that the caller chose is looked for at every provider first, and what it was begun with is what is finished. So an
order that is repeated never falls on another subscription, or another provider, than it did the first time.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Generic, TypeVar

from ..arguments import check_argument
from ..errors import Conflict, IdempotencyMismatch, InvalidRequest, InvalidResponse, NotFound, PaymentError
from ..idempotency import new_key, sub_key
from ..models import CheckoutSession, SubscriptionItem
from ..provider import BaseProvider
from .customers import Customers
from .journal import ASSIGN, CHECKOUT, USAGE, Journal, check_same
from .ownership import Ownership
from .precedence import rank
from .records import BillingCustomer, BillingOperation, BillingSubscription
from .replacing import Replacing
from .repository import Tx
from .store import Store
from .webhooks import EventPipeline

__all__ = ["Orders", "no_subscription"]

R = TypeVar("R")


class Orders(Generic[Tx]):
    """Sends what organisations ask for.

    Args:
        store: where the records are.
        providers: by name.
        pipeline: reads and stores what came of it.
        journal: sends.
        customers: whose subscriptions there are.
        ownership: knows where a checkout has to say whose a subscription is.
        replacing: knows which customers are gone at their provider.
    """

    def __init__(
        self,
        store: Store[Tx],
        providers: Mapping[str, BaseProvider],
        pipeline: EventPipeline[Tx],
        journal: Journal[Tx],
        customers: Customers[Tx],
        ownership: Ownership[Tx],
        replacing: Replacing[Tx],
    ) -> None:
        self._store = store
        self._ownership = ownership
        self._replacing = replacing
        self._providers = providers
        self._pipeline = pipeline
        self._journal = journal
        self._customers = customers

    async def checkout_begun(
        self, org_id: str, chosen: Mapping[str, object], key: str | None, provider: str | None
    ) -> CheckoutSession | None:
        """The page that was opened, or begun, under this key before."""
        begun = await self._begun(CHECKOUT, org_id, key, chosen)
        if begun is None:
            return None
        if provider not in {None, begun.provider}:
            message = "this idempotency key was used before at another provider: a new operation needs a new key"
            raise IdempotencyMismatch(message, provider=provider, operation=CHECKOUT, idempotency_key=key)
        try:
            session = self._answer(begun.provider, CHECKOUT, await self._repeat(begun), CheckoutSession)
        except (InvalidRequest, NotFound) as error:
            used_id = str(begun.arguments["customer_id"])
            return await self._for_another(org_id, begun.provider, used_id, chosen, begun.key, error)
        return await self._opened(begun.provider, session)

    async def checkout(
        self, customer: BillingCustomer, chosen: Mapping[str, object], key: str | None
    ) -> CheckoutSession:
        """A new page for the customer; for a new customer, if the provider knows this one no more."""
        key = new_key() if key is None else key
        try:
            session = await self._open(customer, chosen, key)
        except (InvalidRequest, NotFound) as error:
            used_id = customer.external_customer_id
            return await self._for_another(customer.org_id, customer.provider, used_id, chosen, key, error)
        return await self._opened(customer.provider, session)

    async def _open(self, customer: BillingCustomer, chosen: Mapping[str, object], key: str) -> CheckoutSession:
        arguments = {"customer_id": customer.external_customer_id, **chosen}
        return await self._send(customer.provider, CHECKOUT, customer.org_id, arguments, key, CheckoutSession)

    async def _for_another(
        self,
        org_id: str,
        provider: str,
        used_id: str,
        chosen: Mapping[str, object],
        key: str,
        error: PaymentError,
    ) -> CheckoutSession:
        """The page for the customer in the place of one who is gone. The key is used up: the page has one made of it.

        Raises:
            PaymentError: the error, if that is not what it says; or what the page for the new customer ends in.
        """
        email = str(chosen["customer_email"])
        living = await self._replacing.living(org_id, provider, used_id, error, email=email)
        if living is None:
            raise error
        session = await self._open(living, chosen, sub_key(key, living.external_customer_id))
        return await self._opened(provider, session)

    async def _opened(self, provider: str, session: CheckoutSession) -> CheckoutSession:
        """Apply what came about the session's subscription before the journal knew whose it is."""
        there = self._providers[provider]
        is_itself = there.checkout_session_of(session.id) == session.id
        subscription_id = session.subscription_id or (session.id if is_itself else None)
        if subscription_id is not None and not self._ownership.is_proven(provider):
            await self._pipeline.apply_parked(provider, external_subscription_id=subscription_id)
        return session

    async def assign(self, customer: BillingCustomer, subscription_id: str) -> BillingSubscription:
        """Let the customer have a subscription as it is now, whoever made it.

        Raises:
            NotFound: the provider has no such subscription.
            Conflict: it is another organisation's.
        """
        name = customer.provider
        ticket = await self._store.next_ticket()
        subscription = await self._providers[name].get_subscription(subscription_id)
        if subscription is None:
            message = "the provider has no such subscription, in this account and mode"
            raise NotFound(message, provider=name, operation=ASSIGN)
        before = await self._store.get_subscription(name, subscription_id)
        owner = await self._ownership.whose_by_itself(name, subscription) if before is None else None
        owner_id = before.customer_id if before is not None else owner.id if owner is not None else customer.id
        if owner_id == customer.id:
            terms = {
                "subscription_id": subscription_id,
                "plan_id": subscription.plan_id,
                "quantity": 1 if subscription.quantity is None else subscription.quantity,
                "plan_overridden": subscription.plan_overridden,
            }
            await self._journal.note(name, ASSIGN, customer.org_id, terms, external_id=subscription_id)
            stored = await self._pipeline.store(name, customer, subscription, ticket, strict=True)
            if stored is not None and stored.customer_id == customer.id:
                await self._pipeline.apply_parked(name, external_subscription_id=subscription_id)
                return stored
        message = "the subscription is another organisation's: look at both at the provider"
        raise Conflict(message, provider=name, operation=ASSIGN)

    async def change(
        self, operation: str, org_id: str, chosen: Mapping[str, object], key: str | None, returns: type[R]
    ) -> tuple[R, BillingSubscription]:
        """Change the organisation's subscription. Returns the answer, and what is stored afterwards.

        Raises:
            NotFound: the organisation has no subscription.
        """
        begun = await self._begun(operation, org_id, key, chosen)
        if begun is not None:
            customer, stored = await self._as_begun(begun)
            answer = self._answer(begun.provider, operation, await self._repeat(begun), returns)
        else:
            customer, stored = await self._current(org_id, operation)
            arguments = {"subscription_id": stored.external_subscription_id, **chosen}
            answer = await self._send(customer.provider, operation, org_id, arguments, key, returns)
        return answer, await self.observe_again(customer, stored)

    async def observe_again(self, customer: BillingCustomer, stored: BillingSubscription) -> BillingSubscription:
        """Read after the change: an answer to a write has no place in the order of tickets."""
        seen = await self._pipeline.observe(customer.provider, customer, stored.external_subscription_id)
        return seen or stored

    async def usage(
        self, org_id: str, quantity: int, key: str, *, plan_id: str | None, timestamp: datetime | None
    ) -> bool:
        """Report usage. Which item it is of is decided once: repeating it falls on the same one, whatever became of it."""
        chosen = {"quantity": quantity, "timestamp": timestamp}
        for name, value in {**chosen, "idempotency_key": key}.items():
            if value is not None or name == "idempotency_key":
                check_argument(USAGE, name, value)
        subscriptions = await self._customers.subscriptions(org_id)
        if not subscriptions:
            raise no_subscription("record_usage")
        begun = await self._begun(USAGE, org_id, key, chosen)
        if begun is not None:
            return self._answer(begun.provider, USAGE, await self._repeat(begun), bool)
        provider, item = _metered_item(await self._items(subscriptions), plan_id)
        arguments = {"subscription_item_id": item.id, **chosen}
        return await self._send(provider.get_provider_name(), USAGE, org_id, arguments, key, bool)

    # --- what was begun before -----------------------------------------------------------------------------------

    async def _begun(
        self, operation: str, org_id: str, key: str | None, chosen: Mapping[str, object]
    ) -> BillingOperation | None:
        """What the caller's key was used for before, at whichever provider.

        Raises:
            IdempotencyMismatch: for something else.
        """
        if key is None:
            return None
        for name in self._providers:
            known = await self._store.get_operation(name, key)
            if known is not None:
                check_same(known, operation, org_id, chosen)
                return known
        return None

    async def _repeat(self, begun: BillingOperation) -> object:
        return await self._journal.repeat(self._providers[begun.provider], begun)

    async def _as_begun(self, begun: BillingOperation) -> tuple[BillingCustomer, BillingSubscription]:
        stored = await self._store.get_subscription(begun.provider, str(begun.arguments["subscription_id"]))
        customer = await self._store.get_customer_by_id(stored.customer_id) if stored is not None else None
        if stored is None or customer is None:
            raise no_subscription(begun.operation)
        return customer, stored

    async def _current(self, org_id: str, operation: str) -> tuple[BillingCustomer, BillingSubscription]:
        for customer in await self._customers.known(org_id):
            stored = await self._customers.subscription_of(customer)
            if stored is not None:
                return customer, stored
        raise no_subscription(operation)

    async def _items(self, known: Sequence[BillingSubscription]) -> list[tuple[BaseProvider, SubscriptionItem]]:
        living = [each for each in known if not each.status.is_terminal]
        items: list[tuple[BaseProvider, SubscriptionItem]] = []
        for stored in living or [max(known, key=rank)]:
            provider = self._providers[stored.provider]
            subscription = await provider.get_subscription(stored.external_subscription_id)
            items += [(provider, item) for item in (subscription.items if subscription else ())]
        return items

    # --- sending -------------------------------------------------------------------------------------------------

    async def _send(
        self,
        provider: str,
        operation: str,
        org_id: str,
        arguments: Mapping[str, object],
        key: str | None,
        returns: type[R],
    ) -> R:
        key = new_key() if key is None else key
        made = await self._journal.run(self._providers[provider], operation, org_id, key, arguments)
        return self._answer(provider, operation, made, returns)

    def _answer(self, provider: str, operation: str, made: object, returns: type[R]) -> R:
        if not isinstance(made, returns):
            message = f"the provider's answer is no {returns.__name__}"
            raise InvalidResponse(message, provider=provider, operation=operation)
        return made


def no_subscription(operation: str) -> NotFound:
    """The error for an organisation that has none."""
    message = "the organisation has no subscription"
    return NotFound(message, operation=operation)


def _metered_item(
    items: Sequence[tuple[BaseProvider, SubscriptionItem]], plan_id: str | None
) -> tuple[BaseProvider, SubscriptionItem]:
    metered = [(provider, item) for provider, item in items if item.metered and plan_id in {None, item.plan_id}]
    if len(metered) == 1:
        return metered[0]
    message = (
        "the organisation has several metered items: plan_id= has to choose one"
        if metered
        else "the organisation has no metered item (of this plan): usage needs a metered plan"
    )
    raise InvalidRequest(message, param="plan_id", operation="record_usage")
