"""The operations, in the order of the protocol."""

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import ClassVar

from paylattice import (
    BaseProvider,
    Capability,
    CheckoutSession,
    Customer,
    Subscription,
    UnsupportedReason,
    WebhookEvent,
)
from paylattice.config import ProviderConfig
from paylattice.errors import InvalidRequest, NotFound
from paylattice.provider import Headers
from paylattice.providers.api import Request, path_of
from paylattice.signatures import SigningKey, secret_from
from paylattice.transport import Transport

from . import wire
from .api import AcmeAPI
from .config import AcmeConfig
from .webhooks import SIGNATURE, event_from


class AcmeProvider(BaseProvider):
    """Acme.

    Args:
        config: Acme's settings; None: from the environment.
        transport: how to reach Acme; None: one of its own.
        clock: the time: seconds since 1970, or an aware datetime.
    """

    name: ClassVar[str] = "acme"
    contract_version: ClassVar[int] = 2
    config_class: ClassVar[type[ProviderConfig]] = AcmeConfig
    capabilities = frozenset(
        {Capability.CUSTOMERS, Capability.CHECKOUT, Capability.SUBSCRIPTIONS, Capability.CANCEL_NOW}
    )
    unsupported: Mapping[Capability, UnsupportedReason] = {
        Capability.CANCEL_AT_PERIOD_END: UnsupportedReason(
            "Acme ends subscriptions at once.", "Keep the date, and cancel on the last day of the period."
        ),
        Capability.PAUSE: UnsupportedReason("Acme knows no pause.", "Cancel, and subscribe again later."),
    }

    def __init__(
        self,
        config: AcmeConfig | None = None,
        *,
        transport: Transport | None = None,
        clock: Callable[[], float | datetime] = time.time,
    ) -> None:
        settings = AcmeConfig.from_env() if config is None else config
        super().__init__(settings, transport=transport, clock=clock)
        self._settings = settings
        self._signing_keys = [SigningKey(secret) for secret in settings.webhook_secret]
        self._api = AcmeAPI(settings, lambda: self.transport)

    # Customers

    async def create_customer(
        self,
        email: str | None = None,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        *,
        phone: str | None = None,
        idempotency_key: str | None = None,
    ) -> Customer:
        """Create a customer."""
        body = wire.customer_request(email, name, metadata)
        return await self._api.send(
            Request("POST", "/customers", json=body, idempotency_key=idempotency_key), wire.customer_from
        )

    async def get_customer(self, customer_id: str) -> Customer | None:
        """Return the customer, or None if it does not exist or was deleted."""
        return await self._api.find(path_of("customers", customer_id), wire.customer_from)

    async def update_customer(
        self,
        customer_id: str,
        *,
        email: str | None = None,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        phone: str | None = None,
        idempotency_key: str | None = None,
    ) -> Customer:
        """Change the given fields; Acme merges the tags."""
        body = wire.customer_request(email, name, metadata)
        path = path_of("customers", customer_id)
        return await self._api.send(
            Request("PATCH", path, json=body, idempotency_key=idempotency_key), wire.customer_from
        )

    async def delete_customer(self, customer_id: str, *, idempotency_key: str | None = None) -> None:
        """Delete the customer; one that is gone already is no error."""
        try:
            await self._api.send(Request("DELETE", path_of("customers", customer_id), idempotency_key=idempotency_key))
        except NotFound:
            return

    # Checkout

    async def create_checkout_session(
        self,
        customer_id: str,
        plan_id: str,
        success_url: str,
        cancel_url: str,
        metadata: Mapping[str, str] | None = None,
        *,
        quantity: int = 1,
        trial_days: int | None = None,
        start_at: datetime | None = None,
        customer_email: str | None = None,
        idempotency_key: str | None = None,
    ) -> CheckoutSession:
        """A page where the customer subscribes.

        Raises:
            InvalidRequest: ``start_at`` was given: Acme charges at once, or after a trial.
        """
        if start_at is not None:
            message = "Acme charges at once, or after a trial: use trial_days"
            raise InvalidRequest(message, param="start_at")
        body = {
            "customer": customer_id,
            "plan": plan_id,
            "units": quantity,
            "trial_days": trial_days,
            "return_url": success_url,
            "cancel_url": cancel_url,
            "tags": dict(metadata or {}),
        }
        return await self._api.send(
            Request("POST", "/checkouts", json=body, idempotency_key=idempotency_key), wire.checkout_from
        )

    async def get_checkout_session(self, session_id: str) -> CheckoutSession | None:
        """Return the checkout, or None if it does not exist."""
        return await self._api.find(path_of("checkouts", session_id), wire.checkout_from)

    # Subscriptions

    async def get_subscription(self, subscription_id: str) -> Subscription | None:
        """Return the subscription as it is now, or None if it does not exist."""
        return await self._api.find(path_of("subscriptions", subscription_id), wire.subscription_from)

    async def cancel_subscription(
        self,
        subscription_id: str,
        *,
        at_period_end: bool = False,
        reason: str | None = None,
        final_invoice: bool = False,
        idempotency_key: str | None = None,
    ) -> Subscription:
        """End the subscription now. Only that way is declared; the other is refused before this is called."""
        path = path_of("subscriptions", subscription_id, "end")
        request = Request("POST", path, json={"reason": reason}, idempotency_key=idempotency_key)
        return await self._api.send(request, wire.subscription_from)

    # Webhooks

    def verify_webhook_signature(self, payload: bytes, signature: str | Headers, secret: str) -> Mapping[str, object]:
        """Verify a delivery against one secret, and return its body."""
        keys = (SigningKey(secret_from(secret, "ACME_WEBHOOK_SECRET")),)
        return SIGNATURE.verified(payload, signature, keys, clock=self._clock, diagnoses=self.diagnoses)

    async def parse_webhook(self, payload: bytes, headers: Headers, *, url: str | None = None) -> WebhookEvent:
        """Verify a delivery with the configured secrets, and return its event."""
        self._settings.require("webhook_secret")
        keys = self._signing_keys
        return event_from(SIGNATURE.verified(payload, headers, keys, clock=self._clock, diagnoses=self.diagnoses))
