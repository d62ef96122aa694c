"""Saved payment methods."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from .unsupported import unsupported

if TYPE_CHECKING:
    from ..models import CheckoutSession, Customer, PaymentMethod

__all__ = ["PaymentMethodOperations"]


class PaymentMethodOperations(Protocol):
    """The operations of a :class:`paylattice.PaymentProvider` with saved payment methods."""

    async def get_payment_methods(self, customer_id: str) -> "list[PaymentMethod]":
        """Return the customer's saved payment methods.

        Args:
            customer_id: the provider's id of the customer.
        """
        raise unsupported(self, "get_payment_methods")

    async def create_setup_session(
        self,
        customer_id: str,
        success_url: str,
        cancel_url: str,
        metadata: Mapping[str, str] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> "CheckoutSession":
        """Create a hosted page where the customer saves a payment method, and pays nothing.

        When the customer is back, pass the session's id to :meth:`save_payment_method`. At some providers the payment method
        is saved before; that call is then harmless, and returns it.

        Args:
            customer_id: the provider's id of the customer.
            success_url: where the customer returns.
            cancel_url: where a customer who gives up returns.
            metadata: your own keys and values, stored on the session where the provider does so.
            idempotency_key: calls with the same key create one page. None: the library makes a key for this call.
        """
        raise unsupported(self, "create_setup_session")

    async def save_payment_method(
        self,
        customer_id: str,
        token: str,
        *,
        verification_token: str | None = None,
        idempotency_key: str | None = None,
    ) -> "PaymentMethod":
        """Save what the customer's browser got for a card or an account, so that you can charge it again and again.

        Args:
            customer_id: the provider's id of the customer.
            token: what the provider's JavaScript returned, or the id of a setup session. It serves once.
            verification_token: proof that the payer authenticated, where the provider's JavaScript returns it apart.
            idempotency_key: calls with the same key save one payment method. None: the library makes a key for this call.

        Raises:
            Declined: the bank declined the card.
            ActionRequired: the payer has not finished yet; ``url`` leads there.
            InvalidRequest: the token is none, was used before, or is another customer's.
        """
        raise unsupported(self, "save_payment_method")

    async def set_default_payment_method(
        self, customer_id: str, payment_method_id: str, *, idempotency_key: str | None = None
    ) -> "Customer":
        """Choose which saved payment method pays the customer's subscriptions that have none of their own.

        Args:
            customer_id: the provider's id of the customer.
            payment_method_id: the provider's id of one of the customer's saved payment methods.
            idempotency_key: calls with the same key have one effect. None: the library makes a key for this call.

        Raises:
            NotFound: the customer does not exist.
            InvalidRequest: the payment method is not one of the customer's.
        """
        raise unsupported(self, "set_default_payment_method")

    async def remove_payment_method(self, payment_method_id: str, *, idempotency_key: str | None = None) -> None:
        """Remove a saved payment method for good. Removing it twice is no error.

        Args:
            payment_method_id: the provider's id of the payment method.
            idempotency_key: calls with the same key have one effect. None: the library makes a key for this call.
        """
        raise unsupported(self, "remove_payment_method")
