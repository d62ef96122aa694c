"""What users may rely on. This file is type-checked, never run."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import assert_type

from paylattice import (
    Access,
    BaseProvider,
    BillingCustomer,
    BillingRepository,
    BillingService,
    BillingSubscription,
    Capability,
    ChangePreview,
    CheckoutSession,
    Customer,
    EventContext,
    EventType,
    InMemoryRepository,
    Invoice,
    Money,
    OpenCheckout,
    PaymentProvider,
    PaymentProviderFactory,
    Subscription,
    SubscriptionChange,
    SubscriptionStatus,
    WebhookEvent,
    WebhookOutcome,
    WebhookReply,
    converter,
    create_provider,
    errors,
    operation_key,
    sync,
    testing,
)
from paylattice.billing.memory import InMemoryTransaction
from paylattice.billing.repository import BlockingBillingRepository
from paylattice.providers.memory import InMemoryProvider, MemoryConfig
from paylattice.providers.paypal import PayPalProvider
from paylattice.providers.square import SquareProvider
from paylattice.providers.stripe import StripeConfig, StripeProvider


async def providers() -> None:
    provider = create_provider("stripe", config=StripeConfig(secret_key="sk_test_1", webhook_secret="whsec_1,whsec_2"))
    assert_type(provider, StripeProvider)
    assert_type(await provider.create_billing_portal_session("cus_1", "https://x.test"), str)
    assert_type(create_provider("paypal"), PayPalProvider)
    assert_type(create_provider("square"), SquareProvider)
    assert_type(create_provider("memory"), InMemoryProvider)
    assert_type(create_provider(), BaseProvider)
    assert_type(create_provider("acme"), BaseProvider)
    assert_type(PaymentProviderFactory.create_provider("stripe"), StripeProvider)
    same_protocol: PaymentProvider = provider
    assert_type(await same_protocol.get_customer("cus_1"), Customer | None)
    customer = await provider.create_customer("a@b.co", "Ada", {"team": "one"}, idempotency_key="k")
    assert_type(customer, Customer)
    assert_type(customer.email, str | None)
    session = await provider.create_checkout_session(customer.id, "pro", "https://x.test", "https://y.test", {"a": "b"})
    assert_type(session, CheckoutSession)
    assert_type(await provider.get_subscription("sub_1"), Subscription | None)
    assert_type(await provider.cancel_subscription("sub_1", at_period_end=True), Subscription)
    assert_type(await provider.change_subscription("sub_1", quantity=2), SubscriptionChange)
    assert_type(await provider.preview_change("sub_1", quantity=2), ChangePreview)
    assert_type(await provider.create_usage_record("si_1", 3, datetime.now(UTC)), bool)
    assert_type(await provider.get_invoices(customer.id, 5), list[Invoice])
    assert_type(provider.capabilities, frozenset[Capability])
    assert_type(PaymentProviderFactory.get_available_providers(), list[str])
    PaymentProviderFactory.register_provider("mine", InMemoryProvider)
    async with provider as opened:
        assert_type(opened, StripeProvider)


async def billing() -> None:
    repository: BillingRepository[InMemoryTransaction] = InMemoryRepository()
    clocked = create_provider("stripe", clock=time.time)
    PaymentProviderFactory.create_provider("stripe", clock=lambda: datetime.now(UTC))
    sync.create_provider("stripe", clock=time.time)
    StripeProvider(clock=time.time)
    assert_type(clocked, StripeProvider)
    service = BillingService(InMemoryProvider(MemoryConfig(webhook_secret="w")), repository, require={Capability.PAUSE})
    assert_type(service, BillingService[InMemoryTransaction])
    checkout = await service.start_checkout("o", "p", email="a@b.co", success_url="https://x", cancel_url="https://y")
    assert_type(checkout, OpenCheckout)
    assert_type(checkout.url, str)
    session: CheckoutSession | None = await service.provider("memory").get_checkout_session(checkout.id)
    if session is not None:
        assert_type(session.url, str | None)

    @service.on("subscription.past_due")
    async def remind(event: WebhookEvent, context: EventContext) -> None:
        assert_type(event.type, EventType | str)
        assert_type(context.customer, BillingCustomer | None)

    @service.on(EventType.INVOICE_PAID)
    def book(event: WebhookEvent, context: EventContext[InMemoryTransaction]) -> None:
        assert_type(context.transaction, InMemoryTransaction)
        assert_type(context.previous_status, SubscriptionStatus | None)

    assert_type(await service.subscription("org"), BillingSubscription | None)
    assert_type(await service.access("org"), Access)
    assert_type(await service.handle_webhook("stripe", b"", {"a": "b"}), WebhookOutcome)
    assert_type(await service.respond("stripe", b"", [("a", "b")], url="https://x.test"), WebhookReply)
    assert_type(await service.handle_webhook("stripe", b"", [("a", "b")], url="https://x.test"), WebhookOutcome)
    assert_type((await service.maintain()).needs_a_person, tuple[str, ...])
    several: Sequence[BaseProvider] = [InMemoryProvider(name="eu"), InMemoryProvider(name="us")]
    BillingService(several, repository, select=lambda org_id: "eu" if org_id else "us")


def of_whatever_class(provider: PaymentProvider, repository: BillingRepository[InMemoryTransaction]) -> None:
    service = BillingService(provider, repository)
    assert_type(service.provider("acme"), BaseProvider)
    BillingService([provider, InMemoryProvider()], repository, select=lambda org_id: "memory")
    sync.BillingService([provider, sync.Provider(provider)], sync.InMemoryRepository(), select=lambda org_id: "acme")


def blocking() -> None:
    provider = sync.create_provider("memory")
    assert_type(provider, sync.InMemoryProvider)
    assert_type(provider.wrapped, InMemoryProvider)
    assert_type(provider.advance(days=3), datetime)
    assert_type(provider.create_customer("a@b.co", idempotency_key="k"), Customer)
    assert_type(provider.get_invoices("cus_1", limit=3), list[Invoice])
    repository: BlockingBillingRepository[InMemoryTransaction] = sync.InMemoryRepository()
    with sync.BillingService(provider, repository) as service:
        assert_type(service.subscription("org"), BillingSubscription | None)
        assert_type(service.handle_webhook("memory", b"", {}), WebhookOutcome)
        assert_type(service.respond("memory", b"", {}), WebhookReply)

        @service.on("payment.failed")
        def tell(event: WebhookEvent, context: EventContext) -> None: ...

    stripe = sync.create_provider("stripe", config=StripeConfig(secret_key="sk_test_1"))
    assert_type(stripe, sync.StripeProvider)
    assert_type(stripe.create_billing_portal_session("cus_1", "https://x.test"), str)
    assert_type(stripe.change_subscription("sub_1", quantity=2, payment="first"), SubscriptionChange)
    assert_type(stripe.cancel_subscription("sub_1", void_open_invoices=True), Subscription)
    assert_type(sync.StripeProvider(StripeProvider()).wrapped, StripeProvider)
    assert_type(sync.create_provider("paypal").search_invoices("a@b.co", limit=3), list[Invoice])
    assert_type(sync.create_provider("square").uncancel_subscription("sub_1"), Subscription)
    assert_type(sync.create_provider(), sync.Provider)
    assert_type(sync.run(stripe.wrapped.get_customer("cus_1")), Customer | None)


def values() -> None:
    price = Money(1999, "USD") + Money.from_decimal("0.01", "USD")
    assert_type(price, Money)
    assert_type(price < Money(1, "USD"), bool)
    assert_type(operation_key("charge", "order", 7, attempt=2), str)
    converter().unstructure(price)
    try:
        ...
    except errors.Declined as declined:
        assert_type(declined.reason, errors.DeclineReason)
        assert_type(declined.payment_id, str | None)
    except errors.RateLimited as limited:
        assert_type(limited.retry_after, float | None)
    except errors.WebhookError as refused:
        assert_type(refused.diagnosis, errors.Diagnosis)


def simulators() -> None:
    every: Sequence[testing.Simulator] = (
        InMemoryProvider(),
        testing.StripeStandIn(),
        testing.PayPalStandIn(),
        testing.SquareStandIn(),
    )
    for simulator in every:
        assert_type(simulator.advance(days=1), datetime)
        assert_type(testing.deliver(simulator, "http://127.0.0.1:8000/webhooks"), list[testing.Delivered])
