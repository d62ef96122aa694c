"""What an order has led to: authorizations, captures and refunds, of all its purchase units, as one payment.

An order holds up to ten purchase units, a unit any number of captures, a capture any number of refunds. Nothing here is read by
the first of them, or the last: amounts are summed, and where the parts stand differently, the least certain of them decides.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime

import attrs

from ...errors import InvalidResponse
from ...jsonlike import JsonObject, child, children, flag, identity, rfc3339, text
from ...models import PaymentStatus
from ...money import Money
from .amounts import money_from, optional_money_from
from .generations import capital_word_of, status_in, word_of

__all__ = [
    "AUTHORIZATION_STATUS",
    "CAPTURE_STATUS",
    "ORDER_STATUS",
    "TAKEN",
    "Captured",
    "Parts",
    "after_refunds",
    "agreed",
    "amount_of",
    "authorization_of",
    "capture_of",
    "captured_of",
    "captured_under",
    "given_back",
    "given_back_of",
    "is_final",
    "is_partly_captured",
    "is_pending_under",
    "lapses_at",
    "order_of",
    "parts_of",
    "reserves_rest",
    "reserving",
    "standing_of",
    "taken_by",
    "words_of",
]

CAPTURE_STATUS: Mapping[str | None, PaymentStatus] = {
    "COMPLETED": PaymentStatus.SUCCEEDED,
    "PENDING": PaymentStatus.PENDING,
    "DECLINED": PaymentStatus.FAILED,
    "DENIED": PaymentStatus.FAILED,
    "FAILED": PaymentStatus.FAILED,
    "PARTIALLY_REFUNDED": PaymentStatus.PARTIALLY_REFUNDED,
    "REFUNDED": PaymentStatus.REFUNDED,
    "REVERSED": PaymentStatus.CHARGED_BACK,
}
"""https://developer.paypal.com/docs/api/payments/v2/#captures_get, and ``state`` of v1's captures and sales, which say DENIED:
https://developer.paypal.com/docs/api/payments/v1/#sale. REVERSED comes in events, and in old objects."""

AUTHORIZATION_STATUS: Mapping[str | None, PaymentStatus] = {
    "CREATED": PaymentStatus.AUTHORIZED,
    "AUTHORIZED": PaymentStatus.AUTHORIZED,
    "CAPTURED": PaymentStatus.SUCCEEDED,
    "PARTIALLY_CAPTURED": PaymentStatus.SUCCEEDED,
    "DENIED": PaymentStatus.FAILED,
    "EXPIRED": PaymentStatus.CANCELED,
    "VOIDED": PaymentStatus.CANCELED,
    "PENDING": PaymentStatus.PENDING,
}
"""https://developer.paypal.com/docs/api/payments/v2/#authorizations_get; v1 says AUTHORIZED, and EXPIRED."""

ORDER_STATUS: Mapping[str | None, PaymentStatus] = {
    "CREATED": PaymentStatus.REQUIRES_ACTION,
    "PAYER_ACTION_REQUIRED": PaymentStatus.REQUIRES_ACTION,
    "SAVED": PaymentStatus.PENDING,
    "APPROVED": PaymentStatus.PENDING,
    "VOIDED": PaymentStatus.CANCELED,
}
"""Of an order without a capture or an authorization. APPROVED: the buyer has agreed, and no money has moved."""

TAKEN = frozenset({PaymentStatus.SUCCEEDED, PaymentStatus.PARTIALLY_REFUNDED, PaymentStatus.REFUNDED})
"""Money came, whatever was given back since."""

_OVER = frozenset({PaymentStatus.FAILED, PaymentStatus.CANCELED})
_TO_COME = (PaymentStatus.REQUIRES_ACTION, PaymentStatus.PENDING, PaymentStatus.AUTHORIZED)
"""The least certain first."""
_RESERVING = (PaymentStatus.AUTHORIZED, PaymentStatus.PENDING, PaymentStatus.SUCCEEDED)
"""Of several authorizations of a unit, the one that still reserves money speaks for it."""
_DECIDING = (frozenset({PaymentStatus.PENDING}), TAKEN)
"""Of several captures of a unit, those that decide."""
_CAME_BACK = frozenset({"FAILED", "CANCELLED"})
"""The statuses of refunds that moved no money. What is pending, or has an unknown status, counts as refunded."""
_ABOVE = frozenset({"up", "capture", "authorization"})
_CAPTURE = re.compile(r"/(?:v2/payments/captures|v1/payments/capture)/([A-Za-z0-9]{1,50})/?\Z")
_AUTHORIZATION = re.compile(r"/(?:v2/payments/authorizations|v1/payments/authorization)/([A-Za-z0-9]{1,50})/?\Z")


@attrs.frozen
class Parts:
    """What an order has led to, in all its purchase units.

    Args:
        units: the purchase units; of those that the merchant's own software makes there may be up to ten.
        authorizations: in the order of the units, oldest first.
        captures: likewise.
        refunds: likewise.
    """

    units: tuple[JsonObject, ...]
    authorizations: tuple[JsonObject, ...]
    captures: tuple[JsonObject, ...]
    refunds: tuple[JsonObject, ...]


def parts_of(order: JsonObject) -> Parts:
    """What the order has led to."""
    units = children(order, "purchase_units")
    payments = [child(unit, "payments") for unit in units]
    return Parts(
        units,
        tuple(each for unit in payments for each in children(unit, "authorizations")),
        tuple(each for unit in payments for each in children(unit, "captures")),
        tuple(each for unit in payments for each in children(unit, "refunds")),
    )


@attrs.frozen
class Captured:
    """A capture that took money, and what was given back of it.

    Args:
        id: the capture's.
        amount: what it took.
        data: the capture.
        refunds: those of it that count: done, or under way.
        given_back: by them; None: PayPal says that some of it was, and not how much.
    """

    id: str
    amount: Money
    data: JsonObject
    refunds: tuple[JsonObject, ...] = ()
    given_back: Money | None = None

    @property
    def left(self) -> Money | None:
        """What can still be given back; None: PayPal does not say."""
        return self.amount - self.given_back if self.given_back is not None else None


def captured_of(order: JsonObject) -> tuple[Captured, ...]:
    """All captures that took money, of all purchase units, oldest first."""
    found = [each for unit in children(order, "purchase_units") for each in _captured_of(unit)]
    return tuple(sorted(found, key=lambda each: _time_of(each.data)))


def captured_under(order: JsonObject, authorization_id: str) -> tuple[Captured, ...]:
    """Those that were taken of an authorization."""
    return tuple(each for each in captured_of(order) if _is_under(order, each.data, authorization_id))


def is_pending_under(order: JsonObject, authorization_id: str) -> bool:
    """Whether a capture of an authorization is still under way."""
    return any(
        _status(CAPTURE_STATUS, each) is PaymentStatus.PENDING and _is_under(order, each, authorization_id)
        for each in parts_of(order).captures
    )


def _is_under(order: JsonObject, capture: JsonObject, authorization_id: str) -> bool:
    """Whether a capture is of the authorization: it names it, unless the order has no other."""
    named = authorization_of(capture)
    return named == authorization_id or (named is None and len(parts_of(order).authorizations) <= 1)


def _captured_of(unit: JsonObject) -> tuple[Captured, ...]:
    captures = children(child(unit, "payments"), "captures")
    ids = [text(each, "id") for each in captures]
    # the refunds of a unit's only capture can be of no other; of several captures, each refund names its own
    refunds = [(ids[0] if len(ids) == 1 else capture_of(each), each) for each in _counting(unit)]
    all_named = {of for of, _ in refunds} <= set(ids)
    return tuple(
        _captured(capture, [each for of, each in refunds if of == text(capture, "id")], known=all_named)
        for capture in captures
        if _status(CAPTURE_STATUS, capture) in TAKEN
    )


def _counting(unit: JsonObject) -> tuple[JsonObject, ...]:
    refunds = children(child(unit, "payments"), "refunds")
    return tuple(each for each in refunds if capital_word_of(each) not in _CAME_BACK)


def _captured(capture: JsonObject, refunds: list[JsonObject], *, known: bool) -> Captured:
    amount = money_from(capture, "amount", what="capture")
    returned: Money | None = _sum(amount, (optional_money_from(each, "amount") for each in refunds))
    status = _status(CAPTURE_STATUS, capture)
    if status is PaymentStatus.REFUNDED:
        returned = amount
    elif not known or (status is PaymentStatus.PARTIALLY_REFUNDED and not refunds):
        returned = None
    return Captured(identity(capture, "id", "capture"), amount, capture, tuple(refunds), returned)


def _time_of(data: JsonObject) -> float:
    created = rfc3339(data, "create_time")
    return created.timestamp() if created is not None else 0.0


# --- together ----------------------------------------------------------------------------------------------------


def amount_of(units: tuple[JsonObject, ...]) -> Money:
    """What was asked for: by all purchase units.

    Raises:
        InvalidResponse: there is none, one has no amount, or they have several currencies, which PayPal does not allow.
    """
    amounts = [money_from(unit, "amount", what="order") for unit in units or ({},)]
    if len({each.currency for each in amounts}) > 1:
        message = "the answer is no order: its purchase units have several currencies"
        raise InvalidResponse(message)
    return _sum(amounts[0], amounts)


def taken_by(captured: Iterable[Captured], like: Money) -> Money:
    """What the captures took together."""
    return _sum(like, (each.amount for each in captured))


def given_back(order: JsonObject, like: Money) -> Money | None:
    """What was given back of all captures; None if PayPal says that some of it was, and not how much."""
    total = like * 0
    for unit in children(order, "purchase_units"):
        refunds = _counting(unit)
        known = [each.given_back for each in _captured_of(unit)]
        if None in known and not refunds:
            return None
        total += _sum(like, (optional_money_from(each, "amount") for each in refunds) if None in known else known)
    return total


def given_back_of(captured: Iterable[Captured], like: Money) -> Money | None:
    """The same of some captures."""
    known = [each.given_back for each in captured]
    return None if None in known else _sum(like, known)


def after_refunds(taken: Money, returned: Money | None) -> PaymentStatus:
    """The status of a payment whose money is in, by what was given back of it, or is on its way back."""
    if returned is None:
        return PaymentStatus.PARTIALLY_REFUNDED
    if returned.amount <= 0:
        return PaymentStatus.SUCCEEDED
    return PaymentStatus.REFUNDED if returned >= taken else PaymentStatus.PARTIALLY_REFUNDED


def standing_of(order: JsonObject) -> PaymentStatus:
    """Where the payment of all purchase units is; what was given back is not looked at: SUCCEEDED is what has paid."""
    units = children(order, "purchase_units")
    return _joined({_standing(unit, order) for unit in units}) if units else _status(ORDER_STATUS, order)


def _standing(unit: JsonObject, order: JsonObject) -> PaymentStatus:
    """Where the payment of one purchase unit is: by its captures, else its authorizations, else the order.

    A capture that was declined may have been followed, or preceded, by one that was not. What is pending is not in. Where
    a part was captured and the rest is still reserved, it is AUTHORIZED: the rest is to come. So it is where a capture was
    declined and all is still reserved.
    """
    payments = child(unit, "payments")
    captures = {_status(CAPTURE_STATUS, each) for each in children(payments, "captures")}
    if PaymentStatus.PENDING in captures:
        return PaymentStatus.PENDING
    authorizations = {_status(AUTHORIZATION_STATUS, each) for each in children(payments, "authorizations")}
    rest = any(_reserves_rest(each, unit) for each in children(payments, "authorizations"))
    if captures & TAKEN:
        return PaymentStatus.AUTHORIZED if rest else PaymentStatus.SUCCEEDED
    if captures == {PaymentStatus.FAILED} and (rest or PaymentStatus.AUTHORIZED in authorizations):
        return PaymentStatus.AUTHORIZED
    if captures:
        return _joined(captures)
    if authorizations:
        return next((status for status in _RESERVING if status in authorizations), None) or _joined(authorizations)
    return _status(ORDER_STATUS, order)


def _joined(found: set[PaymentStatus]) -> PaymentStatus:
    """The status of several parts together: that of all; else that of what is still to come.

    Where some have paid and others never will, no status says so: UNKNOWN, and ``amount_captured`` says how much came.
    """
    if len(found) == 1:
        return next(iter(found))
    if PaymentStatus.UNKNOWN in found:
        return PaymentStatus.UNKNOWN
    if found <= _OVER:
        return PaymentStatus.FAILED
    return next((status for status in _TO_COME if status in found), PaymentStatus.UNKNOWN)


def _status(table: Mapping[str | None, PaymentStatus], data: JsonObject) -> PaymentStatus:
    return status_in(table, data, PaymentStatus.UNKNOWN)


def words_of(order: JsonObject) -> str | None:
    """PayPal's words for where the payment is, without repetition.

    They are those of the captures that decide, else of the authorizations, else that of the order.
    """
    parts = parts_of(order)
    found = {
        status: [each for each in parts.captures if _status(CAPTURE_STATUS, each) in status] for status in _DECIDING
    }
    alone = len(parts.units) == 1
    captures = next((each for each in found.values() if each and alone), None) or parts.captures
    if captures and standing_of(order) is PaymentStatus.AUTHORIZED and not captured_of(order):
        captures = ()  # declined, and the money is reserved all the same
    words = (word_of(each) for each in captures or parts.authorizations or (order,))
    return ", ".join(dict.fromkeys(word for word in words if word)) or None


def agreed(units: tuple[JsonObject, ...], key: str) -> str | None:
    """What those purchase units that say it agree upon."""
    said = {value for unit in units if (value := text(unit, key)) is not None}
    return said.pop() if len(said) == 1 else None


def reserving(order: JsonObject) -> tuple[JsonObject, ...]:
    """The authorizations that reserve money, or may do so yet, oldest first: each renewal of one is another one."""
    found = [
        each
        for unit in children(order, "purchase_units")
        for each in children(child(unit, "payments"), "authorizations")
        if _status(AUTHORIZATION_STATUS, each) in _TO_COME or _reserves_rest(each, unit)
    ]
    return tuple(sorted(found, key=_time_of))


def reserves_rest(order: JsonObject, authorization_id: str) -> bool:
    """Whether a part of an authorization was captured, and the rest is still reserved."""
    return any(text(each, "id") == authorization_id and is_partly_captured(each) for each in reserving(order))


def is_partly_captured(authorization: JsonObject) -> bool:
    """Whether PayPal says that an authorization was captured in part. It says so, too, where that part was the final one."""
    return capital_word_of(authorization) == "PARTIALLY_CAPTURED"


def _reserves_rest(authorization: JsonObject, unit: JsonObject) -> bool:
    finals = (
        authorization_of(each)
        for each in children(child(unit, "payments"), "captures")
        if is_final(each) and _status(CAPTURE_STATUS, each) is not PaymentStatus.FAILED
    )
    return is_partly_captured(authorization) and not any(of in {None, text(authorization, "id")} for of in finals)


def is_final(capture: JsonObject) -> bool:
    """Whether a capture releases what it does not take of its authorization."""
    return flag(capture, "final_capture") or flag(capture, "is_final_capture")


def lapses_at(authorization: JsonObject) -> datetime | None:
    """When PayPal releases what an authorization reserves: 29 days after it was made."""
    return rfc3339(authorization, "expiration_time") or rfc3339(authorization, "valid_until")


# --- what belongs to what ----------------------------------------------------------------------------------------


def capture_of(refund: JsonObject) -> str | None:
    """The id of the capture that a refund is of: a link "up" ends in it; v1's say it in ``capture_id``."""
    return text(refund, "capture_id") or _above(refund, _CAPTURE)


def authorization_of(capture: JsonObject) -> str | None:
    """The id of the authorization that a capture is of, if it says so: in a link "up", or v1's "authorization"."""
    return _above(capture, _AUTHORIZATION)


def _above(data: JsonObject, kind: re.Pattern[str]) -> str | None:
    ups = (text(link, "href") or "" for link in children(data, "links") if text(link, "rel") in _ABOVE)
    return next((found[1] for up in ups if (found := kind.search(up)) is not None), None)


def order_of(resource: JsonObject) -> str | None:
    """The order that a capture, an authorization or a refund belongs to, if it says so."""
    return text(child(resource, "supplementary_data", "related_ids"), "order_id")


def _sum(like: Money, amounts: Iterable[Money | None]) -> Money:
    total = like * 0
    for amount in amounts:
        if amount is not None and amount.currency == like.currency:
            total += amount
    return total
