"""Giving money back: of a subscription's sale, of a capture, or of the several captures of one payment.

PayPal refunds captures, not payments: the refund of a payment with several takes several requests. Each has a key that follows
from the caller's: the oldest capture is refunded under the caller's key itself, every other one under a key made of it and the
capture's id. So the same key, sent again after a crash in the middle, does what is missing and repeats the rest.

Without an amount nothing is counted here: PayPal gets no amount, and refunds "captured amount - previous refunds" of each
capture (https://developer.paypal.com/docs/api/payments/v2/#captures_refund), whatever else is refunded at the same time.

What a key has given back already is found in the order, also once PayPal has forgotten the key: each refund carries a mark made
of it at the end of its invoice id.
"""

from collections.abc import Sequence

import attrs

from ...errors import Conflict, InvalidRequest, OutcomeUnknown, PaymentError, ResponseOutcomeUnknown
from ...idempotency import sub_key
from ...jsonlike import identity, text
from ...models import PaymentStatus, Refund
from ...money import Money
from . import order_parts, orders, requests
from .amounts import money_from
from .api import PayPalAPI
from .order_parts import TAKEN, Captured
from .payment_lookup import Found, Kind, PaymentLookup

__all__ = ["Refunds"]

_NOTHING_LEFT = "CAPTURE_FULLY_REFUNDED"
_PARTLY_IN = frozenset({PaymentStatus.UNKNOWN, PaymentStatus.PROCESSING, PaymentStatus.AUTHORIZED})
"""Statuses of which PayPal may have taken money: some units of an order, and not others; a sale that it holds; a part of an
authorization."""


class Refunds:
    """Gives money back.

    Args:
        api: how to ask PayPal.
        lookup: finds a payment by its id.
    """

    def __init__(self, api: PayPalAPI, lookup: PaymentLookup) -> None:
        self._api = api
        self._lookup = lookup

    async def create(self, payment_id: str, amount: Money | None, reason: str | None, key: str) -> Refund:
        """Give money back: of all captures of a payment, or of a subscription's sale."""
        found = await self._lookup.required(payment_id)
        _check_refund(found, amount)
        if found.kind is Kind.SALE:
            return await self._api.create(
                f"{Kind.SALE.path(payment_id)}/refund",
                requests.sale_refund_request(amount, reason),
                key,
                lambda data: orders.refund_from(data, payment_id=payment_id, asked=amount),
            )
        captures = await self._captures_of(found)
        return await _CapturesRefund(self._api, payment_id, captures, reason, key).of(amount)

    async def made_under(self, key: str, payment_id: str, amount: Money | None) -> Refund | None:
        """The refund that was made under the key, if all of it was; None, too, if that cannot be known.

        It is looked for in the order, where the refunds of captures are. Those of a subscription's sale are in no list.
        """
        found = await self._lookup.look(payment_id)
        order_id = found.order_id if found is not None else None
        if found is None or found.kind is Kind.SALE or order_id is None:
            return None
        order = found.data if found.kind is Kind.ORDER else await self._lookup.order(order_id)
        captures = order_parts.captured_of(order)
        if found.kind is Kind.CAPTURE:
            captures = tuple(each for each in captures if each.id == payment_id)
        elif found.kind is Kind.AUTHORIZATION:
            captures = order_parts.captured_under(order, payment_id)
        return _CapturesRefund(self._api, payment_id, captures, None, key).made(amount)

    async def _captures_of(self, found: Found) -> Sequence[Captured]:
        """The captures that took the money. An authorization does not name them, but mostly names its order."""
        if found.kind is Kind.CAPTURE:
            amount = money_from(found.data, "amount", what="capture")
            return [Captured(identity(found.data, "id", "capture"), amount, found.data)]
        captures: Sequence[Captured] = ()
        if found.kind is Kind.ORDER:
            captures = order_parts.captured_of(found.data)
        elif (order_id := order_parts.order_of(found.data)) is not None:
            order = await self._lookup.order(order_id)
            captures = order_parts.captured_under(order, identity(found.data, "id", "authorization"))
        if not captures:
            message = "the capture that took the money cannot be found by this id: pass the capture's, or the order's"
            raise Conflict(message)
        return captures


@attrs.frozen
class _CapturesRefund:
    """The refund of a payment's captures.

    Args:
        api: how to ask PayPal.
        payment_id: what the payment goes by.
        captures: those that took money, oldest first; at least one.
        reason: for the payer.
        key: of the whole.
    """

    api: PayPalAPI
    payment_id: str
    captures: Sequence[Captured]
    reason: str | None
    key: str

    async def of(self, amount: Money | None) -> Refund:
        """Give back so much; None: all that is left.

        Raises:
            InvalidRequest: so much is not left.
            Conflict: nothing is left, or it cannot be told how much.
            OutcomeUnknown: some of it was given back, and not all: repeat it under the same key.
        """
        if len(self.captures) == 1:
            return await self._refund(self.captures[0], amount)
        return await (self._all_that_is_left() if amount is None else self._spread(amount))

    def made(self, amount: Money | None) -> Refund | None:
        """What this very refund has given back before; None: nothing, or not all that was asked for."""
        done = [(capture, made) for capture in self.captures if (made := self._made_of(capture)) is not None]
        if not done:
            return None
        refund = orders.joined([made for _, made in done])
        if amount is not None:
            return refund if refund.amount == amount else None
        made_of = {capture.id for capture, _ in done}
        rest = [capture for capture in self.captures if capture.id not in made_of]
        return refund if all(capture.left is not None and capture.left.amount <= 0 for capture in rest) else None

    async def _all_that_is_left(self) -> Refund:
        parts: list[Refund] = []
        nothing: PaymentError | None = None
        for capture in self.captures:
            try:
                parts.append(await self._refund(capture, None))
            except PaymentError as error:
                if error.code != _NOTHING_LEFT:
                    raise self._halfway(error, parts) from None
                nothing = error
        if nothing is not None and not parts:
            raise nothing
        return orders.joined(parts)

    async def _spread(self, amount: Money) -> Refund:
        done = {capture.id: made for capture in self.captures if (made := self._made_of(capture)) is not None}
        rest = amount
        for made in done.values():
            rest -= made.amount
        waiting = [capture for capture in self.captures if capture.id not in done]
        try:
            for capture, share in self._shares(rest, waiting) if rest.amount > 0 else ():
                if rest.amount > 0:
                    made = done[capture.id] = await self._refund(capture, min(share, rest))
                    rest -= made.amount  # PayPal's word: a repetition is answered with what was given back at first
        except PaymentError as error:
            raise self._halfway(error, list(done.values())) from None
        return orders.joined([done[capture.id] for capture in self.captures if capture.id in done])

    def _shares(self, amount: Money, captures: Sequence[Captured]) -> list[tuple[Captured, Money]]:
        """How much of the amount each capture gives back: all of it the oldest one that can; else the oldest ones first."""
        left: list[tuple[Captured, Money]] = []
        for capture in captures:
            if capture.left is None:
                message = (
                    "PayPal does not say how much of each capture of the payment is left: refund it without an amount, "
                    "or a capture by its own id"
                )
                raise Conflict(message)
            if capture.left.amount > 0:
                left.append((capture, capture.left))
        enough = next((capture for capture, most in left if most >= amount), None)
        if enough is not None:
            return [(enough, amount)]
        if amount > (total := sum((most for _, most in left), amount * 0)):
            message = f"only {total} of the payment is left to be refunded"
            raise InvalidRequest(message, param="amount")
        return left

    def _made_of(self, capture: Captured) -> Refund | None:
        """What this very refund has given back of the capture before, if it has."""
        for data in capture.refunds:
            if (text(data, "invoice_id") or "").endswith(self._mark_of(capture)):
                return attrs.evolve(orders.refund_from(data, payment_id=self.payment_id), replayed=True)
        return None

    def _mark_of(self, capture: Captured) -> str:
        return sub_key(self.key, capture.id)

    async def _refund(self, capture: Captured, amount: Money | None) -> Refund:
        invoice_id = requests.marked_invoice(text(capture.data, "invoice_id"), self._mark_of(capture))
        body = {**requests.refund_request(amount, self.reason), "invoice_id": invoice_id}
        return await self.api.create(
            f"{Kind.CAPTURE.path(capture.id)}/refund",
            body,
            self.key if capture is self.captures[0] else self._mark_of(capture),
            lambda data: orders.refund_from(data, payment_id=self.payment_id, asked=amount),
        )

    def _halfway(self, error: PaymentError, parts: Sequence[Refund]) -> PaymentError:
        """The failure of one request of several: what the others have done makes it an unknown outcome of the whole."""
        if not parts or isinstance(error, OutcomeUnknown):
            return error
        message = (
            f"{orders.joined(parts).amount} of the payment was given back, and the rest was not: {error.message}. The same "
            "key, or provider.recover(error), tries the rest again"
        )
        return ResponseOutcomeUnknown(message, code=error.code, request_id=error.request_id)


def _check_refund(found: Found, amount: Money | None) -> None:
    """Refuse what no repetition of an earlier refund can be. What is left is for PayPal to say, who knows the key."""
    payment = found.payment()
    taken = payment.amount if payment.amount_captured is None or _is_held(found) else payment.amount_captured
    if payment.status is PaymentStatus.PENDING and taken.amount > 0:
        message = "a part of the payment is still under way: wait until it is in, or refund a capture by its own id"
        raise Conflict(message)
    if payment.status not in TAKEN and not (taken.amount > 0 and payment.status in _PARTLY_IN):
        message = f"a payment that is {payment.status} cannot be refunded: no money was taken for it"
        raise Conflict(message)
    if amount is not None and (amount.currency != taken.currency or amount > taken):
        message = f"at most the {taken} that were taken can be refunded"
        raise InvalidRequest(message, param="amount")


def _is_held(found: Found) -> bool:
    return found.kind is Kind.SALE and found.payment().status is PaymentStatus.PROCESSING
