"""Payments at PayPal: charging a saved payment method, and capturing, authorizing and canceling what a payer agreed to."""

import attrs

from ...arguments import web_address
from ...errors import (
    ActionRequired,
    Conflict,
    Declined,
    InvalidRequest,
    InvalidResponse,
    PaymentError,
    UnsupportedOperation,
)
from ...idempotency import sub_key
from ...jsonlike import JsonObject, identity, text
from ...models import Payment, PaymentStatus
from ...money import Money
from . import order_parts, orders, requests
from .amounts import optional_money_from
from .api import PayPalAPI, path_of
from .declines import declined
from .generations import status_in
from .order_parts import TAKEN
from .payment_lookup import ORDERS, Found, Kind, PaymentLookup
from .vault import Vault
from .wire import approval_url, vaulted_kind

__all__ = ["Payments", "checked_order", "for_the_payer"]

_CAPTURED_WORDS = frozenset({"CAPTURED", "PARTIALLY_CAPTURED"})
_VOIDED_WITH_ITS_ORIGINAL = "CANNOT_BE_VOIDED"
"""What PayPal says of the renewal of an authorization: the original is to be voided."""


class Payments:
    """The operations that move a payment on.

    Args:
        api: how to ask PayPal.
        lookup: finds a payment by its id.
        vault: reads saved payment methods.
    """

    def __init__(self, api: PayPalAPI, lookup: PaymentLookup, vault: Vault) -> None:
        self._api = api
        self._lookup = lookup
        self._vault = vault

    async def create(
        self,
        amount: Money,
        customer_id: str,
        payment_method_id: str,
        capture: bool,
        description: str | None,
        key: str,
    ) -> Payment:
        """Charge a payment method of the vault, by an order on it."""
        token = await self._vault.token_of(customer_id, payment_method_id)
        body = requests.order_request(
            amount,
            capture=capture,
            customer_id=customer_id,
            description=description,
            invoice_id=key,
            source=requests.vaulted_source(vaulted_kind(token) or "", payment_method_id),
        )
        order = await self._api.create(ORDERS, body, key, checked_order)
        if not _has_moved(order) and text(order, "status") in {"APPROVED", "CREATED"}:
            order = await self._complete(order, "capture" if capture else "authorize", key)
        return await self.outcome(order)

    async def _complete(self, order: JsonObject, step: str, key: str) -> JsonObject:
        """Capture or authorize an approved order. What was done before is not done again."""
        order_id = identity(order, "id", "order")

        async def write() -> JsonObject:
            return await self._api.create(f"{Kind.ORDER.path(order_id)}/{step}", {}, sub_key(key, step), checked_order)

        async def read() -> JsonObject | None:
            now = await self._lookup.order(order_id)
            return now if _has_moved(now) else None

        try:
            answer = await self._api.write_then_verify(write, read)
        except (Declined, ActionRequired) as error:
            raise for_the_payer(error, order) from None
        return await self._whole(answer)

    async def outcome(self, order: JsonObject) -> Payment:
        """The payment of an order that a write was answered with."""
        return _outcome_of(await self._whole(order))

    async def _whole(self, order: JsonObject) -> JsonObject:
        """The order that a write was answered with, read again where PayPal left out what it had no news of."""
        if _is_whole(order):
            return order
        order_id = identity(order, "id", "order")

        async def read() -> JsonObject:
            found = await self._lookup.order(order_id)
            orders.payment_from_order(found)  # cannot be read, but the write was done
            return found

        return await self._api.read_after_write(read)

    async def authorize(self, order_id: str, key: str) -> Payment:
        """Authorize the payment of an order that the buyer has approved."""
        order = await self._lookup.order(order_id)
        if text(order, "intent") != "AUTHORIZE":
            message = (
                "the order is to be captured, not authorized: see capture_payment, or create it with capture=False"
            )
            raise InvalidRequest(message, param="order_id")
        if not _has_moved(order):
            order = await self._complete(order, "authorize", key)
        return _outcome_of(order)

    async def capture(self, payment_id: str, amount: Money | None, key: str) -> Payment:
        """Take the money: of an order that the buyer approved, or of an authorization, or what parts of it have left."""
        found = await self._found(payment_id)
        payment = found.payment()
        if payment.status in TAKEN:
            if amount is not None and payment.amount_captured not in {None, amount} and amount != found.taken_last:
                message = f"the payment was captured already, with another amount: {payment.amount_captured}"
                raise Conflict(message)
            return payment
        left = _left(payment, amount)
        if payment.status in {PaymentStatus.CANCELED, PaymentStatus.FAILED}:
            message = f"the payment is {payment.status} and cannot be captured"
            raise Conflict(message)
        if found.kind is Kind.AUTHORIZATION:
            capture = await self._capture_authorization(found.data, left, key)
            after = await self._api.read_after_write(lambda: self._lookup.again(payment_id))
            took = optional_money_from(capture, "amount") or amount
            before = payment.amount_captured
            return attrs.evolve(
                after, amount_captured=before + took if before is not None and took is not None else took
            )
        if found.kind is not Kind.ORDER:
            message = f"the payment is {payment.status}: PayPal captures it by itself"
            raise Conflict(message)
        order = found.data
        if payment.status is not PaymentStatus.AUTHORIZED and order_parts.parts_of(order).captures:
            return payment  # it is on its way, and PayPal still has to say whether it arrived
        if text(order, "intent") == "AUTHORIZE":
            if not _has_moved(order):
                order = await self._complete(order, "authorize", key)
            if _outcome_of(order).status is PaymentStatus.AUTHORIZED:
                await self._capture_authorization(_newest(order), left, key)
                order = await self._whole({"id": payment_id})
        else:
            if amount not in {None, payment.amount}:
                message = "an order is captured whole. Create it with capture=False to capture less than was approved"
                raise InvalidRequest(message, param="amount")
            order = await self._complete(order, "capture", key)
        return _outcome_of(order)

    async def capture_part(self, payment_id: str, amount: Money, key: str) -> Payment:
        """Take a part of what is authorized; the rest stays reserved."""
        found = await self._lookup.with_order(await self._lookup.required(payment_id))
        payment = found.payment()
        authorization = found.data if found.kind is Kind.AUTHORIZATION else None
        if authorization is None and payment.status is PaymentStatus.AUTHORIZED:
            authorization = _newest(found.data)
        mark = sub_key(key, payment_id)
        earlier = _part_of(found.order, mark)
        if earlier is not None:  # by an earlier attempt, perhaps before PayPal forgot its key
            _check_capture(earlier, payment_id)
            return payment
        if payment.status is not PaymentStatus.AUTHORIZED or authorization is None:
            message = f"the payment is {payment.status}: parts are captured of what is authorized"
            raise Conflict(message)
        _left(payment, amount)
        part = requests.marked_invoice(text(authorization, "invoice_id"), mark)
        await self._capture_authorization(authorization, amount, key, part=part, order_id=found.order_id)
        return await self._api.read_after_write(lambda: self._after(payment_id))

    async def reauthorize(self, payment_id: str, amount: Money | None, key: str) -> Payment:
        """Reserve the money anew: by another authorization, which PayPal makes of the original one."""
        found = await self._lookup.with_order(await self._lookup.required(payment_id))
        payment = found.payment()
        if payment.status is not PaymentStatus.AUTHORIZED:
            message = f"the payment is {payment.status}: only what is authorized can be authorized anew"
            raise Conflict(message)
        known = order_parts.reserving(found.order or {})
        original = found.data if found.kind is Kind.AUTHORIZATION else known[0]
        path = Kind.AUTHORIZATION.path(identity(original, "id", "authorization"))

        async def write() -> JsonObject:
            body = requests.reauthorization_request(amount)
            return await self._api.create(f"{path}/reauthorize", body, key, _with_id)

        async def read() -> JsonObject | None:
            if found.order_id is None:
                return None
            newest = order_parts.reserving(await self._lookup.order(found.order_id))[-1:]
            return newest[0] if newest and text(newest[0], "id") not in {text(each, "id") for each in known} else None

        made = await self._api.write_then_verify(write, read)
        if status_in(order_parts.AUTHORIZATION_STATUS, made, PaymentStatus.UNKNOWN) is PaymentStatus.FAILED:
            message = "the payment was declined when it was authorized anew"
            raise declined(message, (made,), text(made, "status"), payment_id)
        anew = payment_id if found.kind is Kind.ORDER else identity(made, "id", "authorization")
        return await self._api.read_after_write(lambda: self._after(anew))

    async def _found(self, payment_id: str) -> Found:
        """The payment; with its order, if that alone tells whether a part of it is still reserved."""
        found = await self._lookup.required(payment_id)
        partly = found.kind is Kind.AUTHORIZATION and order_parts.is_partly_captured(found.data)
        return await self._lookup.with_order(found) if partly else found

    async def _after(self, payment_id: str) -> Payment:
        return (await self._lookup.with_order(await self._lookup.required(payment_id))).payment()

    async def _capture_authorization(
        self,
        authorization: JsonObject,
        amount: Money | None,
        key: str,
        *,
        part: str | None = None,
        order_id: str | None = None,
    ) -> JsonObject:
        """The capture; or the authorization, where an earlier attempt captured it and only that can be found out.

        Args:
            authorization: what is captured.
            amount: None: all that is left of it.
            key: PayPal's.
            part: the invoice id of a part, by which it is found; None: it is the last one, and the rest is released.
            order_id: of the order that the part is looked for in.
        """
        path = Kind.AUTHORIZATION.path(identity(authorization, "id", "authorization"))
        before = text(authorization, "status")

        async def write() -> JsonObject:
            return await self._api.create(f"{path}/capture", requests.capture_request(amount, part), key, _with_id)

        async def read() -> JsonObject | None:
            if part is not None:
                return _part_of(await self._lookup.order(order_id), part) if order_id is not None else None
            now = await self._api.get(path)
            word = text(now, "status") if now is not None else None
            return now if word in _CAPTURED_WORDS and word != before else None

        answer = await self._api.write_then_verify(write, read)
        _check_capture(answer)
        return {} if text(answer, "status") in _CAPTURED_WORDS else answer

    async def cancel(self, payment_id: str, key: str) -> Payment:
        """Void an authorization, or what parts of it have left."""
        found = await self._found(payment_id)
        payment = found.payment()
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
            authorizations = order_parts.reserving(found.data) or parts.authorizations[-1:]
        elif found.kind is not Kind.AUTHORIZATION:
            message = f"a payment that is {payment.status} cannot be canceled"
            raise Conflict(message)
        for place, authorization in enumerate(authorizations):
            identifier = identity(authorization, "id", "authorization")
            try:
                await self._void(identifier, sub_key(key, identifier) if place else key)
            except Conflict as error:
                if not place or error.code != _VOIDED_WITH_ITS_ORIGINAL:
                    raise
        return await self._api.read_after_write(lambda: self._lookup.again(payment_id))

    async def _void(self, authorization_id: str, key: str) -> None:
        path = Kind.AUTHORIZATION.path(authorization_id)

        async def write() -> bool:
            await self._api.create(f"{path}/void", {}, key, bool)
            return True

        async def read() -> bool | None:
            now = await self._api.get(path)
            return True if now is not None and text(now, "status") == "VOIDED" else None

        await self._api.write_then_verify(write, read)


def _left(payment: Payment, amount: Money | None) -> Money | None:
    """How much to capture. Without an amount, PayPal captures all that was authorized, also after a part was taken.

    Raises:
        InvalidRequest: so much is not left.
    """
    taken = payment.amount_captured if payment.status is PaymentStatus.AUTHORIZED else None
    left = payment.amount - taken if taken is not None else payment.amount
    if amount is not None and (amount.currency != left.currency or amount > left):
        message = f"at most the {left} of the payment can be captured"
        raise InvalidRequest(message, param="amount")
    return amount or (left if left != payment.amount else None)


def _part_of(order: JsonObject | None, mark: str) -> JsonObject | None:
    """The part of an order's authorization that was captured under a mark, which is the end of its invoice id."""
    captures = order_parts.parts_of(order or {}).captures
    return next((each for each in captures if (text(each, "invoice_id") or "").endswith(mark)), None)


def _check_capture(capture: JsonObject, payment_id: str | None = None) -> None:
    """Raise ``Declined`` for a capture that took no money, and never will."""
    if status_in(order_parts.CAPTURE_STATUS, capture, PaymentStatus.UNKNOWN) is PaymentStatus.FAILED:
        message = "the payment was declined when it was captured"
        raise declined(message, (capture,), text(capture, "status"), payment_id)


def _with_id(data: JsonObject) -> JsonObject:
    path_of(identity(data, "id", "answer"))
    return data


def checked_order(data: JsonObject) -> JsonObject:
    """The order, whose id can go into a path."""
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


def _newest(order: JsonObject) -> JsonObject:
    """The authorization that reserves the money of an order. Of an authorization and its renewals, it is the newest one.

    https://developer.paypal.com/docs/checkout/advanced/authorization-honor.

    Raises:
        Conflict: none does; or the order was saved, which allows several, and the call does not say which.
    """
    reserving = order_parts.reserving(order)
    if reserving and (len(reserving) == 1 or text(order, "processing_instruction") != "ORDER_SAVED_EXPLICITLY"):
        return reserving[-1]
    message = f"the order has {len(reserving)} authorizations that reserve money: capture each by its own id"
    raise Conflict(message)


def _outcome_of(order: JsonObject) -> Payment:
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
        parts = order_parts.parts_of(order)
        raise declined(
            "the payment was declined", (*parts.authorizations, *parts.captures), payment.raw_status, payment.id
        )
    return payment


def _page(order: JsonObject) -> str | None:
    """Where the payer of the order has to go."""
    return web_address(approval_url(order, "payer-action", "approve"))


def for_the_payer(error: PaymentError, order: JsonObject) -> PaymentError:
    """The error, with the payment it is about, and with the page where the buyer can choose another way to pay."""
    order_id = text(order, "id")
    if isinstance(error, Declined | ActionRequired):
        error.payment_id = error.payment_id or order_id
    if isinstance(error, ActionRequired):
        error.url = error.url or _page(order)
    return error
