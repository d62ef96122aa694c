"""The service's operations that move money, all through the operation log."""

from ..checking import checking_class
from ..models import Invoice, Payment, Refund
from ..money import Money
from ..operations import Capability
from .commands import Authorize, Capture, Charge, PayInvoice, RefundPayment, Void, VoidInvoice
from .inputs import CHECKS
from .repository import Tx
from .wiring import Wired

__all__ = ["PaymentOperations"]


@checking_class(CHECKS)
class PaymentOperations(Wired[Tx]):
    """Charge, hold, capture, release and give back. :class:`paylattice.BillingService` inherits it."""

    async def charge(
        self,
        org_id: str,
        amount: Money,
        *,
        payment_method_id: str | None = None,
        token: str | None = None,
        verification_token: str | None = None,
        provider_name: str | None = None,
        description: str | None = None,
        idempotency_key: str,
    ) -> Payment:
        """Charge a saved payment method of the organisation, or what its payer's browser has just got for a card.

        The same key charges once, however late you repeat the call.

        The key works as long as your database keeps its row. After the provider has forgotten the key, billing looks up the
        payment. A charge that it cannot find is never sent again.

        Args:
            org_id: your id of the organisation.
            amount: what to charge.
            payment_method_id: the provider's id of the payment method. None: the only saved one, if there is no ``token``.
            token: what the provider's JavaScript returned. It pays once, and nothing is saved.
            verification_token: proof that the payer authenticated, where the provider's JavaScript returns it apart.
            provider_name: the provider, if the organisation is a customer of several.
            description: shown to the payer, where the provider does so.
            idempotency_key: the same for the same charge, however often you try: for example your order's id.

        Raises:
            Declined: the bank declined. Another attempt needs another key.
            ActionRequired: the payer has to authenticate. Call again later with the same key for the result.
            IdempotencyMismatch: the provider has forgotten the key, and billing cannot find the payment.
            InvalidRequest: the organisation has no saved payment method, or several; or the token was used before.
            NotFound: the organisation has no customer.
        """
        self._parts.handlers.refuse_inside()
        wanted = Charge(
            amount=amount,
            asked_method_id=payment_method_id,
            token=token,
            verification_token=verification_token,
            description=description,
            metadata={"org_id": org_id},
        )
        return await self._parts.payments.charge(org_id, wanted, idempotency_key, provider_name)

    async def authorize(
        self,
        org_id: str,
        amount: Money,
        *,
        payment_method_id: str | None = None,
        token: str | None = None,
        verification_token: str | None = None,
        provider_name: str | None = None,
        description: str | None = None,
        idempotency_key: str,
    ) -> Payment:
        """Reserve money on a saved payment method, or a browser's token. :meth:`capture` takes it, :meth:`void` releases it.

        Args:
            org_id: your id of the organisation.
            amount: what to reserve.
            payment_method_id: the provider's id of the payment method. None: the only saved one, if there is no ``token``.
            token: what the provider's JavaScript returned. It pays once, and nothing is saved.
            verification_token: proof that the payer authenticated, where the provider's JavaScript returns it apart.
            provider_name: the provider, if the organisation is a customer of several.
            description: shown to the payer, where the provider does so.
            idempotency_key: the same for the same authorization, however often you try.

        Raises:
            PaymentError: the errors of :meth:`charge`, for the same reasons.
        """
        self._parts.handlers.refuse_inside()
        wanted = Authorize(
            amount=amount,
            asked_method_id=payment_method_id,
            token=token,
            verification_token=verification_token,
            description=description,
            metadata={"org_id": org_id},
        )
        return await self._parts.payments.charge(org_id, wanted, idempotency_key, provider_name)

    async def capture(
        self, org_id: str, payment_id: str, *, amount: Money | None = None, idempotency_key: str
    ) -> Payment:
        """Take the money of an authorized payment. The rest is released.

        Args:
            org_id: your id of the organisation.
            payment_id: the provider's id of the payment.
            amount: how much. None: all of it.
            idempotency_key: the same for the same capture, however often you try.

        Raises:
            NotFound: the organisation has no such payment.
        """
        self._parts.handlers.refuse_inside()
        return await self._parts.payments.capture(
            org_id, Capture(payment_id=payment_id, amount=amount), idempotency_key
        )

    async def void(self, org_id: str, payment_id: str, *, idempotency_key: str) -> Payment:
        """Release an authorized payment: no money is taken.

        Args:
            org_id: your id of the organisation.
            payment_id: the provider's id of the payment.
            idempotency_key: the same for the same payment, however often you try.

        Raises:
            NotFound: the organisation has no such payment.
            Conflict: it is captured already: :meth:`refund` it.
        """
        self._parts.handlers.refuse_inside()
        return await self._parts.payments.void(org_id, Void(payment_id=payment_id), idempotency_key)

    async def refund(
        self,
        org_id: str,
        *,
        payment_id: str | None = None,
        invoice_id: str | None = None,
        subscription_id: str | None = None,
        amount: Money | None = None,
        reason: str | None = None,
        idempotency_key: str,
    ) -> Refund:
        """Refund a payment of the organisation. The same key refunds once, however late you repeat the call.

        Pass one of ``payment_id``, ``invoice_id`` and ``subscription_id``.

        Args:
            org_id: your id of the organisation.
            payment_id: the provider's id of the payment.
            invoice_id: the provider's id of the invoice whose payment you refund.
            subscription_id: the provider's id of the subscription whose last paid period you refund.
            amount: how much. None: the rest.
            reason: for the provider's records.
            idempotency_key: the same for the same refund, however often you try.

        Raises:
            NotFound: the organisation has no such payment, invoice or subscription.
            InvalidRequest: more than the rest; or several payments paid the invoice.
            IdempotencyMismatch: the provider has forgotten the key, and billing cannot find the refund.
        """
        self._parts.handlers.refuse_inside()
        wanted = RefundPayment(
            asked_payment_id=payment_id,
            asked_invoice_id=invoice_id,
            asked_subscription_id=subscription_id,
            amount=amount,
            reason=reason,
        )
        return await self._parts.payments.refund(org_id, wanted, idempotency_key)

    async def pay_invoice(
        self, org_id: str, invoice_id: str, *, payment_method_id: str | None = None, idempotency_key: str
    ) -> Invoice:
        """Charge a saved payment method for an open invoice of the organisation. An invoice is paid once, whatever the key.

        To let the customer pay it, send them to the invoice's ``hosted_url``.

        Args:
            org_id: your id of the organisation.
            invoice_id: the provider's id of the invoice.
            payment_method_id: the provider's id of the payment method. None: the one that pays the subscription, or the
                customer's default.
            idempotency_key: the same for the same attempt, however often you repeat it.

        Raises:
            Declined: the bank declined. Another attempt needs another key.
            ActionRequired: the payer has to authenticate. Call again later with the same key for the result.
            Conflict: the invoice is void, or a draft.
            NotFound: the organisation has no such invoice.
            UnsupportedOperation: its provider cannot charge for an invoice.
        """
        self._parts.handlers.refuse_inside()
        wanted = PayInvoice(invoice_id=invoice_id, payment_method_id=payment_method_id)
        return await self._parts.collecting.close(org_id, wanted, Capability.PAY_INVOICE, idempotency_key)

    async def void_invoice(self, org_id: str, invoice_id: str, *, idempotency_key: str) -> Invoice:
        """Void an open invoice of the organisation: nobody can pay it any more.

        Args:
            org_id: your id of the organisation.
            invoice_id: the provider's id of the invoice.
            idempotency_key: the same for the same invoice, however often you try.

        Raises:
            Conflict: the invoice is paid (:meth:`refund` it), or a draft.
            NotFound: the organisation has no such invoice.
        """
        self._parts.handlers.refuse_inside()
        wanted = VoidInvoice(invoice_id=invoice_id)
        return await self._parts.collecting.close(org_id, wanted, Capability.VOID_INVOICE, idempotency_key)
