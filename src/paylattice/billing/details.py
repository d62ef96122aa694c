"""The details of an organisation's customers: e-mail address, name and phone number, corrected here and at the provider.

The stored ones are a reading of the provider's customer, under a ticket: whatever order deliveries and changes come in, what
was read last stays.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Generic

import attrs

from ..errors import InvalidRequest, NotFound, PaymentError
from ..guard import checked
from ..idempotency import new_key
from ..operations import Capability
from ..provider import BaseProvider
from .commands import UpdateCustomer
from .customer_readings import read_details
from .customers import Customers
from .entries import entry_of
from .handlers import Handlers
from .operation_log import OperationLog
from .records import BillingCustomer, OperationState
from .repository import Tx
from .store import Store

__all__ = ["Details"]


class Details(Generic[Tx]):
    """Corrects the details of customers.

    Args:
        store: where the records are.
        providers: by name.
        customers: the organisation's.
        log: sends.
        handlers: the application's.
        clock: returns the time, aware.
    """

    def __init__(
        self,
        store: Store[Tx],
        providers: Mapping[str, BaseProvider],
        customers: Customers[Tx],
        log: OperationLog[Tx],
        handlers: Handlers[Tx],
        clock: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._providers = providers
        self._customers = customers
        self._log = log
        self._handlers = handlers
        self._clock = clock

    async def update(
        self, org_id: str, wanted: UpdateCustomer, *, provider_name: str | None, key: str | None
    ) -> list[BillingCustomer]:
        """Change the details of the organisation's customers, at one provider or at all of them.

        Raises:
            InvalidRequest: nothing is to be changed.
            NotFound: the organisation has no customer there.
            PaymentError: a provider cannot do it now; the others have done it.
        """
        if not wanted.fields:
            message = "there is nothing to change: give email=, name= or phone="
            raise InvalidRequest(message, param="email", operation=wanted.kind)
        known = [each for each in await self._customers.known(org_id) if provider_name in {None, each.provider}]
        if not known:
            message = "the organisation has no customer there: ensure_customer first"
            raise NotFound(message, provider=provider_name, operation=wanted.kind)
        key = key or new_key()
        changed: list[BillingCustomer] = []
        failed: PaymentError | None = None
        for customer in known:
            try:
                changed.append(await self._update(customer, wanted, key))
            except PaymentError as error:
                failed = failed or error
        if failed is not None:
            raise failed
        return changed

    async def _update(self, customer: BillingCustomer, wanted: UpdateCustomer, key: str) -> BillingCustomer:
        provider = self._providers[customer.provider]
        command = attrs.evolve(wanted, customer_id=customer.external_customer_id)
        if Capability.CUSTOMERS not in provider.capabilities:
            return await self._note(provider, customer, command)
        await self._finish_others(provider, command, key)
        await self._log.run(provider, command, customer.org_id, key)
        return await self.observe(customer)

    async def _note(self, provider: BaseProvider, customer: BillingCustomer, wanted: UpdateCustomer) -> BillingCustomer:
        """Change the record alone, where the provider keeps no customers."""
        with checked(provider, wanted.operation, wanted.arguments()):
            ticket, now = await self._store.next_ticket(), self._clock()

        def change(stored: BillingCustomer) -> BillingCustomer:
            given = {name: getattr(wanted, name) for name in wanted.fields}
            return stored if ticket <= stored.ticket else attrs.evolve(stored, **given, ticket=ticket, updated_at=now)

        return await self._store.change_customer(customer.id, change) or customer

    async def _finish_others(self, provider: BaseProvider, wanted: UpdateCustomer, key: str) -> None:
        """Find out the outcome of what was asked for earlier: done later, it would set back a part of this."""
        about = await self._store.list_operations(provider.get_provider_name(), external_id=wanted.customer_id)
        for row in about:
            if (row.operation, row.state) == (wanted.kind, OperationState.OPEN) and row.key != key:
                await self._log.finish(provider, entry_of(row))

    async def observe(self, customer: BillingCustomer) -> BillingCustomer:
        """Read the details from the provider, and store them."""
        self._handlers.refuse_inside()
        reading = await read_details(self._store, self._providers[customer.provider], customer)
        if reading is not None:
            now = self._clock()
            await self._store.note_details(customer.id, reading.customer, reading.ticket, now=now)
        return await self._store.get_customer_by_id(customer.id) or customer
