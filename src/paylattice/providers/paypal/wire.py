"""PayPal's objects to models: pure functions, tolerant of what is missing or new.

Unknown words become ``UNKNOWN``; only identity and money are demanded. Both shapes of money are read, see :mod:`.amounts`.
"""

import re
from collections.abc import Mapping
from datetime import datetime

from ...jsonlike import JsonObject, child, children, identity, integer, rfc3339, text
from ...models import (
    CheckoutSession,
    CheckoutStatus,
    Invoice,
    InvoiceReason,
    InvoiceStatus,
    PaymentMethod,
    Plan,
    Subscription,
    SubscriptionItem,
)
from ...money import Money
from .amounts import money_from, optional_money_from
from .standing import Standing

__all__ = [
    "approval_url",
    "invoice_from",
    "payment_method_from",
    "plan_from",
    "searched_invoice_from",
    "subscription_from",
    "subscription_session_from",
    "vaulted_kind",
]

SUBSCRIPTION_CHECKOUT: Mapping[str | None, CheckoutStatus] = {
    "APPROVAL_PENDING": CheckoutStatus.OPEN,
    "APPROVED": CheckoutStatus.PENDING,
    "ACTIVE": CheckoutStatus.COMPLETE,
    "SUSPENDED": CheckoutStatus.COMPLETE,
    "CANCELLED": CheckoutStatus.COMPLETE,
    "EXPIRED": CheckoutStatus.COMPLETE,
}
"""The status of a subscription, as that of the page on which it was approved."""

TRANSACTION_STATUS: Mapping[str | None, InvoiceStatus] = {
    "COMPLETED": InvoiceStatus.PAID,
    "PARTIALLY_REFUNDED": InvoiceStatus.PAID,
    "REFUNDED": InvoiceStatus.PAID,
    "REVERSED": InvoiceStatus.PAID,
    "PENDING": InvoiceStatus.OPEN,
    "DECLINED": InvoiceStatus.OPEN,
    "DENIED": InvoiceStatus.OPEN,
}
"""The status of a subscription's transaction, or sale, as that of the invoice it would be. What was declined is still owed, and
what was given back was paid."""

INVOICE_STATUS: Mapping[str | None, InvoiceStatus] = {
    "DRAFT": InvoiceStatus.DRAFT,
    "SCHEDULED": InvoiceStatus.DRAFT,
    "SENT": InvoiceStatus.OPEN,
    "UNPAID": InvoiceStatus.OPEN,
    "PARTIALLY_PAID": InvoiceStatus.OPEN,
    "PAYMENT_PENDING": InvoiceStatus.OPEN,
    "PAID": InvoiceStatus.PAID,
    "MARKED_AS_PAID": InvoiceStatus.PAID,
    "REFUNDED": InvoiceStatus.PAID,
    "PARTIALLY_REFUNDED": InvoiceStatus.PAID,
    "MARKED_AS_REFUNDED": InvoiceStatus.PAID,
    "CANCELLED": InvoiceStatus.VOID,
}
"""https://developer.paypal.com/docs/api/invoicing/v2/#definition-invoice_status"""

_EXPIRY = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])")
_ZONES: Mapping[str | None, str] = {None: "Z", "UTC": "Z", "GMT": "Z", "PST": "-08:00", "PDT": "-07:00"}
_INVOICE_TIME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?: ([0-9:]{8}))?(?: (UTC|GMT|PST|PDT))?")
_TRIAL_DAYS: Mapping[str, int] = {"DAY": 1, "WEEK": 7, "MONTH": 30, "YEAR": 365}


def approval_url(data: JsonObject, *relations: str) -> str | None:
    """Where the payer has to go, by the link's relation: never by its place in the list.

    Args:
        data: the object with the links.
        *relations: the wanted relations, the best one first.
    """
    links = children(data, "links")
    for relation in relations:
        for link in links:
            if link.get("rel") == relation:
                href = text(link, "href")
                if href:
                    return href
    return None


def subscription_from(data: JsonObject, now: datetime) -> Subscription:
    """A subscription.

    Args:
        data: with ``plan`` and ``last_failed_payment``, if the request asked for them.
        now: aware; shows whether a subscription starts later, or is in its trial.
    """
    standing = Standing(data, now)
    status = standing.status
    start, end = standing.period
    ended = rfc3339(data, "status_update_time") if status.is_terminal else None
    plan_id = text(data, "plan_id") or text(child(data, "plan"), "id")
    quantity = _quantity(data)
    identifier = identity(data, "id", "subscription")
    return Subscription(
        id=identifier,
        customer_id=text(data, "custom_id"),
        status=status,
        current_period_start=start,
        current_period_end=end,
        plan_id=plan_id,
        quantity=quantity,
        items=(SubscriptionItem(identifier, plan_id, quantity, provider="paypal"),),
        cancel_at=standing.paid_through if status.is_terminal else None,
        canceled_at=ended,
        trial_end=standing.trial_end,
        created_at=rfc3339(data, "create_time"),
        raw_status=text(data, "status"),
        payment_failed_at=standing.payment_failed_at,
        paid_through=standing.paid_through,
        ended_at=ended,
        plan_overridden=data.get("plan_overridden") is True,
        provider="paypal",
        raw=data,
    )


def _quantity(data: JsonObject) -> int | None:
    value = text(data, "quantity")
    return int(value) if value is not None and value.isascii() and value.isdigit() and len(value) < 16 else None  # noqa: PLR2004 - what an id of a database holds


def subscription_session_from(data: JsonObject) -> CheckoutSession:
    """The page on which a subscription is approved. It has the subscription's id."""
    word = text(data, "status")
    status = SUBSCRIPTION_CHECKOUT.get(word, CheckoutStatus.UNKNOWN)
    identifier = identity(data, "id", "subscription")
    is_open = status is CheckoutStatus.OPEN
    return CheckoutSession(
        id=identifier,
        url=approval_url(data, "approve") if is_open or status is CheckoutStatus.UNKNOWN else None,
        customer_id=text(data, "custom_id"),
        status=status,
        subscription_id=None if is_open else identifier,
        raw_status=word,
        provider="paypal",
        raw=data,
    )


def plan_from(data: JsonObject) -> Plan:
    """A plan. Its amount and interval are those of its regular cycle; its free trial is counted in days."""
    regular: JsonObject = {}
    trial_days = 0
    for cycle in children(data, "billing_cycles"):
        if text(cycle, "tenure_type") == "REGULAR":
            regular = cycle
            continue
        price = optional_money_from(cycle, "pricing_scheme", "fixed_price")
        if price is None or price.amount == 0:
            frequency = child(cycle, "frequency")
            days = _TRIAL_DAYS.get(text(frequency, "interval_unit") or "", 0)
            trial_days += days * (integer(frequency, "interval_count") or 1) * (integer(cycle, "total_cycles") or 1)
    frequency = child(regular, "frequency")
    unit = text(frequency, "interval_unit")
    return Plan(
        id=identity(data, "id", "plan"),
        name=text(data, "name"),
        amount=optional_money_from(regular, "pricing_scheme", "fixed_price"),
        interval=unit.lower() if unit else None,
        interval_count=max(integer(frequency, "interval_count") or 1, 1),
        trial_days=trial_days or None,
        active=text(data, "status") == "ACTIVE",
        product_id=text(data, "product_id"),
        provider="paypal",
        raw=data,
    )


def invoice_from(data: JsonObject, *, customer_id: str | None, subscription_id: str) -> Invoice:
    """A transaction of a subscription, as the invoice that PayPal does not write for it."""
    word = text(data, "status")
    status = TRANSACTION_STATUS.get(word, InvoiceStatus.UNKNOWN)
    when = rfc3339(data, "time")
    amount = money_from(data, "amount_with_breakdown", "gross_amount", what="transaction")
    paid = status is InvoiceStatus.PAID
    transaction_id = identity(data, "id", "transaction")
    return Invoice(
        id=transaction_id,
        customer_id=customer_id,
        amount=amount,
        status=status,
        paid_at=when if paid else None,
        amount_due=amount,
        amount_paid=amount if paid else amount * 0,
        subscription_id=subscription_id,
        created_at=when,
        raw_status=word,
        payment_ids=(transaction_id,),
        provider="paypal",
        raw=data,
    )


def searched_invoice_from(data: JsonObject) -> Invoice:
    """An invoice that the merchant wrote with PayPal's Invoicing, of v2; or of v1, which has no ``detail``."""
    detail = child(data, "detail") or data
    metadata = child(detail, "metadata")
    word = text(data, "status")
    status = INVOICE_STATUS.get(word, InvoiceStatus.UNKNOWN)
    payments = children(child(data, "payments"), "transactions") or children(data, "payments")
    paid_on = [_when(each, "payment_date") or _when(each, "date") for each in payments]
    amount = optional_money_from(data, "total_amount") or money_from(data, "amount", what="invoice")
    return Invoice(
        id=identity(data, "id", "invoice"),
        customer_id=None,
        amount=amount,
        status=status,
        due_date=_when(child(detail, "payment_term"), "due_date"),
        paid_at=max(filter(None, paid_on), default=None) if status is InvoiceStatus.PAID else None,
        amount_due=optional_money_from(data, "due_amount"),
        amount_paid=optional_money_from(data, "payments", "paid_amount") or _paid(data, amount),
        number=text(detail, "invoice_number") or text(data, "number"),
        hosted_url=text(metadata, "recipient_view_url") or text(metadata, "payer_view_url"),
        created_at=_when(metadata, "create_time") or _when(metadata, "created_date") or _when(detail, "invoice_date"),
        raw_status=word,
        reason=InvoiceReason.MANUAL,
        payment_ids=tuple(
            each for payment in payments if (each := text(payment, "payment_id") or text(payment, "transaction_id"))
        ),
        provider="paypal",
        raw=data,
    )


def _paid(data: JsonObject, like: Money) -> Money | None:
    """What v1 says was paid: with PayPal, and otherwise."""
    parts = (optional_money_from(data, "paid_amount", way) for way in ("paypal", "other"))
    known = [part for part in parts if part is not None and part.currency == like.currency]
    return sum(known, like * 0) if known else None


def _when(data: JsonObject, key: str) -> datetime | None:
    """A time as invoices say it: as all do; a date, as its beginning; v1's "2017-09-07 10:05:49 PDT". No zone is UTC."""
    found = _INVOICE_TIME.fullmatch(text(data, key) or "")
    if found is None:
        return rfc3339(data, key)
    day, clock, zone = found.groups()
    return rfc3339({key: f"{day}T{clock or '00:00:00'}{_ZONES[zone]}"}, key)


def payment_method_from(data: JsonObject) -> PaymentMethod:
    """A token of the vault. Unknown kinds keep PayPal's word."""
    kind = vaulted_kind(data) or "unknown"
    details = child(data, "payment_source", kind)
    expiry = _EXPIRY.fullmatch(text(details, "expiry") or "")
    return PaymentMethod(
        id=identity(data, "id", "payment token"),
        type=kind,
        last4=text(details, "last_digits"),
        brand=(text(details, "brand") or "").lower() or None,
        customer_id=text(child(data, "customer"), "id"),
        exp_month=int(expiry[2]) if expiry is not None else None,
        exp_year=int(expiry[1]) if expiry is not None else None,
        listed_under=text(child(data, "customer"), "id"),
        provider="paypal",
        raw=data,
    )


def vaulted_kind(data: JsonObject) -> str | None:
    """What a token of the vault stands for; None where it does not say, or names several things."""
    named = [name for name, value in child(data, "payment_source").items() if isinstance(value, Mapping)]
    return named[0] if len(named) == 1 else None
