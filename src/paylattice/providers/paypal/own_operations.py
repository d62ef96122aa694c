"""PayPal's own operations on orders and authorizations, which no other provider has."""

from ...guard import provider_specific
from ...idempotency import new_key
from ...models import CheckoutSession, Payment
from ...money import Money
from .browser_orders import BrowserOrders
from .payments import Payments

__all__ = ["AuthorizationOperations"]


class AuthorizationOperations:
    """Reserving money, taking it in parts, and reserving it anew."""

    _payments: Payments
    _browser_orders: BrowserOrders

    @provider_specific(returns=CheckoutSession, writes=True)
    async def create_order(
        self,
        amount: Money,
        *,
        customer_id: str | None = None,
        description: str | None = None,
        capture: bool = True,
        idempotency_key: str | None = None,
    ) -> CheckoutSession:
        """Create an order for PayPal's JavaScript: its card fields and its buttons take the session's id. PayPal's alone.

        When the payer has approved it, pass its id as the ``token`` of ``create_payment``.

        Args:
            amount: what to charge.
            customer_id: your id of the customer, if you have one. PayPal keeps it in ``custom_id``.
            description: shown to the payer.
            capture: False only authorizes.
            idempotency_key: calls with the same key create one order. None: the library makes a key for this call.
        """
        return await self._browser_orders.open(amount, customer_id, description, capture, idempotency_key or new_key())

    @provider_specific(returns=Payment, writes=True)
    async def authorize_payment(self, order_id: str, *, idempotency_key: str | None = None) -> Payment:
        """Reserve the money of an order that was created with ``capture=False`` and approved. PayPal's alone.

        PayPal honours the authorization for three days, and keeps it for 29: see ``capture_before``.

        Args:
            order_id: the id of the payment session.
            idempotency_key: calls with the same key have one effect. None: the provider makes a key for this call.
        """
        return await self._payments.authorize(order_id, idempotency_key or new_key())

    @provider_specific(returns=Payment, writes=True)
    async def capture_part(self, payment_id: str, amount: Money, *, idempotency_key: str | None = None) -> Payment:
        """Take a part of an authorized payment; the rest stays reserved. PayPal's alone.

        The payment stays ``AUTHORIZED``. ``capture_payment`` takes the last part, and ``cancel_payment`` releases the rest.
        Your account must be enabled for several captures.

        Args:
            payment_id: the order's id, or the authorization's.
            amount: at most what is left.
            idempotency_key: calls with the same key take one part, however late. None: the provider makes a key for this call.

        Raises:
            Conflict: nothing is reserved.
            Declined: PayPal, or the payer's bank, said no.
        """
        return await self._payments.capture_part(payment_id, amount, idempotency_key or new_key())

    @provider_specific(returns=Payment, writes=True)
    async def reauthorize_payment(
        self, payment_id: str, amount: Money | None = None, *, idempotency_key: str | None = None
    ) -> Payment:
        """Reserve the money of an authorized payment anew, from the fourth day on. PayPal's alone.

        PayPal honours the renewal for three days, and no longer than the 29 of the original authorization. It is another
        authorization: if you know the payment by its authorization, use the id in the answer from then on.

        Args:
            payment_id: the order's id, or that of the original authorization.
            amount: PayPal allows a little more than was authorized. None: the same.
            idempotency_key: calls with the same key have one effect. None: the provider makes a key for this call.

        Raises:
            Conflict: nothing is reserved, it is too early or too late, or the authorization is a renewal itself.
            Declined: PayPal, or the payer's bank, said no.
        """
        return await self._payments.reauthorize(payment_id, amount, idempotency_key or new_key())
