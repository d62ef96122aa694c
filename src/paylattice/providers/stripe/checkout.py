"""Pages at Stripe: Checkout for subscriptions and payments, and the customer's own billing portal."""

from collections.abc import Mapping
from datetime import datetime

from ...arguments import web_address
from ...errors import InvalidRequest, InvalidResponse
from ...jsonlike import JsonObject, text
from ...models import CheckoutSession, CheckoutStatus
from ...money import Money
from .api import StripeAPI, path_of
from .lookups import Lookups
from .requests import checkout_request, metadata_of, payment_session_request
from .wire import checkout_session_from

__all__ = ["Checkout"]

_SESSIONS = "/v1/checkout/sessions"
TRIAL_END = "subscription_data[trial_end]"


class Checkout:
    """Checkout at Stripe.

    Args:
        api: where the sessions are.
        lookups: for the prices that are sold.
    """

    def __init__(self, api: StripeAPI, lookups: Lookups) -> None:
        self._api = api
        self._lookups = lookups

    async def subscribe(
        self,
        customer_id: str,
        plan_id: str,
        success_url: str,
        cancel_url: str,
        metadata: Mapping[str, str] | None,
        quantity: int,
        trial_days: int | None,
        start_at: datetime | None,
        key: str | None,
    ) -> CheckoutSession:
        """A page for a subscription.

        Raises:
            InvalidRequest: it is to start within two days, which Stripe's page cannot.
        """
        metadata_of(metadata)
        params = checkout_request(
            customer_id,
            plan_id,
            await self._lookups.price(plan_id),
            success_url,
            cancel_url,
            metadata=metadata,
            quantity=quantity,
            trial_days=trial_days,
            start_at=start_at,
        )
        try:
            return await self._api.write(_SESSIONS, params, key, checkout_session_from)
        except InvalidRequest as error:
            if start_at is None or error.param != TRIAL_END:
                raise
            why = error.message
        message = (
            f"Stripe's page takes a start that is two days away, or more ({why}). For an earlier one, save a payment method "
            "with create_setup_session, and use create_subscription(start_at=...)"
        )
        raise InvalidRequest(message, param="start_at")

    async def pay(
        self,
        amount: Money,
        success_url: str,
        cancel_url: str,
        customer_id: str | None,
        description: str | None,
        metadata: Mapping[str, str] | None,
        capture: bool,
        key: str | None,
    ) -> CheckoutSession:
        """A page for a one-off payment."""
        params = payment_session_request(
            amount,
            success_url,
            cancel_url,
            customer_id=customer_id,
            description=description,
            metadata=metadata,
            capture=capture,
        )
        return await self._api.write(_SESSIONS, params, key, checkout_session_from)

    async def find(self, session_id: str) -> CheckoutSession | None:
        """Return the session of either kind, or None if it does not exist."""
        path = path_of("checkout/sessions", session_id)
        found = await self._api.find(path)
        if found is not None and text(found, "mode") == "setup":  # the intent alone names what was saved
            found = await self._api.find(path, {"expand": ["setup_intent"]})
        return None if found is None else checkout_session_from(found)

    async def expire(self, session_id: str, key: str | None) -> CheckoutSession:
        """Expire the session. What is not open any more is answered as it is."""
        try:
            path = f"{path_of('checkout/sessions', session_id)}/expire"
            return await self._api.write(path, {}, key, checkout_session_from)
        except InvalidRequest as error:
            failure = error
        found = await self.find(session_id)
        if found is None or found.status is CheckoutStatus.OPEN:
            raise failure
        return found

    async def portal(self, customer_id: str, return_url: str, key: str | None) -> str:
        """The URL of the customer's billing portal.

        Raises:
            ResponseOutcomeUnknown: a session was made, and its answer holds no URL.
        """
        params = {"customer": customer_id, "return_url": return_url}
        answer = await self._api.post("/v1/billing_portal/sessions", params, key)
        try:
            return _portal_url_from(answer.data)
        except InvalidResponse as error:
            why = error.message
        raise answer.incomplete(why)


def _portal_url_from(data: JsonObject) -> str:
    """The address of a billing portal session.

    Raises:
        InvalidResponse: it has none that people could be sent to.
    """
    url = web_address(text(data, "url"))
    if url is None:
        message = "the answer is no billing portal session: it holds no web address"
        raise InvalidResponse(message)
    return url
