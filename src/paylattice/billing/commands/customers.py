"""Creating a customer, and changing what is known of them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, cast

import attrs

from ...errors import InvalidResponse, PaymentError
from ...frozen import FrozenMap
from ...models import NOTHING, Customer
from ...operations import Capability
from ...provider import BaseProvider
from ..record_ids import new_record_id
from ..records import BillingCustomer, BillingOperation
from ..store import Store
from .base import Command, Made, StateCommand, decided_here

__all__ = ["CreateCustomer", "DeleteCustomer", "UpdateCustomer"]


@attrs.frozen
class CreateCustomer(Command[Customer]):
    """Create a customer. Its row's ``reference`` is the id of the customer that this one replaces, who was deleted.

    Args:
        email: of the customer; None: not known.
        name: of the customer.
        metadata: with ``org_id`` in it.
        phone: of the customer.
    """

    kind: ClassVar[str] = "create_customer"
    operation: ClassVar[str] = "create_customer"
    has_record: ClassVar[bool] = True
    events_may_wait: ClassVar[bool] = True

    email: str | None = attrs.field(default=None, repr=False)
    name: str | None = attrs.field(default=None, repr=False)
    metadata: FrozenMap[str, str] = attrs.field(default=NOTHING, converter=FrozenMap[str, str], repr=False)
    phone: str | None = attrs.field(default=None, repr=False)

    @property
    def may_be_sent_anew(self) -> bool:
        """A customer who pays for nothing does no harm."""
        return True

    async def send(self, provider: BaseProvider, key: str) -> Customer:
        """Create it."""
        return await provider.create_customer(
            email=self.email, name=self.name, metadata=self.metadata, phone=self.phone, idempotency_key=key
        )

    def made(self, answer: Customer) -> Made:
        """The customer."""
        return Made(answer.id)

    async def find_effect(self, provider: BaseProvider, row: BillingOperation) -> Customer | None:
        """The customer that it has made: by id if that is known, else as the provider can tell."""
        if row.external_id is None:
            return await self._find_created(provider, row)
        if Capability.CUSTOMERS in provider.capabilities:
            return await provider.get_customer(row.external_id)
        return Customer(row.external_id, provider=row.provider)

    async def _find_created(self, provider: BaseProvider, row: BillingOperation) -> Customer | None:
        """Ask a method that no guard stands before."""
        try:
            found = cast(
                "object",
                await provider.find_created_customer(
                    row.key, row.created_at, email=self.email, name=self.name, metadata=self.metadata
                ),
            )
        except PaymentError as error:
            error.provider, error.operation = error.provider or row.provider, error.operation or self.operation
            raise
        except Exception as exc:  # noqa: BLE001 - its text may hold the e-mail address
            broken = f"{type(provider).__name__}.find_created_customer failed with {type(exc).__name__}"
        else:
            if found is None or isinstance(found, Customer):
                return found
            broken = f"{type(provider).__name__}.find_created_customer found what is no Customer"
        raise InvalidResponse(broken, provider=row.provider, operation=self.operation)

    async def record(
        self,
        row: BillingOperation,
        answer: Customer,
        store: Store[Any],
        *,
        now: datetime,
        tx: Any,
    ) -> None:
        """Insert the organisation's record, or let it point to the customer in the place of one who is gone."""
        stored = await store.get_customer(row.org_id, row.provider, tx=tx)
        if stored is None:
            await store.insert_customer(self.record_of(row.provider, row.org_id, answer, now), tx=tx)
        elif stored.external_customer_id == row.reference:
            await store.change_customer(stored.id, lambda each: self.moved(each, row.reference, answer, now), tx=tx)

    def record_of(self, provider: str, org_id: str, answer: Customer, now: datetime) -> BillingCustomer:
        """A new record: it says what the provider was told."""
        return BillingCustomer(
            id=new_record_id(),
            org_id=org_id,
            provider=provider,
            external_customer_id=answer.id,
            email=self.email,
            name=self.name,
            metadata=_without_org(self.metadata),
            phone=self.phone,
            created_at=now,
            updated_at=now,
        )

    def moved(self, stored: BillingCustomer, before: str | None, answer: Customer, now: datetime) -> BillingCustomer:
        """The record with the new customer's id, if it has the one before still. What the application has said of it stays."""
        if stored.external_customer_id != before:
            return stored
        moved = attrs.evolve(stored, external_customer_id=answer.id, email=stored.email or self.email, updated_at=now)
        if not stored.is_erased:
            return moved
        metadata = _without_org(self.metadata)
        return attrs.evolve(moved, name=self.name, phone=self.phone, metadata=metadata)


@attrs.frozen(kw_only=True)
class UpdateCustomer(StateCommand[Customer]):
    """Change what is known of a customer. What is None stays as it is.

    Args:
        customer_id: the provider's id of the customer.
        email: the new e-mail address.
        name: the new name.
        phone: the new phone number.
    """

    kind: ClassVar[str] = "update_customer"
    operation: ClassVar[str] = "update_customer"
    subject: ClassVar[str] = "customer"
    has_record: ClassVar[bool] = True

    customer_id: str = decided_here()
    email: str | None = attrs.field(default=None, repr=False)
    name: str | None = attrs.field(default=None, repr=False)
    phone: str | None = attrs.field(default=None, repr=False)

    @property
    def fields(self) -> frozenset[str]:
        """What it sets."""
        return frozenset(name for name in ("email", "name", "phone") if getattr(self, name) is not None)

    @property
    def target(self) -> str:
        """The customer."""
        return self.customer_id

    @property
    def changed(self) -> None:
        """No subscription is another one afterwards."""
        return

    @property
    def can_be_set_back(self) -> str:
        """What it sets."""
        return f"customer: {', '.join(sorted(self.fields))}"

    def supersedes(self, other: Command[Any]) -> bool:
        """What was asked for of the same customer before, if all of it is set again."""
        return isinstance(other, UpdateCustomer) and other.target == self.target and other.fields <= self.fields

    async def send(self, provider: BaseProvider, key: str) -> Customer:
        """Change it."""
        return await provider.update_customer(
            customer_id=self.customer_id, email=self.email, name=self.name, phone=self.phone, idempotency_key=key
        )

    async def record(
        self, row: BillingOperation, answer: Customer, store: Store[Any], *, now: datetime, tx: Any
    ) -> None:
        """What the provider says of the customer now, unless it was read later already."""
        stored = await store.get_customer_by_external_id(row.provider, self.customer_id, tx=tx)
        if stored is not None and answer.merged_from is None:
            await store.note_details(stored.id, answer, row.ticket, now=now, tx=tx)

    async def read(self, provider: BaseProvider) -> Customer | None:
        """The customer."""
        if Capability.CUSTOMERS not in provider.capabilities:
            return None
        return await provider.get_customer(self.customer_id)

    def is_in_effect(self, state: Customer) -> bool:
        """The provider has it, in whichever way it writes it."""
        return all(_same(name, getattr(self, name), getattr(state, name)) for name in self.fields)

    def as_answer(self, state: Customer) -> Customer:
        """The customer."""
        return state


@attrs.frozen(kw_only=True)
class DeleteCustomer(Command[bool]):
    """Delete a customer, with their payment methods, which ends their subscriptions.

    Args:
        customer_id: the provider's id of the customer.
    """

    kind: ClassVar[str] = "delete_customer"
    operation: ClassVar[str] = "delete_customer"

    customer_id: str

    @property
    def may_be_sent_anew(self) -> bool:
        """Who is deleted twice is gone."""
        return True

    async def send(self, provider: BaseProvider, key: str) -> bool:
        """Delete them."""
        await provider.delete_customer(customer_id=self.customer_id, idempotency_key=key)
        return True

    async def find_effect(self, provider: BaseProvider, row: BillingOperation) -> bool | None:
        """They are gone."""
        return True if await provider.get_customer(self.customer_id) is None else None

    async def read_done(self, provider: BaseProvider, row: BillingOperation, *, superseded: bool) -> bool:
        """They are gone for good."""
        return True


def _same(name: str, asked: str, found: str | None) -> bool:
    if found is None:
        return name == "phone"  # some providers keep none
    if name == "phone":
        return _digits(asked) == _digits(found)
    return " ".join(asked.split()).casefold() == " ".join(found.split()).casefold()


def _digits(text: str) -> str:
    return "".join(each for each in text if each.isdigit())


def _without_org(metadata: Mapping[str, str]) -> dict[str, str]:
    """The application's own metadata, out of what was sent."""
    return {key: value for key, value in metadata.items() if key != "org_id"}
