"""Hypothesis-made models, and a small provider, for the tests of the core."""

import string
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

import attrs
from hypothesis import strategies as st

from paylattice import (
    BaseProvider,
    BrowserSettings,
    Capability,
    ChangePreview,
    CheckoutSession,
    CheckoutStatus,
    Customer,
    Dispute,
    DisputeCategory,
    DisputeStatus,
    EventType,
    Invoice,
    InvoiceLine,
    InvoiceReason,
    InvoiceStatus,
    Money,
    Payment,
    PaymentMethod,
    PaymentStatus,
    Plan,
    Refund,
    RefundStatus,
    ScheduledChange,
    Subscription,
    SubscriptionChange,
    SubscriptionItem,
    SubscriptionStatus,
    UnsupportedReason,
    WebhookEvent,
)
from paylattice.config import ProviderConfig, Secret, env
from paylattice.guard import current_operation
from paylattice.money import EXPONENTS
from paylattice.protocol import Headers

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
ids = st.text(string.ascii_letters + string.digits + "_-", min_size=1, max_size=12)
numbers = st.integers(0, 10**9)
moments = st.datetimes(min_value=datetime(1970, 1, 2), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis wants it naive
amounts = st.builds(Money, st.integers(-(10**12), 10**12), st.sampled_from(sorted(EXPONENTS)))
metadata = st.dictionaries(texts, texts, max_size=3)
common = {
    "provider": texts,
    "replayed": st.booleans(),
    "raw": st.dictionaries(texts, st.none() | st.booleans() | numbers | texts | st.lists(texts), max_size=3),
}


def perhaps(strategy: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.none() | strategy


customers = st.builds(Customer, ids, perhaps(texts), perhaps(texts), metadata, perhaps(moments), **common)
payment_methods = st.builds(
    PaymentMethod, ids, texts, *(perhaps(texts) for _ in range(3)), perhaps(numbers), perhaps(numbers), **common
)
plans = st.builds(
    Plan,
    ids,
    perhaps(texts),
    perhaps(amounts),
    perhaps(texts),
    numbers,
    perhaps(numbers),
    st.booleans(),
    st.booleans(),
    perhaps(texts),
    metadata,
    **common,
)
items = st.builds(
    SubscriptionItem, ids, perhaps(ids), perhaps(numbers), st.booleans(), perhaps(moments), perhaps(moments)
)
scheduled = st.builds(ScheduledChange, texts, perhaps(moments), perhaps(ids))
subscriptions = st.builds(
    Subscription,
    ids,
    perhaps(ids),
    st.sampled_from(SubscriptionStatus),
    perhaps(moments),
    perhaps(moments),
    perhaps(ids),
    metadata,
    perhaps(numbers),
    st.lists(items, max_size=2),
    perhaps(moments),
    perhaps(moments),
    perhaps(moments),
    st.booleans(),
    perhaps(moments),
    perhaps(numbers),
    perhaps(texts),
    st.lists(scheduled, max_size=2),
    **common,
)
changes = st.builds(SubscriptionChange, subscriptions, perhaps(texts))
lines = st.builds(
    InvoiceLine,
    amounts,
    perhaps(ids),
    perhaps(numbers),
    st.booleans(),
    perhaps(moments),
    perhaps(moments),
    perhaps(texts),
    **common,
)
invoices = st.builds(
    Invoice,
    ids,
    perhaps(ids),
    amounts,
    st.sampled_from(InvoiceStatus),
    perhaps(moments),
    perhaps(moments),
    perhaps(amounts),
    perhaps(amounts),
    *(perhaps(texts) for _ in range(4)),
    perhaps(moments),
    perhaps(texts),
    st.sampled_from(InvoiceReason),
    perhaps(moments),
    perhaps(moments),
    st.lists(ids, max_size=2),
    st.lists(lines, max_size=2),
    **common,
)
sessions = st.builds(
    CheckoutSession,
    ids,
    perhaps(texts),
    perhaps(ids),
    metadata,
    st.sampled_from(CheckoutStatus),
    perhaps(ids),
    perhaps(ids),
    perhaps(moments),
    perhaps(texts),
    perhaps(ids),
    **common,
)
previews = st.builds(
    ChangePreview,
    ids,
    amounts,
    perhaps(amounts),
    perhaps(moments),
    st.lists(lines, max_size=2),
    st.lists(lines, max_size=2),
    **common,
)
payments = st.builds(
    Payment,
    ids,
    amounts,
    st.sampled_from(PaymentStatus),
    perhaps(ids),
    perhaps(amounts),
    perhaps(amounts),
    perhaps(ids),
    perhaps(texts),
    metadata,
    perhaps(moments),
    perhaps(texts),
    perhaps(ids),
    perhaps(ids),
    **common,
)
refunds = st.builds(
    Refund,
    ids,
    amounts,
    st.sampled_from(RefundStatus),
    perhaps(ids),
    perhaps(texts),
    perhaps(moments),
    perhaps(texts),
    **common,
)
disputes = st.builds(
    Dispute,
    ids,
    perhaps(ids),
    perhaps(amounts),
    perhaps(texts),
    st.sampled_from(DisputeStatus),
    perhaps(moments),
    perhaps(texts),
    perhaps(moments),
    perhaps(texts),
    st.sampled_from(DisputeCategory),
    **common,
)
events = st.builds(
    WebhookEvent,
    ids,
    st.sampled_from(EventType) | texts.map("acme:{}".format),
    moments,
    ids,
    perhaps(ids),
    perhaps(ids),
    customer=perhaps(customers),
    subscription=perhaps(subscriptions),
    invoice=perhaps(invoices),
    payment=perhaps(payments),
    refund=perhaps(refunds),
    dispute=perhaps(disputes),
    payment_method=perhaps(payment_methods),
    checkout_session=perhaps(sessions),
    checkout_reference=perhaps(ids),
    livemode=st.none() | st.booleans(),
    provider_type=perhaps(texts),
    **common,
)

browser_settings = st.builds(
    BrowserSettings, texts, perhaps(texts), texts, perhaps(ids), perhaps(ids), st.none() | st.booleans()
)

MODELS = {
    "Money": amounts,
    "Customer": customers,
    "PaymentMethod": payment_methods,
    "Plan": plans,
    "ScheduledChange": scheduled,
    "SubscriptionItem": items,
    "Subscription": subscriptions,
    "SubscriptionChange": changes,
    "Dispute": disputes,
    "Invoice": invoices,
    "InvoiceLine": lines,
    "ChangePreview": previews,
    "CheckoutSession": sessions,
    "BrowserSettings": browser_settings,
    "Payment": payments,
    "Refund": refunds,
    "WebhookEvent": events,
}
models = st.one_of(*MODELS.values())


@attrs.frozen(kw_only=True)
class AcmeConfig(ProviderConfig):
    provider: ClassVar[str] = "acme"
    key: Secret | None = attrs.field(
        default="sk_acme", converter=Secret.of, metadata=env("ACME_KEY", "call the API", required=True)
    )


class Acme(BaseProvider):
    """A provider that does as it is told: each answer is returned, or raised if it is an exception."""

    name = "acme"
    capabilities = frozenset(Capability) - {Capability.PAUSE}
    unsupported: ClassVar[dict[Capability, UnsupportedReason]] = {
        Capability.PAUSE: UnsupportedReason("Acme knows no pause.", "Cancel, and subscribe again.")
    }
    config_class = AcmeConfig

    def __init__(self, *answers: object, config: AcmeConfig | None = None) -> None:
        super().__init__(config or AcmeConfig())
        self.answers = list(answers)
        self.calls: list[dict[str, Any]] = []

    async def answer(self, **arguments: object) -> Any:
        self.calls.append({"operation": current_operation(), **arguments})
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer

    async def create_customer(
        self,
        email: str | None = None,
        name: str | None = None,
        metadata: Mapping[str, str] | None = None,
        *,
        phone: str | None = None,
        idempotency_key: str | None = None,
    ) -> Customer:
        return await self.answer(email=email, name=name, metadata=metadata, idempotency_key=idempotency_key)

    async def get_customer(self, customer_id: str) -> Customer | None:
        return await self.answer(customer_id=customer_id)

    async def delete_customer(self, customer_id: str, *, idempotency_key: str | None = None) -> None:
        return await self.answer(customer_id=customer_id, idempotency_key=idempotency_key)

    async def get_subscription(self, subscription_id: str) -> Subscription | None:
        return await self.answer(subscription_id=subscription_id)

    async def list_subscriptions(self, customer_id: str) -> list[Subscription]:
        return await self.answer(customer_id=customer_id)

    async def cancel_subscription(
        self,
        subscription_id: str,
        *,
        at_period_end: bool = False,
        reason: str | None = None,
        final_invoice: bool = False,
        idempotency_key: str | None = None,
    ) -> Subscription:
        return await self.answer(subscription_id=subscription_id, at_period_end=at_period_end, key=idempotency_key)

    async def change_subscription(
        self,
        subscription_id: str,
        *,
        plan_id: str | None = None,
        quantity: int | None = None,
        prorate: bool = True,
        when: Any = None,
        payment: Any = "invoice",
        idempotency_key: str | None = None,
    ) -> SubscriptionChange:
        return await self.answer(subscription_id=subscription_id)

    async def pause_subscription(self, subscription_id: str, *, idempotency_key: str | None = None) -> Subscription:
        return await self.answer(subscription_id=subscription_id)

    async def create_usage_record(
        self,
        subscription_item_id: str,
        quantity: int,
        timestamp: datetime | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> bool:
        return await self.answer(quantity=quantity, timestamp=timestamp)

    async def get_invoices(
        self, customer_id: str, limit: int = 10, *, subscription_id: str | None = None
    ) -> list[Invoice]:
        return await self.answer(customer_id=customer_id, limit=limit)

    async def create_payment(
        self,
        amount: Money,
        *,
        customer_id: str | None = None,
        payment_method_id: str | None = None,
        token: str | None = None,
        verification_token: str | None = None,
        capture: bool = True,
        description: str | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Payment:
        return await self.answer(amount=amount, metadata=metadata, idempotency_key=idempotency_key)

    async def list_events(self, since: datetime, limit: int = 100) -> list[WebhookEvent]:
        return await self.answer(since=since)

    async def parse_webhook(self, payload: bytes, headers: Headers, *, url: str | None = None) -> WebhookEvent:
        return await self.answer(payload=payload)

    def verify_webhook_signature(self, payload: bytes, signature: str | Headers, secret: str) -> Mapping[str, object]:
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer  # type: ignore[return-value]  # as told
