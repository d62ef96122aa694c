"""An organisation's customers: one at each provider, whatever crashes, and however many ask for it at once."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Generic, cast

import attrs

from ..errors import Conflict, IdempotencyMismatch, InvalidRequest, InvalidResponse
from ..idempotency import operation_key
from ..models import Customer
from ..provider import BaseProvider
from ..wiring import said_as
from .handlers import Handlers
from .journal import CREATE_CUSTOMER, Journal, is_used_up
from .precedence import first, rank
from .records import BillingCustomer, BillingOperation, BillingSubscription, OperationState
from .repository import Tx
from .store import Store
from .webhooks import EventPipeline, new_record_id

__all__ = ["Customers", "check_org"]

_MAX_FOREIGN_KEYS = 20
"""How many keys in a row the provider may know otherwise than the journal does, after a database was restored, say."""


class Customers(Generic[Tx]):
    """Finds and makes the customers of organisations.

    Args:
        store: where the records are.
        providers: by name.
        pipeline: applies what was parked for a customer.
        journal: sends.
        handlers: the application's: what one of them reads, it reads in its transaction.
        clock: the time, aware.
    """

    def __init__(
        self,
        store: Store[Tx],
        providers: Mapping[str, BaseProvider],
        pipeline: EventPipeline[Tx],
        journal: Journal[Tx],
        handlers: Handlers[Tx],
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._providers = providers
        self._pipeline = pipeline
        self._journal = journal
        self._handlers = handlers
        self._clock = clock

    async def known(self, org_id: str) -> list[BillingCustomer]:
        """The organisation's customers, the one whose subscription counts first."""
        check_org(org_id)
        tx = self._handlers.transaction()
        found = [await self._store.get_customer(org_id, name, tx=tx) for name in self._providers]
        known = [customer for customer in found if customer is not None]
        if len(known) < 2:  # noqa: PLR2004 - nothing to sort
            return known
        ranked = [(await self.subscription_of(customer), customer) for customer in known]
        return [customer for _, customer in sorted(ranked, key=lambda pair: rank(pair[0]), reverse=True)]

    async def subscription_of(self, customer: BillingCustomer) -> BillingSubscription | None:
        """The one of the customer's subscriptions that counts."""
        return first(await self.subscriptions_of(customer))

    async def subscriptions_of(self, customer: BillingCustomer) -> list[BillingSubscription]:
        """All of the customer's subscriptions."""
        return await self._store.list_subscriptions(customer.id, tx=self._handlers.transaction())

    async def subscriptions(self, org_id: str) -> list[BillingSubscription]:
        """All that the organisation has, at whichever provider."""
        check_org(org_id)
        found: list[BillingSubscription] = []
        for name in self._providers:
            customer = await self._store.get_customer(org_id, name, tx=self._handlers.transaction())
            if customer is not None:
                found += await self.subscriptions_of(customer)
        return found

    async def create(
        self, provider: BaseProvider, org_id: str, *, email: str, name: str | None, metadata: Mapping[str, str] | None
    ) -> BillingCustomer:
        """The organisation's customer at a provider where it has none on record.

        The record says what the provider was told: the details of a creation that was begun before, if one was.

        Raises:
            Conflict: the provider's customer is another organisation's.
            PaymentError: it cannot be created now.
        """
        name_of_provider = provider.get_provider_name()
        created, told = await self._created(provider, org_id, _details(org_id, email, name, metadata))
        stored = await self._store.get_customer(org_id, name_of_provider)
        if stored is None:
            await self._store.insert_customer(self._record(name_of_provider, org_id, created, told))
            stored = await self._store.get_customer(org_id, name_of_provider)
        if stored is None:
            message = "the provider's customer belongs to another organisation here: two organisations share its id"
            raise Conflict(message, provider=name_of_provider, operation="ensure_customer")
        await self._pipeline.apply_parked(name_of_provider, external_customer_id=stored.external_customer_id)
        return stored

    async def keep(self, operation: BillingOperation, made: object, tx: Tx) -> None:
        """Store the customer that a creation has made, in the transaction that closes the creation."""
        if not isinstance(made, Customer):
            return
        stored = await self._store.get_customer(operation.org_id, operation.provider, tx=tx)
        if stored is None:
            customer = self._record(operation.provider, operation.org_id, made, operation.arguments)
            await self._store.insert_customer(customer, tx=tx)
        elif stored.external_customer_id == operation.reference:
            await self._store.update_customer(self._moved(stored, made, operation.arguments), tx=tx)

    async def replace(self, gone: BillingCustomer, *, email: str) -> BillingCustomer:
        """A new customer in the place of one who is gone at the provider: once, however many notice it.

        Args:
            gone: the record.
            email: of the new one, if the record has none.

        Returns:
            The same record, with the new customer's id. What the application has said of it stays.

        Raises:
            Conflict: the provider's new customer is another organisation's.
            PaymentError: none can be created now.
        """
        provider, old_id = self._providers[gone.provider], gone.external_customer_id
        made, told = await self._created(
            provider, gone.org_id, _details(gone.org_id, gone.email or email, gone.name, gone.metadata), gone=old_id
        )
        stored = await self._store.get_customer_by_id(gone.id) or gone
        if stored.external_customer_id == old_id:
            await self._store.update_customer(self._moved(stored, made, told))
            stored = await self._store.get_customer_by_id(gone.id) or stored
        if stored.external_customer_id == old_id:
            message = "the provider's new customer belongs to another organisation here: two organisations share its id"
            raise Conflict(message, provider=gone.provider, operation="ensure_customer")
        await self._pipeline.apply_parked(gone.provider, external_customer_id=stored.external_customer_id)
        return stored

    def _moved(self, stored: BillingCustomer, made: Customer, told: Mapping[str, object]) -> BillingCustomer:
        email = stored.email or cast("str | None", told.get("email"))
        return attrs.evolve(stored, external_customer_id=made.id, email=email, updated_at=self._clock())

    def _record(self, provider: str, org_id: str, made: Customer, told: Mapping[str, object]) -> BillingCustomer:
        now = self._clock()
        return BillingCustomer(
            id=new_record_id(),
            org_id=org_id,
            provider=provider,
            external_customer_id=made.id,
            email=cast("str | None", told.get("email")),
            name=cast("str | None", told.get("name")),
            metadata=_without_org(told.get("metadata")),
            created_at=now,
            updated_at=now,
        )

    async def _created(
        self, provider: BaseProvider, org_id: str, wanted: Mapping[str, object], *, gone: str | None = None
    ) -> tuple[Customer, Mapping[str, object]]:
        """The organisation's customer at the provider, and the details that it was created with.

        The key is made of the organisation and the provider, so that the creation that was begun is the one that is
        finished. A key that the provider has answered with a refusal is used up: the next attempt, with an e-mail address
        that is accepted, say, has the next key. The key of the next customer, after one that was deleted at the provider
        (``gone``), is made of that one's id, too: whoever finds that they are gone makes the same one.
        """
        name = provider.get_provider_name()
        attempt, mismatches = 1, 0
        while True:
            key = operation_key("customer", name, org_id, *([gone] if gone else []), attempt=attempt)
            begun = await self._store.get_operation(name, key)
            if begun is not None and (not _creates(begun, org_id) or is_used_up(begun)):
                attempt += 1
                continue
            told = wanted if begun is None else begun.arguments
            try:
                if begun is None:
                    made = await self._journal.run(
                        provider, CREATE_CUSTOMER, org_id, key, wanted, keep=self.keep, reference=gone
                    )
                elif begun.state is OperationState.DONE:
                    made = await self._journal.what_was_made(provider, begun)
                else:
                    made = await self._journal.repeat(provider, begun, keep=self.keep)
            except IdempotencyMismatch:
                there = await self._store.get_customer(org_id, name)
                if there is not None and there.external_customer_id != gone:
                    return Customer(there.external_customer_id), wanted
                # another worker was faster, and its details are taken; or the provider knows a key that the journal lost
                mismatches += 1
                if mismatches > _MAX_FOREIGN_KEYS:
                    raise
                continue
            if made is None:
                gone, attempt = begun.external_id if begun is not None else None, 1
                continue
            if not isinstance(made, Customer):
                message = "the provider's answer is no customer"
                raise InvalidResponse(message, provider=name, operation="ensure_customer")
            return made, told


def _details(org_id: str, email: str, name: str | None, metadata: Mapping[str, str] | None) -> Mapping[str, object]:
    """What the provider is told of a customer."""
    return {"email": email, "name": name, "metadata": {**(metadata or {}), "org_id": org_id}}


def _creates(operation: BillingOperation, org_id: str) -> bool:
    return (operation.operation, operation.org_id) == (CREATE_CUSTOMER, org_id)


def _without_org(words: object) -> dict[str, str]:
    """The application's own metadata, out of what was sent."""
    metadata = cast("Mapping[str, str]", words or {})
    return {key: value for key, value in metadata.items() if key != "org_id"}


def check_org(org_id: object) -> None:
    """Refuse what names no organisation.

    Raises:
        InvalidRequest: it is no str, or an empty one.
    """
    if not isinstance(org_id, str) or not org_id.strip():
        message = "org_id must be a str that is not empty"
        message += "" if isinstance(org_id, str) else f", not {said_as(org_id)}"
        raise InvalidRequest(message, param="org_id")
