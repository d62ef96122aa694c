"""Creating a customer."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, cast

import attrs

from ...errors import InvalidResponse, PaymentError
from ...frozen import FrozenMap
from ...models import NOTHING, Customer
from ...models.base import string_map
from ...operations import Capability
from ...provider import BaseProvider
from ..record_ids import new_record_id
from ..records import BillingCustomer, BillingOperation
from ..store import Store
from .base import Command, Made

__all__ = ["CreateCustomer"]


@attrs.frozen
class CreateCustomer(Command[Customer]):
    """Create a customer. Its row's ``reference`` is the id of the customer that this one replaces, who was deleted.

    Args:
        email: of the customer.
        name: of the customer.
        metadata: with ``org_id`` in it.
    """

    kind: ClassVar[str] = "create_customer"
    operation: ClassVar[str] = "create_customer"
    has_record: ClassVar[bool] = True
    events_may_wait: ClassVar[bool] = True

    email: str = attrs.field(repr=False)
    name: str | None = attrs.field(default=None, repr=False)
    metadata: FrozenMap[str, str] = attrs.field(default=NOTHING, converter=string_map, repr=False)

    @property
    def may_be_sent_anew(self) -> bool:
        """A customer who pays for nothing does no harm."""
        return True

    async def send(self, provider: BaseProvider, key: str) -> Customer:
        """Create it."""
        return await provider.create_customer(
            email=self.email, name=self.name, metadata=self.metadata, idempotency_key=key
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
            await store.update_customer(self.moved(stored, answer, now), tx=tx)

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
            created_at=now,
            updated_at=now,
        )

    def moved(self, stored: BillingCustomer, answer: Customer, now: datetime) -> BillingCustomer:
        """The record with the new customer's id. What the application has said of it stays."""
        return attrs.evolve(stored, external_customer_id=answer.id, email=stored.email or self.email, updated_at=now)


def _without_org(metadata: Mapping[str, str]) -> dict[str, str]:
    """The application's own metadata, out of what was sent."""
    return {key: value for key, value in metadata.items() if key != "org_id"}
