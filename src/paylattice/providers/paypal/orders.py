"""Orders, authorizations, captures, sales and refunds to payments: pure functions.

A payment is known by the id of its order wherever there is one: the order is there before the buyer has agreed, and the
authorizations and captures that come later are in it. Captures and authorizations without their order, and the sales of
subscriptions (an older kind of object), go by their own ids.
"""

from collections.abc import Iterable, Mapping, Sequence

import attrs

from ...jsonlike import JsonObject, child, identity, rfc3339, text
from ...models import CheckoutSession, CheckoutStatus, Payment, PaymentStatus, Refund, RefundStatus
from ...money import Money
from . import order_parts
from .amounts import money_from, optional_money_from
from .declines import decline_in
from .generations import capital_word_of, status_in, word_of
from .order_parts import AUTHORIZATION_STATUS, CAPTURE_STATUS, TAKEN, Captured
from .wire import approval_url

__all__ = [
    "joined",
    "order_session_from",
    "payment_from_authorization",
    "payment_from_capture",
    "payment_from_order",
    "payment_from_sale",
    "refund_from",
    "was_taken_back",
]

REFUND_STATUS: Mapping[str | None, RefundStatus] = {
    "COMPLETED": RefundStatus.SUCCEEDED,
    "PENDING": RefundStatus.PENDING,
    "FAILED": RefundStatus.FAILED,
    "CANCELLED": RefundStatus.CANCELED,
}
"""https://developer.paypal.com/docs/api/payments/v2/#refunds_get; v1 says the same in small letters."""

_CHECKOUT: Mapping[PaymentStatus, CheckoutStatus] = {
    PaymentStatus.REQUIRES_ACTION: CheckoutStatus.OPEN,
    PaymentStatus.PENDING: CheckoutStatus.PENDING,
    PaymentStatus.AUTHORIZED: CheckoutStatus.COMPLETE,
    PaymentStatus.SUCCEEDED: CheckoutStatus.COMPLETE,
    PaymentStatus.PARTIALLY_REFUNDED: CheckoutStatus.COMPLETE,
    PaymentStatus.REFUNDED: CheckoutStatus.COMPLETE,
    PaymentStatus.FAILED: CheckoutStatus.EXPIRED,
    PaymentStatus.CANCELED: CheckoutStatus.EXPIRED,
}
"""The status of the payment, as that of the page."""

_BACK = frozenset({"BUYER_COMPLAINT", "CHARGEBACK", "REFUNDED", "GUARANTEE", "REFUND"})
"""Why a payment that was completed is pending:
https://developer.paypal.com/docs/api/payments/v2/#definition-capture_status_details, and ``reason_code`` of v1."""


def payment_from_order(order: JsonObject) -> Payment:
    """The payment that an order is: all its purchase units together.

    One that is COMPLETED may hold a capture that is pending, or was declined.
    """
    parts = order_parts.parts_of(order)
    units = parts.units
    amount = order_parts.amount_of(units)
    captured = order_parts.captured_of(order)
    taken = order_parts.taken_by(captured, amount)
    fee, net = _fees(each.data for each in captured)
    returned = order_parts.given_back(order, amount)
    status = order_parts.standing_of(order)
    reserved = order_parts.reserving(order) if status is PaymentStatus.AUTHORIZED else ()
    declined = decline_in((*parts.authorizations, *parts.captures)) if status is PaymentStatus.FAILED else None
    return Payment(
        id=identity(order, "id", "order"),
        amount=amount,
        status=order_parts.after_refunds(taken, returned) if status is PaymentStatus.SUCCEEDED else status,
        customer_id=order_parts.agreed(units, "custom_id"),
        amount_captured=taken,
        refunded=returned,
        description=order_parts.agreed(units, "description"),
        created_at=rfc3339(order, "create_time"),
        raw_status=order_parts.words_of(order),
        capture_before=order_parts.lapses_at(reserved[-1]) if reserved else None,
        fee=fee,
        net=net,
        decline_reason=None if declined is None else declined.reason,
        decline_code=None if declined is None else declined.code,
        provider="paypal",
        raw=order,
    )


def _fees(captures: Iterable[JsonObject]) -> tuple[Money | None, Money | None]:
    """What PayPal keeps of captures or a sale, and what is left; None where one of them does not say it.

    https://developer.paypal.com/docs/api/payments/v2/#definition-seller_receivable_breakdown; v1 gives the fee of a sale alone.
    """
    known: list[tuple[Money, Money]] = []
    for data in captures:
        fee = optional_money_from(data, "seller_receivable_breakdown", "paypal_fee")
        net = optional_money_from(data, "seller_receivable_breakdown", "net_amount")
        if fee is None and net is None:
            fee, amount = optional_money_from(data, "transaction_fee"), optional_money_from(data, "amount")
            net = amount - fee if fee is not None and amount is not None and fee.currency == amount.currency else None
        if fee is None or net is None or fee.currency != net.currency:
            return None, None
        known.append((fee, net))
    if len({fee.currency for fee, _ in known}) != 1:
        return None, None
    (first_fee, first_net), *others = known
    return sum((fee for fee, _ in others), first_fee), sum((net for _, net in others), first_net)


def order_session_from(order: JsonObject) -> CheckoutSession:
    """The page on which an order is approved. It has the order's id, which is the payment's, too."""
    payment = payment_from_order(order)
    status = _CHECKOUT.get(payment.status, CheckoutStatus.UNKNOWN)
    is_open = status is CheckoutStatus.OPEN
    return CheckoutSession(
        id=payment.id,
        url=approval_url(order, "payer-action", "approve") if is_open or status is CheckoutStatus.UNKNOWN else None,
        customer_id=payment.customer_id,
        status=status,
        payment_id=None if is_open else payment.id,
        raw_status=text(order, "status"),
        provider="paypal",
        raw=order,
    )


def payment_from_capture(
    data: JsonObject, identifier: str | None = None, captured: tuple[Captured, ...] = ()
) -> Payment:
    """A capture.

    Args:
        data: the capture.
        identifier: the id that the payment goes by, if that is not the capture's.
        captured: the same capture in its order, which alone tells how much was given back.
    """
    return _payment(data, "capture", identifier, CAPTURE_STATUS, captured)


def payment_from_authorization(
    data: JsonObject, identifier: str | None = None, captured: tuple[Captured, ...] = ()
) -> Payment:
    """An authorization.

    Args:
        data: the authorization.
        identifier: the id that the payment goes by, if that is not the authorization's.
        captured: the captures of it in its order, which alone tells how much was taken, and given back.
    """
    payment = _payment(data, "authorization", identifier, AUTHORIZATION_STATUS, captured)
    if payment.status is PaymentStatus.AUTHORIZED:
        return attrs.evolve(payment, capture_before=order_parts.lapses_at(data))
    return payment


def payment_from_sale(data: JsonObject) -> Payment:
    """The payment of a subscription: a sale, which is of v1."""
    payment = _payment(data, "sale", None, CAPTURE_STATUS)
    subscription_id = text(data, "billing_agreement_id")
    if subscription_id is None:
        return payment
    return attrs.evolve(payment, invoice_id=payment.id, subscription_id=subscription_id)


def _is_held(payment: JsonObject) -> bool:
    """Whether PayPal has taken the money from the payer, and keeps it from the merchant for the time being."""
    return (text(payment, "payment_hold_status") or "").upper() == "HELD"


def was_taken_back(payment: JsonObject) -> bool:
    """Whether the payer has had the money of a completed payment back, or asks for it."""
    word = capital_word_of(payment)
    reason = text(child(payment, "status_details"), "reason") or text(payment, "reason_code") or ""
    return word == "REVERSED" or (word == "PENDING" and reason.upper() in _BACK)


def _payment(
    data: JsonObject,
    what: str,
    identifier: str | None,
    table: Mapping[str | None, PaymentStatus],
    captured: tuple[Captured, ...] = (),
) -> Payment:
    """A payment. One that is both completed and held is PROCESSING until PayPal releases it: the cautious word counts."""
    amount = money_from(data, "amount", what=what)
    status = status_in(table, data, PaymentStatus.UNKNOWN)
    if _is_held(data) and status is PaymentStatus.SUCCEEDED:
        status = PaymentStatus.PROCESSING
    taken: Money | None = amount if status in TAKEN else amount * 0
    returned = amount if status is PaymentStatus.REFUNDED else None
    if status in TAKEN and captured:
        taken = order_parts.taken_by(captured, amount)
        returned = order_parts.given_back_of(captured, amount)
        status = order_parts.after_refunds(taken, returned)
    elif status in TAKEN and what == "authorization":
        taken = None  # it does not say how much
    fee, net = _fees([each.data for each in captured] or [data]) if status in TAKEN else (None, None)
    declined = decline_in((data,)) if status is PaymentStatus.FAILED else None
    return Payment(
        id=identifier or identity(data, "id", what),
        amount=amount,
        status=status,
        customer_id=text(data, "custom_id") or text(data, "custom"),
        amount_captured=taken,
        refunded=returned,
        created_at=rfc3339(data, "create_time"),
        raw_status=word_of(data),
        fee=fee,
        net=net,
        decline_reason=None if declined is None else declined.reason,
        decline_code=None if declined is None else declined.code,
        provider="paypal",
        raw=data,
    )


def refund_from(data: JsonObject, *, payment_id: str | None = None, asked: Money | None = None) -> Refund:
    """A refund, of a capture or a sale. v1 writes its amount as a negative number now and then.

    Args:
        data: the refund.
        payment_id: what was refunded, if that does not go by the id in the refund.
        asked: the amount that was asked for, where the answer leaves it out.
    """
    amount = optional_money_from(data, "amount") or asked or money_from(data, "amount", what="refund")
    return Refund(
        id=identity(data, "id", "refund"),
        amount=amount if amount.amount >= 0 else -amount,
        status=status_in(REFUND_STATUS, data, RefundStatus.UNKNOWN),
        payment_id=payment_id or text(data, "sale_id") or order_parts.capture_of(data),
        reason=text(data, "note_to_payer") or text(data, "reason") or text(data, "description"),
        created_at=rfc3339(data, "create_time"),
        raw_status=word_of(data),
        provider="paypal",
        raw=data,
    )


def joined(parts: Sequence[Refund]) -> Refund:
    """Several refunds of one payment, as the one that was asked for.

    Its id is that of the first of them, and its status what all say; SUCCEEDED once none is pending; UNKNOWN if some failed.
    """
    first = parts[0]
    if len(parts) == 1:
        return first
    statuses = {each.status for each in parts}
    if len(statuses) > 1:
        undecided = statuses <= {RefundStatus.SUCCEEDED, RefundStatus.PENDING}
        statuses = {RefundStatus.PENDING if undecided else RefundStatus.UNKNOWN}
    return attrs.evolve(
        first,
        amount=sum((each.amount for each in parts[1:]), first.amount),
        status=statuses.pop(),
        part_ids=tuple(each.id for each in parts),
        raw_status=", ".join(dict.fromkeys(each.raw_status for each in parts if each.raw_status)) or None,
        replayed=all(each.replayed for each in parts),
        raw={"refunds": [each.raw for each in parts]},
    )
