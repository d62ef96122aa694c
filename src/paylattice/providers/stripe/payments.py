"""The operations on payments that have to look before or after they write."""

from collections.abc import Mapping
from datetime import datetime

import attrs

from ...errors import Conflict, InvalidRequest
from ...events import WebhookEvent
from ...jsonlike import JsonObject, child, flag, integer, reference, string_map, text
from ...models import Payment, PaymentStatus, Refund
from ...money import Money
from ...payment_facts import after_dispute
from .amounts import money_of, wire_amount, wire_currency
from .api import StripeAPI, path_of
from .errors import unsuccessful_payment
from .invoice_parts import has_invoice_payments
from .requests import Params, created_since, payment_request, refund_request, tagged
from .wire import KEY_WORD, customer_of, invoice_subscription_id, payment_from, refund_from

__all__ = ["Payments"]

_LISTED = ["data.latest_charge"]
_EXPANDED: Mapping[str, object] = {"expand": ["latest_charge"]}
_WITH_FEE: Mapping[str, object] = {"expand": ["latest_charge.balance_transaction"]}
_MOST_DISPUTES = 10
_CLOCKS_DIFFER_BY = 600
"""Seconds."""


class Payments:
    """Payments at Stripe.

    Args:
        api: where they are.
        api_version: which the API speaks.
        reads_balance: whether the key may read balance transactions, which hold the fees.
    """

    def __init__(self, api: StripeAPI, api_version: str, *, reads_balance: bool) -> None:
        self._api = api
        self._has_invoice_payments = has_invoice_payments(api_version)
        self._expanded = _WITH_FEE if reads_balance else _EXPANDED

    async def find(self, payment_id: str) -> Payment | None:
        """The payment with its charge and fee, its invoice, and the outcome of a dispute; None if it does not exist."""
        found = await self._api.find(path_of("payment_intents", payment_id), self._expanded)
        if found is None:
            return None
        payment = payment_from(found)
        if flag(child(found, "latest_charge"), "disputed") and await self._is_lost(payment_id):
            payment = attrs.evolve(payment, status=PaymentStatus.CHARGED_BACK)
        return payment if payment.customer_id is None else await self.linked(payment)

    async def followed(self, event: WebhookEvent) -> WebhookEvent:
        """The event with the payment that it is about, and the subscription that this payment leads to."""
        payment = event.payment or await self.of_event(event)
        if payment is None:
            return event if event.customer_id is not None else await self._with_customer_of_charge(event)
        payment = await self.linked(payment)
        return attrs.evolve(
            event,
            customer_id=event.customer_id or payment.customer_id,
            subscription_id=event.subscription_id or payment.subscription_id,
            payment=payment,
        )

    async def _with_customer_of_charge(self, event: WebhookEvent) -> WebhookEvent:
        """The event with the customer of the charge that it is about: one of the old kind has no payment of its own."""
        charge_id = reference(child(event.raw, "data", "object"), "charge")
        charge = None if charge_id is None else await self._api.find(path_of("charges", charge_id))
        return event if charge is None else attrs.evolve(event, customer_id=customer_of(charge))

    async def of_event(self, event: WebhookEvent) -> Payment | None:
        """The payment that a refund, a dispute or a warning is of; None if there is none, or it is a charge of the old kind."""
        about = event.refund or event.dispute
        subject = child(event.raw, "data", "object")
        payment_id = about.payment_id if about is not None else reference(subject, "payment_intent")
        if payment_id is None or not payment_id.startswith("pi_"):
            return None
        found = await self._api.find(path_of("payment_intents", payment_id), _EXPANDED)
        return None if found is None else after_dispute(payment_from(found), event.dispute)

    async def linked(self, payment: Payment) -> Payment:
        """The payment with the invoice that it pays, and its subscription, if there are such."""
        invoice = (
            child(payment.raw, "invoice") if payment.invoice_id is not None else await self._invoice_of(payment.id)
        )
        if invoice is None:
            return payment
        return attrs.evolve(
            payment,
            invoice_id=payment.invoice_id or text(invoice, "id"),
            subscription_id=payment.subscription_id or invoice_subscription_id(invoice),
        )

    async def _invoice_of(self, payment_id: str) -> JsonObject | None:
        """The invoice that the payment pays, where the payment itself does not name it."""
        if not self._has_invoice_payments:
            return None
        params: Params = {
            "payment": {"type": "payment_intent", "payment_intent": payment_id},
            "expand": ["data.invoice"],
        }
        for each in await self._api.listed("/v1/invoice_payments", params, limit=1):
            return child(each, "invoice")
        return None

    async def _is_lost(self, payment_id: str) -> bool:
        """Whether a dispute about the payment was lost: the charge only says that there was one."""
        found = await self._api.listed("/v1/disputes", {"payment_intent": payment_id}, limit=_MOST_DISPUTES)
        return any(text(each, "status") == "lost" for each in found)

    async def create(
        self,
        amount: Money,
        *,
        customer_id: str | None,
        payment_method_id: str | None,
        token: str | None,
        capture: bool,
        description: str | None,
        metadata: Mapping[str, str] | None,
        key: str | None,
    ) -> Payment:
        """Charge.

        Raises:
            Declined: the bank said no, in an answer of its own or inside the payment's.
            ActionRequired: the payer has to act.
        """
        params = payment_request(
            amount,
            customer_id=customer_id,
            payment_method_id=payment_method_id,
            token=token,
            capture=capture,
            description=description,
            metadata=metadata,
        )
        answer = await self._api.post("/v1/payment_intents", {**tagged(params, key), **_EXPANDED}, key)
        failure = unsuccessful_payment(answer.data, answer.response, answer.asked)
        if failure is not None:
            raise failure
        return answer.into(payment_from)

    async def capture(self, payment_id: str, amount: Money | None, key: str | None) -> Payment:
        """Take the money.

        Raises:
            InvalidRequest: it is more than was authorized, or of another currency.
        """
        path = path_of("payment_intents", payment_id)
        params: Params = dict(_EXPANDED)
        if amount is not None:
            params["amount_to_capture"] = wire_amount(amount)
            found = await self._api.get(path)
            _same_currency(found, amount)
            _at_most_authorized(found, amount)
        return await self._api.write(f"{path}/capture", params, key, payment_from)

    async def cancel(self, payment_id: str, key: str | None) -> Payment:
        """Give it up. What is canceled already is answered as it is."""
        path = path_of("payment_intents", payment_id)
        try:
            return await self._api.write(f"{path}/cancel", _EXPANDED, key, payment_from)
        except Conflict as error:
            failure = error
        found = await self._api.get(path, _EXPANDED)
        if text(found, "status") != "canceled":
            raise failure
        return payment_from(found)

    async def refund(self, payment_id: str, amount: Money | None, reason: str | None, key: str | None) -> Refund:
        """Give money back.

        Raises:
            InvalidRequest: it is of another currency.
        """
        params = tagged(refund_request(payment_id, amount, reason), key)
        if amount is not None:
            _same_currency(await self._api.get(path_of("payment_intents", payment_id)), amount)
        return await self._api.write("/v1/refunds", params, key, refund_from)

    async def made_under(self, key: str, since: datetime, until: datetime, customer_id: str | None) -> Payment | None:
        """The customer's, or a guest's, payment that was made under the key between two times."""
        created = {**created_since(since), "lte": int(until.timestamp()) + _CLOCKS_DIFFER_BY}
        asked: Params = {"created": created, "expand": _LISTED}
        if customer_id is not None:
            asked["customer"] = customer_id
        async for data in self._api.pages("/v1/payment_intents", asked):
            if string_map(data, "metadata").get(KEY_WORD) == key:
                return payment_from(data)
        return None

    async def refunded_under(self, key: str, payment_id: str) -> Refund | None:
        """The payment's refund that was made under the key."""
        async for data in self._api.pages("/v1/refunds", {"payment_intent": payment_id}):
            if string_map(data, "metadata").get(KEY_WORD) == key:
                return refund_from(data)
        return None


def _same_currency(intent: JsonObject, amount: Money) -> None:
    """Stripe takes a bare number, and would read it in the payment's own currency."""
    currency = text(intent, "currency")
    if currency is not None and currency.lower() != wire_currency(amount):
        message = f"the payment is in {currency.upper()[:3]}, the amount in {amount.currency}"
        raise InvalidRequest(message, param="amount")


def _at_most_authorized(intent: JsonObject, amount: Money) -> None:
    if text(intent, "status") != "requires_capture":
        return  # captured already, perhaps by an earlier attempt with this key: Stripe knows
    authorized = money_of(integer(intent, "amount_capturable") or 0, text(intent, "currency"))
    if authorized is not None and amount > authorized:
        message = f"only {authorized} of the payment can be captured"
        raise InvalidRequest(message, param="amount")
