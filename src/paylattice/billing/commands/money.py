"""Taking money, holding it, and giving it back. None of these is ever sent again once the provider has forgotten the key."""

from typing import Any, ClassVar

import attrs

from ...errors import ActionRequired, Declined, DeclineReason, PaymentError
from ...frozen import FrozenMap
from ...models import NOTHING, Payment, PaymentStatus, Refund, RefundStatus
from ...money import Money
from ...operations import Capability
from ...provider import BaseProvider
from ..records import BillingOperation
from .base import Command, Made, decided_here, serves_once

__all__ = ["Authorize", "Capture", "Charge", "RefundPayment", "Void"]

_CAPTURED = frozenset({PaymentStatus.SUCCEEDED, PaymentStatus.PARTIALLY_REFUNDED, PaymentStatus.REFUNDED})


@attrs.frozen(kw_only=True)
class Charge(Command[Payment]):
    """Charge a saved payment method, or a browser's token. Its row's ``external_id`` is the payment's.

    Args:
        amount: what to take.
        customer_id: the provider's id of who pays.
        payment_method_id: what is charged.
        asked_method_id: the payment method that the caller asked for; None: the only one that there is.
        token: what a browser got for a card, which pays once; None: a saved payment method is charged.
        verification_token: proof that the payer authenticated, where there is one apart.
        description: for people.
        metadata: with ``org_id`` in it.
    """

    kind: ClassVar[str] = "charge"
    operation: ClassVar[str] = "create_payment"
    capture: ClassVar[bool] = True

    amount: Money
    customer_id: str = decided_here()
    payment_method_id: str = decided_here()
    asked_method_id: str | None = None
    token: str | None = serves_once(default=None)
    verification_token: str | None = serves_once(default=None)
    description: str | None = attrs.field(default=None, repr=False)
    metadata: FrozenMap[str, str] = attrs.field(default=NOTHING, converter=FrozenMap[str, str], repr=False)

    def arguments(self) -> dict[str, object]:
        """What ``create_payment`` is called with."""
        return {
            "amount": self.amount,
            "customer_id": self.customer_id,
            "payment_method_id": self.payment_method_id or None,
            "token": self.token,
            "verification_token": self.verification_token,
            "capture": self.capture,
            "description": self.description,
            "metadata": self.metadata,
        }

    async def send(self, provider: BaseProvider, key: str) -> Payment:
        """Charge."""
        return await provider.create_payment(
            amount=self.amount,
            customer_id=self.customer_id,
            payment_method_id=self.payment_method_id or None,
            token=self.token,
            verification_token=self.verification_token,
            capture=self.capture,
            description=self.description,
            metadata=self.metadata,
            idempotency_key=key,
        )

    def made(self, answer: Payment) -> Made:
        """The payment."""
        return Made(answer.id)

    def left_behind(self, error: PaymentError) -> str | None:
        """The payment that waits for the payer: it may be paid yet."""
        return error.payment_id if isinstance(error, ActionRequired) else None

    async def find_effect(self, provider: BaseProvider, row: BillingOperation) -> Payment | None:
        """The payment, by its id if that is known, else by the key that the provider keeps with it.

        Raises:
            Declined: it was declined.
            ActionRequired: it still waits for the payer.
        """
        found = await _payment(provider, row.external_id)
        if found is None and row.external_id is None:
            found = await provider.find_payment(row.key, row.created_at, customer_id=self.customer_id)
        if found is not None and found.status is PaymentStatus.REQUIRES_ACTION:
            message = "the payment still waits for the payer, and the provider no longer says what they have to do"
            raise ActionRequired(message, payment_id=found.id, **self._context(row))
        return self._not_declined(found, row)

    async def read_done(self, provider: BaseProvider, row: BillingOperation, *, superseded: bool) -> Payment | None:
        """The payment as it is now; None while it waits for the payer: the stored answer says what they must do.

        Raises:
            Declined: it was declined since, for example because the payer did not authenticate.
        """
        found = self._not_declined(await _payment(provider, row.external_id), row)
        return None if found is None or found.status is PaymentStatus.REQUIRES_ACTION else found

    def _not_declined(self, found: Payment | None, row: BillingOperation) -> Payment | None:
        if found is not None and found.status is PaymentStatus.FAILED:
            message = "the payment was declined"
            raise Declined(message, reason=DeclineReason.UNKNOWN, payment_id=found.id, **self._context(row))
        return found

    def _context(self, row: BillingOperation) -> dict[str, Any]:
        return {"provider": row.provider, "operation": self.operation, "idempotency_key": row.key}


@attrs.frozen(kw_only=True)
class Authorize(Charge):
    """Hold an amount on a saved payment method, to capture or void it later."""

    kind: ClassVar[str] = "authorize"
    capture: ClassVar[bool] = False


@attrs.frozen(kw_only=True)
class Capture(Command[Payment]):
    """Take the money of an authorized payment.

    Args:
        payment_id: the provider's id of the payment.
        amount: how much; None: all of it.
    """

    kind: ClassVar[str] = "capture"
    operation: ClassVar[str] = "capture_payment"
    sets_a_state: ClassVar[bool] = True

    payment_id: str
    amount: Money | None = None

    async def send(self, provider: BaseProvider, key: str) -> Payment:
        """Take it."""
        return await provider.capture_payment(payment_id=self.payment_id, amount=self.amount, idempotency_key=key)

    def made(self, answer: Payment) -> Made:
        """The payment."""
        return Made(answer.id)

    async def find_effect(self, provider: BaseProvider, row: BillingOperation) -> Payment | None:
        """The payment, if what was asked for was taken."""
        found = await _payment(provider, self.payment_id)
        if found is None or found.status not in _CAPTURED:
            return None
        return found if self.amount in {None, found.amount_captured} else None

    async def read_done(self, provider: BaseProvider, row: BillingOperation, *, superseded: bool) -> Payment | None:
        """The payment as it is now."""
        return await _payment(provider, self.payment_id)


@attrs.frozen(kw_only=True)
class Void(Command[Payment]):
    """Give up a payment that was not captured.

    Args:
        payment_id: the provider's id of the payment.
    """

    kind: ClassVar[str] = "void"
    operation: ClassVar[str] = "cancel_payment"
    sets_a_state: ClassVar[bool] = True

    payment_id: str

    async def send(self, provider: BaseProvider, key: str) -> Payment:
        """Give it up."""
        return await provider.cancel_payment(payment_id=self.payment_id, idempotency_key=key)

    def made(self, answer: Payment) -> Made:
        """The payment."""
        return Made(answer.id)

    async def find_effect(self, provider: BaseProvider, row: BillingOperation) -> Payment | None:
        """The payment, if it is canceled."""
        found = await _payment(provider, self.payment_id)
        return found if found is not None and found.status is PaymentStatus.CANCELED else None

    async def read_done(self, provider: BaseProvider, row: BillingOperation, *, superseded: bool) -> Payment | None:
        """The payment as it is now."""
        return await _payment(provider, self.payment_id)


@attrs.frozen(kw_only=True)
class RefundPayment(Command[Refund]):
    """Give money back. Its row's ``external_id`` is the refund's.

    Args:
        payment_id: the provider's id of the payment: the one that was asked for, or that paid what was asked for.
        asked_payment_id: the payment that the caller asked for.
        asked_invoice_id: the invoice that the caller asked for.
        asked_subscription_id: the subscription whose last paid period the caller asked for.
        amount: how much; None: all that is left.
        reason: for the provider's records.
    """

    kind: ClassVar[str] = "refund"
    operation: ClassVar[str] = "refund_payment"
    sets_a_state: ClassVar[bool] = True

    payment_id: str = decided_here()
    asked_payment_id: str | None = None
    asked_invoice_id: str | None = None
    asked_subscription_id: str | None = None
    amount: Money | None = None
    reason: str | None = attrs.field(default=None, repr=False)

    def arguments(self) -> dict[str, object]:
        """What ``refund_payment`` is called with."""
        return {"payment_id": self.payment_id, "amount": self.amount, "reason": self.reason}

    async def send(self, provider: BaseProvider, key: str) -> Refund:
        """Give it back."""
        return await provider.refund_payment(
            payment_id=self.payment_id, amount=self.amount, reason=self.reason, idempotency_key=key
        )

    def made(self, answer: Refund) -> Made:
        """The refund."""
        return Made(answer.id)

    async def find_effect(self, provider: BaseProvider, row: BillingOperation) -> Refund | None:
        """The refund, by the key that the provider keeps with it; one that is DONE is known by its row, too."""
        found = await provider.find_refund(row.key, row.created_at, payment_id=self.payment_id, amount=self.amount)
        if found is None and row.external_id is not None and self.amount is not None:
            return Refund(row.external_id, self.amount, RefundStatus.UNKNOWN, self.payment_id, provider=row.provider)
        return found


async def _payment(provider: BaseProvider, payment_id: str | None) -> Payment | None:
    """The payment as it is now; None also where the provider lets no one read it."""
    if payment_id is None or Capability.PAYMENTS not in provider.capabilities:
        return None
    return await provider.get_payment(payment_id)
