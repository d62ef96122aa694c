"""The service's operation that takes over a customer whom your own code, or another program, has created."""

from ..checking import checking_class
from .inputs import CHECKS
from .records import BillingCustomer
from .repository import Tx
from .wiring import Wired

__all__ = ["AssignmentOperations"]


@checking_class(CHECKS)
class AssignmentOperations(Wired[Tx]):
    """Takes over what exists. :class:`paylattice.BillingService` inherits it."""

    async def assign_customer(
        self, org_id: str, customer_id: str, *, provider_name: str | None = None
    ) -> BillingCustomer:
        """Give a customer that exists at the provider to an organisation, with all its subscriptions.

        This reads the customer and its subscriptions from the provider, and stores them as a webhook would: handlers of a new
        status run. Deliveries that have waited for the customer are applied. You can repeat it. For many customers, use
        :class:`paylattice.migration.Adoption`.

        Args:
            org_id: your id of the organisation.
            customer_id: the provider's id of the customer.
            provider_name: the provider. None: the service's only one.

        Returns:
            The record of the customer.

        Raises:
            NotFound: the provider has no such customer: it was deleted, or is from another account or mode.
            Conflict: another organisation has this customer, or the organisation has another customer there. Nothing was
                stored.
            UnsupportedOperation: the provider (PayPal) has no customers: use :meth:`BillingService.assign_subscription`.
            InvalidRequest: the service has several providers, and ``provider_name`` is missing.
        """
        self._parts.handlers.refuse_inside()
        return await self._parts.assigning.customer(org_id, customer_id, provider_name)
