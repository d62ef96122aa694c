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
from .declines import decline_in
from .order_parts import TAKEN
from .payment_lookup import ORDERS, Kind, PaymentLookup
from .vault import Vault
from .wire import approval_url, vaulted_kind

__all__ = ["Payments"]

_CAPTURED_WORDS = frozenset({"CAPTURED", "PARTIALLY_CAPTURED"})


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
        order = await self._api.create(ORDERS, body, key, _checked_order)
        if not _has_moved(order) and text(order, "status") in {"APPROVED", "CREATED"}:
            order = await self._complete(order, "capture" if capture else "authorize", key)
        return _outcome_of(await self._whole(order))

    async def _complete(self, order: JsonObject, step: str, key: str) -> JsonObject:
        """Capture or authorize an approved order. What was done before is not done again."""
        order_id = identity(order, "id", "order")

        async def write() -> JsonObject:
            return await self._api.create(f"{Kind.ORDER.path(order_id)}/{step}", {}, sub_key(key, step), _checked_order)

        async def read() -> JsonObject | None:
            now = await self._lookup.order(order_id)
            return now if _has_moved(now) else None

        try:
            answer = await self._api.write_then_verify(write, read)
        except (Declined, ActionRequired) as error:
            raise _for_the_payer(error, order) from None
        return await self._whole(answer)

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
        """Take the money: of an order that the buyer approved, or of an authorization."""
        found = await self._lookup.required(payment_id)
        payment = found.payment()
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
            after = await self._api.read_after_write(lambda: self._lookup.again(payment_id))
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
            if _outcome_of(order).status is PaymentStatus.AUTHORIZED:
                await self._capture_authorization(_only_live(order), amount, key)
                order = await self._whole({"id": payment_id})
        else:
            if amount not in {None, payment.amount}:
                message = "an order is captured whole. Create it with capture=False to capture less than was approved"
                raise InvalidRequest(message, param="amount")
            order = await self._complete(order, "capture", key)
        return _outcome_of(order)

    async def _capture_authorization(self, authorization: JsonObject, amount: Money | None, key: str) -> JsonObject:
        """The capture; or the authorization, where an earlier attempt captured it and only that can be found out."""
        path = Kind.AUTHORIZATION.path(identity(authorization, "id", "authorization"))

        async def write() -> JsonObject:
            return await self._api.create(f"{path}/capture", requests.capture_request(amount), key, _with_id)

        async def read() -> JsonObject | None:
            now = await self._api.get(path)
            return now if now is not None and text(now, "status") in _CAPTURED_WORDS else None

        answer = await self._api.write_then_verify(write, read)
        if text(answer, "status") in {"DECLINED", "FAILED"}:
            raise _declined("the payment was declined when it was captured", (answer,), text(answer, "status"))
        return {} if text(answer, "status") in _CAPTURED_WORDS else answer

    async def cancel(self, payment_id: str, key: str) -> Payment:
        """Void an authorization."""
        found = await self._lookup.required(payment_id)
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
            authorizations = order_parts.live_of(parts.authorizations) or parts.authorizations[-1:]
        elif found.kind is not Kind.AUTHORIZATION:
            message = f"a payment that is {payment.status} cannot be canceled"
            raise Conflict(message)
        for place, authorization in enumerate(authorizations):
            identifier = identity(authorization, "id", "authorization")
            await self._void(identifier, sub_key(key, identifier) if place else key)
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
        Conflict: there are several, and the call does not say which.
    """
    live = order_parts.live_of(order_parts.parts_of(order).authorizations)
    if len(live) != 1:
        message = f"the order has {len(live)} authorizations that reserve money: capture each by its own id"
        raise Conflict(message)
    return live[0]


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
        raise _declined(
            "the payment was declined", (*parts.authorizations, *parts.captures), payment.raw_status, payment.id
        )
    return payment


def _declined(
    message: str, payments: tuple[JsonObject, ...], status: str | None, payment_id: str | None = None
) -> Declined:
    """The error for captures or authorizations that were declined, with the processor's code for it, if there is one."""
    decline = decline_in(payments)
    return Declined(
        message,
        reason=decline.reason,
        advice_off_session=decline.advice,
        code=decline.code or status,
        payment_id=payment_id,
    )


def _page(order: JsonObject) -> str | None:
    """Where the payer of the order has to go."""
    return web_address(approval_url(order, "payer-action", "approve"))


def _for_the_payer(error: PaymentError, order: JsonObject) -> PaymentError:
    """The error, with the payment it is about, and with the page where the buyer can choose another way to pay."""
    order_id = text(order, "id")
    if isinstance(error, Declined | ActionRequired):
        error.payment_id = error.payment_id or order_id
    if isinstance(error, ActionRequired):
        error.url = error.url or _page(order)
    return error
