"""The operations, in the order of the protocol."""

import time
from collections.abc import Mapping
from typing import ClassVar

from paylattice import Capability, CheckoutSession, Customer, Subscription, UnsupportedReason, WebhookEvent
from paylattice.config import ProviderConfig
from paylattice.errors import Conflict, IdempotencyMismatch, NotFound, PaymentError
from paylattice.jsonlike import JsonObject, child, text
from paylattice.provider import Headers
from paylattice.providers.base import HTTPProvider, Refusal, Request, Response, path_of
from paylattice.signatures import secret_from

from . import wire
from .config import AcmeConfig
from .webhooks import SIGNATURE, event_from

ERRORS: Mapping[str, type[PaymentError]] = {
    "key_reused": IdempotencyMismatch,
    "subscription_ended": Conflict,
}
"""Acme's words for failures, where they say more than the HTTP status."""


class AcmeProvider(HTTPProvider[AcmeConfig]):
    """Acme."""

    name: ClassVar[str] = "acme"
    contract_version: ClassVar[int] = 1
    config_class: ClassVar[type[ProviderConfig] | None] = AcmeConfig
    base_url: ClassVar[str] = "https://api.acme.test/v2"
    request_id_header: ClassVar[str] = "Acme-Request"
    capabilities = frozenset(
        {Capability.CUSTOMERS, Capability.CHECKOUT, Capability.SUBSCRIPTIONS, Capability.CANCEL_NOW}
    )
    unsupported: Mapping[Capability, UnsupportedReason] = {
        Capability.CANCEL_AT_PERIOD_END: UnsupportedReason(
            "Acme ends subscriptions at once.", "Keep the date, and cancel on the last day of the period."
        ),
        Capability.PAUSE: UnsupportedReason("Acme knows no pause.", "Cancel, and subscribe again later."),
    }

    def auth_headers(self) -> Mapping[str, str]:
        """The key, as Acme wants it."""
        key = self.config.api_key
        return {"Authorization": f"Bearer {key.reveal()}"} if key else {}

    def refusal_from(self, body: JsonObject, response: Response) -> Refusal:
        """``{"error": {"code": ..., "text": ..., "field": ...}}``."""
        error = child(body, "error")
        code = text(error, "code")
        return Refusal(kind=ERRORS.get(code or ""), code=code, said=text(error, "text"), param=text(error, "field"))

    # Customers

    async def create_customer(
        self,
        email: str,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> Customer:
        """Create a customer."""
        body = wire.customer_request(email, name, metadata)
        return await self.send(
            Request("POST", "/customers", json=body, idempotency_key=idempotency_key), wire.customer_from
        )

    async def get_customer(self, customer_id: str) -> Customer | None:
        """The customer; None if there is none, or it was deleted."""
        return await self.find(path_of("customers", customer_id), wire.customer_from)

    async def update_customer(
        self,
        customer_id: str,
        *,
        email: str | None = None,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Customer:
        """Change what is given; Acme merges the tags."""
        body = wire.customer_request(email, name, metadata)
        path = path_of("customers", customer_id)
        return await self.send(Request("PATCH", path, json=body, idempotency_key=idempotency_key), wire.customer_from)

    async def delete_customer(self, customer_id: str, *, idempotency_key: str | None = None) -> None:
        """Delete the customer; one that is gone already is no error."""
        try:
            await self.send(Request("DELETE", path_of("customers", customer_id), idempotency_key=idempotency_key))
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
        customer_email: str | None = None,
        idempotency_key: str | None = None,
    ) -> CheckoutSession:
        """A page where the customer subscribes."""
        body = {
            "customer": customer_id,
            "plan": plan_id,
            "units": quantity,
            "trial_days": trial_days,
            "return_url": success_url,
            "cancel_url": cancel_url,
            "tags": dict(metadata or {}),
        }
        return await self.send(
            Request("POST", "/checkouts", json=body, idempotency_key=idempotency_key), wire.checkout_from
        )

    async def get_checkout_session(self, session_id: str) -> CheckoutSession | None:
        """The checkout; None if there is none."""
        return await self.find(path_of("checkouts", session_id), wire.checkout_from)

    # Subscriptions

    async def get_subscription(self, subscription_id: str) -> Subscription | None:
        """The subscription as it is now; None if there is none."""
        return await self.find(path_of("subscriptions", subscription_id), wire.subscription_from)

    async def cancel_subscription(
        self,
        subscription_id: str,
        *,
        at_period_end: bool = False,
        reason: str | None = None,
        idempotency_key: str | None = None,
    ) -> Subscription:
        """End the subscription now. Only that way is declared; the other is refused before this is called."""
        path = path_of("subscriptions", subscription_id, "end")
        request = Request("POST", path, json={"reason": reason}, idempotency_key=idempotency_key)
        return await self.send(request, wire.subscription_from)

    # Webhooks

    def verify_webhook_signature(self, payload: bytes, signature: str | Headers, secret: str) -> Mapping[str, object]:
        """Check a delivery against one secret, and return its body."""
        secrets = (secret_from(secret, "ACME_WEBHOOK_SECRET"),)
        return SIGNATURE.verified(payload, signature, secrets, now=time.time(), diagnoses=self.diagnoses)

    async def parse_webhook(self, payload: bytes, headers: Headers, *, url: str | None = None) -> WebhookEvent:
        """Verify a delivery with the configured secrets, and read it."""
        self.config.require("webhook_secret")
        secrets = self.config.webhook_secret
        return event_from(SIGNATURE.verified(payload, headers, secrets, now=time.time(), diagnoses=self.diagnoses))
