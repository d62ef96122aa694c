"""Hosted pages where a customer subscribes or pays."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from .unsupported import unsupported

if TYPE_CHECKING:
    from ..models import CheckoutSession
    from ..money import Money

__all__ = ["CheckoutOperations"]


class CheckoutOperations(Protocol):
    """The operations of a :class:`paylattice.PaymentProvider` with hosted pages where a customer subscribes or pays."""

    async def create_checkout_session(
        self,
        customer_id: str,
        plan_id: str,
        success_url: str,
        cancel_url: str,
        metadata: Mapping[str, str] | None = None,
        *,
        quantity: int = 1,
        trial_days: int | None = None,
        start_at: datetime | None = None,
        customer_email: str | None = None,
        idempotency_key: str | None = None,
    ) -> "CheckoutSession":
        """Create a hosted page where the customer subscribes to a plan.

        Args:
            customer_id: the provider's id of the customer.
            plan_id: the provider's id of the plan (a Stripe price, a PayPal plan, a Square plan variation).
            success_url: where the customer returns; the webhook may arrive before or after.
            cancel_url: where a customer who gives up returns.
            metadata: your own keys and values, stored on the session and on the subscription.
            quantity: how many units; ignored for metered plans.
            trial_days: days of trial, instead of the plan's own trial.
            start_at: charges the customer for the first time then, and not before; an aware datetime. Until then it is free:
                ``trialing``, with this time as its ``trial_end``. None: now, or after the trial.
            customer_email: shown on the page, for providers without customers.
            idempotency_key: calls with the same key create one page. None: the library makes a key for this call.

        Raises:
            InvalidRequest: the provider knows no such quantity, trial or later start; or both of the latter were given.
        """
        raise unsupported(self, "create_checkout_session")

    async def create_payment_session(
        self,
        amount: "Money",
        success_url: str,
        cancel_url: str,
        *,
        customer_id: str | None = None,
        description: str | None = None,
        metadata: Mapping[str, str] | None = None,
        capture: bool = True,
        idempotency_key: str | None = None,
    ) -> "CheckoutSession":
        """Create a hosted page for a one-off payment.

        Args:
            amount: what to charge.
            success_url: where the customer returns; the webhook may arrive before or after.
            cancel_url: where a customer who gives up returns.
            customer_id: the provider's id of the customer, if you have one.
            description: shown to the customer, where the provider does so.
            metadata: your own keys and values, stored on the session and on the payment.
            capture: False only authorizes: take the money with :meth:`~paylattice.PaymentProvider.capture_payment`.
            idempotency_key: calls with the same key create one page. None: the library makes a key for this call.
        """
        raise unsupported(self, "create_payment_session")

    async def get_checkout_session(self, session_id: str) -> "CheckoutSession | None":
        """Return the checkout session of either kind, or None if it does not exist.

        Args:
            session_id: the provider's id of the session.
        """
        raise unsupported(self, "get_checkout_session")

    async def expire_checkout_session(
        self, session_id: str, *, idempotency_key: str | None = None
    ) -> "CheckoutSession":
        """Close an open page of either kind, so that nobody can pay there any more. Closing it twice is no error.

        Look at the ``status`` of the result: a customer who paid at the same moment may have been faster. Then it is
        ``COMPLETE`` or ``PENDING``, and nothing was closed.

        Args:
            session_id: the provider's id of the session.
            idempotency_key: calls with the same key have one effect. None: the library makes a key for this call.

        Raises:
            NotFound: the session does not exist. Providers that delete closed pages return an ``EXPIRED`` session instead.
        """
        raise unsupported(self, "expire_checkout_session")
