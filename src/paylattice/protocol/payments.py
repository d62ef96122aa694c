"""Payments, and what is done with them afterwards."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from .unsupported import unsupported

if TYPE_CHECKING:
    from ..models import Payment, Refund
    from ..money import Money

__all__ = ["PaymentOperations"]


class PaymentOperations(Protocol):
    """The operations of a :class:`paylattice.PaymentProvider` with payments, and what is done with them afterwards."""

    async def get_payment(self, payment_id: str) -> "Payment | None":
        """Return the payment, or None if it does not exist.

        Args:
            payment_id: the provider's id of the payment.
        """
        raise unsupported(self, "get_payment")

    async def capture_payment(
        self, payment_id: str, amount: "Money | None" = None, *, idempotency_key: str | None = None
    ) -> "Payment":
        """Take the money of an authorized payment. The rest is released.

        Args:
            payment_id: the provider's id of the payment.
            amount: how much. None: all of it.
            idempotency_key: calls with the same key capture once. None: the library makes a key for this call.
        """
        raise unsupported(self, "capture_payment")

    async def cancel_payment(self, payment_id: str, *, idempotency_key: str | None = None) -> "Payment":
        """Cancel a payment that has not been captured. Canceling twice is no error.

        Args:
            payment_id: the provider's id of the payment.
            idempotency_key: calls with the same key have one effect. None: the library makes a key for this call.
        """
        raise unsupported(self, "cancel_payment")

    async def create_payment(
        self,
        amount: "Money",
        *,
        customer_id: str | None = None,
        payment_method_id: str | None = None,
        token: str | None = None,
        verification_token: str | None = None,
        capture: bool = True,
        description: str | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> "Payment":
        """Charge a saved payment method while the payer is away, or what a payer's browser has just got for a card.

        Pass either ``payment_method_id``, with its ``customer_id``, or ``token``. A token needs no customer: a guest pays.

        Args:
            amount: what to charge.
            customer_id: the provider's id of the customer who pays. None: a guest.
            payment_method_id: the provider's id of one of the customer's saved payment methods.
            token: what the provider's JavaScript returned. It pays once, and nothing is saved.
            verification_token: proof that the payer authenticated, where the provider's JavaScript returns it apart.
            capture: False only authorizes: take the money with :meth:`capture_payment`.
            description: shown to the payer, where the provider does so.
            metadata: your own keys and values, stored on the payment.
            idempotency_key: calls with the same key charge once, until the provider forgets the key
                (``provider.idempotency_lifetime``). Before you repeat an older charge, check whether the provider made it.

        Raises:
            Declined: the bank declined; ``payment_id`` names the declined payment.
            ActionRequired: the payer has to authenticate: at ``url``, or in the browser with ``client_secret``.
            InvalidRequest: the token is none, or was used before.
        """
        raise unsupported(self, "create_payment")

    async def refund_payment(
        self,
        payment_id: str,
        amount: "Money | None" = None,
        reason: str | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> "Refund":
        """Refund a payment, in whole or in part.

        Args:
            payment_id: the provider's id of the payment.
            amount: how much. None: the rest.
            reason: for the provider's records.
            idempotency_key: calls with the same key refund once, until the provider forgets the key
                (``provider.idempotency_lifetime``). Before you repeat an older refund, check how much is refunded already.

        Raises:
            InvalidRequest: more than the rest.
        """
        raise unsupported(self, "refund_payment")
