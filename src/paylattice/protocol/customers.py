"""Customers."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from .unsupported import unsupported

if TYPE_CHECKING:
    from ..models import Customer

__all__ = ["CustomerOperations"]


class CustomerOperations(Protocol):
    """The operations of a :class:`paylattice.PaymentProvider` with customers."""

    async def create_customer(
        self,
        email: str | None = None,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        *,
        phone: str | None = None,
        idempotency_key: str | None = None,
    ) -> "Customer":
        """Create a customer. The provider does not look for one with the same e-mail address.

        Args:
            email: the customer's e-mail address. None: not known; Square needs one of e-mail address, name and phone number.
            name: the customer's name.
            metadata: your own keys and values.
            phone: the customer's phone number, best with a plus sign and the country code. A provider that keeps
                none (PayPal) leaves it out. At Square, a buyer who types it on a payment link's page becomes this customer.
            idempotency_key: calls with the same key create one customer. None: the library makes a key for this call.
        """
        raise unsupported(self, "create_customer")

    async def get_customer(self, customer_id: str) -> "Customer | None":
        """Return the customer, or None if it does not exist or was deleted.

        Args:
            customer_id: the provider's id of the customer.
        """
        raise unsupported(self, "get_customer")

    async def list_customers(self, *, after: str | None = None, limit: int = 100) -> "list[Customer]":
        """Return a page of the account's customers, deleted ones left out, in an order of the provider's own.

        A customer who is created meanwhile may be missing. An empty page is the end.

        Args:
            after: the id of the last customer of the page before. None: from the start.
            limit: how many at most.

        Raises:
            NotFound: the provider has no customer ``after`` any more: go on after an earlier one.
        """
        raise unsupported(self, "list_customers")

    async def update_customer(
        self,
        customer_id: str,
        *,
        email: str | None = None,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        phone: str | None = None,
        idempotency_key: str | None = None,
    ) -> "Customer":
        """Change the given fields of a customer. None leaves a field as it is.

        Args:
            customer_id: the provider's id of the customer.
            email: the new e-mail address.
            name: the new name.
            metadata: keys to set; other keys stay.
            phone: the new phone number, where the provider keeps one.
            idempotency_key: calls with the same key have one effect. None: the library makes a key for this call.

        Raises:
            NotFound: the customer does not exist.
        """
        raise unsupported(self, "update_customer")

    async def delete_customer(self, customer_id: str, *, idempotency_key: str | None = None) -> None:
        """Delete the customer, which ends its subscriptions at once. Deleting it twice is no error.

        Args:
            customer_id: the provider's id of the customer.
            idempotency_key: calls with the same key have one effect. None: the library makes a key for this call.
        """
        raise unsupported(self, "delete_customer")
