"""Saved payment methods: the tokens of PayPal's vault."""

import attrs

from ...errors import InvalidRequest, NotFound
from ...jsonlike import JsonObject, child, text
from ...models import PaymentMethod
from ..api import Request
from . import wire
from .api import LISTED, PayPalAPI, path_of

__all__ = ["Vault"]

_TOKENS = "/v3/vault/payment-tokens"


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
