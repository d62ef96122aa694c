"""A shop on the embedded provider: a few plans, and customers who subscribe."""

from datetime import UTC, datetime
from typing import Any

from paylattice import (
    CheckoutSession,
    Customer,
    EventType,
    Invoice,
    Money,
    Payment,
    Subscription,
    SubscriptionChange,
    WebhookEvent,
)
from paylattice.driving import run
from paylattice.providers.memory import InMemoryProvider, MemoryConfig

START = datetime(2026, 4, 1, 9, 0, tzinfo=UTC)
"""The beginning of a month of thirty days."""
PLACES = {"success_url": "https://shop.example/thanks", "cancel_url": "https://shop.example/plans"}
CLOCK = 1_790_000_000.0


def usd(amount: int) -> Money:
    return Money(amount, "USD")


class Shop:
    """The provider, and its calls without ``await``."""

    def __init__(self, now: datetime = START, **options: Any) -> None:
        options.setdefault("config", MemoryConfig(webhook_secret="whsec_shop"))
        self.provider = InMemoryProvider(now=now, clock=lambda: CLOCK, **options)
        self.provider.add_plan("pro", usd(3000))
        self.provider.add_plan("team", usd(9000))
        self.provider.add_plan("trial", usd(3000), trial_days=14)
        self.provider.add_plan("yearly", usd(30_000), interval="year")
        self.provider.add_plan("weekly", usd(700), interval="week")
        self.provider.add_plan("daily", usd(100), interval="day")
        self.provider.add_plan("calls", usd(2), metered=True)
        self.provider.add_plan("free", usd(0))
        self.provider.add_plan("euro", Money(3000, "EUR"))

    def customer(self, email: str = "ada@example.com") -> Customer:
        return run(self.provider.create_customer(email))

    def checkout(self, plan_id: str = "pro", customer: Customer | None = None, **options: Any) -> CheckoutSession:
        customer = customer or self.customer()
        return run(self.provider.create_checkout_session(customer.id, plan_id, **PLACES, **options))

    def subscribe(self, plan_id: str = "pro", customer: Customer | None = None, **options: Any) -> Subscription:
        return self.subscribed(self.checkout(plan_id, customer, **options).id)

    def subscribed(self, session_id: str, **options: Any) -> Subscription:
        """The subscription of a page that the customer completes."""
        done = self.provider.complete_checkout(session_id, **options)
        found = run(self.provider.get_subscription(str(done.subscription_id)))
        assert found is not None
        return found

    def payment_page(self, amount: Money | None = None, **options: Any) -> CheckoutSession:
        return run(self.provider.create_payment_session(amount or usd(5000), **PLACES, **options))

    def pay(self, amount: Money | None = None, **options: Any) -> Payment:
        return self.paid(self.payment_page(amount, **options).id)

    def paid(self, session_id: str, **options: Any) -> Payment:
        """The payment of a page that the customer completes, also one that is declined."""
        self.provider.complete_checkout(session_id, **options)
        return list(self.provider._world.store.payments.values())[-1]

    def session(self, session_id: str) -> CheckoutSession:
        found = run(self.provider.get_checkout_session(session_id))
        assert found is not None
        return found

    def now(self, subscription: Subscription) -> Subscription:
        """The subscription as it is now."""
        found = run(self.provider.get_subscription(subscription.id))
        assert found is not None
        return found

    def payment(self, payment_id: str | None) -> Payment:
        found = run(self.provider.get_payment(payment_id or ""))
        assert found is not None
        return found

    def invoices(self, subscription: Subscription) -> list[Invoice]:
        """The subscription's invoices, oldest first."""
        found = run(self.provider.get_invoices(str(subscription.customer_id), 10_000, subscription_id=subscription.id))
        return found[::-1]

    def amounts(self, subscription: Subscription) -> list[int]:
        return [invoice.amount.amount for invoice in self.invoices(subscription)]

    def change(self, subscription: Subscription, **options: Any) -> Subscription:
        change: SubscriptionChange = run(self.provider.change_subscription(subscription.id, **options))
        return change.subscription

    def cancel(self, subscription: Subscription, **options: Any) -> Subscription:
        return run(self.provider.cancel_subscription(subscription.id, **options))

    def pause(self, subscription: Subscription) -> Subscription:
        return run(self.provider.pause_subscription(subscription.id))

    def resume(self, subscription: Subscription) -> Subscription:
        return run(self.provider.resume_subscription(subscription.id))

    def use(self, subscription: Subscription, quantity: int, **options: Any) -> bool:
        return run(self.provider.create_usage_record(subscription.items[0].id, quantity, **options))

    def card(self, customer: Customer) -> str:
        """The customer's saved card."""
        self.provider.complete_checkout(self.checkout("free", customer).id)
        [card] = run(self.provider.get_payment_methods(customer.id))
        return card.id

    def charge(self, customer: Customer, amount: Money | None = None, **options: Any) -> Payment:
        """Charge the customer's card, which is saved if there is none."""
        cards = run(self.provider.get_payment_methods(customer.id))
        card = cards[0].id if cards else self.card(customer)
        return run(
            self.provider.create_payment(
                amount or usd(5000), customer_id=customer.id, payment_method_id=card, **options
            )
        )

    def events(self) -> list[WebhookEvent]:
        return run(self.provider.list_events(datetime(2000, 1, 1, tzinfo=UTC), 10_000))

    def told(self, *types: EventType) -> list[WebhookEvent]:
        """The events of these types, in the order they happened in."""
        return [event for event in self.events() if event.type in types]

    def since(self, mark: int) -> list[str]:
        """The types of the events after so many."""
        return [str(event.type) for event in self.events()[mark:]]
