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
    InvoiceStatus,
    PaymentMethod,
    Plan,
    Subscription,
    SubscriptionItem,
    SubscriptionStatus,
)
from .amounts import money_from, optional_money_from
from .periods import Cycle, cycles_from, period_around, period_ending, shifted

__all__ = [
    "approval_url",
    "invoice_from",
    "payment_method_from",
    "plan_from",
    "searched_invoice_from",
    "subscription_from",
    "subscription_session_from",
]

SUBSCRIPTION_STATUS: Mapping[str | None, SubscriptionStatus] = {
    "APPROVAL_PENDING": SubscriptionStatus.INCOMPLETE,
    "APPROVED": SubscriptionStatus.INCOMPLETE,
    "ACTIVE": SubscriptionStatus.ACTIVE,
    "SUSPENDED": SubscriptionStatus.PAUSED,
    "CANCELLED": SubscriptionStatus.CANCELED,
    "EXPIRED": SubscriptionStatus.EXPIRED,
}
"""https://developer.paypal.com/docs/api/subscriptions/v1/#subscriptions_get. ACTIVE and SUSPENDED are told apart further by
what the subscription owes: PayPal suspends both whom the merchant pauses and who does not pay."""

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
    "PENDING": InvoiceStatus.OPEN,
    "DECLINED": InvoiceStatus.OPEN,
}
"""The status of a subscription's transaction, as that of the invoice it would be. What was declined is still owed."""

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
        data: with ``plan`` and ``last_failed_payment`` in it, as far as they were asked for.
        now: aware; a subscription that is to start later, or is in its trial, is told by it.
    """
    word = text(data, "status")
    billing = child(data, "billing_info")
    plan = child(data, "plan")
    cycles = cycles_from(plan)
    start = rfc3339(data, "start_time") or rfc3339(data, "create_time")
    status = _status(word, billing, start, now)
    period = _period(status, billing, start, cycles, now)
    ended = status in {SubscriptionStatus.CANCELED, SubscriptionStatus.EXPIRED}
    plan_id = text(data, "plan_id") or text(plan, "id")
    quantity = _quantity(data)
    identifier = identity(data, "id", "subscription")
    return Subscription(
        id=identifier,
        customer_id=text(data, "custom_id"),
        status=status,
        current_period_start=period[0],
        current_period_end=period[1],
        plan_id=plan_id,
        quantity=quantity,
        items=(SubscriptionItem(identifier, plan_id, quantity, provider="paypal"),),
        cancel_at=_paid_through(billing, start, cycles) if status is SubscriptionStatus.CANCELED else None,
        canceled_at=rfc3339(data, "status_update_time") if ended else None,
        trial_end=_trial_end(status, billing, start, cycles, now),
        created_at=rfc3339(data, "create_time"),
        raw_status=word,
        plan_overridden=data.get("plan_overridden") is True,
        provider="paypal",
        raw=data,
    )


def _status(word: str | None, billing: JsonObject, start: datetime | None, now: datetime) -> SubscriptionStatus:
    status = SUBSCRIPTION_STATUS.get(word, SubscriptionStatus.UNKNOWN)
    unpaid = _owes(billing) or _failed_last(billing)
    if status is SubscriptionStatus.PAUSED:
        return SubscriptionStatus.UNPAID if unpaid else status
    if status is SubscriptionStatus.ACTIVE:
        if unpaid:
            return SubscriptionStatus.PAST_DUE
        if (start is not None and start > now) or _in_trial(billing, now):
            return SubscriptionStatus.TRIALING
    return status


def _owes(billing: JsonObject) -> bool:
    """Whether a payment failed and has not been made up for."""
    owed = optional_money_from(billing, "outstanding_balance")
    return (integer(billing, "failed_payments_count") or 0) > 0 or (owed is not None and owed.amount > 0)


def _failed_last(billing: JsonObject) -> bool:
    """Whether the last attempt to charge failed: PayPal counts the failure only when it has given up trying again.

    So it is PayPal that has suspended such a subscription, not the merchant.
    """
    failed = rfc3339(child(billing, "last_failed_payment"), "time")
    paid = rfc3339(child(billing, "last_payment"), "time")
    return failed is not None and (paid is None or failed > paid)


def _in_trial(billing: JsonObject, now: datetime) -> bool:
    """Whether the subscription is in its trial.

    PayPal counts a trial's cycle as completed when it begins; so the last one goes on until the next payment.
    """
    executions = children(billing, "cycle_executions")
    if any((integer(each, "cycles_completed") or 0) > 0 for each in executions if not _is_trial(each)):
        return False
    trials = [each for each in executions if _is_trial(each)]
    if any((integer(each, "cycles_remaining") or 0) > 0 for each in trials):
        return True
    following = rfc3339(billing, "next_billing_time")
    begun = any((integer(each, "cycles_completed") or 0) > 0 for each in trials)
    return begun and following is not None and now < following


def _is_trial(execution: JsonObject) -> bool:
    return (text(execution, "tenure_type") or "").upper() == "TRIAL"


def _period(
    status: SubscriptionStatus, billing: JsonObject, start: datetime | None, cycles: tuple[Cycle, ...], now: datetime
) -> tuple[datetime | None, datetime | None]:
    """The current period: it ends when PayPal charges next, and began one period of the plan earlier."""
    following = rfc3339(billing, "next_billing_time")
    if following is None or status.is_terminal or status is SubscriptionStatus.INCOMPLETE:
        return None, None
    if start is None or start > now:
        return None, following
    period = period_ending(start, cycles, following)
    if period is not None:
        return period[0], following
    # The plan or the date was changed on the way: the periods no longer follow from the start.
    current = next((each for each in cycles if each.trial is (status is SubscriptionStatus.TRIALING)), None)
    begins = shifted(following, current.unit, -current.every) if current is not None else None
    return (max(begins, start) if begins is not None and following > start else None), following


def _paid_through(billing: JsonObject, start: datetime | None, cycles: tuple[Cycle, ...]) -> datetime | None:
    """Until when a canceled subscription is paid for: the end of the period that the last payment was for."""
    paid = rfc3339(child(billing, "last_payment"), "time")
    if paid is None or start is None:
        return None
    period = period_around(start, cycles, max(paid, start))
    return period[1] if period is not None else None


def _trial_end(
    status: SubscriptionStatus, billing: JsonObject, start: datetime | None, cycles: tuple[Cycle, ...], now: datetime
) -> datetime | None:
    if status is not SubscriptionStatus.TRIALING or start is None:
        return None
    if start > now:
        return start
    end: datetime | None = start
    for cycle in cycles:
        if not cycle.trial or end is None or cycle.total == 0:
            break
        end = shifted(end, cycle.unit, cycle.every * cycle.total)
    return end if end is not None and end > start else rfc3339(billing, "next_billing_time")


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
    return Invoice(
        id=identity(data, "id", "transaction"),
        customer_id=customer_id,
        amount=amount,
        status=status,
        paid_at=when if paid else None,
        amount_due=amount,
        amount_paid=amount if paid else amount * 0,
        subscription_id=subscription_id,
        created_at=when,
        raw_status=word,
        provider="paypal",
        raw=data,
    )


def searched_invoice_from(data: JsonObject) -> Invoice:
    """An invoice that the merchant wrote with PayPal's Invoicing."""
    detail = child(data, "detail")
    word = text(data, "status")
    status = INVOICE_STATUS.get(word, InvoiceStatus.UNKNOWN)
    payments = children(child(data, "payments"), "transactions")
    paid_on = rfc3339(payments[-1], "payment_date") or _day(payments[-1], "payment_date") if payments else None
    return Invoice(
        id=identity(data, "id", "invoice"),
        customer_id=None,
        amount=money_from(data, "amount", what="invoice"),
        status=status,
        due_date=_day(child(detail, "payment_term"), "due_date"),
        paid_at=paid_on if status is InvoiceStatus.PAID else None,
        amount_due=optional_money_from(data, "due_amount"),
        amount_paid=optional_money_from(data, "payments", "paid_amount"),
        number=text(detail, "invoice_number"),
        hosted_url=text(child(detail, "metadata"), "recipient_view_url"),
        created_at=rfc3339(child(detail, "metadata"), "create_time") or _day(detail, "invoice_date"),
        raw_status=word,
        provider="paypal",
        raw=data,
    )


def _day(data: JsonObject, key: str) -> datetime | None:
    """A date without a time, as its beginning in UTC: PayPal says no zone."""
    value = text(data, key)
    return rfc3339({key: f"{value}T00:00:00Z"}, key) if value is not None and len(value) == 10 else None  # noqa: PLR2004 - YYYY-MM-DD


def payment_method_from(data: JsonObject) -> PaymentMethod:
    """A token of the vault. Kinds that nobody knows yet keep PayPal's word."""
    source = child(data, "payment_source")
    kind = next((name for name in source if isinstance(source[name], Mapping)), "unknown")
    details = child(source, kind)
    expiry = _EXPIRY.fullmatch(text(details, "expiry") or "")
    return PaymentMethod(
        id=identity(data, "id", "payment token"),
        type=kind,
        last4=text(details, "last_digits"),
        brand=(text(details, "brand") or "").lower() or None,
        customer_id=text(child(data, "customer"), "id"),
        exp_month=int(expiry[2]) if expiry is not None else None,
        exp_year=int(expiry[1]) if expiry is not None else None,
        provider="paypal",
        raw=data,
    )
