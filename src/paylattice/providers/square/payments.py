"""Payments and refunds.

Creating and refunding take a key; completing and canceling do not: the payment is read first, and again when the outcome is
not known, and its version token keeps two writers apart.
"""

from collections.abc import Mapping
from datetime import datetime

import attrs

from ...errors import Conflict, InvalidRequest, NotFound, PermissionDenied
from ...idempotency import sub_key
from ...jsonlike import JsonObject, child, children, text
from ...models import DisputeStatus, Payment, PaymentStatus, Refund, RefundStatus
from ...money import Money
from ...transport.answers import failure_from
from ...transport.messages import Request, Response
from . import requests, wire
from .api import SquareAPI, get_page, part, path_of, wire_key, write
from .disputes import DISPUTE_STATUS
from .errors import decline_of
from .times import stamp

__all__ = ["Payments"]

_TAKEN = frozenset({PaymentStatus.SUCCEEDED, PaymentStatus.PARTIALLY_REFUNDED, PaymentStatus.REFUNDED})
_LOST = tuple(state for state, status in DISPUTE_STATUS.items() if state is not None and status is DisputeStatus.LOST)
_DECLINED = 402
_MOST_PAGES = 50
"""Of a hundred payments each, among which one is looked for."""


class _Declined(Exception):
    """A payment was made, and failed."""

    def __init__(self, payment: JsonObject) -> None:
        super().__init__("the payment failed")
        self.payment = payment


def _made_at(refund: Refund) -> float:
    return refund.created_at.timestamp() if refund.created_at is not None else 0.0


class Payments:
    """What can be done with payments.

    Args:
        api: where.
    """

    def __init__(self, api: SquareAPI) -> None:
        self._api = api
        self._reference_key = api.config.reference_key

    async def get(self, payment_id: str) -> Payment | None:
        """The payment as it is after a dispute, too, of which it says nothing itself; None if there is none."""
        payment = await self.find(payment_id)
        if payment is None or payment.status not in _TAKEN:
            return payment
        location_id = text(payment.raw, "location_id")
        params = {"location_id": location_id} if location_id is not None else {}
        for state in _LOST:
            if await self._has_dispute(payment_id, {**params, "states": state}):
                return attrs.evolve(payment, status=PaymentStatus.CHARGED_BACK)
        return payment

    async def _has_dispute(self, payment_id: str, params: Mapping[str, str]) -> bool:
        """Whether one of the disputes is about the payment. A token that may not read disputes knows of none."""

        def ask(cursor: str | None) -> Request:
            return get_page("/v2/disputes", params, cursor)

        def is_about(data: JsonObject) -> bool:
            return (
                text(data, "state") == params["states"]
                and text(child(data, "disputed_payment"), "payment_id") == payment_id
            )

        try:
            return bool(await self._api.listed(ask, "disputes", limit=1, keep=is_about))
        except PermissionDenied:
            return False

    async def find(self, payment_id: str) -> Payment | None:
        """The payment, with all that was given back of it; None if there is none."""
        payment = await self._api.find(path_of("v2", "payments", payment_id), part("payment", self._model))
        if payment is None or payment.status not in _TAKEN or payment.status is PaymentStatus.REFUNDED:
            return payment
        refunds = await self._refunds_of(payment)
        return (
            wire.payment_from(payment.raw, reference_key=self._reference_key, refunds=refunds) if refunds else payment
        )

    async def read(self, payment_id: str) -> Payment | None:
        """The payment as it is, in one request; None if there is none."""
        return await self._api.find(path_of("v2", "payments", payment_id), part("payment", self._model))

    async def _refunds_of(self, payment: Payment) -> list[Refund]:
        """The refunds of a payment, which Square names in it; it takes no more than twenty."""
        ids = payment.raw.get("refund_ids")
        found: list[Refund] = []
        for refund_id in ids if isinstance(ids, list) else ():  # pyright: ignore[reportUnknownVariableType] - whatever came
            if isinstance(refund_id, str) and refund_id:
                refund = await self._api.find(path_of("v2", "refunds", refund_id), part("refund", wire.refund_from))
                found += [refund] if refund is not None and refund.amount.currency == payment.amount.currency else []
        return found

    async def create(
        self,
        amount: Money,
        *,
        customer_id: str | None,
        source_id: str,
        verification_token: str | None,
        capture: bool,
        description: str | None,
        metadata: Mapping[str, str] | None,
        key: str | None,
    ) -> Payment:
        """Charge a card on file, or a token of the browser."""
        body = requests.payment_request(
            amount,
            customer_id=customer_id,
            source_id=source_id,
            verification_token=verification_token,
            location_id=await self.selling(amount),
            capture=capture,
            description=description,
            metadata=metadata,
            reference_key=self._reference_key,
            key=key,
        )

        def made(data: JsonObject) -> Payment:
            payment = self._model(data)
            if decline_of(data) is not None:
                raise _Declined(data)
            return payment

        request = Request("POST", "/v2/payments", json=body, idempotency_key=wire_key(key))
        try:
            return await self._api.send(request, part("payment", made))
        except _Declined as declined:
            payment = declined.payment
        failure = failure_from(Response(_DECLINED), self._api.asked(request), decline_of(payment))
        failure.http_status = 200
        raise failure

    async def selling(self, amount: Money) -> str:
        """The location, if it sells in this currency.

        Raises:
            InvalidRequest: it sells in another one.
        """
        location = await self._api.location()
        if location.currency is not None and location.currency != amount.currency:
            message = f"the Square location {location.id} sells in {location.currency}, not in {amount.currency}"
            raise InvalidRequest(message, param="amount")
        return location.id

    async def capture(self, payment_id: str, amount: Money | None, key: str | None) -> Payment:
        """Take the money of an authorized payment. To take less, its amount is lowered first: the rest is released."""
        try:
            return await self._capture(payment_id, amount, key)
        except Conflict as error:
            if error.http_status is None:
                raise
            return await self._capture(payment_id, amount, key)

    async def _capture(self, payment_id: str, amount: Money | None, key: str | None) -> Payment:
        payment = await self._existing(payment_id)
        wanted = amount or payment.amount
        if payment.status in _TAKEN:
            if payment.amount == wanted:
                return payment
            message = (
                "the payment was captured already, with another amount: give the difference back with refund_payment"
            )
            raise Conflict(message, provider=self._api.name)
        if payment.status is not PaymentStatus.AUTHORIZED:
            message = f"the payment is {payment.status}: only an authorized one can be captured"
            raise Conflict(message, provider=self._api.name)
        if wanted != payment.amount:
            payment = await self._lowered(payment, wanted, key)
        path = path_of("v2", "payments", payment_id, "complete")
        token = text(payment.raw, "version_token")
        body = {"version_token": token} if token else {}

        async def complete() -> Payment:
            return await self._api.send(write("POST", path, body), part("payment", self._model))

        async def look() -> Payment | None:
            found = await self.find(payment_id)
            return found if found is not None and found.status in _TAKEN else None

        return await self._api.write_then_verify(complete, look)

    async def _lowered(self, payment: Payment, amount: Money, key: str | None) -> Payment:
        if amount > payment.amount:
            message = "no more can be captured than was authorized"
            raise InvalidRequest(message, param="amount")
        body = requests.capture_request(amount, text(payment.raw, "version_token"))
        step = sub_key(f"{key}:{text(payment.raw, 'version_token') or ''}", "amount") if key else None
        request = Request("PUT", path_of("v2", "payments", payment.id), json=body, idempotency_key=wire_key(step))
        lowered = await self._api.send(request, part("payment", self._model))
        if lowered.amount != amount:
            message = "Square did not lower the amount of the payment, and nothing was captured"
            raise Conflict(message, provider=self._api.name)
        return lowered

    async def cancel(self, payment_id: str) -> Payment:
        """Give up an authorized payment. Canceling twice is no error."""
        payment = await self._existing(payment_id)
        if payment.status is PaymentStatus.CANCELED:
            return payment
        if payment.status in _TAKEN:
            message = "the payment was captured already: give the money back with refund_payment"
            raise Conflict(message, provider=self._api.name)
        path = path_of("v2", "payments", payment_id, "cancel")

        async def cancel() -> Payment:
            return await self._api.send(write("POST", path), part("payment", self._model))

        async def look() -> Payment | None:
            found = await self.find(payment_id)
            return found if found is not None and found.status is PaymentStatus.CANCELED else None

        return await self._api.write_then_verify(cancel, look)

    async def refund(self, payment_id: str, amount: Money | None, reason: str | None, key: str | None) -> Refund:
        """Refund a payment, in whole or in part, which has to be read: Square wants an amount."""
        wanted = await self._left(payment_id) if amount is None else amount
        body = requests.refund_request(payment_id, wanted, reason, key)
        return await self._api.create("/v2/refunds", body, key, part("refund", wire.refund_from))

    async def _left(self, payment_id: str) -> Money:
        """What is left to be refunded, and is not on its way back; if nothing is, what the last refund took.

        Nothing is left, too, where this very refund was made and its answer got lost. Sent once more under its key, with its
        amount, Square repeats the answer; as a new one Square refuses it.
        """
        payment = await self._existing(payment_id)
        if payment.status not in _TAKEN:
            message = f"the payment is {payment.status}: only a captured one can be refunded"
            raise Conflict(message, provider=self._api.name)
        total = payment.amount_captured or payment.amount
        left = total - payment.refunded if payment.refunded else total
        if left.amount > 0:
            return left
        given = [refund for refund in await self._refunds_of(payment) if refund.status is not RefundStatus.FAILED]
        if not given:
            message = "nothing of the payment is left to be refunded"
            raise Conflict(message, provider=self._api.name)
        return max(reversed(given), key=_made_at).amount  # of several in one instant, the one that Square names last

    async def made_under(self, key: str, since: datetime, until: datetime) -> Payment | None:
        """The payment of that time that was made under the key; None, too, if there are too many to look at."""
        location = await self._api.location()
        params = {
            "begin_time": stamp(since),
            "end_time": stamp(until),
            "location_id": location.id,
            "limit": "100",
            "sort_order": "ASC",
        }
        mark = requests.mark_of(key)
        cursor: str | None = None
        for _ in range(_MOST_PAGES):
            page = await self._api.page(get_page("/v2/payments", params, cursor), "payments")
            for data in children(page, "payments"):
                if _ends_with(data, "note", mark):
                    return self._model(data)
            cursor = text(page, "cursor")
            if not cursor:
                break
        return None

    async def refunded_under(self, key: str, payment_id: str) -> Refund | None:
        """The payment's refund that was made under the key."""
        payment, mark = await self.read(payment_id), requests.mark_of(key)
        refunds = [] if payment is None else await self._refunds_of(payment)
        return next((each for each in refunds if _ends_with(each.raw, "reason", mark)), None)

    async def _existing(self, payment_id: str) -> Payment:
        payment = await self.find(payment_id)
        if payment is None:
            message = "Square has no such payment, in this account and environment (sandbox or production)"
            raise NotFound(message, provider=self._api.name)
        return payment

    def _model(self, data: JsonObject) -> Payment:
        return wire.payment_from(data, reference_key=self._reference_key)


def _ends_with(data: JsonObject, name: str, mark: str) -> bool:
    return (text(data, name) or "").endswith(mark)
