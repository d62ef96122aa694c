"""Stripe's objects to models: pure functions, tolerant of every version of the API.

Webhooks come in the shape of the endpoint's version, not of this library's, so each function reads the shapes from
before and after 2025-03-31 (basil: periods moved to the items, an invoice's subscription to its parent). Unknown words
become ``UNKNOWN``; only identity and money are demanded. The amounts are those of :mod:`.amounts`.
"""

from collections.abc import Iterable, Mapping

import attrs

from ...jsonlike import (
    JsonObject,
    child,
    children,
    flag,
    identity,
    integer,
    reference,
    references,
    string_map,
    text,
    texts,
    timestamp,
    timestamps,
)
from ...models import (
    CheckoutSession,
    CheckoutStatus,
    Customer,
    Invoice,
    InvoiceStatus,
    Payment,
    PaymentMethod,
    PaymentStatus,
    Plan,
    Refund,
    RefundStatus,
    Subscription,
    SubscriptionItem,
)
from . import declines
from .amounts import money_from, money_of, optional_money_from
from .invoice_parts import billed_period, lines_of, payment_ids_of, reason_of
from .phases import scheduled_changes
from .standing import standing_of

__all__ = [
    "KEY_WORD",
    "checkout_session_from",
    "customer_from",
    "customer_of",
    "invoice_from",
    "invoice_subscription_id",
    "is_metered",
    "payment_from",
    "payment_method_from",
    "plan_from",
    "price_of",
    "refund_from",
    "subscription_from",
]

_CUSTOMERS = ("customer", "customer_account")

INVOICE_STATUS: Mapping[str | None, InvoiceStatus] = {
    "draft": InvoiceStatus.DRAFT,
    "open": InvoiceStatus.OPEN,
    "paid": InvoiceStatus.PAID,
    "uncollectible": InvoiceStatus.UNCOLLECTIBLE,
    "void": InvoiceStatus.VOID,
}
"""https://docs.stripe.com/api/invoices/object#invoice_object-status"""

CHECKOUT_STATUS: Mapping[tuple[str | None, str | None], CheckoutStatus] = {
    ("complete", "paid"): CheckoutStatus.COMPLETE,
    ("complete", "no_payment_required"): CheckoutStatus.COMPLETE,
    ("complete", "unpaid"): CheckoutStatus.PENDING,
}
"""``status`` and ``payment_status`` of a session that the customer went through."""

OPEN_CHECKOUT_STATUS: Mapping[str | None, CheckoutStatus] = {
    "open": CheckoutStatus.OPEN,
    "expired": CheckoutStatus.EXPIRED,
}
"""``status`` of the other sessions."""

PAYMENT_STATUS: Mapping[str | None, PaymentStatus] = {
    "canceled": PaymentStatus.CANCELED,
    "processing": PaymentStatus.PROCESSING,
    "requires_action": PaymentStatus.REQUIRES_ACTION,
    "requires_capture": PaymentStatus.AUTHORIZED,
    "requires_confirmation": PaymentStatus.PENDING,
    "requires_payment_method": PaymentStatus.PENDING,
    "succeeded": PaymentStatus.SUCCEEDED,
}
"""https://docs.stripe.com/api/payment_intents/object#payment_intent_object-status; refunds and failures are derived."""

REFUND_STATUS: Mapping[str | None, RefundStatus] = {
    "canceled": RefundStatus.CANCELED,
    "failed": RefundStatus.FAILED,
    "pending": RefundStatus.PENDING,
    "requires_action": RefundStatus.PENDING,
    "succeeded": RefundStatus.SUCCEEDED,
}
"""https://docs.stripe.com/api/refunds/object#refund_object-status"""

KEY_WORD = "paylattice_key"
"""The word of the metadata of payments, refunds and subscriptions that holds the idempotency key."""


def customer_of(data: JsonObject) -> str | None:
    """The customer that an object is of; an account that stands in for one, where accounts of version 2 are customers."""
    return _first(references(data, *_CUSTOMERS))


def _first(ids: Iterable[str | None]) -> str | None:
    return next(filter(None, ids), None)


def customer_from(data: JsonObject) -> Customer:
    """A customer."""
    return Customer(
        id=identity(data, "id", "customer"),
        email=text(data, "email"),
        name=text(data, "name"),
        metadata=string_map(data, "metadata"),
        created_at=timestamp(data, "created"),
        phone=text(data, "phone"),
        provider="stripe",
        raw=data,
    )


def payment_method_from(data: JsonObject) -> PaymentMethod:
    """A payment method. Banks stand in for brands where there is no card."""
    kind = text(data, "type") or "unknown"
    details = child(data, kind)
    return PaymentMethod(
        id=identity(data, "id", "payment method"),
        type=kind,
        last4=text(details, "last4"),
        brand=text(details, "brand") or text(details, "bank_name"),
        customer_id=customer_of(data),
        exp_month=integer(details, "exp_month"),
        exp_year=integer(details, "exp_year"),
        provider="stripe",
        raw=data,
    )


def plan_from(data: JsonObject) -> Plan:
    """A price, or a plan of the old kind. Its product should be expanded, for the name."""
    recurring = child(data, "recurring") or data  # plans have no type for what recurs: all of them do
    product = child(data, "product")
    per_package = bool(child(data, "transform_quantity") or child(data, "transform_usage"))
    return Plan(
        id=identity(data, "id", "price"),
        name=text(data, "nickname") or text(product, "name") or text(data, "name"),
        amount=None if per_package else optional_money_from(data, "unit_amount" if "unit_amount" in data else "amount"),
        interval=text(recurring, "interval"),
        interval_count=integer(recurring, "interval_count") or 1,
        trial_days=integer(recurring, "trial_period_days"),
        metered=is_metered(data),
        active=data.get("active") is not False and product.get("active") is not False,
        product_id=reference(data, "product"),
        metadata=string_map(data, "metadata"),
        provider="stripe",
        raw=data,
    )


def is_metered(price: JsonObject) -> bool:
    """Whether usage is reported and billed afterwards. Old plans say so at their top level."""
    return "metered" in (child(price, "recurring").get("usage_type"), price.get("usage_type"))


def price_of(item: JsonObject) -> JsonObject:
    """The price of a subscription's item; what was called a plan in old versions."""
    return child(item, "price") or child(item, "plan")


_TIMES = (
    *("created", "start_date", "trial_start", "trial_end", "current_period_start", "current_period_end"),
    *("cancel_at", "canceled_at", "ended_at"),
)


def subscription_from(data: JsonObject) -> Subscription:
    """A subscription, with the items that came along. Its latest invoice should be expanded: it tells what is paid."""
    items = tuple([_item_from(item) for item in children(data, "items", "data")])
    main = _main_item(items)
    raw_status = text(data, "status")
    is_held = bool(data.get("pause_collection"))
    created, began, trial_start, trial_end, start, end, cancel_at, canceled_at, ended_at = timestamps(data, *_TIMES)
    # from the last item's start to the first item's end, which is what Stripe's own list filters take
    start = start or max((each.current_period_start for each in items if each.current_period_start), default=None)
    end = end or min((each.current_period_end for each in items if each.current_period_end), default=None)
    standing = standing_of(
        child(data, "latest_invoice"),
        raw_status,
        start=start,
        end=end,
        made=began or created,
        trial_start=trial_start,
        trial_end=trial_end,
        is_held=is_held,
    )
    if standing.status.is_terminal:
        cancel_at = ended_at or canceled_at
    elif cancel_at is None and data.get("cancel_at_period_end") is True:
        cancel_at = end
    return Subscription(
        id=identity(data, "id", "subscription"),
        customer_id=customer_of(data),
        status=standing.status,
        current_period_start=start,
        current_period_end=end,
        plan_id=(main.plan_id if main else None) or reference(data, "plan"),
        metadata=_own_metadata(data),
        quantity=main.quantity if main else integer(data, "quantity"),
        items=items,
        cancel_at=cancel_at,
        canceled_at=canceled_at,
        trial_end=standing.trial_end,
        collection_paused=is_held,
        created_at=created,
        raw_status=raw_status,
        scheduled_changes=scheduled_changes(data),
        payment_failed_at=standing.payment_failed_at,
        paid_through=standing.paid_through,
        ended_at=ended_at,
        provider="stripe",
        raw=data,
    )


def _main_item(items: tuple[SubscriptionItem, ...]) -> SubscriptionItem | None:
    """The item whose plan and quantity are the subscription's; Stripe promises no order of them.

    One with a quantity comes before a metered one, which is billed beside it; then the one that was there first, as what was
    added later is an addition; then the dearest.
    """
    if len(items) == 1:
        return items[0]

    def rank(item: SubscriptionItem) -> tuple[bool, int, int, str]:
        price = price_of(item.raw)
        amount = integer(price, "unit_amount") or integer(price, "amount") or 0
        return item.metered, integer(item.raw, "created") or 0, -amount, item.id

    return min(items, key=rank, default=None)


def _item_from(item: JsonObject) -> SubscriptionItem:
    metered = is_metered(price_of(item))
    start, end = timestamps(item, "current_period_start", "current_period_end")
    return SubscriptionItem(
        id=identity(item, "id", "subscription item"),
        plan_id=reference(item, "price") or reference(item, "plan"),
        quantity=None if metered else integer(item, "quantity"),
        metered=metered,
        current_period_start=start,
        current_period_end=end,
        provider="stripe",
        raw=item,
    )


def invoice_from(data: JsonObject) -> Invoice:
    """An invoice."""
    raw_status = text(data, "status")
    start, end = billed_period(data)
    return Invoice(
        id=identity(data, "id", "invoice"),
        customer_id=customer_of(data),
        amount=money_from(data, "total", "invoice"),
        status=INVOICE_STATUS.get(raw_status, InvoiceStatus.UNKNOWN),
        due_date=timestamp(data, "due_date"),
        paid_at=timestamp(child(data, "status_transitions"), "paid_at"),
        amount_due=optional_money_from(data, "amount_due"),
        amount_paid=optional_money_from(data, "amount_paid"),
        subscription_id=invoice_subscription_id(data),
        number=text(data, "number"),
        hosted_url=text(data, "hosted_invoice_url"),
        pdf_url=text(data, "invoice_pdf"),
        created_at=timestamp(data, "created"),
        raw_status=raw_status,
        reason=reason_of(data),
        period_start=start,
        period_end=end,
        payment_ids=payment_ids_of(data),
        lines=lines_of(data),
        provider="stripe",
        raw=data,
    )


def invoice_subscription_id(data: JsonObject) -> str | None:
    """The subscription that an invoice bills, wherever its version keeps it."""
    return reference(data, "subscription") or reference(child(data, "parent", "subscription_details"), "subscription")


def checkout_session_from(data: JsonObject) -> CheckoutSession:
    """A Checkout Session, of either kind."""
    raw_status, payment_status, url, mode = texts(data, "status", "payment_status", "url", "mode")
    subscription_id, payment_id, *customers = references(data, "subscription", "payment_intent", *_CUSTOMERS)
    gone_through = CHECKOUT_STATUS.get((raw_status, payment_status))
    return CheckoutSession(
        id=identity(data, "id", "checkout session"),
        url=url,
        customer_id=_first(customers),
        metadata=string_map(data, "metadata"),
        status=gone_through or OPEN_CHECKOUT_STATUS.get(raw_status, CheckoutStatus.UNKNOWN),
        subscription_id=subscription_id,
        payment_id=payment_id,
        expires_at=timestamp(data, "expires_at"),
        payment_method_id=reference(child(data, "setup_intent"), "payment_method") if mode == "setup" else None,
        raw_status=raw_status,
        provider="stripe",
        raw=data,
    )


def payment_from(data: JsonObject) -> Payment:
    """A PaymentIntent. Its latest charge should be expanded: the intent itself knows nothing of refunds."""
    raw_status = text(data, "status")
    status = PAYMENT_STATUS.get(raw_status, PaymentStatus.UNKNOWN)
    error = child(data, "last_payment_error")
    if raw_status == "requires_payment_method" and error:
        status = PaymentStatus.FAILED
    charge = child(data, "latest_charge")
    card, balance = child(charge, "payment_method_details", "card"), child(charge, "balance_transaction")
    payment = Payment(
        id=identity(data, "id", "payment"),
        amount=money_from(data, "amount", "payment"),
        status=status,
        customer_id=customer_of(data),
        amount_captured=optional_money_from(data, "amount_received"),
        payment_method_id=reference(data, "payment_method"),
        description=text(data, "description"),
        metadata=_own_metadata(data),
        created_at=timestamp(data, "created"),
        raw_status=raw_status,
        invoice_id=reference(data, "invoice"),
        subscription_id=invoice_subscription_id(child(data, "invoice")),
        capture_before=timestamp(card, "capture_before") if status is PaymentStatus.AUTHORIZED else None,
        fee=optional_money_from(balance, "fee"),
        net=optional_money_from(balance, "net"),
        decline_reason=declines.reason_of(error) if status is PaymentStatus.FAILED else None,
        decline_code=text(error, "decline_code") or text(error, "code") if status is PaymentStatus.FAILED else None,
        provider="stripe",
        raw=data,
    )
    return _with_refunds(payment, charge) if status in _MAY_HAVE_MONEY and charge else payment


_MAY_HAVE_MONEY = frozenset({PaymentStatus.SUCCEEDED, PaymentStatus.AUTHORIZED})
"""A part of what is authorized can be captured, and given back, before the rest is."""


def _with_refunds(payment: Payment, charge: JsonObject) -> Payment:
    is_over = payment.status is PaymentStatus.SUCCEEDED
    refunded = _refunded(charge, rest_is_released=is_over)
    if refunded is None:
        return payment
    status = payment.status
    if is_over and (refunded or flag(charge, "refunded")):
        status = PaymentStatus.REFUNDED if flag(charge, "refunded") else PaymentStatus.PARTIALLY_REFUNDED
    return attrs.evolve(payment, status=status, refunded=money_of(refunded, payment.amount.currency))


def _refunded(charge: JsonObject, *, rest_is_released: bool) -> int | None:
    """What was given back. After the last capture Stripe counts what was never taken as refunded, too."""
    refunded, captured, amount = (integer(charge, key) for key in ("amount_refunded", "amount_captured", "amount"))
    if refunded is None or captured is None or amount is None or not rest_is_released:
        return refunded
    released = max(0, amount - captured)
    return refunded - released if refunded >= released else refunded


def refund_from(data: JsonObject) -> Refund:
    """A refund."""
    raw_status = text(data, "status")
    return Refund(
        id=identity(data, "id", "refund"),
        amount=money_from(data, "amount", "refund"),
        status=REFUND_STATUS.get(raw_status, RefundStatus.UNKNOWN),
        payment_id=reference(data, "payment_intent"),
        reason=text(data, "reason") or text(child(data, "metadata"), "reason"),
        created_at=timestamp(data, "created"),
        raw_status=raw_status,
        provider="stripe",
        raw=data,
    )


def _own_metadata(data: JsonObject) -> Mapping[str, str]:
    """The application's words, without the key that is kept beside them."""
    return {word: value for word, value in string_map(data, "metadata").items() if word != KEY_WORD}
