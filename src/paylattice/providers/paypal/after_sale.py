"""The operations after the sale, in the order of the protocol; the provider has the others."""

from collections.abc import Mapping

from ...idempotency import new_key
from ...models import (
    ChangePayment,
    ChangeTime,
    CheckoutSession,
    Invoice,
    PaymentMethod,
    Subscription,
    SubscriptionChange,
)
from ...provider import BaseProvider
from .invoices import Invoices
from .outstanding import Outstanding
from .subscriptions import Subscriptions
from .vault import Vault

__all__ = ["AfterSale"]


class AfterSale(BaseProvider):
    """What can still be done with what was sold. :class:`PayPalProvider` makes the parts that do it."""

    _invoices: Invoices
    _outstanding: Outstanding
    _subscriptions: Subscriptions
    _vault: Vault

    async def change_subscription(
        self,
        subscription_id: str,
        *,
        plan_id: str | None = None,
        quantity: int | None = None,
        prorate: bool = True,
        when: ChangeTime | None = None,
        payment: ChangePayment = "invoice",
        idempotency_key: str | None = None,
    ) -> SubscriptionChange:
        """Another plan of the same product, or another quantity, from the next period on, once the payer agrees.

        Up to the next period, PayPal charges nothing and credits nothing: ``prorate`` makes no difference. But it shows the new
        plan as soon as the payer has agreed.
        """
        return await self._subscriptions.revise(subscription_id, plan_id, quantity)

    async def bill_outstanding(self, subscription_id: str, *, idempotency_key: str | None = None) -> Subscription:
        """Capture the outstanding balance from the payer's account.

        A subscription that PayPal has suspended stays so: call :meth:`resume_subscription` when nothing is owed any more.
        PayPal may still be collecting when it answers: what is returned owes the balance until it came.

        Raises:
            Declined: PayPal, or the payer's bank, said no. Ask again under another key.
        """
        return await self._outstanding.bill(subscription_id, idempotency_key or new_key())

    async def get_invoice(self, invoice_id: str) -> Invoice | None:
        """A payment of a subscription, which is its own invoice, or what you wrote with PayPal's Invoicing, ``INV2-...``."""
        return await self._invoices.find(invoice_id)

    async def void_invoice(self, invoice_id: str, *, idempotency_key: str | None = None) -> Invoice:
        """Cancel an invoice that you wrote and sent with PayPal's Invoicing, ``INV2-...``. PayPal tells the payer by e-mail.

        Raises:
            UnsupportedOperation: it is a payment of a subscription.
        """
        return await self._invoices.void(invoice_id)

    async def create_setup_session(
        self,
        customer_id: str,
        success_url: str,
        cancel_url: str,
        metadata: Mapping[str, str] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> CheckoutSession:
        """PayPal's page where the payer agrees that their wallet is saved: a setup token of the vault.

        ``metadata`` is on the returned session only. The session is ``PENDING`` when the payer has agreed: pass its id to
        :meth:`save_payment_method`, within three days.
        """
        return await self._vault.ask(customer_id, success_url, cancel_url, metadata, idempotency_key or new_key())

    async def save_payment_method(
        self,
        customer_id: str,
        token: str,
        *,
        verification_token: str | None = None,
        idempotency_key: str | None = None,
    ) -> PaymentMethod:
        """Make a payment token of an approved setup token: that of a setup session, or of PayPal's JavaScript.

        The setup token must be for this customer (``merchant_customer_id``, or the vault's own id). ``raw`` has the id of the
        vault's customer. ``verification_token`` is not used.
        """
        return await self._vault.save(customer_id, token, idempotency_key or new_key())
