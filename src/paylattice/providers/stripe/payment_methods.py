"""Saving payment methods at Stripe, and choosing which of them pays."""

from collections.abc import Mapping

from ...errors import ActionRequired, Conflict, InvalidRequest, NotFound
from ...jsonlike import JsonObject, child, reference, text
from ...models import CheckoutSession, Customer, PaymentMethod
from .api import StripeAPI, path_of
from .requests import Params, metadata_of
from .wire import checkout_session_from, customer_from, payment_method_from

__all__ = ["PaymentMethods"]

_SESSIONS = "/v1/checkout/sessions"


class PaymentMethods:
    """What the customer can be charged with.

    Args:
        api: where they are.
    """

    def __init__(self, api: StripeAPI) -> None:
        self._api = api

    async def page(
        self, customer_id: str, success_url: str, cancel_url: str, metadata: Mapping[str, str] | None, key: str | None
    ) -> CheckoutSession:
        """A Checkout page in setup mode. Without a currency, Stripe wants to know the kinds: cards, with their wallets."""
        params: Params = {
            "mode": "setup",
            "customer": customer_id,
            "success_url": success_url,
            "cancel_url": cancel_url,
            "allowed_payment_method_types": ["card"],
        }
        kept = metadata_of(metadata)
        if kept:
            params |= {"metadata": kept, "setup_intent_data": {"metadata": kept}}
        return await self._api.write(_SESSIONS, params, key, checkout_session_from)

    async def save(self, customer_id: str, token: str, key: str | None) -> PaymentMethod:
        """Attach a payment method: one of the browser's, or that of a SetupIntent or a setup session.

        Raises:
            ActionRequired: the customer has not finished.
            InvalidRequest: the token is none, or it is another customer's.
        """
        try:
            return await self._attached(customer_id, await self._method_of(customer_id, token), key)
        except NotFound:
            pass
        message = "Stripe knows no such token, in this account and mode (test or live)"
        raise InvalidRequest(message, param="token")

    async def _attached(self, customer_id: str, method_id: str, key: str | None) -> PaymentMethod:
        """The payment method, attached to the customer.

        Stripe attaches it by itself where the intent or the session has the customer: then it is answered as it is.
        """
        path = path_of("payment_methods", method_id)
        try:
            return await self._api.write(f"{path}/attach", {"customer": customer_id}, key, payment_method_from)
        except (Conflict, InvalidRequest) as error:
            failure = error
        found = await self._api.find(path)
        if found is None or reference(found, "customer") != customer_id:
            raise failure
        return payment_method_from(found)

    async def choose(self, customer_id: str, payment_method_id: str, key: str | None) -> Customer:
        """Pay the customer's invoices with it."""
        params = {"invoice_settings": {"default_payment_method": payment_method_id}}
        return await self._api.write(path_of("customers", customer_id), params, key, customer_from)

    async def _method_of(self, customer_id: str, token: str) -> str:
        """The payment method that a token stands for.

        Raises:
            ActionRequired: the customer has not finished.
            InvalidRequest: there is none such, or it is another customer's.
        """
        if token.startswith("seti_"):
            intent: JsonObject = await self._api.get(path_of("setup_intents", token))
            url = None
        elif token.startswith("cs_"):
            session = await self._api.get(path_of("checkout/sessions", token), {"expand": ["setup_intent"]})
            intent, url = child(session, "setup_intent"), text(session, "url")
        else:
            return token
        method_id = reference(intent, "payment_method")
        if reference(intent, "customer") not in {None, customer_id}:
            message = "the token belongs to another customer"
            raise InvalidRequest(message, param="token")
        if method_id is None or text(intent, "status") != "succeeded":
            message = "the customer has not finished saving the payment method"
            raise ActionRequired(message, url=url, client_secret=text(intent, "client_secret"))
        return method_id
