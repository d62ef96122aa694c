"""What a provider says of a customer, read under a ticket, so that an older reading never replaces a newer one."""

import attrs

from ..models import Customer
from ..operations import Capability
from ..provider import BaseProvider
from .records import BillingCustomer
from .repository import Tx
from .store import Store

__all__ = ["CustomerReading", "read_details"]


@attrs.frozen
class CustomerReading:
    """A customer as the provider has them, and the ticket that was taken before they were read."""

    customer: Customer
    ticket: int


async def read_details(store: Store[Tx], provider: BaseProvider, customer: BillingCustomer) -> CustomerReading | None:
    """Read what the provider says of a customer; None: it keeps no customers, or not this one any more.

    A profile that was merged into another one is not followed: the other one is somebody else's, too.
    """
    if Capability.CUSTOMERS not in provider.capabilities:
        return None
    ticket = await store.next_ticket()
    found = await provider.get_customer(customer.external_customer_id)
    return None if found is None or found.merged_from is not None else CustomerReading(found, ticket)
