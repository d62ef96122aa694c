"""An organisation's customers: one at each provider, whatever crashes, and however many ask for it at once."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar

from ..errors import (
    ConfigurationError,
    Conflict,
    IdempotencyMismatch,
    InvalidRequest,
    NotFound,
    UnsupportedOperation,
)
from ..idempotency import operation_key
from ..models import Customer
from ..operations import Capability
from ..provider import BaseProvider
from .access import answers
from .commands import Command, CreateCustomer
from .entries import Entry, is_consumed
from .handlers import Handlers
from .operation_log import OperationLog
from .pipeline import EventPipeline
from .record_ids import new_record_id
from .records import BillingCustomer, BillingSubscription, OperationState
from .repository import Tx
from .store import Store

__all__ = ["Customers", "not_configured", "provider_named"]

_log = logging.getLogger("paylattice")
AnyCommand = TypeVar("AnyCommand", bound=Command[Any])
_ASSIGN = "assign_customer"
_MAX_FOREIGN_KEYS = 20
"""How many keys in a row the provider may know otherwise than the operation log does, after a database was restored, say."""
_JUST_MADE = timedelta(minutes=5)
"""How long a provider may take to show a customer that it has made."""


class Customers(Generic[Tx]):
    """Finds and makes the customers of organisations.

    Args:
        store: where the records are.
        providers: by name.
        pipeline: applies what was unmatched for a customer.
        log: sends.
        handlers: the application's: what one of them reads, it reads in its transaction.
        clock: returns the time, aware.
        select: the name of the provider for a new customer, by organisation; None: the first one.
    """

    def __init__(
        self,
        store: Store[Tx],
        providers: Mapping[str, BaseProvider],
        pipeline: EventPipeline[Tx],
        log: OperationLog[Tx],
        handlers: Handlers[Tx],
        clock: Callable[[], datetime],
        select: Callable[[str], str] | None = None,
    ) -> None:
        self._store = store
        self._providers = providers
        self._pipeline = pipeline
        self._log = log
        self._handlers = handlers
        self._clock = clock
        self._select = select

    async def known(self, org_id: str) -> list[BillingCustomer]:
        """The organisation's customers, the one with the primary subscription first."""
        tx = self._handlers.transaction()
        found = [await self._store.get_customer(org_id, name, tx=tx) for name in self._providers]
        known = [customer for customer in found if customer is not None]
        if len(known) < 2:  # noqa: PLR2004 - nothing to sort
            return known
        order = [each.customer_id for each in await self.subscriptions(org_id)]
        return sorted(known, key=lambda each: order.index(each.id) if each.id in order else len(order))

    async def elsewhere(self, org_id: str) -> list[BillingCustomer]:
        """The organisation's customers at providers that this service does not have, or not any more."""
        found = await self._store.list_customers_of(org_id, tx=self._handlers.transaction())
        return [each for each in found if each.provider not in self._providers]

    async def begun(self, org_id: str, wanted: AnyCommand, key: str) -> Entry[AnyCommand] | None:
        """What the caller's key was used for before, at whichever provider.

        Raises:
            IdempotencyMismatch: something else.
            ConfigurationError: it was used at a provider that the service does not have any more, and may have been done there.
        """
        names = [*self._providers, *(each.provider for each in await self.elsewhere(org_id))]
        begun = await self._log.begun(names, key, org_id, wanted)
        if begun is not None and begun.row.provider not in self._providers:
            raise not_configured(begun.row.provider, wanted.kind)
        return begun

    async def portal(self, org_id: str, return_url: str, provider_name: str | None) -> str:
        """The page of the organisation's provider where it manages its subscriptions; of several, the first that has one.

        Raises:
            NotFound: the organisation has no customer, or none there.
            UnsupportedOperation: no provider of its has such a page.
        """
        missing: UnsupportedOperation | None = None
        for customer in await self.known(org_id):
            if provider_name in {None, customer.provider}:
                try:
                    there = self._providers[customer.provider]
                    return await there.customer_portal(customer.external_customer_id, return_url)
                except UnsupportedOperation as error:
                    missing = missing or error
        if missing is not None:
            raise missing
        message = "the organisation has no customer there: ensure_customer first"
        raise NotFound(message, provider=provider_name, operation="customer_portal")

    async def subscriptions_of(self, customer: BillingCustomer) -> list[BillingSubscription]:
        """All of the customer's subscriptions."""
        return await self._store.list_subscriptions(customer.id, tx=self._handlers.transaction())

    async def subscriptions(self, org_id: str) -> list[BillingSubscription]:
        """All that the organisation has, at whichever provider, the primary one first."""
        tx = self._handlers.transaction()
        found: list[BillingSubscription] = []
        for name in self._providers:
            customer = await self._store.get_customer(org_id, name, tx=tx)
            if customer is not None:
                found += await self._store.list_subscriptions(customer.id, tx=tx)
        return [each.subscription for each in answers(found, self._clock()) if each.subscription is not None]

    async def ensure(
        self,
        org_id: str,
        *,
        email: str | None,
        name: str | None,
        metadata: Mapping[str, str] | None,
        phone: str | None = None,
        provider_name: str | None,
    ) -> BillingCustomer:
        """The organisation's customer; created if there is none yet.

        Raises:
            Conflict: the provider's customer is another organisation's.
            PaymentError: it cannot be created now.
        """
        known = [each for each in await self.known(org_id) if provider_name in {None, each.provider}]
        if known and known[0].is_erased:
            self._handlers.refuse_inside()
            details = _asked(org_id, email, name, metadata, phone)
            return await self._replace(known[0], details)
        if known:
            _tell_if_others(known[0], email, name, phone)
            return known[0]
        self._handlers.refuse_inside()
        if provider_name is None:
            provider_name = self._select(org_id) if self._select else next(iter(self._providers))
        chosen = provider_named(self._providers, provider_name)
        return await self._create(chosen, org_id, _asked(org_id, email, name, metadata, phone))

    async def _create(self, provider: BaseProvider, org_id: str, wanted: CreateCustomer) -> BillingCustomer:
        """The organisation's customer at a provider where it has none on record.

        The record says what the provider was told: the details of a creation that was begun before, if one was.
        """
        name = provider.get_provider_name()
        created, told = await self._created(provider, org_id, wanted)
        stored = await self._store.get_customer(org_id, name)
        if stored is None:
            await self._store.insert_customer(told.record_of(name, org_id, created, self._clock()))
            stored = await self._store.get_customer(org_id, name)
        if stored is None:
            message = "the provider's customer belongs to another organisation here: two organisations share its id"
            raise Conflict(message, provider=name, operation="ensure_customer")
        await self._pipeline.apply_unmatched(name, external_customer_id=stored.external_customer_id)
        return stored

    async def assign(self, org_id: str, customer_id: str, provider_name: str | None) -> BillingCustomer:
        """The organisation's record of a customer that exists at the provider.

        Raises:
            NotFound: the provider has no such customer.
            Conflict: it is another organisation's, or the organisation has another one there.
            UnsupportedOperation: the provider has no customers.
        """
        if provider_name is None and len(self._providers) > 1:
            message = "this service has several providers: provider_name= has to say whose customer it is"
            raise InvalidRequest(message, param="provider_name", operation=_ASSIGN)
        provider = provider_named(self._providers, provider_name or next(iter(self._providers)))
        provider.require(Capability.CUSTOMERS, Capability.LIST_SUBSCRIPTIONS)
        found = await provider.get_customer(customer_id)
        if found is None:
            message = "the provider has no such customer, in this account and mode"
            raise NotFound(message, provider=provider.get_provider_name(), operation=_ASSIGN)
        return await self._assigned(org_id, provider, found)

    async def without_one_there(self, org_id: str, provider: BaseProvider) -> BillingCustomer:
        """The organisation's record at a provider that has no customers: the id is billing's own."""
        return await self._assigned(org_id, provider, None)

    async def _assigned(self, org_id: str, provider: BaseProvider, found: Customer | None) -> BillingCustomer:
        name = provider.get_provider_name()
        stored = await self._store.get_customer(org_id, name)
        if stored is None:
            now, record_id = self._clock(), new_record_id()
            metadata = {} if found is None else {key: word for key, word in found.metadata.items() if key != "org_id"}
            record = BillingCustomer(
                id=record_id,
                org_id=org_id,
                provider=name,
                external_customer_id=f"cus_{record_id}" if found is None else found.id,
                email=None if found is None else found.email,
                name=None if found is None else found.name,
                phone=None if found is None else found.phone,
                metadata=metadata,
                created_at=now,
                updated_at=now,
            )
            await self._store.insert_customer(record)
            stored = await self._store.get_customer(org_id, name)
        if stored is None:
            message = "the customer is another organisation's here: which one pays with it?"
            raise Conflict(message, provider=name, operation=_ASSIGN)
        if found is not None and stored.external_customer_id != found.id:
            message = "the organisation has another customer there: which one does it pay with?"
            raise Conflict(message, provider=name, operation=_ASSIGN)
        return stored

    async def replace(self, gone: BillingCustomer, *, email: str | None) -> BillingCustomer:
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
        return await self._replace(gone, _asked(gone.org_id, gone.email or email, gone.name, gone.metadata, gone.phone))

    async def _replace(self, gone: BillingCustomer, wanted: CreateCustomer) -> BillingCustomer:
        provider, old_id = self._providers[gone.provider], gone.external_customer_id
        made, told = await self._created(provider, gone.org_id, wanted, gone=old_id)
        stored = await self._store.get_customer_by_id(gone.id) or gone
        if stored.external_customer_id == old_id:
            now = self._clock()
            await self._store.change_customer(gone.id, lambda each: told.moved(each, old_id, made, now))
            stored = await self._store.get_customer_by_id(gone.id) or stored
        if stored.external_customer_id == old_id:
            message = "the provider's new customer belongs to another organisation here: two organisations share its id"
            raise Conflict(message, provider=gone.provider, operation="ensure_customer")
        await self._pipeline.apply_unmatched(gone.provider, external_customer_id=stored.external_customer_id)
        return stored

    async def _created(
        self, provider: BaseProvider, org_id: str, wanted: CreateCustomer, *, gone: str | None = None
    ) -> tuple[Customer, CreateCustomer]:
        """The organisation's customer at the provider, and the command that it was created with.

        The key is made of the organisation and the provider, so that the creation that was begun is the one that is
        finished. A key that the provider has answered with a refusal is consumed: the next attempt, with an e-mail address
        that is accepted, say, has the next key. The key of the next customer, after one that was deleted at the provider
        (``gone``), includes that id, too: every process that finds the customer missing creates the same one.
        """
        name = provider.get_provider_name()
        attempt, mismatches = 1, 0
        while True:
            key = operation_key("customer", name, org_id, *([gone] if gone else []), attempt=attempt)
            row = await self._store.get_operation(name, key)
            if row is not None and ((row.operation, row.org_id) != (wanted.kind, org_id) or is_consumed(row)):
                attempt += 1
                continue
            begun = None if row is None else Entry(row, CreateCustomer.from_json(row.arguments))
            try:
                if begun is None:
                    return await self._log.run(provider, wanted, org_id, key, reference=gone), wanted
                if begun.row.state is not OperationState.DONE or begun.row.external_id is None:
                    return await self._log.repeat(provider, begun), begun.command
            except IdempotencyMismatch:
                there = await self._store.get_customer(org_id, name)
                if there is not None and there.external_customer_id != gone:
                    return Customer(there.external_customer_id), wanted
                # another worker was faster, and its details are taken; or the provider knows a key that the log lost
                mismatches += 1
                if mismatches > _MAX_FOREIGN_KEYS:
                    raise
                continue
            made = await self._as_made(provider, begun)
            if made is not None:
                return made, begun.command
            gone, attempt = begun.row.external_id, 1

    async def _as_made(self, provider: BaseProvider, done: Entry[CreateCustomer]) -> Customer | None:
        """The customer that a creation that is DONE has made; None if they were deleted since."""
        found = await done.command.find_effect(provider, done.row)
        closed_at = done.row.closed_at
        just_made = closed_at is not None and abs(self._clock() - closed_at) < _JUST_MADE
        if found is None and just_made and done.row.external_id is not None:
            return Customer(done.row.external_id, provider=done.row.provider)
        return found


def _tell_if_others(stored: BillingCustomer, email: str | None, name: str | None, phone: str | None) -> None:
    """Say in the log that a customer who is there already keeps their details."""
    given = {"email": (email, stored.email), "name": (name, stored.name), "phone": (phone, stored.phone)}
    others = [what for what, (asked, known) in given.items() if asked is not None and asked != known]
    if others:
        _log.info(
            "the customer %s of %s keeps the stored %s, although others were given: update_customer() changes them",
            stored.id,
            stored.provider,
            ", ".join(others),
        )


def _asked(
    org_id: str, email: str | None, name: str | None, metadata: Mapping[str, str] | None, phone: str | None = None
) -> CreateCustomer:
    return CreateCustomer(email, name, {**(metadata or {}), "org_id": org_id}, phone)


def provider_named(providers: Mapping[str, BaseProvider], name: str) -> BaseProvider:
    """One of the providers of the service.

    Raises:
        ConfigurationError: there is none of this name.
    """
    found = providers.get(name) if isinstance(name, str) else None  # pyright: ignore[reportUnnecessaryIsInstance] - not every caller checks types
    if found is None:
        message = f"this service has no provider {str(name)[:60]!r}; it has {', '.join(providers)}"
        raise ConfigurationError(message)
    return found


def not_configured(provider: str, operation: str) -> ConfigurationError:
    """The error about what an organisation has at a provider that this service does not have, or not any more."""
    message = (
        f"the organisation has a customer at {provider!r}, and this service has no such provider: give it that provider, too, "
        "or do this at the provider itself"
    )
    return ConfigurationError(message, provider=provider, operation=operation)
