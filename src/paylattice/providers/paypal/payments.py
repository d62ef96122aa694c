"""Payments at PayPal: orders with their authorizations and captures, captures by themselves, and the sales of subscriptions."""

from collections.abc import Sequence
from enum import Enum

import attrs

from ...arguments import web_address
from ...errors import (
    ActionRequired,
    Conflict,
    Declined,
    InvalidRequest,
    InvalidResponse,
    NotFound,
    PaymentError,
    UnsupportedOperation,
)
from ...idempotency import sub_key
from ...jsonlike import JsonObject, child, identity, text
from ...models import Payment, PaymentStatus, Refund
from ...money import Money
from . import order_parts, orders, requests
from .amounts import money_from, optional_money_from
from .api import PayPalAPI, path_of
from .order_parts import TAKEN, Captured
from .refunds import CapturesRefund
from .wire import approval_url, vaulted_kind

__all__ = ["Kind", "Payments"]

ORDERS, CAPTURES, AUTHORIZATIONS, SALES = (
    "/v2/checkout/orders",
    "/v2/payments/captures",
    "/v2/payments/authorizations",
    "/v1/payments/sale",
)


class Kind(Enum):
    """What an id is the id of."""

    ORDER = ORDERS
    CAPTURE = CAPTURES
    AUTHORIZATION = AUTHORIZATIONS
    SALE = SALES


@attrs.frozen
class _Found:
    kind: Kind
    data: JsonObject


class Payments:
    """The operations on payments.

    Args:
        api: how to ask PayPal.
    """

    def __init__(self, api: PayPalAPI) -> None:
        self._api = api

    # --- reading -------------------------------------------------------------------------------------------------

    async def look(self, payment_id: str) -> _Found | None:
        """What the id is the id of: PayPal's ids do not tell, so it is looked for in each place, orders first."""
        for kind in Kind:
            found = await self.read(kind, payment_id)
            if found is not None:
                return _Found(kind, found)
        return None

    async def read(self, kind: Kind, identifier: str) -> JsonObject | None:
        """The object; None if there is none of this kind."""
        return await self._api.get(_path(kind, identifier), named=identifier)

    async def find(self, payment_id: str) -> Payment | None:
        """The payment; None if there is none."""
        found = await self.look(payment_id)
        if found is None:
            return None
        payment = _payment(found)
        order_id = order_parts.order_of(found.data)
        if payment.status not in TAKEN or order_id is None:
            return payment
        order = await self._api.get(_path(Kind.ORDER, order_id))  # which alone tells what was given back
        return _payment(found, order) if order is not None else payment

    async def _required(self, payment_id: str) -> _Found:
        found = await self.look(payment_id)
        if found is None:
            message = "PayPal has no such payment, in this account and environment"
            raise NotFound(message)
        return found

    async def _order(self, order_id: str) -> JsonObject:
        found = await self._api.get(_path(Kind.ORDER, order_id))
        if found is None:
            message = "PayPal no longer has the order"
            raise NotFound(message)
        return found

    # --- charging ------------------------------------------------------------------------------------------------

    async def create(
        self,
        amount: Money,
        *,
        customer_id: str,
        payment_method_id: str,
        capture: bool,
        description: str | None,
        key: str,
    ) -> Payment:
        """Charge a payment method of the vault, by an order on it."""
        token = await self._api.get(f"/v3/vault{path_of('payment-tokens', payment_method_id)}")
        if token is None:
            message = "PayPal has no such saved payment method"
            raise InvalidRequest(message, param="payment_method_id")
        owner = child(token, "customer")
        if customer_id not in {text(owner, "id"), text(owner, "merchant_customer_id")}:
            message = "the saved payment method belongs to another customer of PayPal's vault"
            raise InvalidRequest(message, param="payment_method_id")
        body = requests.order_request(
            amount,
            capture=capture,
            customer_id=customer_id,
            description=description,
            invoice_id=key,
            source=requests.vaulted_source(vaulted_kind(token) or "", payment_method_id),
        )
        order = await self._api.create(ORDERS, body, key, _checked_order)
        if not _has_moved(order) and text(order, "status") in {"APPROVED", "CREATED"}:
            order = await self._complete(order, "capture" if capture else "authorize", key)
        return _settled(await self._whole(order))

    async def _complete(self, order: JsonObject, step: str, key: str) -> JsonObject:
        """Capture or authorize an approved order. What was done before is not done again."""
        order_id = identity(order, "id", "order")

        async def write() -> JsonObject:
            return await self._api.create(
                f"{_path(Kind.ORDER, order_id)}/{step}", {}, sub_key(key, step), _checked_order
            )

        async def look() -> JsonObject | None:
            now = await self._order(order_id)
            return now if _has_moved(now) else None

        try:
            answer = await self._api.settle(write, look)
        except (Declined, ActionRequired) as error:
            raise _for_the_payer(error, order) from None
        return await self._whole(answer)

    async def _whole(self, order: JsonObject) -> JsonObject:
        """The order that a write was answered with, read again where PayPal left out what it had no news of."""
        if _is_whole(order):
            return order
        order_id = identity(order, "id", "order")

        async def read() -> JsonObject:
            found = await self._order(order_id)
            orders.payment_from_order(found)  # cannot be read: the write was done all the same
            return found

        return await self._api.afterwards(read)

    async def authorize(self, order_id: str, key: str) -> Payment:
        """Authorize the payment of an order that the buyer has approved."""
        order = await self._order(order_id)
        if text(order, "intent") != "AUTHORIZE":
            message = (
                "the order is to be captured, not authorized: see capture_payment, or create it with capture=False"
            )
            raise InvalidRequest(message, param="order_id")
        if not _has_moved(order):
            order = await self._complete(order, "authorize", key)
        return _settled(order)

    async def capture(self, payment_id: str, amount: Money | None, key: str) -> Payment:
        """Take the money: of an order that the buyer approved, or of an authorization."""
        found = await self._required(payment_id)
        payment = _payment(found)
        if payment.status in TAKEN:
            if amount is not None and payment.amount_captured not in {None, amount}:
                message = f"the payment was captured already, with another amount: {payment.amount_captured}"
                raise Conflict(message)
            return payment
        if amount is not None and (amount.currency != payment.amount.currency or amount > payment.amount):
            message = f"at most the {payment.amount} of the payment can be captured"
            raise InvalidRequest(message, param="amount")
        if payment.status in {PaymentStatus.CANCELED, PaymentStatus.FAILED}:
            message = f"the payment is {payment.status} and cannot be captured"
            raise Conflict(message)
        if found.kind is Kind.AUTHORIZATION:
            capture = await self._capture_authorization(found.data, amount, key)
            after = await self._api.afterwards(lambda: self._again(payment_id))
            return attrs.evolve(after, amount_captured=optional_money_from(capture, "amount") or amount)
        if found.kind is not Kind.ORDER:
            message = f"the payment is {payment.status}: PayPal captures it by itself"
            raise Conflict(message)
        order = found.data
        if order_parts.parts_of(order).captures:
            return payment  # it is on its way, and PayPal still has to say whether it arrived
        if text(order, "intent") == "AUTHORIZE":
            if not _has_moved(order):
                order = await self._complete(order, "authorize", key)
            if _settled(order).status is PaymentStatus.AUTHORIZED:
                await self._capture_authorization(_only_live(order), amount, key)
                order = await self._whole({"id": payment_id})
        else:
            if amount not in {None, payment.amount}:
                message = "an order is captured whole. Create it with capture=False to capture less than was approved"
                raise InvalidRequest(message, param="amount")
            order = await self._complete(order, "capture", key)
        return _settled(order)

    async def _capture_authorization(self, authorization: JsonObject, amount: Money | None, key: str) -> JsonObject:
        """The capture; or the authorization, where an earlier attempt captured it and only that can be found out."""
        path = _path(Kind.AUTHORIZATION, identity(authorization, "id", "authorization"))

        async def write() -> JsonObject:
            return await self._api.create(f"{path}/capture", requests.capture_request(amount), key, _with_id)

        async def look() -> JsonObject | None:
            now = await self._api.get(path)
            return now if now is not None and text(now, "status") in _CAPTURED_WORDS else None

        answer = await self._api.settle(write, look)
        if text(answer, "status") in {"DECLINED", "FAILED"}:
            message = "the payment was declined when it was captured"
            raise Declined(message, code=text(answer, "status"))
        return {} if text(answer, "status") in _CAPTURED_WORDS else answer

    async def _again(self, payment_id: str) -> Payment:
        return _payment(await self._required(payment_id))

    # --- giving up, giving back ----------------------------------------------------------------------------------

    async def cancel(self, payment_id: str, key: str) -> Payment:
        """Void an authorization."""
        found = await self._required(payment_id)
        payment = _payment(found)
        if payment.status is PaymentStatus.CANCELED:
            return payment
        if payment.status in TAKEN:
            message = "the payment was captured: refund it"
            raise Conflict(message)
        authorizations: tuple[JsonObject, ...] = (found.data,)
        if found.kind is Kind.ORDER:
            parts = order_parts.parts_of(found.data)
            if not parts.authorizations:
                raise UnsupportedOperation(
                    reason="PayPal cannot cancel an order for which no money is reserved.",
                    alternative="Do not capture it: it lapses within hours of its creation, or of the buyer's approval.",
                    provider=self._api.name,
                    operation="cancel_payment",
                )
            authorizations = order_parts.live_of(parts.authorizations) or parts.authorizations[-1:]
        elif found.kind is not Kind.AUTHORIZATION:
            message = f"a payment that is {payment.status} cannot be canceled"
            raise Conflict(message)
        for place, authorization in enumerate(authorizations):
            identifier = identity(authorization, "id", "authorization")
            await self._void(identifier, sub_key(key, identifier) if place else key)
        return await self._api.afterwards(lambda: self._again(payment_id))

    async def _void(self, authorization_id: str, key: str) -> None:
        path = _path(Kind.AUTHORIZATION, authorization_id)

        async def write() -> bool:
            await self._api.create(f"{path}/void", {}, key, bool)
            return True

        async def look() -> bool | None:
            now = await self._api.get(path)
            return True if now is not None and text(now, "status") == "VOIDED" else None

        await self._api.settle(write, look)

    async def refund(self, payment_id: str, amount: Money | None, reason: str | None, key: str) -> Refund:
        """Give money back: of all captures of a payment, or of a subscription's sale."""
        found = await self._required(payment_id)
        _check_refund(found, amount)
        if found.kind is Kind.SALE:
            return await self._api.create(
                f"{_path(Kind.SALE, payment_id)}/refund",
                requests.sale_refund_request(amount, reason),
                key,
                lambda data: orders.refund_from_sale(data, payment_id=payment_id, asked=amount),
            )
        captures = await self._captures_of(found)
        return await CapturesRefund(self._api, payment_id, captures, reason, key).of(amount)

    async def _captures_of(self, found: _Found) -> Sequence[Captured]:
        """The captures that took the money. An authorization does not name them, but mostly names its order."""
        if found.kind is Kind.CAPTURE:
            amount = money_from(found.data, "amount", what="capture")
            return [Captured(identity(found.data, "id", "capture"), amount, found.data)]
        captures: Sequence[Captured] = ()
        if found.kind is Kind.ORDER:
            captures = order_parts.captured_of(found.data)
        elif (order_id := order_parts.order_of(found.data)) is not None:
            order = await self._order(order_id)
            captures = order_parts.captured_under(order, identity(found.data, "id", "authorization"))
        if not captures:
            message = "the capture that took the money cannot be found by this id: pass the capture's, or the order's"
            raise Conflict(message)
        return captures


_CAPTURED_WORDS = frozenset({"CAPTURED", "PARTIALLY_CAPTURED"})


def _path(kind: Kind, identifier: str) -> str:
    return f"{kind.value}{path_of(identifier)}"


def _payment(found: _Found, order: JsonObject | None = None) -> Payment:
    """The payment; with what its order tells of it, if it is at hand."""
    identifier = text(found.data, "id") or ""
    match found.kind:
        case Kind.ORDER:
            return orders.payment_from_order(found.data)
        case Kind.CAPTURE:
            captured = tuple(each for each in order_parts.captured_of(order or {}) if each.id == identifier)
            return orders.payment_from_capture(found.data, captured=captured)
        case Kind.AUTHORIZATION:
            captured = order_parts.captured_under(order or {}, identifier)
            payment = orders.payment_from_authorization(found.data, captured=captured)
            under_way = order_parts.is_pending_under(order or {}, identifier)
            return attrs.evolve(payment, status=PaymentStatus.PENDING) if under_way else payment
        case Kind.SALE:
            return orders.payment_from_sale(found.data)


def _with_id(data: JsonObject) -> JsonObject:
    path_of(identity(data, "id", "answer"))
    return data


def _checked_order(data: JsonObject) -> JsonObject:
    path_of(identity(data, "id", "order"))
    return data


def _is_whole(order: JsonObject) -> bool:
    try:
        orders.payment_from_order(order)
    except InvalidResponse:
        return False
    return True


def _has_moved(order: JsonObject) -> bool:
    parts = order_parts.parts_of(order)
    return bool(parts.captures or parts.authorizations)


def _only_live(order: JsonObject) -> JsonObject:
    """The authorization that reserves the money of an order: after a renewal, the new one.

    Raises:
        Conflict: there are several, and nobody said which is meant.
    """
    live = order_parts.live_of(order_parts.parts_of(order).authorizations)
    if len(live) != 1:
        message = f"the order has {len(live)} authorizations that reserve money: capture each by its own id"
        raise Conflict(message)
    return live[0]


def _settled(order: JsonObject) -> Payment:
    """The order's payment.

    Raises:
        ActionRequired: the payer has to act first.
        Declined: it was declined.
    """
    payment = orders.payment_from_order(order)
    if payment.status is PaymentStatus.REQUIRES_ACTION:
        message = "the payer has to act: bring them back and complete the payment there"
        raise ActionRequired(message, url=_page(order), payment_id=payment.id)
    if payment.status is PaymentStatus.FAILED:
        message = "the payment was declined"
        raise Declined(message, payment_id=payment.id, code=payment.raw_status)
    return payment


def _page(order: JsonObject) -> str | None:
    """Where the payer of the order has to go."""
    return web_address(approval_url(order, "payer-action", "approve"))


def _for_the_payer(error: PaymentError, order: JsonObject) -> PaymentError:
    """The refusal, with the payment it is about, and with the page where the buyer can choose another way to pay."""
    order_id = text(order, "id")
    if isinstance(error, Declined | ActionRequired):
        error.payment_id = error.payment_id or order_id
    if isinstance(error, ActionRequired):
        error.url = error.url or _page(order)
    return error


def _check_refund(found: _Found, amount: Money | None) -> None:
    """Refuse what no repetition of an earlier refund can be. What is left is for PayPal to say, who knows the key."""
    payment = _payment(found)
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


_PARTLY_IN = frozenset({PaymentStatus.UNKNOWN, PaymentStatus.PROCESSING})
"""Statuses of which PayPal may have taken money: some units of an order, and not others; a sale that it holds."""


def _is_held(found: _Found) -> bool:
    return found.kind is Kind.SALE and _payment(found).status is PaymentStatus.PROCESSING
