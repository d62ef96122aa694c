"""Square's objects to models: pure functions, tolerant of every version of the API.

Unknown words become ``UNKNOWN``; only identity and money are demanded. What a subscription is does not stand in it alone:
see :mod:`.states`; a plan is an object of the catalogue: see :mod:`.catalog`.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta, tzinfo

from ...errors import InvalidResponse
from ...frozen import FrozenMap
from ...jsonlike import JsonObject, as_object, child, children, identity, integer, text
from ...models import (
    NOTHING,
    Customer,
    Invoice,
    InvoiceReason,
    InvoiceStatus,
    Payment,
    PaymentMethod,
    PaymentStatus,
    Refund,
    RefundStatus,
)
from ...money import Money
from .amounts import money_from, optional_money_from, total_of
from .errors import decline_of
from .times import day_of, midnight, moment_of, zone_of

__all__ = [
    "customer_from",
    "invoice_from",
    "joined_name",
    "object_in",
    "order_in",
    "order_of",
    "paid_at",
    "payment_from",
    "payment_method_from",
    "payment_of",
    "payments_of",
    "refund_from",
    "split_name",
]

PAYMENT_STATUS: Mapping[str | None, PaymentStatus] = {
    "APPROVED": PaymentStatus.AUTHORIZED,
    "PENDING": PaymentStatus.PROCESSING,
    "COMPLETED": PaymentStatus.SUCCEEDED,
    "CANCELED": PaymentStatus.CANCELED,
    "FAILED": PaymentStatus.FAILED,
}
"""https://developer.squareup.com/reference/square/objects/Payment; a payment stays COMPLETED when it is refunded."""

REFUND_STATUS: Mapping[str | None, RefundStatus] = {
    "PENDING": RefundStatus.PENDING,
    "COMPLETED": RefundStatus.SUCCEEDED,
    "REJECTED": RefundStatus.FAILED,
    "FAILED": RefundStatus.FAILED,
}
"""https://developer.squareup.com/reference/square/objects/PaymentRefund"""

INVOICE_STATUS: Mapping[str | None, InvoiceStatus] = {
    "DRAFT": InvoiceStatus.DRAFT,
    "SCHEDULED": InvoiceStatus.OPEN,
    "UNPAID": InvoiceStatus.OPEN,
    "PARTIALLY_PAID": InvoiceStatus.OPEN,
    "PAYMENT_PENDING": InvoiceStatus.OPEN,
    "PAID": InvoiceStatus.PAID,
    "REFUNDED": InvoiceStatus.PAID,
    "PARTIALLY_REFUNDED": InvoiceStatus.PAID,
    "CANCELED": InvoiceStatus.VOID,
    "FAILED": InvoiceStatus.VOID,
}
"""https://developer.squareup.com/reference/square/enums/InvoiceStatus; FAILED: Square canceled it for suspicious activity."""

CARD_BRANDS: Mapping[str, str] = {
    "VISA": "visa",
    "MASTERCARD": "mastercard",
    "AMERICAN_EXPRESS": "amex",
    "DISCOVER": "discover",
    "DISCOVER_DINERS": "diners",
    "JCB": "jcb",
    "CHINA_UNIONPAY": "unionpay",
    "INTERAC": "interac",
    "EFTPOS": "eftpos_au",
    "FELICA": "felica",
    "EBT": "ebt",
    "SQUARE_GIFT_CARD": "square_gift_card",
    "OTHER_BRAND": "unknown",
}
"""https://developer.squareup.com/reference/square/enums/CardBrand; others keep Square's word, in lower case."""


# --- names -------------------------------------------------------------------------------------------------------


def split_name(name: str) -> tuple[str, str | None]:
    """Given name and family name: what is before and after the last space. One word is a given name."""
    given, _, family = name.strip().rpartition(" ")
    return (given.rstrip(), family) if given.strip() else (family, None)


def joined_name(data: JsonObject) -> str | None:
    """The name of a profile; of a company, if it names no person."""
    return " ".join(filter(None, (text(data, "given_name"), text(data, "family_name")))) or text(data, "company_name")


# --- models ------------------------------------------------------------------------------------------------------


def customer_from(data: JsonObject, *, reference_key: str, asked: str | None = None) -> Customer:
    """A customer.

    Args:
        data: the profile.
        reference_key: the word of the metadata that stands in ``reference_id``.
        asked: the id that was asked for: Square answers with another one where it has merged that profile into it.
    """
    found = identity(data, "id", "customer")
    return Customer(
        id=found,
        email=text(data, "email_address"),
        name=joined_name(data),
        metadata=_referred(data, reference_key),
        created_at=moment_of(data, "created_at"),
        merged_from=asked if asked not in {None, found} else None,
        phone=text(data, "phone_number"),
        provider="square",
        raw=data,
    )


def _referred(data: JsonObject, reference_key: str) -> FrozenMap[str, str]:
    reference = text(data, "reference_id")
    return FrozenMap({reference_key: reference}) if reference else NOTHING


def payment_method_from(data: JsonObject) -> PaymentMethod:
    """A card on file."""
    brand = text(data, "card_brand")
    return PaymentMethod(
        id=identity(data, "id", "card"),
        type="card",
        last4=text(data, "last_4"),
        brand=CARD_BRANDS.get(brand, brand.lower()) if brand else None,
        customer_id=text(data, "customer_id"),
        exp_month=integer(data, "exp_month"),
        exp_year=integer(data, "exp_year"),
        provider="square",
        raw=data,
    )


def payment_from(data: JsonObject, *, reference_key: str, refunds: Iterable[Refund] = ()) -> Payment:
    """A payment. What was asked for is without a tip; what was captured, and can be refunded, is with it.

    Args:
        data: the payment.
        reference_key: the word of the metadata that stands in ``reference_id``.
        refunds: those of it that were read: Square does not say whether ``refunded_money`` counts what is on its way.
    """
    raw_status = text(data, "status")
    status = PAYMENT_STATUS.get(raw_status, PaymentStatus.UNKNOWN)
    amount = money_from(data, "amount_money", "payment")
    same = data.get("total_money") == data.get("amount_money")
    total = amount if same else optional_money_from(data, "total_money") or amount
    refunded = optional_money_from(data, "refunded_money") if "refunded_money" in data else None
    counted = total_of(refund.amount for refund in refunds if refund.status not in _CAME_BACK)
    if counted is not None and (refunded is None or counted > refunded):
        refunded = counted
    declined = decline_of(data) if status is PaymentStatus.FAILED else None
    captured = total if status is PaymentStatus.SUCCEEDED else Money(0, total.currency)
    fee, net = _fees(data, captured)
    if status is PaymentStatus.SUCCEEDED and refunded is not None and refunded.amount > 0:
        whole = refunded.currency == total.currency and refunded >= total
        status = PaymentStatus.REFUNDED if whole else PaymentStatus.PARTIALLY_REFUNDED
    return Payment(
        id=identity(data, "id", "payment"),
        amount=amount,
        status=status,
        customer_id=text(data, "customer_id"),
        amount_captured=captured,
        refunded=refunded,
        payment_method_id=text(child(data, "card_details", "card"), "id"),
        description=_without_mark(text(data, "note")),
        metadata=_referred(data, reference_key),
        created_at=moment_of(data, "created_at"),
        raw_status=raw_status,
        capture_before=moment_of(data, "delayed_until") if status is PaymentStatus.AUTHORIZED else None,
        fee=fee,
        net=net,
        decline_reason=declined.reason if declined is not None else None,
        decline_code=declined.code if declined is not None else None,
        provider="square",
        raw=data,
    )


def _fees(data: JsonObject, captured: Money) -> tuple[Money | None, Money | None]:
    """What Square keeps of a payment, adjustments included, and what is left after the application's own fee, too.

    Square knows the fee a moment after the payment: https://developer.squareup.com/reference/square/objects/ProcessingFee.
    """
    parts = [optional_money_from(each, "amount_money") for each in children(data, "processing_fee")]
    fee = None if None in parts else total_of(parts)
    own = optional_money_from(data, "app_fee_money")
    if fee is None or fee.currency != captured.currency or not captured.amount:
        return None, None
    return fee, captured - fee - (own if own is not None and own.currency == fee.currency else fee * 0)


_MARK = re.compile(r" ?\(ref\. [0-9a-f-]{36}\)\Z")


def _without_mark(said: str | None) -> str | None:
    """A note, or a reason, as the caller gave it: see :func:`.requests.mark_of`."""
    return None if said is None else _MARK.sub("", said) or None


_CAME_BACK = frozenset({RefundStatus.FAILED, RefundStatus.CANCELED})
"""Refunds that moved no money. What is pending, or has an unknown status, counts as refunded."""


def refund_from(data: JsonObject) -> Refund:
    """A refund. It nearly always begins as pending."""
    raw_status = text(data, "status")
    return Refund(
        id=identity(data, "id", "refund"),
        amount=money_from(data, "amount_money", "refund"),
        status=REFUND_STATUS.get(raw_status, RefundStatus.UNKNOWN),
        payment_id=text(data, "payment_id"),
        reason=_without_mark(text(data, "reason")),
        created_at=moment_of(data, "created_at"),
        raw_status=raw_status,
        provider="square",
        raw=data,
    )


def invoice_from(data: JsonObject, *, currency: str | None = None, paid_at: datetime | None = None) -> Invoice:
    """An invoice. Its total is the sum of its payment requests: Square gives none.

    Args:
        data: the invoice.
        currency: of a draft without payment requests, whose total is then 0.
        paid_at: when it was paid, where the caller knows: the invoice does not say.
    """
    raw_status = text(data, "status")
    requests = children(data, "payment_requests")
    total = total_of(optional_money_from(request, "computed_amount_money") for request in requests)
    if total is None and not requests and currency is not None:
        total = Money(0, currency)
    if total is None:
        total = money_from(data, "next_payment_amount_money", "invoice")
    status = INVOICE_STATUS.get(raw_status, InvoiceStatus.UNKNOWN)
    return Invoice(
        id=identity(data, "id", "invoice"),
        customer_id=recipient_of(data),
        amount=total,
        status=status,
        due_date=_due_date(data, requests),
        paid_at=paid_at if status is InvoiceStatus.PAID else None,
        amount_due=total,
        amount_paid=total_of(optional_money_from(request, "total_completed_amount_money") for request in requests),
        subscription_id=text(data, "subscription_id"),
        number=text(data, "invoice_number"),
        hosted_url=page_url(text(data, "public_url")),
        created_at=moment_of(data, "created_at"),
        raw_status=raw_status,
        reason=InvoiceReason.UNKNOWN if text(data, "subscription_id") else InvoiceReason.MANUAL,
        provider="square",
        raw=data,
    )


def recipient_of(invoice: JsonObject) -> str | None:
    """The customer that an invoice is for."""
    return text(child(invoice, "primary_recipient"), "customer_id")


def is_automatic(invoice: JsonObject) -> bool:
    """Whether a card or a bank account is charged without the payer's doing."""
    requests = children(invoice, "payment_requests")
    return any(text(request, "automatic_payment_source") not in {None, "NONE"} for request in requests)


def _last_day(requests: tuple[JsonObject, ...]) -> date | None:
    return max((day for request in requests if (day := day_of(request, "due_date"))), default=None)


def _due_date(data: JsonObject, requests: tuple[JsonObject, ...]) -> datetime | None:
    """The beginning of the last day on which it is to be paid; None where it is charged automatically."""
    day = None if is_automatic(data) else _last_day(requests)
    return midnight(day, _zone(data)) if day else None


def overdue_from(data: JsonObject) -> datetime | None:
    """The end of the last day on which an invoice is to be paid, automatically or not."""
    day = _last_day(children(data, "payment_requests"))
    try:
        return midnight(day + timedelta(days=1), _zone(data)) if day else None
    except OverflowError:
        return None


def _zone(data: JsonObject) -> tzinfo:
    return zone_of(text(data, "timezone"))


def page_url(url: str | None) -> str | None:
    """The address if it is one that a customer may be sent to, by https or to a page on this machine; None otherwise."""
    return url if url is not None and url.startswith(("https://", "http://127.0.0.1:")) else None


def order_of(data: JsonObject) -> str | None:
    """The id of the order that a payment, a refund, an invoice or a payment link belongs to."""
    return text(data, "order_id") or None


def payments_of(order: JsonObject) -> tuple[str, ...]:
    """The ids of the payments that an order was paid with: several, where a gift card did not suffice, say."""
    tenders = (
        tender
        for tender in children(order, "tenders")
        if text(child(tender, "card_details"), "status") not in {"VOIDED", "FAILED"}
    )
    ids = (text(tender, "payment_id") or text(tender, "id") for tender in tenders)
    return tuple(dict.fromkeys(found for found in ids if found))


def paid_at(order: JsonObject) -> datetime | None:
    """When an order was paid: with its last payment, or when it was closed; None if it was not, or does not say when."""
    paid = [moment for tender in children(order, "tenders") if (moment := moment_of(tender, "created_at"))]
    return max(paid, default=None) or moment_of(order, "closed_at")


def payment_of(order: JsonObject) -> str | None:
    """The id of the payment that an order was paid with; None if it was not, or with several, of which none is all."""
    return found[0] if len(found := payments_of(order)) == 1 else None


def object_in(data: JsonObject, name: str) -> JsonObject:
    """An object that the answer cannot be without.

    Raises:
        InvalidResponse: it is not there.
    """
    found = as_object(data.get(name))
    if found is None:
        message = f"the answer holds no {name}"
        raise InvalidResponse(message)
    return found


def order_in(answer: JsonObject) -> JsonObject:
    """The order in an answer."""
    return object_in(answer, "order")
