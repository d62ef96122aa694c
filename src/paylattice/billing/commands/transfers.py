"""Giving a customer to another organisation of the application."""

from datetime import datetime
from typing import Any, ClassVar

import attrs

from ...errors import ConfigurationError
from ...frozen import FrozenMap
from ...idempotency import new_key
from ...models import NOTHING, Customer
from ...operations import Capability
from ...provider import BaseProvider
from ..records import BillingCustomer, BillingOperation, OperationState
from .base import Command, StateCommand, not_sent

__all__ = ["MergeCustomer", "TransferCustomer", "merged"]


@attrs.frozen(kw_only=True)
class TransferCustomer(StateCommand[Customer]):
    """Let the provider's customer name another organisation, in its metadata.

    Its row records the transfer, too. The ``reference`` stands for the organisation of before. Where the provider's customer
    does not name that one, nothing is sent, and the row is DONE from the beginning.

    Args:
        customer_id: the provider's id of the customer.
        metadata: with the new ``org_id`` in it, and nothing else.
        record_id: the id of the customer's record here.
    """

    kind: ClassVar[str] = "transfer_customer"
    operation: ClassVar[str] = "update_customer"
    subject: ClassVar[str] = "customer"

    customer_id: str
    metadata: FrozenMap[str, str] = attrs.field(default=NOTHING, converter=FrozenMap[str, str])
    record_id: str = not_sent("")

    @property
    def target(self) -> str:
        """The customer."""
        return self.customer_id

    @property
    def changed(self) -> None:
        """No subscription is another one afterwards."""
        return

    def supersedes(self, other: Command[Any]) -> bool:
        """What an earlier transfer of the same customer writes."""
        return isinstance(other, TransferCustomer) and other.target == self.target

    async def send(self, provider: BaseProvider, key: str) -> Customer:
        """Write it."""
        return await provider.update_customer(customer_id=self.customer_id, metadata=self.metadata, idempotency_key=key)

    async def read(self, provider: BaseProvider) -> Customer | None:
        """The customer."""
        if Capability.CUSTOMERS not in provider.capabilities:
            return None
        return await provider.get_customer(self.customer_id)

    def is_in_effect(self, state: Customer) -> bool:
        """It names the new organisation."""
        return all(state.metadata.get(name) == each for name, each in self.metadata.items())

    def as_answer(self, state: Customer) -> Customer:
        """The customer."""
        return state


@attrs.frozen(kw_only=True)
class MergeCustomer(Command[None]):
    """Records that a customer gave way to another one of its organisation: the record points to that one now.

    Its row's ``reference`` is the customer's id: what the provider tells of them later is the organisation's. It is sent to no
    provider.

    Args:
        customer_id: the provider's id of the customer that gave way.
        into_customer_id: the provider's id of the other one.
    """

    kind: ClassVar[str] = "merge_customer"
    operation: ClassVar[str] = "get_customer"

    customer_id: str
    into_customer_id: str = not_sent("")

    async def send(self, provider: BaseProvider, key: str) -> None:
        """It is not sent."""
        message = "merging two customers of an organisation is recorded here alone, and sent to no provider"
        raise ConfigurationError(message, operation=self.kind)


def merged(gone: BillingCustomer, into_customer_id: str, ticket: int, *, now: datetime) -> BillingOperation:
    """The row that records that a customer gave way.

    Args:
        gone: the record, as it points to the customer still.
        into_customer_id: the provider's id of the other one.
        ticket: its place in the operation log.
        now: UTC.
    """
    external_id = gone.external_customer_id
    command = MergeCustomer(customer_id=external_id, into_customer_id=into_customer_id)
    row = command.row(
        gone.provider,
        new_key(),
        gone.org_id,
        now=now,
        ticket=ticket,
        external_id=external_id,
        reference=external_id,
    )
    return attrs.evolve(row, state=OperationState.DONE, closed_at=now)
