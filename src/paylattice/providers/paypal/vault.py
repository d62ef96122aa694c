"""Saved payment methods: the tokens of PayPal's vault, and the setup tokens that they are made of."""

from collections.abc import Mapping

import attrs

from ...errors import ActionRequired, InvalidRequest, InvalidResponse, NotFound
from ...jsonlike import JsonObject, child, identity, text
from ...models import CheckoutSession, CheckoutStatus, PaymentMethod
from ..api import Request
from . import wire
from .api import LISTED, PayPalAPI, path_of

__all__ = ["Vault"]

_TOKENS = "/v3/vault/payment-tokens"
_SETUPS = "/v3/vault/setup-tokens"

SETUP_STATUS: Mapping[str | None, CheckoutStatus] = {
    "CREATED": CheckoutStatus.OPEN,
    "PAYER_ACTION_REQUIRED": CheckoutStatus.OPEN,
    "APPROVED": CheckoutStatus.PENDING,
    "TOKENIZED": CheckoutStatus.COMPLETE,
    "VAULTED": CheckoutStatus.COMPLETE,
}
"""``status`` of a setup token; https://developer.paypal.com/docs/api/payment-tokens/v3/#setup-tokens_get"""


def setup_request(customer_id: str, success_url: str, cancel_url: str) -> dict[str, object]:
    """What asks the payer whether their wallet may be saved, and charged by the merchant later."""
    context = {"return_url": success_url, "cancel_url": cancel_url, "shipping_preference": "NO_SHIPPING"}
    wallet = {"usage_type": "MERCHANT", "experience_context": context}
    return {"customer": {"merchant_customer_id": customer_id}, "payment_source": {"paypal": wallet}}


def setup_session_from(data: JsonObject) -> CheckoutSession:
    """The page of a setup token."""
    raw_status = text(data, "status")
    status = SETUP_STATUS.get(raw_status, CheckoutStatus.UNKNOWN)
    return CheckoutSession(
        id=identity(data, "id", "setup token"),
        url=wire.approval_url(data, "approve") if status is CheckoutStatus.OPEN else None,
        customer_id=text(child(data, "customer"), "merchant_customer_id"),
        status=status,
        raw_status=raw_status,
        provider="paypal",
        raw=data,
    )


class Vault:
    """The operations on saved payment methods.

    Args:
        api: how to ask PayPal.
    """

    def __init__(self, api: PayPalAPI) -> None:
        self._api = api

    async def all_of(self, customer_id: str) -> list[PaymentMethod]:
        """List what is saved for a customer of the vault."""
        params = {"customer_id": customer_id, **LISTED}
        try:
            found = [data async for data in self._api.pages(_TOKENS, "payment_tokens", params)]
        except NotFound:
            return []
        return [attrs.evolve(wire.payment_method_from(data), customer_id=customer_id) for data in found]

    async def token_of(self, customer_id: str, payment_method_id: str) -> JsonObject:
        """Read a token that belongs to the customer, by the vault's id or by the ``merchant_customer_id``.

        Raises:
            InvalidRequest: there is no such token, or it belongs to another customer.
        """
        token = await self._api.get(f"{_TOKENS}{path_of(payment_method_id)}")
        if token is None:
            message = "PayPal has no such saved payment method"
            raise InvalidRequest(message, param="payment_method_id")
        owner = child(token, "customer")
        if customer_id not in {text(owner, "id"), text(owner, "merchant_customer_id")}:
            message = "the saved payment method belongs to another customer of PayPal's vault"
            raise InvalidRequest(message, param="payment_method_id")
        return token

    async def ask(
        self, customer_id: str, success_url: str, cancel_url: str, metadata: Mapping[str, str] | None, key: str
    ) -> CheckoutSession:
        """A setup token that waits for the payer's consent."""
        body = setup_request(customer_id, success_url, cancel_url)

        def read(data: JsonObject) -> CheckoutSession:
            session = setup_session_from(data)
            if session.url is None and session.status is CheckoutStatus.OPEN:
                message = "it holds no link for the payer to approve"
                raise InvalidResponse(message)
            return session

        session = await self._api.create(_SETUPS, body, key, read)
        return attrs.evolve(session, metadata=metadata, customer_id=customer_id)

    async def session(self, session_id: str) -> CheckoutSession | None:
        """The page of a setup token; None if there is none."""
        setup = await self._api.get(f"{_SETUPS}{path_of(session_id)}", named=session_id)
        return None if setup is None else setup_session_from(setup)

    async def save(self, customer_id: str, token: str, key: str) -> PaymentMethod:
        """Make a payment token of a setup token.

        Raises:
            InvalidRequest: there is no such setup token, or it is another customer's.
            ActionRequired: the payer has not agreed.
        """
        setup = await self._api.get(f"{_SETUPS}{path_of(token)}", named=token)
        owner = child(setup or {}, "customer")
        if setup is None or customer_id not in {text(owner, "id"), text(owner, "merchant_customer_id")}:
            message = "PayPal has no such setup token for this customer: a setup session of the customer makes one"
            raise InvalidRequest(message, param="token")
        session = setup_session_from(setup)
        if session.status is CheckoutStatus.OPEN:
            message = "the payer has not agreed to save the payment method"
            raise ActionRequired(message, url=session.url)
        body = {"payment_source": {"token": {"id": token, "type": "SETUP_TOKEN"}}}
        saved = await self._api.create(_TOKENS, body, key, wire.payment_method_from)
        return attrs.evolve(saved, customer_id=customer_id)

    async def remove(self, payment_method_id: str) -> None:
        """Delete a token. Twice is no error."""
        path = f"{_TOKENS}{path_of(payment_method_id)}"

        async def write() -> bool:
            try:
                await self._api.send(Request("DELETE", path))
            except NotFound:
                return True
            return True

        async def read() -> bool | None:
            return True if await self._api.get(path) is None else None

        await self._api.write_then_verify(write, read)
