"""Charging, authorizing, capturing, refunding."""

from datetime import timedelta
from functools import partial

import attrs

from ...errors import ActionRequired, Conflict, Declined, DeclineReason, InvalidRequest, NotFound
from ...events import EventType
from ...frozen import FrozenMap
from ...models import Payment, PaymentMethod, PaymentStatus, Refund, RefundStatus
from ...money import Money
from .world import World

__all__ = ["AUTHORIZATION_DAYS", "Payments"]

AUTHORIZATION_DAYS = 7

_TOLD_AS = {
    PaymentStatus.SUCCEEDED: EventType.PAYMENT_SUCCEEDED,
    PaymentStatus.AUTHORIZED: EventType.PAYMENT_AUTHORIZED,
    PaymentStatus.FAILED: EventType.PAYMENT_FAILED,
    PaymentStatus.CANCELED: EventType.PAYMENT_CANCELED,
    PaymentStatus.PROCESSING: EventType.PAYMENT_PROCESSING,
    PaymentStatus.REQUIRES_ACTION: EventType.PAYMENT_ACTION_REQUIRED,
}
_REFUNDABLE = frozenset({PaymentStatus.SUCCEEDED, PaymentStatus.PARTIALLY_REFUNDED})
_CANCELABLE = frozenset({PaymentStatus.AUTHORIZED, PaymentStatus.REQUIRES_ACTION, PaymentStatus.PROCESSING})


class Payments:
    """One-off payments, and the payments of invoices."""

    def __init__(self, world: World) -> None:
        self._world = world

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

    def save_card(self, customer_id: str) -> PaymentMethod:
        """The customer's saved card; a new one if there is none."""
        for method in self._world.store.payment_methods.values():
            if method.customer_id == customer_id:
                return method
        method = PaymentMethod(
            self._world.new_id("pm"), "card", "4242", "visa", customer_id, 12, self._world.now.year + 3, provider=self._world.name
        )
        self._world.store.payment_methods[method.id] = method
        self._world.tell(EventType.PAYMENT_METHOD_ATTACHED, customer_id=customer_id)
        return method

    def charge(
        self,
        amount: Money,
        customer_id: str | None,
        *,
        capture: bool = True,
        delayed: bool = False,
        payment_method_id: str | None = None,
        description: str | None = None,
        metadata: FrozenMap[str, str] | None = None,
    ) -> tuple[Payment, DeclineReason | None]:
        """Try to take, or to authorize, an amount. The answer says why it was declined, if it was."""
        declined = None if delayed else self._world.fails_next(customer_id)
        if delayed:
            status = PaymentStatus.PROCESSING
        elif declined is DeclineReason.AUTHENTICATION_REQUIRED:
            status = PaymentStatus.REQUIRES_ACTION
        elif declined is not None:
            status = PaymentStatus.FAILED
        else:
            status = PaymentStatus.SUCCEEDED if capture else PaymentStatus.AUTHORIZED
        payment = Payment(
            id=self._world.new_id("pay"),
            amount=amount,
            status=status,
            customer_id=customer_id,
            amount_captured=amount if status is PaymentStatus.SUCCEEDED else Money(0, amount.currency),
            amount_refunded=Money(0, amount.currency),
            payment_method_id=payment_method_id,
            description=description,
            metadata=metadata,
            created_at=self._world.now,
            raw_status=str(status),
            provider=self._world.name,
        )
        self._keep(payment)
        if status is PaymentStatus.AUTHORIZED:
            expires = self._world.now + timedelta(days=AUTHORIZATION_DAYS)
            self._world.agenda.at(expires, partial(self._authorization_expires, payment.id))
        return payment, declined

    def create(
        self,
        amount: Money,
        customer_id: str,
        payment_method_id: str,
        *,
        capture: bool,
        description: str | None,
        metadata: FrozenMap[str, str] | None,
    ) -> Payment:
        """Charge a saved payment method.

        Raises:
            Declined: it was set to fail.
            ActionRequired: it was set to fail for want of authentication.
        """
        self._world.customer(customer_id)
        method = self._world.store.payment_methods.get(payment_method_id)
        if method is None or method.customer_id != customer_id:
            message = "the customer has no such payment method"
            raise InvalidRequest(message, param="payment_method_id")
        payment, declined = self.charge(
            amount,
            customer_id,
            capture=capture,
            payment_method_id=payment_method_id,
            description=description,
            metadata=metadata,
        )
        if payment.status is PaymentStatus.REQUIRES_ACTION:
            message = "the payer has to authenticate this payment"
            raise ActionRequired(
                message,
                url=f"https://checkout.paylattice.invalid/authenticate/{payment.id}",
                payment_id=payment.id,
                code=str(declined),
            )
        if declined is not None:
            message = "the payment was declined"
            raise Declined(message, reason=declined, payment_id=payment.id, code=str(declined))
        return payment

    def settle(self, payment_id: str, *, succeeded: bool) -> Payment:
        """Let a payment that is under way, or waits for the payer, end."""
        payment = self.get(payment_id)
        if payment.status not in {PaymentStatus.PROCESSING, PaymentStatus.REQUIRES_ACTION}:
            message = f"a payment that is {payment.status} does not wait for anything"
            raise Conflict(message)
        status = PaymentStatus.SUCCEEDED if succeeded else PaymentStatus.FAILED
        captured = payment.amount if succeeded else Money(0, payment.amount.currency)
        return self._keep(attrs.evolve(payment, status=status, raw_status=str(status), amount_captured=captured))

    def capture(self, payment_id: str, amount: Money | None) -> Payment:
        """Take the money of an authorized payment."""
        payment = self.get(payment_id)
        if payment.status is not PaymentStatus.AUTHORIZED:
            message = f"a payment that is {payment.status} cannot be captured"
            raise Conflict(message, code="payment_not_authorized")
        taken = amount or payment.amount
        if taken > payment.amount:
            message = f"only {payment.amount} was authorized"
            raise InvalidRequest(message, param="amount")
        status = PaymentStatus.SUCCEEDED
        return self._keep(attrs.evolve(payment, status=status, raw_status=str(status), amount_captured=taken))

    def cancel(self, payment_id: str) -> Payment:
        """Give up a payment that has not been captured."""
        payment = self.get(payment_id)
        if payment.status is PaymentStatus.CANCELED:
            return payment
        if payment.status not in _CANCELABLE:
            message = f"a payment that is {payment.status} cannot be canceled"
            raise Conflict(message, code="payment_not_cancelable")
        return self._keep(attrs.evolve(payment, status=PaymentStatus.CANCELED, raw_status="canceled"))

    def refund(self, payment_id: str, amount: Money | None, reason: str | None) -> Refund:
        """Give money back."""
        payment = self.get(payment_id)
        if payment.status is not PaymentStatus.REFUNDED and payment.status not in _REFUNDABLE:
            message = f"a payment that is {payment.status} cannot be refunded"
            raise Conflict(message, code="payment_not_refundable")
        zero = Money(0, payment.amount.currency)
        taken, given = payment.amount_captured or zero, payment.amount_refunded or zero
        left = taken - given
        back = amount or left
        if back > left or back == zero:
            message = f"only {left} is left to refund"
            raise InvalidRequest(message, param="amount", code="refund_too_large")
        given = given + back
        status = PaymentStatus.REFUNDED if given == taken else PaymentStatus.PARTIALLY_REFUNDED
        payment = attrs.evolve(payment, status=status, raw_status=str(status), amount_refunded=given)
        self._world.store.payments[payment.id] = payment
        refund = Refund(
            id=self._world.new_id("re"),
            amount=back,
            status=RefundStatus.SUCCEEDED,
            payment_id=payment.id,
            reason=reason,
            created_at=self._world.now,
            raw_status="succeeded",
            provider=self._world.name,
        )
        self._world.store.refunds[refund.id] = refund
        self._world.tell(EventType.REFUND_CREATED, customer_id=payment.customer_id, payment=payment, refund=refund)
        return refund

    def _authorization_expires(self, payment_id: str) -> None:
        if self.get(payment_id).status is PaymentStatus.AUTHORIZED:
            self.cancel(payment_id)

    def _keep(self, payment: Payment) -> Payment:
        self._world.store.payments[payment.id] = payment
        self._world.tell(_TOLD_AS[payment.status], customer_id=payment.customer_id, payment=payment)
        return payment
