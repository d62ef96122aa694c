"""A provider as somebody writes it who knows the protocol, and nothing else of this library's insides: it inherits nothing."""

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

import attrs

from paylattice import (
    Capability,
    CheckoutSession,
    CheckoutStatus,
    Customer,
    EventType,
    Subscription,
    SubscriptionStatus,
    WebhookEvent,
)
from paylattice.errors import InvalidSignature, NotFound
from paylattice.headers import header

NOW = datetime(2026, 3, 1, tzinfo=UTC)
SECRET = "kiosk-secret"


class Kiosk:
    """Sells subscriptions, out of a dictionary."""

    capabilities = frozenset({Capability.CUSTOMERS, Capability.CHECKOUT, Capability.SUBSCRIPTIONS})
    motto = "open all day"

    def __init__(self, config: object = None, *, transport: object = None) -> None:
        self.made: dict[str, Customer | CheckoutSession | Subscription] = {}
        self.keys: dict[str, str] = {}
        self.closed = False

    def get_provider_name(self) -> str:
        return "kiosk"

    async def create_customer(
        self,
        email: str | None = None,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        *,
        phone: str | None = None,
        idempotency_key: str | None = None,
    ) -> Customer:
        made = Customer(
            self._id("cus", idempotency_key), email=email, name=name, metadata=metadata or {}, provider="kiosk"
        )
        self.made[made.id] = made
        return made

    async def get_customer(self, customer_id: str) -> Customer | None:
        found = self.made.get(customer_id)
        return found if isinstance(found, Customer) else None

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
        known = await self.get_customer(customer_id)
        if known is None:
            raise NotFound("there is no such customer")
        self.made[customer_id] = attrs.evolve(
            known,
            email=email or known.email,
            name=name or known.name,
            metadata={**known.metadata, **(metadata or {})},
        )
        return self.made[customer_id]  # type: ignore[return-value]  # a moment ago

    async def delete_customer(self, customer_id: str, *, idempotency_key: str | None = None) -> None:
        self.made.pop(customer_id, None)

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
        made = CheckoutSession(
            self._id("page", idempotency_key),
            url="https://kiosk.test/page",
            customer_id=customer_id,
            status=CheckoutStatus.OPEN,
            metadata=metadata or {},
            provider="kiosk",
            raw={"plan": plan_id, "quantity": quantity},
        )
        self.made[made.id] = made
        return made

    async def get_checkout_session(self, session_id: str) -> CheckoutSession | None:
        found = self.made.get(session_id)
        return found if isinstance(found, CheckoutSession) else None

    async def get_subscription(self, subscription_id: str) -> Subscription | None:
        found = self.made.get(subscription_id)
        return found if isinstance(found, Subscription) else None

    def verify_webhook_signature(
        self, payload: bytes, signature: str | Mapping[str, str] | Iterable[tuple[str, str]], secret: str
    ) -> Mapping[str, object]:
        given = signature if isinstance(signature, str) else header(signature, "Kiosk-Signature")
        if not hmac.compare_digest((given or "").encode(), signed(payload, secret).encode()):
            raise InvalidSignature("the signature does not match")
        body: Mapping[str, object] = json.loads(payload)
        return body

    async def parse_webhook(
        self, payload: bytes, headers: Mapping[str, str] | Iterable[tuple[str, str]], *, url: str | None = None
    ) -> WebhookEvent:
        body = self.verify_webhook_signature(payload, headers, SECRET)
        subscription = self.made[str(body["subscription"])]
        assert isinstance(subscription, Subscription)
        return WebhookEvent(
            str(body["id"]),
            EventType.SUBSCRIPTION_ACTIVE
            if hasattr(EventType, "SUBSCRIPTION_ACTIVE")
            else EventType.SUBSCRIPTION_CREATED,
            NOW,
            str(body["id"]),
            subscription.customer_id,
            subscription.id,
            subscription=subscription,
            provider="kiosk",
            raw=body,
        )

    async def aclose(self) -> None:
        self.closed = True

    # --- what only this one has ----------------------------------------------------------------------------------

    def buyer_pays(self, session_id: str) -> tuple[bytes, dict[str, str]]:
        """What the buyer does on the page; returns the delivery that follows."""
        session = self.made[session_id]
        assert isinstance(session, CheckoutSession)
        subscription = Subscription(
            self._id("sub", None),
            session.customer_id,
            SubscriptionStatus.ACTIVE,
            NOW,
            NOW + timedelta(days=30),
            str(session.raw["plan"]),
            session.metadata,
            int(str(session.raw["quantity"])),
            provider="kiosk",
        )
        self.made[subscription.id] = subscription
        self.made[session.id] = attrs.evolve(session, status=CheckoutStatus.COMPLETE, subscription_id=subscription.id)
        payload = json.dumps({"id": f"evt_{len(self.made)}", "subscription": subscription.id}).encode()
        return payload, {"Kiosk-Signature": signed(payload, SECRET)}

    def sample_delivery(self) -> tuple[bytes, dict[str, str]]:
        """A delivery about a subscription that is there."""
        self.made["page_0"] = CheckoutSession("page_0", customer_id="cus_0", raw={"plan": "plan_pro", "quantity": 1})
        return self.buyer_pays("page_0")

    def _id(self, kind: str, key: str | None) -> str:
        return self.keys.setdefault(key or f"{kind}{len(self.made)}", f"{kind}_{len(self.made) + 1}")


def signed(payload: bytes, secret: str) -> str:
    return hmac.new(secret.encode(), payload, hashlib.sha256).hexdigest()
