"""Charging, authorizing, capturing and refunding."""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial

import attrs

from ...errors import ActionRequired, Conflict, Declined, DeclineReason, InvalidRequest, NotFound
from ...events import EventType
from ...frozen import FrozenMap
from ...models import Dispute, DisputeCategory, DisputeStatus, Payment, PaymentStatus, Refund, RefundStatus
from ...money import Money
from .cards import Cards

__all__ = ["AUTHORIZATION_DAYS", "Payments", "authentication_url"]

AUTHORIZATION_DAYS = 7
DISPUTE_DAYS = 7

_TOLD_AS: Mapping[PaymentStatus, EventType] = {
    PaymentStatus.SUCCEEDED: EventType.PAYMENT_SUCCEEDED,
    PaymentStatus.AUTHORIZED: EventType.PAYMENT_AUTHORIZED,
    PaymentStatus.FAILED: EventType.PAYMENT_FAILED,
    PaymentStatus.CANCELED: EventType.PAYMENT_CANCELED,
    PaymentStatus.PROCESSING: EventType.PAYMENT_PROCESSING,
    PaymentStatus.REQUIRES_ACTION: EventType.PAYMENT_ACTION_REQUIRED,
}
_FRAUD = "fraudulent"
_DECLINED = frozenset({PaymentStatus.FAILED, PaymentStatus.REQUIRES_ACTION})
_TAKEN = frozenset({PaymentStatus.SUCCEEDED, PaymentStatus.PARTIALLY_REFUNDED, PaymentStatus.REFUNDED})
_CANCELABLE = frozenset({PaymentStatus.AUTHORIZED, PaymentStatus.REQUIRES_ACTION})


def authentication_url(payment_id: str) -> str:
    """Where the payer would authenticate."""
    return f"https://checkout.paylattice.invalid/authenticate/{payment_id}"


class Payments(Cards):
    """One-off payments, and the payments of invoices."""

    def get(self, payment_id: str) -> Payment:
        """The payment.

        Raises:
            NotFound: there is none.
        """
        found = self._world.store.payments.get(payment_id)
        if found is None:
            message = "there is no such payment"
            raise NotFound(message, code="payment_missing")
        return found

    def charge(
        self,
        amount: Money,
        customer_id: str | None,
        *,
        declined: DeclineReason | None,
        payer_there: bool = False,
        delayed: bool = False,
        capture: bool = True,
        payment_method_id: str | None = None,
        description: str | None = None,
        metadata: FrozenMap[str, str] | None = None,
        invoice_id: str | None = None,
        subscription_id: str | None = None,
    ) -> Payment:
        """Try to take, or to authorize, an amount.

        Args:
            amount: how much.
            customer_id: whose money, if that is known.
            declined: why the bank says no; None: it says yes.
            payer_there: on a page of ours the payer is asked to authenticate at once, and has failed to if that is why.
            delayed: the money arrives later, if it does: :meth:`settle`.
            capture: False only authorizes.
            payment_method_id: what is charged, if it is saved.
            description: for people.
            metadata: the application's own words.
            invoice_id: the invoice that it pays, if it does.
            subscription_id: what that bills.
        """
        if delayed:
            status = PaymentStatus.PROCESSING
        elif declined is DeclineReason.AUTHENTICATION_REQUIRED and not payer_there:
            status = PaymentStatus.REQUIRES_ACTION
        elif declined is not None:
            status = PaymentStatus.FAILED
        else:
            status = _ends_as(capture=capture)
        payment = Payment(
            id=self._world.new_id("pay"),
            amount=amount,
            status=status,
            customer_id=customer_id,
            amount_captured=amount if status is PaymentStatus.SUCCEEDED else Money(0, amount.currency),
            refunded=Money(0, amount.currency),
            payment_method_id=payment_method_id,
            description=description,
            metadata=metadata,
            created_at=self._world.now,
            raw_status=str(status),
            invoice_id=invoice_id,
            subscription_id=subscription_id,
            decline_reason=declined if status in _DECLINED else None,
            decline_code=str(declined) if status in _DECLINED else None,
            provider=self._world.name,
        )
        if not capture:
            self._world.store.to_authorize.add(payment.id)
        return self._keep(payment)

    def create(
        self,
        amount: Money,
        customer_id: str | None,
        payment_method_id: str | None,
        token: str | None,
        capture: bool,
        description: str | None,
        metadata: FrozenMap[str, str] | None,
        key: str | None,
    ) -> Payment:
        """Charge a saved payment method, or what a token stands for.

        Raises:
            Declined: it was set to fail.
            ActionRequired: it was set to fail for want of authentication.
        """
        if customer_id is not None:
            self._world.customer(customer_id)
        if payment_method_id is not None:
            self.card_of(customer_id or "", payment_method_id)
        declined = None if token is None else self.use_up(token)
        declined = declined or self._world.fails_next(customer_id)
        payment = self.charge(
            amount,
            customer_id,
            declined=declined,
            capture=capture,
            payment_method_id=payment_method_id,
            description=description,
            metadata=metadata,
        )
        if key is not None:
            self._world.store.made_under[key] = payment.id
        if payment.status is PaymentStatus.REQUIRES_ACTION:
            message = "the payer has to authenticate this payment"
            raise ActionRequired(
                message,
                url=authentication_url(payment.id),
                client_secret=f"{payment.id}_secret",
                payment_id=payment.id,
                code=str(declined),
            )
        if declined is not None:
            message = "the payment was declined"
            raise Declined(message, reason=declined, payment_id=payment.id, code=str(declined))
        return payment

    def settle(self, payment_id: str, *, succeeded: bool) -> Payment:
        """Make the money of a delayed payment arrive, or not."""
        return self._finish(payment_id, PaymentStatus.PROCESSING, succeeded=succeeded)

    def authenticate(self, payment_id: str, *, succeeded: bool) -> Payment:
        """Let the payer authenticate, or fail to."""
        return self._finish(payment_id, PaymentStatus.REQUIRES_ACTION, succeeded=succeeded)

    def capture(self, payment_id: str, amount: Money | None) -> Payment:
        """Take the money of an authorized payment."""
        payment = self.get(payment_id)
        if payment.status is not PaymentStatus.AUTHORIZED:
            message = f"a payment that is {payment.status} cannot be captured"
            raise Conflict(message, code="payment_not_authorized")
        taken = amount or payment.amount
        if taken > payment.amount:
            message = f"only {payment.amount} was authorized"
            raise InvalidRequest(message, param="amount", code="capture_too_large")
        return self._move(payment, PaymentStatus.SUCCEEDED, taken)

    def cancel(self, payment_id: str) -> Payment:
        """Cancel a payment that has not been captured. What is under way at the bank cannot be called back."""
        payment = self.get(payment_id)
        if payment.status is PaymentStatus.CANCELED:
            return payment
        if payment.status not in _CANCELABLE:
            message = f"a payment that is {payment.status} cannot be canceled"
            raise Conflict(message, code="payment_not_cancelable")
        return self._move(payment, PaymentStatus.CANCELED)

    def give_up(self, payment_id: str, status: PaymentStatus) -> None:
        """Cancel a payment that is no longer needed, if it is pending or waits for the payer."""
        payment = self.get(payment_id)
        if payment.status in {PaymentStatus.PROCESSING, PaymentStatus.REQUIRES_ACTION}:
            self._move(payment, status)

    def refund(self, payment_id: str, amount: Money | None, reason: str | None, key: str | None = None) -> Refund:
        """Give money back."""
        payment = self.get(payment_id)
        if payment.status not in _TAKEN:
            message = f"a payment that is {payment.status} cannot be refunded"
            raise Conflict(message, code="payment_not_refundable")
        zero = Money(0, payment.amount.currency)
        taken, given = payment.amount_captured or zero, payment.refunded or zero
        left = taken - given
        back = amount or left
        if back > left or back == zero:
            message = f"only {left} is left to refund"
            raise InvalidRequest(message, param="amount", code="refund_too_large")
        pending = self._world.delays_refund()
        payment = self._given_back(payment, given + back)
        refund = Refund(
            id=self._world.new_id("re"),
            amount=back,
            status=RefundStatus.PENDING if pending else RefundStatus.SUCCEEDED,
            payment_id=payment.id,
            reason=reason,
            created_at=self._world.now,
            raw_status="pending" if pending else "succeeded",
            invoice_id=payment.invoice_id,
            provider=self._world.name,
        )
        self._world.store.refunds[refund.id] = refund
        if key is not None:
            self._world.store.made_under[key] = refund.id
        word = EventType.REFUND_CREATED if pending else EventType.REFUND_SUCCEEDED
        self._world.tell(word, customer_id=payment.customer_id, payment=payment, refund=refund)
        return refund

    def settle_refund(self, refund_id: str, *, succeeded: bool) -> Refund:
        """Make the money of a pending refund arrive, or come back."""
        refund = self._world.store.refunds.get(refund_id)
        if refund is None:
            message = "there is no such refund"
            raise NotFound(message, code="refund_missing")
        if refund.status is not RefundStatus.PENDING:
            message = f"the refund is {refund.status}, and no longer on its way"
            raise Conflict(message)
        status = RefundStatus.SUCCEEDED if succeeded else RefundStatus.FAILED
        refund = self._world.store.refunds[refund_id] = attrs.evolve(refund, status=status, raw_status=str(status))
        payment = self.get(refund.payment_id or "")
        if not succeeded and payment.refunded is not None:
            payment = self._given_back(payment, payment.refunded - refund.amount)
        word = EventType.REFUND_SUCCEEDED if succeeded else EventType.REFUND_FAILED
        self._world.tell(word, customer_id=payment.customer_id, payment=payment, refund=refund)
        return refund

    def dispute(self, payment_id: str, amount: Money | None, reason: str) -> Dispute:
        """The payer's bank wants the money back."""
        payment = self.get(payment_id)
        if payment.status not in _TAKEN:
            message = f"a payment that is {payment.status} cannot be disputed"
            raise Conflict(message, code="payment_not_disputable")
        status = DisputeStatus.NEEDS_RESPONSE
        dispute = Dispute(
            id=self._world.new_id("dp"),
            payment_id=payment.id,
            amount=amount or payment.amount,
            reason=reason,
            category=DisputeCategory.UNAUTHORIZED if reason == _FRAUD else DisputeCategory.OTHER,
            status=status,
            evidence_due_at=self._world.now + timedelta(days=DISPUTE_DAYS),
            created_at=self._world.now,
            raw_status=str(status),
            provider=self._world.name,
        )
        return self._keep_dispute(dispute, payment, EventType.DISPUTE_OPENED)

    def decide(self, dispute_id: str, *, won: bool) -> Dispute:
        """The bank has decided. A lost dispute takes the money for good."""
        dispute = self._world.store.disputes.get(dispute_id)
        if dispute is None:
            message = "there is no such dispute"
            raise NotFound(message, code="dispute_missing")
        if dispute.status.is_over:
            message = f"the dispute is {dispute.status}, which is the end of it"
            raise Conflict(message)
        status = DisputeStatus.WON if won else DisputeStatus.LOST
        payment = self.get(dispute.payment_id or "")
        if not won:
            lost = PaymentStatus.CHARGED_BACK
            payment = attrs.evolve(payment, status=lost, raw_status=str(lost))
            self._world.store.payments[payment.id] = payment
        decided = attrs.evolve(
            dispute, status=status, raw_status=str(status), outcome=str(status), evidence_due_at=None
        )
        return self._keep_dispute(decided, payment, EventType.of_dispute(status))

    def _keep_dispute(self, dispute: Dispute, payment: Payment, word: EventType) -> Dispute:
        self._world.store.disputes[dispute.id] = dispute
        self._world.tell(word, customer_id=payment.customer_id, payment=payment, dispute=dispute)
        return dispute

    def _given_back(self, payment: Payment, given: Money) -> Payment:
        status = PaymentStatus.REFUNDED if given == payment.amount_captured else PaymentStatus.PARTIALLY_REFUNDED
        status = status if given.amount else PaymentStatus.SUCCEEDED
        payment = attrs.evolve(payment, status=status, raw_status=str(status), refunded=given)
        self._world.store.payments[payment.id] = payment
        return payment

    def _finish(self, payment_id: str, waiting: PaymentStatus, *, succeeded: bool) -> Payment:
        payment = self.get(payment_id)
        if payment.status is not waiting:
            message = f"a payment that is {payment.status} does not wait for this: it would have to be {waiting}"
            raise Conflict(message)
        if not succeeded:
            return self._move(payment, PaymentStatus.FAILED)
        status = _ends_as(capture=payment_id not in self._world.store.to_authorize)
        return self._move(payment, status, payment.amount if status is PaymentStatus.SUCCEEDED else None)

    def _move(self, payment: Payment, status: PaymentStatus, captured: Money | None = None) -> Payment:
        captured = captured or payment.amount_captured
        return self._keep(attrs.evolve(payment, status=status, raw_status=str(status), amount_captured=captured))

    def _keep(self, payment: Payment) -> Payment:
        is_authorized = payment.status is PaymentStatus.AUTHORIZED
        until = self._world.now + timedelta(days=AUTHORIZATION_DAYS) if is_authorized else None
        taken = payment.amount_captured if payment.amount_captured and payment.amount_captured.amount else None
        free = None if taken is None else taken * 0  # it charges no one anything
        payment = attrs.evolve(payment, capture_before=until, fee=free, net=taken)
        self._world.store.payments[payment.id] = payment
        self._world.tell(_TOLD_AS[payment.status], customer_id=payment.customer_id, payment=payment)
        if until is not None:
            self._world.agenda.at(until, partial(self._authorization_expires, payment.id))
        return payment

    def _authorization_expires(self, payment_id: str) -> None:
        if self.get(payment_id).status is PaymentStatus.AUTHORIZED:
            self.cancel(payment_id)


def _ends_as(*, capture: bool) -> PaymentStatus:
    return PaymentStatus.SUCCEEDED if capture else PaymentStatus.AUTHORIZED
